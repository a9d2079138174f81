/*
 * smime-bench-verify FOLDER COUNT SMIME
 *
 * FOLDER and COUNT as smime-mailbox made them, COUNT people at most one mail
 * each. Prints, from one interleaved run: a signed mail of 4 KiB verified
 * with its chain on an open connection to the agent, by NSS in this process
 * and by gpgsm's server, for a signer seen before and for new ones; and the
 * whole programs: a cold `smime verify` beside certtool and openssl.
 */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "client/lib/smime_client.h"
#include "tests/bench/bench.h"
#include "tests/bench/peers.h"

#define ROUNDS    40
#define EACH      5
#define COLD_EACH 2
/* Between two mails: people and programs do something with a verdict. */
#define PAUSE_MS 3

extern char **environ;

char *
file_read(const char *folder, const char *kind, long n, long *out_len)
{
    char path[512], *text;
    struct stat st;
    int fd;

    if (n < 0)
        snprintf(path, sizeof(path), "%s/%s", folder, kind);
    else
        snprintf(path, sizeof(path), "%s/%s/%ld", folder, kind, n);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0)
        die("%s: cannot be read", path);
    text = malloc((size_t)st.st_size + 1);
    if (!text || read(fd, text, (size_t)st.st_size) != st.st_size)
        die("%s: cannot be read", path);
    close(fd);
    text[st.st_size] = '\0';
    *out_len = st.st_size;
    return text;
}

enum peer { SMIME_AGENT, NSS, GPGSM, PEERS };
static const char *const peer_name[PEERS] = {"smime-agent", "NSS", "gpgsm"};
enum load { KNOWN, NEW, BACK_TO_BACK, LOADS };
static const char *const load_name[LOADS] = {"known signer", "new signer",
                                             "known, no pause"};

struct run {
    const char *folder, *smime;
    long count, next;
    struct smime_client *client;
    bool there[PEERS];
    struct samples took[PEERS][LOADS];
    struct samples cold[3];
};

static void
agent_verify(struct run *r, long n)
{
    struct smime_error error = {0};
    char path[512], *reply = NULL;
    int fd;

    snprintf(path, sizeof(path), "%s/cur/%ld", r->folder, n);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (smime_client_call(r->client, "io.smimeagent.Mail.Verify",
                          "{\"input\":0}", &fd, 1, 30000, &reply, &error) != 0)
        die("verify: %s", error.message);
    if (!strstr(reply, "\"verdict\":\"good\""))
        die("mail %ld is not good: %s", n, reply);
    free(reply);
    close(fd);
}

static void
verify(struct run *r, enum peer p, long n)
{
    switch (p) {
    case SMIME_AGENT:
        agent_verify(r, n);
        break;
    case NSS:
        nss_verify(r->folder, n);
        break;
    case GPGSM:
        gpgsm_verify(r->folder, n);
        break;
    case PEERS:
        break;
    }
}

static void
breathe(void)
{
    nanosleep(&(struct timespec){0, PAUSE_MS * 1000 * 1000}, NULL);
}

static void
measure(struct run *r, enum peer p, enum load load, long n)
{
    double from;

    if (load != BACK_TO_BACK)
        breathe();
    from = now_us();
    verify(r, p, n);
    samples_add(&r->took[p][load], now_us() - from);
}

static void
round_of(struct run *r)
{
    for (enum peer p = 0; p < PEERS; p++) {
        if (!r->there[p])
            continue;
        verify(r, p, 0);
        for (int i = 0; i < EACH; i++)
            measure(r, p, KNOWN, 0);
        for (int i = 0; i < EACH; i++)
            measure(r, p, NEW, r->next + i);
        for (int i = 0; i < EACH; i++)
            measure(r, p, BACK_TO_BACK, 0);
    }
    r->next = r->next + EACH < r->count - EACH ? r->next + EACH : 1;
}

static void
cold(struct run *r, int which, char *const argv[])
{
    posix_spawn_file_actions_t a;
    double from = now_us();
    int status = -1;
    pid_t pid;

    posix_spawn_file_actions_init(&a);
    posix_spawn_file_actions_addopen(&a, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&a, 2, "/dev/null", O_WRONLY, 0);
    if (posix_spawnp(&pid, argv[0], &a, NULL, argv, environ) == 0)
        waitpid(pid, &status, 0);
    posix_spawn_file_actions_destroy(&a);
    if (status == 0)
        samples_add(&r->cold[which], now_us() - from);
    else if (which == 0)
        die("%s ended with %d", argv[0], status);
}

static void
round_of_cold(struct run *r)
{
    char mail[512], root[512], p7s[512], content[512];

    snprintf(mail, sizeof(mail), "%s/cur/0", r->folder);
    snprintf(root, sizeof(root), "%s/root.pem", r->folder);
    snprintf(p7s, sizeof(p7s), "%s/p7s/0", r->folder);
    snprintf(content, sizeof(content), "%s/content/0", r->folder);
    for (int i = 0; i < COLD_EACH; i++) {
        breathe();
        cold(r, 0,
             (char *[]){(char *)(uintptr_t)r->smime, "verify", mail, NULL});
        breathe();
        cold(r, 1,
             (char *[]){"certtool", "--p7-verify", "--load-ca-certificate",
                        root, "--inder", "--infile", p7s, "--load-data",
                        content, NULL});
        breathe();
        cold(r, 2,
             (char *[]){"openssl", "cms", "-verify", "-CAfile", root, "-in",
                        mail, NULL});
    }
}

static void
print_table(struct run *r)
{
    double nss;

    printf("verify 4 KiB with its chain, p50 in microseconds\n%-18s", "");
    for (enum peer p = 0; p < PEERS; p++)
        printf("%12s", peer_name[p]);
    printf("%12s\n", "of NSS");
    for (enum load load = 0; load < LOADS; load++) {
        printf("%-18s", load_name[load]);
        for (enum peer p = 0; p < PEERS; p++)
            if (r->there[p])
                printf("%12.0f", samples_p50(&r->took[p][load]));
            else
                printf("%12s", "not here");
        nss = samples_p50(&r->took[NSS][load]);
        if (r->there[NSS])
            printf("%12.2f", samples_p50(&r->took[SMIME_AGENT][load]) / nss);
        printf("\n");
    }
    printf("cold: smime verify %.0f, certtool --p7-verify %.0f, openssl cms "
           "-verify %.0f\n",
           samples_p50(&r->cold[0]), samples_p50(&r->cold[1]),
           samples_p50(&r->cold[2]));
}

int
main(int argc, char **argv)
{
    struct smime_error error = {0};
    static struct run r;

    if (argc != 4)
        die("usage: smime-bench-verify FOLDER COUNT SMIME");
    r.folder = argv[1];
    r.count = strtol(argv[2], NULL, 10);
    r.smime = argv[3];
    r.next = 1;
    if (smime_client_connect(SMIME_SOCKET_MAIL, &r.client, &error) != 0)
        die("%s", error.message);
    r.there[SMIME_AGENT] = true;
    r.there[NSS] = nss_begin(r.folder);
    r.there[GPGSM] = gpgsm_begin();
    for (int i = 0; i < ROUNDS; i++) {
        round_of(&r);
        if (i % 4 == 0)
            round_of_cold(&r);
    }
    print_table(&r);
    smime_client_drop(&r.client);
    return 0;
}
