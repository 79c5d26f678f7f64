/* Password hashes: argon2id by libsodium (crypto_pwhash_str, interactive limits: 64 MiB, some 100 ms). */
#pragma once

#include <stdbool.h>

#include "gateway/base/err.h"

#define PASSWORD_HASH_SIZE 128

/* E_INVALID: empty; E_UNAVAILABLE: not enough memory. */
MUST_CHECK enum err password_hash(const char *password, char out[PASSWORD_HASH_SIZE]);
bool password_hash_matches(const char *hash, const char *password);
