/* The PKCS#12 files that OpenSSL tests itself with, by name good or bad.
 * nomac_parse holds EnvelopedData for no recipient at all: nothing to read. */
#include <cmocka.h>

#include <dirent.h>

#include "agent/importer/p12.h"
#include "agent/wire/values.h"
#include "places_of_tests.h"
#include "tests/unit/keyholder_fixture.h"

static const char folder[] = SMIME_SOURCE_DIR "/../shared/data/openssl-pkcs12";

static const char *
password_of(const char *name)
{
    if (strncmp(name, "bad", 3) == 0)
        return "";
    return strncmp(name, "nomac", 5) == 0 ? "testpassword" : "1234";
}

static bool
is_good(const char *name)
{
    return strstr(name, ".good") ||
           strcmp(name, "pbmac1_sha1_hmac_and_prf.p12") == 0;
}

static void
check_file(const char *name)
{
    char path[512];
    AUTO(secret)
    struct secret *secret =
        secret_copy(password_of(name), strlen(password_of(name)));
    AUTO(p12) struct p12 *p12 = NULL;
    AUTO(buf) struct buf file = {0};
    struct problem p = {0};
    struct p12_item item;
    enum err e;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = fixture_read(path);
    e = p12_read(buf_slice(&file), secret, strncmp(name, "nomac", 5) == 0, &p12,
                 &p);
    print_message("%s: %s (%s)\n", name, err_name(e), p.detail);
    if (!is_good(name)) {
        assert_int_not_equal(e, ERR_OK);
        return;
    }
    assert_int_equal(e, ERR_OK);
    p12_next(p12, &item);
    assert_int_equal(item.kind, P12_KEY);
    p12_next(p12, &item);
    assert_int_equal(item.kind, P12_CERTIFICATE);
}

static void
every_file_is_read_or_refused_as_its_name_says(void **state)
{
    DIR *d = opendir(folder);
    struct dirent *entry;
    int files = 0;

    (void)state;
    while ((entry = readdir(d)) != NULL) {
        if (!strstr(entry->d_name, ".p12"))
            continue;
        check_file(entry->d_name);
        files++;
    }
    closedir(d);
    assert_int_equal(files, 19);
}

/* Keys of RSA and of Edwards curves, several certificates, other writers. */
static void
files_of_other_programs_are_read(void **state)
{
    static const struct {
        const char *path, *password;
    } row[] = {
        {"rfc9216/alice.p12", "alice"},   {"rfc9216/bob.p12", "bob"},
        {"rfc9216/carlos.p12", "carlos"}, {"rfc9216/dana.p12", "dana"},
        {"nss-interop/Fran.p12", "nss"},  {"nss-interop/Fran-ec.p12", "nss"}};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(row); i++) {
        AUTO(secret)
        struct secret *secret =
            secret_copy(row[i].password, strlen(row[i].password));
        AUTO(p12) struct p12 *p12 = NULL;
        AUTO(buf) struct buf file = {0};
        char path[512];
        struct problem p = {0};
        enum err e;

        snprintf(path, sizeof(path), "%s/../%s", folder, row[i].path);
        if (access(path, R_OK) != 0)
            continue;
        file = fixture_read(path);
        e = p12_read(buf_slice(&file), secret, false, &p12, &p);
        print_message("%s: %s (%s)\n", row[i].path, err_name(e), p.detail);
        assert_int_equal(e, ERR_OK);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_file_is_read_or_refused_as_its_name_says),
        cmocka_unit_test(files_of_other_programs_are_read),
    };

    if (access(folder, R_OK) != 0)
        return 77;
    p12_warm();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
