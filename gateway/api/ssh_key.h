/*
 * SSH public keys: checking and fingerprinting what users bring, making a pair for those who bring none.
 *
 * A key's wire form (RFC 4253 section 6.6, RFC 5656, RFC 8709) is checked piece by piece; that a point lies on its curve is not.
 */
#pragma once

#include "gateway/base/arena.h"
#include "gateway/base/err.h"

/* MD5 of the wire form as colon-separated hex. E_INVALID "Keypair data is invalid: failed to generate fingerprint". */
MUST_CHECK enum err ssh_key_fingerprint(struct arena *arena, const char *public_key, const char **out);

struct ssh_pair {
    const char *public_key;  /* "ssh-ed25519 AAAA… comment" */
    const char *private_key; /* OpenSSH's own form (PROTOCOL.key), not encrypted. To be shown once, kept nowhere */
};

/* A new Ed25519 pair, in the arena. */
void ssh_pair_new(struct arena *arena, struct ssh_pair *out);
