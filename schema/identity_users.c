/* Statements on identity_users; see identity.h. */
#include "gateway/base/clock.h"
#include "gateway/base/text.h"
#include "schema/identity_revocations.h"

#define USER_COLUMNS                                                                                                               \
    "u.id, u.domain_id, d.name, u.name, u.description, u.email, u.default_project_id, u.enabled, d.enabled, u.password,"           \
    " u.tokens_after_us FROM identity_users u JOIN identity_domains d ON d.id = u.domain_id"
/* A login that reads here waits for a change that is under way: see identity_void_tokens. */
#define LOCKED " LOCK IN SHARE MODE"

static struct sql_value flag(int enabled)
{
    return enabled < 0 ? sql_null() : sql_bool(enabled != 0);
}

static void read_user(const struct rows *rows, size_t row, struct identity_user *out)
{
    *out = (struct identity_user){
        .id = rows_text(rows, row, 0),
        .domain_id = rows_text(rows, row, 1),
        .domain_name = rows_text(rows, row, 2),
        .name = rows_text(rows, row, 3),
        .description = rows_text(rows, row, 4),
        .email = rows_text(rows, row, 5),
        .default_project_id = rows_text(rows, row, 6),
        .enabled = rows_int(rows, row, 7) != 0,
        .domain_enabled = rows_int(rows, row, 8) != 0,
        .password = rows_text(rows, row, 9),
        .tokens_after_us = rows_int(rows, row, 10),
    };
}

static enum err name_taken(enum err result, const char *name)
{
    if (result != E_CONFLICT)
        return result;
    return fail(E_CONFLICT, "Conflict occurred attempting to store user - Duplicate entry found with name %s.", name);
}

enum err identity_user_add(struct db *db, const struct identity_user *user)
{
    static const char sql[] = "INSERT INTO identity_users (id, domain_id, name, description, email, default_project_id, enabled,"
                              " password) SELECT ?, d.id, ?, ?, ?, ?, ?, ? FROM identity_domains d WHERE d.id = ?";
    const struct sql_value values[] = {sql_text(user->id),
                                       sql_text(user->name),
                                       sql_text(user->description),
                                       sql_text(user->email),
                                       sql_text(user->default_project_id),
                                       sql_bool(user->enabled),
                                       sql_text(user->password),
                                       sql_text(user->domain_id)};
    uint64_t affected = 0;
    TRY(name_taken(db_exec_count(db, sql, values, ARRAY_LEN(values), &affected), user->name));
    return identity_found(affected, "domain", user->domain_id);
}

enum err identity_user_get(struct db *db, struct arena *arena, const char *id, struct identity_user *out)
{
    static const char sql[] = "SELECT " USER_COLUMNS " WHERE u.id = ?" LOCKED;
    struct rows rows;
    TRY(db_query(db, arena, sql, (const struct sql_value[]){sql_text(id)}, 1, &rows));
    TRY(identity_found(rows.count, "user", id));
    read_user(&rows, 0, out);
    return OK;
}

enum err identity_user_get_by_name(struct db *db, struct arena *arena, const char *domain_id, const char *name,
                                   struct identity_user *out)
{
    static const char sql[] = "SELECT " USER_COLUMNS " WHERE u.domain_id = ? AND u.name = ?" LOCKED;
    struct rows rows;
    TRY(db_query(db, arena, sql, (const struct sql_value[]){sql_text(domain_id), sql_text(name)}, 2, &rows));
    TRY(identity_found(rows.count, "user", name));
    read_user(&rows, 0, out);
    return OK;
}

enum err identity_user_list(struct db *db, struct arena *arena, const struct identity_filter *filter, struct identity_users *out)
{
    static const char sql[] = "SELECT " USER_COLUMNS " WHERE (? IS NULL OR u.name = ?) AND (? IS NULL OR u.domain_id = ?)"
                              " AND (? IS NULL OR u.enabled = ?) ORDER BY u.name, u.id LIMIT ?";
    const struct sql_value values[] = {sql_text(filter->name),      sql_text(filter->name), sql_text(filter->domain_id),
                                       sql_text(filter->domain_id), flag(filter->enabled),  flag(filter->enabled),
                                       sql_int(IDENTITY_LIST_MAX)};
    struct rows rows;
    TRY(db_query(db, arena, sql, values, ARRAY_LEN(values), &rows));
    struct identity_user *items = arena_alloc(arena, rows.count * sizeof(*items) + 1);
    for (size_t i = 0; i < rows.count; i++)
        read_user(&rows, i, &items[i]);
    *out = (struct identity_users){items, rows.count};
    return OK;
}

struct change {
    const char *id;
    const struct identity_change *change;
};

static enum err change_user(struct db *db, void *context)
{
    static const char sql[] = "UPDATE identity_users SET name = COALESCE(?, name), description = COALESCE(?, description),"
                              " email = COALESCE(?, email), default_project_id = COALESCE(?, default_project_id),"
                              " password = COALESCE(?, password), enabled = COALESCE(?, enabled) WHERE id = ?";
    const struct change *what = context;
    const struct identity_change *change = what->change;
    const struct sql_value values[] = {
        sql_text(change->name),     sql_text(change->description), sql_text(change->email), sql_text(change->default_project_id),
        sql_text(change->password), flag(change->enabled),         sql_text(what->id)};
    uint64_t affected = 0;
    TRY(name_taken(db_exec_count(db, sql, values, ARRAY_LEN(values), &affected), change->name));
    TRY(identity_found(affected, "user", what->id));
    return change->enabled == 0 || change->password ? identity_void_user(db, what->id) : OK;
}

enum err identity_user_change(struct db *db, const char *id, const struct identity_change *change)
{
    return db_transaction(db, change_user, &(struct change){id, change});
}

static const char *const user_content[] = {
    "DELETE r FROM identity_credential_roles r JOIN identity_credentials c ON c.id = r.credential_id WHERE c.user_id = ?",
    "DELETE FROM identity_credentials WHERE user_id = ?",
    "DELETE FROM identity_grants WHERE user_id = ?",
};

static enum err delete_user(struct db *db, void *context)
{
    static const char sql[] = "DELETE FROM identity_users WHERE id = ?";
    const char *id = context;
    const struct sql_value key = sql_text(id);
    uint64_t affected = 0;
    TRY(db_exec_count(db, sql, &key, 1, &affected));
    TRY(identity_found(affected, "user", id));
    for (size_t i = 0; i < ARRAY_LEN(user_content); i++)
        TRY(db_exec(db, user_content[i], &key, 1));
    return identity_void_tokens(db, "user", id);
}

enum err identity_user_delete(struct db *db, const char *id)
{
    return db_transaction(db, delete_user, (void *)id);
}
