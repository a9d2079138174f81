/*
 * What the tests of the mail engine share: one call of a method with mail
 * from memory, in a session between the people of session_people.h. Included
 * once by each of them.
 */
#ifndef TESTS_UNIT_SESSION_MAIL_H
#define TESTS_UNIT_SESSION_MAIL_H

#include "tests/unit/session_people.h"

#include <sys/mman.h>

/* ---- one call
 * -------------------------------------------------------------------
 */

/* A file in memory that holds BYTES, at its beginning. */
static int
file_of(struct slice bytes)
{
    int fd = memfd_create("mail", MFD_CLOEXEC);

    assert_true(fd >= 0);
    assert_true(fd_write_all(fd, bytes.p, bytes.n));
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

UNUSED static void
file_bytes(int fd, struct buf *out)
{
    uint8_t bytes[4096];
    off_t at = 0;
    ssize_t n;

    while ((n = pread(fd, bytes, sizeof(bytes), at)) > 0) {
        buf_add(out, bytes, (size_t)n);
        at += n;
    }
}

/* A call's outcome; OUTPUT is what the regular output file then holds. */
struct outcome {
    enum err e;
    struct problem problem;
    json_t *reply;
    struct buf output;
};

UNUSED static void
outcome_drop(struct outcome *o)
{
    json_decref(o->reply);
    buf_drop(&o->output);
}

UNUSED static void
mail_world_open(struct world *w)
{
    w->keyholder.answer = software_keyholder;
    w->keyring.answer = software_keyring;
    world_open(w, RIGHT_MAIL);
    w->s.scratch.fd = memfd_create("scratch", MFD_CLOEXEC);
}

UNUSED static void
mail_world_close(struct world *w)
{
    fd_drop(&w->s.scratch.fd);
    world_close(w);
}

/* HANDLER in the session of W on INPUT (a descriptor, borrowed). PARAMETERS
 * (taken, may be NULL) without those of the descriptors. */
UNUSED static void
call_on(struct world *w, method_handler *handler, json_t *parameters, int input,
        struct outcome *out)
{
    int output = memfd_create("result", MFD_CLOEXEC);
    struct request r = {.session = &w->s,
                        .parameters = parameters ? parameters : json_object(),
                        .fds = {fcntl(input, F_DUPFD_CLOEXEC, 0),
                                fcntl(output, F_DUPFD_CLOEXEC, 0),
                                [2 ... LIMIT_REQUEST_FDS - 1] = -1},
                        .fd_count = 2};

    json_object_set_new(r.parameters, "input", json_integer(0));
    if (handler != mail_verify) /* it takes none of a mail */
        json_object_set_new(r.parameters, "output", json_integer(1));
    *out = (struct outcome){0};
    out->e = handler(&r, &out->reply);
    out->problem = r.problem;
    file_bytes(output, &out->output);
    close(output);
    for (int i = 0; i < LIMIT_REQUEST_FDS; i++)
        fd_drop(&r.fds[i]);
    json_decref(r.parameters);
}

/* The same in a session of its own, on INPUT in memory. */
UNUSED static void
call_mail(method_handler *handler, json_t *parameters, struct slice input,
          struct outcome *out)
{
    struct world w = {0};
    int fd = file_of(input);

    asked_count = 0;
    mail_world_open(&w);
    call_on(&w, handler, parameters, fd, out);
    mail_world_close(&w);
    close(fd);
}

UNUSED static void
call_text(method_handler *handler, json_t *parameters, const char *input,
          struct outcome *out)
{
    call_mail(handler, parameters, slice_text(input), out);
}

/* The report's word for the message, and whether it gives REASON. */
UNUSED static const char *
verdict_of(const struct outcome *o)
{
    return json_string_value(
        json_object_get(json_object_get(o->reply, "report"), "verdict"));
}

UNUSED static bool
has_reason(const struct outcome *o, const char *reason)
{
    const json_t *list =
        json_object_get(json_object_get(o->reply, "report"), "reasons");
    const json_t *one;
    size_t i;

    json_array_foreach(list, i, one)
    {
        if (strcmp(json_string_value(one), reason) == 0)
            return true;
    }
    return false;
}

UNUSED static size_t
layers_of(const struct outcome *o)
{
    return json_array_size(
        json_object_get(json_object_get(o->reply, "report"), "layers"));
}

UNUSED static bool
holds(const struct buf *b, const char *text)
{
    return b->len > 0 && memmem(b->data, b->len, text, strlen(text));
}

#endif
