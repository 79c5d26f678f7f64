/* Ed25519 pairs that are not the zone's own (those are in its key file): key pairs made for users. */
#pragma once

#include <stdint.h>

#include "gateway/base/seal.h"

/* A new random pair; the secret is the seed followed by the public key (libsodium's form, and OpenSSH's). The caller wipes it. */
void ed25519_pair_new(uint8_t public_key[SIGN_PUBLIC_SIZE], uint8_t secret[SIGN_SECRET_SIZE]);
