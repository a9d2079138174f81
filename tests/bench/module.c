/*
 * What smime-agent-pkcs11.so costs a program: the same keys on the token
 * itself and through the module, interleaved.
 *
 *   smime-bench-module warm TOKEN_MODULE TOKEN MODULE     PIN on stdin
 *   smime-bench-module cold MODULE TOKEN [rsa|ec]         PIN on stdin
 *
 * warm: p50 of C_SignInit and C_Sign. cold: from nothing (dlopen) to the first
 * signature, in microseconds, of this one process.
 */
#include <stdio.h>
#include <string.h>

#include "tests/bench/bench.h"

#define ROUNDS 1500

static char pin[64];

static void
pin_read(void)
{
    if (!fgets(pin, sizeof(pin), stdin))
        pin[0] = '\0';
    pin[strcspn(pin, "\n")] = '\0';
}

static void
sign_timed(struct raw *r, int is_rsa, struct samples *s)
{
    double begun = now_us();

    raw_sign(r, is_rsa);
    samples_add(s, now_us() - begun);
}

static void
print(const char *what, struct samples *token, struct samples *module)
{
    double t = samples_p50(token), m = samples_p50(module);

    printf("%-22s %9.0f us %9.0f us %9.0f us more\n", what, t, m, m - t);
}

static void
warm(const char *token_module, const char *token, const char *module)
{
    struct raw *direct = raw_open(token_module, token, pin);
    struct raw *through = raw_open(module, "smime-agent", "");
    static struct samples s[4];

    for (int i = 0; i < ROUNDS; i++)
        for (int is_rsa = 0; is_rsa < 2; is_rsa++) {
            sign_timed(direct, is_rsa, &s[2 * is_rsa]);
            sign_timed(through, is_rsa, &s[2 * is_rsa + 1]);
        }
    printf("%-22s %12s %12s\n", "p50", "token", "module");
    print("C_Sign P-256", &s[0], &s[1]);
    print("C_Sign RSA-2048", &s[2], &s[3]);
}

int
main(int argc, char **argv)
{
    double begun = now_us();

    if (argc < 4)
        die("usage: warm TOKEN_MODULE TOKEN MODULE | cold MODULE TOKEN [ec]");
    pin_read();
    if (strcmp(argv[1], "warm") == 0 && argc == 5) {
        warm(argv[2], argv[3], argv[4]);
        return 0;
    }
    raw_sign(raw_open(argv[2], argv[3], pin),
             argc < 5 || strcmp(argv[4], "ec") != 0);
    printf("%.0f\n", now_us() - begun);
    return 0;
}
