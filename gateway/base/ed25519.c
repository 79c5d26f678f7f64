/* See ed25519.h. */
#include "gateway/base/ed25519.h"

#include <sodium.h>

_Static_assert(SIGN_PUBLIC_SIZE == crypto_sign_PUBLICKEYBYTES && SIGN_SECRET_SIZE == crypto_sign_SECRETKEYBYTES,
               "libsodium's sizes");

void ed25519_pair_new(uint8_t public_key[SIGN_PUBLIC_SIZE], uint8_t secret[SIGN_SECRET_SIZE])
{
    (void)crypto_sign_keypair(public_key, secret); /* does not fail */
}
