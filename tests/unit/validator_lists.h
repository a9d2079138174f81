/*
 * CRLs in the folder that the validator of a test reads, beside the people of
 * validator_case.h.
 */
#ifndef TESTS_UNIT_VALIDATOR_LISTS_H
#define TESTS_UNIT_VALIDATOR_LISTS_H

#include "validator_case.h"

#include "agent/base/fd.h"

static char crl_path[2][160];

static inline void
wait_for_look(void)
{
    struct timespec t = {.tv_nsec = (FOLDER_LOOK_MS + 5) * 1000000L};

    nanosleep(&t, NULL);
}

static inline void
file_write(const char *path, struct slice bytes)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    assert_int_equal(fwrite(bytes.p, 1, bytes.n, f), bytes.n);
    assert_int_equal(fclose(f), 0);
}

/* Puts a CRL of the CA and an empty one of the root into the folder. */
static inline void
store_crls(struct crl_spec of_ca)
{
    if (!of_ca.issuer)
        of_ca.issuer = &ca;
    for (size_t i = 0; i < 2; i++)
        snprintf(crl_path[i], sizeof(crl_path[i]), "%s/%zu.crl", crl_folders[0],
                 i);
    file_write(crl_path[0], make_crl(&of_ca));
    file_write(crl_path[1],
               make_crl(&(struct crl_spec){
                   .issuer = &root, .from = -40 * DAY, .until = 30 * DAY}));
    wait_for_look();
}

static inline void
remove_crls(void)
{
    (void)unlink(crl_path[0]);
    (void)unlink(crl_path[1]);
    wait_for_look();
}

#endif
