/* Identifiers: shapes, tags, reservation ids (spec link.md section 1), base64 and base64url (RFC 4648). */
#include "gateway/base/id.h"
#include "gateway/base/seal.h"
#include "gateway/base/text.h"
#include "tests/unit/base/check.h"

static const struct uuid counting = {{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}};

static void assert_version_4(const struct uuid *uuid)
{
    assert_int_equal(uuid->bytes[6] & 0xf0, 0x40);
    assert_int_equal(uuid->bytes[8] & 0xc0, 0x80);
}

static void uuids_are_random_version_4(void **state)
{
    struct uuid last = {{0}};
    (void)state;
    assert_true(uuid_is_zero(&last));
    for (int i = 0; i < 1000; i++) {
        struct uuid uuid;
        uuid_new(&uuid);
        assert_version_4(&uuid);
        assert_false(uuid_equal(&uuid, &last));
        assert_false(uuid_is_zero(&uuid));
        last = uuid;
    }
}

static void a_tag_is_the_last_three_bytes(void **state)
{
    static const uint32_t tags[] = {0, 1, 0xff, 0x100, 0xabcdef, 0xffffff};
    struct uuid uuid;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(tags); i++) {
        uuid_new_tagged(tags[i], &uuid);
        assert_version_4(&uuid);
        assert_int_equal(uuid_tag(&uuid), tags[i]);
        char expected[8];
        (void)snprintf(expected, sizeof(expected), "%06x", tags[i]);
        assert_true(str_ends(uuid_to_text(&uuid).text, expected));
    }
    assert_int_equal(zone_tag(&counting), 0xc7cb5d); /* BLAKE2b-256 c7cb5d1a… */
    assert_int_equal(uuid_to_int31(&counting), 0x47cb5d1a);
}

static void uuids_are_read_and_written(void **state)
{
    static const char dashed[] = "00010203-0405-0607-0809-0a0b0c0d0e0f";
    static const char *const good[] = {dashed, "00010203-0405-0607-0809-0A0B0C0D0E0F", "000102030405060708090a0b0c0d0e0f"};
    static const char *const bad[] = {"",
                                      "00010203-0405-0607-0809-0a0b0c0d0e0",
                                      "00010203-0405-0607-0809-0a0b0c0d0e0f0",
                                      "00010203-0405-0607-0809-0a0b0c0d0e0g",
                                      "000102030405-0607-0809-0a0b0c0d0e0f--",
                                      "000102030405060708090a0b0c0d0e0g",
                                      "0001-2030405060708090a0b0c0d0e0f",
                                      "{0010203-0405-0607-0809-0a0b0c0d0e0}",
                                      " 0010203-0405-0607-0809-0a0b0c0d0e0f"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct uuid uuid;
        must(uuid_from_text(good[i], &uuid));
        assert_true(uuid_equal(&uuid, &counting));
        assert_int_equal(uuid_is_text(good[i]), i < 2);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct uuid uuid = counting;
        assert_int_equal(uuid_from_text(bad[i], &uuid), E_INVALID);
        assert_true(uuid_equal(&uuid, &counting));
        assert_false(uuid_is_text(bad[i]));
    }
    assert_string_equal(uuid_to_text(&counting).text, dashed);
    assert_string_equal(uuid_to_hex(&counting).text, "000102030405060708090a0b0c0d0e0f");
}

static void reservation_ids_carry_the_tag(void **state)
{
    char id[RESERVATION_ID_SIZE];
    char other[RESERVATION_ID_SIZE];
    (void)state;
    for (uint32_t tag = 0; tag <= 0xffffff; tag += tag < 5000 ? 1 : 4999) {
        uint32_t read = 1;
        reservation_id_new(tag, id);
        assert_int_equal(strlen(id), 15);
        assert_int_equal(strspn(id + 2, "0123456789abcdefghijklmnopqrstuvwxyz"), 13);
        assert_true(reservation_id_tag(id, &read));
        assert_int_equal(read, tag);
    }
    reservation_id_new(36 * 36 + 10, id);
    reservation_id_new(36 * 36 + 10, other);
    assert_true(str_starts(id, "r-0010a"));
    assert_string_not_equal(id, other);
}

static void other_reservation_ids_have_no_tag(void **state)
{
    static const char *const bad[] = {"",
                                      "r-abcdefgh",
                                      "r-0010a0000000",
                                      "r-0010a000000000",
                                      "R-0010a00000000",
                                      "r_0010a00000000",
                                      "r-0010A00000000",
                                      "r-0010a0000000 ",
                                      "r-zzzzz00000000",
                                      "r-9zlds00000000"}; /* 36^5 - 1, and 0xffffff + 1 */
    uint32_t tag = 77;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_false(reservation_id_tag(bad[i], &tag));
        assert_int_equal(tag, 77);
    }
    assert_true(reservation_id_tag("r-9zldr00000000", &tag));
    assert_int_equal(tag, 0xffffff);
}

static void request_ids_have_one_shape(void **state)
{
    static const char *const bad[] = {"",
                                      "req-",
                                      "00010203-0405-0607-0809-0a0b0c0d0e0f",
                                      "req-000102030405060708090a0b0c0d0e0f",
                                      "REQ-00010203-0405-0607-0809-0a0b0c0d0e0f",
                                      "req-00010203-0405-0607-0809-0a0b0c0d0e0f "};
    char id[REQUEST_ID_SIZE];
    (void)state;
    request_id_new(id);
    assert_int_equal(strlen(id), REQUEST_ID_SIZE - 1);
    assert_true(request_id_is_valid(id));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(request_id_is_valid(bad[i]));
}

static void small_ids_are_positive_and_stable(void **state)
{
    (void)state;
    for (int i = 0; i < 1000; i++) {
        struct uuid uuid;
        uuid_new(&uuid);
        assert_true(uuid_to_int31(&uuid) > 0);
        assert_int_equal(uuid_to_int31(&uuid), uuid_to_int31(&uuid));
    }
}

static const struct {
    const char *plain;
    const char *base64;
    const char *base64url;
} vectors[] = {{"", "", ""},
               {"f", "Zg==", "Zg"},
               {"fo", "Zm8=", "Zm8"},
               {"foo", "Zm9v", "Zm9v"},
               {"foobar", "Zm9vYmFy", "Zm9vYmFy"},
               {"\xfb\xff\xbf", "+/+/", "-_-_"}};

static void base64_follows_the_rfc(void **state)
{
    char text[BASE64_SIZE(256)];
    char hex[13];
    uint8_t bytes[256];
    size_t length = 0;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
        const size_t plain = strlen(vectors[i].plain);
        base64_encode(vectors[i].plain, plain, text, sizeof(text));
        assert_string_equal(text, vectors[i].base64);
        must(base64_decode(text, strlen(text), bytes, sizeof(bytes), &length));
        assert_int_equal(length, plain);
        base64url_encode(vectors[i].plain, plain, text, sizeof(text));
        assert_string_equal(text, vectors[i].base64url);
        must(base64url_decode(text, strlen(text), bytes, sizeof(bytes), &length));
        assert_int_equal(length, plain);
        assert_memory_equal(bytes, vectors[i].plain, plain);
    }
    must(base64_decode(" Zm9v\r\n\tYmFy\n", 13, bytes, sizeof(bytes), &length));
    assert_int_equal(length, 6);
    hex_encode("\x00\xff\x10\xab", 4, hex);
    assert_string_equal(hex, "00ff10ab");
}

static void random_bytes_come_back_from_base64(void **state)
{
    uint8_t bytes[200];
    uint8_t back[200];
    (void)state;
    for (size_t length = 0; length < sizeof(bytes); length++) {
        char text[BASE64_SIZE(sizeof(bytes))];
        size_t got = 0;
        random_bytes(bytes, length);
        base64url_encode(bytes, length, text, 4 * ((length + 2) / 3) + 1); /* the size that the header names */
        must(base64url_decode(text, strlen(text), back, length, &got));
        assert_int_equal(got, length);
        assert_memory_equal(back, bytes, length);
        base64_encode(bytes, length, text, BASE64_SIZE(length));
        must(base64_decode(text, strlen(text), back, length, &got));
        assert_memory_equal(back, bytes, length);
    }
}

static void other_alphabets_and_shapes_are_refused(void **state)
{
    static const char *const bad_url[] = {"Zg==", "Z", "Zm9v=", "+/+/", "Zm 9v", "Zm9v\n", "Zm9vY", "Zh"};
    static const char *const bad[] = {"Zg", "Z", "Zg=", "-_-_", "Zm9v====", "Zm9v!", "Zh=="};
    uint8_t bytes[16];
    size_t length = 0;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad_url); i++)
        must_fail(base64url_decode(bad_url[i], strlen(bad_url[i]), bytes, sizeof(bytes), &length), E_INVALID,
                  "The text is not base64url.");
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        must_fail(base64_decode(bad[i], strlen(bad[i]), bytes, sizeof(bytes), &length), E_INVALID, "The text is not base64.");
    assert_int_equal(base64url_decode("Zm9vYmFy", 8, bytes, 5, &length), E_INVALID); /* no room */
}

/* Both readers say the same of any text, and both writers write the same. */
static void the_fast_base64url_is_the_same(void **state)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    static const char others[] = "=+/ \n.@[`{\x7f,:^~"; /* libsodium takes some bytes beyond ASCII for letters */
    size_t good = 0;
    (void)state;
    for (int round = 0; round < 20000; round++) {
        char text[BASE64_SIZE(24)];
        uint8_t bytes[2][24];
        size_t lengths[2] = {0, 0};
        const size_t length = random_below(32);
        const size_t capacity = random_below(25);
        for (size_t i = 0; i < length; i++)
            text[i] = random_below(40) ? letters[random_below(64)] : others[random_below(sizeof(others) - 1)];
        const enum err slow = base64url_decode(text, length, bytes[0], capacity, &lengths[0]);
        const enum err fast = base64url_decode_open(text, length, bytes[1], capacity, &lengths[1]);
        assert_int_equal(fast, slow);
        if (slow != OK)
            continue;
        good++;
        assert_int_equal(lengths[1], lengths[0]);
        assert_memory_equal(bytes[1], bytes[0], lengths[0]);
        char back[BASE64_SIZE(24)];
        base64url_encode_open(bytes[0], lengths[0], back);
        assert_int_equal(strlen(back), length);
        assert_memory_equal(back, text, length);
    }
    assert_true(good > 1000);
    for (int byte = 0x80; byte <= 0xff; byte++) {
        const char text[] = {'Z', (char)byte, '9', 'v'};
        uint8_t bytes[3];
        size_t length = 0;
        assert_int_equal(base64url_decode_open(text, sizeof(text), bytes, sizeof(bytes), &length), E_INVALID);
    }
}

static void random_numbers_stay_below_their_bound(void **state)
{
    bool seen[7] = {false};
    (void)state;
    for (int i = 0; i < 2000; i++) {
        const uint32_t number = random_below(7);
        assert_true(number < 7);
        seen[number] = true;
    }
    for (size_t i = 0; i < ARRAY_LEN(seen); i++)
        assert_true(seen[i]);
    assert_int_equal(random_below(1), 0);
}

static int setup(void **state)
{
    (void)state;
    return seal_setup() == OK ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uuids_are_random_version_4),
        cmocka_unit_test(a_tag_is_the_last_three_bytes),
        cmocka_unit_test(uuids_are_read_and_written),
        cmocka_unit_test(reservation_ids_carry_the_tag),
        cmocka_unit_test(other_reservation_ids_have_no_tag),
        cmocka_unit_test(request_ids_have_one_shape),
        cmocka_unit_test(small_ids_are_positive_and_stable),
        cmocka_unit_test(base64_follows_the_rfc),
        cmocka_unit_test(random_bytes_come_back_from_base64),
        cmocka_unit_test(the_fast_base64url_is_the_same),
        cmocka_unit_test(other_alphabets_and_shapes_are_refused),
        cmocka_unit_test(random_numbers_stay_below_their_bound),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
