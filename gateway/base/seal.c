/*
 * Keys and sealing; see seal.h. The key file is text: a version line, then one base64 line that holds all of struct key_record.
 * It is written under a temporary name, flushed and renamed, so that a crash leaves the old state or the new one.
 */
#include "gateway/base/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

static const char key_file_head[] = "zonegate-keys-1\n";

#define KEYS_BASE64 BASE64_SIZE(sizeof(struct zone_keys))

enum err seal_setup(void)
{
    /* A request needs some random bytes: its own generator, seeded by the system's, asks no kernel for each of them. */
    if (randombytes_set_implementation(&randombytes_internal_implementation) != 0)
        return fail(E_INTERNAL, "libsodium has no generator of random bytes.");
    if (sodium_init() < 0)
        return fail(E_INTERNAL, "libsodium cannot be initialised.");
    randombytes_stir(); /* a process that was forked from one that used it needs a seed of its own */
    return OK;
}

static void make_keys(struct zone_keys *keys)
{
    uuid_new(&keys->zone);
    random_bytes(keys->seal, sizeof(keys->seal));
    random_bytes(keys->plan, sizeof(keys->plan));
    (void)crypto_kx_keypair(keys->link_public, keys->link_secret);
    (void)crypto_sign_keypair(keys->sign_public, keys->sign_secret);
}

static enum err write_whole(int fd, const char *text, size_t length, const char *path)
{
    if (write(fd, text, length) != (ssize_t)length || fsync(fd) != 0)
        return fail(E_INTERNAL, "%s cannot be written: %s.", path, strerror(errno));
    return OK;
}

static enum err write_keys(const char *path, const struct zone_keys *keys)
{
    char temporary[4096];
    if (snprintf(temporary, sizeof(temporary), "%s.new", path) >= (int)sizeof(temporary))
        return fail(E_INVALID, "The path of the key file is too long.");
    char text[sizeof(key_file_head) + KEYS_BASE64 + 1];
    memcpy(text, key_file_head, sizeof(key_file_head) - 1);
    base64_encode(keys, sizeof(*keys), text + sizeof(key_file_head) - 1, KEYS_BASE64);
    const size_t length = strlen(text);
    text[length] = '\n';
    const int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail(E_INTERNAL, "%s cannot be made: %s.", temporary, strerror(errno));
    const enum err result = write_whole(fd, text, length + 1, temporary);
    sodium_memzero(text, sizeof(text));
    (void)close(fd);
    TRY(result);
    if (rename(temporary, path) != 0)
        return fail(E_INTERNAL, "%s cannot be renamed: %s.", temporary, strerror(errno));
    return OK;
}

static enum err read_keys(int fd, const char *path, struct zone_keys *out)
{
    struct stat info;
    if (fstat(fd, &info) != 0 || (info.st_mode & 077) != 0)
        return fail(E_INVALID, "The key file %s may be read by others; give it mode 0600.", path);
    char text[sizeof(key_file_head) + KEYS_BASE64 + 1];
    const ssize_t got = read(fd, text, sizeof(text) - 1);
    const size_t head = sizeof(key_file_head) - 1;
    size_t length = 0;
    struct zone_keys keys;
    if (got <= (ssize_t)head || memcmp(text, key_file_head, head) != 0 ||
        base64_decode(text + head, (size_t)got - head, &keys, sizeof(keys), &length) != OK || length != sizeof(keys))
        return fail(E_INVALID, "The key file %s is damaged.", path);
    *out = keys;
    sodium_memzero(&keys, sizeof(keys));
    sodium_memzero(text, sizeof(text));
    return OK;
}

enum err zone_keys_open(const char *path, struct zone_keys *out)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        const enum err result = read_keys(fd, path, out);
        (void)close(fd);
        return result;
    }
    if (errno != ENOENT)
        return fail(E_INVALID, "The key file %s cannot be opened: %s.", path, strerror(errno));
    struct zone_keys keys;
    memset(&keys, 0, sizeof(keys));
    make_keys(&keys);
    TRY(write_keys(path, &keys));
    *out = keys;
    sodium_memzero(&keys, sizeof(keys));
    return OK;
}

void zone_keys_clear(struct zone_keys *keys)
{
    sodium_memzero(keys, sizeof(*keys));
}

void seal_bytes(const uint8_t key[SEAL_KEY_SIZE], const char *context, const void *plain, size_t length, uint8_t *out)
{
    randombytes_buf(out, crypto_aead_xchacha20poly1305_ietf_NPUBBYTES);
    (void)crypto_aead_xchacha20poly1305_ietf_encrypt(out + crypto_aead_xchacha20poly1305_ietf_NPUBBYTES, NULL, plain, length,
                                                     (const unsigned char *)context, strlen(context), NULL, out, key);
}

enum err unseal_bytes(const uint8_t key[SEAL_KEY_SIZE], const char *context, const uint8_t *sealed, size_t length, void *out)
{
    const size_t nonce = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
    if (length < SEAL_OVERHEAD ||
        crypto_aead_xchacha20poly1305_ietf_decrypt(out, NULL, NULL, sealed + nonce, length - nonce, (const unsigned char *)context,
                                                   strlen(context), sealed, key) != 0)
        return fail(E_INVALID, "The sealed text was not made with this zone's key.");
    return OK;
}

void sign_bytes(const uint8_t secret[SIGN_SECRET_SIZE], const void *bytes, size_t length, uint8_t out[SIGNATURE_SIZE])
{
    (void)crypto_sign_detached(out, NULL, bytes, length, secret);
}

enum err sign_verify(const uint8_t public_key[SIGN_PUBLIC_SIZE], const void *bytes, size_t length,
                     const uint8_t signature[SIGNATURE_SIZE])
{
    if (crypto_sign_verify_detached(signature, bytes, length, public_key) != 0)
        return fail(E_UNAUTHORIZED, "The signature is not valid.");
    return OK;
}

void hash_sha256(const void *bytes, size_t length, uint8_t out[32])
{
    (void)crypto_hash_sha256(out, bytes, length);
}

void hash_blake2b(const void *bytes, size_t length, uint8_t out[32])
{
    (void)crypto_generichash(out, 32, bytes, length, NULL, 0);
}
