/*
 * What the tests of tokens/ share: a SoftHSM token in a folder of its own,
 * seen through the fault module, and keys made by OpenSSL. Exits 77 when
 * there is no SoftHSM.
 */
#ifndef TESTS_TOKENS_FIXTURE_H
#define TESTS_TOKENS_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dlfcn.h>
#include <ftw.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <p11-kit/pkcs11.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tokens/write.h"

#define SOFTHSM "/usr/lib/softhsm/libsofthsm2.so"
#define PIN     "123456"
#define UNUSED  __attribute__((unused))

static char folder[64];
static CK_FUNCTION_LIST *raw; /* SoftHSM itself, behind our back */
static struct token_store *store;
static struct token *token;
static void (*fault_reset)(void);
static unsigned long (*fault_count)(const char *name);
static UNUSED unsigned long (*fault_hanging)(void);

static int
remove_one(const char *path, const struct stat *s, int type, struct FTW *w)
{
    (void)s;
    (void)type;
    (void)w;
    return remove(path);
}

static UNUSED void
write_file(const char *name, const char *text)
{
    char path[128], fresh[160];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    snprintf(fresh, sizeof(fresh), "%s.new", path);
    FILE *f = fopen(fresh, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    assert_int_equal(rename(fresh, path), 0);
}

/* The fault module does what PLAN says from the next call on. */
static UNUSED void
faults(const char *plan)
{
    write_file("plan", plan);
}

static CK_FUNCTION_LIST *
module_list(const char *path)
{
    CK_RV (*get)(CK_FUNCTION_LIST **) = NULL;
    CK_FUNCTION_LIST *f = NULL;
    void *so = dlopen(path, RTLD_NOW);

    if (!so)
        return NULL;
    *(void **)&get = dlsym(so, "C_GetFunctionList");
    return get && get(&f) == CKR_OK ? f : NULL;
}

/* Initialises the free slot as a token with a user PIN. */
static UNUSED void
make_token(const char *label)
{
    CK_SLOT_ID ids[16];
    CK_ULONG n = 16;
    CK_SESSION_HANDLE s;
    unsigned char padded[32];

    memset(padded, ' ', sizeof(padded));
    memcpy(padded, label, strlen(label));
    assert_int_equal(raw->C_GetSlotList(CK_TRUE, NULL, &n), 0);
    n = 16;
    assert_int_equal(raw->C_GetSlotList(CK_TRUE, ids, &n), 0);
    CK_SLOT_ID slot = ids[n - 1];
    assert_int_equal(
        raw->C_InitToken(slot, (unsigned char *)"87654321", 8, padded), 0);
    assert_int_equal(raw->C_OpenSession(slot,
                                        CKF_SERIAL_SESSION | CKF_RW_SESSION,
                                        NULL, NULL, &s),
                     0);
    assert_int_equal(raw->C_Login(s, CKU_SO, (unsigned char *)"87654321", 8),
                     0);
    assert_int_equal(raw->C_InitPIN(s, (unsigned char *)PIN, 6), 0);
    assert_int_equal(raw->C_Logout(s), 0);
    assert_int_equal(raw->C_CloseSession(s), 0);
}

static UNUSED enum tokens_err
open_store_with(struct token_config config)
{
    static const struct token_module modules[] = {
        {.name = "fault", .path = FAULTMOD_PATH}};

    if (!config.modules) {
        config.modules = modules;
        config.module_count = 1;
    }
    if (!config.vtoken_path)
        config.vtoken_path = VTOKEN_PATH;
    return token_store_new(&config, &store);
}

static UNUSED int
fixture_start(void **state)
{
    char text[256];

    (void)state;
    if (access(SOFTHSM, R_OK) != 0)
        exit(77);
    strcpy(folder, "/tmp/tokens-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(text, sizeof(text),
             "directories.tokendir = %s\nobjectstore.backend = file\n"
             "log.level = ERROR\n",
             folder);
    write_file("softhsm2.conf", text);
    write_file("plan", "");
    snprintf(text, sizeof(text), "%s/softhsm2.conf", folder);
    setenv("SOFTHSM2_CONF", text, 1);
    snprintf(text, sizeof(text), "%s/plan", folder);
    setenv("FAULT_PLAN", text, 1);
    setenv("FAULT_MODULE", SOFTHSM, 1);
    raw = module_list(SOFTHSM);
    assert_non_null(raw);
    void *so = dlopen(FAULTMOD_PATH, RTLD_NOW);
    assert_non_null(so);
    *(void **)&fault_reset = dlsym(so, "faultmod_reset");
    *(void **)&fault_count = dlsym(so, "faultmod_count");
    *(void **)&fault_hanging = dlsym(so, "faultmod_hanging");
    assert_true(fault_count && fault_hanging);
    assert_int_equal(raw->C_Initialize(NULL), 0);
    make_token("one");
    return 0;
}

static UNUSED int
fixture_end(void **state)
{
    (void)state;
    faults("");
    token_store_drop(&store);
    raw->C_Finalize(NULL);
    nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    return 0;
}

static UNUSED int
login_start(void **state)
{
    fixture_start(state);
    /* SoftHSM was initialised by us: the store's C_Initialize must be the
     * one that counts. */
    raw->C_Finalize(NULL);
    assert_int_equal(open_store_with((struct token_config){0}), TOKENS_OK);
    assert_int_equal(token_store_find(store, "one", &token), TOKENS_OK);
    assert_int_equal(token_login(token, (const uint8_t *)PIN, 6), TOKENS_OK);
    return 0;
}

/* ---- keys -----------------------------------------------------------------
 */

/* A software key with its PKCS#11 components. */
struct soft_key {
    EVP_PKEY *key;
    struct token_private_key parts;
    uint8_t bytes[8][600];
    uint8_t id[TOKEN_KEY_ID_BYTES];
};

static struct token_bytes
soft_number(struct soft_key *k, int place, const char *name)
{
    BIGNUM *n = NULL;

    assert_int_equal(EVP_PKEY_get_bn_param(k->key, name, &n), 1);
    size_t len = (size_t)BN_bn2bin(n, k->bytes[place]);
    BN_clear_free(n);
    return (struct token_bytes){k->bytes[place], len};
}

static UNUSED void
soft_rsa(struct soft_key *k)
{
    memset(k, 0, sizeof(*k));
    k->key = EVP_RSA_gen(2048);
    assert_non_null(k->key);
    k->parts = (struct token_private_key){
        .type = TOKEN_KEY_RSA,
        .uses = TOKEN_USE_SIGN | TOKEN_USE_DECRYPT,
        .label = "rsa",
        .modulus = soft_number(k, 0, OSSL_PKEY_PARAM_RSA_N),
        .exponent = soft_number(k, 1, OSSL_PKEY_PARAM_RSA_E),
        .private_exponent = soft_number(k, 2, OSSL_PKEY_PARAM_RSA_D),
        .prime1 = soft_number(k, 3, OSSL_PKEY_PARAM_RSA_FACTOR1),
        .prime2 = soft_number(k, 4, OSSL_PKEY_PARAM_RSA_FACTOR2),
        .exponent1 = soft_number(k, 5, OSSL_PKEY_PARAM_RSA_EXPONENT1),
        .exponent2 = soft_number(k, 6, OSSL_PKEY_PARAM_RSA_EXPONENT2),
        .coefficient = soft_number(k, 7, OSSL_PKEY_PARAM_RSA_COEFFICIENT1),
    };
    assert_int_equal(token_key_id(&k->parts, k->id), TOKENS_OK);
}

static UNUSED void
soft_ec(struct soft_key *k)
{
    static const uint8_t p256[] = {6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7};
    size_t n = 0;

    memset(k, 0, sizeof(*k));
    k->key = EVP_EC_gen("P-256");
    assert_non_null(k->key);
    assert_int_equal(
        EVP_PKEY_get_octet_string_param(k->key, OSSL_PKEY_PARAM_PUB_KEY,
                                        k->bytes[1], sizeof(k->bytes[1]), &n),
        1);
    k->parts = (struct token_private_key){
        .type = TOKEN_KEY_EC,
        .uses = TOKEN_USE_SIGN | TOKEN_USE_DERIVE,
        .label = "ec",
        .curve = {p256, sizeof(p256)},
        .point = {k->bytes[1], n},
        .value = soft_number(k, 0, OSSL_PKEY_PARAM_PRIV_KEY),
    };
    assert_int_equal(token_key_id(&k->parts, k->id), TOKENS_OK);
}

static UNUSED void
soft_25519(struct soft_key *k, enum token_key_type type)
{
    size_t pn = 32, vn = 32;
    bool ed = type == TOKEN_KEY_ED25519;

    memset(k, 0, sizeof(*k));
    k->key = EVP_PKEY_Q_keygen(NULL, NULL, ed ? "ED25519" : "X25519");
    assert_non_null(k->key);
    assert_int_equal(EVP_PKEY_get_raw_public_key(k->key, k->bytes[0], &pn), 1);
    assert_int_equal(EVP_PKEY_get_raw_private_key(k->key, k->bytes[1], &vn), 1);
    k->parts = (struct token_private_key){
        .type = type,
        .uses = ed ? TOKEN_USE_SIGN : TOKEN_USE_DERIVE,
        .label = ed ? "ed" : "x",
        .point = {k->bytes[0], pn},
        .value = {k->bytes[1], vn},
    };
    assert_int_equal(token_key_id(&k->parts, k->id), TOKENS_OK);
}

static UNUSED void
soft_ed25519(struct soft_key *k)
{
    soft_25519(k, TOKEN_KEY_ED25519);
}

static UNUSED void
soft_drop(struct soft_key *k)
{
    EVP_PKEY_free(k->key);
    OPENSSL_cleanse(k, sizeof(*k));
}

/* A self-signed certificate of the key; returns its DER. */
static UNUSED size_t
soft_certificate(struct soft_key *k, const char *name, uint8_t **out)
{
    X509 *x = X509_new();
    X509_NAME *n = X509_get_subject_name(x);

    *out = NULL;
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 7);
    X509_NAME_add_entry_by_txt(n, "CN", MBSTRING_ASC, (const uint8_t *)name, -1,
                               -1, 0);
    X509_set_issuer_name(x, n);
    X509_gmtime_adj(X509_getm_notBefore(x), 0);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    X509_set_pubkey(x, k->key);
    assert_true(X509_sign(x, k->key, EVP_sha256()) > 0);
    int len = i2d_X509(x, out);
    X509_free(x);
    assert_true(len > 0);
    return (size_t)len;
}

/* Imports the key for good. */
static UNUSED void
import_key(const struct soft_key *k)
{
    struct token_import *i = NULL;
    bool already = true;

    assert_int_equal(token_import_begin(token, &i), TOKENS_OK);
    assert_int_equal(token_import_add_key(i, &k->parts, &already), TOKENS_OK);
    assert_false(already);
    assert_int_equal(token_import_prove(i), TOKENS_OK);
    assert_int_equal(token_import_commit(i), TOKENS_OK);
    token_import_drop(&i);
}

#endif
