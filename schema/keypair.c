/* Statements on `keypairs`; see keypair.h. */
#include "schema/keypair.h"

#define KEYPAIR_COLUMNS "id, user_id, name, type, fingerprint, public_key, created_at"

static void read_keypair(const struct rows *rows, size_t row, struct keypair *out)
{
    *out = (struct keypair){
        .id = rows_int(rows, row, 0),
        .user_id = rows_text(rows, row, 1),
        .name = rows_text(rows, row, 2),
        .type = rows_text(rows, row, 3),
        .fingerprint = rows_text(rows, row, 4),
        .public_key = rows_text(rows, row, 5),
        .created_us = rows_time(rows, row, 6),
    };
}

struct addition {
    const struct keypair *keypair;
    int64_t limit;
};

static enum err insert_keypair(struct db *db, const struct keypair *keypair)
{
    static const char sql[] = "INSERT INTO keypairs (user_id, name, type, fingerprint, public_key, created_at)"
                              " VALUES (?, ?, ?, ?, ?, UTC_TIMESTAMP(6))";
    const struct sql_value values[] = {sql_text(keypair->user_id), sql_text(keypair->name), sql_text(keypair->type),
                                       sql_text(keypair->fingerprint), sql_text(keypair->public_key)};
    const enum err result = db_exec(db, sql, values, ARRAY_LEN(values));
    return result == E_CONFLICT ? fail(E_CONFLICT, "Key pair '%s' already exists.", keypair->name) : result;
}

/* Counted before the insert, as Nova does: a user at the limit gets 403, even for a name that exists. The rows are locked, so that
 * two requests of one user do not both take the last place. */
static enum err add_within_limit(struct db *db, void *context)
{
    static const char sql[] = "SELECT id FROM keypairs WHERE user_id = ? FOR UPDATE";
    const struct addition *addition = context;
    const struct sql_value value = sql_text(addition->keypair->user_id);
    CLEANUP(arena_clear) struct arena arena = {0};
    struct rows rows;
    TRY(db_query(db, &arena, sql, &value, 1, &rows));
    if ((int64_t)rows.count >= addition->limit)
        return fail(E_FORBIDDEN, "Quota exceeded, too many key pairs.");
    return insert_keypair(db, addition->keypair);
}

enum err keypair_add(struct db *db, const struct keypair *keypair, int64_t limit)
{
    struct addition addition = {keypair, limit};
    return db_transaction(db, add_within_limit, &addition);
}

static enum err refuse_missing(const char *user_id, const char *name)
{
    return fail(E_NOT_FOUND, "Keypair %s not found for user %s", name, user_id);
}

enum err keypair_get(struct db *db, struct arena *arena, const char *user_id, const char *name, struct keypair *out)
{
    static const char sql[] = "SELECT " KEYPAIR_COLUMNS " FROM keypairs WHERE user_id = ? AND name = ?";
    const struct sql_value values[] = {sql_text(user_id), sql_text(name)};
    struct rows rows;
    TRY(db_query(db, arena, sql, values, ARRAY_LEN(values), &rows));
    if (!rows.count)
        return refuse_missing(user_id, name);
    read_keypair(&rows, 0, out);
    return OK;
}

enum err keypair_delete(struct db *db, const char *user_id, const char *name)
{
    static const char sql[] = "DELETE FROM keypairs WHERE user_id = ? AND name = ?";
    const struct sql_value values[] = {sql_text(user_id), sql_text(name)};
    uint64_t deleted = 0;
    TRY(db_exec_count(db, sql, values, ARRAY_LEN(values), &deleted));
    return deleted ? OK : refuse_missing(user_id, name);
}

static enum err check_marker(struct db *db, struct arena *arena, const char *user_id, const char *marker)
{
    struct keypair unused;
    const enum err result = marker ? keypair_get(db, arena, user_id, marker, &unused) : OK;
    return result == E_NOT_FOUND ? fail(E_INVALID, "Marker %s could not be found.", marker) : result;
}

enum err keypair_list(struct db *db, struct arena *arena, const char *user_id, const char *marker, size_t limit,
                      struct keypairs *out)
{
    static const char sql[] = "SELECT " KEYPAIR_COLUMNS " FROM keypairs WHERE user_id = ? AND name > ? ORDER BY name LIMIT ?";
    TRY(check_marker(db, arena, user_id, marker));
    const struct sql_value values[] = {sql_text(user_id), sql_text(marker ? marker : ""), sql_int((int64_t)limit)};
    struct rows rows;
    TRY(db_query(db, arena, sql, values, ARRAY_LEN(values), &rows));
    struct keypair *items = arena_alloc(arena, (rows.count + 1) * sizeof(*items));
    for (size_t i = 0; i < rows.count; i++)
        read_keypair(&rows, i, &items[i]);
    *out = (struct keypairs){items, rows.count};
    return OK;
}
