/*
 * The benchmark's parts. Everything is measured in one interleaved run on
 * the same keys: only ratios inside one run count on a noisy machine.
 */
#ifndef TESTS_BENCH_BENCH_H
#define TESTS_BENCH_BENCH_H

#include <stddef.h>
#include <stdint.h>

/* samples.c */
double now_us(void);
_Noreturn void die(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

/* Samples of one thing, for its median. */
struct samples {
    double value[4096];
    size_t count;
};
void samples_add(struct samples *s, double us);
double samples_p50(struct samples *s);

/* raw.c: the same key without an agent: C_SignInit, C_Sign and C_DecryptInit,
 * C_Decrypt on the module itself. */
struct raw;
struct raw *raw_open(const char *module, const char *token, const char *pin);
/* Another session of the same module, for another thread; TOKEN must be
 * logged in. */
struct raw *raw_session(struct raw *of, const char *token);
void raw_login(struct raw *r, const char *token, const char *pin);
void raw_sign(struct raw *r, int is_rsa);
/* Decrypts WRAPPED (PKCS#1 v1.5). */
void raw_decrypt(struct raw *r, const uint8_t *wrapped, size_t n);
/* Wraps 32 bytes for the RSA key, 256 bytes out. */
size_t raw_wrap(struct raw *r, uint8_t *out, size_t size);

/* signing.c: a client of the agent with a connection of its own, that signs a
 * mail of 2 KiB FROM somebody. */
struct signing;
struct signing *signing_open(const char *from);
void signing_run(struct signing *s);

/* null_trip.c: three processes pass messages of the size and shape of a
 * signature's, with two descriptors, and do nothing else. */
struct null_trip;
struct null_trip *null_trip_open(void);
void null_trip_run(struct null_trip *n);
void null_trip_close(struct null_trip *n);

/* large.c: runs a command on a large file; MB/s and the largest resident
 * size of every process of the agent meanwhile. */
void large_run(const char *what, int agent_pid, const char *input,
               const char *output, char *const argv[]);

#endif
