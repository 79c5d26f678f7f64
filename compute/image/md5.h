/*
 * MD5 (RFC 1321), for one use: the `checksum` field of the image API. It protects nothing; what is verified is SHA-512 (digest.h).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define MD5_SIZE 16

struct md5 {
    uint32_t state[4];
    uint64_t length; /* bytes so far */
    uint8_t block[64];
};

void md5_init(struct md5 *md5);
void md5_add(struct md5 *md5, const void *bytes, size_t length);
void md5_end(struct md5 *md5, uint8_t out[MD5_SIZE]);
