/* Taking back leaves nothing of what was learned. */
#include <string.h>

#include "keyring_lesson.h"

struct facts {
    int64_t preferred, capabilities_time, date;
    size_t n, capabilities;
    enum contact_state state;
    enum contact_source source;
    uint32_t person;
    uint8_t first; /* byte of the certificate */
    char origin[32], verdict[32];
};

static bool
facts_note(void *ctx, const struct stored *row)
{
    struct facts *f = ctx;

    if (f->n++ > 0)
        return true;
    f->preferred = row->preferred;
    f->capabilities_time = row->capabilities_time;
    f->capabilities = row->capabilities.n;
    f->date = row->date;
    f->state = row->state;
    f->source = row->source;
    f->person = row->person;
    f->first = row->der.p[0];
    snprintf(f->origin, sizeof(f->origin), "%.*s", (int)row->origin.n,
             (const char *)row->origin.p);
    snprintf(f->verdict, sizeof(f->verdict), "%.*s", (int)row->verdict.n,
             (const char *)row->verdict.p);
    return true;
}

/* Of the row that is first. */
static struct facts
facts_of(struct store *s, const char *address)
{
    struct facts f = {0};
    struct problem p = {0};

    assert_int_equal(store_contact(s, slice_text(address), facts_note, &f, &p),
                     ERR_OK);
    return f;
}

static bool
happened_pass(void *ctx, const struct happened *h)
{
    (void)h;
    ++*(int *)ctx;
    return true;
}

static bool
undo(struct store *s)
{
    struct problem p = {0};
    bool found = false;
    int n = 0;

    assert_int_equal(store_undo(s, NOW, happened_pass, &n, &found, &p), ERR_OK);
    return found;
}

/* A mail of DATE that prefers the certificate and says what it can. */
static void
mail_make(struct taught *t, uint8_t number, const char *address, int64_t date)
{
    lesson_make(t, number, address);
    t->lesson.capabilities = slice_text("can much");
    t->lesson.capabilities_time = t->lesson.date = date;
    t->lesson.preferred = true;
    t->lesson.verdict = slice_text("good");
}

static void
dates_go_with_the_row_of_another_address(void **state)
{
    struct store *s = store_open(path);
    struct taught t;

    (void)state;
    mail_make(&t, 1, "alice@example.org", NOW);
    assert_int_equal(learn(s, &t), LEARNED_NEW);
    mail_make(&t, 1, "alice@work.example", NOW + 100);
    assert_int_equal(learn(s, &t), LEARNED_NEW);
    assert_int_equal(facts_of(s, "alice@example.org").preferred, NOW + 100);
    assert_true(undo(s));
    assert_int_equal(facts_of(s, "alice@work.example").n, 0);
    assert_int_equal(facts_of(s, "alice@example.org").preferred, NOW);
    assert_int_equal(facts_of(s, "alice@example.org").capabilities_time, NOW);
    store_drop(&s);
}

static void
a_preference_goes_with_the_mail_that_brought_a_second_certificate(void **state)
{
    struct store *s = store_open(path);
    struct taught one, other;
    struct lesson both[2];
    enum learned out[2];
    struct problem p = {0};

    (void)state;
    mail_make(&one, 1, "alice@example.org", NOW);
    assert_int_equal(learn(s, &one), LEARNED_NEW);
    mail_make(&one, 1, "alice@example.org", NOW + 100);
    lesson_make(&other, 2, "alice@example.org");
    both[0] = one.lesson;
    both[1] = other.lesson;
    assert_int_equal(store_learn(s, both, 2, false, out, &p), ERR_OK);
    assert_int_equal(out[1], LEARNED_NEW);
    assert_int_equal(facts_of(s, "alice@example.org").preferred, NOW + 100);
    assert_true(undo(s));
    assert_int_equal(facts_of(s, "alice@example.org").n, 1);
    assert_int_equal(facts_of(s, "alice@example.org").preferred, NOW);
    store_drop(&s);
}

static void
a_preference_that_moves_another_certificate_is_taken_back_alone(void **state)
{
    struct store *s = store_open(path);
    struct taught t;

    (void)state;
    mail_make(&t, 1, "alice@example.org", NOW);
    assert_int_equal(learn(s, &t), LEARNED_NEW);
    mail_make(&t, 2, "alice@example.org", NOW + 50);
    assert_int_equal(learn(s, &t), LEARNED_NEW);
    assert_int_equal(facts_of(s, "alice@example.org").first, 2);
    mail_make(&t, 1, "alice@example.org", NOW + 100);
    assert_int_equal(learn(s, &t), LEARNED_KNOWN);
    assert_int_equal(facts_of(s, "alice@example.org").first, 1);
    assert_true(undo(s));
    assert_int_equal(facts_of(s, "alice@example.org").n, 2);
    assert_int_equal(facts_of(s, "alice@example.org").first, 2);
    store_drop(&s);
}

/* Else the last change would be every mail that was read. */
static void
what_only_dates_anew_is_no_change(void **state)
{
    struct store *s = store_open(path);
    struct taught t;

    (void)state;
    mail_make(&t, 1, "alice@example.org", NOW);
    assert_int_equal(learn(s, &t), LEARNED_NEW);
    mail_make(&t, 1, "alice@example.org", NOW + 100);
    assert_int_equal(learn(s, &t), LEARNED_KNOWN);
    assert_int_equal(facts_of(s, "alice@example.org").preferred, NOW + 100);
    assert_true(undo(s));
    assert_int_equal(facts_of(s, "alice@example.org").n, 0);
    assert_false(undo(s));
    store_drop(&s);
}

static void
import_make(struct taught *t, uint8_t number, const char *address)
{
    lesson_make(t, number, address);
    t->lesson.source = CONTACT_IMPORT;
    t->lesson.sender_seen = false;
    t->lesson.origin = slice_text("a file");
    t->lesson.verdict = slice_text("handed over");
}

static void
a_row_rests_again_on_what_it_did_before_a_mail_proved_it(void **state)
{
    struct store *s = store_open(path);
    struct taught t;
    struct facts f;

    (void)state;
    import_make(&t, 1, "alice@example.org");
    assert_int_equal(learn(s, &t), LEARNED_NEW);
    mail_make(&t, 1, "alice@example.org", NOW + 100);
    (void)learn(s, &t);
    assert_int_equal(facts_of(s, "alice@example.org").state, CONTACT_VERIFIED);
    assert_true(undo(s));
    f = facts_of(s, "alice@example.org");
    assert_int_equal(f.state, CONTACT_SEEN);
    assert_int_equal(f.source, CONTACT_IMPORT);
    assert_string_equal(f.origin, "a file");
    assert_string_equal(f.verdict, "handed over");
    assert_int_equal(f.date, 0);
    assert_int_equal(f.capabilities, 0);
    assert_int_equal(f.preferred, 0);
    (void)learn(s, &t);
    f = facts_of(s, "alice@example.org");
    assert_int_equal(f.state, CONTACT_VERIFIED);
    assert_string_equal(f.origin, "open");
    store_drop(&s);
}

static void
a_word_that_was_taken_back_is_none_for_the_next_pin(void **state)
{
    struct store *s = store_open(path);
    struct taught t;
    struct facts f;

    (void)state;
    mail_make(&t, 1, "alice@example.org", NOW);
    assert_int_equal(learn(s, &t), LEARNED_NEW);
    import_make(&t, 1, "alice@example.org");
    t.lesson.source = CONTACT_PERSON;
    t.lesson.pin = true;
    (void)learn(s, &t);
    f = facts_of(s, "alice@example.org");
    assert_int_equal(f.source, CONTACT_PERSON);
    assert_int_equal(f.person, CONTACT_PINNED);
    assert_true(undo(s));
    f = facts_of(s, "alice@example.org");
    assert_int_equal(f.source, CONTACT_MAIL);
    assert_int_equal(f.person, 0);
    assert_string_equal(f.origin, "open");
    store_drop(&s);
}

static bool
blocked_count(void *ctx, const struct happened *h)
{
    *(int *)ctx += slice_is(h->what, "blocked");
    return true;
}

static void
decide(struct store *s, const char *address, struct taught *t,
       enum contact_change what)
{
    struct problem p = {0};
    uint32_t count = 0;

    assert_int_equal(store_change(s, slice_text(address),
                                  slice_of(t->fingerprint, 32), what, NOW,
                                  &count, &p),
                     ERR_OK);
}

static void
lesson_of_two(struct taught *t, uint8_t number, const char *const address[2],
              const char *issuer)
{
    lesson_make(t, number, address[0]);
    t->addresses.item[t->addresses.n++] = slice_text(address[1]);
    t->about.issuer = slice_text(issuer);
}

/* Pinned for both of its addresses against one of another issuer; no pin is
 * left when it is blocked through one of them. */
static void
a_blocked_certificate_settles_nothing_for_any_address(void **state)
{
    static const char *const address[2] = {"alice@example.org",
                                           "a@example.org"};
    struct store *s = store_open(path);
    struct problem p = {0};
    struct taught pinned, other;

    (void)state;
    lesson_of_two(&pinned, 1, address, "CN=CA");
    lesson_of_two(&other, 2, address, "CN=Another");
    assert_int_equal(learn(s, &pinned), LEARNED_NEW);
    assert_int_equal(learn(s, &other), LEARNED_CHANGED);
    for (int i = 0; i < 2; i++) {
        decide(s, address[i], &pinned, CHANGE_PIN);
        assert_int_equal(facts_of(s, address[i]).person, CONTACT_PINNED);
    }
    decide(s, address[0], &pinned, CHANGE_BLOCK);
    for (int i = 0; i < 2; i++) {
        struct facts f = facts_of(s, address[i]);
        int blocked = 0;

        assert_int_equal(f.first, 2);
        assert_int_equal(f.state, CONTACT_CHANGED);
        assert_int_equal(store_history(s, 0, slice_text(address[i]),
                                       blocked_count, &blocked, &p),
                         ERR_OK);
        assert_int_equal(blocked, 1);
    }
    /* Taken back in one, for both. */
    assert_true(undo(s));
    for (int i = 0; i < 2; i++) {
        struct facts f = facts_of(s, address[i]);

        assert_int_equal(f.first, 1);
        assert_int_equal(f.person, CONTACT_PINNED);
    }
    store_drop(&s);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        T(dates_go_with_the_row_of_another_address),
        T(a_preference_goes_with_the_mail_that_brought_a_second_certificate),
        T(a_preference_that_moves_another_certificate_is_taken_back_alone),
        T(what_only_dates_anew_is_no_change),
        T(a_row_rests_again_on_what_it_did_before_a_mail_proved_it),
        T(a_word_that_was_taken_back_is_none_for_the_next_pin),
        T(a_blocked_certificate_settles_nothing_for_any_address),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
