/*
 * A running keyholder on a SoftHSM token, and whole requests to it, for the
 * tests of the keyholder.
 */
#ifndef TESTS_UNIT_KEYHOLDER_SESSION_H
#define TESTS_UNIT_KEYHOLDER_SESSION_H

#include <cmocka.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/kdf.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

#include <signal.h>

#include "tests/unit/keyholder_broker.h"

static const char softhsm[] = "/usr/lib/softhsm/libsofthsm2.so";

/* References, learned once the keys are there. */
static struct buf rsa_ref, ec_ref, deep_ref;

static inline void
write_file(const char *name, const char *text)
{
    FILE *f = fopen(fixture_path(name), "w");

    if (!f || fputs(text, f) < 0 || fclose(f) != 0)
        abort();
}

static inline int
set_up(void **state)
{
    char text[512];

    (void)state;
    signal(SIGPIPE, SIG_IGN);
    fixture_open();
    fixture_run(fixture_script);
    snprintf(text, sizeof(text),
             "directories.tokendir = %s/tokens\nobjectstore.backend = file\n"
             "log.level = ERROR\n",
             fixture_folder);
    write_file("softhsm2.conf", text);
    snprintf(text, sizeof(text),
             "[modules]\nsystem = no\n[module softhsm]\npath = %s\n", softhsm);
    write_file("agent.conf", text);
    setenv("SOFTHSM2_CONF", fixture_path("softhsm2.conf"), 1);
    fixture_run("mkdir tokens\nsofthsm2-util --init-token --free --label "
                "'test token' --so-pin 12345678 --pin 1234\n");
    keyholder_start();
    return 0;
}

static inline int
tear_down(void **state)
{
    (void)state;
    (void)keyholder_stop();
    buf_drop(&rsa_ref);
    buf_drop(&ec_ref);
    buf_drop(&deep_ref);
    fixture_close();
    return 0;
}

/* ---- helpers ----------------------------------------------------------- */

static inline enum err
unlock(const char *pin, uint32_t rights, enum verb verb, struct problem *p,
       uint32_t *flags)
{
    AUTO(session) struct session s;
    struct token_choice choice = {.token = slice_text("test token")};
    struct token_record record;
    AUTO(fd) int fd = line_fd(pin);
    enum err e;

    session_open(&s, rights);
    session_narrow(&s, verb, 0, slice_of(NULL, 0));
    e = session_call_fds(&s, MSG_UNLOCK, &choice, &record, &fd, 1);
    if (p)
        *p = s.problem;
    if (e == ERR_OK && flags)
        *flags = record.flags;
    return e;
}

static inline uint32_t
lock_all(void)
{
    AUTO(session) struct session s;
    struct token_choice choice = {0};
    struct count_reply count = {0};

    session_open(&s, RIGHT_MANAGE);
    session_narrow(&s, VERB_MANAGE, 0, slice_of(NULL, 0));
    assert_int_equal(session_call(&s, MSG_LOCK, &choice, &count), ERR_OK);
    return count.count;
}

struct imported {
    enum err code;
    struct problem problem;
    size_t records;
    uint32_t already, chain;
    char warning[256];
    char label[64];
};

/* INPUT is taken; PASSWORD NULL: none is given. */
static inline struct imported
import_fd(int input, const char *name, const char *password, bool no_mac)
{
    AUTO(session) struct session s;
    struct import_request request = {.file = slice_text(name),
                                     .no_mac = no_mac,
                                     .has_password = password != NULL};
    struct import_reply *reply = mem_new(sizeof(*reply));
    struct import_record record;
    struct imported out = {0};
    int fds[2] = {input, password ? line_fd(password) : -1};

    session_open(&s, RIGHT_MANAGE);
    session_narrow(&s, VERB_MANAGE, 0, slice_of(NULL, 0));
    out.code = session_call_fds(&s, MSG_IMPORT, &request, reply, fds,
                                password ? 2 : 1);
    out.problem = s.problem;
    out.records = reply->records.n;
    out.chain = reply->chain_certificates;
    for (size_t i = 0; out.code == ERR_OK && i < reply->records.n; i++) {
        assert_true(record_decode(RECORD_import_record, reply->records.item[i],
                                  &record));
        out.already += record.already;
        memcpy(out.label, record.label.p, record.label.n);
    }
    if (out.code == ERR_OK && reply->warnings.n > 0)
        memcpy(out.warning, reply->warnings.item[0].p,
               reply->warnings.item[0].n);
    free(reply);
    fd_drop(&fds[0]);
    fd_drop(&fds[1]);
    return out;
}

static inline struct imported
import_file(const char *name, const char *password, bool no_mac)
{
    return import_fd(open(fixture_path(name), O_RDONLY | O_CLOEXEC), name,
                     password, no_mac);
}

/* Finds a key by its label; gives how many keys there are. */
static inline size_t
list_keys(const char *label, struct key_record *out, struct session *s)
{
    struct list_reply *reply = mem_new(sizeof(*reply));
    struct page page = {0};
    struct key_record record;
    size_t n;

    session_open(s, RIGHT_MAIL);
    assert_int_equal(session_call(s, MSG_KEYS, &page, reply), ERR_OK);
    assert_int_equal(reply->next, 0);
    n = reply->records.n;
    for (size_t i = 0; i < n; i++) {
        assert_true(
            record_decode(RECORD_key_record, reply->records.item[i], &record));
        if (label && slice_is(record.label, label))
            *out = record;
    }
    free(reply);
    return n;
}

static inline void
learn_ref(const char *label, struct buf *ref)
{
    AUTO(session) struct session s;
    struct key_record record = {0};

    list_keys(label, &record, &s);
    assert_true(record.ref.n > 8);
    buf_clear(ref);
    buf_add_slice(ref, record.ref);
}

static inline EVP_PKEY *
public_key(const char *name)
{
    FILE *f = fopen(fixture_path(name), "r");
    X509 *x = PEM_read_X509(f, NULL, NULL, NULL);
    EVP_PKEY *k = X509_get_pubkey(x);

    X509_free(x);
    fclose(f);
    return k;
}

static inline bool
verifies(EVP_PKEY *key, int padding, struct slice signature)
{
    uint8_t digest[32];
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    bool good;

    SHA256((const uint8_t *)"hello", 5, digest);
    EVP_PKEY_verify_init(ctx);
    if (padding)
        EVP_PKEY_CTX_set_rsa_padding(ctx, padding);
    EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256());
    if (padding == RSA_PKCS1_PSS_PADDING)
        EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST);
    good = EVP_PKEY_verify(ctx, signature.p, signature.n, digest, 32) == 1;
    EVP_PKEY_CTX_free(ctx);
    return good;
}

static inline enum err
sign_with(struct session *s, struct slice ref, enum scheme scheme,
          struct sign_reply *reply)
{
    static uint8_t digest[32];
    struct sign_request request = {.key = ref,
                                   .scheme = scheme,
                                   .hash = HASH_SHA256,
                                   .data = slice_of(digest, 32)};

    SHA256((const uint8_t *)"hello", 5, digest);
    return session_call(s, MSG_SIGN, &request, reply);
}

/* A whole request: a session that narrows itself and signs once. */
static inline enum err
sign_once(struct slice ref, struct problem *p)
{
    AUTO(session) struct session s;
    struct sign_reply reply;
    enum err e;

    session_open(&s, RIGHT_MAIL);
    session_narrow(&s, VERB_SIGN, 1, ref);
    e = sign_with(&s, ref, SCHEME_RSA_PKCS1, &reply);
    *p = s.problem;
    return e;
}

/* True when these bytes lie anywhere in the keyholder's writable memory. */
static inline bool
memory_holds(struct slice what)
{
    char path[64], line[512];
    unsigned long from, to;
    bool found = false;
    FILE *maps;
    int mem;

    snprintf(path, sizeof(path), "/proc/%d/maps", (int)broker.pid);
    maps = fopen(path, "r");
    snprintf(path, sizeof(path), "/proc/%d/mem", (int)broker.pid);
    mem = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(maps && mem >= 0);
    while (!found && fgets(line, sizeof(line), maps)) {
        uint8_t *room;
        ssize_t n;

        if (sscanf(line, "%lx-%lx rw", &from, &to) != 2 ||
            !strstr(line, " rw") || to - from > (64UL << 20))
            continue;
        room = mem_new(to - from);
        n = pread(mem, room, to - from, (off_t)from);
        found = n > 0 && memmem(room, (size_t)n, what.p, what.n) != NULL;
        free(room);
    }
    fclose(maps);
    close(mem);
    return found;
}

/* A token that holds the keys, unlocked. */
static inline int
set_up_keys(void **state)
{
    (void)set_up(state);
    assert_int_equal(unlock("1234\n", RIGHT_MANAGE, VERB_MANAGE, NULL, NULL),
                     ERR_OK);
    assert_int_equal(import_file("modern.p12", "1234", false).code, ERR_OK);
    assert_int_equal(import_file("ec.p12", "1234", false).code, ERR_OK);
    learn_ref("My key", &rsa_ref);
    learn_ref("eve@example.org", &ec_ref);
    return 0;
}

#endif
