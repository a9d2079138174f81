/*
 * What a PKCS#12 file gives, for the tests of the importer. Included once by
 * each of them.
 */
#ifndef TESTS_UNIT_IMPORTER_SEEN_H
#define TESTS_UNIT_IMPORTER_SEEN_H

#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>

#include "agent/importer/p12.h"
#include "agent/wire/values.h"
#include "tests/unit/keyholder_fixture.h"

__attribute__((unused)) static int
tear_down(void **state)
{
    (void)state;
    fixture_close();
    return 0;
}

struct seen {
    enum err code;
    struct problem problem;
    int keys, certificates, pairs;
    uint32_t type, usage;
    size_t values;
    char label[LIMIT_LABEL_BYTES + 1];
    char warning[LIMIT_LABEL_BYTES + 1];
    bool ca;
};

static void
note_item(struct seen *seen, const struct p12_item *item, struct buf *spki)
{
    if (item->kind == P12_KEY) {
        seen->keys++;
        seen->type = item->type;
        seen->usage = item->key_usage;
        seen->values = item->value.n;
        if (item->label.n > 0)
            memcpy(seen->label, item->label.p, item->label.n);
        buf_clear(spki);
        buf_add_slice(spki, item->spki);
        for (size_t i = 0; i < item->value.n; i++)
            assert_true(item->value.item[i].n > 0 || item->type == KEY_ED25519);
        return;
    }
    seen->certificates++;
    assert_int_equal(item->value.n, 1);
    seen->ca |= item->is_ca != 0;
    seen->pairs += slice_equal(item->spki, buf_slice(spki));
}

static struct seen
read_bytes(struct slice file, const char *password, bool no_mac)
{
    AUTO(secret)
    struct secret *secret =
        password ? secret_copy(password, strlen(password)) : NULL;
    AUTO(p12) struct p12 *p12 = NULL;
    AUTO(buf) struct buf spki = {0};
    AUTO(buf) struct buf wire = {0};
    struct seen seen = {0};
    struct p12_item item;

    seen.code = p12_read(file, secret, no_mac, &p12, &seen.problem);
    assert_int_equal(seen.code, seen.problem.code);
    if (seen.code != ERR_OK)
        return seen;
    for (;;) {
        p12_next(p12, &item);
        record_encode(RECORD_p12_item, &item, &wire); /* all limits hold */
        if (item.kind == P12_END)
            break;
        note_item(&seen, &item, &spki);
    }
    if (item.label.n > 0)
        memcpy(seen.warning, item.label.p, item.label.n);
    p12_next(p12, &item);
    assert_int_equal(item.kind, P12_END);
    return seen;
}

__attribute__((unused)) static struct seen
read_file(const char *path, const char *password, bool no_mac)
{
    AUTO(buf) struct buf file = fixture_read(path);

    return read_bytes(buf_slice(&file), password, no_mac);
}

#endif
