/*
 * The schema's version: numbered SQL files in the binary (schema/migrations/NNNN_name.sql), applied once each, in order.
 *
 * DDL commits implicitly, so a file that was half applied when the process died is applied again from its start: its statements
 * must be repeatable (IF NOT EXISTS). Several gateways may start at once: one applies, the others wait for it. A schema that is
 * newer than this binary is refused. Not here: creating the database (db_create_database).
 */
#pragma once

#include "gateway/base/arena.h"
#include "gateway/base/err.h"
#include "schema/db.h"

struct schema_status {
    int current; /* newest version applied; 0 for an empty database */
    int newest;  /* that this binary knows */
    size_t pending_count;
    const char *const *pending; /* file names, in the order in which they would be applied */
};

/* Reads only. E_INVALID: the schema is newer than this binary. `out` lives in the arena. */
MUST_CHECK enum err db_schema_status(struct db *db, struct arena *arena, struct schema_status *out);

/* Applies what is pending. E_INVALID: the schema is newer than this binary. E_UNAVAILABLE: another gateway's upgrade took over a
 * minute. */
MUST_CHECK enum err db_upgrade(struct db *db, int *out_from, int *out_to);
