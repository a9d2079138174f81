#include <jansson.h>
#include <malloc.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <time.h>

#include "agent/base/err.h"
#include "agent/base/mem.h"
#include "agent/cms/algorithm.h"
#include "agent/session/zygote.h"

static void
warm_json(void)
{
    json_error_t error;
    json_t *value;

    json_set_alloc_funcs(mem_new, free);
    /* Its random source is a file: now or never. Children share the seed,
     * which nobody outside them can see. */
    json_object_seed(0);
    value = json_loads("{\"a\":[1,\"b\",true,null,1.5]}", 0, &error);
    free(json_dumps(value, JSON_COMPACT));
    json_decref(value);
}

static void
warm_crypto(void)
{
    static const uint8_t key[32], iv[16], block[16];
    uint8_t out[EVP_MAX_MD_SIZE];
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    unsigned md_bytes = 0;
    int n = 0;

    if (!cipher ||
        EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, key, iv) != 1 ||
        EVP_EncryptUpdate(cipher, out, &n, block, sizeof(block)) != 1 ||
        EVP_Digest(block, sizeof(block), out, &md_bytes, EVP_sha256(), NULL) !=
            1 ||
        RAND_bytes(out, sizeof(out)) != 1)
        bug("libcrypto does not work");
    EVP_CIPHER_CTX_free(cipher);
}

/* The heap's and the stack's room that children find: no need of theirs to
 * grow it. */
#define ROOM_BYTES  (2 * 1024 * 1024)
#define STACK_BYTES (256 * 1024)

/* One page of it: an array would be written to from end to end, for the
 * compiler's sake (-fstack-clash-protection). */
static void
grow_stack(void)
{
    volatile uint8_t *lowest =
        (volatile uint8_t *)__builtin_frame_address(0) - STACK_BYTES;

    *lowest = 1;
}

/* What a request frees the next one uses: without this the heap shrinks and
 * grows, and every page is faulted in again, with each signature. */
static void
warm_memory(void)
{
    (void)mallopt(M_MMAP_THRESHOLD, 4 * 1024 * 1024);
    (void)mallopt(M_TRIM_THRESHOLD, 8 * 1024 * 1024);
    (void)mallopt(M_TOP_PAD, 1024 * 1024);
    free(mem_raw(ROOM_BYTES));
    grow_stack();
}

/* No configuration: it could name modules to be loaded into the process
 * that parses hostile mail. */
void
zygote_warm_up(void)
{
    tzset();
    warm_memory();
    if (OPENSSL_init_crypto(
            OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_LOAD_CRYPTO_STRINGS |
                OPENSSL_INIT_NO_ATEXIT | OPENSSL_INIT_ADD_ALL_CIPHERS |
                OPENSSL_INIT_ADD_ALL_DIGESTS,
            NULL) != 1)
        bug("libcrypto does not start");
    algorithm_warm_up();
    warm_crypto();
    warm_json();
}
