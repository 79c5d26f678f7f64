/* Statements on `zone_forwardings`; see zone_forwarding.h. */
#include "schema/zone_forwarding.h"

#include "gateway/base/clock.h"
#include "schema/sql_list.h"

#define US_PER_S INT64_C(1000000)

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

enum err zone_forwarding_list(struct db *db, struct arena *arena, int64_t keep_s, const struct uuid *after, size_t most,
                              struct zone_forwardings *out)
{
    static const char sql[] = "SELECT server, zone, created_at FROM zone_forwardings WHERE server > ? AND created_at <= ?"
                              " ORDER BY server LIMIT ?";
    const struct sql_value values[] = {sql_uuid(after), sql_time(clock_wall_us() - keep_s * US_PER_S), sql_int((int64_t)most)};
    struct rows rows;
    TRY(db_query(db, arena, sql, values, ARRAY_LEN(values), &rows));
    struct zone_forwarding *items = arena_alloc(arena, (rows.count + 1) * sizeof(*items));
    for (size_t i = 0; i < rows.count; i++)
        items[i] = (struct zone_forwarding){rows_uuid(&rows, i, 0), rows_uuid(&rows, i, 1), rows_time(&rows, i, 2)};
    *out = (struct zone_forwardings){items, rows.count};
    return OK;
}

enum err zone_forwarding_forget(struct db *db, const struct zone_forwarding *record)
{
    static const char sql[] = "DELETE FROM zone_forwardings WHERE server = ? AND zone = ? AND created_at = ?";
    const struct sql_value values[] = {sql_uuid(&record->server), sql_uuid(&record->zone), sql_time(record->created_us)};
    return db_exec(db, sql, values, ARRAY_LEN(values));
}

/* The parts of the statement about what is known; each ends with the list of servers. */
static const char *const known_parts[] = {
    "SELECT uuid FROM servers WHERE (NOT deleted OR deleted_at > UTC_TIMESTAMP() - INTERVAL ? SECOND) AND uuid IN (",
    ") UNION SELECT server FROM zone_forwardings WHERE NOT EXISTS (SELECT 1 FROM servers WHERE uuid = server) AND server IN (",
    ") UNION SELECT subject FROM tasks WHERE subject IN (",
    ") UNION SELECT server FROM holds WHERE server IN (",
};

static enum err list_known(struct db *db, struct arena *arena, int64_t keep_s, const struct uuids *servers, struct rows *out)
{
    CLEANUP(text_clear) struct text sql = {0};
    const struct sql_list list = sql_list_uuids(arena, servers->items, servers->count);
    struct sql_value *values = arena_alloc(arena, (ARRAY_LEN(known_parts) * list.count + 1) * sizeof(*values));
    size_t count = 0;
    values[count++] = sql_int(keep_s);
    for (size_t part = 0; part < ARRAY_LEN(known_parts); part++) {
        text_add_str(&sql, known_parts[part]);
        sql_list_write(&sql, list.count);
        for (size_t i = 0; i < list.count; i++)
            values[count++] = list.values[i];
    }
    text_add_char(&sql, ')');
    return db_query(db, arena, text_str(&sql), values, count, out);
}

static bool is_listed(const struct rows *rows, const struct uuid *uuid)
{
    for (size_t i = 0; i < rows->count; i++) {
        const struct uuid listed = rows_uuid(rows, i, 0);
        if (uuid_equal(&listed, uuid))
            return true;
    }
    return false;
}

enum err zone_forwarding_forgotten(struct db *db, struct arena *arena, int64_t keep_s, const struct uuids *servers,
                                   struct uuids *out)
{
    struct uuid *items = arena_alloc(arena, (servers->count + 1) * sizeof(*items));
    struct rows known = {0};
    size_t count = 0;
    if (servers->count)
        TRY(list_known(db, arena, keep_s, servers, &known));
    for (size_t i = 0; i < servers->count; i++) {
        if (!is_listed(&known, &servers->items[i]))
            items[count++] = servers->items[i];
    }
    *out = (struct uuids){items, count};
    return OK;
}
