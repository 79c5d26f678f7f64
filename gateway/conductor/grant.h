/*
 * Grants: "whoever brings this may have the bytes of that image" (DESIGN section 7).
 *
 * The zone that owns an image signs one for every request spec that the image is embedded in; it travels with the server to the
 * zone that builds it. A grant binds the image's id to its digest and size, names the zone that signed it, and lives
 * GRANT_LIFETIME_S. It is good only together with an authenticated link: a grant alone opens nothing. Pure; who checks what is in
 * gateway/api/image_source.c.
 *
 * Text: "zgg1." P "." base64url(Ed25519 signature over the ASCII of "zgg1." and P), P = base64url(JSON). The prefix keeps a grant
 * from being taken for anything else that the zone signs (tokens begin with "zg1.").
 */
#pragma once

#include <stdint.h>

#include "gateway/base/arena.h"
#include "gateway/base/err.h"
#include "gateway/base/id.h"
#include "gateway/base/seal.h"

#define GRANT_HEADER     "X-Zone-Grant"
#define GRANT_LIFETIME_S (24 * 3600)
#define GRANT_TEXT_MOST  2048

struct grant {
    struct uuid image;
    struct uuid zone;   /* that owns the image and signed this */
    const char *sha512; /* 128 lower-case hex digits */
    int64_t size;       /* bytes */
    int64_t expires_s;  /* since 1970 */
};

/* In the arena. */
const char *grant_write(struct arena *arena, const struct grant *grant, const uint8_t secret[SIGN_SECRET_SIZE]);
/* What a grant says; nothing of it is proved. E_FORBIDDEN: not of the form. */
MUST_CHECK enum err grant_read(struct arena *arena, const char *text, struct grant *out);
/* E_FORBIDDEN: not signed with that key. */
MUST_CHECK enum err grant_verify(const char *text, const uint8_t public_key[SIGN_PUBLIC_SIZE]);
/* E_FORBIDDEN: for another image, or its time is over. */
MUST_CHECK enum err grant_fits(const struct grant *grant, const struct uuid *image, int64_t now_s);

/* The name of the content: a uuid made of the digest's first bytes. Files that were pulled are kept by it, so that bytes that were
 * verified against a digest are never given out for another one. E_INVALID: not a digest. */
MUST_CHECK enum err grant_content(const char *sha512, struct uuid *out);
