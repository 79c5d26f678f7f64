/* Statements on what is a service's in `hosts`, and on its servers; see service.h. */
#include "schema/service.h"

enum err service_update(struct db *db, const struct host *host, const struct service_change *change)
{
    static const char sql[] = "UPDATE hosts SET disabled = IF(?, ?, disabled), disabled_reason = IF(?, ?, disabled_reason),"
                              " forced_down = IF(?, ?, forced_down), updated_at = UTC_TIMESTAMP(6) WHERE uuid = ?";
    const struct sql_value values[] = {sql_bool(change->sets_disabled),
                                       sql_bool(change->disabled),
                                       sql_bool(change->sets_disabled),
                                       sql_text(change->disabled_reason),
                                       sql_bool(change->sets_forced_down),
                                       sql_bool(change->forced_down),
                                       sql_uuid(&host->uuid)};
    uint64_t matched = 0;
    TRY(db_exec_count(db, sql, values, ARRAY_LEN(values), &matched));
    return matched ? OK : fail(E_NOT_FOUND, "Could not find binary nova-compute on host %s.", host->name);
}

enum err service_servers(struct db *db, struct arena *arena, const char *host, struct host_servers *out)
{
    static const char sql[] = "SELECT uuid FROM servers WHERE host = ? AND deleted = FALSE ORDER BY created_at, uuid";
    const struct sql_value value = sql_text(host);
    struct rows rows;
    TRY(db_query(db, arena, sql, &value, 1, &rows));
    struct host_server *items = arena_alloc(arena, (rows.count + 1) * sizeof(*items));
    for (size_t i = 0; i < rows.count; i++) {
        items[i].uuid = rows_uuid(&rows, i, 0);
        items[i].name = arena_printf(arena, "instance-%s", uuid_to_text(&items[i].uuid).text);
    }
    *out = (struct host_servers){items, rows.count};
    return OK;
}
