/*
 * Does with every key of a token what its kind can do, by tokens/ alone, and
 * checks each result with OpenSSL.
 *
 *     probe MODULE INIT TOKEN < PIN       INIT may be empty
 *
 * Prints a line for each operation: its name, a tab, and "yes", or "no:" with
 * the reason, or "WRONG" when the result is; the last ones are the times.
 * Exit code 1 when anything was WRONG.
 */
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tokens/tokens.h"

#define ARRAY_COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define TIMED          9 /* operations for one time: the middle one counts */

static struct token *token;
static bool anything_wrong;

static const struct {
    enum token_hash hash;
    const char *name;
} hashes[] = {
    {TOKEN_HASH_SHA1, "SHA1"},     {TOKEN_HASH_SHA224, "SHA224"},
    {TOKEN_HASH_SHA256, "SHA256"}, {TOKEN_HASH_SHA384, "SHA384"},
    {TOKEN_HASH_SHA512, "SHA512"},
};

static void
say(const char *key, const char *what, enum tokens_err e, bool right)
{
    printf("%s %s\t", key, what);
    if (e == TOKENS_OK)
        puts(right ? "yes" : "WRONG");
    else if (tokens_last_rv() == 0)
        printf("no: %s\n", tokens_err_text(e));
    else
        printf("no: %s (%s: 0x%lx)\n", tokens_err_text(e), tokens_last_call(),
               tokens_last_rv());
    anything_wrong = anything_wrong || (e == TOKENS_OK && !right);
}

static bool
verifies(EVP_PKEY *key, int padding, const EVP_MD *md, const uint8_t *digest,
         const uint8_t *sig, size_t n)
{
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(key, NULL);
    bool ok =
        c && EVP_PKEY_verify_init(c) == 1 &&
        (!padding || EVP_PKEY_CTX_set_rsa_padding(c, padding) == 1) &&
        EVP_PKEY_CTX_set_signature_md(c, md) == 1 &&
        EVP_PKEY_verify(c, sig, n, digest, (size_t)EVP_MD_get_size(md)) == 1;

    EVP_PKEY_CTX_free(c);
    return ok;
}

static void
try_sign(const struct token_identity *k, EVP_PKEY *key, const char *name,
         enum token_scheme scheme, int padding, const char *scheme_name)
{
    for (size_t i = 0; i < ARRAY_COUNT(hashes); i++) {
        const EVP_MD *md = EVP_get_digestbyname(hashes[i].name);
        uint8_t digest[64] = {7, 1, 2}, sig[TOKEN_SIGNATURE_BYTES];
        char what[64];
        size_t n = 0;

        snprintf(what, sizeof(what), "sign %s %s", scheme_name, hashes[i].name);
        enum tokens_err e =
            token_sign(token, k->id, k->id_len, scheme, hashes[i].hash, digest,
                       (size_t)EVP_MD_get_size(md), NULL, sig, sizeof(sig), &n);
        say(name, what, e,
            e == TOKENS_OK && verifies(key, padding, md, digest, sig, n));
    }
}

static size_t
encrypt_for(EVP_PKEY *key, const EVP_MD *md, const EVP_MD *mgf,
            const char *label, uint8_t *out, size_t room)
{
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(key, NULL);
    bool ok = c && EVP_PKEY_encrypt_init(c) == 1 &&
              EVP_PKEY_CTX_set_rsa_padding(c, md ? RSA_PKCS1_OAEP_PADDING
                                                 : RSA_PKCS1_PADDING) == 1;

    if (ok && md)
        ok = EVP_PKEY_CTX_set_rsa_oaep_md(c, md) == 1 &&
             EVP_PKEY_CTX_set_rsa_mgf1_md(c, mgf) == 1;
    if (ok && md && label)
        ok = EVP_PKEY_CTX_set0_rsa_oaep_label(c, strdup(label),
                                              (int)strlen(label)) == 1;
    ok = ok && EVP_PKEY_encrypt(c, out, &room, (const uint8_t *)"content key",
                                11) == 1;
    EVP_PKEY_CTX_free(c);
    return ok ? room : 0;
}

static void
try_unwrap(const struct token_identity *k, EVP_PKEY *key, const char *name,
           const char *what, const struct token_padding *p, const EVP_MD *md,
           const EVP_MD *mgf)
{
    uint8_t wrapped[TOKEN_SIGNATURE_BYTES], plain[64];
    size_t n = 0, wn = encrypt_for(key, md, mgf, (const char *)p->label,
                                   wrapped, sizeof(wrapped));
    enum tokens_err e = token_unwrap(token, k->id, k->id_len, p, wrapped, wn,
                                     NULL, plain, sizeof(plain), &n);

    say(name, what, e, n == 11 && memcmp(plain, "content key", 11) == 0);
}

static void
try_oaep(const struct token_identity *k, EVP_PKEY *key, const char *name)
{
    static const char label[] = "a label";

    for (size_t i = 0; i < ARRAY_COUNT(hashes); i++)
        for (int l = 0; l < 2; l++) {
            struct token_padding p = {.scheme = TOKEN_RSA_OAEP,
                                      .hash = hashes[i].hash};
            const EVP_MD *md = EVP_get_digestbyname(hashes[i].name);
            char what[64];

            if (l)
                p.label = (const uint8_t *)label, p.label_len = strlen(label);
            snprintf(what, sizeof(what), "OAEP %s%s", hashes[i].name,
                     l ? " with a label" : "");
            try_unwrap(k, key, name, what, &p, md, md);
        }
    try_unwrap(k, key, name, "OAEP SHA256 with MGF1 of SHA1",
               &(struct token_padding){.scheme = TOKEN_RSA_OAEP,
                                       .hash = TOKEN_HASH_SHA256,
                                       .mgf_hash = TOKEN_HASH_SHA1},
               EVP_sha256(), EVP_sha1());
}

static void
try_eddsa(const struct token_identity *k, EVP_PKEY *key, const char *name)
{
    const uint8_t text[] = "a whole message";
    uint8_t sig[TOKEN_SIGNATURE_BYTES];
    size_t n = 0;
    enum tokens_err e =
        token_sign(token, k->id, k->id_len, TOKEN_EDDSA, TOKEN_HASH_NONE, text,
                   sizeof(text), NULL, sig, sizeof(sig), &n);
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    bool ok = e == TOKENS_OK && c &&
              EVP_DigestVerifyInit(c, NULL, NULL, NULL, key) == 1 &&
              EVP_DigestVerify(c, sig, n, text, sizeof(text)) == 1;

    EVP_MD_CTX_free(c);
    say(name, "sign Ed25519", e, ok);
}

static EVP_PKEY *
new_like(EVP_PKEY *key)
{
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(key, NULL);
    EVP_PKEY *made = NULL;

    if (!c || EVP_PKEY_keygen_init(c) != 1 || EVP_PKEY_keygen(c, &made) != 1)
        made = NULL;
    EVP_PKEY_CTX_free(c);
    return made;
}

static void
try_agree(const struct token_identity *k, EVP_PKEY *key, const char *name)
{
    EVP_PKEY *peer = new_like(key);
    EVP_PKEY_CTX *c = peer ? EVP_PKEY_CTX_new(peer, NULL) : NULL;
    uint8_t here[128], there[128], *point = NULL;
    size_t n = sizeof(here), tn = 0;
    size_t pn = peer ? EVP_PKEY_get1_encoded_public_key(peer, &point) : 0;
    bool ok = c && EVP_PKEY_derive_init(c) == 1 &&
              EVP_PKEY_derive_set_peer(c, key) == 1 &&
              EVP_PKEY_derive(c, here, &n) == 1;
    enum tokens_err e = token_agree(token, k->id, k->id_len, point, pn, NULL,
                                    there, sizeof(there), &tn);

    say(name, "agree", e, ok && tn == n && memcmp(here, there, n) == 0);
    OPENSSL_free(point);
    EVP_PKEY_CTX_free(c);
    EVP_PKEY_free(peer);
}

static int
compare(const void *a, const void *b)
{
    double d = *(const double *)a - *(const double *)b;

    return d < 0 ? -1 : d > 0;
}

static void
time_sign(const struct token_identity *k, const char *name,
          enum token_scheme scheme)
{
    uint8_t digest[32] = {1}, sig[TOKEN_SIGNATURE_BYTES];
    double ms[TIMED];
    size_t n = 0;

    for (int i = 0; i < TIMED; i++) {
        struct timespec a, b;

        clock_gettime(CLOCK_MONOTONIC, &a);
        if (token_sign(token, k->id, k->id_len, scheme, TOKEN_HASH_SHA256,
                       digest, 32, NULL, sig, sizeof(sig), &n) != TOKENS_OK)
            return;
        clock_gettime(CLOCK_MONOTONIC, &b);
        ms[i] = (double)(b.tv_sec - a.tv_sec) * 1e3 +
                (double)(b.tv_nsec - a.tv_nsec) / 1e6;
    }
    qsort(ms, TIMED, sizeof(ms[0]), compare);
    printf("%s one signature\t%.2f ms\n", name, ms[TIMED / 2]);
}

static void
try_rsa(const struct token_identity *k, EVP_PKEY *key, const char *name)
{
    try_sign(k, key, name, TOKEN_RSA_PKCS1, RSA_PKCS1_PADDING, "v1.5");
    try_sign(k, key, name, TOKEN_RSA_PSS, RSA_PKCS1_PSS_PADDING, "PSS");
    try_unwrap(k, key, name, "decrypt v1.5",
               &(struct token_padding){.scheme = TOKEN_RSA_PKCS1}, NULL, NULL);
    try_oaep(k, key, name);
    time_sign(k, name, TOKEN_RSA_PKCS1);
}

static void
try_key(const struct token_identity *k)
{
    const unsigned char *p = k->spki;
    EVP_PKEY *key = p ? d2i_PUBKEY(NULL, &p, (long)k->spki_len) : NULL;
    char name[32];

    if (!key) {
        printf("%s\tits public key is not known\n", k->label);
        return;
    }
    switch (k->type) {
    case TOKEN_KEY_RSA:
        snprintf(name, sizeof(name), "RSA-%u", k->bits);
        try_rsa(k, key, name);
        break;
    case TOKEN_KEY_EC:
        snprintf(name, sizeof(name), "P-%u", k->bits);
        try_sign(k, key, name, TOKEN_ECDSA, 0, "ECDSA");
        try_agree(k, key, name);
        time_sign(k, name, TOKEN_ECDSA);
        break;
    case TOKEN_KEY_ED25519:
        try_eddsa(k, key, "Ed25519");
        break;
    case TOKEN_KEY_X25519:
        try_agree(k, key, "X25519");
        break;
    case TOKEN_KEY_UNKNOWN:
        break;
    }
    EVP_PKEY_free(key);
}

/* One key of each kind and size is enough. */
static bool
seen_before(const struct token_identities *list, size_t at)
{
    for (size_t i = 0; i < at; i++)
        if (list->all[i].has_private &&
            list->all[i].type == list->all[at].type &&
            list->all[i].bits == list->all[at].bits)
            return true;
    return false;
}

static int
run(struct token_store *store, const char *which, const char *pin)
{
    const struct token_identities *list = NULL;
    enum tokens_err e = token_store_find(store, which, &token);

    if (e == TOKENS_OK)
        e = token_login(token, (const uint8_t *)pin, strlen(pin));
    if (e == TOKENS_OK)
        e = token_identities_read(token, &list);
    if (e != TOKENS_OK) {
        fprintf(stderr, "probe: %s (%s: 0x%lx)\n", tokens_err_text(e),
                tokens_last_call(), tokens_last_rv());
        return 2;
    }
    for (size_t i = 0; i < list->count; i++)
        if (list->all[i].has_private && !seen_before(list, i))
            try_key(&list->all[i]);
    token_identities_drop(&list);
    return anything_wrong;
}

int
main(int argc, char **argv)
{
    struct token_module module = {.name = "probed"};
    struct token_config config = {.modules = &module,
                                  .module_count = 1,
                                  .vtoken_path = VTOKEN_PATH,
                                  .start_timeout_ms = 20000};
    struct token_store *store = NULL;
    char pin[64] = "";

    if (argc != 4 || !fgets(pin, sizeof(pin), stdin)) {
        fputs("usage: probe MODULE INIT TOKEN < PIN\n", stderr);
        return 2;
    }
    pin[strcspn(pin, "\n")] = '\0';
    signal(SIGPIPE, SIG_IGN);
    module.path = argv[1];
    module.init = argv[2][0] ? argv[2] : NULL;
    if (token_store_new(&config, &store) != TOKENS_OK)
        return 2;
    int status = run(store, argv[3], pin);
    token_store_drop(&store);
    fflush(stdout);
    _Exit(status); /* some modules crash in their destructors */
}
