/* Certificates in files that are text: vCard, LDIF. */
#include "tests/unit/session_foreign.h"

/* ---- vCard ----------------------------------------------------------------
 */

static void
keys_of_vcards_are_read_in_every_form(void **state)
{
    struct result r;

    (void)state;
    r = read_text("BEGIN:VCARD\r\nVERSION:4.0\r\nFN:Max\r\n"
                  "KEY:data:application/pkix-cert;base64,MAMCAQE=\r\n"
                  "EMAIL;TYPE=work:max@example.org\r\nEND:VCARD\r\n");
    assert_string_equal(r.found, "4:1(max@example.org) ");
    r = read_text("BEGIN:VCARD\nVERSION:3.0\nEMAIL:a@b\n"
                  "KEY;TYPE=X509;ENCODING=b:MAMC\n AQ\n\tE=\nEND:VCARD\n"
                  "begin:vcard\nemail:mailto:c@d\nEMAIL:e@f\n"
                  "item1.KEY;MEDIATYPE=\"application/pkix-cert\";ENCODING=b:"
                  "MAMCAQI=\nEND:VCARD\n");
    assert_string_equal(r.found, "4:1(a@b) 11:2(c@d,e@f) ");
    r = read_text("BEGIN:VCARD\nKEY;ENCODING=\"b\";TYPE=\"X509\":MAMCAQE=\n"
                  "END:VCARD\n");
    assert_string_equal(r.found, "2:1() ");
    r = read_text("BEGIN:VCARD\nVERSION:2.1\nKEY;X509;BASE64:\n MAMCAQE=\n\n"
                  "END:VCARD\n");
    assert_string_equal(r.found, "3:1() ");
    /* Not every program indents it. */
    r = read_text("BEGIN:VCARD\nVERSION:2.1\nKEY;X509;ENCODING=BASE64:\n"
                  "MAMC\nAQE=\n\nKEY;X509;ENCODING=BASE64:MAMC\nAQI=\n"
                  "END:VCARD\n");
    assert_string_equal(r.found, "3:1() 7:2() ");
    r = read_text("BEGIN:VCARD\nKEY:data:application/pkix-cert\\;base64\\,"
                  "MAMCAQE%3D\nKEY:data:,0%03%02%01%02\nEND:VCARD\n");
    assert_string_equal(r.found, "2:1() 3:2() ");
    r = read_text("BEGIN:VCARD\nKEY;VALUE=text:-----BEGIN CERTIFICATE-----\\n"
                  "MAMCAQE=\\n-----END CERTIFICATE-----\\n\nEND:VCARD\n");
    assert_int_equal(r.count, 1);
    /* Quoted-printable, with and without lines that go on. */
    r = read_text("BEGIN:VCARD\nVERSION:2.1\n"
                  "KEY;X509;ENCODING=QUOTED-PRINTABLE:=\n"
                  "-----BEGIN CERTIFICATE-----=0D=0A=\n"
                  "MAMC=\nAQE=3D=0D=0A=\n"
                  "-----END CERTIFICATE-----\nEMAIL:a@b\n"
                  "KEY;QUOTED-PRINTABLE:0=03=02=01=02\nEND:VCARD\n");
    assert_string_equal(r.found, "3:45(a@b) 9:2(a@b) "); /* a dash */
    r = read_text("BEGIN:VCARD\nKEY;VALUE=text:MIIAAwIB\n AQ==\n"
                  "EMAIL:a@b\nKEY:MIGAAgED\nEND:VCARD\n");
    assert_int_equal(r.count, 2);
    assert_int_equal(r.bad_count, 0);
}

static void
other_keys_of_vcards_are_passed_over(void **state)
{
    struct result r;

    (void)state;
    r = read_text(
        "BEGIN:VCARD\nKEY;TYPE=PGP;ENCODING=b:mQINBF\n"
        "KEY;MEDIATYPE=application/pgp-keys:http://x/key.asc\n"
        "KEY:data:application/pgp-keys;base64,mQINBF\n"
        "KEY:some "
        "text\nKEY;VALUE=text:MIIB!\nKEY:MII\nPHOTO;ENCODING=b:MAMCAQE=\n"
        "NOTE:KEY;ENCODING=b:MAMCAQE=\nEND:VCARD\n");
    assert_int_equal(r.count, 0);
    assert_int_equal(r.bad_count, 0);
}

static void
what_a_vcard_only_points_to_is_told_and_not_fetched(void **state)
{
    struct result r;

    (void)state;
    r = read_text("BEGIN:VCARD\nKEY;MEDIATYPE=application/pkix-cert:"
                  "http://example.org/max.crt\nKEY;ENCODING=b:M?M\n"
                  "KEY;TYPE=X509:MAMCAQE=\nKEY:data:,\n"
                  "KEY;ENCODING=b:MAMCAQE=\nEND:VCARD\n");
    assert_string_equal(r.found, "6:1() ");
    assert_string_equal(r.bad, "2:it is not in the file but elsewhere, and is "
                               "not fetched\n3:it is no base64\n"
                               "4:it has no encoding\n5:it is empty\n");
}

static void
a_card_without_its_end_is_read(void **state)
{
    struct result r;

    (void)state;
    r = read_text("\xef\xbb\xbf"
                  "\r\nBEGIN:VCARD\nKEY;ENCODING=b:MAMCAQE=\nEMAIL:a@b");
    assert_string_equal(r.found, "3:1(a@b) ");
}

/* ---- LDIF -----------------------------------------------------------------
 */

static void
certificates_of_ldif_are_read(void **state)
{
    struct result r;

    (void)state;
    r = read_text(
        "# an export\nversion: 1\n\ndn: cn=Max\n"
        "userCertificate;binary:: MAMC\n AQE=\nmail: max@example.org\n"
        "mail:: YUBi\n\ndn: cn=Elena\n"
        "userSMIMECertificate;binary:: MAMCAQI=\n"
        "dn: cn=No empty line\nuserCertificate:: MAMCAQE=\n"
        "mail: c@d \n");
    assert_string_equal(r.found, "5:1(max@example.org,a@b) 11:2() 13:1(c@d) ");
    assert_int_equal(r.bad_count, 0);
}

static void
what_a_change_record_takes_out_is_passed_over(void **state)
{
    struct result r;

    (void)state;
    r = read_text("# a comment that\n  goes on\ndn: cn=Max\n"
                  "changetype: modify\ndelete: userCertificate;binary\n"
                  "userCertificate;binary:: MAMCAQE=\n-\n"
                  "add: userCertificate;binary\n"
                  "userCertificate;binary:: MAMCAQI=\n-\n"
                  "delete: userCertificate;binary\n\ndn: cn=Elena\n"
                  "userCertificate;binary:: MAMCAQM=\n");
    assert_string_equal(r.found, "9:2() 14:3() ");
    assert_int_equal(r.bad_count, 0);
}

static void
urls_of_ldif_are_refused(void **state)
{
    struct result r;

    (void)state;
    r = read_text("dn: cn=Max\nuserCertificate;binary:< file:///etc/passwd\n"
                  "userCertificate;binary: text\njpegPhoto:: MAMCAQE=\n"
                  "userPassword:: MAMCAQE=\nuserCertificate;binary:: !\n");
    assert_int_equal(r.count, 0);
    assert_string_equal(r.bad, "2:it is not in the file but elsewhere, and is "
                               "not fetched\n3:it is no base64\n"
                               "6:it is no base64\n");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_of_vcards_are_read_in_every_form),
        cmocka_unit_test(other_keys_of_vcards_are_passed_over),
        cmocka_unit_test(what_a_vcard_only_points_to_is_told_and_not_fetched),
        cmocka_unit_test(a_card_without_its_end_is_read),
        cmocka_unit_test(certificates_of_ldif_are_read),
        cmocka_unit_test(what_a_change_record_takes_out_is_passed_over),
        cmocka_unit_test(urls_of_ldif_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
