/* Statements on `zone_directory`; see zone_directory.h. */
#include "schema/zone_directory.h"

#include "schema/reservation.h"

enum err zone_directory_list(struct db *db, struct arena *arena, struct zone_directory_rows *out)
{
    static const char sql[] = "SELECT zone_id, uuid, path, state, untagged FROM zone_directory ORDER BY zone_id, path";
    struct rows rows;
    TRY(db_query(db, arena, sql, NULL, 0, &rows));
    struct zone_directory_row *items = arena_alloc(arena, (rows.count + 1) * sizeof(*items));
    for (size_t i = 0; i < rows.count; i++)
        items[i] = (struct zone_directory_row){rows_int(&rows, i, 0), rows_uuid(&rows, i, 1), rows_text(&rows, i, 2),
                                               rows_text(&rows, i, 3), rows_int(&rows, i, 4) != 0};
    *out = (struct zone_directory_rows){items, rows.count};
    return OK;
}

/* Also makes two gateways that write the same child's directory wait for each other. */
static enum err lock_child(struct db *db, struct arena *arena, int64_t zone_id)
{
    static const char sql[] = "SELECT id FROM zones WHERE id = ? FOR UPDATE";
    const struct sql_value value = sql_int(zone_id);
    struct rows rows;
    return db_query_one(db, arena, sql, &value, 1, "Zone could not be found.", &rows);
}

static enum err clear_rows(struct db *db, int64_t zone_id)
{
    static const char sql[] = "DELETE FROM zone_directory WHERE zone_id = ?";
    const struct sql_value value = sql_int(zone_id);
    return db_exec(db, sql, &value, 1);
}

static enum err add_row(struct db *db, int64_t zone_id, const struct zone_directory_row *row)
{
    static const char sql[] = "INSERT INTO zone_directory (zone_id, uuid, path, state, untagged) VALUES (?, ?, ?, ?, ?)";
    const struct sql_value values[] = {sql_int(zone_id), sql_uuid(&row->uuid), sql_text(row->path), sql_text(row->state),
                                       sql_bool(row->untagged)};
    return db_exec(db, sql, values, ARRAY_LEN(values));
}

enum err zone_departed_list(struct db *db, struct arena *arena, struct zone_departed_rows *out)
{
    static const char sql[] = "SELECT uuid, path FROM zone_departed WHERE left_at > UTC_TIMESTAMP(6) - INTERVAL 10 MINUTE"
                              " ORDER BY path, uuid";
    struct rows rows;
    TRY(db_query(db, arena, sql, NULL, 0, &rows));
    struct zone_departed_row *items = arena_alloc(arena, (rows.count + 1) * sizeof(*items));
    for (size_t i = 0; i < rows.count; i++)
        items[i] = (struct zone_departed_row){rows_uuid(&rows, i, 0), rows_text(&rows, i, 1)};
    *out = (struct zone_departed_rows){items, rows.count};
    return OK;
}

enum err zone_departed_add(struct db *db, int64_t zone_id)
{
    static const char sql[] =
        "INSERT INTO zone_departed (uuid, path, left_at)"
        " SELECT z.uuid, z.name, UTC_TIMESTAMP(6) FROM zones z WHERE z.id = ? AND z.side = 'child' AND z.uuid IS NOT NULL"
        " UNION SELECT d.uuid, CONCAT(z.name, IF(d.path = '.', '', CONCAT('/', d.path))), UTC_TIMESTAMP(6)"
        " FROM zone_directory d JOIN zones z ON z.id = d.zone_id WHERE d.zone_id = ?"
        " ON DUPLICATE KEY UPDATE path = VALUES(path), left_at = VALUES(left_at)";
    const struct sql_value values[] = {sql_int(zone_id), sql_int(zone_id)};
    return db_exec(db, sql, values, ARRAY_LEN(values));
}

enum err zone_departed_tidy(struct db *db)
{
    static const char sql[] = "DELETE FROM zone_departed WHERE left_at <= UTC_TIMESTAMP(6) - INTERVAL 10 MINUTE"
                              " OR uuid IN (SELECT uuid FROM zone_directory"
                              " WHERE zone_id IN (SELECT id FROM zones WHERE NOT " ZONE_IS_REHOMED "))"
                              " OR uuid IN (SELECT uuid FROM zones WHERE side = 'child' AND uuid IS NOT NULL"
                              " AND NOT " ZONE_IS_REHOMED ")";
    return db_exec(db, sql, NULL, 0);
}

struct rehoming {
    const struct zone_row *child;
    const char *error;
};

/* One that was joined again, or changed by an admin, a moment ago is left alone. */
static enum err disable_rehomed(struct db *db, const struct rehoming *rehoming)
{
    static const char sql[] = "UPDATE zones SET state = 'disabled', last_error = ?, updated_at = UTC_TIMESTAMP(6)"
                              " WHERE id = ? AND updated_at = ?";
    const struct sql_value values[] = {sql_text(rehoming->error), sql_int(rehoming->child->id),
                                       sql_time(rehoming->child->updated_us)};
    uint64_t affected = 0;
    TRY(db_exec_count(db, sql, values, ARRAY_LEN(values), &affected));
    return affected ? OK : fail(E_NOT_FOUND, "Zone %s was changed meanwhile.", rehoming->child->name);
}

static enum err leave_row(struct db *db, void *context)
{
    const struct rehoming *rehoming = context;
    TRY(disable_rehomed(db, rehoming));
    return zone_departed_add(db, rehoming->child->id);
}

enum err zone_departed_rehomed(struct db *db, const struct zone_row *child, const char *error)
{
    struct rehoming rehoming = {child, error};
    return db_transaction(db, leave_row, &rehoming);
}

struct replacement {
    int64_t zone_id;
    const struct zone_directory_row *rows;
    size_t count;
};

static bool was_told(const struct rows *before, const struct uuid *zone)
{
    for (size_t i = 0; i < before->count; i++) {
        const struct uuid told = rows_uuid(before, i, 0);
        if (uuid_equal(&told, zone))
            return true;
    }
    return false;
}

/* A zone that is new below brings along what it has. */
static enum err note_newcomers(struct db *db, struct arena *arena, const struct replacement *new)
{
    static const char sql[] = "SELECT uuid FROM zone_directory WHERE zone_id = ?";
    const struct sql_value value = sql_int(new->zone_id);
    struct rows before;
    TRY(db_query(db, arena, sql, &value, 1, &before));
    for (size_t i = 0; i < new->count; i++) {
        if (!was_told(&before, &new->rows[i].uuid))
            return reservation_zones_void(db);
    }
    return OK;
}

static enum err replace_rows(struct db *db, void *context)
{
    const struct replacement *new = context;
    CLEANUP(arena_clear) struct arena arena = {0};
    TRY(lock_child(db, &arena, new->zone_id));
    TRY(note_newcomers(db, &arena, new));
    TRY(zone_departed_add(db, new->zone_id));
    TRY(clear_rows(db, new->zone_id));
    for (size_t i = 0; i < new->count; i++)
        TRY(add_row(db, new->zone_id, &new->rows[i]));
    return zone_departed_tidy(db);
}

enum err zone_directory_replace(struct db *db, int64_t zone_id, const struct zone_directory_row *rows, size_t count)
{
    struct replacement new = {zone_id, rows, count};
    return db_transaction(db, replace_rows, &new);
}
