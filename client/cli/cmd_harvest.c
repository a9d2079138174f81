/*
 * smime harvest. Messages go to the agent 64 at a time, and while one
 * batch is judged the next one is sent: the processes of the agent work side
 * by side. Nothing is kept of a message once it is answered for.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "agent/base/fd.h"
#include "agent/base/mem.h"
#include "client/cli/harvest.h"
#include "client/cli/harvest_lane.h"
#include "client/cli/harvest_state.h"
#include "client/cli/progress.h"

#define LIMIT_SHOWN_FAILURES 10
#define LANES                4
#define TRIES_ALONE          3 /* of a message whose batch was lost */
#define GOES_ON                                                                \
    "  next: the same command goes on from here; --again begins anew\n"

static const struct option_row options[] = {{"json", OPTION_FLAG},
                                            {"quiet", OPTION_FLAG},
                                            {"again", OPTION_FLAG},
                                            {NULL, OPTION_FLAG}};

struct harvest {
    struct lane lane[LANES];
    size_t at; /* the lane that is being filled */
    struct harvest_state *state;
    struct progress progress;
    struct tally tally;
    bool as_json;
    long shown; /* failures */
    int exit_code;
};

static volatile sig_atomic_t interrupted;

static void
on_signal(int number)
{
    interrupted = number;
}

static void
harvest_drop(struct harvest *h)
{
    for (size_t i = 0; i < LANES; i++)
        lane_drop(&h->lane[i]);
    harvest_state_drop(&h->state);
}

/* ---- what came back -------------------------------------------------------
 */

static void
line_say(struct harvest *h, const char *what, const char *verb, const char *why)
{
    if (h->shown++ >= LIMIT_SHOWN_FAILURES)
        return;
    progress_clear(&h->progress);
    fputs("smime: ", stderr);
    show_text(stderr, what);
    fprintf(stderr, "%s: ", verb);
    show_text(stderr, why);
    fputs(h->shown == LIMIT_SHOWN_FAILURES
              ? "\nsmime: further ones are only counted\n"
              : "\n",
          stderr);
}

/* Ends the harvest with E. */
static bool
failed_say(struct harvest *h, const struct smime_error *e)
{
    progress_clear(&h->progress);
    h->exit_code = error_say(e);
    if (h->tally.read > 0)
        fputs(GOES_ON, stderr);
    return false;
}

static bool message_queue(struct harvest *h, struct mail_found *m);

static bool
is_error(json_t *one, const char *name)
{
    return strcmp(text_of(one, "error"), name) == 0;
}

static bool
taught_nothing(json_t *one)
{
    const char *result = text_of(one, "result");

    return strcmp(result, "nothing") == 0 || strcmp(result, "failed") == 0;
}

/* A keyring that cannot be written would lose all that follows. A file of a
 * folder that is no mail is nothing to tell; one that was named is. */
static bool
result_take(struct harvest *h, json_t *one, const struct mail_found *m)
{
    const char *why = text_of(one, "reason");
    bool is_failed = strcmp(text_of(one, "result"), "failed") == 0;

    if (is_failed && is_error(one, "ContactsUnwritable")) {
        AUTO(smime_error) struct smime_error error = {.exit_code = 0};

        (void)error_own(&error, "ContactsUnwritable", NULL);
        return failed_say(h, &error);
    }
    tally_add(&h->tally, one);
    harvest_state_add(h->state, m->key);
    if (is_failed && (m->is_named || !is_error(one, "NotMail")))
        line_say(h, text_of(one, "origin"), "", why[0] ? why : "it is damaged");
    h->tally.damaged += is_failed && m->is_named;
    if (h->as_json) {
        fputs(h->tally.read > 1 ? ",\n" : "\n", stdout);
        (void)json_dumpf(one, stdout, JSON_COMPACT | JSON_ENSURE_ASCII);
    }
    return true;
}

/* What its writer may have meant otherwise (mboxo) is tried as it is. */
static bool
retry(struct harvest *h, json_t *one, struct mail_found *m)
{
    struct mail_found again = *m;

    m->as_stored = -1;
    again.fd = again.as_stored;
    again.as_stored = -1;
    again.origin = text_of(one, "origin");
    return message_queue(h, &again);
}

static bool
results_take(struct harvest *h, struct lane *l)
{
    json_t *list = json_object_get(l->reply, "harvested");
    int count = l->call.fd_count;
    bool well = true;

    call_drop(&l->call); /* also marks it as empty, before a retry fills it */
    l->call.parameters = NULL;
    for (int i = 0; i < count; i++) {
        json_t *one = json_array_get(list, (size_t)i);
        struct mail_found *m = &l->mail[i];

        if (well && m->as_stored >= 0 && taught_nothing(one))
            well = retry(h, one, m);
        else if (well)
            well = result_take(h, one, m);
        fd_drop(&m->as_stored);
    }
    return well;
}

/* A message that ends whatever process reads it hinders no other: it is
 * named. ONE holds it alone. */
static bool
poisonous_take(struct harvest *h, struct lane *one)
{
    const char *origin = json_string_value(
        json_array_get(json_object_get(one->call.parameters, "origins"), 0));
    AUTO(json)
    json_t *told = json_pack(
        "{s:s?, s:s, s:n, s:s, s:s}", "origin", origin, "result", "failed",
        "address", "reason",
        "the process that read it ended before it answered; passed over",
        "error", one->error.name);

    if (!lane_await_agent(one))
        return failed_say(h, &one->error);
    h->tally.unreadable++;
    return result_take(h, told, &one->mail[0]);
}

/* Whoever read it may have ended for a reason of his own: only a message that
 * does it each time is to blame. */
static bool
alone_read(struct harvest *h, struct lane *one, int tries)
{
    lane_send(one);
    lane_wait(one);
    if (lane_is_lost(one) && tries > 1) {
        AUTO(lane) struct lane again = lane_split(one, 0);

        return lane_await_agent(one) ? alone_read(h, &again, tries - 1)
                                     : failed_say(h, &one->error);
    }
    if (lane_is_lost(one))
        return poisonous_take(h, one);
    return one->failed != 0 ? failed_say(h, &one->error) : results_take(h, one);
}

/* A batch whose processes ended, by one of its messages or by themselves. */
static bool
each_alone(struct harvest *h, struct lane *l)
{
    int count = l->call.fd_count;

    if (!lane_await_agent(l))
        return failed_say(h, &l->error);
    for (int i = 0; i < count && !interrupted; i++) {
        AUTO(lane) struct lane one = lane_split(l, i);

        if (!alone_read(h, &one, TRIES_ALONE))
            return false;
    }
    return true;
}

/* Waits for the lane's answer, if it is out, and takes it in. */
static bool
lane_settle(struct harvest *h, struct lane *l)
{
    AUTO(lane) struct lane answered = {.client = NULL};

    if (!l->is_out)
        return true;
    lane_wait(l);
    /* A retry may fill this very lane while its answer is read. */
    answered = *l;
    *l = (struct lane){.client = NULL};
    if (lane_is_lost(&answered))
        return each_alone(h, &answered);
    if (answered.failed != 0)
        return failed_say(h, &answered.error);
    l->client = answered.client;
    answered.client = NULL;
    return results_take(h, &answered);
}

/* ---- what goes out --------------------------------------------------------
 */

/* Sends the lane that is being filled and turns to the next one. */
static bool
lane_turn(struct harvest *h)
{
    struct lane *l = &h->lane[h->at];

    if (l->is_out || l->call.fd_count == 0)
        return true;
    lane_send(l);
    h->at = (h->at + 1) % LANES;
    return lane_settle(h, &h->lane[h->at]);
}

static bool
all_settle(struct harvest *h)
{
    bool is_busy = true;

    /* An answer may bring a retry, which has to go out as well. */
    while (is_busy) {
        if (!lane_turn(h))
            return false;
        is_busy = false;
        for (size_t i = 0; i < LANES; i++) {
            is_busy = is_busy || h->lane[i].is_out;
            if (!lane_settle(h, &h->lane[i]))
                return false;
            is_busy = is_busy || h->lane[i].call.fd_count > 0;
        }
    }
    return true;
}

/* M's descriptors are taken. */
static bool
message_queue(struct harvest *h, struct mail_found *m)
{
    struct lane *l = &h->lane[h->at];

    lane_add(l, m);
    return l->call.fd_count < SMIME_LIMIT_FDS || lane_turn(h);
}

/* ---- the walk -------------------------------------------------------------
 */

static void
progress_show(struct harvest *h)
{
    char words[80];

    tally_words(&h->tally, words, sizeof(words));
    progress_draw(&h->progress, words);
}

static bool
message_found(void *context, struct mail_found *m)
{
    struct harvest *h = context;

    if (interrupted) {
        mail_found_drop(m);
        return false;
    }
    h->progress.done += m->bytes;
    progress_show(h);
    return message_queue(h, m);
}

static bool
message_is_done(void *context, uint64_t key, uint64_t bytes)
{
    struct harvest *h = context;

    if (!harvest_state_has(h->state, key))
        return false;
    h->tally.skipped++;
    h->progress.done += bytes;
    progress_show(h);
    return true;
}

static void
fault_found(void *context, const char *path, const char *why, bool is_lost)
{
    struct harvest *h = context;

    if (interrupted)
        return;
    h->tally.unreadable += is_lost;
    line_say(h, path, is_lost ? " cannot be read" : "", why);
}

/* One of those that the person named. False: it is over. */
static bool
operand_harvest(struct harvest *h, const char *path, bool again)
{
    const struct mailbox_visitor v = {.message = message_found,
                                      .is_done = message_is_done,
                                      .fault = fault_found,
                                      .context = h};
    enum mailbox end;

    h->state = harvest_state_open(path, again);
    end = mailbox_visit(path, &v);
    if (h->exit_code != EXIT_DONE || !all_settle(h))
        return false;
    if (end != MAILBOX_STOPPED && !interrupted)
        harvest_state_finish(h->state);
    harvest_state_drop(&h->state);
    return end != MAILBOX_STOPPED && !interrupted;
}

static void
signals_catch(void)
{
    /* Once: whoever presses it again means it. */
    struct sigaction act = {.sa_handler = on_signal,
                            .sa_flags = (int)SA_RESETHAND};

    (void)sigaction(SIGINT, &act, NULL);
    (void)sigaction(SIGTERM, &act, NULL);
}

static int
harvest_end(struct harvest *h)
{
    int e;

    progress_clear(&h->progress);
    if (h->as_json) {
        AUTO(json) json_t *summary = tally_json(&h->tally);

        json_object_set_new(
            summary, "complete",
            json_boolean(h->exit_code == EXIT_DONE && !interrupted));
        fputs("],\"summary\":", stdout);
        e = show_json(stdout, summary);
        puts("}");
    } else {
        tally_say(&h->tally);
    }
    e = output_finish(EXIT_DONE);
    if (interrupted) {
        fputs("smime: interrupted\n" GOES_ON, stderr);
        (void)raise(interrupted);
    }
    if (h->exit_code != EXIT_DONE || e != EXIT_DONE)
        return h->exit_code != EXIT_DONE ? h->exit_code : e;
    return h->tally.unreadable > 0 || h->tally.damaged > 0 ? EXIT_INPUT
                                                           : EXIT_DONE;
}

static int
run(const struct arguments *a)
{
    AUTO(harvest) struct harvest h = {.exit_code = EXIT_DONE};
    int e = call_connect(SMIME_SOCKET_MAIL, &h.lane[0].client);

    if (e != EXIT_DONE)
        return e;
    signals_catch();
    h.as_json = arguments_flag(a, "json");
    progress_init(&h.progress, arguments_flag(a, "quiet"));
    for (size_t i = 0; h.progress.is_shown && i < a->operand_count; i++)
        h.progress.total += mailbox_measure(a->operand[i]);
    if (h.as_json)
        fputs("{\"harvested\":[", stdout);
    for (size_t i = 0; i < a->operand_count; i++)
        if (!operand_harvest(&h, a->operand[i], arguments_flag(a, "again")))
            break;
    return harvest_end(&h);
}

const struct command command_harvest = {
    .name = "harvest",
    .summary = "learn contacts from mail you have: files, mbox, Maildir",
    .usage = "harvest [--json] [--quiet] [--again] "
             "FILE|MBOX|MAILDIR|FOLDER|-...",
    .help = "Reads each message and keeps the certificates of those whose "
            "signature is\ngood and made by the sender. Folders are read with "
            "all below them. Ends with\n0 when all could be read, whatever it "
            "taught; with 9 when something could not,\nor has to be unpacked "
            "first: it is named, and all else is learned.\n"
            "\n"
            "Interrupted, the same command goes on where it was.\n"
            "\n"
            "  --json    what each message taught, and the summary\n"
            "  --quiet   no progress bar\n"
            "  --again   begin anew after an interruption\n",
    .options = options,
    .least_operands = 1,
    .most_operands = -1,
    .run = run,
};
