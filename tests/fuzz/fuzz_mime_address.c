/*
 * mailbox_list_parse: an address that was read is read as itself again, and
 * a mailbox whose name is its own address does not deceive.
 */
#include "agent/mime/address.h"
#include "tests/fuzz/fuzz.h"

static bool
is_ascii(const char *s)
{
    while (*s && (unsigned char)*s < 0x80)
        s++;
    return *s == '\0';
}

static void
check_mailbox(const struct mailbox *m)
{
    AUTO(mailbox_list) struct mailbox_list again = {0};
    struct slice address = slice_text(m->address);
    struct mailbox bare = *m;

    REQUIRE(address.n > 0 && address.n <= LIMIT_MAILBOX_BYTES);
    REQUIRE(memchr(address.p, '@', address.n));
    mailbox_list_parse(address, &again);
    REQUIRE(!again.malformed && !again.group && again.count == 1);
    REQUIRE(strcmp(again.item[0].address, m->address) == 0);
    REQUIRE(!again.item[0].name);
    (void)mailbox_is_deceiving(m);
    /* A local part that is an encoded word, or has a letter that looks like
     * an at sign, reads as something else. */
    if (address_is_plausible(address) && !strpbrk(m->address, "\"[':") &&
        !strstr(m->address, "=?") && is_ascii(m->address)) {
        bare.name = bare.address;
        REQUIRE(!mailbox_is_deceiving(&bare));
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(mailbox_list) struct mailbox_list l = {0};
    AUTO(buf) struct buf decoded = {0};

    mailbox_list_parse(slice_of(data, size), &l);
    REQUIRE(l.count <= LIMIT_MAILBOXES);
    REQUIRE(l.malformed || size == 0 || !memchr(data, '\0', size));
    for (size_t i = 0; i < l.count; i++)
        check_mailbox(&l.item[i]);
    encoded_word_decode(slice_of(data, size), &decoded);
    return 0;
}
