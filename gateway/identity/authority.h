/*
 * The zone or Keystone that [identity] url names: what kind it is, its public key, requests to it.
 *
 * The key is fetched once, kept in the database, and fetched again (at most every AUTHORITY_FETCH_MS) when a token does not fit it.
 */
#pragma once

#include "gateway/identity/identity.h"

#define AUTHORITY_FETCH_MS 5000
#define AUTHORITY_ASK_US   INT64_C(300000000) /* an opaque token's claims count so long before Keystone is asked again */
#define AUTHORITY_AWAY_US  INT64_C(15000000)  /* and so long more when it does not answer: its silence is felt once */

struct authority;

/* `url` in any usual form; made to end in /v3. */
struct authority *authority_new(const char *url);
void authority_free(struct authority *authority);
void authority_set_forwarder(struct authority *authority, identity_forward_f *forward, void *context);
const char *authority_url(const struct authority *authority);

/* The key that the database remembers, if it is of this URL. */
MUST_CHECK enum err authority_load(struct authority *authority, struct db *db);
/* Takes and stores a key; `*out_changed` tells whether it is another one. */
MUST_CHECK enum err authority_learn(struct authority *authority, struct db *db, const struct uuid *zone,
                                    const uint8_t public_key[SIGN_PUBLIC_SIZE], bool *out_changed);
/* Asks for the key, unless that was done a moment ago. While one asks, others wait for its answer within their budgets.
 * E_UNAVAILABLE. */
MUST_CHECK enum err authority_fetch(struct authority *authority, struct db *db, const struct budget *budget, bool *out_changed);

struct authority_state {
    bool known;    /* zone and public_key are set */
    bool keystone; /* it said that it is no zone */
    struct uuid zone;
    uint8_t public_key[SIGN_PUBLIC_SIZE];
};

void authority_get(struct authority *authority, struct authority_state *out);

/* `target` is what follows the URL. E_UNAVAILABLE names the authority. */
MUST_CHECK enum err authority_call(struct authority *authority, struct arena *arena, const struct identity_call *call,
                                   const char *target, struct identity_answer *out);
/* Asks for the claims of a token that it made. E_UNAUTHORIZED, E_UNAVAILABLE, E_BAD_GATEWAY. */
MUST_CHECK enum err authority_validate(struct authority *authority, struct arena *arena, const char *token,
                                       const struct budget *budget, struct claims **out);
