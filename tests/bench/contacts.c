/*
 * smime-bench-contacts fill FILE COUNT     a contacts.db of COUNT contacts of
 *                                          2 KiB, and how fast it grows
 * smime-bench-contacts look FILE PEOPLE KEYRING_PID
 *
 * look: the agent's answers about the contacts that tests/bench/contacts had
 * it harvest (PEOPLE of them), beside what SQLite alone takes for the same
 * rows of the same file; only ratios inside one run count.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "agent/keyring/store_internal.h"
#include "client/lib/smime_client.h"
#include "tests/bench/bench.h"

#define DER_BYTES 2048
#define BATCH     1000
#define LOOKS     4000

/* ---- filling ------------------------------------------------------------- */

static const char *const given[] = {
    "anna", "bela",  "carla", "dario", "elena", "farid",  "greta", "hugo",
    "ines", "jonas", "kaja",  "leon",  "maria", "nikola", "olga",  "pavel"};
static const char *const family[] = {"albers", "bianchi", "costa",  "dahl",
                                     "ekberg", "fischer", "garcia", "hansen",
                                     "ivanov", "jensen",  "keller", "lindt",
                                     "moreau", "novak",   "olsen",  "peters"};

struct person {
    uint8_t der[DER_BYTES], fingerprint[32], key_hash[32];
    char address[128], name[64], subject[256], issuer[96];
    struct slice_list addresses, none;
    struct description about;
    struct lesson lesson;
};

/* Numbers that look random and are the same in each run. */
static uint64_t
scatter(uint64_t x)
{
    x ^= x >> 33;
    x *= 0xff51afd7ed558ccdu;
    x ^= x >> 33;
    x *= 0xc4ceb9fe1a85ec53u;
    return x ^ x >> 33;
}

static void
person_make(struct person *p, uint64_t n, int64_t now)
{
    uint64_t r = scatter(n + 1);
    const char *a = given[r % 16], *b = family[r / 16 % 16];

    for (size_t i = 0; i < DER_BYTES; i += 8) {
        uint64_t bits = scatter(n * 256 + i);

        memcpy(p->der + i, &bits, 8);
    }
    memcpy(p->fingerprint, p->der, 32);
    memcpy(p->key_hash, p->der + 32, 32);
    snprintf(p->address, sizeof(p->address), "%s.%s%llu@dept%llu.example.net",
             a, b, (unsigned long long)n, (unsigned long long)(r % 3000));
    snprintf(p->name, sizeof(p->name), "%s %s", a, b);
    snprintf(p->subject, sizeof(p->subject), "CN=%s %s,O=Works %llu,C=EU", a, b,
             (unsigned long long)(r % 5000));
    snprintf(p->issuer, sizeof(p->issuer), "CN=Mail CA %llu,O=Trust Ltd",
             (unsigned long long)(r % 20));
    p->addresses.n = 1;
    p->addresses.item[0] = slice_text(p->address);
    p->none.n = 0;
    p->about = (struct description){.addresses = p->addresses,
                                    .subject = slice_text(p->subject),
                                    .issuer = slice_text(p->issuer),
                                    .name = slice_text(p->name),
                                    .serial = slice_text("01"),
                                    .fingerprint = {p->fingerprint, 32},
                                    .key_hash = {p->key_hash, 32},
                                    .not_before = (uint64_t)now - 86400,
                                    .not_after = (uint64_t)now + 31536000,
                                    .uses = USE_SIGN | USE_DECRYPT,
                                    .type = KEY_RSA,
                                    .bits = 3072};
    p->lesson = (struct lesson){.der = {p->der, DER_BYTES},
                                .about = &p->about,
                                .addresses = &p->addresses,
                                .issuers = &p->none,
                                .origin = slice_text("harvest"),
                                .message_id = slice_text("<1@example.net>"),
                                .sender_seen = true,
                                .now = now};
}

/* A million rows within minutes: nothing of it has to outlive a crash, and
 * the pages that all the indexes touch stay in memory. What the keyring does
 * itself is measured by the harvest that follows. */
static void
settings_loosen(struct store *s, const char *file)
{
    sqlite3_soft_heap_limit64(0);
    if (sqlite3_exec(s->db,
                     "PRAGMA synchronous = OFF; PRAGMA cache_size = -2000000;"
                     "PRAGMA wal_autocheckpoint = 100000;",
                     NULL, NULL, NULL) != SQLITE_OK)
        die("%s: %s", file, sqlite3_errmsg(s->db));
}

static void
fill(const char *file, long count)
{
    struct store *s = store_open(file);
    int64_t now = (int64_t)time(NULL);
    double from = now_us(), indexed;
    static struct person p;
    struct problem why = {0};
    enum learned learned;

    if (store_fault(s))
        die("%s: %s", file, store_fault(s));
    settings_loosen(s, file);
    for (long i = 0; i < count; i++) {
        person_make(&p, (uint64_t)i, now);
        if (store_learn(s, &p.lesson, 1, true, &learned, &why) != ERR_OK ||
            (i % BATCH == BATCH - 1 && store_keep(s, &why) != ERR_OK))
            die("%s: %s", file, why.detail);
    }
    if (store_keep(s, &why) != ERR_OK)
        die("%s: %s", file, why.detail);
    indexed = now_us();
    printf("filled: %ld contacts of %d bytes, %.0f a second, a commit for "
           "each %d\n",
           count, DER_BYTES, (double)count / ((indexed - from) / 1e6), BATCH);
    while (store_work(s))
        continue;
    printf("indexed the rest in %.1f s\n", (now_us() - indexed) / 1e6);
    store_drop(&s);
}

/* ---- SQLite alone -------------------------------------------------------- */

static void
address_of(char out[64], long person)
{
    snprintf(out, 64, "person%ld@example.org", person);
}

static double
sqlite_looks(sqlite3 *db, long people)
{
    sqlite3_stmt *st = NULL;
    struct samples s = {.count = 0};
    char address[64];

    if (sqlite3_prepare_v2(db,
                           "SELECT k.der, k.name, k.subject, c.state FROM"
                           " contact c JOIN certificate k ON k.id ="
                           " c.certificate WHERE c.address_key = ?1",
                           -1, &st, NULL) != SQLITE_OK)
        die("%s", sqlite3_errmsg(db));
    for (long i = 0; i < LOOKS; i++) {
        double from = now_us();

        address_of(address, (long)(scatter((uint64_t)i) % (uint64_t)people));
        sqlite3_reset(st);
        sqlite3_bind_text(st, 1, address, -1, SQLITE_STATIC);
        if (sqlite3_step(st) != SQLITE_ROW ||
            sqlite3_column_bytes(st, 0) == 0 || !sqlite3_column_text(st, 2))
            die("%s is not there", address);
        samples_add(&s, now_us() - from);
    }
    sqlite3_finalize(st);
    return samples_p50(&s);
}

/* Single full commits a second, into a table of its own. */
static double
sqlite_commits(const char *beside)
{
    char file[512];
    sqlite3 *db = NULL;
    double from;
    int n = 200;

    snprintf(file, sizeof(file), "%s.commits", beside);
    if (sqlite3_open(file, &db) != SQLITE_OK ||
        sqlite3_exec(db,
                     "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                     "CREATE TABLE t(x)",
                     NULL, NULL, NULL) != SQLITE_OK)
        die("%s", sqlite3_errmsg(db));
    from = now_us();
    for (int i = 0; i < n; i++)
        if (sqlite3_exec(db, "INSERT INTO t VALUES(randomblob(2048))", NULL,
                         NULL, NULL) != SQLITE_OK)
            die("%s", sqlite3_errmsg(db));
    from = now_us() - from;
    sqlite3_close(db);
    (void)remove(file);
    return n / (from / 1e6);
}

/* ---- through the agent --------------------------------------------------- */

static void
ask(struct smime_client *c, const char *method, const char *parameters)
{
    struct smime_error error = {0};
    char *reply = NULL;

    if (smime_client_call(c, method, parameters, NULL, 0, 60000, &reply,
                          &error) != 0)
        die("%s: %s", method, error.message ? error.message : error.name);
    free(reply);
}

static struct smime_client *
connect_agent(void)
{
    struct smime_error error = {0};
    struct smime_client *c = NULL;

    if (smime_client_connect(SMIME_SOCKET_MAIL, &c, &error) != 0)
        die("%s", error.message ? error.message : error.name);
    return c;
}

static double
agent_looks(const char *method, long people)
{
    struct smime_client *c = connect_agent();
    struct samples s = {.count = 0};
    char parameters[128], address[64];

    for (long i = 0; i < LOOKS; i++) {
        double from = now_us();

        address_of(address, (long)(scatter((uint64_t)i) % (uint64_t)people));
        snprintf(parameters, sizeof(parameters), "{\"address\":\"%s\"}",
                 address);
        ask(c, method, parameters);
        samples_add(&s, now_us() - from);
    }
    smime_client_drop(&c);
    return samples_p50(&s);
}

/* Three processes that only pass messages on. */
static double
null_looks(void)
{
    struct null_trip *n = null_trip_open();
    struct samples s = {.count = 0};

    for (long i = 0; i < LOOKS; i++) {
        double from = now_us();

        null_trip_run(n);
        samples_add(&s, now_us() - from);
    }
    null_trip_close(n);
    return samples_p50(&s);
}

static double
agent_list(const char *parameters)
{
    struct smime_client *c = connect_agent();
    struct samples s = {.count = 0};

    for (int i = 0; i < 15; i++) {
        double from = now_us();

        ask(c, "io.smimeagent.Contacts.List", parameters);
        samples_add(&s, now_us() - from);
    }
    smime_client_drop(&c);
    return samples_p50(&s) / 1000;
}

static long
peak_kib(const char *pid)
{
    char path[64], line[256];
    long kib = -1;
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%s/status", pid);
    f = fopen(path, "r");
    while (f && fgets(line, sizeof(line), f))
        if (sscanf(line, "VmHWM: %ld", &kib) == 1)
            break;
    if (f)
        fclose(f);
    return kib;
}

static void
look(const char *file, long people, const char *keyring)
{
    static const char *const searches[] = {
        "fischer",   "example.net", "works 4321", "nobody at all", "person77@",
        "mail ca 7", "an",          "qx",         "\u592a\u90ce"};
    sqlite3 *db = NULL;
    char parameters[128];
    double alone;

    if (sqlite3_open_v2(file, &db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK)
        die("%s", sqlite3_errmsg(db));
    alone = sqlite_looks(db, people);
    printf("look-up: SQLite alone          %8.1f us p50\n", alone);
    printf("look-up: null round trip        %8.1f us p50, through three "
           "processes\n",
           null_looks());
    printf("look-up: Contacts.Find         %8.1f us p50\n",
           agent_looks("io.smimeagent.Contacts.Find", people));
    printf("look-up: Contacts.Show         %8.1f us p50, with its chain\n",
           agent_looks("io.smimeagent.Contacts.Show", people));
    printf("look-up: SQLite alone, again   %8.1f us p50\n",
           sqlite_looks(db, people));
    printf("first page of 50               %8.1f ms p50\n",
           agent_list("{\"limit\":50}"));
    for (size_t i = 0; i < ARRAY_COUNT(searches); i++) {
        snprintf(parameters, sizeof(parameters),
                 "{\"search\":\"%s\",\"limit\":50}", searches[i]);
        printf("search %-20s    %8.1f ms p50\n", searches[i],
               agent_list(parameters));
    }
    printf("SQLite's single full commits   %8.0f a second\n",
           sqlite_commits(file));
    printf("most memory of the keyring     %8.1f MiB\n",
           (double)peak_kib(keyring) / 1024);
    sqlite3_close(db);
}

int
main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "fill") == 0)
        fill(argv[2], strtol(argv[3], NULL, 10));
    else if (argc == 5 && strcmp(argv[1], "look") == 0)
        look(argv[2], strtol(argv[3], NULL, 10), argv[4]);
    else
        die("usage: fill FILE COUNT, or look FILE PEOPLE KEYRING_PID");
    return 0;
}
