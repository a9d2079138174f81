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

/* "name" <address>, each byte of the name quoted: reads as itself. */
static void
check_formatted(const struct mailbox *m, const char *name)
{
    AUTO(mailbox_list) struct mailbox_list again = {0};
    AUTO(buf) struct buf text = {0};

    buf_add_byte(&text, '"');
    for (const char *c = name; *c; c++) {
        if (*c == '"' || *c == '\\')
            buf_add_byte(&text, '\\');
        buf_add_byte(&text, (uint8_t)*c);
    }
    buf_addf(&text, "\" <%s>", m->address);
    mailbox_list_parse(buf_slice(&text), &again);
    REQUIRE(!again.malformed && !again.group && again.count == 1);
    REQUIRE(strcmp(again.item[0].address, m->address) == 0);
    REQUIRE(again.item[0].name && strcmp(again.item[0].name, name) == 0);
}

/* Names whose reading again is no question of encoded words and blanks. */
static bool
is_plain_name(const char *name)
{
    size_t n = strlen(name);

    for (size_t i = 0; i < n; i++)
        if (name[i] < 0x20 || name[i] == 0x7f ||
            (name[i] == ' ' && (i == 0 || i + 1 == n || name[i + 1] == ' ')))
            return false;
    return n > 0 && !strstr(name, "=?");
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
    if (m->name && is_plain_name(m->name))
        check_formatted(m, m->name);
    /* Behind a name that holds another address it always deceives. */
    bare.name = (char[]){"mallory@example.net"};
    REQUIRE(mailbox_is_deceiving(&bare) ||
            address_equal(address, slice_text(bare.name)));
    /* A local part that is an encoded word, that HTML or a URI reads otherwise,
     * or that has a letter that looks like an at sign, reads as something
     * else. */
    if (address_is_plausible(address) && !strpbrk(m->address, "\"[{':") &&
        !strstr(m->address, "=?") && !strchr(m->address, '&') &&
        !strstr(m->address, "%40") && is_ascii(m->address)) {
        bare.name = bare.address;
        bare.hidden_at = false;
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
