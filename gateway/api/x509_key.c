/* See x509_key.h; by GnuTLS, which libmicrohttpd brings. */
#include "gateway/api/x509_key.h"

#include <string.h>
#include <time.h>

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include "gateway/base/id.h"
#include "gateway/base/text.h"

#define RSA_BITS  2048
#define DAYS      3650
#define SHA1_SIZE 20
#define UPN_OID   "1.3.6.1.4.1.311.20.2.3" /* Microsoft's user principal name */

static void certificate_drop(gnutls_x509_crt_t *certificate)
{
    if (*certificate)
        gnutls_x509_crt_deinit(*certificate);
}

static void key_drop(gnutls_x509_privkey_t *key)
{
    if (*key)
        gnutls_x509_privkey_deinit(*key);
}

static void datum_drop(gnutls_datum_t *datum)
{
    gnutls_free(datum->data);
}

static enum err refuse(int code)
{
    return fail(E_INVALID, "Keypair data is invalid: failed to generate X509 fingerprint. Error message: %s",
                gnutls_strerror(code));
}

enum err x509_fingerprint(struct arena *arena, const char *certificate, const char **out)
{
    CLEANUP(certificate_drop) gnutls_x509_crt_t parsed = NULL;
    CLEANUP(text_clear) struct text text = {0};
    const gnutls_datum_t pem = {(unsigned char *)certificate, (unsigned)strlen(certificate)}; /* read only */
    unsigned char digest[SHA1_SIZE];
    size_t size = sizeof(digest);
    int code = gnutls_x509_crt_init(&parsed);
    if (code == 0)
        code = gnutls_x509_crt_import(parsed, &pem, GNUTLS_X509_FMT_PEM);
    if (code == 0)
        code = gnutls_x509_crt_get_fingerprint(parsed, GNUTLS_DIG_SHA1, digest, &size);
    if (code != 0)
        return refuse(code);
    for (size_t i = 0; i < size; i++)
        text_add_format(&text, "%s%02x", i ? ":" : "", digest[i]);
    *out = arena_strdup(arena, text_str(&text));
    return OK;
}

/* What the certificate says; the first code that is not 0. */
static int describe(gnutls_x509_crt_t certificate, gnutls_x509_privkey_t key, const char *user, const char *principal)
{
    unsigned char serial[8];
    const time_t now = time(NULL);
    random_bytes(serial, sizeof(serial));
    serial[0] = (serial[0] & 0x7f) | 1; /* positive, and not 0 */
    const int codes[] = {
        gnutls_x509_crt_set_version(certificate, 3),
        gnutls_x509_crt_set_serial(certificate, serial, sizeof(serial)),
        gnutls_x509_crt_set_activation_time(certificate, now),
        gnutls_x509_crt_set_expiration_time(certificate, now + (time_t)DAYS * 24 * 3600),
        gnutls_x509_crt_set_dn_by_oid(certificate, GNUTLS_OID_X520_COMMON_NAME, 0, user, (unsigned)strlen(user)),
        gnutls_x509_crt_set_key(certificate, key),
        gnutls_x509_crt_set_key_purpose_oid(certificate, GNUTLS_KP_TLS_WWW_CLIENT, 0),
        gnutls_x509_crt_set_subject_alt_othername(certificate, UPN_OID, principal, (unsigned)strlen(principal),
                                                  GNUTLS_FSAN_ENCODE_UTF8_STRING),
        gnutls_x509_crt_set_key_usage(certificate, GNUTLS_KEY_DIGITAL_SIGNATURE | GNUTLS_KEY_KEY_ENCIPHERMENT),
    };
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        if (codes[i] != 0)
            return codes[i];
    }
    return gnutls_x509_crt_sign2(certificate, certificate, key, GNUTLS_DIG_SHA256, 0);
}

static int make(gnutls_x509_crt_t *certificate, gnutls_x509_privkey_t *key, const char *user, const char *principal)
{
    int code = gnutls_x509_privkey_init(key);
    if (code == 0)
        code = gnutls_x509_privkey_generate(*key, GNUTLS_PK_RSA, RSA_BITS, 0);
    if (code == 0)
        code = gnutls_x509_crt_init(certificate);
    return code == 0 ? describe(*certificate, *key, user, principal) : code;
}

enum err x509_pair_new(struct arena *arena, const char *user, struct x509_pair *out)
{
    CLEANUP(certificate_drop) gnutls_x509_crt_t certificate = NULL;
    CLEANUP(key_drop) gnutls_x509_privkey_t key = NULL;
    CLEANUP(datum_drop) gnutls_datum_t pem = {NULL, 0};
    CLEANUP(datum_drop) gnutls_datum_t secret = {NULL, 0};
    int code = make(&certificate, &key, user, arena_printf(arena, "%s@localhost", user));
    if (code == 0)
        code = gnutls_x509_crt_export2(certificate, GNUTLS_X509_FMT_PEM, &pem);
    if (code == 0)
        code = gnutls_x509_privkey_export2_pkcs8(key, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN, &secret);
    if (code != 0)
        return fail(E_INTERNAL, "A certificate cannot be made: %s", gnutls_strerror(code));
    *out = (struct x509_pair){arena_strndup(arena, (const char *)pem.data, pem.size),
                              arena_strndup(arena, (const char *)secret.data, secret.size)};
    gnutls_memset(secret.data, 0, secret.size);
    return OK;
}
