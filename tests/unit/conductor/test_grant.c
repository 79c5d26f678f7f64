/* Grants: what is written is read again, and every byte that is changed is noticed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#undef fail /* err.h has a function of that name */

#include "gateway/base/ed25519.h"
#include "gateway/conductor/grant.h"

#define DIGEST                                                                                                                     \
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"                                                             \
    "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"

struct fixture {
    struct arena arena;
    uint8_t public_key[SIGN_PUBLIC_SIZE];
    uint8_t secret[SIGN_SECRET_SIZE];
    struct grant grant;
    const char *text;
};

static int open_fixture(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.grant = {.sha512 = DIGEST, .size = 5000000000, .expires_s = 1000}};
    ed25519_pair_new(fixture.public_key, fixture.secret);
    uuid_new(&fixture.grant.image);
    uuid_new(&fixture.grant.zone);
    fixture.text = grant_write(&fixture.arena, &fixture.grant, fixture.secret);
    *state = &fixture;
    return 0;
}

static int close_fixture(void **state)
{
    struct fixture *fixture = *state;
    arena_clear(&fixture->arena);
    return 0;
}

static void test_round_trip(void **state)
{
    struct fixture *fixture = *state;
    struct grant read;
    assert_int_equal(grant_read(&fixture->arena, fixture->text, &read), OK);
    assert_true(uuid_equal(&read.image, &fixture->grant.image));
    assert_true(uuid_equal(&read.zone, &fixture->grant.zone));
    assert_string_equal(read.sha512, DIGEST);
    assert_int_equal(read.size, 5000000000);
    assert_int_equal(read.expires_s, 1000);
    assert_int_equal(grant_verify(fixture->text, fixture->public_key), OK);
}

static void test_every_changed_byte_is_noticed(void **state)
{
    struct fixture *fixture = *state;
    const size_t length = strlen(fixture->text);
    char *text = arena_strdup(&fixture->arena, fixture->text);
    for (size_t i = 0; i < length; i++) {
        const char kept = text[i];
        text[i] = kept == 'A' ? 'B' : 'A';
        assert_int_equal(grant_verify(text, fixture->public_key), E_FORBIDDEN);
        text[i] = kept;
    }
    for (size_t i = 0; i < length; i++) {
        char *cut = arena_strndup(&fixture->arena, text, i);
        assert_int_equal(grant_verify(cut, fixture->public_key), E_FORBIDDEN);
    }
    assert_int_equal(grant_verify(text, fixture->public_key), OK);
}

static void test_another_key_is_refused(void **state)
{
    struct fixture *fixture = *state;
    uint8_t public_key[SIGN_PUBLIC_SIZE];
    uint8_t secret[SIGN_SECRET_SIZE];
    ed25519_pair_new(public_key, secret);
    assert_int_equal(grant_verify(fixture->text, public_key), E_FORBIDDEN);
}

/* The payload of a grant, written by hand; the signature does not matter to grant_read. */
static const char *forge(struct arena *arena, const char *json)
{
    char payload[2048];
    base64url_encode(json, strlen(json), payload, sizeof(payload));
    return arena_printf(arena, "zgg1.%s.AAAA", payload);
}

#define IDS  "\"image\":\"00010203-0405-4607-8809-0a0b0c0d0e0f\",\"zone\":\"00010203-0405-4607-8809-0a0b0c0d0e0f\""
#define REST ",\"sha512\":\"" DIGEST "\",\"size\":1,\"exp\":1"

static void test_shapes(void **state)
{
    static const struct {
        const char *json;
        enum err wanted;
    } cases[] = {
        {"{" IDS REST "}", OK},
        {"", E_FORBIDDEN},
        {"[]", E_FORBIDDEN},
        {"{" IDS "}", E_FORBIDDEN},
        {"{\"image\":1" REST "}", E_FORBIDDEN},
        {"{" IDS ",\"sha512\":\"abc\",\"size\":1,\"exp\":1}", E_FORBIDDEN},
        {"{" IDS ",\"sha512\":\"" DIGEST "\",\"size\":-1,\"exp\":1}", E_FORBIDDEN},
        {"{" IDS ",\"sha512\":\"" DIGEST "\",\"size\":1,\"exp\":\"1\"}", E_FORBIDDEN},
    };
    static const char *const texts[] = {"", "zgg1.", "zgg1..", "zg1.e30.AAAA", "zgg1.e30", "zgg1.!!.AAAA"};
    struct fixture *fixture = *state;
    struct grant read;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(grant_read(&fixture->arena, forge(&fixture->arena, cases[i].json), &read), cases[i].wanted);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        assert_int_equal(grant_read(&fixture->arena, texts[i], &read), E_FORBIDDEN);
    char *longer = arena_alloc(&fixture->arena, GRANT_TEXT_MOST + 100);
    memset(longer, 'A', GRANT_TEXT_MOST + 50);
    memcpy(longer, "zgg1.", 5); /* NOLINT(bugprone-not-null-terminated-result) */
    longer[GRANT_TEXT_MOST] = '.';
    assert_int_equal(grant_read(&fixture->arena, longer, &read), E_FORBIDDEN);
}

static void test_time_and_image(void **state)
{
    const struct fixture *fixture = *state;
    struct uuid other;
    uuid_new(&other);
    assert_int_equal(grant_fits(&fixture->grant, &fixture->grant.image, 1000), OK);
    assert_int_equal(grant_fits(&fixture->grant, &fixture->grant.image, 1001), E_FORBIDDEN);
    assert_int_equal(grant_fits(&fixture->grant, &other, 1), E_FORBIDDEN);
}

static void test_content(void **state)
{
    struct uuid content;
    (void)state;
    assert_int_equal(grant_content(DIGEST, &content), OK);
    assert_string_equal(uuid_to_text(&content).text, "01234567-89ab-cdef-0123-456789abcdef");
    assert_int_equal(grant_content("../../etc/passwd", &content), E_INVALID);
    assert_int_equal(grant_content(NULL, &content), E_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_round_trip, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(test_every_changed_byte_is_noticed, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(test_another_key_is_refused, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(test_shapes, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(test_time_and_image, open_fixture, close_fixture),
        cmocka_unit_test(test_content),
    };
    if (seal_setup() != OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
