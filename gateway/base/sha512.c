/* See sha512.h. */
#include "gateway/base/sha512.h"

#include <stdlib.h>

#include <sodium.h>

struct sha512 {
    crypto_hash_sha512_state state;
};

struct sha512 *sha512_new(void)
{
    struct sha512 *hash = malloc(sizeof(*hash));
    if (!hash)
        abort();
    (void)crypto_hash_sha512_init(&hash->state);
    return hash;
}

void sha512_add(struct sha512 *hash, const void *bytes, size_t length)
{
    (void)crypto_hash_sha512_update(&hash->state, bytes, length);
}

void sha512_end(struct sha512 *hash, uint8_t out[SHA512_SIZE])
{
    (void)crypto_hash_sha512_final(&hash->state, out);
}

void sha512_free(struct sha512 *hash)
{
    free(hash);
}
