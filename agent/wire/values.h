/*
 * The enumerations that records carry. Numbers are part of the internal
 * wire only: all processes come from one build.
 */
#ifndef AGENT_WIRE_VALUES_H
#define AGENT_WIRE_VALUES_H

/* By the socket a client came through. */
enum right { RIGHT_MAIL = 1, RIGHT_MANAGE = 2, RIGHT_RAW = 4 };

/* What a session narrows itself to. Bits, so that the message table can
 * name the verbs that may use a row. NONE is a session that has not yet
 * narrowed. */
enum verb {
    VERB_NONE = 0,
    VERB_SIGN = 1,
    VERB_ENCRYPT = 2,
    VERB_DECRYPT = 4,
    VERB_VERIFY = 8,
    VERB_OPEN = 16,
    VERB_HARVEST = 32,
    VERB_LOOK = 64,    /* keys, tokens, contacts, status: reads only */
    VERB_MANAGE = 128, /* unlock, lock, import, removal */
    VERB_RAW = 256     /* one key, for a program that does the rest itself */
};

enum helper {
    HELPER_IMPORTER = 1,
    HELPER_PINENTRY = 2,
    HELPER_WATCHER = 3,
    HELPER_MODULE = 4
};

/* Why the watcher has the tokens locked; bits of a set. */
enum lock_reason { LOCK_SCREEN = 1, LOCK_SUSPEND = 2 };

/* What a person can do while a call is in work. */
enum notice_kind {
    NOTICE_TOUCH = 1, /* the token takes long: it may want to be touched */
    NOTICE_PINPAD     /* the PIN is typed at the token's own reader */
};

enum key_type { KEY_UNKNOWN, KEY_RSA, KEY_EC, KEY_ED25519, KEY_X25519 };
enum key_use {
    USE_SIGN = 1,
    USE_DECRYPT = 2,
    USE_AGREE = 4,
    USE_COMMIT = 8 /* with USE_SIGN: contentCommitment, no digitalSignature */
};
enum key_flag {
    KEY_HAS_PRIVATE = 1,     /* a private key object was seen */
    KEY_PRIVATE_UNKNOWN = 2, /* token locked: cannot tell yet */
    KEY_ALWAYS_AUTHENTICATE = 4,
    KEY_TOKEN_UNLOCKED = 8,
    KEY_OAEP = 16 /* RSA: any RSAES-OAEP, by raw RSA on the token */
};
enum token_flag {
    TOKEN_INITIALIZED = 1,
    TOKEN_UNLOCKED = 2,
    TOKEN_PIN_BLOCKED = 4,
    TOKEN_PIN_LOW = 8,
    TOKEN_PIN_LAST_TRY = 16,
    TOKEN_READ_ONLY = 32,
    TOKEN_PINPAD = 64,
    TOKEN_NO_PIN_SET = 128,
    TOKEN_PIN_MUST_CHANGE = 256, /* a transport PIN, or an expired one */
    TOKEN_NO_LOGIN = 512,        /* it has no PIN and wants none */
    TOKEN_WAS_UNLOCKED = 1024    /* MSG_UNLOCK: nothing was to be done */
};

enum module_state {
    MODULE_READY,
    MODULE_STARTING,
    MODULE_HANGS,
    MODULE_FAILED,
    MODULE_SKIPPED, /* the keyholder ended in it before */
    MODULE_FAILING  /* it started, but tells nothing of its tokens, or of one */
};

/* NONE: the shared secret itself, where agent.conf allows it. */
enum kdf { KDF_X963, KDF_HKDF, KDF_NONE };

enum scheme {
    SCHEME_RSA_PKCS1 = 1,
    SCHEME_RSA_PSS,
    SCHEME_RSA_OAEP,
    SCHEME_ECDSA,
    SCHEME_EDDSA
};
enum hash {
    HASH_NONE,
    HASH_SHA1,
    HASH_SHA224,
    HASH_SHA256,
    HASH_SHA384,
    HASH_SHA512,
    HASH_MD5,
    /* These are read only: no token signs with them. */
    HASH_SHA512_224,
    HASH_SHA512_256,
    HASH_SHA3_224,
    HASH_SHA3_256,
    HASH_SHA3_384,
    HASH_SHA3_512,
    HASH_SHAKE256 /* 64 octets of it, with Ed448 */
};
#define HASH_COUNT (HASH_SHAKE256 + 1)

enum p12_item_kind { P12_END, P12_KEY, P12_CERTIFICATE };

/* The verdict's fields. The first of each is the only good one. */
enum integrity {
    INTEGRITY_OK,
    INTEGRITY_DIGEST_WRONG,    /* the content was changed */
    INTEGRITY_SIGNATURE_WRONG, /* the signature is not the signer's */
    INTEGRITY_ATTRIBUTES_BAD,  /* missing, doubled or of the wrong type */
    INTEGRITY_NO_CERTIFICATE,  /* the signer's certificate is not there */
    INTEGRITY_UNSUPPORTED      /* an algorithm we do not know */
};
enum chain {
    CHAIN_OK,
    CHAIN_UNTRUSTED, /* no path to an anchor */
    CHAIN_EXPIRED,
    CHAIN_NOT_YET,
    CHAIN_PURPOSE, /* not for e-mail, or the wrong key usage */
    CHAIN_REVOKED,
    CHAIN_INVALID, /* names, constraints, signatures, extensions */
    CHAIN_NOT_ASKED
};
enum sender {
    SENDER_MATCHES, /* the certificate names the From mailbox */
    SENDER_DIFFERS,
    SENDER_NO_ADDRESS, /* the certificate names no address at all */
    SENDER_AMBIGUOUS,  /* several From, or a deceiving header */
    SENDER_NOT_SEEN,   /* no header was given: valid, sender not seen */
    /* It names the mailbox of Sender, not that of From. RFC 8550 3 lets this
     * count as a match; but people see From, so it is told and not good. */
    SENDER_BY_SENDER_FIELD
};
enum strength { STRENGTH_OK, STRENGTH_WEAK_DIGEST, STRENGTH_WEAK_KEY };
enum revocation {
    REVOCATION_NOT_CHECKED,
    REVOCATION_CLEAR,
    REVOCATION_REVOKED
};
/* FIRST_SEEN: when the keyring first saw the certificate in a good message. */
enum time_source { TIME_NOW, TIME_SIGNING, TIME_GIVEN, TIME_FIRST_SEEN };
/* What a request brings along (struct trust). FORGET drops all of it. */
enum trust_kind {
    TRUST_FORGET,
    TRUST_ANCHORS, /* only these count */
    TRUST_CRLS,
    TRUST_CERTIFICATE, /* the one to check */
    TRUST_CHAIN,       /* its issuers, any order */
    TRUST_KINDS
};
/* What a list of anchors tells of. */
enum listed { LISTED_ANCHOR, LISTED_CRL, LISTED_FAULTY };
/* Which certificates the keyring is asked for. */
enum stored_kind { STORED_CONTACTS, STORED_ISSUERS };
enum check_purpose { PURPOSE_EMAIL, PURPOSE_ANY };
enum policy_flag {
    POLICY_EXPLICIT = 1,
    POLICY_INHIBIT_MAPPING = 2,
    POLICY_INHIBIT_ANY = 4
};
enum learned {
    LEARNED_NOTHING,
    LEARNED_NEW,
    LEARNED_KNOWN,
    LEARNED_CHANGED,
    LEARNED_FAILED
};
enum header_flag {
    HEADER_SEVERAL_FROM = 1,   /* several From fields or mailboxes */
    HEADER_DECEIVING_NAME = 2, /* a display name holds another address */
    HEADER_MALFORMED_FROM = 4,
    HEADER_AMBIGUOUS = 8,  /* readers may see other fields in it */
    HEADER_INNER_FROM = 16 /* the text inside says it is from another */
};
enum contact_state {
    CONTACT_SEEN,
    CONTACT_VERIFIED,
    CONTACT_PINNED,
    CONTACT_CHANGED,
    CONTACT_BLOCKED,
    CONTACT_EXPIRED,
    CONTACT_REVOKED
};
/* How a question to the directory ended. */
enum directory_state {
    DIRECTORY_OK,            /* answered; it may have had nothing */
    DIRECTORY_OFF,           /* agent.conf names none */
    DIRECTORY_MISCONFIGURED, /* agent.conf is not understood */
    DIRECTORY_CROWDED,       /* too many questions at once */
    DIRECTORY_FAILED,        /* smime-fetcher ended before its answer */
    DIRECTORY_SILENT,        /* no answer within the deadline */
    DIRECTORY_UNREACHABLE,
    DIRECTORY_TLS,         /* it is not whom we may trust, or no TLS there */
    DIRECTORY_WRONG,       /* what it said is no LDAP */
    DIRECTORY_REFERRED,    /* it names other servers; none is followed */
    DIRECTORY_TOO_MUCH,    /* beyond a limit */
    DIRECTORY_REFUSED,     /* some other error of the server */
    DIRECTORY_NO_ENTRY,    /* the base, or the entry to be written */
    DIRECTORY_NO_RIGHTS,   /* must not be read or written by us */
    DIRECTORY_CREDENTIALS, /* wrong password, or no such name */
    DIRECTORY_UNSURE,      /* a write was sent, and no answer came */
    DIRECTORY_STATES
};
enum directory_kind { DIRECTORY_CERTIFICATE, DIRECTORY_SMIME };
/* How a certificate came to the contacts. MAIL: a signature by it was good;
 * PERSON: by the person, who vouches for it where no anchor does. */
enum contact_source {
    CONTACT_MAIL,
    CONTACT_IMPORT,
    CONTACT_DIRECTORY,
    CONTACT_PERSON,
    CONTACT_SOURCES
};
/* LATER: on the disk by MSG_CONTACTS_KEEP. */
enum learning { LEARN_NOT, LEARN_NOW, LEARN_LATER };
/* The certificate that a signed attribute names to encrypt to. */
enum preference { PREFERENCE_NONE, PREFERENCE_SIGNER, PREFERENCE_OTHER };
/* What becomes of a contact that changed: agent.conf's [contacts] on-change. */
enum on_change { ON_CHANGE_USE_NEW, ON_CHANGE_ASK, ON_CHANGE_KEEP_OLD };
/* What the person decides. */
enum contact_change {
    CHANGE_PIN,
    CHANGE_UNPIN,
    CHANGE_BLOCK,
    CHANGE_UNBLOCK,
    CHANGES
};
enum recipient { RECIPIENT_OK, RECIPIENT_UNKNOWN, RECIPIENT_UNUSABLE };

#endif
