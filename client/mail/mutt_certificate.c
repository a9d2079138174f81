/* smime-mutt pk7out, get-cert, get-signer-cert, get-cert-email and
 * import-cert: how mutt learns whose certificate it is. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/fd.h"
#include "agent/base/mem.h"
#include "agent/mime/transfer.h"
#include "client/mail/mutt.h"

/* ---- PEM ------------------------------------------------------------------
 */

/* TEXT is base64 without line ends. */
static void
pem_add(struct buf *out, const char *label, const char *text)
{
    size_t n = strlen(text);

    buf_addf(out, "-----BEGIN %s-----\n", label);
    for (size_t at = 0; at < n; at += 64)
        buf_addf(out, "%.64s\n", text + at);
    buf_addf(out, "-----END %s-----\n", label);
}

static int
text_put(const struct buf *text, const char *file)
{
    AUTO(fd) int fd = -1;

    if (!file)
        return fwrite(text->data, 1, text->len, stdout) == text->len
                   ? output_finish(EXIT_DONE)
                   : output_finish(EXIT_OUTPUT);
    fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd >= 0 && fd_write_all(fd, text->data, text->len))
        return EXIT_DONE;
    return failure_say(EXIT_OUTPUT, NULL, "%s cannot be written: %s", file,
                       strerror(errno));
}

/* ---- pk7out ---------------------------------------------------------------
 */

static int
run_pk7out(const struct arguments *a)
{
    AUTO(buf) struct buf object = {0};
    AUTO(buf) struct buf text = {0};
    struct problem p = {.code = ERR_OK};
    struct base64_writer *writer;
    struct stream_fd from;
    struct sink_buf sink;
    AUTO(fd) int fd = -1;
    int e = object_extract(a->operand[0], &fd);
    bool good;

    if (e != EXIT_DONE)
        return e;
    stream_fd_init(&from, fd, 0, -1);
    if (stream_read_all(&from.s, SIZE_MAX, &object, &p) != ERR_OK)
        return failure_say(EXIT_FAULT, NULL, "no memory");
    if (object.len > 0 && object.data[0] == '-')
        return text_put(&object, NULL);
    buf_add_text(&text, "-----BEGIN PKCS7-----\n");
    sink_buf_init(&sink, &text, SIZE_MAX);
    writer = base64_writer_new(&sink.s, false);
    good = sink_write(base64_writer_sink(writer), object.data, object.len,
                      &p) == ERR_OK &&
           base64_writer_finish(writer, &p) == ERR_OK;
    base64_writer_drop(&writer);
    if (!good)
        return failure_say(EXIT_FAULT, NULL, "no memory");
    buf_add_text(&text, "-----END PKCS7-----\n");
    return text_put(&text, NULL);
}

const struct command mutt_pk7out = {
    .name = "pk7out",
    .summary = "smime_pk7out_command",
    .usage = "pk7out %f",
    .help = "The signature of a mail as it is, PEM, to stdout.\n",
    .least_operands = 1,
    .most_operands = 1,
    .run = run_pk7out,
};

/* ---- certificates of an object --------------------------------------------
 */

/* Appends the signers' certificates as PEM. What the signature covers is not
 * there, and not asked: this vouches for nothing. */
static int
certificates_add(int object, struct buf *out)
{
    AUTO(call) struct call c = {.parameters = NULL};
    AUTO(json) json_t *reply = NULL;
    json_t *layer, *signer;
    size_t i, k;
    int e;

    call_init(&c);
    (void)call_add_fd(&c, "input", object);
    (void)call_add_fd(&c, "content", memfd_create("nothing", MFD_CLOEXEC));
    call_set_text(&c, "form", "cms");
    e = call_run(&c, SMIME_SOCKET_MAIL, "io.smimeagent.Mail.Verify", &reply);
    if (e != EXIT_DONE)
        return e;
    json_array_foreach(
        json_object_get(json_object_get(reply, "report"), "layers"), i, layer)
    {
        json_array_foreach(json_object_get(layer, "signers"), k, signer)
        {
            const char *der =
                text_of(json_object_get(signer, "certificate"), "der");

            if (der[0] != '\0')
                pem_add(out, "CERTIFICATE", der);
        }
    }
    return out->len > 0 ? EXIT_DONE
                        : failure_say(EXIT_INPUT, NULL,
                                      "it brings no signer's certificate");
}

static int
run_get_cert(const struct arguments *a)
{
    AUTO(buf) struct buf text = {0};
    AUTO(fd) int object = -1;
    int e = object_extract(a->operand[0], &object);

    if (e == EXIT_DONE)
        e = certificates_add(fd_take(&object), &text);
    return e == EXIT_DONE ? text_put(&text, NULL) : e;
}

const struct command mutt_get_cert = {
    .name = "get-cert",
    .summary = "smime_get_cert_command",
    .usage = "get-cert %f",
    .help = "The signers' certificates of an object, PEM, to stdout.\n",
    .least_operands = 1,
    .most_operands = 1,
    .run = run_get_cert,
};

/* mutt compares the addresses of this certificate with From and says that the
 * mail is good: so it gets one only if the mail is, as a whole, with all that
 * mutt does not look at. */
static int
run_get_signer_cert(const struct arguments *a)
{
    AUTO(call) struct call c = {.parameters = NULL};
    AUTO(json) json_t *reply = NULL;
    AUTO(buf) struct buf text = {0};
    AUTO(fd) int object = -1;
    json_t *report;
    int e;

    call_init(&c);
    e = call_set_input(&c, a->operand[0]);
    if (e == EXIT_DONE)
        e = call_run(&c, SMIME_SOCKET_MAIL, "io.smimeagent.Mail.Verify",
                     &reply);
    if (e != EXIT_DONE)
        return e;
    report = json_object_get(reply, "report");
    if (strcmp(text_of(report, "verdict"), "good") != 0) {
        report_say(stderr, report);
        return EXIT_NO;
    }
    e = object_extract(a->operand[0], &object);
    if (e == EXIT_DONE)
        e = certificates_add(fd_take(&object), &text);
    return e == EXIT_DONE ? text_put(&text, a->operand[1]) : e;
}

const struct command mutt_get_signer_cert = {
    .name = "get-signer-cert",
    .summary = "smime_get_signer_cert_command",
    .usage = "get-signer-cert %f %c",
    .help = "Writes the signer's certificate to the file %c, if the mail is "
            "good: signed\nby its sender, all of it.\n",
    .least_operands = 1,
    .most_operands = 2,
    .run = run_get_signer_cert,
};

/* ---- one certificate ------------------------------------------------------
 */

static int
run_get_cert_email(const struct arguments *a)
{
    AUTO(call) struct call c = {.parameters = NULL};
    AUTO(json) json_t *reply = NULL;
    json_t *path, *address;
    size_t i;
    int e;

    call_init(&c);
    e = call_set_input(&c, a->operand[0]);
    if (e != EXIT_DONE)
        return e;
    json_object_del(c.parameters, "input");
    json_object_set_new(c.parameters, "certificate", json_integer(0));
    e = call_run(&c, SMIME_SOCKET_MAIL, "io.smimeagent.Mail.Check", &reply);
    if (e != EXIT_DONE)
        return e;
    path = json_object_get(reply, "path");
    json_array_foreach(json_object_get(json_array_get(path, 0), "addresses"), i,
                       address)
    {
        show_text(stdout, json_string_value(address));
        putchar('\n');
    }
    return output_finish(EXIT_DONE);
}

const struct command mutt_get_cert_email = {
    .name = "get-cert-email",
    .summary = "smime_get_cert_email_command",
    .usage = "get-cert-email %f",
    .help = "The addresses of a certificate, a line for each.\n",
    .least_operands = 1,
    .most_operands = 1,
    .run = run_get_cert_email,
};

static int
not_stored_say(json_t *reply)
{
    json_t *one;
    size_t i;

    json_array_foreach(json_object_get(reply, "stored"), i, one)
    {
        const char *reason = text_of(one, "reason");

        if (reason[0] != '\0')
            return failure_say(EXIT_NO, "see why: smime check FILE",
                               "the certificate was not taken: %s",
                               reason_sentence(reason));
    }
    return failure_say(EXIT_NO, "see why: smime check FILE",
                       "the certificate was not taken");
}

static int
run_import_cert(const struct arguments *a)
{
    AUTO(call) struct call c = {.parameters = NULL};
    AUTO(json) json_t *reply = NULL;
    int e;

    passphrase_skip(); /* mutt's question for a label */
    call_init(&c);
    e = call_set_input(&c, a->operand[0]);
    call_set_text(&c, "origin", "mutt");
    if (e == EXIT_DONE)
        e = call_run(&c, SMIME_SOCKET_MANAGE, "io.smimeagent.Contacts.Import",
                     &reply);
    if (e != EXIT_DONE)
        return e;
    if (number_of(reply, "not_stored") > 0 || number_of(reply, "total") == 0)
        return not_stored_say(reply);
    puts("The certificate is among the contacts.");
    (void)output_finish(EXIT_DONE);
    return index_write();
}

const struct command mutt_import_cert = {
    .name = "import-cert",
    .summary = "smime_import_cert_command",
    .usage = "import-cert %f",
    .help = "Takes a certificate among the contacts, as smime contacts import "
            "does.\n",
    .least_operands = 1,
    .most_operands = 1,
    .run = run_import_cert,
};
