/* Signs and encrypts what is to be handed over: all of it, or nothing. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/base/fd.h"
#include "client/cli/cli.h"
#include "client/mail/sendmail.h"

struct making {
    const struct wishes *wishes;
    const struct people *people;
    struct smime_client *client; /* NULL until it is needed */
};

/* ---- the agent's errors in sendmail's codes ------------------------------ */

static bool
is_named(const struct smime_error *e, const char *name)
{
    return strcmp(e->name, name) == 0;
}

/* What is over when the agent, the token or a person is there again is
 * EX_TEMPFAIL: the message may wait in a queue. */
static int
code_of(const struct smime_error *e)
{
    if (is_named(e, "NoPrompt") || is_named(e, "TokenLocked") ||
        is_named(e, "PinEachTime") || is_named(e, "LastTry"))
        return EX_TEMPFAIL;
    switch (e->exit_code) {
    case 3: /* the agent is not there, or went away */
    case EXIT_TOKEN:
        return EX_TEMPFAIL;
    case 4: /* no key, no certificate, a no */
    case 5:
    case EXIT_REFUSED:
        return EX_NOPERM;
    case EXIT_INPUT:
        return EX_DATAERR;
    case EXIT_OUTPUT:
        return EX_IOERR;
    default:
        return EX_SOFTWARE;
    }
}

static int
refusal_say(const struct smime_error *e, int code, const char *why)
{
    const char *message = e->message ? e->message : e->name;

    return failure_say(code, e->next, "not sent%s: %s", why, message);
}

/* ---- calls --------------------------------------------------------------- */

static int
call_agent(struct making *m, const char *method, struct call *c, int input,
           int *out_fd, struct smime_error *error)
{
    AUTO(fd) int output = memfd_create("made", MFD_CLOEXEC);
    AUTO(json) json_t *reply = NULL;
    int failed = 0;

    if (output < 0 || lseek(input, 0, SEEK_SET) < 0)
        return failure_say(EX_TEMPFAIL, NULL, "no memory for the message: %s",
                           strerror(errno));
    (void)call_add_fd(c, "input", dup(input));
    (void)call_add_fd(c, "output", dup(output));
    call_set_caller(c);
    if (!m->client)
        failed = smime_client_connect(SMIME_SOCKET_MAIL, &m->client, error);
    if (failed == 0)
        failed = client_call_json(m->client, method, c->parameters, c->fds,
                                  c->fd_count, -1, &reply, error);
    if (failed != 0)
        return code_of(error);
    warnings_say(reply);
    *out_fd = fd_take(&output);
    return EX_OK;
}

/* With no key at all the only token may be out: that is a matter of time. */
static bool
no_key_is_there(struct making *m)
{
    AUTO(smime_error) struct smime_error error = {.exit_code = 0};
    AUTO(json) json_t *reply = NULL;

    return client_call_json(m->client, "io.smimeagent.Keys.List", NULL, NULL, 0,
                            -1, &reply, &error) == 0 &&
           json_array_size(json_object_get(reply, "keys")) == 0;
}

static int
sign(struct making *m, int input, int *out_fd)
{
    AUTO(smime_error) struct smime_error error = {.exit_code = 0};
    AUTO(call) struct call c = {.parameters = NULL};
    int e;

    /* Without it the agent would take the only key there is. */
    if (!m->people->author)
        return m->wishes->sign == WISH_POSSIBLE
                   ? EX_OK
                   : failure_say(EX_NOPERM, "give it one",
                                 "not sent: it is to be signed, and has no "
                                 "From that can be read");
    call_init(&c);
    if (!m->wishes->key)
        call_set_text(&c, "from", m->people->author);
    call_set_text(&c, "key", m->wishes->key);
    e = call_agent(m, "io.smimeagent.Mail.Sign", &c, input, out_fd, &error);
    if (e == EX_OK || !error.name[0])
        return e;
    if (is_named(&error, "NoKey") || is_named(&error, "TokenAbsent")) {
        if (m->wishes->sign == WISH_POSSIBLE)
            return EX_OK;
        if (no_key_is_there(m))
            e = EX_TEMPFAIL;
    }
    return refusal_say(&error, e, "");
}

/* *out_fd stays -1 when it cannot be done and need not. */
static int
encrypt(struct making *m, int input, const char **to, size_t count, int *out_fd)
{
    AUTO(smime_error) struct smime_error error = {.exit_code = 0};
    AUTO(call) struct call c = {.parameters = NULL};
    json_t *list = json_array();
    int e;

    call_init(&c);
    json_object_set_new(c.parameters, "to", list);
    for (size_t i = 0; i < count; i++)
        /* Left out, he would get what he cannot read. */
        if (json_array_append_new(list, json_string(to[i])) != 0)
            return failure_say(EX_DATAERR, "write it in UTF-8",
                               "not sent: the address %s is no text", to[i]);
    call_set_text(&c, "from", m->people->sender);
    e = call_agent(m, "io.smimeagent.Mail.Encrypt", &c, input, out_fd, &error);
    if (e == EX_OK || !error.name[0])
        return e;
    if (m->wishes->encrypt == WISH_POSSIBLE &&
        (is_named(&error, "NoRecipientCertificate") ||
         is_named(&error, "NoKey")))
        return EX_OK;
    if (is_named(&error, "NoKey") && no_key_is_there(m))
        e = EX_TEMPFAIL;
    return refusal_say(&error, e, "");
}

/* ---- parcels ------------------------------------------------------------- */

static struct parcel *
parcel_add(struct parcels *p, size_t room)
{
    struct parcel *one;

    p->item = mem_resize(p->item, (p->count + 1) * sizeof(p->item[0]));
    one = &p->item[p->count++];
    *one = (struct parcel){.fd = -1,
                           .recipient = mem_new((room + 1) * sizeof(char *))};
    return one;
}

static void
parcel_fill(struct parcel *p, const struct address_list *from)
{
    for (size_t i = 0; i < from->count; i++)
        p->recipient[p->count++] = from->item[i];
}

void
parcels_drop(struct parcels *p)
{
    for (size_t i = 0; i < p->count; i++) {
        fd_drop(&p->item[i].fd);
        free(p->item[i].recipient);
    }
    free(p->item);
    *p = (struct parcels){.count = 0};
}

/* One for all that see each other, one for each of the others: a message that
 * was encrypted to a hidden recipient too would tell of him. */
static void
parcels_split(const struct people *people, struct parcels *p)
{
    if (people->visible.count > 0)
        parcel_fill(parcel_add(p, people->visible.count), &people->visible);
    for (size_t i = 0; i < people->hidden.count; i++) {
        struct parcel *one = parcel_add(p, 1);

        one->recipient[one->count++] = people->hidden.item[i];
    }
}

static void
parcel_all(const struct people *people, struct parcels *p)
{
    struct parcel *one =
        parcel_add(p, people->visible.count + people->hidden.count);

    parcel_fill(one, &people->visible);
    parcel_fill(one, &people->hidden);
}

static int
encrypt_all(struct making *m, int fd, struct parcels *p)
{
    parcels_split(m->people, p);
    for (size_t i = 0; i < p->count; i++) {
        struct parcel *one = &p->item[i];
        int e = encrypt(m, fd, one->recipient, one->count, &one->fd);

        if (e != EX_OK)
            return e;
        /* All of them encrypted, or none: a plain copy beside encrypted ones
         * would tell what they hide. */
        if (one->fd < 0) {
            parcels_drop(p);
            return EX_OK;
        }
    }
    p->is_encrypted = true;
    return EX_OK;
}

/* *signed_fd is owned by the caller. */
static int
make(struct making *m, enum letter_kind kind, int fd, int *signed_fd,
     struct parcels *p)
{
    int made;
    int e = EX_OK;

    if (m->wishes->sign != WISH_NEVER && kind == LETTER_PLAIN)
        e = sign(m, fd, signed_fd);
    made = *signed_fd >= 0 ? *signed_fd : fd;
    if (e == EX_OK && m->wishes->encrypt >= WISH_POSSIBLE &&
        kind != LETTER_ENCRYPTED)
        e = encrypt_all(m, made, p);
    if (e != EX_OK || p->count > 0)
        return e;
    parcel_all(m->people, p);
    p->item[0].fd = dup(made);
    return p->item[0].fd >= 0 ? EX_OK
                              : failure_say(EX_TEMPFAIL, NULL, "not sent: %s",
                                            strerror(errno));
}

int
parcels_make(const struct wishes *w, const struct people *people,
             enum letter_kind kind, int fd, struct parcels *out)
{
    struct making m = {.wishes = w, .people = people};
    AUTO(fd) int signed_fd = -1;
    struct parcels p = {.count = 0};
    int e = make(&m, kind, fd, &signed_fd, &p);

    smime_client_drop(&m.client);
    if (e != EX_OK) {
        parcels_drop(&p);
        return e;
    }
    p.is_signed = signed_fd >= 0 || kind == LETTER_SIGNED;
    p.is_encrypted |= kind == LETTER_ENCRYPTED;
    *out = p;
    return EX_OK;
}
