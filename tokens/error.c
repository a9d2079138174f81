#include "tokens/internal.h"

#ifndef CKM_EDDSA
#define CKM_EDDSA 0x1057UL
#endif

static __thread CK_RV last_rv;
static __thread const char *last_call = "";
static __thread const char *about = "";
static __thread const char *last_mechanism = "";

static const char *const texts[TOKENS_ERR_COUNT] = {
    [TOKENS_OK] = "done",
    [TOKENS_MEMORY] = "no memory left",
    [TOKENS_ARGUMENT] = "the request to the token makes no sense",
    [TOKENS_BAD_URI] = "not a usable pkcs11: URI",
    [TOKENS_ABSENT] = "there is no such token",
    [TOKENS_AMBIGUOUS] = "several tokens match",
    [TOKENS_REMOVED] = "the token was removed during the operation",
    [TOKENS_LOCKED] = "the token needs a login",
    [TOKENS_PIN_WRONG] = "wrong PIN",
    [TOKENS_PIN_BLOCKED] = "the PIN is blocked after too many wrong tries",
    [TOKENS_PIN_INVALID] = "the PIN has the wrong length or characters",
    [TOKENS_PIN_EXPIRED] = "the PIN must be set or changed first",
    [TOKENS_CANCELLED] = "cancelled",
    [TOKENS_BUSY] = "the token did not answer in time",
    [TOKENS_UNINITIALIZED] = "the token is not initialised",
    [TOKENS_READ_ONLY] = "the token cannot be written",
    [TOKENS_FULL] = "the token has no room left",
    [TOKENS_NO_KEY] = "there is no such key on the token",
    [TOKENS_CANNOT] = "the token does not support this",
    [TOKENS_MESSAGE] = "the token cannot use what it was given",
    [TOKENS_DIFFERENT] = "the key on it is not the one that was wanted: what "
                         "was read back, or a "
                         "trial of it, differs",
    [TOKENS_FAILED] = "the token reported an error",
    [TOKENS_INITIALIZED] = "the token is initialised already",
    [TOKENS_PUK_WRONG] = "wrong PUK",
    [TOKENS_AT_PAD] = "the token takes its PIN only at its own reader",
    [TOKENS_HUNG] = "the token does not answer",
    [TOKENS_BAD_SIGNATURE] = "the token made a signature that is wrong",
    [TOKENS_NO_PIN] = "the token is initialised, but has no PIN",
    [TOKENS_PUK_BLOCKED] = "the PUK is blocked after too many wrong tries",
};

const char *
tokens_err_text(enum tokens_err e)
{
    if ((unsigned)e >= TOKENS_ERR_COUNT)
        return "unknown error";
    return texts[e];
}

unsigned long
tokens_last_rv(void)
{
    return last_rv;
}

const char *
tokens_last_call(void)
{
    return last_call;
}

static const struct {
    CK_RV rv;
    enum tokens_err e;
} table[] = {
    {CKR_OK, TOKENS_OK},
    {CKR_CANCEL, TOKENS_CANCELLED},
    {CKR_FUNCTION_CANCELED, TOKENS_CANCELLED},
    {CKR_FUNCTION_REJECTED, TOKENS_CANCELLED}, /* by the person, at the token */
    {CKR_HOST_MEMORY, TOKENS_MEMORY},
    {CKR_DEVICE_MEMORY, TOKENS_FULL},
    {CKR_SLOT_ID_INVALID, TOKENS_ABSENT},
    {CKR_TOKEN_NOT_PRESENT, TOKENS_ABSENT},
    {CKR_DEVICE_REMOVED, TOKENS_REMOVED},
    {CKR_USER_NOT_LOGGED_IN, TOKENS_LOCKED},
    {CKR_PIN_INCORRECT, TOKENS_PIN_WRONG},
    {CKR_PIN_LOCKED, TOKENS_PIN_BLOCKED},
    {CKR_PIN_INVALID, TOKENS_PIN_INVALID},
    {CKR_PIN_LEN_RANGE, TOKENS_PIN_INVALID},
    {CKR_PIN_TOO_WEAK, TOKENS_PIN_INVALID},
    {CKR_PIN_EXPIRED, TOKENS_PIN_EXPIRED},
    {CKR_USER_PIN_NOT_INITIALIZED, TOKENS_PIN_EXPIRED},
    {CKR_SESSION_READ_ONLY, TOKENS_READ_ONLY},
    {CKR_SESSION_READ_ONLY_EXISTS, TOKENS_READ_ONLY},
    {CKR_TOKEN_WRITE_PROTECTED, TOKENS_READ_ONLY},
    {CKR_ATTRIBUTE_READ_ONLY, TOKENS_CANNOT},
    {CKR_ACTION_PROHIBITED, TOKENS_CANNOT},
    {CKR_ATTRIBUTE_TYPE_INVALID, TOKENS_CANNOT},
    {CKR_ATTRIBUTE_VALUE_INVALID, TOKENS_CANNOT},
    {CKR_TEMPLATE_INCOMPLETE, TOKENS_CANNOT},
    {CKR_TEMPLATE_INCONSISTENT, TOKENS_CANNOT},
    {CKR_FUNCTION_NOT_SUPPORTED, TOKENS_CANNOT},
    {CKR_MECHANISM_INVALID, TOKENS_CANNOT},
    {CKR_MECHANISM_PARAM_INVALID, TOKENS_CANNOT},
    {CKR_KEY_TYPE_INCONSISTENT, TOKENS_CANNOT},
    {CKR_KEY_FUNCTION_NOT_PERMITTED, TOKENS_CANNOT},
    {CKR_KEY_SIZE_RANGE, TOKENS_CANNOT},
    {CKR_CURVE_NOT_SUPPORTED, TOKENS_CANNOT},
    {CKR_DOMAIN_PARAMS_INVALID, TOKENS_CANNOT},
    {CKR_KEY_HANDLE_INVALID, TOKENS_NO_KEY},
    {CKR_OBJECT_HANDLE_INVALID, TOKENS_NO_KEY},
    {CKR_DATA_INVALID, TOKENS_MESSAGE},
    {CKR_DATA_LEN_RANGE, TOKENS_MESSAGE},
    {CKR_ENCRYPTED_DATA_INVALID, TOKENS_MESSAGE},
    {CKR_ENCRYPTED_DATA_LEN_RANGE, TOKENS_MESSAGE},
};

static enum tokens_err
rv_err(CK_RV rv)
{
    for (size_t i = 0; i < ARRAY_COUNT(table); i++)
        if (table[i].rv == rv)
            return table[i].e;
    return TOKENS_FAILED;
}

/* Which calls these errors are meant for. Only what stays on the token fills
 * it: another call lacks the memory to work, and no key that is removed helps
 * it. Only what is given a key or a message can find fault with it. */
static const struct {
    enum tokens_err e;
    const char *call;
} meant_for[] = {
    {TOKENS_FULL, "C_CreateObject"},
    {TOKENS_FULL, "C_GenerateKeyPair"},
    {TOKENS_FULL, "C_UnwrapKey"},
    {TOKENS_FULL, "C_SetAttributeValue"},
    {TOKENS_NO_KEY, "C_SignInit"},
    {TOKENS_NO_KEY, "C_Sign"},
    {TOKENS_NO_KEY, "C_DecryptInit"},
    {TOKENS_NO_KEY, "C_Decrypt"},
    {TOKENS_NO_KEY, "C_DeriveKey"},
    {TOKENS_NO_KEY, "C_UnwrapKey"},
    {TOKENS_NO_KEY, "C_DestroyObject"},
    {TOKENS_NO_KEY, "C_GetAttributeValue"},
    {TOKENS_NO_KEY, "C_SetAttributeValue"},
    {TOKENS_MESSAGE, "C_SignInit"},
    {TOKENS_MESSAGE, "C_Sign"},
    {TOKENS_MESSAGE, "C_DecryptInit"},
    {TOKENS_MESSAGE, "C_Decrypt"},
    {TOKENS_MESSAGE, "C_DeriveKey"},
};

static bool
is_meant_for(enum tokens_err e, const char *call)
{
    bool of_some = false;

    for (size_t i = 0; i < ARRAY_COUNT(meant_for); i++) {
        if (meant_for[i].e != e)
            continue;
        if (strcmp(meant_for[i].call, call) == 0)
            return true;
        of_some = true;
    }
    return !of_some;
}

enum tokens_err
rv_note(const char *call, CK_RV rv)
{
    enum tokens_err e = rv_err(rv);

    if (rv != CKR_OK) {
        last_rv = rv;
        last_call = call;
        last_mechanism = about;
    }
    return is_meant_for(e, call) ? e : TOKENS_FAILED;
}

static const struct {
    CK_MECHANISM_TYPE type;
    const char *name;
} mechanisms[] = {
    {CKM_RSA_PKCS, "RSA (PKCS #1 v1.5)"},
    {CKM_RSA_X_509, "raw RSA"},
    {CKM_RSA_PKCS_PSS, "RSA-PSS"},
    {CKM_RSA_PKCS_OAEP, "RSA-OAEP"},
    {CKM_RSA_PKCS_KEY_PAIR_GEN, "RSA keys"},
    {CKM_EC_KEY_PAIR_GEN, "EC keys"},
    {CKM_ECDSA, "ECDSA"},
    {CKM_EDDSA, "EdDSA"},
    {CKM_ECDH1_DERIVE, "ECDH"},
};

void
rv_about(CK_MECHANISM_TYPE mechanism)
{
    about = "";
    for (size_t i = 0; i < ARRAY_COUNT(mechanisms); i++)
        if (mechanisms[i].type == mechanism)
            about = mechanisms[i].name;
}

const char *
tokens_last_mechanism(void)
{
    return last_mechanism;
}

void
rv_forget(void)
{
    last_rv = 0;
    last_call = "";
    about = "";
    last_mechanism = "";
}
