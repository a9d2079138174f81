/*
 * smime-bench MODULE TOKEN AGENT_PID SMIME LARGE_FILE  (the PIN on fd 9)
 *
 * Prints, from one interleaved run on the same keys: a raw C_Sign against a
 * 2 KiB mail signed through the agent on an open connection and against a
 * cold `smime sign`; the same for decryption; a null round trip of the same
 * shape; the cost of a connection; throughput and memory of large mails.
 * The keys: rsa@example.org (RSA-2048), ec@example.org (P-256), one token.
 */
#include "tests/bench/bench.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "client/lib/smime_client.h"

#define ROUNDS     40
#define EACH       10
#define COLD_EACH  2
#define MAIL_BYTES 2048

extern char **environ;

struct bench {
    struct raw *raw;
    struct null_trip *null;
    struct smime_client *client;
    const char *smime;
    int mail[2]; /* for each kind: a plain mail of 2 KiB */
    int secret;  /* encrypted to rsa@example.org */
    int result;
    uint8_t wrapped[512];
    size_t wrapped_len;
    struct samples raw_sign[2], agent_sign[2], cold_sign[2];
    struct samples raw_decrypt, agent_decrypt, cold_decrypt;
    struct samples null_trip, open_call, new_call;
};

static const char *const who[2] = {"ec@example.org", "rsa@example.org"};
static const char *const kind_name[2] = {"P-256", "RSA-2048"};

/* Both from their beginning; not measured: a program has new ones. */
static void
rewind_both(struct bench *b, int in)
{
    lseek(in, 0, SEEK_SET);
    if (ftruncate(b->result, 0) != 0)
        die("ftruncate");
    lseek(b->result, 0, SEEK_SET);
}

static void
call(struct bench *b, const char *method, const char *parameters, int in)
{
    struct smime_error error = {0};
    char *reply = NULL;
    int fds[2] = {in, b->result};

    if (smime_client_call(b->client, method, parameters, fds, in >= 0 ? 2 : 0,
                          30000, &reply, &error) != 0)
        die("%s: %s", method, error.message);
    free(reply);
}

static void
sign_open(struct bench *b, int kind)
{
    char parameters[128];

    snprintf(parameters, sizeof(parameters),
             "{\"input\":0,\"output\":1,\"from\":\"%s\"}", who[kind]);
    call(b, "io.smimeagent.Mail.Sign", parameters, b->mail[kind]);
}

static void
decrypt_open(struct bench *b)
{
    call(b, "io.smimeagent.Mail.Decrypt", "{\"input\":0,\"output\":1}",
         b->secret);
}

static void
cold(struct bench *b, const char *verb, int in)
{
    char *argv[] = {(char *)(uintptr_t)b->smime, (char *)(uintptr_t)verb, NULL};
    posix_spawn_file_actions_t a;
    pid_t pid;
    int status = -1;

    posix_spawn_file_actions_init(&a);
    posix_spawn_file_actions_adddup2(&a, in, 0);
    posix_spawn_file_actions_adddup2(&a, b->result, 1);
    /* The report on each mail; how it went is the exit code. */
    posix_spawn_file_actions_addopen(&a, 2, "/dev/null", O_WRONLY, 0);
    if (posix_spawn(&pid, b->smime, &a, NULL, argv, environ) == 0)
        waitpid(pid, &status, 0);
    posix_spawn_file_actions_destroy(&a);
    if (status != 0)
        die("smime %s ended with %d", verb, status);
}

#define MEASURE(samples, ...)                                                  \
    do {                                                                       \
        double measured_from = now_us();                                       \
        __VA_ARGS__;                                                           \
        samples_add(samples, now_us() - measured_from);                        \
    } while (0)

static void
connect_agent(struct bench *b)
{
    struct smime_error error = {0};

    smime_client_drop(&b->client);
    if (smime_client_connect(SMIME_SOCKET_MAIL, &b->client, &error) != 0)
        die("%s", error.message);
}

static void
get_info(struct bench *b)
{
    call(b, "org.varlink.service.GetInfo", "{}", -1);
}

static void
round_of(struct bench *b, int kind)
{
    for (int i = 0; i < EACH; i++)
        MEASURE(&b->raw_sign[kind], raw_sign(b->raw, kind));
    for (int i = 0; i < EACH; i++)
        MEASURE(&b->null_trip, null_trip_run(b->null));
    connect_agent(b);
    rewind_both(b, b->mail[kind]);
    sign_open(b, kind); /* the first names the key */
    for (int i = 0; i < EACH; i++) {
        rewind_both(b, b->mail[kind]);
        MEASURE(&b->agent_sign[kind], sign_open(b, kind));
    }
    for (int i = 0; i < COLD_EACH; i++) {
        rewind_both(b, b->mail[kind]);
        MEASURE(&b->cold_sign[kind], cold(b, "sign", b->mail[kind]));
    }
}

static void
round_of_decryption(struct bench *b)
{
    connect_agent(b);
    for (int i = 0; i < EACH; i++)
        MEASURE(&b->raw_decrypt,
                raw_decrypt(b->raw, b->wrapped, b->wrapped_len));
    for (int i = 0; i < EACH; i++) {
        rewind_both(b, b->secret);
        MEASURE(&b->agent_decrypt, decrypt_open(b));
    }
    for (int i = 0; i < COLD_EACH; i++) {
        rewind_both(b, b->secret);
        MEASURE(&b->cold_decrypt, cold(b, "decrypt", b->secret));
    }
    for (int i = 0; i < EACH; i++)
        MEASURE(&b->open_call, get_info(b));
    for (int i = 0; i < EACH; i++)
        MEASURE(&b->new_call, {
            connect_agent(b);
            get_info(b);
        });
}

static int
mail_of(const char *from)
{
    char text[MAIL_BYTES + 256];
    int fd = memfd_create("mail", 0);
    int n = snprintf(text, sizeof(text),
                     "From: %s\nTo: rsa@example.org\nSubject: bench\n"
                     "MIME-Version: 1.0\nContent-Type: text/plain\n\n",
                     from);

    while (n < MAIL_BYTES)
        n += snprintf(text + n, sizeof(text) - (size_t)n,
                      "A line of text as people write it, number %d.\n", n);
    if (write(fd, text, (size_t)n) != n)
        die("memfd");
    return fd;
}

static void
make_secret(struct bench *b)
{
    struct smime_error error = {0};
    char *reply = NULL;
    int fds[2];

    b->secret = memfd_create("secret", 0);
    fds[0] = b->mail[1];
    fds[1] = b->secret;
    lseek(b->mail[1], 0, SEEK_SET);
    connect_agent(b);
    if (smime_client_call(b->client, "io.smimeagent.Mail.Encrypt",
                          "{\"input\":0,\"output\":1,"
                          "\"to\":[\"rsa@example.org\"]}",
                          fds, 2, 30000, &reply, &error) != 0)
        die("encrypt: %s", error.message);
    free(reply);
}

static void
print_kind(const char *what, struct samples *raw, struct samples *agent,
           struct samples *cold_run)
{
    double r = samples_p50(raw), a = samples_p50(agent),
           c = samples_p50(cold_run);

    printf("%-18s %8.0f %10.0f %9.2f %10.0f %9.0f\n", what, r, a, a / r, a - r,
           c);
}

static void
print_table(struct bench *b)
{
    double null = samples_p50(&b->null_trip);

    printf("p50 in microseconds    raw   open conn.     ratio     excess"
           "      cold\n");
    for (int kind = 1; kind >= 0; kind--) {
        char what[32];

        snprintf(what, sizeof(what), "sign %s", kind_name[kind]);
        print_kind(what, &b->raw_sign[kind], &b->agent_sign[kind],
                   &b->cold_sign[kind]);
    }
    print_kind("decrypt RSA-2048", &b->raw_decrypt, &b->agent_decrypt,
               &b->cold_decrypt);
    printf("null round trip    %8.0f   (three processes, two descriptors)\n",
           null);
    printf("a call             %8.0f   on an open connection; %.0f with a new"
           " one\n",
           samples_p50(&b->open_call), samples_p50(&b->new_call));
}

static void
large(const char *smime, int agent, const char *file)
{
    char signed_file[512], secret[512];
    char *s = (char *)(uintptr_t)smime;

    snprintf(signed_file, sizeof(signed_file), "%s.signed", file);
    snprintf(secret, sizeof(secret), "%s.p7m", file);
    large_run("sign, multipart", agent, file, signed_file,
              (char *[]){s, "sign", NULL});
    large_run("verify, multipart", agent, signed_file, "/dev/null",
              (char *[]){s, "verify", NULL});
    large_run("encrypt, CBC", agent, file, secret,
              (char *[]){s, "encrypt", "--to", "rsa@example.org", NULL});
    large_run("decrypt, CBC", agent, secret, signed_file,
              (char *[]){s, "decrypt", NULL});
}

int
main(int argc, char **argv)
{
    static struct bench b;
    char pin[64] = {0};
    ssize_t n;

    if (argc != 6 || (n = read(9, pin, sizeof(pin) - 1)) <= 0)
        die("usage: MODULE TOKEN AGENT_PID SMIME LARGE_FILE, PIN on fd 9");
    pin[strcspn(pin, "\n")] = '\0';
    b.smime = argv[4];
    b.null = null_trip_open();
    b.raw = raw_open(argv[1], argv[2], pin);
    b.result = memfd_create("result", 0);
    for (int kind = 0; kind < 2; kind++)
        b.mail[kind] = mail_of(who[kind]);
    b.wrapped_len = raw_wrap(b.raw, b.wrapped, sizeof(b.wrapped));
    make_secret(&b);
    for (int i = 0; i < ROUNDS; i++) {
        round_of(&b, i % 2);
        if (i % 4 == 0)
            round_of_decryption(&b);
    }
    print_table(&b);
    smime_client_drop(&b.client);
    null_trip_close(b.null);
    large(argv[4], (int)strtol(argv[3], NULL, 10), argv[5]);
    return 0;
}
