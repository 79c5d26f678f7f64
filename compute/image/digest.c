/* See digest.h. */
#include "compute/image/digest.h"

#include <stdint.h>
#include <stdlib.h>

#include <sodium.h>

#include "compute/image/md5.h"
#include "gateway/base/id.h"

struct digest {
    struct md5 md5;
    crypto_hash_sha512_state sha512;
};

struct digest *digest_new(void)
{
    struct digest *digest = malloc(sizeof(*digest));
    if (!digest)
        abort();
    md5_init(&digest->md5);
    (void)crypto_hash_sha512_init(&digest->sha512);
    return digest;
}

void digest_add(struct digest *digest, const void *bytes, size_t length)
{
    md5_add(&digest->md5, bytes, length);
    (void)crypto_hash_sha512_update(&digest->sha512, bytes, length);
}

struct digest_text digest_end(struct digest *digest)
{
    struct digest_text text;
    uint8_t md5[MD5_SIZE];
    uint8_t sha512[crypto_hash_sha512_BYTES];
    md5_end(&digest->md5, md5);
    (void)crypto_hash_sha512_final(&digest->sha512, sha512);
    hex_encode(md5, sizeof(md5), text.md5);
    hex_encode(sha512, sizeof(sha512), text.sha512);
    return text;
}

void digest_free(struct digest *digest)
{
    free(digest);
}
