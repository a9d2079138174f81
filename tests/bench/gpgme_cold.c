/*
 * What a program pays that starts GPGME's S/MIME engine for one operation, as
 * NeoMutt does for each mail: smime-gpgsm and its agent beside GnuPG's gpgsm
 * and its agent, by turns, with the same RSA key and certificate.
 *
 *   smime-bench-gpgme OURS THEIRS HOMEDIR ADDRESS ROUNDS
 *
 * OURS and THEIRS are the engines' paths, HOMEDIR is GnuPG's. Every sample is
 * a context of its own: the engine is started, works, and ends.
 */
#include <gpgme.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/bench.h"

#define MAIL_BYTES 2048

struct engine {
    const char *name, *path, *home;
    gpgme_key_t key;
    gpgme_ctx_t context;
    char *signature;
    size_t signature_bytes;
};

static char mail[MAIL_BYTES];

static void
must(const struct engine *e, const char *what, gpgme_error_t error)
{
    if (error != 0)
        die("%s: %s: %s", e->name, what, gpgme_strerror(error));
}

static void
context_open(struct engine *e)
{
    must(e, "a context", gpgme_new(&e->context));
    must(e, "the protocol", gpgme_set_protocol(e->context, GPGME_PROTOCOL_CMS));
    must(e, "the engine",
         gpgme_ctx_set_engine_info(e->context, GPGME_PROTOCOL_CMS, e->path,
                                   e->home));
    gpgme_set_offline(e->context, 1);
}

static void
sign(struct engine *e)
{
    gpgme_data_t text, out;

    context_open(e);
    must(e, "the signer", gpgme_signers_add(e->context, e->key));
    (void)gpgme_data_new_from_mem(&text, mail, sizeof(mail), 0);
    (void)gpgme_data_new(&out);
    must(e, "sign",
         gpgme_op_sign(e->context, text, out, GPGME_SIG_MODE_DETACH));
    gpgme_data_release(text);
    gpgme_free(e->signature);
    e->signature = gpgme_data_release_and_get_mem(out, &e->signature_bytes);
    gpgme_release(e->context);
}

static void
verify(struct engine *e)
{
    gpgme_data_t text, signature;
    gpgme_verify_result_t result;

    context_open(e);
    (void)gpgme_data_new_from_mem(&text, mail, sizeof(mail), 0);
    (void)gpgme_data_new_from_mem(&signature, e->signature, e->signature_bytes,
                                  0);
    must(e, "verify", gpgme_op_verify(e->context, signature, text, NULL));
    result = gpgme_op_verify_result(e->context);
    if (!result->signatures ||
        !(result->signatures->summary & GPGME_SIGSUM_VALID))
        die("%s: its own signature is not valid", e->name);
    gpgme_data_release(text);
    gpgme_data_release(signature);
    gpgme_release(e->context);
}

static void
list(struct engine *e, const char *address)
{
    context_open(e);
    must(e, "list", gpgme_op_keylist_start(e->context, address, 1));
    if (e->key)
        gpgme_key_unref(e->key);
    must(e, "the key", gpgme_op_keylist_next(e->context, &e->key));
    must(e, "the list's end", gpgme_op_keylist_end(e->context));
    gpgme_release(e->context);
}

static double
took(void (*what)(struct engine *e), struct engine *e)
{
    double begun = now_us();

    what(e);
    return now_us() - begun;
}

static const char *the_address;

static void
list_one(struct engine *e)
{
    list(e, the_address);
}

int
main(int argc, char **argv)
{
    static struct samples samples[3][2];
    static const char *const names[] = {"list the key", "sign 2 KiB",
                                        "verify it"};
    void (*const what[])(struct engine * e) = {list_one, sign, verify};
    struct engine engines[2] = {{.name = "smime-gpgsm"}, {.name = "gpgsm"}};
    int rounds = argc == 6 ? atoi(argv[5]) : 0;

    if (rounds < 1 || rounds > 4096)
        die("usage: smime-bench-gpgme OURS THEIRS HOMEDIR ADDRESS ROUNDS");
    engines[0].path = argv[1];
    engines[1].path = argv[2];
    engines[1].home = argv[3];
    the_address = argv[4];
    (void)gpgme_check_version(NULL);
    memset(mail, 'x', sizeof(mail));
    for (int i = -1; i < rounds; i++)
        for (size_t k = 0; k < 3; k++)
            for (size_t n = 0; n < 2; n++) {
                double us = took(what[k], &engines[n]);

                if (i >= 0)
                    samples_add(&samples[k][n], us);
            }
    printf("%-14s %14s %14s   milliseconds, median of %d\n", "",
           engines[0].name, engines[1].name, rounds);
    for (size_t k = 0; k < 3; k++)
        printf("%-14s %14.2f %14.2f\n", names[k],
               samples_p50(&samples[k][0]) / 1000,
               samples_p50(&samples[k][1]) / 1000);
    for (size_t n = 0; n < 2; n++) {
        gpgme_key_unref(engines[n].key);
        gpgme_free(engines[n].signature);
    }
    return 0;
}
