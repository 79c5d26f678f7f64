/*
 * The zone's secrets: its key file, and what is done with the keys (libsodium only).
 *
 * The key file (mode 0600, in the state directory) holds the zone's uuid, the sealing key, the X25519 pair for links, the Ed25519
 * pair for signatures and the plan key. It is made once. At rest everything secret is sealed with XChaCha20-Poly1305.
 */
#pragma once

#include <stdint.h>

#include "gateway/base/arena.h"
#include "gateway/base/err.h"
#include "gateway/base/id.h"

#define SEAL_KEY_SIZE    32
#define SIGN_PUBLIC_SIZE 32
#define SIGN_SECRET_SIZE 64
#define SIGNATURE_SIZE   64
#define LINK_KEY_SIZE    32
#define SEAL_OVERHEAD    40 /* nonce 24 and tag 16 */

struct zone_keys {
    struct uuid zone;
    uint8_t seal[SEAL_KEY_SIZE];
    uint8_t plan[SEAL_KEY_SIZE];
    uint8_t link_public[LINK_KEY_SIZE];
    uint8_t link_secret[LINK_KEY_SIZE];
    uint8_t sign_public[SIGN_PUBLIC_SIZE];
    uint8_t sign_secret[SIGN_SECRET_SIZE];
};

/* sodium_init; to be called first in main. E_INTERNAL. */
MUST_CHECK enum err seal_setup(void);

/* Reads the key file, or makes it with a new zone uuid. E_INVALID: damaged, or readable by others. */
MUST_CHECK enum err zone_keys_open(const char *path, struct zone_keys *out);
void zone_keys_clear(struct zone_keys *keys);

/* `out` has length + SEAL_OVERHEAD bytes. `context` (not secret) must be the same at opening: it says what the secret is for. */
void seal_bytes(const uint8_t key[SEAL_KEY_SIZE], const char *context, const void *plain, size_t length, uint8_t *out);
/* `out` has length - SEAL_OVERHEAD bytes. E_INVALID when it was not made with this key and context. */
MUST_CHECK enum err unseal_bytes(const uint8_t key[SEAL_KEY_SIZE], const char *context, const uint8_t *sealed, size_t length,
                                 void *out);

void sign_bytes(const uint8_t secret[SIGN_SECRET_SIZE], const void *bytes, size_t length, uint8_t out[SIGNATURE_SIZE]);
/* E_UNAUTHORIZED when the signature is not the key's. */
MUST_CHECK enum err sign_verify(const uint8_t public_key[SIGN_PUBLIC_SIZE], const void *bytes, size_t length,
                                const uint8_t signature[SIGNATURE_SIZE]);

void hash_sha256(const void *bytes, size_t length, uint8_t out[32]);
void hash_blake2b(const void *bytes, size_t length, uint8_t out[32]);
