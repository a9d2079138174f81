/* Which pages of code a mail takes: those of what every mail needs, and none
 * of what no mail does. */
#include <cmocka.h>

#include <jansson.h>
#include <openssl/evp.h>

#include "agent/session/rehearsal.h"
#include "agent/session/zygote.h"

static void
a_mail_s_code_is_known(void **state)
{
    size_t known;

    (void)state;
    zygote_warm_up();
    assert_false(rehearsal_knows((void *)EVP_DigestFinal_ex));
    known = rehearsal_hold();
    assert_in_range(known, 40, 1000);
    /* The answer is the last that is made of it. */
    assert_true(rehearsal_knows((void *)json_dumps));
    assert_true(rehearsal_knows((void *)EVP_DigestFinal_ex));
    assert_false(rehearsal_knows((void *)EVP_PBE_scrypt));
    assert_false(rehearsal_knows(&known));
    rehearsal_recall();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mail_s_code_is_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
