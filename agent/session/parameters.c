/* The parameters of each method, as its interface description has them. */
#include "agent/session/request.h"

#define REQUIRED true
#define OPTIONAL false
#define CALLER                                                                 \
    {                                                                          \
        "caller", PARAMETER_CALLER, OPTIONAL, 0                                \
    }
#define INPUT                                                                  \
    {                                                                          \
        "input", PARAMETER_FD, REQUIRED, 0                                     \
    }
#define OUTPUT                                                                 \
    {                                                                          \
        "output", PARAMETER_FD, REQUIRED, 0                                    \
    }
#define END                                                                    \
    {                                                                          \
        NULL, PARAMETER_TEXT, OPTIONAL, 0                                      \
    }
#define ORIGIN                                                                 \
    {                                                                          \
        "origin", PARAMETER_TEXT, OPTIONAL, LIMIT_TEXT_BYTES                   \
    }
#define FROM                                                                   \
    {                                                                          \
        "from", PARAMETER_TEXT, OPTIONAL, LIMIT_ADDRESS_BYTES                  \
    }
#define KEY                                                                    \
    {                                                                          \
        "key", PARAMETER_TEXT, OPTIONAL, LIMIT_TEXT_BYTES                      \
    }
#define TOKEN                                                                  \
    {                                                                          \
        "token", PARAMETER_TEXT, OPTIONAL, LIMIT_TEXT_BYTES                    \
    }
#define FLAG(name)                                                             \
    {                                                                          \
        name, PARAMETER_FLAG, OPTIONAL, 0                                      \
    }

/* Of CMS objects that stand alone (raw.h). */
#define WORD(name)                                                             \
    {                                                                          \
        name, PARAMETER_TEXT, OPTIONAL, 32                                     \
    }
#define ENCODED WORD("form"), WORD("encoding"), WORD("label"), FLAG("text")

const struct parameter parameters_of_sign[] = {
    INPUT,
    OUTPUT,
    FROM,
    KEY,
    ENCODED,
    {"chain", PARAMETER_NUMBER, OPTIONAL, 0},
    WORD("announce"),
    FLAG("opaque"),
    WORD("header_protection"),
    WORD("digest"),
    WORD("padding"),
    CALLER,
    END};

const struct parameter parameters_of_encrypt[] = {
    INPUT,
    OUTPUT,
    {"to", PARAMETER_TEXTS, OPTIONAL, LIMIT_ADDRESS_BYTES},
    {"certificates", PARAMETER_TEXTS, OPTIONAL, 64},
    FROM,
    KEY,
    FLAG("sign"),
    FLAG("self"),
    WORD("header_protection"),
    WORD("legacy_display"),
    WORD("digest"),
    WORD("padding"),
    WORD("cipher"),
    WORD("key_padding"),
    WORD("oaep_digest"),
    ENCODED,
    CALLER,
    END};

const struct parameter parameters_of_decrypt[] = {INPUT, OUTPUT, WORD("form"),
                                                  CALLER, END};

const struct parameter parameters_of_verify[] = {
    INPUT,
    WORD("form"),
    FLAG("text"),
    {"content", PARAMETER_FD, OPTIONAL, 0},
    {"output", PARAMETER_FD, OPTIONAL, 0},
    {"sender", PARAMETER_TEXT, OPTIONAL, LIMIT_ADDRESS_BYTES},
    FLAG("learn"),
    {"at", PARAMETER_NUMBER, OPTIONAL, 0},
    ORIGIN,
    {"anchors", PARAMETER_FDS, OPTIONAL, 0},
    {"crls", PARAMETER_FDS, OPTIONAL, 0},
    END};

const struct parameter parameters_of_check[] = {
    {"certificate", PARAMETER_FD, REQUIRED, 0},
    {"chain", PARAMETER_FDS, OPTIONAL, 0},
    {"anchors", PARAMETER_FDS, OPTIONAL, 0},
    {"crls", PARAMETER_FDS, OPTIONAL, 0},
    {"purpose", PARAMETER_TEXT, OPTIONAL, 16},
    {"address", PARAMETER_TEXT, OPTIONAL, LIMIT_ADDRESS_BYTES},
    {"at", PARAMETER_NUMBER, OPTIONAL, 0},
    {"policies", PARAMETER_TEXTS, OPTIONAL, LIMIT_POLICY_BYTES},
    FLAG("explicit_policy"),
    FLAG("inhibit_mapping"),
    FLAG("inhibit_any"),
    END};

const struct parameter parameters_of_open[] = {INPUT,  OUTPUT, FLAG("learn"),
                                               ORIGIN, CALLER, END};

const struct parameter parameters_of_harvest[] = {
    {"inputs", PARAMETER_FDS, REQUIRED, 0},
    {"origins", PARAMETER_TEXTS, REQUIRED, LIMIT_TEXT_BYTES},
    END};

const struct parameter parameters_of_contacts[] = {
    {"match", PARAMETER_TEXT, OPTIONAL, LIMIT_ADDRESS_BYTES},
    {"search", PARAMETER_TEXT, OPTIONAL, LIMIT_ADDRESS_BYTES},
    {"cursor", PARAMETER_NUMBER, OPTIONAL, 0},
    {"limit", PARAMETER_NUMBER, OPTIONAL, 0},
    END};

const struct parameter parameters_of_set_state[] = {
    {"address", PARAMETER_TEXT, REQUIRED, LIMIT_ADDRESS_BYTES},
    {"fingerprint", PARAMETER_TEXT, OPTIONAL, 64},
    {"state", PARAMETER_TEXT, REQUIRED, 16},
    END};

const struct parameter parameters_of_export[] = {
    {"format", PARAMETER_TEXT, OPTIONAL, 16},
    {"addresses", PARAMETER_TEXTS, OPTIONAL, LIMIT_ADDRESS_BYTES},
    FLAG("no_issuers"),
    {"base", PARAMETER_TEXT, OPTIONAL, LIMIT_TEXT_BYTES},
    {"output", PARAMETER_FD, REQUIRED, 0},
    END};

const struct parameter parameters_of_contacts_import[] = {
    INPUT,
    ORIGIN,
    {"date", PARAMETER_NUMBER, OPTIONAL, 0},
    {"address", PARAMETER_TEXT, OPTIONAL, LIMIT_ADDRESS_BYTES},
    {"vouched", PARAMETER_TEXT, OPTIONAL, 64},
    END};

const struct parameter parameters_of_backup[] = {OUTPUT, END};

const struct parameter parameters_of_restore[] = {INPUT, END};

const struct parameter parameters_of_undo[] = {
    {"count", PARAMETER_NUMBER, OPTIONAL, 0}, END};

const struct parameter parameters_of_history[] = {
    {"address", PARAMETER_TEXT, OPTIONAL, LIMIT_ADDRESS_BYTES},
    {"cursor", PARAMETER_NUMBER, OPTIONAL, 0},
    {"limit", PARAMETER_NUMBER, OPTIONAL, 0},
    END};

const struct parameter parameters_of_certificates[] = {
    {"patterns", PARAMETER_TEXTS, OPTIONAL, LIMIT_TEXT_BYTES},
    FLAG("own"),
    FLAG("bytes"),
    END};

const struct parameter parameters_of_contact[] = {
    {"address", PARAMETER_TEXT, REQUIRED, LIMIT_ADDRESS_BYTES}, END};

const struct parameter parameters_of_announcement[] = {
    {"address", PARAMETER_TEXT, OPTIONAL, LIMIT_ADDRESS_BYTES},
    KEY,
    CALLER,
    END};

const struct parameter parameters_of_publish[] = {
    {"address", PARAMETER_TEXT, REQUIRED, LIMIT_ADDRESS_BYTES},
    {"certificate", PARAMETER_TEXT, REQUIRED, LIMIT_BUNDLE_BYTES},
    {"smime", PARAMETER_TEXT, OPTIONAL, LIMIT_REQUEST_BYTES},
    {"bind_dn", PARAMETER_TEXT, OPTIONAL, LIMIT_TEXT_BYTES},
    {"server", PARAMETER_TEXT, OPTIONAL, LIMIT_TEXT_BYTES},
    {"password", PARAMETER_FD, OPTIONAL, 0},
    FLAG("dry"),
    CALLER,
    END};

const struct parameter parameters_of_contact_shown[] = {
    {"address", PARAMETER_TEXT, REQUIRED, LIMIT_ADDRESS_BYTES},
    FLAG("directory"),
    END};

const struct parameter parameters_of_unlock[] = {
    TOKEN, {"pin", PARAMETER_FD, OPTIONAL, 0}, FLAG("last_try"), CALLER, END};

const struct parameter parameters_of_lock[] = {TOKEN, END};

const struct parameter parameters_of_import[] = {
    INPUT,          {"password", PARAMETER_FD, OPTIONAL, 0},
    TOKEN,          {"also_to", PARAMETER_TEXT, OPTIONAL, LIMIT_TEXT_BYTES},
    FLAG("no_mac"), {"file", PARAMETER_TEXT, OPTIONAL, LIMIT_LABEL_BYTES},
    CALLER,         END};

const struct parameter parameters_of_key[] = {
    {"id", PARAMETER_TEXT, REQUIRED, LIMIT_TEXT_BYTES}, CALLER, END};

const struct parameter parameters_of_init_token[] = {
    {"label", PARAMETER_TEXT, REQUIRED, 32},
    TOKEN,
    {"so_pin", PARAMETER_FD, OPTIONAL, 0},
    {"pin", PARAMETER_FD, OPTIONAL, 0},
    CALLER,
    END};

const struct parameter parameters_of_change_pin[] = {
    TOKEN,
    {"old_pin", PARAMETER_FD, OPTIONAL, 0},
    {"pin", PARAMETER_FD, OPTIONAL, 0},
    CALLER,
    END};

const struct parameter parameters_of_unblock_pin[] = {
    TOKEN,
    {"puk", PARAMETER_FD, OPTIONAL, 0},
    {"pin", PARAMETER_FD, OPTIONAL, 0},
    CALLER,
    END};

const struct parameter parameters_of_generate[] = {
    {"address", PARAMETER_TEXT, REQUIRED, LIMIT_ADDRESS_BYTES},
    {"algorithm", PARAMETER_TEXT, OPTIONAL, 16},
    {"name", PARAMETER_TEXT, OPTIONAL, 256},
    TOKEN,
    CALLER,
    END};

const struct parameter parameters_of_install[] = {INPUT, TOKEN, CALLER, END};

const struct parameter parameters_of_clean[] = {TOKEN, CALLER, END};

#define HEX(name, required, bytes)                                             \
    {                                                                          \
        name, PARAMETER_TEXT, required, 2 * (bytes)                            \
    }
#define KIND(name, required)                                                   \
    {                                                                          \
        name, PARAMETER_TEXT, required, 16                                     \
    }

const struct parameter parameters_of_raw_list[] = {FLAG("chains"), END};

const struct parameter parameters_of_raw_sign[] = {
    HEX("key", REQUIRED, LIMIT_REF_BYTES),
    KIND("mechanism", REQUIRED),
    KIND("hash", OPTIONAL),
    HEX("data", REQUIRED, LIMIT_SIGNED_ATTRS_BYTES),
    CALLER,
    END};

const struct parameter parameters_of_raw_unwrap[] = {
    HEX("key", REQUIRED, LIMIT_REF_BYTES),
    KIND("mechanism", REQUIRED),
    KIND("hash", OPTIONAL),
    KIND("mgf_hash", OPTIONAL),
    HEX("label", OPTIONAL, LIMIT_OAEP_LABEL_BYTES),
    HEX("wrapped", REQUIRED, LIMIT_ENCRYPTED_KEY_BYTES),
    {"bytes", PARAMETER_NUMBER, OPTIONAL, 0},
    CALLER,
    END};

const struct parameter parameters_of_raw_agree[] = {
    HEX("key", REQUIRED, LIMIT_REF_BYTES),
    HEX("peer", REQUIRED, LIMIT_ORIGINATOR_BYTES),
    KIND("kdf", REQUIRED),
    KIND("hash", OPTIONAL),
    HEX("info", OPTIONAL, LIMIT_SHARED_INFO_BYTES),
    HEX("salt", OPTIONAL, 1024),
    {"bytes", PARAMETER_NUMBER, OPTIONAL, 0},
    CALLER,
    END};

const struct parameter parameters_of_raw_content[] = {
    HEX("kek", REQUIRED, 32), HEX("wrapped", REQUIRED, LIMIT_WRAPPED_BYTES),
    END};

const struct parameter parameters_of_raw_unlock[] = {TOKEN, CALLER, END};

/* The limits of struct narrow. */
const struct parameter parameters_of_caller[] = {
    {"tty", PARAMETER_TEXT, OPTIONAL, 256},
    {"term", PARAMETER_TEXT, OPTIONAL, 64},
    {"display", PARAMETER_TEXT, OPTIONAL, 256},
    {"locale", PARAMETER_TEXT, OPTIONAL, 64},
    END};

const struct parameter parameters_of_nothing[] = {END};
