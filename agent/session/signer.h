/*
 * The one key that signs: chosen among the person's own by id or by address,
 * with its chain, and asked for signatures through the keyholder. Kept over
 * requests of one session, so that a second signature costs one message.
 */
#ifndef AGENT_SESSION_SIGNER_H
#define AGENT_SESSION_SIGNER_H

#include "agent/cms/signed.h"
#include "agent/mime/header.h"
#include "agent/session/session.h"

struct signer {
    struct own_key *key;        /* one of keys */
    struct own_key *encryption; /* that mail is encrypted to, or NULL */
    struct own_keys keys;
    char address[LIMIT_ADDRESS_BYTES + 1]; /* of the sender, or empty */
    struct buf chain_bytes;
    struct slice chain[8];
    size_t chain_count;
    enum hash hash;
    struct signature_algorithm algorithm;
    int64_t signed_at;  /* the last one; seconds since 1970 */
    struct buf lasting; /* of its signed attributes; empty: not made yet */
    bool lasting_cbc;   /* ... which do not announce AES-GCM */
};

/*
 * Chooses, names the key to both channels (session_narrow with VERB), and
 * loads its chain. WANTED is an id's beginning, a pkcs11: URI, or NULL; FROM
 * an address or NULL (then WANTED decides, or the only signing key). KEYS are
 * taken. Errors: ERR_NO_KEY saying why no key serves; token and keyholder
 * errors.
 */
MUST_USE enum err signer_choose(struct request *r, enum verb verb,
                                const char *wanted, const char *from,
                                struct own_keys *keys, struct signer **out);
void signer_drop(struct signer **s);

/* Digest and scheme of the next signature: what R asks for, else agent.conf,
 * else what fits the key; a certificate for RSASSA-PSS allows nothing else.
 * signer_choose does this too. Errors: ERR_ALGORITHM when the key cannot do
 * what R asks for; ERR_NO_KEY when it cannot sign at all. */
MUST_USE enum err signer_choose_algorithm(struct request *r, struct signer *s);

/* Builds the signed attributes over CONTENT_DIGEST and has them signed. */
MUST_USE enum err signer_sign(struct request *r, struct signer *s,
                              struct slice content_digest,
                              struct buf *out_attrs, struct buf *out_signature,
                              struct signer_spec *out_spec);

/* A whole detached SignedData, DER, over content of which DIGESTS has the
 * signer's digest; with at most CHAIN issuers. */
MUST_USE enum err signer_sign_detached(struct request *r, struct signer *s,
                                       struct digests *digests, size_t chain,
                                       struct buf *out);

/* True when the signer's certificate names ADDRESS. */
bool signer_names(const struct signer *s, const char *address);

/* Copies the address that decides who signs from a header's From (exactly
 * one mailbox) into OUT; false when there is none. */
bool sender_of(const struct header *h, char *out, size_t size);

/* Finds the person's own certificate to encrypt to for FROM (NULL: any
 * address): the newest that is valid now and whose private key is there.
 * NULL with *reason set. */
struct own_key *own_keys_find_encryption(struct own_keys *keys,
                                         const char *from, const char **reason);

#endif
