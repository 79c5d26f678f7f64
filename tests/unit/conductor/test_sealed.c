/* Sealed entries: only the zone that made one can open it, for the same sizing and project, within its time, unchanged. */
#include "gateway/base/clock.h"
#include "gateway/base/seal.h"
#include "gateway/conductor/sealed.h"
#include "gateway/gateway.h"
#include "tests/unit/schema/store.h"

#define SIZING  "{\"vcpus\":1}"
#define PROJECT "0123456789abcdef0123456789abcdef"

struct fixture {
    struct gateway gateway;
    struct arena arena;
    struct plan_entry here;
    struct plan_entry below;
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    *state = fixture;
    must(seal_setup());
    random_bytes(fixture->gateway.keys.plan, sizeof(fixture->gateway.keys.plan));
    fixture->here = (struct plan_entry){.host = uuid_of(1)};
    fixture->below = (struct plan_entry){.zone = uuid_of(2), .blob = "childs+entry/=="};
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    arena_clear(&fixture->arena);
    free(fixture);
    return 0;
}

static const char *make(struct fixture *fixture, const struct plan_entry *entry)
{
    return sealed_make(&fixture->arena, &fixture->gateway, entry, SIZING, PROJECT);
}

static enum err reopen(struct fixture *fixture, const char *text, struct sealed_entry *out)
{
    return sealed_open(&fixture->arena, &fixture->gateway, text, SIZING, PROJECT, out);
}

static void an_entry_comes_back(void **state)
{
    struct fixture *fixture = *state;
    struct sealed_entry entry;
    const int64_t before = clock_wall_us();
    must(reopen(fixture, make(fixture, &fixture->here), &entry));
    assert_true(uuid_equal(&entry.host, &fixture->here.host) && uuid_is_zero(&entry.zone));
    assert_string_equal(entry.blob, "");
    assert_true(entry.use.expires_us >= before + INT64_C(60000000) && entry.use.expires_us <= clock_wall_us() + INT64_C(60000000));
    must(reopen(fixture, make(fixture, &fixture->below), &entry));
    assert_true(uuid_equal(&entry.zone, &fixture->below.zone) && uuid_is_zero(&entry.host));
    assert_string_equal(entry.blob, "childs+entry/==");
}

static void two_entries_for_one_place_are_two(void **state)
{
    struct fixture *fixture = *state;
    struct sealed_entry one;
    struct sealed_entry two;
    const char *text = make(fixture, &fixture->here);
    const char *other = make(fixture, &fixture->here);
    assert_string_not_equal(text, other);
    must(reopen(fixture, text, &one));
    must(reopen(fixture, other, &two));
    assert_memory_not_equal(one.use.entry, two.use.entry, sizeof(one.use.entry));
    must(reopen(fixture, text, &two));
    assert_memory_equal(one.use.entry, two.use.entry, sizeof(one.use.entry));
}

/* Base64 can be written in many ways; it stays the same entry, or it could be used twice. */
static void another_spelling_is_the_same_entry(void **state)
{
    struct fixture *fixture = *state;
    struct sealed_entry one;
    struct sealed_entry two;
    const char *text = make(fixture, &fixture->here);
    must(reopen(fixture, text, &one));
    must(reopen(fixture, arena_printf(&fixture->arena, " %.4s\r\n%s\t", text, text + 4), &two));
    assert_memory_equal(one.use.entry, two.use.entry, sizeof(one.use.entry));
}

static void an_entry_is_bound_to_sizing_project_and_zone(void **state)
{
    struct fixture *fixture = *state;
    struct arena *arena = &fixture->arena;
    struct gateway other = fixture->gateway;
    struct sealed_entry entry = {.blob = "untouched"};
    const char *text = make(fixture, &fixture->here);
    must_fail(sealed_open(arena, &fixture->gateway, text, SIZING " ", PROJECT, &entry), E_INVALID,
              "The plan entry was made for another sizing.");
    must_fail(sealed_open(arena, &fixture->gateway, text, "", PROJECT, &entry), E_INVALID,
              "The plan entry was made for another sizing.");
    must_fail(sealed_open(arena, &fixture->gateway, text, SIZING, "f123456789abcdef0123456789abcdef", &entry), E_INVALID,
              "The plan entry was made for another project.");
    must_fail(sealed_open(arena, &fixture->gateway, text, SIZING, NULL, &entry), E_INVALID,
              "The plan entry was made for another project.");
    other.keys.plan[31] ^= 1;
    must_fail(sealed_open(arena, &other, text, SIZING, PROJECT, &entry), E_INVALID, "The plan entry was not made by this zone.");
    assert_string_equal(entry.blob, "untouched");
    const char *unscoped = sealed_make(arena, &fixture->gateway, &fixture->here, SIZING, NULL);
    must(sealed_open(arena, &fixture->gateway, unscoped, SIZING, NULL, &entry));
    assert_int_equal(sealed_open(arena, &fixture->gateway, unscoped, SIZING, PROJECT, &entry), E_INVALID);
}

/* Every letter matters: key id, nonce, text and tag. */
static void every_changed_letter_is_seen(void **state)
{
    struct fixture *fixture = *state;
    const char *text = make(fixture, &fixture->below);
    const size_t length = strlen(text);
    for (size_t i = 0; i < length; i++) {
        struct sealed_entry entry;
        char *changed = arena_strdup(&fixture->arena, text);
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        assert_int_equal(reopen(fixture, changed, &entry), E_INVALID);
        changed[i] = '\0';
        assert_int_equal(reopen(fixture, changed, &entry), E_INVALID);
    }
    struct sealed_entry entry;
    assert_int_equal(reopen(fixture, arena_printf(&fixture->arena, "%sAAAA", text), &entry), E_INVALID);
    assert_int_equal(reopen(fixture, "not base64!", &entry), E_INVALID);
    assert_int_equal(reopen(fixture, "", &entry), E_INVALID);
}

/* An entry as the zone itself would seal it, of this plain text. */
static const char *seal_plain(struct fixture *fixture, const char *plain, const char *context)
{
    const size_t length = strlen(plain);
    const size_t sealed_length = 4 + length + SEAL_OVERHEAD;
    uint8_t *sealed = arena_alloc(&fixture->arena, sealed_length);
    char *text = arena_alloc(&fixture->arena, BASE64_SIZE(sealed_length));
    uint8_t hash[32];
    hash_blake2b(fixture->gateway.keys.plan, sizeof(fixture->gateway.keys.plan), hash);
    memcpy(sealed, hash, 4);
    seal_bytes(fixture->gateway.keys.plan, context, plain, length, sealed + 4);
    base64_encode(sealed, sealed_length, text, BASE64_SIZE(sealed_length));
    return text;
}

static const char *plain_entry(struct fixture *fixture, const char *host, int64_t expires_us)
{
    uint8_t hash[32];
    char hex[65];
    hash_sha256(SIZING, strlen(SIZING), hash);
    hex_encode(hash, sizeof(hash), hex);
    return arena_printf(&fixture->arena,
                        "{\"host\":\"%s\",\"zone\":\"00000000-0000-0000-0000-000000000000\",\"blob\":null,\"sizing\":\"%s\","
                        "\"project\":\"" PROJECT "\",\"exp\":%lld,\"nonce\":\"00\"}",
                        host, hex, (long long)expires_us);
}

static void entries_expire(void **state)
{
    static const char context[] = "zonegate plan entry";
    struct fixture *fixture = *state;
    const struct uuid_text uuid = uuid_to_text(&fixture->here.host);
    struct sealed_entry entry;
    must(reopen(fixture, seal_plain(fixture, plain_entry(fixture, uuid.text, clock_wall_us() + 5000000), context), &entry));
    must_fail(reopen(fixture, seal_plain(fixture, plain_entry(fixture, uuid.text, clock_wall_us() - 1), context), &entry),
              E_CONFLICT, "The plan entry has expired.");
    must_fail(reopen(fixture, seal_plain(fixture, plain_entry(fixture, uuid.text, 0), context), &entry), E_CONFLICT,
              "The plan entry has expired.");
    assert_int_equal(reopen(fixture, seal_plain(fixture, plain_entry(fixture, uuid.text, INT64_MAX), "another use"), &entry),
                     E_INVALID);
    assert_int_equal(reopen(fixture, seal_plain(fixture, plain_entry(fixture, "nowhere", INT64_MAX), context), &entry), E_INVALID);
    assert_int_equal(reopen(fixture, seal_plain(fixture, "{}", context), &entry), E_INVALID);
    assert_int_equal(reopen(fixture, seal_plain(fixture, "[", context), &entry), E_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_entry_comes_back),
        cmocka_unit_test(two_entries_for_one_place_are_two),
        cmocka_unit_test(another_spelling_is_the_same_entry),
        cmocka_unit_test(an_entry_is_bound_to_sizing_project_and_zone),
        cmocka_unit_test(every_changed_letter_is_seen),
        cmocka_unit_test(entries_expire),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
