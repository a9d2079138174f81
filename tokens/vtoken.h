/*
 * The token of our own that libcrypto sees. For tokens/ alone.
 */
#ifndef TOKENS_VTOKEN_H
#define TOKENS_VTOKEN_H

#include "tokens/operation.h"

/* One key behind one virtual slot; slot id is its index plus one. */
struct vkey {
    struct token *token;
    struct snapshot *snapshot;
    size_t index;
    void *context; /* libp11's, evp.c */
    void *slots;
    unsigned slot_count;
    struct evp_pkey_st *key;
};
/* The key of a virtual slot, or NULL. Never moves or goes while its store
 * lives. */
struct vkey *vkey_find(CK_SLOT_ID slot);
/* The slot that C_GetSlotList shows in this thread. */
extern __thread CK_SLOT_ID vtoken_slot;
/* The PIN for operations of this thread, and how the last one ended. */
extern __thread const struct pin *vtoken_pin;
extern __thread enum tokens_err vtoken_result;
CK_RV vobject_read(const struct vkey *k, CK_ATTRIBUTE *a, CK_ULONG count);
bool vobject_matches(const struct vkey *k, const CK_ATTRIBUTE *a,
                     CK_ULONG count);
/* Drops the virtual keys of a store. */
void evp_forget_store(struct token_store *store);
CK_FUNCTION_LIST *smime_vtoken_functions(void);

#endif
