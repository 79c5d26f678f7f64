/*
 * Tokens (spec link.md section 8): claims, and `zg1.P.S` made of them with a zone's Ed25519 key.
 *
 * Pure but for the clock and random audit ids. Claims are made once, never change, and are shared by reference count. Not here:
 * whose key is accepted, revocations (identity.c), who may have which token (login.c).
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "gateway/base/arena.h"
#include "gateway/base/caller.h"
#include "gateway/base/seal.h"

#define TOKEN_PREFIX    "zg1."
#define TOKEN_MAX       7168 /* bytes: it must fit into a request's headers beside others */
#define AUDIT_ID_SIZE   23
#define KEY_ID_SIZE     9
#define TOKEN_PARTS_MAX 64 /* roles, methods */

enum token_scope { TOKEN_UNSCOPED, TOKEN_PROJECT, TOKEN_DOMAIN, TOKEN_SYSTEM, TOKEN_SCOPES };

/* A user, project or domain by id and name; a domain has no domain. */
struct party {
    const char *id;
    const char *name;
    const char *domain_id;
    const char *domain_name;
};

struct claims {
    struct arena arena; /* holds every string */
    atomic_int references;
    struct uuid issuer;
    char key_id[KEY_ID_SIZE]; /* of the key that signed; "" for an opaque token of a Keystone */
    struct party user;
    enum token_scope scope;
    struct party target; /* the project or domain */
    const char **roles;  /* names */
    const char **role_ids;
    size_t role_count;
    const char **methods;
    size_t method_count;
    const char *audit_id;
    const char *audit_parent;    /* of the token it was made from; NULL */
    const char *credential_id;   /* application credential; NULL */
    const char *credential_name; /* NULL */
    bool credential_restricted;
    int64_t issued_us;
    int64_t expires_us;
    _Atomic int64_t ask_again_us; /* an opaque token's issuer is asked again after this; 0 = never */
    _Atomic int64_t checked;      /* version of the revocations that were found to leave it valid; -1 = none */
};

/* With one reference, no strings, a fresh audit id and `issued_us` = now. */
struct claims *claims_new(void);
struct claims *claims_hold(struct claims *claims);
void claims_release(struct claims *claims); /* accepts NULL */
void claims_release_at(struct claims **claims);
bool claims_have_method(const struct claims *claims, const char *method);

/* First 8 hex digits of BLAKE2b-256 over the public key. */
void token_key_id(const uint8_t public_key[SIGN_PUBLIC_SIZE], char out[KEY_ID_SIZE]);

/* Signs with the zone's key; sets issuer and key id of the claims. E_TOO_LARGE. */
MUST_CHECK enum err token_issue(const struct zone_keys *keys, struct claims *claims, struct arena *arena, const char **out);

bool token_is_ours(const char *token); /* by its prefix */
/* Checks the signature, then that the claims name this issuer and key. Not the expiry. E_UNAUTHORIZED. */
MUST_CHECK enum err token_verify(const char *token, const struct uuid *issuer, const uint8_t public_key[SIGN_PUBLIC_SIZE],
                                 struct claims **out);

/* token_body.c: the body of GET /v3/auth/tokens, {"token": {…}}. */
/* E_BAD_GATEWAY when it is none. */
MUST_CHECK enum err claims_from_body(const json_t *body, struct claims **out);
/* `catalog` may be NULL; borrowed. */
json_t *claims_to_body(const struct claims *claims, json_t *catalog);

/* Borrows from the claims. */
void claims_to_caller(const struct claims *claims, struct caller *out);
