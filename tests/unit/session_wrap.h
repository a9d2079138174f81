/*
 * A mail of one person to themselves, with layers put around it.
 */
#ifndef TESTS_UNIT_SESSION_WRAP_H
#define TESTS_UNIT_SESSION_WRAP_H

#include "tests/unit/session_mail.h"

#define HEAD "From: A <a@example.org>\nTo: b@example.org\nSubject: s\n"
#define MAIL HEAD "\nthe text\n"

static inline void
alone(void)
{
    people_clear();
    card_add(&alice, "a@example.org");
}

/* One more layer around MAIL. */
static inline void
wrap(method_handler *handler, bool opaque, struct buf *mail)
{
    AUTO(outcome) struct outcome o;
    json_t *parameters =
        handler == mail_sign
            ? json_pack("{s:b,s:s}", "opaque", opaque, "from", "a@example.org")
            : json_pack("{s:[s],s:s}", "to", "a@example.org", "from",
                        "a@example.org");

    call_mail(handler, parameters, buf_slice(mail), &o);
    assert_int_equal(o.e, ERR_OK);
    buf_clear(mail);
    buf_add_slice(mail, buf_slice(&o.output));
}

static inline void
open_mail(const struct buf *mail, struct outcome *out)
{
    call_mail(mail_open, NULL, buf_slice(mail), out);
}

#endif
