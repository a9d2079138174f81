/*
 * smime-keyholder: the tokens, their logins, and the audit.
 *
 *   smime-keyholder --config FILE... --audit FILE --vtoken PATH
 *
 * fd 3 is the broker's channel; the process ends with it. With --notes, fd 5 is
 * memory that outlives it, for notes of modules that crash. There is no seccomp
 * filter here: vendors' PKCS#11 modules run in this process and open, map and
 * talk to whatever their cards need. It starts no program itself.
 */
#include <getopt.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/base/harden.h"
#include "agent/base/log.h"
#include "agent/keyholder/keeper.h"
#include "agent/keyholder/keyholder.h"
#include "agent/keyholder/locker.h"

#define CHANNEL_FD    3
#define NOTES_FD      5
#define END_TIMEOUT_S 3
#define TRIAL_MS      3000 /* modules may take to load before others go on */

struct arguments {
    const char *audit;
    const char *vtoken;
    bool notes;
};

static bool
arguments_read(int argc, char **argv, struct config *config,
               struct arguments *out)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'},
        {"audit", required_argument, NULL, 'a'},
        {"vtoken", required_argument, NULL, 'v'},
        {"notes", no_argument, NULL, 'n'},
        {NULL, 0, NULL, 0}};

    for (;;) {
        switch (getopt_long(argc, argv, "", options, NULL)) {
        case 'c':
            config_load(config, optarg);
            break;
        case 'a':
            out->audit = optarg;
            break;
        case 'v':
            out->vtoken = optarg;
            break;
        case 'n':
            out->notes = true;
            break;
        case -1:
            return optind == argc;
        default:
            return false;
        }
    }
}

static void
attached(void *arg, const struct attach *a, int channel)
{
    client_start(arg, a, channel);
}

static void
wait_for_broker(void *arg, int fd)
{
    clients_wait(arg, fd);
}

static void
init_shared(struct keyholder *k)
{
    pthread_condattr_t attr;

    config_init(&k->config);
    kept_init(&k->kept, &k->config.pin);
    consents_init(&k->consents, &k->config.consent);
    oracle_init(&k->oracle);
    failures_init(&k->failures, &k->config.decrypt);
    broker_link_init(&k->broker, CHANNEL_FD);
    crew_init(&k->crew, client_work);
    pthread_mutex_init(&k->mutex, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&k->gone, &attr);
    pthread_cond_init(&k->prompted, &attr);
    pthread_cond_init(&k->wake, &attr);
    pthread_condattr_destroy(&attr);
}

/* ---- a module that crashes ---------------------------------------------- */

static const int crash_signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
static struct sigaction before[ARRAY_COUNT(crash_signals)];

/* Then as if there had been no handler. */
static void
handle_crash(int number)
{
    tokens_note_crash();
    for (size_t i = 0; i < ARRAY_COUNT(crash_signals); i++)
        if (crash_signals[i] == number)
            (void)sigaction(number, &before[i], NULL);
    (void)raise(number);
}

/* A module may also end the process in order: main never comes to exit(). */
static void *
open_notes(void)
{
    const struct sigaction noting = {.sa_handler = handle_crash};
    void *notes;

    if (ftruncate(NOTES_FD, TOKEN_NOTES_BYTES) != 0)
        return NULL;
    notes = mmap(NULL, TOKEN_NOTES_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
                 NOTES_FD, 0);
    if (notes == MAP_FAILED)
        return NULL;
    for (size_t i = 0; i < ARRAY_COUNT(crash_signals); i++)
        (void)sigaction(crash_signals[i], &noting, &before[i]);
    (void)atexit(tokens_note_crash);
    return notes;
}

static void
serve_module(void *arg, const char *name, int fd)
{
    struct keyholder *k = arg;
    struct problem p = {0};

    if (broker_serve(&k->broker, name, fd, &p) != ERR_OK)
        log_error("the module %s gets no process of its own: %s", name,
                  p.detail);
}

/* Nothing else can be loaded beside it; the broker starts this process anew,
 * and then without that module. */
static void
module_stuck(void *arg, const char *name)
{
    (void)arg;
    log_error("the module %s does not come back from being loaded; starting "
              "again without it",
              name);
    _exit(1);
}

/* Nobody may ask the doctor. */
static void
say_left_out(struct token_store *store)
{
    struct token_module_info m;

    for (size_t i = 0; token_store_module_info(store, i, &m); i++)
        if (m.state == TOKEN_MODULE_SKIPPED && m.hang.ms > 0)
            log_error("the module %s is left out: it did not come back from "
                      "being loaded",
                      m.name);
        else if (m.hangs && strcmp(m.hang.call, "dlopen") == 0)
            log_error("the module %s does not come back from being loaded",
                      m.name);
        else if (m.state == TOKEN_MODULE_FAILED && m.rv == 0)
            log_error("the module %s cannot be loaded: %s", m.name, m.why);
}

static bool
open_tokens(struct keyholder *k, const char *vtoken, void *notes)
{
    const char *run = getenv("XDG_RUNTIME_DIR");
    char folder[108];
    struct token_module modules[LIMIT_CONFIG_MODULES];
    struct token_config config = config_for_tokens(&k->config, modules, vtoken);
    enum tokens_err e;

    config.hung = client_hung;
    config.hung_arg = k;
    config.notes = notes;
    config.trial_ms = TRIAL_MS;
    if (notes)
        config.stuck = module_stuck;
    config.serve = serve_module;
    config.serve_arg = k;
    /* Beside the agent's own sockets. */
    if (run && snprintf(folder, sizeof(folder), "%s/smime-agent", run) <
                   (int)sizeof(folder))
        config.folder = folder;
    e = token_store_new(&config, &k->store);

    if (e != TOKENS_OK)
        log_error("no tokens: %s", tokens_err_text(e));
    else
        say_left_out(k->store);
    return e == TOKENS_OK;
}

int
main(int argc, char **argv)
{
    static struct keyholder k;
    struct arguments arguments = {0};
    bool well;

    log_open("keyholder");
    harden_process(true);
    /* A system-wide configuration could load engines and modules here. */
    (void)OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
    init_shared(&k);
    if (!arguments_read(argc, argv, &k.config, &arguments)) {
        log_error("usage: --config FILE... --audit FILE --vtoken PATH");
        _exit(2);
    }
    config_check_keys(&k.config);
    audit_open(&k.audit, arguments.audit, AUDIT_JOURNAL);
    journals_open(&k.journals, arguments.audit);
    remembered_open(&k.remembered, arguments.audit);
    if (!open_tokens(&k, arguments.vtoken,
                     arguments.notes ? open_notes() : NULL) ||
        !keeper_start(&k) || !locker_start(&k) ||
        !channel_send(CHANNEL_FD, MSG_READY, NULL, NULL, 0))
        _exit(1);
    well = broker_link_run(&k.broker, wait_for_broker, attached, &k);
    if (!well)
        log_error("malformed message from the broker");
    kept_forget(&k.kept, NULL);
    consent_forget(&k.consents, NULL);
    /* Tokens are closed by hand: modules crash in exit handlers. */
    if (clients_end(&k, END_TIMEOUT_S))
        token_store_drop(&k.store);
    audit_drop(&k.audit);
    journals_drop(&k.journals);
    remembered_drop(&k.remembered);
    config_drop(&k.config);
    _exit(well ? 0 : 1);
}
