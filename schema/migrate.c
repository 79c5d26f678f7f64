/* See migrate.h. The upgrade has a connection of its own: an ALTER TABLE may take longer than a request may wait. */
#include "schema/migrate.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/clock.h"
#include "gateway/base/log.h"
#include "gateway/base/text.h"
#include "schema/db_inside.h"
#include "schema/embedded.h"

#define UPGRADE_TIMEOUT_S 86400
#define VERSION_DIGITS    4

/* 0001_zone.sql is version 1. */
static int version_of(const struct embedded_file *file)
{
    char digits[VERSION_DIGITS + 1] = "";
    int64_t version = 0;
    if (strlen(file->name) > VERSION_DIGITS && file->name[VERSION_DIGITS] == '_')
        memcpy(digits, file->name, VERSION_DIGITS);
    return str_to_int(digits, &version) ? (int)version : 0;
}

/* The names come sorted, so the last is the newest. E_INTERNAL: a file that was named wrongly got into the binary. */
static enum err check_files(int *out_newest)
{
    int newest = 0;
    for (const struct embedded_file *file = embedded_migrations; file->name; file++) {
        if (version_of(file) <= newest)
            return fail(E_INTERNAL, "Migration %s is not named NNNN_name.sql with a number of its own.", file->name);
        newest = version_of(file);
    }
    *out_newest = newest;
    return OK;
}

static enum err table_exists(struct db *db, struct arena *arena, bool *out)
{
    static const char sql[] = "SELECT COUNT(*) FROM information_schema.TABLES"
                              " WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'schema_migrations'";
    struct rows rows = {0};
    TRY(db_query(db, arena, sql, NULL, 0, &rows));
    *out = rows_int(&rows, 0, 0) > 0;
    return OK;
}

static bool contains(const struct rows *applied, int version)
{
    for (size_t i = 0; i < applied->count; i++) {
        if (rows_int(applied, i, 0) == version)
            return true;
    }
    return false;
}

static void list_pending(const struct rows *applied, struct arena *arena, struct schema_status *status)
{
    size_t files = 0;
    while (embedded_migrations[files].name)
        files++;
    const char **pending = arena_alloc(arena, (files + 1) * sizeof(*pending));
    for (const struct embedded_file *file = embedded_migrations; file->name; file++) {
        if (!contains(applied, version_of(file)))
            pending[status->pending_count++] = file->name;
    }
    status->pending = pending;
}

enum err db_schema_status(struct db *db, struct arena *arena, struct schema_status *out)
{
    static const char sql[] = "SELECT version FROM schema_migrations ORDER BY version DESC";
    struct schema_status status = {0};
    struct rows applied = {0};
    bool exists = false;
    TRY(check_files(&status.newest));
    TRY(table_exists(db, arena, &exists));
    if (exists)
        TRY(db_query(db, arena, sql, NULL, 0, &applied));
    status.current = applied.count ? (int)rows_int(&applied, 0, 0) : 0;
    if (status.current > status.newest)
        return fail(E_INVALID,
                    "The database has schema version %d, but this program knows only up to %d: it is older than the one that "
                    "upgraded the database. Install the newer program.",
                    status.current, status.newest);
    list_pending(&applied, arena, &status);
    *out = status;
    return OK;
}

static enum err create_table(struct db *db)
{
    static const char sql[] =
        "CREATE TABLE IF NOT EXISTS schema_migrations (version INT NOT NULL PRIMARY KEY, name VARCHAR(128) NOT NULL,"
        " applied_at DATETIME(6) NOT NULL) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin";
    return db_exec(db, sql, NULL, 0);
}

static enum err apply_file(struct db *db, const struct embedded_file *file)
{
    static const char sql[] = "INSERT INTO schema_migrations (version, name, applied_at) VALUES (?, ?, ?)";
    const enum err applied = db_script(db, (const char *)file->bytes, file->length);
    if (applied != OK) {
        const struct log_text why = log_quote(err_message());
        return fail(applied, "Migration %s failed: %s", file->name, why.text);
    }
    TRY(db_exec(db, sql, (const struct sql_value[]){sql_int(version_of(file)), sql_text(file->name), sql_time(clock_wall_us())},
                3));
    log_info("schema.migrated", "migration=%s", file->name);
    return OK;
}

static enum err apply_pending(struct db *db, struct arena *arena, int *out_from, int *out_to)
{
    struct schema_status status = {0};
    TRY(create_table(db));
    TRY(db_schema_status(db, arena, &status));
    size_t next = 0;
    for (const struct embedded_file *file = embedded_migrations; file->name; file++) {
        if (next < status.pending_count && file->name == status.pending[next]) {
            TRY(apply_file(db, file));
            next++;
        }
    }
    *out_from = status.current;
    *out_to = status.newest;
    return OK;
}

/* The lock ends with the connection. It spares others the same work; it is not what makes a migration safe. */
static enum err lock_schema(struct db *db, struct arena *arena)
{
    static const char sql[] = "SELECT GET_LOCK(CONCAT('zonegate.', MD5(DATABASE())), 60)";
    struct rows rows = {0};
    TRY(db_query(db, arena, sql, NULL, 0, &rows));
    if (rows_int(&rows, 0, 0) != 1)
        return fail(E_UNAVAILABLE, "Another process has been upgrading this database for more than 60 s; try again later.");
    return OK;
}

enum err db_upgrade(struct db *db, int *out_from, int *out_to)
{
    struct arena arena = {0};
    struct schema_status status = {0};
    enum err result = db_schema_status(db, &arena, &status);
    if (result == OK && status.pending_count == 0) {
        *out_from = status.current;
        *out_to = status.newest;
    } else if (result == OK) {
        struct db *own = NULL;
        result = db_open_patient(db->target, UPGRADE_TIMEOUT_S, &own);
        if (result == OK)
            result = lock_schema(own, &arena);
        if (result == OK)
            result = apply_pending(own, &arena, out_from, out_to);
        db_close(own);
    }
    arena_clear(&arena);
    return result;
}
