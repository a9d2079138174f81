/*
 * A keyholder and a keyring that answer as real ones do, and one call
 * against them: included once by each of the unit tests of methods.
 */
#ifndef TESTS_UNIT_SESSION_SIDES_H
#define TESTS_UNIT_SESSION_SIDES_H

#include "tests/unit/session_fixture.h"

#include "agent/session/channels.h"
#include "agent/session/methods.h"

#define KEYS     "io.smimeagent.Keys."
#define RAW      "io.smimeagent.Raw."
#define CONTACTS "io.smimeagent.Contacts."
#define MAIL     "io.smimeagent.Mail."
#define STATUS   "io.smimeagent.Agent.Status"

UNUSED static void
json_drop(json_t **j)
{
    json_decref(*j);
}

/* ---- what the two sides answer ----------------------------------------------
 */

/* How many there are, and how many go onto one page. */
static uint32_t key_count;
static uint32_t keys_a_page = 2;
UNUSED static bool contact_is_there;
static bool keyring_is_silent;
static const char *lock_detail;
static char read_from_fds[8];

static void
add_record(struct list_reply *reply, struct buf *bytes, enum record which,
           const void *record)
{
    record_encode(which, record, bytes);
    assert_true(slice_list_add(&reply->records, buf_slice(bytes)));
}

static bool
answer_keys(struct peer *p, uint32_t cursor)
{
    struct list_reply reply = {0};
    struct buf bytes[LIMIT_LIST_ITEMS] = {0};
    uint32_t end = cursor + keys_a_page;
    bool sent;

    for (uint32_t i = cursor; i < key_count && i < end; i++) {
        uint8_t id[2] = {0xab, (uint8_t)i};
        struct key_record k = {.ref = slice_text("ref"),
                               .id = slice_of(id, 2),
                               .label = slice_text("my key"),
                               .token = slice_text("card"),
                               .uri = slice_text("pkcs11:token=card"),
                               .type = KEY_RSA,
                               .bits = 2048,
                               .uses = USE_SIGN | USE_DECRYPT,
                               .flags = KEY_HAS_PRIVATE};

        /* The last has none. */
        if (i + 1 < key_count)
            k.certificate = slice_text(i == 0 ? "cert" : "expired");
        add_record(&reply, &bytes[i - cursor], RECORD_key_record, &k);
    }
    reply.next = end < key_count ? end : 0;
    sent = channel_reply(p->served.fd, MSG_KEYS, &reply, NULL, 0);
    for (size_t i = 0; i < LIMIT_LIST_ITEMS; i++)
        buf_drop(&bytes[i]);
    return sent;
}

static bool
answer_tokens(struct peer *p)
{
    struct token_record one = {.label = slice_text("card"),
                               .flags = TOKEN_INITIALIZED | TOKEN_UNLOCKED |
                                        TOKEN_PINPAD,
                               .tries = 4,
                               .kept_s = 60,
                               .locks_s = 90};
    struct token_record two = {.label = slice_text("new")};
    AUTO(buf) struct buf a = {0};
    AUTO(buf) struct buf b = {0};
    struct list_reply reply = {0};

    add_record(&reply, &a, RECORD_token_record, &one);
    add_record(&reply, &b, RECORD_token_record, &two);
    return channel_reply(p->served.fd, MSG_TOKENS, &reply, NULL, 0);
}

static bool
answer_import(struct peer *p)
{
    struct import_record good = {.id = slice_text("\1"),
                                 .label = slice_text("good"),
                                 .token = slice_text("card"),
                                 .certificate = slice_text("cert")};
    struct import_record old = {.id = slice_text("\2"),
                                .label = slice_text("old"),
                                .already = 1,
                                .certificate = slice_text("expired")};
    struct import_reply reply = {.chain_certificates = 3};
    AUTO(buf) struct buf a = {0};
    AUTO(buf) struct buf b = {0};

    record_encode(RECORD_import_record, &good, &a);
    record_encode(RECORD_import_record, &old, &b);
    if (!slice_list_add(&reply.records, buf_slice(&a)) ||
        !slice_list_add(&reply.records, buf_slice(&b)) ||
        !slice_list_add(&reply.warnings, slice_text("legacy encryption")))
        return false;
    return channel_reply(p->served.fd, MSG_IMPORT, &reply, NULL, 0);
}

static void
read_fds(const struct frame *frame)
{
    memset(read_from_fds, 0, sizeof(read_from_fds));
    for (int i = 0; i < frame->fd_count; i++)
        if (read(frame->fds[i], &read_from_fds[i], 1) != 1)
            read_from_fds[i] = '?';
}

static bool
answer_keyholder(struct peer *p, enum message m, struct frame *frame,
                 const union any_record *request)
{
    struct token_record unlocked = {.label = slice_text("card")};
    struct count_reply count = {.count = 1};
    struct problem problem = {0};

    if (m == MSG_KEYS)
        return answer_keys(p, request->page.cursor);
    if (m == MSG_TOKENS)
        return answer_tokens(p);
    if (m == MSG_LOOK)
        return channel_reply(p->served.fd, m, &(struct empty){0}, NULL, 0);
    if (m == MSG_RESCAN)
        return channel_reply(p->served.fd, m, &count, NULL, 0);
    read_fds(frame);
    if (m == MSG_IMPORT)
        return answer_import(p);
    if (m == MSG_UNLOCK)
        return channel_reply(p->served.fd, m, &unlocked, NULL, 0);
    if (m == MSG_LOCK && lock_detail) {
        (void)fail(&problem, ERR_TOKEN_BUSY, "%s", lock_detail);
        return channel_refuse(p->served.fd, m, &problem);
    }
    return m == MSG_LOCK && channel_reply(p->served.fd, m, &count, NULL, 0);
}

/* "cert" is valid and has an address; "expired" is neither. */
static void
describe(struct slice certificate, struct buf *out)
{
    static const uint8_t fingerprint[32] = {1};
    struct description d = {.subject = slice_text("CN=A"),
                            .fingerprint = slice_of(fingerprint, 32),
                            .not_before = 1,
                            .not_after = 2,
                            .uses = USE_SIGN,
                            .type = KEY_RSA,
                            .bits = 2048};

    if (slice_is(certificate, "cert")) {
        d.not_after = 1ULL << 40;
        (void)!slice_list_add(&d.addresses, slice_text("a@example.org"));
    }
    record_encode(RECORD_description, &d, out);
}

static bool
answer_descriptions(struct peer *p, const struct describe_request *request)
{
    struct buf bytes[LIMIT_LIST_ITEMS] = {0};
    struct describe_reply reply = {0};
    bool sent;

    for (size_t i = 0; i < request->certificates.n; i++) {
        describe(request->certificates.item[i], &bytes[i]);
        (void)!slice_list_add(&reply.records, buf_slice(&bytes[i]));
    }
    sent = channel_reply(p->served.fd, MSG_DESCRIBE, &reply, NULL, 0);
    for (size_t i = 0; i < LIMIT_LIST_ITEMS; i++)
        buf_drop(&bytes[i]);
    return sent;
}

static bool
answer_contacts(struct peer *p, enum message m, uint32_t cursor)
{
    struct contact_record c = {.address = slice_text("a@example.org"),
                               .state = CONTACT_VERIFIED,
                               .first_seen = 5,
                               .can_encrypt = 1,
                               .certificate = slice_text("cert")};
    AUTO(buf) struct buf described = {0};
    AUTO(buf) struct buf bytes = {0};
    struct list_reply reply = {.next = cursor == 0 && m == MSG_CONTACTS};

    describe(c.certificate, &described);
    c.described = buf_slice(&described);
    if (contact_is_there)
        add_record(&reply, &bytes, RECORD_contact_record, &c);
    return channel_reply(p->served.fd, m, &reply, NULL, 0);
}

static bool
answer_keyring(struct peer *p, enum message m, struct frame *frame,
               const union any_record *request)
{
    struct count_reply count = {.count = contact_is_there ? 2 : 0};
    struct keyring_status status = {.contacts = 7,
                                    .path = slice_text("/contacts.db")};

    (void)frame;
    if (keyring_is_silent)
        return false;
    if (m == MSG_DESCRIBE)
        return answer_descriptions(p, &request->describe_request);
    if (m == MSG_CONTACTS)
        return answer_contacts(p, m, request->contacts_request.cursor);
    if (m == MSG_CONTACT)
        return answer_contacts(p, m, 0);
    if (m == MSG_CONTACT_REMOVE)
        return channel_reply(p->served.fd, m, &count, NULL, 0);
    return m == MSG_KEYRING_STATUS &&
           channel_reply(p->served.fd, m, &status, NULL, 0);
}

/* ---- one call
 * ---------------------------------------------------------------- */

/* Runs METHOD with PARAMETERS (taken, may be NULL) in a world of its own. */
UNUSED static json_t *
call_in(struct world *w, uint32_t rights, const char *method,
        json_t *parameters, const int *fds, int fd_count)
{
    struct varlink_call c = {0};
    struct message_in in;
    struct problem why = {0};
    json_t *root =
        json_pack("{s:s,s:o*}", "method", method, "parameters", parameters);
    char *text = json_dumps(root, 0);
    json_t *reply;

    w->keyholder.answer = answer_keyholder;
    w->keyring.answer = answer_keyring;
    world_open(w, rights);
    message_in_init(&in);
    for (in.fd_count = 0; in.fd_count < fd_count; in.fd_count++)
        in.fds[in.fd_count] = fcntl(fds[in.fd_count], F_DUPFD_CLOEXEC, 0);
    assert_true(varlink_parse(slice_text(text), &c, &why));
    reply = method_call(&w->s, &c, &in);
    message_in_drop(&in);
    varlink_call_drop(&c);
    free(text);
    json_decref(root);
    return reply;
}

UNUSED static json_t *
call(uint32_t rights, const char *method, json_t *parameters)
{
    struct world w = {0};
    json_t *reply = call_in(&w, rights, method, parameters, NULL, 0);

    world_close(&w);
    return reply;
}

#endif
