/*
 * The keys of a link: agreement (crypto_kx), key ids and MACs (crypto_auth), as spec link.md sections 2 and 3 say. libsodium only.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "gateway/base/err.h"
#include "gateway/base/seal.h"

#define LINK_MAC_SIZE    32
#define LINK_KEY_ID_SIZE 9 /* 8 hex digits and NUL */

/* One generation of a link's keys. Both sides hold the same. */
struct link_session {
    uint8_t down[LINK_KEY_SIZE]; /* authenticates what the parent sends */
    uint8_t up[LINK_KEY_SIZE];   /* authenticates what the child sends */
    char key_id[LINK_KEY_ID_SIZE];
};

/* A key pair of one side. */
struct link_pair {
    uint8_t public_key[LINK_KEY_SIZE];
    uint8_t secret_key[LINK_KEY_SIZE];
};

/* The key id's eight hex digits as a number. */
uint32_t link_key_number(const char *key_id);

void link_pair_new(struct link_pair *out);
/* The parent's and the child's computation; they agree. E_INVALID: the other side's key is not a usable one. */
MUST_CHECK enum err link_session_as_parent(const struct link_pair *own, const uint8_t child[LINK_KEY_SIZE],
                                           struct link_session *out);
MUST_CHECK enum err link_session_as_child(const struct link_pair *own, const uint8_t parent[LINK_KEY_SIZE],
                                          struct link_session *out);

void link_mac(const uint8_t key[LINK_KEY_SIZE], const void *bytes, size_t length, uint8_t out[LINK_MAC_SIZE]);
/* In constant time. E_UNAUTHORIZED. */
MUST_CHECK enum err link_mac_verify(const uint8_t key[LINK_KEY_SIZE], const void *bytes, size_t length,
                                    const uint8_t mac[LINK_MAC_SIZE]);
/* Overwrites a secret; is not optimised away. */
void link_wipe(void *bytes, size_t length);
