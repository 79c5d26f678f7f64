/* Keys of links: both sides agree, strangers do not; nonces are taken once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#undef fail

#include "gateway/base/id.h"
#include "gateway/base/link_keys.h"
#include "zones/nonces.h"

static void both_sides_compute_the_same(void **state)
{
    struct link_pair parent;
    struct link_pair child;
    struct link_session above;
    struct link_session below;
    (void)state;
    link_pair_new(&parent);
    link_pair_new(&child);
    assert_int_equal(link_session_as_parent(&parent, child.public_key, &above), OK);
    assert_int_equal(link_session_as_child(&child, parent.public_key, &below), OK);
    assert_memory_equal(&above, &below, sizeof(above));
    assert_memory_not_equal(above.down, above.up, LINK_KEY_SIZE);
    assert_int_equal(strlen(above.key_id), 8);
    uint8_t both[64];
    uint8_t hash[32];
    char id[9];
    memcpy(both, parent.public_key, 32);
    memcpy(both + 32, child.public_key, 32);
    hash_blake2b(both, sizeof(both), hash);
    hex_encode(hash, 4, id);
    assert_string_equal(above.key_id, id);
}

static void other_keys_agree_on_nothing(void **state)
{
    struct link_pair a;
    struct link_pair b;
    struct link_pair c;
    struct link_session ab;
    struct link_session ac;
    struct link_session swapped;
    (void)state;
    link_pair_new(&a);
    link_pair_new(&b);
    link_pair_new(&c);
    assert_int_equal(link_session_as_parent(&a, b.public_key, &ab), OK);
    assert_int_equal(link_session_as_parent(&a, c.public_key, &ac), OK);
    assert_int_equal(link_session_as_child(&a, b.public_key, &swapped), OK);
    assert_memory_not_equal(ab.down, ac.down, LINK_KEY_SIZE);
    assert_string_not_equal(ab.key_id, ac.key_id);
    assert_string_not_equal(ab.key_id, swapped.key_id);
    uint8_t zero[LINK_KEY_SIZE] = {0}; /* a point of small order */
    assert_int_equal(link_session_as_parent(&a, zero, &ab), E_INVALID);
    assert_int_equal(link_session_as_child(&a, zero, &ab), E_INVALID);
}

static void a_mac_holds_for_its_bytes_only(void **state)
{
    uint8_t key[LINK_KEY_SIZE] = {1};
    uint8_t mac[LINK_MAC_SIZE];
    char text[] = "v1.00000000.payload";
    (void)state;
    link_mac(key, text, sizeof(text), mac);
    assert_int_equal(link_mac_verify(key, text, sizeof(text), mac), OK);
    for (size_t i = 0; i < sizeof(text); i++) {
        text[i] ^= 1;
        assert_int_equal(link_mac_verify(key, text, sizeof(text), mac), E_UNAUTHORIZED);
        text[i] ^= 1;
    }
    key[31] = 1;
    assert_int_equal(link_mac_verify(key, text, sizeof(text), mac), E_UNAUTHORIZED);
}

static void a_nonce_is_taken_once(void **state)
{
    struct nonces *nonces = NULL;
    struct uuid link;
    struct uuid other;
    (void)state;
    uuid_new(&link);
    uuid_new(&other);
    nonces_open(&nonces);
    for (uint32_t i = 0; i < 20000; i++) {
        uint8_t nonce[NONCE_SIZE] = {0};
        memcpy(nonce, &i, sizeof(i));
        const int64_t until_s = 1000 + i % 60;
        assert_int_equal(nonces_add(nonces, &link, nonce, until_s, 1000), OK);
        assert_int_equal(nonces_add(nonces, &link, nonce, until_s, 1000), E_UNAUTHORIZED);
        assert_int_equal(nonces_add(nonces, &other, nonce, until_s, 1000), OK);
    }
    uint8_t first[NONCE_SIZE] = {0};
    assert_int_equal(nonces_add(nonces, &link, first, 1000, 1000), E_UNAUTHORIZED);
    assert_int_equal(nonces_add(nonces, &link, first, 1000, 1001), E_UNAUTHORIZED); /* expired by itself */
    nonces_close(nonces);
}

/* The places of old slices are used again, those of live ones never. */
static void time_passes(void **state)
{
    struct nonces *nonces = NULL;
    struct uuid link;
    (void)state;
    uuid_new(&link);
    nonces_open(&nonces);
    for (int64_t now_s = 0; now_s < 3000; now_s += 7) {
        uint8_t nonce[NONCE_SIZE];
        random_bytes(nonce, sizeof(nonce));
        assert_int_equal(nonces_add(nonces, &link, nonce, now_s + 90, now_s), OK);
        assert_int_equal(nonces_add(nonces, &link, nonce, now_s + 90, now_s + 60), E_UNAUTHORIZED);
    }
    nonces_close(nonces);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_sides_compute_the_same),
        cmocka_unit_test(other_keys_agree_on_nothing),
        cmocka_unit_test(a_mac_holds_for_its_bytes_only),
        cmocka_unit_test(a_nonce_is_taken_once),
        cmocka_unit_test(time_passes),
    };
    return seal_setup() == OK ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
