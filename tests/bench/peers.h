/*
 * The peers in this process, as warm as they can be: each judges mail N of
 * the folder that smime-mailbox made, from its SignedData and its content;
 * taking the mail apart is spared them. A peer that was not there when this
 * was built says so.
 */
#ifndef TESTS_BENCH_PEERS_H
#define TESTS_BENCH_PEERS_H

#include <stdbool.h>

/* A whole file, ended by a NUL that *out_len does not count; the caller
 * frees it. */
char *file_read(const char *folder, const char *kind, long n, long *out_len);

/* Network Security Services: decode, digest, signature, chain. */
bool nss_begin(const char *folder);
void nss_verify(const char *folder, long n);
void nss_end(void);

/* gpgsm's server through GPGME, in GNUPGHOME, which trusts the root. */
bool gpgsm_begin(void);
void gpgsm_verify(const char *folder, long n);
void gpgsm_end(void);

#endif
