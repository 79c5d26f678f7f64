/* Statements on identity_revocations, identity_state and identity_authority; see identity.h and identity_revocations.h. */
#include "schema/identity_revocations.h"

#include <string.h>

#include "gateway/base/clock.h"

enum err identity_found(uint64_t affected, const char *kind, const char *id)
{
    return affected ? OK : fail(E_NOT_FOUND, "Could not find %s: %s.", kind, id);
}

static enum err raise_version(struct db *db)
{
    static const char sql[] = "UPDATE identity_state SET version = version + 1 WHERE id = 1";
    return db_exec(db, sql, NULL, 0);
}

static enum err put_revocation(struct db *db, const struct identity_revocation *revocation)
{
    static const char sql[] = "INSERT INTO identity_revocations (kind, subject, revoked_us, expires_us) VALUES (?, ?, ?, ?)"
                              " ON DUPLICATE KEY UPDATE revoked_us = GREATEST(revoked_us, VALUES(revoked_us)),"
                              " expires_us = GREATEST(expires_us, VALUES(expires_us))";
    const struct sql_value values[] = {sql_text(revocation->kind), sql_text(revocation->subject), sql_int(revocation->revoked_us),
                                       sql_int(revocation->expires_us)};
    return db_exec(db, sql, values, ARRAY_LEN(values));
}

static enum err drop_expired(struct db *db)
{
    static const char sql[] = "DELETE FROM identity_revocations WHERE expires_us < ? LIMIT 1000";
    const struct sql_value now = sql_int(clock_wall_us());
    return db_exec(db, sql, &now, 1);
}

enum err identity_void_tokens(struct db *db, const char *kind, const char *subject)
{
    const int64_t now = clock_wall_us();
    TRY(put_revocation(db, &(struct identity_revocation){kind, subject, now, now + IDENTITY_TOKEN_LIFE_MAX_US}));
    return raise_version(db);
}

enum err identity_void_user(struct db *db, const char *user_id)
{
    static const char lock[] = "UPDATE identity_users SET tokens_after_us = tokens_after_us WHERE id = ?";
    static const char sql[] = "UPDATE identity_users SET tokens_after_us = ? WHERE id = ?";
    TRY(db_exec(db, lock, (const struct sql_value[]){sql_text(user_id)}, 1));
    TRY(db_exec(db, sql, (const struct sql_value[]){sql_int(clock_wall_us()), sql_text(user_id)}, 2));
    return identity_void_tokens(db, "user", user_id);
}

static enum err revoke_all(struct db *db, void *context)
{
    const struct identity_revocations *revocations = context;
    for (size_t i = 0; i < revocations->count; i++)
        TRY(put_revocation(db, &revocations->items[i]));
    TRY(drop_expired(db));
    return raise_version(db);
}

enum err identity_is_void(struct db *db, struct arena *arena, const char *kind, const char *subject, int64_t issued_us, bool *out)
{
    static const char sql[] = "SELECT 1 FROM identity_revocations WHERE kind = ? AND subject = ? AND revoked_us >= ?";
    const struct sql_value values[] = {sql_text(kind), sql_text(subject), sql_int(issued_us)};
    struct rows rows;
    TRY(db_query(db, arena, sql, values, ARRAY_LEN(values), &rows));
    *out = rows.count > 0;
    return OK;
}

enum err identity_revoke_all(struct db *db, const struct identity_revocations *revocations)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    struct identity_revocation *fresh = arena_alloc(&arena, revocations->count * sizeof(*fresh) + 1);
    size_t count = 0;
    for (size_t i = 0; i < revocations->count; i++) {
        bool known = false;
        const struct identity_revocation *item = &revocations->items[i];
        TRY(identity_is_void(db, &arena, item->kind, item->subject, item->revoked_us, &known));
        if (!known)
            fresh[count++] = *item;
    }
    struct identity_revocations rest = {fresh, count};
    return count ? db_transaction(db, revoke_all, &rest) : OK;
}

enum err identity_revoke(struct db *db, const struct identity_revocation *revocation)
{
    struct identity_revocations one = {revocation, 1};
    return db_transaction(db, revoke_all, &one);
}

enum err identity_revocation_list(struct db *db, struct arena *arena, struct identity_revocations *out)
{
    static const char sql[] = "SELECT kind, subject, revoked_us, expires_us FROM identity_revocations WHERE expires_us >= ?"
                              " ORDER BY kind, subject";
    const struct sql_value now = sql_int(clock_wall_us());
    struct rows rows;
    TRY(db_query(db, arena, sql, &now, 1, &rows));
    struct identity_revocation *items = arena_alloc(arena, rows.count * sizeof(*items) + 1);
    for (size_t i = 0; i < rows.count; i++)
        items[i] = (struct identity_revocation){rows_text(&rows, i, 0), rows_text(&rows, i, 1), rows_int(&rows, i, 2),
                                                rows_int(&rows, i, 3)};
    *out = (struct identity_revocations){items, rows.count};
    return OK;
}

enum err identity_version(struct db *db, struct arena *arena, int64_t *out_version, const char **out_region)
{
    static const char sql[] = "SELECT version, region FROM identity_state WHERE id = 1";
    struct rows rows;
    TRY(db_query_one(db, arena, sql, NULL, 0, "The identity tables are damaged: identity_state has no row.", &rows));
    *out_version = rows_int(&rows, 0, 0);
    *out_region = rows_text(&rows, 0, 1);
    return OK;
}

enum err identity_set_region(struct db *db, const char *region)
{
    static const char sql[] = "UPDATE identity_state SET region = ?, version = version + 1 WHERE id = 1";
    return db_exec(db, sql, (const struct sql_value[]){sql_text(region)}, 1);
}

enum err identity_authority_get(struct db *db, struct arena *arena, struct identity_authority_row *out)
{
    static const char sql[] = "SELECT url, zone, public_key FROM identity_authority WHERE id = 1";
    struct rows rows;
    TRY(db_query_one(db, arena, sql, NULL, 0, "The authority was never seen.", &rows));
    const struct sql_cell key = rows_bytes(&rows, 0, 2);
    if (key.length != sizeof(out->public_key))
        return fail(E_INTERNAL, "The authority's key in the database has %zu bytes.", key.length);
    out->url = rows_text(&rows, 0, 0);
    out->zone = rows_uuid(&rows, 0, 1);
    memcpy(out->public_key, key.bytes, key.length);
    return OK;
}

static enum err set_authority(struct db *db, void *context)
{
    static const char sql[] = "REPLACE INTO identity_authority (id, url, zone, public_key) VALUES (1, ?, ?, ?)";
    const struct identity_authority_row *authority = context;
    const struct sql_value values[] = {sql_text(authority->url), sql_uuid(&authority->zone),
                                       sql_bytes(authority->public_key, sizeof(authority->public_key))};
    TRY(db_exec(db, sql, values, ARRAY_LEN(values)));
    return raise_version(db);
}

enum err identity_authority_set(struct db *db, const struct identity_authority_row *authority)
{
    struct identity_authority_row copy = *authority;
    return db_transaction(db, set_authority, &copy);
}
