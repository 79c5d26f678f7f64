/* Hashes and pairs by libsodium behind our names: a published vector, pieces of any size, what a pair signs, passwords; and roles.
 */
#include "gateway/base/caller.h"
#include "gateway/base/ed25519.h"
#include "gateway/base/password_hash.h"
#include "gateway/base/sha512.h"
#include "tests/unit/base/check.h"

static void hash_in_pieces(const char *bytes, size_t length, size_t piece, char hex[2 * SHA512_SIZE + 1])
{
    uint8_t hash[SHA512_SIZE];
    struct sha512 *state = sha512_new();
    for (size_t i = 0; i < length; i += piece)
        sha512_add(state, bytes + i, length - i < piece ? length - i : piece);
    sha512_end(state, hash);
    sha512_free(state);
    hex_encode(hash, sizeof(hash), hex);
}

static void sha512_does_not_depend_on_the_pieces(void **state)
{
    char bytes[1000];
    char whole[2 * SHA512_SIZE + 1];
    char pieces[2 * SHA512_SIZE + 1];
    (void)state;
    hash_in_pieces("abc", 3, 1, pieces);
    assert_string_equal(pieces, "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
                                "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
    random_bytes(bytes, sizeof(bytes));
    hash_in_pieces(bytes, sizeof(bytes), sizeof(bytes), whole);
    for (size_t piece = 1; piece < 300; piece += 37) {
        hash_in_pieces(bytes, sizeof(bytes), piece, pieces);
        assert_string_equal(pieces, whole);
    }
    sha512_free(NULL);
}

static void a_new_pair_signs_and_is_new(void **state)
{
    uint8_t public_key[SIGN_PUBLIC_SIZE];
    uint8_t secret[SIGN_SECRET_SIZE];
    uint8_t other_public[SIGN_PUBLIC_SIZE];
    uint8_t other_secret[SIGN_SECRET_SIZE];
    uint8_t signature[SIGNATURE_SIZE];
    (void)state;
    ed25519_pair_new(public_key, secret);
    ed25519_pair_new(other_public, other_secret);
    assert_memory_equal(secret + 32, public_key, sizeof(public_key)); /* the seed, then the public key */
    assert_memory_not_equal(public_key, other_public, sizeof(public_key));
    sign_bytes(secret, "x", 1, signature);
    must(sign_verify(public_key, "x", 1, signature));
    assert_int_equal(sign_verify(other_public, "x", 1, signature), E_UNAUTHORIZED);
}

static void passwords_match_their_own_hash(void **state)
{
    char hash[PASSWORD_HASH_SIZE];
    char again[PASSWORD_HASH_SIZE];
    (void)state;
    must(password_hash("größe", hash));
    must(password_hash("größe", again));
    assert_string_not_equal(hash, again); /* salted */
    assert_true(password_hash_matches(hash, "größe") && password_hash_matches(again, "größe"));
    assert_false(password_hash_matches(hash, "Größe"));
    assert_false(password_hash_matches(hash, ""));
    assert_false(password_hash_matches("", "größe"));
    assert_false(password_hash_matches("no hash", "größe"));
    assert_int_equal(password_hash("", hash), E_INVALID);
}

static void roles_are_compared_in_any_case(void **state)
{
    static const char *const roles[] = {"member", "Reader"};
    const struct caller caller = {.roles = roles, .role_count = ARRAY_LEN(roles)};
    const struct caller nobody = {.role_count = 0};
    (void)state;
    assert_true(caller_has_role(&caller, "member") && caller_has_role(&caller, "MEMBER") && caller_has_role(&caller, "reader"));
    assert_false(caller_has_role(&caller, "admin") || caller_has_role(&caller, "") || caller_has_role(&caller, "read"));
    assert_false(caller_has_role(&nobody, "member"));
}

static int setup(void **state)
{
    (void)state;
    return seal_setup() == OK ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha512_does_not_depend_on_the_pieces),
        cmocka_unit_test(a_new_pair_signs_and_is_new),
        cmocka_unit_test(passwords_match_their_own_hash),
        cmocka_unit_test(roles_are_compared_in_any_case),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
