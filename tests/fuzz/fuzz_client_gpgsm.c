/*
 * What smime-gpgsm makes of others' texts. A line of Assuan becomes patterns
 * that are texts, whatever is in it. A listing of the agent, whose names come
 * out of certificates, becomes records: each line is one of the known kinds,
 * and no foreign text adds a line or a control character.
 */
#include <stdbool.h>
#include <string.h>

#include "client/mail/gpgsm/engine.h"
#include "tests/fuzz/fuzz.h"

static void
check_patterns(json_t *list)
{
    const json_t *one;
    size_t i;

    json_array_foreach(list, i, one)
    {
        REQUIRE(json_is_string(one));
    }
    json_decref(list);
}

static bool
is_record(const char *line)
{
    static const char *const kinds[] = {
        "crt:", "crs:", "fpr:", "fp2:", "grp:", "uid:"};

    for (size_t i = 0; i < ARRAY_COUNT(kinds); i++)
        if (strncmp(line, kinds[i], 4) == 0)
            return true;
    return false;
}

static void
check_records(char *text)
{
    for (char *at = text, *end; *at; at = end + 1) {
        end = strchr(at, '\n');
        REQUIRE(end && is_record(at));
        for (char *c = at; c < end; c++)
            REQUIRE((unsigned char)*c >= 0x20 && *c != 0x7f);
    }
}

static void
check_listing(const json_t *reply)
{
    for (size_t i = 0; i < certificates_count(reply); i++) {
        AUTO(buf) struct buf out = {0};
        AUTO(buf) struct buf shown = {0};
        struct listed c, chosen;
        int reason;

        certificates_at(reply, i, &c);
        colons_write(&c, true, &out);
        check_records((char *)(uintptr_t)buf_text(&out));
        certificate_print(&c, true, &shown);
        (void)certificate_is_shown(reply, &c);
        if (!certificates_choose(reply, i % 2, &chosen, &reason))
            REQUIRE(reason > 0 && reason < 12);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(buf) struct buf line = {0};
    json_t *reply;

    buf_add(&line, data, size);
    check_patterns(patterns_read(buf_text(&line)));
    check_patterns(name_read(buf_text(&line)));
    (void)has_option(buf_text(&line), "--data");
    reply = json_loads(buf_text(&line), 0, NULL);
    check_listing(reply);
    json_decref(reply);
    return 0;
}
