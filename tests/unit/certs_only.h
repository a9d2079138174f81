/* Certificates alone in a SignedData, for tests. */
#ifndef TESTS_UNIT_CERTS_ONLY_H
#define TESTS_UNIT_CERTS_ONLY_H

#include <cmocka.h>

#include "agent/cms/certs_only.h"

static inline void
certs_only_make(const struct slice *certificates, size_t count, struct buf *out)
{
    uint64_t bytes = 0;
    struct problem p = {0};
    struct sink_buf to;

    for (size_t i = 0; i < count; i++)
        bytes += certificates[i].n;
    sink_buf_init(&to, out, SIZE_MAX);
    assert_int_equal(certs_only_begin(&to.s, bytes, &p), ERR_OK);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(
            sink_write(&to.s, certificates[i].p, certificates[i].n, &p),
            ERR_OK);
    assert_int_equal(certs_only_end(&to.s, &p), ERR_OK);
}

#endif
