/*
 * The codec between the processes, each record tried with the same bytes:
 * what decodes encodes to them again, every slice lies inside them, no text
 * holds a NUL. As a problem they give an error, whatever they are.
 */
#include "agent/wire/records.h"

#include "agent/wire/channel.h"
#include "agent/wire/packet.h"
#include "tests/fuzz/fuzz.h"

static struct slice input;

static void
check_slice(struct slice s, size_t limit)
{
    REQUIRE(s.n <= limit);
    REQUIRE(s.n == 0 || (s.p >= input.p && s.n <= input.n &&
                         (size_t)(s.p - input.p) <= input.n - s.n));
}

static void
check_list(const struct slice_list *l, size_t limit, size_t most)
{
    REQUIRE(l->n <= most && l->n <= LIMIT_LIST_ITEMS);
    for (size_t i = 0; i < l->n; i++)
        check_slice(l->item[i], limit);
}

#define CHECK_NUMBER(name)
#define CHECK_BYTES(name, limit) check_slice(r->name, limit);
#define CHECK_TEXT(name, limit)                                                \
    check_slice(r->name, limit);                                               \
    REQUIRE(r->name.n == 0 || !memchr(r->name.p, '\0', r->name.n));
#define CHECK_LIST(name, limit, most) check_list(&r->name, limit, most);
#define CHECK_RECORD(record)                                                   \
    static void check_##record(const void *p)                                  \
    {                                                                          \
        const struct record *r = p;                                            \
                                                                               \
        (void)r;                                                               \
        FIELDS_##record(CHECK_NUMBER, CHECK_NUMBER, CHECK_BYTES, CHECK_TEXT,   \
                        CHECK_LIST)                                            \
    }
RECORDS(CHECK_RECORD)

static void (*const checks[RECORD_COUNT])(const void *) = {
#define CHECK_ROW(record) [RECORD_##record] = check_##record,
    RECORDS(CHECK_ROW)
#undef CHECK_ROW
};

/* A problem as another process sends it. */
static void
check_problem(uint16_t code)
{
    struct frame f;
    struct problem p = {0};
    enum err e;

    frame_init(&f);
    buf_reserve(&f.bytes, PACKET_HEADER_BYTES);
    memset(f.bytes.data, 0, PACKET_HEADER_BYTES);
    f.bytes.len = PACKET_HEADER_BYTES;
    buf_add_slice(&f.bytes, input);
    e = packet_read_problem(&f, code, ERR_KEYRING_LOST, &p);
    REQUIRE(e != ERR_OK && e < ERR_COUNT && p.code == e);
    REQUIRE(memchr(p.detail, '\0', sizeof(p.detail)) &&
            memchr(p.subject, '\0', sizeof(p.subject)) &&
            memchr(p.token, '\0', sizeof(p.token)));
    frame_drop(&f);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static union any_record record;

    input = slice_of(data, size);
    for (enum record which = 0; which < RECORD_COUNT; which++) {
        AUTO(buf) struct buf again = {0};

        if (!record_decode(which, input, &record))
            continue;
        checks[which](&record);
        record_encode(which, &record, &again);
        REQUIRE(slice_equal(buf_slice(&again), input));
    }
    check_problem(size > 0 ? data[0] : 0);
    return 0;
}
