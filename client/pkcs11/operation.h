/* What operation.c and derive.c share. */
#ifndef CLIENT_PKCS11_OPERATION_H
#define CLIENT_PKCS11_OPERATION_H

#include "client/pkcs11/module.h"

/* Of one of the hashes in mechanism.c; 0 for NULL. */
size_t hash_bytes(const char *name);
/* NULL for another mechanism. */
const char *hash_name(CK_MECHANISM_TYPE mechanism);

/* The private key HANDLE of a session that may be used so (enum key_can). */
CK_RV key_get(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE handle, unsigned can,
              struct session **out_session, const struct object **out);

/* Has the agent use KEY: METHOD with PARAMETERS (taken, may be NULL: no
 * memory) and what MEMBER of its answer holds. Gives back the lock meanwhile:
 * sessions and objects may be gone afterwards. */
CK_RV key_ask(const struct object *key, const char *method, json_t *parameters,
              const char *member, struct bytes *out);

/* Of Raw.UnwrapKey; NULL without memory. */
json_t *unwrap_parameters(const struct operation *op, const struct bytes *data);

#endif
