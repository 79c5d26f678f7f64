/* Certificates as key pairs: a new one says whose it is, and its fingerprint is that of the same certificate read again. */
#include <gnutls/x509.h>

#include "gateway/api/x509_key.h"
#include "tests/unit/base/check.h"

/* Made with openssl; its SHA-1 by `openssl x509 -fingerprint -sha1`. */
static const char given[] = "-----BEGIN CERTIFICATE-----\n"
                            "MIIBdjCCAR2gAwIBAgIUKfIikrexi5TDDvGWHzYvg1WkbMQwCgYIKoZIzj0EAwIw\n"
                            "EDEOMAwGA1UEAwwFZ2l2ZW4wIBcNMjYxMTIzMTAyNDU4WhgPMjEyNjEwMzAxMDI0\n"
                            "NThaMBAxDjAMBgNVBAMMBWdpdmVuMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\n"
                            "ic/AB5fhznBk2YVdecPdcnfXJHGS2dd7TkgUW982inYD6ISkjpBp2MwvVM0yRC7x\n"
                            "hv5khqysMjEXsPibPuQXuqNTMFEwHQYDVR0OBBYEFFwlFvgKwe752zggBvnhf/dC\n"
                            "DwmRMB8GA1UdIwQYMBaAFFwlFvgKwe752zggBvnhf/dCDwmRMA8GA1UdEwEB/wQF\n"
                            "MAMBAf8wCgYIKoZIzj0EAwIDRwAwRAIgZ/nBqhMx8qleDp2pqSrU9O2kVzB+G6z5\n"
                            "dxJfdJUBsQ4CIBHlYLSTFkUuoA0S9H7KPq9lOGkaAwULxejX07DwZ10H\n"
                            "-----END CERTIFICATE-----\n";
#define GIVEN_SHA1 "d5:51:89:00:89:ba:38:4f:f4:5e:fd:a0:33:3f:5c:89:2d:04:8a:37"

static void the_fingerprint_is_sha1_of_the_certificate(void **state)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    const char *fingerprint = NULL;
    (void)state;
    must(x509_fingerprint(&arena, given, &fingerprint));
    assert_string_equal(fingerprint, GIVEN_SHA1);
    assert_int_equal(x509_fingerprint(&arena, "ssh-ed25519 AAAA", &fingerprint), E_INVALID);
    assert_int_equal(x509_fingerprint(&arena, "", &fingerprint), E_INVALID);
}

static void a_new_one_is_the_users(void **state)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    struct x509_pair pair;
    const char *fingerprint = NULL;
    gnutls_x509_crt_t certificate;
    char name[64];
    char purpose[64];
    size_t size = sizeof(name);
    unsigned critical = 0;
    (void)state;
    must(x509_pair_new(&arena, "ada", &pair));
    must(x509_fingerprint(&arena, pair.certificate, &fingerprint));
    assert_int_equal(strlen(fingerprint), 20 * 3 - 1);
    assert_non_null(strstr(pair.private_key, "-----BEGIN PRIVATE KEY-----"));
    const gnutls_datum_t pem = {(unsigned char *)pair.certificate, (unsigned)strlen(pair.certificate)};
    assert_int_equal(gnutls_x509_crt_init(&certificate), 0);
    assert_int_equal(gnutls_x509_crt_import(certificate, &pem, GNUTLS_X509_FMT_PEM), 0);
    assert_int_equal(gnutls_x509_crt_get_dn_by_oid(certificate, GNUTLS_OID_X520_COMMON_NAME, 0, 0, name, &size), 0);
    assert_string_equal(name, "ada");
    size = sizeof(purpose);
    assert_int_equal(gnutls_x509_crt_get_key_purpose_oid(certificate, 0, purpose, &size, &critical), 0);
    assert_string_equal(purpose, GNUTLS_KP_TLS_WWW_CLIENT);
    assert_int_equal(gnutls_x509_crt_check_issuer(certificate, certificate), 1);
    gnutls_x509_crt_deinit(certificate);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_fingerprint_is_sha1_of_the_certificate),
        cmocka_unit_test(a_new_one_is_the_users),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
