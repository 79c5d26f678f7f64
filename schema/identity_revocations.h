/* Voiding tokens inside a transaction of schema/identity_*.c. Nobody else includes this. */
#pragma once

#include "schema/identity.h"

/* No token lives longer: the greatest [identity] token_lifetime_s. */
#define IDENTITY_TOKEN_LIFE_MAX_US (604800 * INT64_C(1000000))

/*
 * Voids the tokens of `subject` up to now, inside a transaction. The rows that a login reads must be locked by then: a login that
 * read the old rows has begun before this moment, so its token is void too.
 */
MUST_CHECK enum err identity_void_tokens(struct db *db, const char *kind, const char *subject);
/* The same for a user, whose row remembers it as well. */
MUST_CHECK enum err identity_void_user(struct db *db, const char *user_id);

/* Result of a statement on one row: `affected` 0 is E_NOT_FOUND "Could not find KIND: ID." */
MUST_CHECK enum err identity_found(uint64_t affected, const char *kind, const char *id);
