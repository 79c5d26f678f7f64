/* SSH keys: fingerprints as ssh-keygen prints them, damaged keys, and what a new pair looks like. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#undef fail /* err.h has a function of that name */

#include "gateway/api/ssh_key.h"
#include "gateway/base/id.h"
#include "gateway/base/seal.h"
#include "gateway/base/text.h"

/* Made, and fingerprinted (-l -E md5), by OpenSSH 9.2. */
static const struct {
    const char *public_key;
    const char *fingerprint;
} known[] = {
    {"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAJoDeChYzNOyQD1usnvg2sHNuvIdkRywyhfvsukHPJv",
     "88:0a:43:58:0a:e4:ac:26:91:79:5d:7f:cf:4c:2e:e2"},
    {"ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQDq34fP4092VA3Eh8uSx7vrld66q3YOZZt+mHlHT3ZjM9img6aJ42JOhLXTdEotP64yCR6Lmo"
     "LpevJuY2iBihX29Mlg+P3HFHtbolkvVjbZaogtpMlsWOUAHwZV1nKNIzeZgIDPVKBtrrEqADWmPBX3Gvf0Iai66gTKwDWTToF7VhLRmB7UTh42"
     "lFarWyWy1KzTgPqvpEpOM0+zeMs5HviGKT0hojPeC0v94fw+oF7dGKU84Q141+9X60wxaVlWQ7jwbS8pr+yBq/tkHlf2Mai7qoldghQN+raniM"
     "Ugk7mKrTBBOuuqF29X8mkXWxyZa/c9RaSld7VmC3NbnrNIX6YP",
     "be:4e:86:d7:48:b5:c4:8a:b2:31:ae:b9:c6:98:d5:55"},
    {"ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBJz6IrecHzsVRtmmWSXyPh5DO4sSYfcEf7hyMb"
     "M0h0O0kLKxx6XMZIe3EFp3aUcEvCM3VFawiWwAmiFwE54zYc4=",
     "4d:2b:a2:df:4d:32:dc:38:51:be:20:47:e4:99:85:6d"},
    {"ecdsa-sha2-nistp384 AAAAE2VjZHNhLXNoYTItbmlzdHAzODQAAAAIbmlzdHAzODQAAABhBAZ6++GgMl+Oed0mLgqzBj6YnrKg89xCA/Hjx4"
     "T7zFipBxG1nGxoc5aN5P1xB5VFV4zr8EDeuZ7hczZnH04T0AuLJy7sEsGYyEQccyzUzF4QwBFoGBzsJ76vvxMLlBuVJg==",
     "52:a5:42:23:8e:84:9c:43:7b:38:f1:6d:4a:e3:a7:8e"},
    {"ecdsa-sha2-nistp521 AAAAE2VjZHNhLXNoYTItbmlzdHA1MjEAAAAIbmlzdHA1MjEAAACFBAAjBSxeXFj8w1iNfiPR+xJ4tlfVpA9w2TQBeG"
     "2YEU5ViXczgkX6M5Dd2gEY0/8RqLlzoW0Q7Dc3XDVvh97B++NYBQHGGr5oAFba9SZO/ZsfU0JfLo+8E8f8q/pnHpl3D+IP0DFeHOzCqOT+urq8"
     "NaxfhXkoVGGD7CO9H/bU6Sx+4cGf2A==",
     "c9:06:3d:c9:b8:f3:bc:df:46:40:e1:13:4c:f5:c2:62"},
    {"ssh-dss AAAAB3NzaC1kc3MAAACBAOPUZ0RL7YOLYcbHBcpNBsG4uAdshEcKtR8NaX5ii4dZPnEIsblyV+sU8ohc7BYKatF1VxsVw4NykxEK1T"
     "FZ0AzWj+LxdKUoRkkvOezF/6Z2btWkxMCEOwupt8xgsHtOgIgYUqm55ggstz9kVIsQcJklaNu8siqo6pIqBhTiGqoLAAAAFQCS4Vd1uRneNGyq"
     "DjLXSGJs/aOWWwAAAIAnPbERute9fEpcc8vyyg9VktVKRuQE6ZFaAw/Qc9nN+9nINwntfTXOBq4gx1+tY/n54EorpkubS2c2CZKsxU1lUkao5j"
     "sAgfssisoFzCnXbBQywvr+4Jv/WsFvzAirh/8aPlG9vYiA/DslX4vkGkYeT2RX8ZEHJJX0q6MPpqCkRAAAAIASG+NhglvrttT0B6Xg6glWtidJ"
     "j+QEdnLnGHTunwDQfB+NRXqZJ70wW7jVT+AdXNao08WiOK3eVSmX8X6JOGuBzj+azbkUuUER8nsnmbnRd05sPc0ErGvJtctlc1ujEd3fcIV7H4"
     "kEdc3CNNgtMeVU3eFBbyUo0OiM3LxARZbN9A==",
     "4b:6a:08:dd:b8:c1:c4:a8:16:a8:49:69:ab:90:a3:59"},
};

#define BODY "AAAAC3NzaC1lZDI1NTE5AAAAIAJoDeChYzNOyQD1usnvg2sHNuvIdkRywyhfvsukHPJv"

static const char *const damaged[] = {
    "",
    "ssh-ed25519",
    "ssh-ed25519 ",
    BODY,
    "ssh-rsa " BODY,
    "ssh-ed25519 !" BODY,
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAJoDeChYzNOyQD1usnvg2sHNuvIdkRywyhfvsukHP==",
    "ssh-ed25519 " BODY "AAAA",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5/////wJo",
    "ssh-ed25519 AAAA",
    "unknown-type AAAADHVua25vd24tdHlwZQ==",
    "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAzODQAAAADBAEC",
    "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAAA==",
    "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAAYA=",
};

static void fingerprints_are_those_of_openssh(void **state)
{
    (void)state;
    static const char *const tails[] = {"", " ", "\n", " me@host", " two words\n"};
    CLEANUP(arena_clear) struct arena arena = {0};
    for (size_t i = 0; i < ARRAY_LEN(known) * ARRAY_LEN(tails); i++) {
        const char *key = arena_printf(&arena, "%s%s", known[i / ARRAY_LEN(tails)].public_key, tails[i % ARRAY_LEN(tails)]);
        const char *fingerprint = NULL;
        if (ssh_key_fingerprint(&arena, key, &fingerprint) != OK)
            print_error("%s: %s\n", key, err_message());
        assert_non_null(fingerprint);
        assert_string_equal(fingerprint, known[i / ARRAY_LEN(tails)].fingerprint);
    }
}

static void damaged_keys_are_refused(void **state)
{
    (void)state;
    CLEANUP(arena_clear) struct arena arena = {0};
    for (size_t i = 0; i < ARRAY_LEN(damaged); i++) {
        const char *fingerprint = NULL;
        if (ssh_key_fingerprint(&arena, damaged[i], &fingerprint) != E_INVALID)
            print_error("row %zu passed\n", i);
        assert_null(fingerprint);
        assert_string_equal(err_message(), "Keypair data is invalid: failed to generate fingerprint");
    }
}

/* Every key cut anywhere within its base64 is refused. */
static void cut_keys_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        const size_t start = strcspn(known[i].public_key, " ") + 1;
        for (size_t length = start; length < strlen(known[i].public_key); length++) {
            CLEANUP(arena_clear) struct arena arena = {0};
            const char *fingerprint = NULL;
            const char *cut = arena_strndup(&arena, known[i].public_key, length);
            assert_int_equal(ssh_key_fingerprint(&arena, cut, &fingerprint), E_INVALID);
        }
    }
}

/* The bytes between the first and the last line. */
static size_t decode_pem(struct arena *arena, const char *pem, uint8_t **out)
{
    static const char head[] = "-----BEGIN OPENSSH PRIVATE KEY-----\n";
    static const char tail[] = "-----END OPENSSH PRIVATE KEY-----\n";
    assert_true(str_starts(pem, head) && str_ends(pem, tail));
    const size_t length = strlen(pem) - strlen(head) - strlen(tail);
    size_t decoded = 0;
    *out = arena_alloc(arena, length);
    assert_int_equal(base64_decode(pem + strlen(head), length, *out, length, &decoded), OK);
    return decoded;
}

/* An unencrypted openssh-key-v1 of one Ed25519 key has its parts at fixed places; a signature proves that the halves fit. */
static void a_new_pair_is_whole(void **state)
{
    (void)state;
    enum { PUBLIC = 15 + 8 + 8 + 4 + 4 + 4 + 15 + 4, CHECK = PUBLIC + 32 + 4, SECRET = CHECK + 8 + 15 + 36 + 4 };
    CLEANUP(arena_clear) struct arena arena = {0};
    struct ssh_pair pair;
    struct ssh_pair other;
    const char *fingerprint = NULL;
    uint8_t *bytes = NULL;
    uint8_t signature[SIGNATURE_SIZE];
    ssh_pair_new(&arena, &pair);
    ssh_pair_new(&arena, &other);
    assert_string_not_equal(pair.public_key, other.public_key);
    assert_int_equal(ssh_key_fingerprint(&arena, pair.public_key, &fingerprint), OK);
    const size_t length = decode_pem(&arena, pair.private_key, &bytes);
    assert_true(length > SECRET + SIGN_SECRET_SIZE && (length - CHECK) % 8 == 0);
    assert_memory_equal(bytes, "openssh-key-v1", 15);
    assert_memory_equal(bytes + CHECK, bytes + CHECK + 4, 4);
    assert_memory_equal(bytes + SECRET + 32, bytes + PUBLIC, 32);
    sign_bytes(bytes + SECRET, "text", 4, signature);
    assert_int_equal(sign_verify(bytes + PUBLIC, "text", 4, signature), OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fingerprints_are_those_of_openssh),
        cmocka_unit_test(damaged_keys_are_refused),
        cmocka_unit_test(cut_keys_are_refused),
        cmocka_unit_test(a_new_pair_is_whole),
    };
    return seal_setup() == OK ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
