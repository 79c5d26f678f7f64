/* See usage.h. */
#include "schema/usage.h"

enum err usage_list(struct db *db, struct arena *arena, const char *project_id, int64_t start_us, int64_t stop_us,
                    struct usage_rows *out)
{
    static const char sql[] =
        "SELECT uuid, project_id, display_name, vm_state, JSON_VALUE(flavor, '$.original_name'), vcpus, ram_mib,"
        " CAST(JSON_VALUE(flavor, '$.disk') AS INT) + CAST(JSON_VALUE(flavor, '$.ephemeral') AS INT),"
        " launched_at, terminated_at FROM servers WHERE (? OR project_id = ?) AND launched_at < ?"
        " AND (terminated_at IS NULL OR terminated_at > ?) ORDER BY created_at, uuid";
    const struct sql_value values[] = {sql_bool(project_id == NULL), sql_text(project_id), sql_time(stop_us), sql_time(start_us)};
    struct rows rows;
    TRY(db_query(db, arena, sql, values, ARRAY_LEN(values), &rows));
    struct usage_row *items = arena_alloc(arena, (rows.count + 1) * sizeof(*items));
    for (size_t i = 0; i < rows.count; i++)
        items[i] = (struct usage_row){
            .uuid = rows_uuid(&rows, i, 0),
            .project_id = rows_text(&rows, i, 1),
            .name = rows_text(&rows, i, 2),
            .vm_state = rows_text(&rows, i, 3),
            .flavor = rows_text(&rows, i, 4),
            .vcpus = rows_int(&rows, i, 5),
            .ram_mib = rows_int(&rows, i, 6),
            .disk_gib = rows_int(&rows, i, 7),
            .launched_us = rows_time(&rows, i, 8),
            .terminated_us = rows_time(&rows, i, 9),
        };
    *out = (struct usage_rows){items, rows.count};
    return OK;
}
