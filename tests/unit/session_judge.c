/*
 * From evidence to verdict: that evidence of any size is told or refused,
 * and what layers and signers make of a message.
 */
#include "agent/session/judge.h"

#include "tests/unit/session_mail.h"

static uint8_t many[LIMIT_SIGNED_ATTRS_BYTES + 1];

/* A message of signed layers, one signer each, that nobody can verify. */
static void
evidence_new(struct reading *g, struct request *r, size_t layers)
{
    *g = (struct reading){.r = r, .verb = VERB_VERIFY, .input = {.fd = -1}};
    g->layer_count = layers;
    for (size_t i = 0; i < layers; i++) {
        struct layer *l = &g->layer[i];

        l->kind = LAYER_SIGNED;
        l->covers = true;
        l->data.signer_count = 1;
        l->data.signer[0].serial = slice_text("serial");
        l->data.signer[0].hash = HASH_SHA256;
        l->digests = digests_new(1U << HASH_SHA256);
    }
}

/* What the keyring answers in turn to MSG_VERIFY. */
static struct verify_reply answers[16];

static bool
scripted_keyring(struct peer *p, enum message m, struct frame *frame,
                 const union any_record *request)
{
    struct verify_reply *reply = &answers[asked_count % 16];

    (void)frame;
    if (m != MSG_VERIFY)
        return false;
    note_asked(&request->verify_request, INTEGRITY_OK);
    return channel_reply(p->served.fd, m, reply, NULL, 0);
}

/* Judges G in a session of its own. */
static json_t *
judge(struct reading *g, bool learn)
{
    struct judging how = {.learn = learn, .origin = "test"};
    struct world w = {.keyring.answer = scripted_keyring};
    json_t *report = NULL;

    asked_count = 0;
    world_open(&w, RIGHT_MAIL);
    g->r->session = &w.s;
    assert_int_equal(session_narrow(g->r, VERB_VERIFY, 0, slice_of(NULL, 0)),
                     ERR_OK);
    assert_int_equal(judge_report(g, &how, &report), ERR_OK);
    reading_drop(g);
    world_close(&w);
    return report;
}

static void
answer_good(void)
{
    memset(answers, 0, sizeof(answers));
    for (size_t i = 0; i < 16; i++)
        answers[i].good = 1;
}

static const char *
word_of(const json_t *report, const char *name)
{
    const char *word = json_string_value(json_object_get(report, name));

    return word ? word : "(none)";
}

static bool
gives(const json_t *report, const char *reason)
{
    const json_t *one;
    size_t i;

    json_array_foreach(json_object_get(report, "reasons"), i, one)
    {
        if (strcmp(json_string_value(one), reason) == 0)
            return true;
    }
    return false;
}

#define DATE 1700000000

/* An old mail can be sent as one of today; hours are usual. */
static void
a_date_of_another_day_is_noted(void **state)
{
    static const struct {
        int64_t date;
        uint64_t signed_at;
        bool good, unclear;
        int64_t protected_date;
        const char *word;
    } cases[] = {
        {DATE, DATE, true, false, 0, NULL},
        {DATE + 86400, DATE, true, false, 0, NULL},
        {DATE + 86401, DATE, true, false, 0, "date-differs"},
        {DATE, DATE + 86400, true, false, 0, NULL},
        {DATE, DATE + 86401, true, false, 0, "signed-later"},
        {DATE, 1, false, false, 0, NULL},
        {0, DATE, true, false, 0, NULL},
        {DATE, 0, true, false, 0, NULL},
        {0, DATE, true, true, 0, "date-differs"},
        {DATE, DATE, true, true, 0, "date-differs"},
        {0, 0, true, true, 0, NULL},
        {DATE + 86401, 0, true, false, DATE, "date-differs"},
        {DATE, 0, true, false, DATE, NULL},
        {DATE, DATE, true, false, 1, NULL},
    };
    static const char *const words[] = {"date-differs", "signed-later"};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct request r = {0};
        struct reading g;
        json_t *report;

        answer_good();
        answers[0].good = cases[i].good;
        answers[0].signing_time = cases[i].signed_at;
        evidence_new(&g, &r, 1);
        g.author.date = cases[i].date;
        g.author.date_unclear = cases[i].unclear;
        g.author.protected_date = cases[i].protected_date;
        report = judge(&g, false);
        assert_string_equal(word_of(report, "verdict"),
                            cases[i].good ? "good" : "bad");
        for (size_t k = 0; k < ARRAY_COUNT(words); k++)
            assert_int_equal(gives(report, words[k]),
                             cases[i].word &&
                                 strcmp(cases[i].word, words[k]) == 0);
        json_decref(report);
    }
}

/* ---- sizes
 * ---------------------------------------------------------------------
 */

/* Sets one field of a signer, or of its layer, to N octets. */
static void
fill_field(struct layer *l, int which, size_t n)
{
    struct signer_info *s = &l->data.signer[0];
    struct slice *const fields[] = {&s->issuer,
                                    &s->serial,
                                    &s->key_id,
                                    &s->digest_algorithm,
                                    &s->signature_algorithm,
                                    &s->signed_attrs,
                                    &s->signature,
                                    &l->data.content_type};

    *fields[which] = slice_of(many, n);
}

static void
a_field_at_its_limit_is_told_and_one_above_refused(void **state)
{
    static const size_t limits[] = {
        LIMIT_NAME_BYTES, 64, 64, 256, 512, LIMIT_SIGNED_ATTRS_BYTES, 2048, 32};

    (void)state;
    answer_good();
    for (int i = 0; i < (int)ARRAY_COUNT(limits); i++)
        for (size_t over = 0; over < 2; over++) {
            struct request r = {0};
            struct reading g;
            json_t *report;

            evidence_new(&g, &r, 1);
            fill_field(&g.layer[0], i, limits[i] + over);
            report = judge(&g, true);
            assert_int_equal(asked_count, 1 - over);
            assert_string_equal(word_of(report, "verdict"),
                                over ? "bad" : "good");
            assert_int_equal(gives(report, "too-large"), over);
            json_decref(report);
        }
}

static void
all_fields_at_their_limits_fit_one_message(void **state)
{
    static const size_t limits[] = {
        LIMIT_NAME_BYTES, 64, 64, 256, 512, LIMIT_SIGNED_ATTRS_BYTES, 2048, 32};
    struct request r = {0};
    struct reading g;
    json_t *report;

    (void)state;
    answer_good();
    evidence_new(&g, &r, 1);
    for (int i = 0; i < (int)ARRAY_COUNT(limits); i++)
        fill_field(&g.layer[0], i, limits[i]);
    for (size_t i = 0; i < LIMIT_CERTIFICATES; i++)
        g.layer[0].data.certificate[i] = slice_of(many, 32 * 1024);
    g.layer[0].data.certificate_count = LIMIT_CERTIFICATES;
    g.author.from.count = 9;
    g.author.from.item = mem_new(9 * sizeof(g.author.from.item[0]));
    for (size_t i = 0; i < 9; i++)
        memset(g.author.from.item[i].address, 'a', LIMIT_MAILBOX_BYTES);
    memset(g.author.sender, 's', LIMIT_MAILBOX_BYTES);
    memset(g.author.message_id, 'm', sizeof(g.author.message_id) - 1);
    report = judge(&g, true);
    assert_int_equal(asked_count, 1);
    assert_int_equal(asked[0].from, 8);
    assert_int_equal(asked[0].certificates, 3); /* 96 KiB of them */
    json_decref(report);
}

/* One that the issuer is missing for, perhaps; to a good one it is nothing. */
static void
certificates_left_out_are_told_when_nobody_is_trusted(void **state)
{
    (void)state;
    for (size_t over = 0; over < 2; over++)
        for (int trusted = 0; trusted < 2; trusted++) {
            struct request r = {0};
            struct reading g;
            json_t *report;

            answer_good();
            if (!trusted)
                answers[0] = (struct verify_reply){.chain = CHAIN_UNTRUSTED};
            evidence_new(&g, &r, 1);
            for (size_t i = 0; i < 3 + over; i++)
                g.layer[0].data.certificate[i] =
                    slice_of(many, LIMIT_CERT_BYTES);
            g.layer[0].data.certificate_count = 3 + over;
            report = judge(&g, false);
            assert_int_equal(asked[0].certificates, 3);
            assert_int_equal(gives(report, "too-large"), over && !trusted);
            json_decref(report);
        }
}

static void
a_digest_nobody_computed_is_told_as_none(void **state)
{
    struct request r = {0};
    struct reading g;
    json_t *report;

    (void)state;
    answer_good();
    evidence_new(&g, &r, 1);
    g.layer[0].data.signer[0].hash = HASH_SHA512;
    report = judge(&g, false);
    assert_int_equal(asked[0].digest_n, 0);
    json_decref(report);
    evidence_new(&g, &r, 1);
    g.layer[0].data.signer[0].hash = HASH_NONE;
    report = judge(&g, false);
    assert_int_equal(asked[0].digest_n, 0);
    json_decref(report);
}

/* ---- verdicts
 * --------------------------------------------------------------------
 */

static void
every_layer_must_be_good(void **state)
{
    (void)state;
    for (size_t bad = 0; bad < 4; bad++) {
        struct request r = {0};
        struct reading g;
        json_t *report;

        answer_good();
        if (bad < 3)
            answers[bad] = (struct verify_reply){.chain = CHAIN_UNTRUSTED};
        evidence_new(&g, &r, 3);
        report = judge(&g, true);
        /* A second time, to learn, when all are good. */
        assert_int_equal(asked_count, bad < 3 ? 3 : 6);
        assert_string_equal(word_of(report, "verdict"),
                            bad < 3 ? "bad" : "good");
        assert_int_equal(json_is_true(json_object_get(report, "good")),
                         bad == 3);
        /* Nothing is learned around or inside a layer that is not good. */
        for (size_t i = 0; i < asked_count; i++)
            assert_int_equal(asked[i].learn, i >= 3);
        json_decref(report);
    }
}

static void
one_good_signer_of_a_layer_is_enough(void **state)
{
    struct request r = {0};
    struct reading g;
    json_t *report;

    (void)state;
    answer_good();
    answers[0] = (struct verify_reply){.integrity = INTEGRITY_SIGNATURE_WRONG};
    evidence_new(&g, &r, 1);
    g.layer[0].data.signer_count = 2;
    g.layer[0].data.signer[1] = g.layer[0].data.signer[0];
    report = judge(&g, false);
    assert_string_equal(word_of(report, "verdict"), "good");
    json_decref(report);
}

/* Each costs a chain. Those that are not judged are not good, and told. */
static void
so_many_signers_are_judged_and_no_more(void **state)
{
    const size_t layers = LIMIT_JUDGED_SIGNERS / LIMIT_SIGNERS;

    (void)state;
    answer_good();
    for (size_t over = 0; over < 2; over++) {
        struct request r = {0};
        struct reading g;
        json_t *report;

        evidence_new(&g, &r, layers + over);
        for (size_t i = 0; i < layers; i++) {
            struct signed_data *d = &g.layer[i].data;

            d->signer_count = LIMIT_SIGNERS;
            for (size_t k = 1; k < LIMIT_SIGNERS; k++)
                d->signer[k] = d->signer[0];
        }
        report = judge(&g, false);
        assert_int_equal(asked_count, LIMIT_JUDGED_SIGNERS);
        assert_string_equal(word_of(report, "verdict"), over ? "bad" : "good");
        assert_int_equal(gives(report, "too-large"), over);
        json_decref(report);
    }
}

/* Whatever the keyring says. */
static void
a_layer_with_a_flaw_is_never_good_and_teaches_nothing(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct request r = {0};
        struct reading g;
        json_t *report;

        answer_good();
        evidence_new(&g, &r, 2);
        if (i == 0)
            g.layer[0].flaw = "text-outside";
        else
            g.layer[0].covers = false;
        report = judge(&g, true);
        assert_string_equal(word_of(report, "verdict"), "bad");
        assert_int_equal(gives(report, "text-outside"), i == 0);
        assert_int_equal(asked[0].covers, 0);
        assert_int_equal(asked[0].learn, 0);
        assert_int_equal(asked[1].learn, 0);
        json_decref(report);
    }
}

static void
a_layer_without_signers_is_bad(void **state)
{
    struct request r = {0};
    struct reading g;
    json_t *report;

    (void)state;
    answer_good();
    evidence_new(&g, &r, 1);
    g.layer[0].data.signer_count = 0;
    g.layer[0].flaw = "no-signers";
    report = judge(&g, true);
    assert_string_equal(word_of(report, "verdict"), "bad");
    assert_true(gives(report, "no-signers"));
    json_decref(report);
}

static void
unseen_lacks_nothing_but_the_sender(void **state)
{
    static const struct verify_reply replies[] = {
        {.sender = SENDER_NOT_SEEN},
        {.sender = SENDER_NOT_SEEN, .strength = STRENGTH_WEAK_KEY},
        {.sender = SENDER_NOT_SEEN, .chain = CHAIN_EXPIRED},
        {.sender = SENDER_NOT_SEEN, .integrity = INTEGRITY_DIGEST_WRONG},
        {.sender = SENDER_DIFFERS}};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(replies); i++) {
        struct request r = {0};
        struct reading g;
        json_t *report;

        answer_good();
        answers[0] = answers[2] = replies[i];
        evidence_new(&g, &r, 2);
        report = judge(&g, true);
        assert_string_equal(word_of(report, "verdict"),
                            i == 0 ? "unseen" : "bad");
        assert_false(json_is_true(json_object_get(report, "good")));
        assert_int_equal(asked_count, i == 0 ? 4 : 2);
        assert_int_equal(asked[1].learn, 0);
        if (i == 0)
            assert_int_equal(asked[3].learn, 1);
        json_decref(report);
    }
}

static void
reasons_are_told_once_and_as_text(void **state)
{
    struct request r = {0};
    struct reading g;
    json_t *report;

    (void)state;
    answer_good();
    for (int i = 0; i < 2; i++) {
        assert_true(slice_list_add(&answers[i].reasons, slice_text("expired")));
        assert_true(slice_list_add(&answers[i].reasons, slice_text("no\xff"
                                                                   "text")));
    }
    evidence_new(&g, &r, 2);
    report = judge(&g, false);
    assert_int_equal(json_array_size(json_object_get(report, "reasons")), 1);
    assert_true(gives(report, "expired"));
    json_decref(report);
}

static void
a_number_beyond_its_words_is_the_last_of_them(void **state)
{
    struct request r = {0};
    struct reading g;
    json_t *report, *signer;

    (void)state;
    answer_good();
    answers[0] = (struct verify_reply){.integrity = 99,
                                       .chain = 99,
                                       .sender = 99,
                                       .strength = 99,
                                       .learned = 99,
                                       .signing_time = UINT64_MAX};
    evidence_new(&g, &r, 1);
    report = judge(&g, false);
    signer = json_array_get(
        json_object_get(json_array_get(json_object_get(report, "layers"), 0),
                        "signers"),
        0);
    assert_string_equal(word_of(signer, "integrity"), "unsupported");
    assert_string_equal(word_of(signer, "chain"), "not_asked");
    assert_string_equal(word_of(signer, "sender"), "not_seen");
    assert_string_equal(word_of(signer, "learned"), "failed");
    json_decref(report);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_date_of_another_day_is_noted),
        cmocka_unit_test(a_field_at_its_limit_is_told_and_one_above_refused),
        cmocka_unit_test(all_fields_at_their_limits_fit_one_message),
        cmocka_unit_test(certificates_left_out_are_told_when_nobody_is_trusted),
        cmocka_unit_test(a_digest_nobody_computed_is_told_as_none),
        cmocka_unit_test(every_layer_must_be_good),
        cmocka_unit_test(one_good_signer_of_a_layer_is_enough),
        cmocka_unit_test(so_many_signers_are_judged_and_no_more),
        cmocka_unit_test(a_layer_with_a_flaw_is_never_good_and_teaches_nothing),
        cmocka_unit_test(a_layer_without_signers_is_bad),
        cmocka_unit_test(unseen_lacks_nothing_but_the_sender),
        cmocka_unit_test(reasons_are_told_once_and_as_text),
        cmocka_unit_test(a_number_beyond_its_words_is_the_last_of_them),
    };

    return cmocka_run_group_tests(tests, identities_make, identities_drop);
}
