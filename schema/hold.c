/* Statements on `holds`; see hold.h. */
#include "schema/hold.h"

#include "gateway/base/clock.h"

#define HOLD_COLUMNS "server, host, project_id, sizing, expires_at"

static void read_hold(const struct rows *rows, struct hold *out)
{
    *out = (struct hold){rows_uuid(rows, 0, 0), rows_uuid(rows, 0, 1), rows_text(rows, 0, 2), rows_text(rows, 0, 3),
                         rows_time(rows, 0, 4)};
}

enum err hold_insert(struct db *db, const struct hold *hold)
{
    static const char sql[] = "INSERT INTO holds (" HOLD_COLUMNS ") VALUES (?, ?, ?, ?, ?)";
    const struct sql_value values[] = {sql_uuid(&hold->server), sql_uuid(&hold->host), sql_text(hold->project_id),
                                       sql_text(hold->sizing), sql_time(hold->expires_us)};
    return db_exec(db, sql, values, ARRAY_LEN(values));
}

static enum err get(struct db *db, struct arena *arena, const char *sql, const struct uuid *server, struct hold *out)
{
    const struct sql_value values[] = {sql_uuid(server)};
    struct rows rows;
    TRY(db_query_one(db, arena, sql, values, ARRAY_LEN(values), "No place is held for that server.", &rows));
    read_hold(&rows, out);
    return OK;
}

enum err hold_get_locked(struct db *db, struct arena *arena, const struct uuid *server, struct hold *out)
{
    return get(db, arena, "SELECT " HOLD_COLUMNS " FROM holds WHERE server = ? FOR UPDATE", server, out);
}

enum err hold_get(struct db *db, struct arena *arena, const struct uuid *server, struct hold *out)
{
    return get(db, arena, "SELECT " HOLD_COLUMNS " FROM holds WHERE server = ?", server, out);
}

enum err hold_delete(struct db *db, const struct uuid *server)
{
    static const char sql[] = "DELETE FROM holds WHERE server = ?";
    const struct sql_value values[] = {sql_uuid(server)};
    return db_exec(db, sql, values, ARRAY_LEN(values));
}

enum err hold_next_expired(struct db *db, struct arena *arena, struct hold *out)
{
    static const char sql[] =
        "SELECT " HOLD_COLUMNS " FROM holds WHERE expires_at < ? ORDER BY expires_at LIMIT 1 FOR UPDATE SKIP LOCKED";
    const struct sql_value values[] = {sql_time(clock_wall_us())};
    struct rows rows;
    TRY(db_query_one(db, arena, sql, values, ARRAY_LEN(values), "No hold has expired.", &rows));
    read_hold(&rows, out);
    return OK;
}

enum err hold_count(struct db *db, int64_t *out)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    struct rows rows;
    TRY(db_query(db, &arena, "SELECT COUNT(*) FROM holds", NULL, 0, &rows));
    *out = rows_int(&rows, 0, 0);
    return OK;
}

enum err hold_sums_of(struct db *db, struct arena *arena, const char *project_id, struct hold_sums *out)
{
    static const char sql[] = "SELECT sizing, COUNT(*) FROM holds WHERE project_id = ? GROUP BY sizing";
    const struct sql_value value = sql_text(project_id);
    struct rows rows;
    TRY(db_query(db, arena, sql, &value, 1, &rows));
    struct hold_sum *items = arena_alloc(arena, (rows.count + 1) * sizeof(*items));
    for (size_t i = 0; i < rows.count; i++)
        items[i] = (struct hold_sum){rows_text(&rows, i, 0), rows_int(&rows, i, 1)};
    *out = (struct hold_sums){items, rows.count};
    return OK;
}
