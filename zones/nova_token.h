/*
 * Tokens bought from plain Novas' Keystones, kept in memory until they are nearly over (Identity API v3, "auth/tokens"). May be
 * called from any thread. A token is never logged and never answered.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gateway/base/arena.h"
#include "zones/reason.h"

/* What a login gave. */
struct nova_login {
    const char *token;
    const char *project;  /* its id there */
    const char *endpoint; /* of compute, with version, without slash at the end */
    const char *roles;    /* names, separated by commas */
    int64_t renew_us;     /* wall clock: from then on a new one is bought */
};

/* Whose token: the zone, this tree's project, and the stamp of what it is bought with. */
struct nova_token_key {
    int64_t zone;
    uint64_t stamp;
    const char *project;
};

struct nova_tokens;

/* Never NULL. */
struct nova_tokens *nova_tokens_open(void);
/* Wipes them. Accepts NULL. */
void nova_tokens_close(struct nova_tokens *tokens);

/* True: one that is still good, copied to the arena. */
bool nova_tokens_get(struct nova_tokens *tokens, const struct nova_token_key *key, struct arena *arena, struct nova_login *out);
void nova_tokens_put(struct nova_tokens *tokens, const struct nova_token_key *key, const struct nova_login *login);
/* It was not accepted: forgotten, unless another one took its place meanwhile. */
void nova_tokens_drop(struct nova_tokens *tokens, const struct nova_token_key *key, const char *token);
/* A login failed: for a second nobody else tries (nova_tokens_failed). `why` is copied. */
void nova_tokens_fail(struct nova_tokens *tokens, const struct nova_token_key *key, enum zone_kind_of_answer kind, const char *why);
bool nova_tokens_failed(struct nova_tokens *tokens, const struct nova_token_key *key, struct arena *arena,
                        enum zone_kind_of_answer *kind, const char **why);
