/* See digest.h. */
#include "compute/image/digest.h"

#include <stdint.h>
#include <stdlib.h>

#include "compute/image/md5.h"
#include "gateway/base/id.h"
#include "gateway/base/sha512.h"

struct digest {
    struct md5 md5;
    struct sha512 *sha512;
};

struct digest *digest_new(void)
{
    struct digest *digest = malloc(sizeof(*digest));
    if (!digest)
        abort();
    md5_init(&digest->md5);
    digest->sha512 = sha512_new();
    return digest;
}

void digest_add(struct digest *digest, const void *bytes, size_t length)
{
    md5_add(&digest->md5, bytes, length);
    sha512_add(digest->sha512, bytes, length);
}

struct digest_text digest_end(struct digest *digest)
{
    struct digest_text text;
    uint8_t md5[MD5_SIZE];
    uint8_t sha512[SHA512_SIZE];
    md5_end(&digest->md5, md5);
    sha512_end(digest->sha512, sha512);
    hex_encode(md5, sizeof(md5), text.md5);
    hex_encode(sha512, sizeof(sha512), text.sha512);
    return text;
}

void digest_free(struct digest *digest)
{
    if (digest)
        sha512_free(digest->sha512);
    free(digest);
}
