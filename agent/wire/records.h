/*
 * What travels between the processes of the agent: every record, once.
 *
 * A record is a list of fields in wire order. The struct that programs use
 * and the table that the codec walks both come from that list, so the two
 * ends cannot drift apart. Every length and count has its limit here; the
 * codec checks it before anything is allocated.
 *
 * In a decoded record slices borrow from the frame. No record holds a PIN
 * or a password: those travel as descriptors.
 */
#ifndef AGENT_WIRE_RECORDS_H
#define AGENT_WIRE_RECORDS_H

#include <stddef.h>
#include <stdint.h>

#include "agent/base/err.h"
#include "agent/base/limits.h"
#include "agent/base/mem.h"
#include "agent/wire/records_contacts.h"
#include "agent/wire/records_directory.h"
#include "agent/wire/records_keys.h"
#include "agent/wire/records_verdict.h"

struct slice_list {
    size_t n;
    struct slice item[LIMIT_LIST_ITEMS];
};

/* U32(name) U64(name) BYTES(name, limit) TEXT(name, limit): no NUL inside,
 * LIST(name, limit of one item, most items). */

#define FIELDS_empty(U32, U64, BYTES, TEXT, LIST) U32(unused)

/* Lists are read in pages: cursor 0 first, then what `next` said until it
 * is 0. */
#define FIELDS_page(U32, U64, BYTES, TEXT, LIST) U32(cursor)

#define FIELDS_list_reply(U32, U64, BYTES, TEXT, LIST)                         \
    LIST(records, LIMIT_RECORD_BYTES, LIMIT_LIST_ITEMS) U32(next)

/* Every record there is: X(name). One a line in the part it is from, so that
 * what is added at the same time does not collide. */
#define RECORDS(X)                                                             \
    X(empty)                                                                   \
    X(page)                                                                    \
    X(list_reply)                                                              \
    RECORDS_OF_KEYS(X)                                                         \
    RECORDS_OF_VERDICT(X)                                                      \
    RECORDS_OF_CONTACTS(X)                                                     \
    RECORDS_OF_DIRECTORY(X)

#define RECORD_U32(name)               uint32_t name;
#define RECORD_U64(name)               uint64_t name;
#define RECORD_BYTES(name, limit)      struct slice name;
#define RECORD_TEXT(name, limit)       struct slice name;
#define RECORD_LIST(name, limit, most) struct slice_list name;
#define RECORD_STRUCT(record)                                                  \
    struct record {                                                            \
        FIELDS_##record(RECORD_U32, RECORD_U64, RECORD_BYTES, RECORD_TEXT,     \
                        RECORD_LIST)                                           \
    };
RECORDS(RECORD_STRUCT)
#undef RECORD_STRUCT

enum record {
#define RECORD_NUMBER(name) RECORD_##name,
    RECORDS(RECORD_NUMBER)
#undef RECORD_NUMBER
        RECORD_COUNT
};

/* The size of a record's struct, for the codec and for tests. */
size_t record_size(enum record which);

/* Appends the encoding of RECORD to OUT. A field over its limit is bug():
 * whoever fills a record checks foreign input first. */
void record_encode(enum record which, const void *record, struct buf *out);

/* Reads BYTES into RECORD (record_size bytes); slices borrow from BYTES.
 * Nothing may be left over. Gives false for anything malformed; RECORD is
 * then zeroed. */
MUST_USE bool record_decode(enum record which, struct slice bytes,
                            void *record);

/* Appends one item to a list; false when it is full. */
MUST_USE bool slice_list_add(struct slice_list *list, struct slice item);

#endif
