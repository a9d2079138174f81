/* EVP_PKEYs through libp11, which sees nothing but our virtual token. */
#include "tokens/internal.h"
#include "tokens/vtoken.h"

#include <libp11.h>
#include <openssl/evp.h>

/* A slot's number is its place here plus one. Made under make_mutex; the
 * table under table_mutex, because libp11 calls vkey_find meanwhile. */
static struct vkey *vkeys[LIMIT_VKEYS];
static pthread_mutex_t table_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t make_mutex = PTHREAD_MUTEX_INITIALIZER;

struct vkey *
vkey_find(CK_SLOT_ID slot)
{
    struct vkey *k = NULL;

    pthread_mutex_lock(&table_mutex);
    if (slot > 0 && slot <= LIMIT_VKEYS)
        k = vkeys[slot - 1];
    pthread_mutex_unlock(&table_mutex);
    return k;
}

static void
vkey_drop(struct vkey **key)
{
    struct vkey *k = *key;

    *key = NULL;
    if (!k)
        return;
    EVP_PKEY_free(k->key);
    if (k->slots)
        PKCS11_release_all_slots(k->context, k->slots, k->slot_count);
    if (k->context) {
        PKCS11_CTX_unload(k->context);
        PKCS11_CTX_free(k->context);
    }
    snapshot_drop(&k->snapshot);
    free(k);
}

static void
table_set(size_t i, struct vkey *k)
{
    pthread_mutex_lock(&table_mutex);
    vkeys[i] = k;
    pthread_mutex_unlock(&table_mutex);
}

/* The same key still, not another under its CKA_ID. */
static bool
vkey_is(const struct vkey *k, const struct token *t,
        const struct token_identity *want)
{
    const struct token_identity *have = &k->snapshot->all[k->index];

    return k->token == t && have->id_len == want->id_len &&
           memcmp(have->id, want->id, want->id_len) == 0 &&
           have->spki_len == want->spki_len &&
           memcmp(have->spki, want->spki, want->spki_len) == 0;
}

/* make_mutex is held. */
static struct vkey *
find_made(const struct token *t, const struct token_identity *want,
          size_t *out_free)
{
    *out_free = LIMIT_VKEYS;
    for (size_t i = LIMIT_VKEYS; i-- > 0;) {
        if (!vkeys[i])
            *out_free = i;
        else if (vkey_is(vkeys[i], t, want))
            return vkeys[i];
    }
    return NULL;
}

/* libp11 walks one slot with one key. Its failures say little, so there is
 * only one error. */
static bool
libp11_open(struct vkey *k, const char *path)
{
    PKCS11_SLOT *slots = NULL;
    PKCS11_KEY *keys = NULL;
    unsigned n = 0;

    k->context = PKCS11_CTX_new();
    if (!k->context)
        return false;
    if (PKCS11_CTX_load(k->context, path) < 0) {
        PKCS11_CTX_free(k->context);
        k->context = NULL;
        return false;
    }
    if (PKCS11_enumerate_slots(k->context, &slots, &k->slot_count) < 0)
        return false;
    k->slots = slots;
    if (k->slot_count != 1 || !slots[0].token ||
        PKCS11_enumerate_keys(slots[0].token, &keys, &n) < 0 || n != 1)
        return false;
    k->key = PKCS11_get_private_key(&keys[0]);
    return k->key != NULL;
}

/* Takes the snapshot. */
static enum tokens_err
vkey_make(struct token *t, struct snapshot *s, size_t index, size_t place,
          struct vkey **out)
{
    struct vkey *k = calloc(1, sizeof(*k));

    if (!k) {
        snapshot_drop(&s);
        return TOKENS_MEMORY;
    }
    k->token = t;
    k->snapshot = s;
    k->index = index;
    table_set(place, k);
    vtoken_slot = place + 1;
    bool ok = libp11_open(k, t->store->vtoken_path);
    vtoken_slot = 0;
    if (!ok) {
        vkey_drop(&k);
        table_set(place, NULL);
        return TOKENS_CANNOT;
    }
    *out = k;
    return TOKENS_OK;
}

static bool
key_is_for_libp11(const struct token_identity *k)
{
    return (k->type == TOKEN_KEY_RSA || k->type == TOKEN_KEY_EC) && k->spki &&
           (k->exponent || k->point);
}

enum tokens_err
token_key_evp(struct token *t, const uint8_t *id, size_t id_len, EVP_PKEY **out)
{
    struct snapshot *s = NULL;
    struct vkey *k = NULL;
    size_t index = 0, place = 0;

    if (!t->store->vtoken_path)
        return TOKENS_CANNOT;
    enum tokens_err e = key_describe(t, id, id_len, &s, &index);
    if (e)
        return e;
    if (!key_is_for_libp11(&s->all[index])) {
        snapshot_drop(&s);
        return TOKENS_CANNOT;
    }
    pthread_mutex_lock(&make_mutex);
    k = find_made(t, &s->all[index], &place);
    if (k || place == LIMIT_VKEYS)
        snapshot_drop(&s);
    if (!k)
        e = place == LIMIT_VKEYS ? TOKENS_FAILED
                                 : vkey_make(t, s, index, place, &k);
    if (k && EVP_PKEY_up_ref(k->key) == 1)
        *out = k->key;
    pthread_mutex_unlock(&make_mutex);
    return e;
}

void
evp_forget_store(struct token_store *store)
{
    pthread_mutex_lock(&make_mutex);
    for (size_t i = 0; i < LIMIT_VKEYS; i++) {
        struct vkey *k = vkeys[i];

        if (!k || k->token->store != store)
            continue;
        /* libp11 still closes its sessions while the slot exists. */
        vkey_drop(&k);
        table_set(i, NULL);
    }
    pthread_mutex_unlock(&make_mutex);
}
