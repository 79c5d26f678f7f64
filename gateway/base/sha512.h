/* SHA-512 while bytes pass (libsodium): for what is too large to be held. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define SHA512_SIZE 64

struct sha512;

struct sha512 *sha512_new(void);
void sha512_add(struct sha512 *hash, const void *bytes, size_t length);
void sha512_end(struct sha512 *hash, uint8_t out[SHA512_SIZE]); /* once */
void sha512_free(struct sha512 *hash);                          /* accepts NULL */
