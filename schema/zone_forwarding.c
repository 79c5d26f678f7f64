/* Statements on `zone_forwardings`; see zone_forwarding.h. */
#include "schema/zone_forwarding.h"

#include "gateway/base/clock.h"
#include "schema/sql_list.h"

enum err zone_forwarding_get(struct db *db, const struct uuid *server, struct uuid *out_zone, bool *out_found)
{
    static const char sql[] = "SELECT zone FROM zone_forwardings WHERE server = ?";
    CLEANUP(arena_clear) struct arena arena = {0};
    const struct sql_value value = sql_uuid(server);
    struct rows rows;
    TRY(db_query(db, &arena, sql, &value, 1, &rows));
    *out_found = rows.count > 0;
    if (rows.count > 0)
        *out_zone = rows_uuid(&rows, 0, 0);
    return OK;
}

enum err zone_forwarding_any(struct db *db, const struct uuid *servers, size_t count, bool *out)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    CLEANUP(text_clear) struct text sql = {0};
    const struct sql_list list = sql_list_uuids(&arena, servers, count);
    struct rows rows;
    text_add_str(&sql, "SELECT 1 FROM zone_forwardings WHERE server IN (");
    sql_list_write(&sql, list.count);
    text_add_str(&sql, ") LIMIT 1");
    TRY(db_query(db, &arena, text_str(&sql), list.values, list.count, &rows));
    *out = rows.count > 0;
    return OK;
}

enum err zone_forwarding_put(struct db *db, const struct uuid *server, const struct uuid *zone)
{
    static const char sql[] = "INSERT INTO zone_forwardings (server, zone, created_at) VALUES (?, ?, ?)"
                              " ON DUPLICATE KEY UPDATE zone = VALUES(zone), created_at = VALUES(created_at)";
    const struct sql_value values[] = {sql_uuid(server), sql_uuid(zone), sql_time(clock_wall_us())};
    return db_exec(db, sql, values, ARRAY_LEN(values));
}

enum err zone_forwarding_delete(struct db *db, const struct uuid *server)
{
    static const char sql[] = "DELETE FROM zone_forwardings WHERE server = ?";
    const struct sql_value value = sql_uuid(server);
    return db_exec(db, sql, &value, 1);
}
