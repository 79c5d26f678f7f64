/* Statements on `zone_sessions`, `zone_join_tokens` and `zone_nonces`; see zone_links.h. */
#include "schema/zone_links.h"

#include "gateway/base/clock.h"

enum err zone_session_list(struct db *db, struct arena *arena, struct zone_session_rows *out)
{
    static const char sql[] = "SELECT zone_id, key_id, sealed, created_at FROM zone_sessions ORDER BY id DESC";
    struct rows rows;
    TRY(db_query(db, arena, sql, NULL, 0, &rows));
    struct zone_session_row *items = arena_alloc(arena, (rows.count + 1) * sizeof(*items));
    for (size_t i = 0; i < rows.count; i++) {
        const struct sql_cell sealed = rows_bytes(&rows, i, 2);
        items[i] = (struct zone_session_row){rows_int(&rows, i, 0), rows_text(&rows, i, 1), (const uint8_t *)sealed.bytes,
                                             sealed.length, rows_time(&rows, i, 3)};
    }
    *out = (struct zone_session_rows){items, rows.count};
    return OK;
}

/* The same key id again (a join that is repeated) becomes the newest too. */
static enum err drop_sessions(struct db *db, const struct zone_session_row *session, const char *keep)
{
    static const char sql[] = "DELETE FROM zone_sessions WHERE zone_id = ? AND (key_id = ? OR ? IS NULL OR key_id <> ?)";
    const struct sql_value values[] = {sql_int(session->zone_id), sql_text(session->key_id), sql_text(keep), sql_text(keep)};
    return db_exec(db, sql, values, ARRAY_LEN(values));
}

enum err zone_session_add(struct db *db, const struct zone_session_row *session, const char *keep)
{
    static const char sql[] = "INSERT INTO zone_sessions (zone_id, key_id, sealed, created_at) VALUES (?, ?, ?, UTC_TIMESTAMP(6))";
    const struct sql_value values[] = {sql_int(session->zone_id), sql_text(session->key_id),
                                       sql_bytes(session->sealed, session->sealed_length)};
    TRY(drop_sessions(db, session, keep));
    return db_exec(db, sql, values, ARRAY_LEN(values));
}

enum err zone_token_add(struct db *db, const uint8_t hash[32], int64_t expires_us)
{
    static const char sql[] = "INSERT INTO zone_join_tokens (secret_hash, expires_at) VALUES (?, ?)";
    const struct sql_value values[] = {sql_bytes(hash, 32), sql_time(expires_us)};
    return db_exec(db, sql, values, ARRAY_LEN(values));
}

enum err zone_token_take(struct db *db, const uint8_t hash[32])
{
    static const char sql[] = "DELETE FROM zone_join_tokens WHERE secret_hash = ? AND expires_at >= ?";
    const struct sql_value values[] = {sql_bytes(hash, 32), sql_time(clock_wall_us())};
    uint64_t affected = 0;
    TRY(db_exec_count(db, sql, values, ARRAY_LEN(values), &affected));
    return affected ? OK : fail(E_UNAUTHORIZED, "The join token is unknown, was used already, or is too old; make a new one.");
}

enum err zone_nonce_add(struct db *db, const struct uuid *link, const uint8_t nonce[16], int64_t expires_us)
{
    static const char sql[] = "INSERT INTO zone_nonces (link, nonce, expires_at) VALUES (?, ?, ?)";
    const struct sql_value values[] = {sql_uuid(link), sql_bytes(nonce, 16), sql_time(expires_us)};
    const enum err result = db_exec(db, sql, values, ARRAY_LEN(values));
    return result == E_CONFLICT ? fail(E_UNAUTHORIZED, "The delegation was used before.") : result;
}

static enum err purge_tokens(struct db *db, const struct sql_value *now)
{
    static const char sql[] = "DELETE FROM zone_join_tokens WHERE expires_at < ? LIMIT 1000";
    return db_exec(db, sql, now, 1);
}

enum err zone_nonce_purge(struct db *db)
{
    static const char sql[] = "DELETE FROM zone_nonces WHERE expires_at < ? ORDER BY expires_at LIMIT 5000";
    const struct sql_value now = sql_time(clock_wall_us());
    TRY(db_exec(db, sql, &now, 1));
    return purge_tokens(db, &now);
}
