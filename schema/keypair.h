/* Key pairs: public keys by user and name. They belong to users, not to projects; servers embed them (DESIGN section 3). */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "schema/db.h"

struct keypair {
    int64_t id;
    const char *user_id;
    const char *name;
    const char *type; /* "ssh", or "x509": then public_key is a certificate */
    const char *fingerprint;
    const char *public_key;
    int64_t created_us;
};

struct keypairs {
    const struct keypair *items;
    size_t count;
};

/* Adds it if the user has fewer than `limit` (id and created_us are not read). E_CONFLICT "Key pair 'x' already exists.",
 * E_FORBIDDEN "Quota exceeded, too many key pairs.". */
MUST_CHECK enum err keypair_add(struct db *db, const struct keypair *keypair, int64_t limit);
/* E_NOT_FOUND "Keypair x not found for user u". */
MUST_CHECK enum err keypair_get(struct db *db, struct arena *arena, const char *user_id, const char *name, struct keypair *out);
MUST_CHECK enum err keypair_delete(struct db *db, const char *user_id, const char *name);
/* The user's, by name; `marker` is the last name seen (E_INVALID "Marker x could not be found.") or NULL. */
MUST_CHECK enum err keypair_list(struct db *db, struct arena *arena, const char *user_id, const char *marker, size_t limit,
                                 struct keypairs *out);
