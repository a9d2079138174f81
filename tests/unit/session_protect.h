/* Mail with header protection, and what is told of it. */
#ifndef TESTS_UNIT_SESSION_PROTECT_H
#define TESTS_UNIT_SESSION_PROTECT_H

#include "agent/session/protect.h"

#include "tests/unit/session_mail.h"

#define FROM    "From: A <a@example.org>\n"
#define TO      "To: b@example.org\n"
#define SUBJECT "Subject: the secret\n"
#define MAIL                                                                   \
    "Received: by x\n" FROM TO SUBJECT "Keywords: k\nBcc: c@example.org\n"     \
    "Content-Type: text/plain; charset=us-ascii\n\nthe text\n"

static inline void
both(void)
{
    people_clear();
    card_add(&alice, "a@example.org");
    contact_add(&bob, "b@example.org");
}

static inline void
sign_as(const char *how, const char *mail, struct outcome *out)
{
    both();
    call_text(mail_sign, json_pack("{s:s}", "header_protection", how), mail,
              out);
    assert_int_equal(out->e, ERR_OK);
}

static inline void
encrypt_as(const char *how, bool is_signed, const char *legacy,
           const char *mail, struct outcome *out)
{
    both();
    call_text(mail_encrypt,
              json_pack("{s:[s],s:b,s:s,s:s}", "to", "b@example.org", "sign",
                        is_signed, "header_protection", how, "legacy_display",
                        legacy),
              mail, out);
    assert_int_equal(out->e, ERR_OK);
}

static inline void
open_as_b(const struct buf *mail, struct outcome *out)
{
    people_clear();
    card_add(&bob, "b@example.org");
    call_mail(mail_open, NULL, buf_slice(mail), out);
    assert_int_equal(out->e, ERR_OK);
}

/* In the output's first lines, before the empty one. */
static inline bool
header_holds(const struct buf *b, const char *text)
{
    const uint8_t *end = memmem(b->data, b->len, "\n\n", 2);

    assert_non_null(end);
    return memmem(b->data, (size_t)(end - b->data) + 1, text, strlen(text));
}

static const json_t *
report_of(const struct outcome *o)
{
    return json_object_get(o->reply, "report");
}

static const char *
hp_of(const struct outcome *o)
{
    return json_string_value(
        json_object_get(report_of(o), "header_protection"));
}

static const json_t *
field_of(const struct outcome *o, const char *name)
{
    const json_t *field;
    size_t i;

    json_array_foreach(json_object_get(report_of(o), "header"), i, field)
    {
        if (strcmp(json_string_value(json_object_get(field, "name")), name) ==
            0)
            return field;
    }
    return NULL;
}

static inline void
assert_field(const struct outcome *o, const char *name, const char *protection,
             const char *value)
{
    const json_t *field = field_of(o, name);

    assert_non_null(field);
    assert_string_equal(json_string_value(json_object_get(field, "protection")),
                        protection);
    assert_string_equal(json_string_value(json_object_get(field, "value")),
                        value);
}

static const char *
outer_of(const struct outcome *o, const char *name)
{
    return json_string_value(json_object_get(field_of(o, name), "outer"));
}

/* Replaces what stands in a header outside. */
static inline void
replace(struct buf *mail, const char *from, const char *to)
{
    AUTO(buf) struct buf changed = {0};
    const uint8_t *at = memmem(mail->data, mail->len, from, strlen(from));
    size_t before;

    assert_non_null(at);
    before = (size_t)(at - mail->data);
    buf_add(&changed, mail->data, before);
    buf_add_text(&changed, to);
    buf_add(&changed, at + strlen(from), mail->len - before - strlen(from));
    buf_drop(mail);
    *mail = changed;
    changed = (struct buf){0};
}

#endif
