/* The key file (made once, mode 0600, damage is seen), sealing, signatures, hashes against published vectors. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/base/seal.h"
#include "tests/unit/base/check.h"

#define FILE_SIZE 4096

struct fixture {
    char directory[64];
    char path[96];
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    *state = fixture;
    must(seal_setup());
    (void)snprintf(fixture->directory, sizeof(fixture->directory), "/tmp/zg-seal.XXXXXX");
    assert_non_null(mkdtemp(fixture->directory));
    (void)snprintf(fixture->path, sizeof(fixture->path), "%s/keys", fixture->directory);
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    (void)unlink(fixture->path);
    assert_int_equal(rmdir(fixture->directory), 0); /* nothing else was left there */
    free(fixture);
    return 0;
}

static size_t read_file(const char *path, char *out)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    const ssize_t length = read(fd, out, FILE_SIZE);
    assert_true(length > 0 && length < FILE_SIZE);
    assert_int_equal(close(fd), 0);
    return (size_t)length;
}

static void write_file(const char *path, const char *bytes, size_t length)
{
    (void)unlink(path);
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, length), length);
    assert_int_equal(close(fd), 0);
}

static void keys_are_made_once(void **state)
{
    const struct fixture *fixture = *state;
    struct zone_keys keys;
    struct zone_keys again;
    struct stat info;
    (void)unlink(fixture->path);
    must(zone_keys_open(fixture->path, &keys));
    assert_int_equal(stat(fixture->path, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0600);
    must(zone_keys_open(fixture->path, &again));
    assert_memory_equal(&keys, &again, sizeof(keys));
    assert_false(uuid_is_zero(&keys.zone));
    assert_memory_not_equal(keys.seal, keys.plan, sizeof(keys.seal));
    assert_int_equal(unlink(fixture->path), 0);
    must(zone_keys_open(fixture->path, &again));
    assert_memory_not_equal(&keys, &again, sizeof(keys));
    zone_keys_clear(&again);
    assert_true(uuid_is_zero(&again.zone));
}

static void a_key_file_for_others_is_refused(void **state)
{
    const struct fixture *fixture = *state;
    static const mode_t bad[] = {0640, 0604, 0620, 0601, 0666};
    struct zone_keys keys;
    must(zone_keys_open(fixture->path, &keys));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        char message[256];
        (void)snprintf(message, sizeof(message), "The key file %s may be read by others; give it mode 0600.", fixture->path);
        assert_int_equal(chmod(fixture->path, bad[i]), 0);
        must_fail(zone_keys_open(fixture->path, &keys), E_INVALID, message);
    }
    assert_int_equal(chmod(fixture->path, 0400), 0);
    must(zone_keys_open(fixture->path, &keys));
}

static void damage_is_seen(void **state)
{
    const struct fixture *fixture = *state;
    char good[FILE_SIZE];
    char bad[FILE_SIZE];
    char message[256];
    struct zone_keys keys;
    (void)unlink(fixture->path);
    must(zone_keys_open(fixture->path, &keys));
    const size_t length = read_file(fixture->path, good);
    (void)snprintf(message, sizeof(message), "The key file %s is damaged.", fixture->path);
    for (size_t cut = 0; cut + 1 < length; cut += 7) { /* the last line's end is not needed */
        write_file(fixture->path, good, cut);
        must_fail(zone_keys_open(fixture->path, &keys), E_INVALID, message);
    }
    for (size_t i = 0; i + 1 < length; i++) {
        memcpy(bad, good, length);
        bad[i] = '!';
        write_file(fixture->path, bad, length);
        must_fail(zone_keys_open(fixture->path, &keys), E_INVALID, message);
    }
    memcpy(bad, good, length);
    bad[length] = 'A';
    write_file(fixture->path, bad, length + 1);
    must_fail(zone_keys_open(fixture->path, &keys), E_INVALID, message);
}

static void unusable_paths_are_named(void **state)
{
    const struct fixture *fixture = *state;
    char path[5000];
    struct zone_keys keys;
    (void)snprintf(path, sizeof(path), "%s/none/keys", fixture->directory);
    assert_int_equal(zone_keys_open(path, &keys), E_INTERNAL);
    must_contain(err_message(), path);
    memset(path, 'x', sizeof(path) - 1);
    path[sizeof(path) - 1] = '\0';
    assert_int_equal(zone_keys_open(path, &keys), E_INVALID);
}

static void sealed_texts_open_with_their_key_and_context_only(void **state)
{
    uint8_t key[SEAL_KEY_SIZE] = {1};
    uint8_t other[SEAL_KEY_SIZE] = {2};
    uint8_t sealed[100 + SEAL_OVERHEAD];
    uint8_t twice[100 + SEAL_OVERHEAD];
    char plain[100];
    char back[100];
    (void)state;
    for (size_t length = 0; length <= sizeof(plain); length += 20) {
        memset(plain, (int)length, sizeof(plain));
        seal_bytes(key, "context", plain, length, sealed);
        seal_bytes(key, "context", plain, length, twice);
        assert_memory_not_equal(sealed, twice, length + SEAL_OVERHEAD);
        must(unseal_bytes(key, "context", sealed, length + SEAL_OVERHEAD, back));
        assert_memory_equal(back, plain, length);
        assert_int_equal(unseal_bytes(other, "context", sealed, length + SEAL_OVERHEAD, back), E_INVALID);
        assert_int_equal(unseal_bytes(key, "contexT", sealed, length + SEAL_OVERHEAD, back), E_INVALID);
        assert_int_equal(unseal_bytes(key, "", sealed, length + SEAL_OVERHEAD, back), E_INVALID);
        for (size_t i = 0; i < length + SEAL_OVERHEAD; i++) {
            sealed[i] ^= 1;
            assert_int_equal(unseal_bytes(key, "context", sealed, length + SEAL_OVERHEAD, back), E_INVALID);
            sealed[i] ^= 1;
            assert_int_equal(unseal_bytes(key, "context", sealed, i, back), E_INVALID);
        }
    }
}

static void signatures_belong_to_bytes_and_key(void **state)
{
    const struct fixture *fixture = *state;
    struct zone_keys keys;
    uint8_t signature[SIGNATURE_SIZE];
    char bytes[] = "some bytes";
    (void)unlink(fixture->path);
    must(zone_keys_open(fixture->path, &keys));
    sign_bytes(keys.sign_secret, bytes, sizeof(bytes), signature);
    must(sign_verify(keys.sign_public, bytes, sizeof(bytes), signature));
    assert_int_equal(sign_verify(keys.sign_public, bytes, sizeof(bytes) - 1, signature), E_UNAUTHORIZED);
    for (size_t i = 0; i < sizeof(signature); i++) {
        signature[i] ^= 1;
        must_fail(sign_verify(keys.sign_public, bytes, sizeof(bytes), signature), E_UNAUTHORIZED, "The signature is not valid.");
        signature[i] ^= 1;
    }
    keys.sign_public[0] ^= 1;
    assert_int_equal(sign_verify(keys.sign_public, bytes, sizeof(bytes), signature), E_UNAUTHORIZED);
}

static void hashes_are_the_published_ones(void **state)
{
    uint8_t hash[32];
    char hex[65];
    (void)state;
    hash_sha256("abc", 3, hash);
    hex_encode(hash, sizeof(hash), hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    hash_blake2b("abc", 3, hash);
    hex_encode(hash, sizeof(hash), hex);
    assert_string_equal(hex, "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319");
    hash_blake2b("", 0, hash);
    hex_encode(hash, sizeof(hash), hex);
    assert_string_equal(hex, "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_made_once),
        cmocka_unit_test(a_key_file_for_others_is_refused),
        cmocka_unit_test(damage_is_seen),
        cmocka_unit_test(unusable_paths_are_named),
        cmocka_unit_test(sealed_texts_open_with_their_key_and_context_only),
        cmocka_unit_test(signatures_belong_to_bytes_and_key),
        cmocka_unit_test(hashes_are_the_published_ones),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
