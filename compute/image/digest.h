/* The two digests of an image, computed while its bytes pass: MD5 for the API's `checksum`, SHA-512 for `os_hash_value`. */
#pragma once

#include <stddef.h>

#define IMAGE_MD5_HEX_SIZE    33 /* with NUL */
#define IMAGE_SHA512_HEX_SIZE 129

struct digest;

struct digest_text {
    char md5[IMAGE_MD5_HEX_SIZE];
    char sha512[IMAGE_SHA512_HEX_SIZE];
};

struct digest *digest_new(void);
void digest_add(struct digest *digest, const void *bytes, size_t length);
struct digest_text digest_end(struct digest *digest); /* once */
void digest_free(struct digest *digest);              /* accepts NULL */
