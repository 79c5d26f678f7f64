/* See host_load.h. */
#include "schema/host_load.h"

enum err host_load_by_project(struct db *db, struct arena *arena, const char *host, struct host_loads *out)
{
    static const char sql[] =
        "SELECT project_id, SUM(vcpus), SUM(ram_mib), SUM(disk_gib) FROM servers WHERE host = ? AND deleted = FALSE"
        " GROUP BY project_id ORDER BY project_id";
    const struct sql_value value = sql_text(host);
    struct rows rows;
    TRY(db_query(db, arena, sql, &value, 1, &rows));
    struct host_load *items = arena_alloc(arena, (rows.count + 1) * sizeof(*items));
    for (size_t i = 0; i < rows.count; i++)
        items[i] = (struct host_load){rows_text(&rows, i, 0), rows_int(&rows, i, 1), rows_int(&rows, i, 2), rows_int(&rows, i, 3)};
    *out = (struct host_loads){items, rows.count};
    return OK;
}
