/* MD5 against RFC 1321's own table, and the same bytes in every kind of slice; SHA-512 of the empty text and "abc" (FIPS 180-4). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#undef fail /* err.h has a function of that name */

#include "compute/image/digest.h"
#include "compute/image/md5.h"
#include "gateway/base/id.h"

static const struct {
    const char *text;
    const char *hex;
} known[] = {
    {"", "d41d8cd98f00b204e9800998ecf8427e"},
    {"a", "0cc175b9c0f1b6a831c399e269772661"},
    {"abc", "900150983cd24fb0d6963f7d28e17f72"},
    {"message digest", "f96b697d7cb7938d525a2f31aaf161d0"},
    {"abcdefghijklmnopqrstuvwxyz", "c3fcd3d76192e4007dfb496cca67e13b"},
    {"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", "d174ab98d277d9f5a5611c2c9f419d9f"},
    {"12345678901234567890123456789012345678901234567890123456789012345678901234567890", "57edf4a22be3c955ac49da2e2107b67a"},
};

static void test_known_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        struct md5 md5;
        uint8_t bytes[MD5_SIZE];
        char hex[2 * MD5_SIZE + 1];
        md5_init(&md5);
        md5_add(&md5, known[i].text, strlen(known[i].text));
        md5_end(&md5, bytes);
        hex_encode(bytes, sizeof(bytes), hex);
        assert_string_equal(hex, known[i].hex);
    }
}

static void digest_slices(const uint8_t *bytes, size_t length, size_t slice, uint8_t out[MD5_SIZE])
{
    struct md5 md5;
    md5_init(&md5);
    for (size_t at = 0; at < length; at += slice)
        md5_add(&md5, bytes + at, length - at < slice ? length - at : slice);
    md5_end(&md5, out);
}

static void test_slices_make_no_difference(void **state)
{
    uint8_t bytes[200];
    (void)state;
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i * 7);
    for (size_t length = 0; length <= sizeof(bytes); length++) {
        uint8_t whole[MD5_SIZE];
        digest_slices(bytes, length, sizeof(bytes), whole);
        for (size_t slice = 1; slice < 130; slice++) {
            uint8_t sliced[MD5_SIZE];
            digest_slices(bytes, length, slice, sliced);
            assert_memory_equal(whole, sliced, MD5_SIZE);
        }
    }
}

static void test_both_digests(void **state)
{
    (void)state;
    struct digest *digest = digest_new();
    digest_add(digest, "a", 1);
    digest_add(digest, "bc", 2);
    const struct digest_text text = digest_end(digest);
    digest_free(digest);
    assert_string_equal(text.md5, known[2].hex);
    assert_string_equal(text.sha512, "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
                                     "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_answers),
        cmocka_unit_test(test_slices_make_no_difference),
        cmocka_unit_test(test_both_digests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
