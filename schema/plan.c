/* Statements on `plan_uses`; see plan.h. */
#include "schema/plan.h"

#include "gateway/base/clock.h"

static enum err drop_expired(struct db *db)
{
    static const char sql[] = "DELETE FROM plan_uses WHERE expires_at < ? ORDER BY expires_at LIMIT 8";
    const struct sql_value values[] = {sql_time(clock_wall_us())};
    return db_exec(db, sql, values, ARRAY_LEN(values));
}

enum err plan_bind(struct db *db, const uint8_t entry[32], const struct uuid *server, int64_t expires_us)
{
    static const char insert[] = "INSERT IGNORE INTO plan_uses (entry, server, expires_at) VALUES (?, ?, ?)";
    static const char select[] = "SELECT server FROM plan_uses WHERE entry = ?";
    const struct sql_value values[] = {sql_bytes(entry, 32), sql_uuid(server), sql_time(expires_us)};
    CLEANUP(arena_clear) struct arena arena = {0};
    struct rows rows;
    TRY(drop_expired(db));
    TRY(db_exec(db, insert, values, ARRAY_LEN(values)));
    TRY(db_query_one(db, &arena, select, values, 1, "The entry is gone.", &rows));
    const struct uuid owner = rows_uuid(&rows, 0, 0);
    return uuid_equal(&owner, server) ? OK : fail(E_CONFLICT, "The plan entry was used for another server.");
}
