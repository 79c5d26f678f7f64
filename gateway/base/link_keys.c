/* See link_keys.h. */
#include "gateway/base/link_keys.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "gateway/base/id.h"

_Static_assert(crypto_kx_PUBLICKEYBYTES == LINK_KEY_SIZE && crypto_kx_SECRETKEYBYTES == LINK_KEY_SIZE &&
                   crypto_kx_SESSIONKEYBYTES == LINK_KEY_SIZE && crypto_auth_KEYBYTES == LINK_KEY_SIZE,
               "one size of keys");
_Static_assert(crypto_auth_BYTES == LINK_MAC_SIZE, "libsodium's crypto_auth");

uint32_t link_key_number(const char *key_id)
{
    return (uint32_t)strtoul(key_id, NULL, 16);
}

void link_pair_new(struct link_pair *out)
{
    (void)crypto_kx_keypair(out->public_key, out->secret_key);
}

static void make_key_id(const uint8_t *parent, const uint8_t *child, char out[LINK_KEY_ID_SIZE])
{
    uint8_t both[2 * LINK_KEY_SIZE];
    uint8_t hash[32];
    memcpy(both, parent, LINK_KEY_SIZE);
    memcpy(both + LINK_KEY_SIZE, child, LINK_KEY_SIZE);
    hash_blake2b(both, sizeof(both), hash);
    hex_encode(hash, (LINK_KEY_ID_SIZE - 1) / 2, out);
}

enum err link_session_as_parent(const struct link_pair *own, const uint8_t child[LINK_KEY_SIZE], struct link_session *out)
{
    struct link_session session = {0};
    if (crypto_kx_client_session_keys(session.up, session.down, own->public_key, own->secret_key, child) != 0)
        return fail(E_INVALID, "The link key of the child is not a usable X25519 key.");
    make_key_id(own->public_key, child, session.key_id);
    *out = session;
    link_wipe(&session, sizeof(session));
    return OK;
}

enum err link_session_as_child(const struct link_pair *own, const uint8_t parent[LINK_KEY_SIZE], struct link_session *out)
{
    struct link_session session = {0};
    if (crypto_kx_server_session_keys(session.down, session.up, own->public_key, own->secret_key, parent) != 0)
        return fail(E_INVALID, "The link key of the parent is not a usable X25519 key.");
    make_key_id(parent, own->public_key, session.key_id);
    *out = session;
    link_wipe(&session, sizeof(session));
    return OK;
}

void link_mac(const uint8_t key[LINK_KEY_SIZE], const void *bytes, size_t length, uint8_t out[LINK_MAC_SIZE])
{
    (void)crypto_auth(out, bytes, length, key);
}

enum err link_mac_verify(const uint8_t key[LINK_KEY_SIZE], const void *bytes, size_t length, const uint8_t mac[LINK_MAC_SIZE])
{
    return crypto_auth_verify(mac, bytes, length, key) == 0 ? OK : fail(E_UNAUTHORIZED, "The delegation's MAC is not valid.");
}

void link_wipe(void *bytes, size_t length)
{
    sodium_memzero(bytes, length);
}
