/*
 * A fake agent for the PKCS#11 module, in a thread: any number of requests on
 * a few connections, each answered by what its method is to give. It can be
 * stopped and started anew at the same path.
 */
#ifndef TESTS_UNIT_PKCS11_AGENT_H
#define TESTS_UNIT_PKCS11_AGENT_H

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#define LIMIT_AGENT_CONNECTIONS 64
#define REQUEST_BYTES           (256 * 1024)

/* 128 bytes of a modulus, and what a signature of that length looks like. */
#define HEX_16   "c0ffee00c0ffee11c0ffee22c0ffee33"
#define HEX_64   HEX_16 HEX_16 HEX_16 HEX_16
#define HEX_128  HEX_64 HEX_64
#define DER_SIG  "3006020101020102"
#define OID_P256 "06082a8648ce3d030107"
#define POINT    "04" HEX_64

#define RSA_KEY                                                                \
    "{\"key\":\"aa01\",\"id\":\"0101\",\"label\":\"rsa\",\"token\":\"t\","     \
    "\"uri\":\"pkcs11:token=t\",\"unlocked\":false,\"private\":\"yes\","       \
    "\"type\":\"rsa\",\"bits\":1024,\"uses\":[\"sign\",\"decrypt\"],"          \
    "\"modulus\":\"" HEX_128 "\",\"exponent\":\"010001\","                     \
    "\"public_key\":\"3000\",\"certificate\":{\"der\":\"30820001\","           \
    "\"subject\":\"3001\",\"issuer\":\"3002\",\"serial\":\"020107\"},"         \
    "\"chain\":[{\"der\":\"30820002\",\"subject\":\"3002\","                   \
    "\"issuer\":\"3002\",\"serial\":\"020108\"}]}"
#define EC_KEY                                                                 \
    "{\"key\":\"aa02\",\"id\":\"0202\",\"label\":\"ec\",\"token\":\"t\","      \
    "\"uri\":\"pkcs11:token=t\",\"unlocked\":false,\"private\":\"yes\","       \
    "\"type\":\"ec\",\"bits\":256,\"uses\":[\"sign\",\"agree\"],"              \
    "\"public_key\":\"3000\",\"curve\":\"" OID_P256 "\",\"point\":\"" POINT    \
    "\"}"
#define ED_KEY                                                                 \
    "{\"key\":\"aa03\",\"id\":\"0303\",\"label\":\"ed\",\"token\":\"t\","      \
    "\"uri\":\"pkcs11:token=t\",\"unlocked\":false,\"private\":\"yes\","       \
    "\"type\":\"ed25519\",\"bits\":255,\"uses\":[\"sign\"],"                   \
    "\"public_key\":\"3000\",\"point\":\"" HEX_16 HEX_16 "\"}"
#define REPLY(members) "{\"parameters\":{" members "}}"
#define ERROR(name)                                                            \
    "{\"error\":\"io.smimeagent.Raw." name                                     \
    "\",\"parameters\":{\"message\":\"m\"}}"

static struct fake {
    pthread_mutex_t mutex; /* guards what follows until the empty line */
    const char *list, *tokens, *unlock, *sign, *unwrap, *agree,
        *content; /* NULL: ends */
    int lists, unlocks, operations, accepted;
    char last[4096]; /* the last request that was no list */

    char path[128];
    int listener;
    int stop[2];
    pthread_t thread;
} fake = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static inline void
fake_defaults(void)
{
    pthread_mutex_lock(&fake.mutex);
    fake.list = REPLY("\"keys\":[" RSA_KEY "," EC_KEY "," ED_KEY "]");
    fake.tokens = REPLY("\"tokens\":[{\"label\":\"t\",\"state\":\"unlocked\","
                        "\"uri\":\"pkcs11:token=t\"}]");
    fake.unlock = REPLY("\"token\":\"t\",\"already\":false");
    fake.sign = REPLY("\"signature\":\"" HEX_128 "\"");
    fake.unwrap = REPLY("\"unwrapped\":\"68656c6c6f\"");
    fake.agree = REPLY("\"agreed\":\"" HEX_16 HEX_16 "\"");
    fake.content = REPLY("\"unwrapped\":\"68656c6c6f\"");
    fake.lists = fake.unlocks = fake.operations = fake.accepted = 0;
    fake.last[0] = '\0';
    pthread_mutex_unlock(&fake.mutex);
}

static inline void
fake_set(const char **which, const char *answer)
{
    pthread_mutex_lock(&fake.mutex);
    *which = answer;
    pthread_mutex_unlock(&fake.mutex);
}

static inline int
fake_count(const int *which)
{
    pthread_mutex_lock(&fake.mutex);
    int n = *which;
    pthread_mutex_unlock(&fake.mutex);
    return n;
}

/* Under the mutex. */
static inline const char *
fake_answer(const char *request)
{
    bool list = strstr(request, "Raw.List") != NULL;

    if (!list)
        snprintf(fake.last, sizeof(fake.last), "%.*s",
                 (int)sizeof(fake.last) - 1, request);
    if (list) {
        fake.lists++;
        return fake.list;
    }
    if (strstr(request, "Keys.Tokens"))
        return fake.tokens;
    if (strstr(request, "Raw.Unlock")) {
        fake.unlocks++;
        return fake.unlock;
    }
    fake.operations++;
    if (strstr(request, "UnwrapContentKey"))
        return fake.content;
    return strstr(request, "SignDigest")  ? fake.sign
           : strstr(request, "UnwrapKey") ? fake.unwrap
                                          : fake.agree;
}

/* One request and its answer; false: this connection is over. */
static inline bool
fake_serve(int conn)
{
    static char request[REQUEST_BYTES];
    size_t n = 0, len;
    const char *answer;

    do {
        ssize_t got = recv(conn, request + n, sizeof(request) - n, 0);

        if (got <= 0)
            return false;
        n += (size_t)got;
    } while (n < sizeof(request) && request[n - 1] != '\0');
    pthread_mutex_lock(&fake.mutex);
    answer = fake_answer(request);
    pthread_mutex_unlock(&fake.mutex);
    len = answer ? strlen(answer) + 1 : 0;
    return answer && send(conn, answer, len, MSG_NOSIGNAL) == (ssize_t)len;
}

static inline void *
fake_run(void *arg)
{
    struct pollfd all[LIMIT_AGENT_CONNECTIONS] = {
        {.fd = fake.stop[0], .events = POLLIN},
        {.fd = fake.listener, .events = POLLIN}};
    nfds_t n = 2;

    (void)arg;
    while (poll(all, n, -1) > 0 && all[0].revents == 0) {
        for (nfds_t i = n; i > 2; i--) {
            if (all[i - 1].revents == 0 || fake_serve(all[i - 1].fd))
                continue;
            close(all[i - 1].fd);
            all[i - 1] = all[--n];
        }
        if (all[1].revents && n < LIMIT_AGENT_CONNECTIONS) {
            all[n++] = (struct pollfd){
                .fd = accept4(fake.listener, NULL, NULL, SOCK_CLOEXEC),
                .events = POLLIN};
            pthread_mutex_lock(&fake.mutex);
            fake.accepted++;
            pthread_mutex_unlock(&fake.mutex);
        }
    }
    while (n > 2)
        close(all[--n].fd);
    return NULL;
}

static inline void
fake_start(void)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    char base[64];

    snprintf(base, sizeof(base), "/tmp/pkcs11-test-%d", (int)getpid());
    snprintf(fake.path, sizeof(fake.path), "%s.raw", base);
    snprintf(a.sun_path, sizeof(a.sun_path), "%s.raw", base);
    (void)unlink(fake.path);
    fake.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fake.listener, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(listen(fake.listener, 64), 0);
    assert_int_equal(pipe2(fake.stop, O_CLOEXEC), 0);
    setenv("SMIME_AGENT_SOCK", base, 1);
    assert_int_equal(pthread_create(&fake.thread, NULL, fake_run, NULL), 0);
}

static inline void
fake_stop(void)
{
    close(fake.stop[1]);
    assert_int_equal(pthread_join(fake.thread, NULL), 0);
    close(fake.stop[0]);
    close(fake.listener);
    unlink(fake.path);
}

#endif
