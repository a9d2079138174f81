/*
 * The objects of a token as one reading of it finds them, on their way into
 * identities. For identity.c and components.c alone.
 */
#ifndef TOKENS_OBJECTS_H
#define TOKENS_OBJECTS_H

#include "tokens/internal.h"

/* Where the attributes of an object are. */
enum {
    A_ID,
    A_LABEL,
    A_KEY_TYPE,
    A_MODULUS,
    A_EXPONENT,
    A_PARAMS,
    A_POINT,
    A_PUBLIC_COUNT,
    A_SIGN = A_PUBLIC_COUNT,
    A_DECRYPT,
    A_UNWRAP,
    A_DERIVE,
    A_ALWAYS,
    A_COUNT,
    A_VALUE = A_KEY_TYPE, /* of a certificate */
    A_CERTIFICATE_COUNT
};

struct object {
    CK_OBJECT_HANDLE handle;
    CK_ATTRIBUTE a[A_COUNT];
    bool joined;
    size_t owner; /* the identity it became a part of */
};

struct objects {
    struct object *all;
    size_t count;
};

/* Same bytes, and there are some. */
static inline bool
bytes_equal(const void *a, size_t an, const void *b, size_t bn)
{
    return a && b && an == bn && memcmp(a, b, an) == 0;
}

/* Fills what is not known yet of K from the key object O. */
void object_add_components(const struct object *o, struct token_identity *k,
                           struct arena **a);

/* What the private key O is for, by its own word. */
void object_add_uses(const struct object *o, struct token_identity *k);

#endif
