/* Statements on `onward_decisions`; see onward.h. */
#include "schema/onward.h"

#include "gateway/base/clock.h"

enum err onward_decision_get(struct db *db, const uint8_t ticket[ONWARD_TICKET_SIZE], struct uuid *out_owner, bool *out_found)
{
    static const char sql[] = "SELECT owner FROM onward_decisions WHERE ticket = ?";
    const struct sql_value value = sql_bytes(ticket, ONWARD_TICKET_SIZE);
    CLEANUP(arena_clear) struct arena arena = {0};
    struct rows rows;
    TRY(db_query(db, &arena, sql, &value, 1, &rows));
    *out_found = rows.count > 0;
    if (*out_found)
        *out_owner = rows_uuid(&rows, 0, 0);
    return OK;
}

enum err onward_decision_put(struct db *db, const uint8_t ticket[ONWARD_TICKET_SIZE], const struct uuid *server,
                             const struct uuid *owner, int64_t expires_us)
{
    static const char drop[] = "DELETE FROM onward_decisions WHERE expires_at < ? ORDER BY expires_at LIMIT 8";
    static const char insert[] = "INSERT IGNORE INTO onward_decisions (ticket, server, owner, expires_at) VALUES (?, ?, ?, ?)";
    const struct sql_value now = sql_time(clock_wall_us());
    const struct sql_value values[] = {sql_bytes(ticket, ONWARD_TICKET_SIZE), sql_uuid(server), sql_uuid(owner),
                                       sql_time(expires_us)};
    TRY(db_exec(db, drop, &now, 1));
    return db_exec(db, insert, values, ARRAY_LEN(values));
}
