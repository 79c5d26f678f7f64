/* See zone_load.h. */
#include "schema/zone_load.h"

#include "gateway/base/arena.h"

enum err zone_count_servers(struct db *db, int64_t *out)
{
    static const char sql[] = "SELECT COUNT(*) FROM servers WHERE deleted = 0";
    CLEANUP(arena_clear) struct arena arena = {0};
    struct rows rows;
    TRY(db_query(db, &arena, sql, NULL, 0, &rows));
    *out = rows_int(&rows, 0, 0);
    return OK;
}
