/* Statements on identity_roles and identity_grants; see identity.h. */
#include "gateway/base/text.h"
#include "schema/identity_revocations.h"

#define ROLE_COLUMNS "r.id, r.name, r.description"

static void read_roles(struct arena *arena, const struct rows *rows, struct identity_roles *out)
{
    struct identity_role *items = arena_alloc(arena, rows->count * sizeof(*items) + 1);
    for (size_t i = 0; i < rows->count; i++)
        items[i] = (struct identity_role){rows_text(rows, i, 0), rows_text(rows, i, 1), rows_text(rows, i, 2)};
    *out = (struct identity_roles){items, rows->count};
}

static enum err name_taken(enum err result, const char *name)
{
    if (result != E_CONFLICT)
        return result;
    return fail(E_CONFLICT, "Conflict occurred attempting to store role - Duplicate entry found with name %s.", name);
}

enum err identity_role_add(struct db *db, const struct identity_role *role)
{
    static const char sql[] = "INSERT INTO identity_roles (id, name, description) VALUES (?, ?, ?)";
    const struct sql_value values[] = {sql_text(role->id), sql_text(role->name), sql_text(role->description)};
    return name_taken(db_exec(db, sql, values, ARRAY_LEN(values)), role->name);
}

enum err identity_role_get(struct db *db, struct arena *arena, const char *id, struct identity_role *out)
{
    static const char sql[] = "SELECT " ROLE_COLUMNS " FROM identity_roles r WHERE r.id = ?";
    struct rows rows;
    struct identity_roles roles;
    TRY(db_query(db, arena, sql, (const struct sql_value[]){sql_text(id)}, 1, &rows));
    TRY(identity_found(rows.count, "role", id));
    read_roles(arena, &rows, &roles);
    *out = roles.items[0];
    return OK;
}

enum err identity_role_list(struct db *db, struct arena *arena, const struct identity_filter *filter, struct identity_roles *out)
{
    static const char sql[] = "SELECT " ROLE_COLUMNS " FROM identity_roles r WHERE (? IS NULL OR r.name = ?)"
                              " ORDER BY r.name LIMIT ?";
    const struct sql_value values[] = {sql_text(filter->name), sql_text(filter->name), sql_int(IDENTITY_LIST_MAX)};
    struct rows rows;
    TRY(db_query(db, arena, sql, values, ARRAY_LEN(values), &rows));
    read_roles(arena, &rows, out);
    return OK;
}

enum err identity_role_change(struct db *db, const char *id, const struct identity_change *change)
{
    static const char sql[] = "UPDATE identity_roles SET name = COALESCE(?, name), description = COALESCE(?, description)"
                              " WHERE id = ?";
    const struct sql_value values[] = {sql_text(change->name), sql_text(change->description), sql_text(id)};
    uint64_t affected = 0;
    TRY(name_taken(db_exec_count(db, sql, values, ARRAY_LEN(values), &affected), change->name));
    return identity_found(affected, "role", id);
}

static enum err void_holders(struct db *db, const char *role_id)
{
    static const char sql[] = "SELECT DISTINCT user_id FROM identity_grants WHERE role_id = ? FOR UPDATE";
    CLEANUP(arena_clear) struct arena arena = {0};
    struct rows rows;
    TRY(db_query(db, &arena, sql, (const struct sql_value[]){sql_text(role_id)}, 1, &rows));
    for (size_t i = 0; i < rows.count; i++)
        TRY(identity_void_user(db, rows_text(&rows, i, 0)));
    return OK;
}

static const char *const role_content[] = {
    "DELETE FROM identity_credential_roles WHERE role_id = ?",
    "DELETE FROM identity_grants WHERE role_id = ?",
};

static enum err delete_role(struct db *db, void *context)
{
    static const char sql[] = "DELETE FROM identity_roles WHERE id = ?";
    const char *id = context;
    const struct sql_value key = sql_text(id);
    uint64_t affected = 0;
    TRY(db_exec_count(db, sql, &key, 1, &affected));
    TRY(identity_found(affected, "role", id));
    TRY(void_holders(db, id));
    for (size_t i = 0; i < ARRAY_LEN(role_content); i++)
        TRY(db_exec(db, role_content[i], &key, 1));
    return OK;
}

enum err identity_role_delete(struct db *db, const char *id)
{
    return db_transaction(db, delete_role, (void *)id);
}

/* The rows that a grant names, by what they are called in a message; a scope that is not in its table is no scope. */
static enum err check_named(struct db *db, const char *sql, const char *kind, const char *id)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    struct rows rows;
    TRY(db_query(db, &arena, sql, (const struct sql_value[]){sql_text(id)}, 1, &rows));
    return identity_found(rows.count, kind, id);
}

static enum err check_grant(struct db *db, const struct identity_grant *grant)
{
    TRY(check_named(db, "SELECT 1 FROM identity_users WHERE id = ? LOCK IN SHARE MODE", "user", grant->user_id));
    if (str_equal(grant->scope, "project"))
        TRY(check_named(db, "SELECT 1 FROM identity_projects WHERE id = ? LOCK IN SHARE MODE", "project", grant->scope_id));
    if (str_equal(grant->scope, "domain"))
        TRY(check_named(db, "SELECT 1 FROM identity_domains WHERE id = ? LOCK IN SHARE MODE", "domain", grant->scope_id));
    return check_named(db, "SELECT 1 FROM identity_roles WHERE id = ? LOCK IN SHARE MODE", "role", grant->role_id);
}

static enum err add_grant(struct db *db, void *context)
{
    static const char sql[] = "INSERT INTO identity_grants (user_id, scope, scope_id, role_id) VALUES (?, ?, ?, ?)"
                              " ON DUPLICATE KEY UPDATE role_id = role_id";
    const struct identity_grant *grant = context;
    TRY(check_grant(db, grant));
    const struct sql_value values[] = {sql_text(grant->user_id), sql_text(grant->scope), sql_text(grant->scope_id),
                                       sql_text(grant->role_id)};
    return db_exec(db, sql, values, ARRAY_LEN(values));
}

enum err identity_grant_add(struct db *db, const struct identity_grant *grant)
{
    return db_transaction(db, add_grant, (void *)grant);
}

static enum err no_such_grant(const struct identity_grant *grant)
{
    return fail(E_NOT_FOUND, "Could not find role assignment with role: %s, user or group: %s, project, domain, or system: %s.",
                grant->role_id, grant->user_id, grant->scope_id);
}

static enum err delete_grant(struct db *db, void *context)
{
    static const char sql[] = "DELETE FROM identity_grants WHERE user_id = ? AND scope = ? AND scope_id = ? AND role_id = ?";
    const struct identity_grant *grant = context;
    const struct sql_value values[] = {sql_text(grant->user_id), sql_text(grant->scope), sql_text(grant->scope_id),
                                       sql_text(grant->role_id)};
    uint64_t affected = 0;
    TRY(db_exec_count(db, sql, values, ARRAY_LEN(values), &affected));
    return affected ? identity_void_user(db, grant->user_id) : no_such_grant(grant);
}

enum err identity_grant_delete(struct db *db, const struct identity_grant *grant)
{
    return db_transaction(db, delete_grant, (void *)grant);
}

enum err identity_grant_check(struct db *db, struct arena *arena, const struct identity_grant *grant)
{
    static const char sql[] = "SELECT 1 FROM identity_grants WHERE user_id = ? AND scope = ? AND scope_id = ? AND role_id = ?";
    const struct sql_value values[] = {sql_text(grant->user_id), sql_text(grant->scope), sql_text(grant->scope_id),
                                       sql_text(grant->role_id)};
    struct rows rows;
    TRY(db_query(db, arena, sql, values, ARRAY_LEN(values), &rows));
    return rows.count ? OK : no_such_grant(grant);
}

static enum err roles_of(struct db *db, struct arena *arena, const char *sql, const struct identity_grant *grant,
                         struct identity_roles *out)
{
    const struct sql_value values[] = {sql_text(grant->user_id), sql_text(grant->scope), sql_text(grant->scope_id)};
    struct rows rows;
    TRY(db_query(db, arena, sql, values, ARRAY_LEN(values), &rows));
    read_roles(arena, &rows, out);
    return OK;
}

enum err identity_grant_roles(struct db *db, struct arena *arena, const char *user_id, const char *scope, const char *scope_id,
                              struct identity_roles *out)
{
    static const char sql[] = "SELECT " ROLE_COLUMNS " FROM identity_grants g JOIN identity_roles r ON r.id = g.role_id"
                              " WHERE g.user_id = ? AND g.scope = ? AND g.scope_id = ? ORDER BY r.name";
    return roles_of(db, arena, sql, &(struct identity_grant){.user_id = user_id, .scope = scope, .scope_id = scope_id}, out);
}

enum err identity_effective_roles(struct db *db, struct arena *arena, const char *user_id, const char *scope, const char *scope_id,
                                  struct identity_roles *out)
{
    static const char sql[] =
        "SELECT DISTINCT " ROLE_COLUMNS " FROM identity_grants g JOIN identity_roles has ON has.id = g.role_id"
        " JOIN identity_roles r ON r.id = has.id OR (has.name = 'admin' AND r.name IN ('member', 'reader'))"
        " OR (has.name = 'member' AND r.name = 'reader')"
        " WHERE g.user_id = ? AND g.scope = ? AND g.scope_id = ? ORDER BY r.name LOCK IN SHARE MODE";
    return roles_of(db, arena, sql, &(struct identity_grant){.user_id = user_id, .scope = scope, .scope_id = scope_id}, out);
}

static void read_assignment(const struct rows *rows, size_t row, struct identity_grant *out)
{
    *out = (struct identity_grant){
        .user_id = rows_text(rows, row, 0),
        .scope = rows_text(rows, row, 1),
        .scope_id = rows_text(rows, row, 2),
        .role_id = rows_text(rows, row, 3),
        .role_name = rows_text(rows, row, 4),
        .user_name = rows_text(rows, row, 5),
        .user_domain_id = rows_text(rows, row, 6),
        .user_domain_name = rows_text(rows, row, 7),
        .scope_name = rows_text(rows, row, 8),
        .scope_domain_id = rows_text(rows, row, 9),
        .scope_domain_name = rows_text(rows, row, 10),
    };
}

enum err identity_assignment_list(struct db *db, struct arena *arena, const struct identity_grant *filter,
                                  struct identity_grants *out)
{
    static const char sql[] =
        "SELECT g.user_id, g.scope, g.scope_id, g.role_id, r.name, u.name, u.domain_id, ud.name, COALESCE(p.name, sd.name),"
        " p.domain_id, pd.name FROM identity_grants g JOIN identity_roles r ON r.id = g.role_id"
        " JOIN identity_users u ON u.id = g.user_id JOIN identity_domains ud ON ud.id = u.domain_id"
        " LEFT JOIN identity_projects p ON g.scope = 'project' AND p.id = g.scope_id"
        " LEFT JOIN identity_domains pd ON pd.id = p.domain_id"
        " LEFT JOIN identity_domains sd ON g.scope = 'domain' AND sd.id = g.scope_id"
        " WHERE (? IS NULL OR g.user_id = ?) AND (? IS NULL OR g.scope = ?) AND (? IS NULL OR g.scope_id = ?)"
        " AND (? IS NULL OR g.role_id = ?) ORDER BY g.user_id, g.scope, g.scope_id, r.name LIMIT ?";
    const struct sql_value values[] = {sql_text(filter->user_id), sql_text(filter->user_id),  sql_text(filter->scope),
                                       sql_text(filter->scope),   sql_text(filter->scope_id), sql_text(filter->scope_id),
                                       sql_text(filter->role_id), sql_text(filter->role_id),  sql_int(IDENTITY_LIST_MAX)};
    struct rows rows;
    TRY(db_query(db, arena, sql, values, ARRAY_LEN(values), &rows));
    struct identity_grant *items = arena_alloc(arena, rows.count * sizeof(*items) + 1);
    for (size_t i = 0; i < rows.count; i++)
        read_assignment(&rows, i, &items[i]);
    *out = (struct identity_grants){items, rows.count};
    return OK;
}
