/*
 * Identity v3: who a token speaks for, logins, and the catalog. Keystone's semantics (Identity API 3.14) as far as clients need
 * them.
 *
 * Two forms. With an empty [identity] url users are kept in this zone's database and its key signs tokens. Otherwise logins and all
 * that concerns users are passed on to the authority (another zone, or a Keystone); tokens that a zone signed are verified here,
 * also while it is away; the catalog is always this zone's own. Accepted issuers are this zone and its authority, nobody else.
 *
 * A token that was verified once stays known until it expires or falls to a revocation (snapshot of the table, at most
 * REVOKED_LOOK_MS old; at once for what this process revokes). Not here: link requests (zones/), groups, federation, trusts, totp.
 */
#pragma once

#include <jansson.h>

#include "gateway/base/config.h"
#include "gateway/base/password_hash.h"
#include "gateway/base/seal.h"
#include "gateway/http/core/core.h"
#include "gateway/identity/token.h"
#include "schema/db.h"
#include "schema/identity.h"

struct identity;

/* Reads revocations and the authority's key; the tables must be there. The pointers must outlive it. */
MUST_CHECK enum err identity_open(const struct config *config, const struct zone_keys *keys, const struct db_target *database,
                                  struct identity **out);
void identity_close(struct identity *identity);
/* The authority's normalised URL (…/v3), NULL when users are kept here. */
const char *identity_authority_url(const struct identity *identity);

/* One HTTP request to the authority: blocking, within its budget. Headers are the identity's own; redirects are not followed. */
struct identity_call {
    const char *method;
    const char *url;
    const struct http_pairs *headers;
    const void *body; /* NULL: none */
    size_t body_length;
    struct budget budget;
};

struct identity_answer {
    int status;
    struct http_pairs headers;
    const char *body; /* NUL behind it */
    size_t body_length;
};

/* Any HTTP status is OK; E_UNAVAILABLE when there is no answer. Everything in `out` lives in the arena. */
typedef enum err identity_forward_f(void *context, struct arena *arena, const struct identity_call *call,
                                    struct identity_answer *out);
/* Before the first request. Without one a zone with an authority answers logins with 503. */
void identity_set_forwarder(struct identity *identity, identity_forward_f *forward, void *context);

/* http_hooks.authenticate for client tokens: fills request->caller from X-Auth-Token. E_UNAUTHORIZED; E_UNAVAILABLE when an opaque
 * token's Keystone is away. */
MUST_CHECK enum err identity_authenticate(struct identity *identity, struct request *request);
/* Claims of any token; they live as long as the request. Errors as above. */
MUST_CHECK enum err identity_verify(struct identity *identity, struct request *request, const char *token, struct claims **out);

/* Runs after a change that voided tokens, so that this process honours it at once, and tells the listener. */
MUST_CHECK enum err identity_revoked(struct identity *identity, struct db *db);
/* Voids one token. */
MUST_CHECK enum err identity_revoke_token(struct identity *identity, struct db *db, const struct claims *claims);
/* Called by identity_revoked with the whole list: the links send it down. On the thread of the change; must not wait. */
typedef void identity_revoked_f(void *context, const struct identity_revocations *revocations);
void identity_set_listener(struct identity *identity, identity_revoked_f *listener, void *context);
/* {"revocations":[{"kind","subject","revoked_us","expires_us"}…]}: what POST /os-zones/revocations and GET
 * /v3/zonegate/revocations carry. */
json_t *identity_revocations_to_json(const struct identity_revocations *revocations);
/* Takes over such a list from a neighbour whose word counts (the parent link's or the authority's). E_INVALID. */
MUST_CHECK enum err identity_accept_revocations(struct identity *identity, struct db *db, const json_t *list);
/* Fetches the authority's list and takes it over: after a reconnect. OK without an authority that is a zone. */
MUST_CHECK enum err identity_pull_revocations(struct identity *identity, struct db *db, const struct budget *budget);

/* {"zone":{"uuid","public_key"}} of who signs this zone's logins: GET /v3/zonegate/keys. E_NOT_FOUND when that is a Keystone. */
MUST_CHECK enum err identity_keys(struct identity *identity, struct request *request, json_t **out);
/* The authority's key came down a link. */
MUST_CHECK enum err identity_learn_authority(struct identity *identity, struct db *db, const struct uuid *zone,
                                             const uint8_t public_key[SIGN_PUBLIC_SIZE]);

/* login.c: POST /v3/auth/tokens here. `body` has passed its schema. */
MUST_CHECK enum err identity_login(struct identity *identity, struct request *request, const json_t *body, const char **out_token,
                                   struct claims **out_claims);
/* Another password for a user who knows the present one. E_UNAUTHORIZED. */
MUST_CHECK enum err identity_change_password(struct identity *identity, struct request *request, const char *user_id,
                                             const char *original, const char *password);
/* Hashes within the two slots. */
MUST_CHECK enum err identity_hash(struct identity *identity, const struct request *request, const char *password,
                                  char out[PASSWORD_HASH_SIZE]);

/* relay.c: passed on to the authority. */
/* POST /v3/auth/tokens there; the answer's catalog is this zone's. */
MUST_CHECK enum err identity_relay_login(struct identity *identity, struct request *request, struct response *response);
/* The request as it came, below the service's mount; links in the answer are this zone's. */
MUST_CHECK enum err identity_relay(struct identity *identity, struct request *request, struct response *response);

/* catalog.c: this zone's services at the URL that the client used. `region` lives in the arena. */
struct catalog_service {
    const char *id;
    const char *type;
    const char *name;
    const char *url;
};

struct catalog_endpoint {
    const char *id;
    const char *service_id;
    const char *interface;
    const char *region;
    const char *url;
};

struct catalog {
    const char *region;
    const struct catalog_service *services;
    size_t service_count;
    const struct catalog_endpoint *endpoints;
    size_t endpoint_count;
};

void identity_catalog(struct identity *identity, struct request *request, struct catalog *out);
json_t *catalog_to_json(const struct catalog *catalog); /* the token's "catalog" */

/* bootstrap.c: the first admin. */
struct bootstrap {
    const char *username;
    const char *password;
    const char *project; /* NULL: "admin" */
    const char *region;  /* NULL: as it is */
};

/* Domain Default, roles admin, member and reader, the project, the user with this password and all three roles on project, domain
 * and system. Repeatable: what exists stays, the password is set and the user enabled again. E_INVALID. */
MUST_CHECK enum err identity_bootstrap(struct db *db, const struct bootstrap *bootstrap);
/* A token of the key file's holder with role admin on the system, for the command line. */
MUST_CHECK enum err identity_issue_token(const struct zone_keys *keys, int64_t lifetime_s, struct arena *arena, const char **out);
