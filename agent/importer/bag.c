/*
 * The safes and bags of a PKCS#12 file (RFC 7292 section 4), one after the
 * other. Not PKCS12_parse: it gives the first key only and decrypts shrouded
 * keys in the wrong library context.
 */
#include <openssl/err.h>

#include "agent/base/log.h"
#include "agent/importer/internal.h"

struct walk {
    struct p12 *p12;
    const struct passwords *passwords;
    size_t first;  /* the form that fitted last */
    bool is_right; /* the password is: the MAC said so */
    struct problem *problem;
};

static void
bags_drop(STACK_OF(PKCS12_SAFEBAG) * *bags)
{
    sk_PKCS12_SAFEBAG_pop_free(*bags, PKCS12_SAFEBAG_free);
}

static void
safes_drop(STACK_OF(PKCS7) * *safes)
{
    sk_PKCS7_pop_free(*safes, PKCS7_free);
}

static void
p8_drop(PKCS8_PRIV_KEY_INFO **p8)
{
    PKCS8_PRIV_KEY_INFO_free(*p8);
}

/* NAME (or NULL) once. */
static void
note_legacy(struct buf *all, const char *name)
{
    if (name && !strstr(buf_text(all), name))
        buf_addf(all, "%s%s", all->len > 0 ? ", " : "", name);
}

/* ---- decryption ----
 * Tries the forms of the password, the one that fitted last first. */

static void *
decrypt_item(struct walk *w, const X509_ALGOR *algorithm,
             const ASN1_OCTET_STRING *bytes, const ASN1_ITEM *shape)
{
    struct cipher_choice choice;

    if (cipher_choose(algorithm, &choice, w->problem) != ERR_OK)
        return NULL;
    for (size_t i = 0; i < w->passwords->count; i++) {
        size_t k = (w->first + i) % w->passwords->count;
        const struct password_form *form = &w->passwords->form[k];
        void *item;

        if (spend_iterations(w->p12, choice.iterations, w->problem) != ERR_OK)
            return NULL;
        item = PKCS12_item_decrypt_d2i_ex(algorithm, shape, form->p, form->n,
                                          bytes, 1, choice.libctx, NULL);
        if (item) {
            w->first = k;
            note_legacy(&w->p12->legacy, choice.legacy);
            return item;
        }
    }
    ERR_clear_error();
    if (w->is_right)
        (void)fail(w->problem, ERR_P12_UNSUPPORTED,
                   "the password fits, but an item has another one or is "
                   "damaged");
    else
        (void)fail(w->problem, ERR_P12_PASSWORD, NULL);
    return NULL;
}

/* ---- one bag ----------------------------------------------------------- */

/* friendlyName as UTF-8 text, or NULL. libcrypto's own function loses one
 * whose last character takes three bytes and has no zero behind it. */
static char *
bag_label(PKCS12_SAFEBAG *bag)
{
    const ASN1_TYPE *a = PKCS12_SAFEBAG_get0_attr(bag, NID_friendlyName);
    AUTO(buf) struct buf units = {0};
    char *name, *label;
    struct slice s;

    if (!a || a->type != V_ASN1_BMPSTRING)
        return NULL;
    buf_add(&units, ASN1_STRING_get0_data(a->value.bmpstring),
            (size_t)ASN1_STRING_length(a->value.bmpstring));
    buf_add(&units, "\0", 2);
    name = OPENSSL_uni2utf8(units.data, (int)units.len);
    s = slice_text(name);
    label = s.n > 0 && utf8_is_valid(s) ? mem_text(s) : NULL;
    OPENSSL_free(name);
    return label;
}

static enum err
take_key(struct walk *w, PKCS12_SAFEBAG *bag, const PKCS8_PRIV_KEY_INFO *p8)
{
    struct p12 *p12 = w->p12;
    const ASN1_OBJECT *type = NULL;
    EVP_PKEY *pkey;
    char name[80];

    if (p12->key_count >= LIMIT_P12_KEYS)
        return fail(w->problem, ERR_LIMIT, "more than %d keys", LIMIT_P12_KEYS);
    pkey = EVP_PKCS82PKEY_ex(p8, libctx_plain(), NULL);
    if (!pkey) {
        ERR_clear_error();
        if (!PKCS8_pkey_get0(&type, NULL, NULL, NULL, p8) ||
            OBJ_obj2txt(name, sizeof(name), type, 0) <= 0)
            name[0] = '\0';
        return fail(w->problem, ERR_P12_UNSUPPORTED,
                    "a key of the type %s that cannot be read", name);
    }
    p12->key[p12->key_count].pkey = pkey;
    p12->key[p12->key_count].label = bag_label(bag);
    p12->key_count++;
    return key_check(pkey, w->problem);
}

static enum err
take_shrouded_key(struct walk *w, PKCS12_SAFEBAG *bag)
{
    AUTO(p8) PKCS8_PRIV_KEY_INFO *p8 = NULL;
    const X509_SIG *shrouded = PKCS12_SAFEBAG_get0_pkcs8(bag);
    const X509_ALGOR *algorithm = NULL;
    const ASN1_OCTET_STRING *bytes = NULL;

    if (!shrouded)
        return fail(w->problem, ERR_P12_FORMAT, "a key is malformed");
    X509_SIG_get0(shrouded, &algorithm, &bytes);
    p8 = decrypt_item(w, algorithm, bytes, ASN1_ITEM_rptr(PKCS8_PRIV_KEY_INFO));
    return p8 ? take_key(w, bag, p8) : w->problem->code;
}

static enum err
take_certificate(struct walk *w, PKCS12_SAFEBAG *bag)
{
    struct p12 *p12 = w->p12;
    struct p12_certificate *c;
    X509 *x509;

    if (PKCS12_SAFEBAG_get_bag_nid(bag) != NID_x509Certificate) {
        p12->left_out = true;
        return ERR_OK;
    }
    if (p12->certificate_count >= LIMIT_P12_CERTIFICATES)
        return fail(w->problem, ERR_LIMIT, "more than %d certificates",
                    LIMIT_P12_CERTIFICATES);
    x509 = PKCS12_SAFEBAG_get1_cert(bag);
    if (!x509) {
        ERR_clear_error();
        return fail(w->problem, ERR_P12_FORMAT, "a certificate is malformed");
    }
    c = &p12->certificate[p12->certificate_count++];
    c->x509 = x509;
    c->label = bag_label(bag);
    return certificate_check(x509, w->problem);
}

static enum err walk_bags(struct walk *w, const STACK_OF(PKCS12_SAFEBAG) * bags,
                          int depth);

static enum err
walk_bag(struct walk *w, PKCS12_SAFEBAG *bag, int depth)
{
    const PKCS8_PRIV_KEY_INFO *p8;

    if (++w->p12->bags > LIMIT_P12_BAGS)
        return fail(w->problem, ERR_LIMIT, "more than %d items",
                    LIMIT_P12_BAGS);
    switch (PKCS12_SAFEBAG_get_nid(bag)) {
    case NID_keyBag:
        p8 = PKCS12_SAFEBAG_get0_p8inf(bag);
        return p8 ? take_key(w, bag, p8)
                  : fail(w->problem, ERR_P12_FORMAT, "a key is malformed");
    case NID_pkcs8ShroudedKeyBag:
        return take_shrouded_key(w, bag);
    case NID_certBag:
        return take_certificate(w, bag);
    case NID_safeContentsBag:
        return walk_bags(w, PKCS12_SAFEBAG_get0_safes(bag), depth + 1);
    default: /* CRLs, secrets, extensions of others */
        w->p12->left_out = true;
        return ERR_OK;
    }
}

static enum err
walk_bags(struct walk *w, const STACK_OF(PKCS12_SAFEBAG) * bags, int depth)
{
    if (depth > LIMIT_P12_DEPTH)
        return fail(w->problem, ERR_LIMIT, "more than %d items in each other",
                    LIMIT_P12_DEPTH);
    for (int i = 0; bags && i < sk_PKCS12_SAFEBAG_num(bags); i++) {
        enum err e = walk_bag(w, sk_PKCS12_SAFEBAG_value(bags, i), depth);

        if (e != ERR_OK)
            return e;
    }
    return ERR_OK;
}

/* ---- one safe ---------------------------------------------------------- */

static STACK_OF(PKCS12_SAFEBAG) * open_encrypted(struct walk *w, PKCS7 *safe)
{
    PKCS7_ENC_CONTENT *c =
        safe->d.encrypted ? safe->d.encrypted->enc_data : NULL;

    if (!c || !c->algorithm || !c->enc_data) {
        (void)fail(w->problem, ERR_P12_FORMAT, "its encryption is malformed");
        return NULL;
    }
    return decrypt_item(w, c->algorithm, c->enc_data,
                        ASN1_ITEM_rptr(PKCS12_SAFEBAGS));
}

static enum err
walk_safe(struct walk *w, PKCS7 *safe)
{
    AUTO(bags) STACK_OF(PKCS12_SAFEBAG) *bags = NULL;

    if (PKCS7_type_is_data(safe)) {
        bags = PKCS12_unpack_p7data(safe);
        if (!bags)
            return fail(w->problem, ERR_P12_FORMAT, "its content is malformed");
    } else if (PKCS7_type_is_encrypted(safe)) {
        bags = open_encrypted(w, safe);
        if (!bags)
            return w->problem->code;
    } else {
        return fail(w->problem, ERR_P12_UNSUPPORTED,
                    "encryption to a public key");
    }
    return walk_bags(w, bags, 0);
}

enum err
bags_walk(struct p12 *p12, PKCS12 *file, const struct passwords *passwords,
          size_t first, struct problem *p)
{
    AUTO(safes) STACK_OF(PKCS7) *safes = PKCS12_unpack_authsafes(file);
    struct walk w = {.p12 = p12,
                     .passwords = passwords,
                     .first = first,
                     .is_right = PKCS12_mac_present(file) != 0,
                     .problem = p};

    if (!safes) {
        ERR_clear_error();
        return fail(p, ERR_P12_FORMAT, "its content is malformed");
    }
    for (int i = 0; i < sk_PKCS7_num(safes); i++) {
        enum err e = walk_safe(&w, sk_PKCS7_value(safes, i));

        if (e != ERR_OK)
            return e;
    }
    return ERR_OK;
}
