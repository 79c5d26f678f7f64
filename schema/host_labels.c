/* See host_labels.h. */
#include "schema/host_labels.h"

enum err host_lock(struct db *db, const struct uuid *uuid)
{
    static const char sql[] = "SELECT 1 FROM hosts WHERE uuid = ? FOR UPDATE";
    const struct sql_value value = sql_uuid(uuid);
    CLEANUP(arena_clear) struct arena arena = {0};
    struct rows rows;
    return db_query_one(db, &arena, sql, &value, 1, "The host is not registered any more.", &rows);
}

enum err host_aggregates_get(struct db *db, struct arena *arena, const char *host, struct host_aggregates *out)
{
    static const char sql[] = "SELECT a.uuid, h.host IS NOT NULL FROM aggregates a LEFT JOIN aggregate_hosts h"
                              " ON h.aggregate = a.id AND h.host = ? ORDER BY a.created_at, a.id";
    const struct sql_value value = sql_text(host);
    struct rows rows;
    TRY(db_query(db, arena, sql, &value, 1, &rows));
    struct host_aggregate *items = arena_alloc(arena, (rows.count + 1) * sizeof(*items));
    for (size_t i = 0; i < rows.count; i++)
        items[i] = (struct host_aggregate){rows_uuid(&rows, i, 0), rows_int(&rows, i, 1) != 0};
    *out = (struct host_aggregates){items, rows.count};
    return OK;
}
