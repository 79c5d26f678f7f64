/*
 * The revocations as this process sees them: a snapshot of the table, replaced when the database says that it has changed (looked
 * at once a second; at once after a change by this process). Also carries the catalog's region, which lives beside it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gateway/identity/token.h"
#include "schema/db.h"

#define REVOKED_LOOK_MS 1000

struct revoked;

struct revoked *revoked_new(void);
void revoked_free(struct revoked *revoked);

/* Looks whether the table has changed and reads it then. E_UNAVAILABLE and the like: the former snapshot stays. */
MUST_CHECK enum err revoked_refresh(struct revoked *revoked, struct db *db);
/* True once per REVOKED_LOOK_MS, for one of those who ask. */
bool revoked_is_due(struct revoked *revoked);

/* Whether the claims are void. Cheap when the snapshot is the one that they were checked with. */
bool revoked_voids(struct revoked *revoked, struct claims *claims);
int64_t revoked_version(const struct revoked *revoked); /* -1: never read */
const char *revoked_region(struct revoked *revoked, struct arena *arena);
