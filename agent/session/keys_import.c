/* Keys.Import: the file and its password travel on unread; what was
 * imported is described. */
#include <stdio.h>

#include "agent/base/fd.h"
#include "agent/base/limits.h"
#include "agent/base/log.h"
#include "agent/session/certificate_json.h"
#include "agent/session/clock.h"
#include "agent/session/describe.h"
#include "agent/session/keys_written.h"

/* What came in, with descriptions. */
struct imported {
    struct import_reply reply;
    struct import_record record[LIMIT_IMPORTED];
    struct buf described[LIMIT_IMPORTED];
    struct description about[LIMIT_IMPORTED];
};

static void
imported_drop(struct imported *i)
{
    for (size_t n = 0; n < LIMIT_IMPORTED; n++)
        buf_drop(&i->described[n]);
}

static void
warn(json_t *warnings, struct slice label, const char *what)
{
    char shown[LIMIT_LABEL_BYTES];

    text_escape(label, shown, sizeof(shown));
    json_array_append_new(
        warnings, json_sprintf("%s%s%s", shown, label.n > 0 ? ": " : "", what));
}

/* As the validator judges keys: whoever verifies says so, too. */
static void
warn_weak(json_t *warnings, struct slice label, const struct description *d)
{
    char text[160];

    if (!(d->type == KEY_RSA && d->bits < 2048) &&
        !(d->type == KEY_EC && d->bits < 224))
        return;
    snprintf(text, sizeof(text),
             "the key is weak (%s of %u bits): no signature by it is good, and "
             "mail to it may be read by others",
             d->type == KEY_RSA ? "RSA" : "a curve", d->bits);
    warn(warnings, label, text);
}

/* What a certificate says that was stored. A CA's answer has no label. */
static void
warn_of(json_t *warnings, const struct import_record *record,
        const struct description *d)
{
    struct slice label = record->label.n > 0 ? record->label
                         : d->name.n > 0     ? d->name
                                             : d->subject;

    if (d->not_after < clock_now())
        warn(warnings, label, "expired");
    if (d->addresses.n == 0)
        warn(warnings, label, "no address in the certificate");
    if (d->uses == 0)
        warn(warnings, label,
             "the certificate is not for mail: its key usage leaves neither "
             "signing nor encryption");
    /* RFC 5480 2.1.1: explicit parameters are not to be used. */
    if (d->type == KEY_UNKNOWN || (d->type == KEY_EC && d->curve.n == 0))
        warn(warnings, label,
             "the certificate's key is written in a way that nobody accepts "
             "(its curve has no name); ask for a new certificate");
    warn_weak(warnings, label, d);
}

/* The keys are on the token whatever comes now: what cannot be described is
 * a warning. */
static void
describe(struct request *r, struct imported *i, json_t *warnings)
{
    struct slice certificates[LIMIT_IMPORTED];
    size_t n = i->reply.records.n;
    char sentence[512];

    for (size_t k = 0; k < n; k++)
        certificates[k] = i->record[k].certificate;
    if (describe_certificates(r, false, certificates, n, i->described) !=
        ERR_OK) {
        problem_text(&r->problem, 0, sentence, sizeof(sentence));
        warn(warnings, slice_text("certificates not read"), sentence);
        r->problem = (struct problem){0};
        return;
    }
    for (size_t k = 0; k < n; k++) {
        if (!record_decode(RECORD_description, buf_slice(&i->described[k]),
                           &i->about[k])) {
            if (i->record[k].certificate.n > 0)
                warn(warnings, i->record[k].label,
                     "its certificate cannot be read");
            buf_drop(&i->described[k]);
            continue;
        }
        warn_of(warnings, &i->record[k], &i->about[k]);
    }
}

static json_t *
imported_json(const struct imported *i)
{
    json_t *list = json_array();

    for (size_t k = 0; k < i->reply.records.n; k++) {
        const struct import_record *record = &i->record[k];
        json_t *one = json_object();

        json_object_set_new(one, "id", json_hex(record->id));
        json_object_set_new(one, "label", json_text(record->label));
        json_object_set_new(one, "token", json_text(record->token));
        json_object_set_new(one, "already", json_boolean(record->already));
        json_object_set_new(one, "addresses",
                            json_texts(&i->about[k].addresses));
        if (i->described[k].len > 0)
            json_object_set_new(one, "not_after",
                                json_time(i->about[k].not_after));
        json_array_append_new(list, one);
    }
    return list;
}

/* fds: the file, then the password's; the second is -1 when it is asked
 * for. */
static enum err
take_descriptors(struct request *r, int *out_file, int *out_password)
{
    enum err e = request_fd(r, "input", out_file);

    if (e == ERR_OK && request_number(r, "password", -1) >= 0)
        e = request_fd(r, "password", out_password);
    return e;
}

static enum err
import(struct request *r, struct import_reply *out)
{
    struct import_request request = {
        .token = slice_text(request_text(r, "token")),
        .also_to = slice_text(request_text(r, "also_to")),
        .file = slice_text(request_text(r, "file")),
        .no_mac = request_flag(r, "no_mac")};
    AUTO(fd) int file = -1;
    AUTO(fd) int password = -1;
    enum err e = take_descriptors(r, &file, &password);
    int fds[2] = {file, password};

    request.has_password = password >= 0;
    if (e == ERR_OK)
        e = session_narrow(r, VERB_MANAGE, 0, slice_of(NULL, 0));
    if (e == ERR_OK)
        e = keyholder_call(r, MSG_IMPORT, &request, fds, password >= 0 ? 2 : 1,
                           out);
    return e;
}

enum err
import_report(struct request *r, const struct import_reply *reply,
              const char *list, json_t **out)
{
    AUTO(imported) struct imported i = {.reply = *reply};
    json_t *warnings;

    for (size_t k = 0; k < reply->records.n; k++)
        if (!record_decode(RECORD_import_record, reply->records.item[k],
                           &i.record[k]))
            return fail(&r->problem, ERR_INTERNAL, "a malformed import record");
    warnings = json_texts(&i.reply.warnings);
    describe(r, &i, warnings);
    *out = json_object();
    json_object_set_new(*out, list, imported_json(&i));
    json_object_set_new(*out, "chain",
                        json_integer(i.reply.chain_certificates));
    json_object_set_new(*out, "warnings", warnings);
    return ERR_OK;
}

enum err
keys_import(struct request *r, json_t **out)
{
    struct import_reply reply;
    enum err e = import(r, &reply);

    return e == ERR_OK ? import_report(r, &reply, "imported", out) : e;
}
