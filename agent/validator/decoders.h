/*
 * How public keys in certificates are read. OpenSSL's default provider offers
 * some sixty decoders, and for each key all of them are looked through, which
 * takes three times as long as the rest of the certificate. A certificate
 * holds a SubjectPublicKeyInfo in DER and nothing else.
 */
#ifndef AGENT_VALIDATOR_DECODERS_H
#define AGENT_VALIDATOR_DECODERS_H

/*
 * From now on this thread's default library context is one whose only
 * provider is the default provider without its other decoders and without
 * keys that no SubjectPublicKeyInfo holds. What was fetched before stays in
 * the other context, where no search meets it. Where OpenSSL refuses,
 * everything stays as it was, and slower.
 */
void decoders_narrow(void);

#endif
