#include <string.h>

#include "agent/base/log.h"
#include "agent/base/mem.h"
#include "client/cli/cli.h"
#include "client/cli/mailbox.h"

#define LIMIT_SHOWN_FAILURES 10

static const struct option_row options[] = {{"json", OPTION_FLAG},
                                            {NULL, OPTION_FLAG}};

struct harvest {
    struct smime_client *client;
    struct call batch;
    json_t *all; /* with --json: every answer */
    long read;
    long new;
    long known;
    long changed;
    long nothing;
    long failed;
    int exit_code;
};

static void
harvest_drop(struct harvest *h)
{
    call_drop(&h->batch);
    smime_client_drop(&h->client);
    json_decref(h->all);
}

static void
batch_begin(struct harvest *h)
{
    call_init(&h->batch);
    json_object_set_new(h->batch.parameters, "inputs", json_array());
    json_object_set_new(h->batch.parameters, "origins", json_array());
}

static void
failure_count(struct harvest *h, json_t *one)
{
    if (h->failed++ >= LIMIT_SHOWN_FAILURES)
        return;
    fputs("smime: ", stderr);
    show_text(stderr, text_of(one, "origin"));
    fputs(": ", stderr);
    show_text(stderr, text_of(one, "reason")[0] ? text_of(one, "reason")
                                                : "it cannot be read");
    fputc('\n', stderr);
}

static void
result_count(struct harvest *h, json_t *one)
{
    const char *result = text_of(one, "result");

    h->read++;
    if (strcmp(result, "new") == 0)
        h->new ++;
    else if (strcmp(result, "known") == 0)
        h->known++;
    else if (strcmp(result, "changed") == 0)
        h->changed++;
    else if (strcmp(result, "failed") == 0)
        failure_count(h, one);
    else
        h->nothing++;
}

/* Sends what has come together. */
static bool
batch_send(struct harvest *h)
{
    AUTO(json) json_t *reply = NULL;
    json_t *list, *one;
    size_t i;

    if (h->batch.fd_count == 0)
        return true;
    h->exit_code =
        call_on(h->client, &h->batch, "io.smimeagent.Contacts.Harvest", &reply);
    call_drop(&h->batch);
    batch_begin(h);
    if (h->exit_code != EXIT_DONE)
        return false;
    list = json_object_get(reply, "harvested");
    json_array_foreach(list, i, one)
    {
        result_count(h, one);
        if (h->all)
            json_array_append(h->all, one);
    }
    return true;
}

static bool
message_found(void *context, int fd, const char *origin)
{
    struct harvest *h = context;
    json_t *parameters = h->batch.parameters;
    char shown[1024];

    /* A file's name is any bytes; JSON wants UTF-8. */
    text_escape(slice_text(origin), shown, sizeof(shown));
    json_array_append_new(json_object_get(parameters, "inputs"),
                          json_integer(call_add_fd(&h->batch, NULL, fd)));
    json_array_append_new(json_object_get(parameters, "origins"),
                          json_string(shown));
    return h->batch.fd_count < SMIME_LIMIT_FDS || batch_send(h);
}

static int
summary_say(const struct harvest *h)
{
    printf("%ld message%s read: %ld new, %ld changed, %ld known, %ld without "
           "a signature to learn from",
           h->read, h->read == 1 ? "" : "s", h->new, h->changed, h->known,
           h->nothing);
    if (h->failed > 0)
        printf(", %ld failed", h->failed);
    puts(".");
    return output_finish(EXIT_DONE);
}

static int
run(const struct arguments *a)
{
    AUTO(harvest) struct harvest h = {.client = NULL};
    AUTO(json) json_t *reply = NULL;
    bool all_read = true;
    int e = call_connect(SMIME_SOCKET_MAIL, &h.client);

    if (e != EXIT_DONE)
        return e;
    h.all = arguments_flag(a, "json") ? json_array() : NULL;
    batch_begin(&h);
    for (size_t i = 0; i < a->operand_count; i++) {
        enum mailbox m = mailbox_visit(a->operand[i], message_found, &h);

        if (m == MAILBOX_STOPPED)
            return h.exit_code != EXIT_DONE ? h.exit_code : EXIT_FAULT;
        all_read = all_read && m == MAILBOX_DONE;
    }
    if (!batch_send(&h))
        return h.exit_code;
    if (h.all) {
        reply = json_pack("{s:O}", "harvested", h.all);
        e = show_json(stdout, reply);
    } else {
        e = summary_say(&h);
    }
    if (e != EXIT_DONE)
        return e;
    return all_read && h.failed == 0 ? EXIT_DONE : EXIT_INPUT;
}

const struct command command_harvest = {
    .name = "harvest",
    .summary = "learn contacts from mail you have: files, mbox, Maildir",
    .usage = "harvest [--json] FILE|MBOX|MAILDIR|-...",
    .help = "Reads each message and keeps the certificates of those whose "
            "signature is\ngood and made by the sender. Ends with 0 when all "
            "could be read.\n"
            "\n"
            "  --json   what each message taught\n",
    .options = options,
    .least_operands = 1,
    .most_operands = -1,
    .run = run,
};
