/* Statements on identity_domains and identity_projects; see identity.h. */
#include "gateway/base/clock.h"
#include "gateway/base/text.h"
#include "schema/identity_revocations.h"

#define DOMAIN_COLUMNS "d.id, d.name, d.description, d.enabled"
#define PROJECT_COLUMNS                                                                                                            \
    "p.id, p.domain_id, d.name, p.name, p.description, p.enabled, d.enabled, p.tags FROM identity_projects p"                      \
    " JOIN identity_domains d ON d.id = p.domain_id"
/* A login that reads here waits for a change that is under way: see identity_void_tokens. */
#define LOCKED " LOCK IN SHARE MODE"

static struct sql_value flag(int enabled)
{
    return enabled < 0 ? sql_null() : sql_bool(enabled != 0);
}

static void read_domain(const struct rows *rows, size_t row, struct identity_domain *out)
{
    *out = (struct identity_domain){rows_text(rows, row, 0), rows_text(rows, row, 1), rows_text(rows, row, 2),
                                    rows_int(rows, row, 3) != 0};
}

static void read_project(const struct rows *rows, size_t row, struct identity_project *out)
{
    *out = (struct identity_project){
        .id = rows_text(rows, row, 0),
        .domain_id = rows_text(rows, row, 1),
        .domain_name = rows_text(rows, row, 2),
        .name = rows_text(rows, row, 3),
        .description = rows_text(rows, row, 4),
        .enabled = rows_int(rows, row, 5) != 0,
        .domain_enabled = rows_int(rows, row, 6) != 0,
        .tags = rows_text(rows, row, 7),
    };
}

static enum err name_taken(enum err result, const char *kind, const char *name)
{
    if (result != E_CONFLICT)
        return result;
    return fail(E_CONFLICT, "Conflict occurred attempting to store %s - Duplicate entry found with name %s.", kind, name);
}

enum err identity_domain_add(struct db *db, const struct identity_domain *domain)
{
    static const char sql[] = "INSERT INTO identity_domains (id, name, description, enabled) VALUES (?, ?, ?, ?)";
    const struct sql_value values[] = {sql_text(domain->id), sql_text(domain->name), sql_text(domain->description),
                                       sql_bool(domain->enabled)};
    return name_taken(db_exec(db, sql, values, ARRAY_LEN(values)), "domain", domain->name);
}

static enum err domain_by(struct db *db, struct arena *arena, const char *sql, const char *key, struct identity_domain *out)
{
    struct rows rows;
    TRY(db_query(db, arena, sql, (const struct sql_value[]){sql_text(key)}, 1, &rows));
    TRY(identity_found(rows.count, "domain", key));
    read_domain(&rows, 0, out);
    return OK;
}

enum err identity_domain_get(struct db *db, struct arena *arena, const char *id, struct identity_domain *out)
{
    return domain_by(db, arena, "SELECT " DOMAIN_COLUMNS " FROM identity_domains d WHERE d.id = ?" LOCKED, id, out);
}

enum err identity_domain_get_by_name(struct db *db, struct arena *arena, const char *name, struct identity_domain *out)
{
    return domain_by(db, arena, "SELECT " DOMAIN_COLUMNS " FROM identity_domains d WHERE d.name = ?" LOCKED, name, out);
}

enum err identity_domain_list(struct db *db, struct arena *arena, const struct identity_filter *filter,
                              struct identity_domains *out)
{
    static const char sql[] = "SELECT " DOMAIN_COLUMNS " FROM identity_domains d WHERE (? IS NULL OR d.name = ?)"
                              " AND (? IS NULL OR d.enabled = ?) AND (? IS NULL OR EXISTS (SELECT 1 FROM identity_grants g"
                              " WHERE g.user_id = ? AND g.scope = 'domain' AND g.scope_id = d.id)) ORDER BY d.name LIMIT ?";
    const struct sql_value values[] = {sql_text(filter->name),    sql_text(filter->name),    flag(filter->enabled),
                                       flag(filter->enabled),     sql_text(filter->user_id), sql_text(filter->user_id),
                                       sql_int(IDENTITY_LIST_MAX)};
    struct rows rows;
    TRY(db_query(db, arena, sql, values, ARRAY_LEN(values), &rows));
    struct identity_domain *items = arena_alloc(arena, rows.count * sizeof(*items) + 1);
    for (size_t i = 0; i < rows.count; i++)
        read_domain(&rows, i, &items[i]);
    *out = (struct identity_domains){items, rows.count};
    return OK;
}

/* One row that is to change: its id and how. */
struct change {
    const char *id;
    const struct identity_change *change;
};

static enum err change_domain(struct db *db, void *context)
{
    static const char sql[] = "UPDATE identity_domains SET name = COALESCE(?, name), description = COALESCE(?, description),"
                              " enabled = COALESCE(?, enabled) WHERE id = ?";
    const struct change *what = context;
    const struct sql_value values[] = {sql_text(what->change->name), sql_text(what->change->description),
                                       flag(what->change->enabled), sql_text(what->id)};
    uint64_t affected = 0;
    TRY(name_taken(db_exec_count(db, sql, values, ARRAY_LEN(values), &affected), "domain", what->change->name));
    TRY(identity_found(affected, "domain", what->id));
    return what->change->enabled == 0 ? identity_void_tokens(db, "domain", what->id) : OK;
}

enum err identity_domain_change(struct db *db, const char *id, const struct identity_change *change)
{
    return db_transaction(db, change_domain, &(struct change){id, change});
}

/* In this order: what names another row goes first. */
static const char *const domain_content[] = {
    "DELETE g FROM identity_grants g JOIN identity_users u ON u.id = g.user_id WHERE u.domain_id = ?",
    "DELETE g FROM identity_grants g JOIN identity_projects p ON p.id = g.scope_id AND g.scope = 'project' WHERE p.domain_id = ?",
    "DELETE FROM identity_grants WHERE scope = 'domain' AND scope_id = ?",
    "DELETE r FROM identity_credential_roles r JOIN identity_credentials c ON c.id = r.credential_id"
    " JOIN identity_users u ON u.id = c.user_id WHERE u.domain_id = ?",
    "DELETE c FROM identity_credentials c JOIN identity_users u ON u.id = c.user_id WHERE u.domain_id = ?",
    "DELETE c FROM identity_credentials c JOIN identity_projects p ON p.id = c.project_id WHERE p.domain_id = ?",
    "DELETE FROM identity_users WHERE domain_id = ?",
    "DELETE FROM identity_projects WHERE domain_id = ?",
    "DELETE FROM identity_domains WHERE id = ?",
};

static enum err delete_domain(struct db *db, void *context)
{
    static const char lock[] = "SELECT enabled FROM identity_domains WHERE id = ? FOR UPDATE";
    const char *id = context;
    CLEANUP(arena_clear) struct arena arena = {0};
    const struct sql_value key = sql_text(id);
    struct rows rows;
    TRY(db_query(db, &arena, lock, &key, 1, &rows));
    TRY(identity_found(rows.count, "domain", id));
    if (rows_int(&rows, 0, 0))
        return fail(E_FORBIDDEN, "Cannot delete a domain that is enabled, please disable it first.");
    for (size_t i = 0; i < ARRAY_LEN(domain_content); i++)
        TRY(db_exec(db, domain_content[i], &key, 1));
    return identity_void_tokens(db, "domain", id);
}

enum err identity_domain_delete(struct db *db, const char *id)
{
    return db_transaction(db, delete_domain, (void *)id);
}

enum err identity_project_add(struct db *db, const struct identity_project *project)
{
    static const char sql[] = "INSERT INTO identity_projects (id, domain_id, name, description, enabled, tags)"
                              " SELECT ?, d.id, ?, ?, ?, ? FROM identity_domains d WHERE d.id = ?";
    const struct sql_value values[] = {sql_text(project->id),      sql_text(project->name), sql_text(project->description),
                                       sql_bool(project->enabled), sql_text(project->tags), sql_text(project->domain_id)};
    uint64_t affected = 0;
    TRY(name_taken(db_exec_count(db, sql, values, ARRAY_LEN(values), &affected), "project", project->name));
    return identity_found(affected, "domain", project->domain_id);
}

enum err identity_project_get(struct db *db, struct arena *arena, const char *id, struct identity_project *out)
{
    static const char sql[] = "SELECT " PROJECT_COLUMNS " WHERE p.id = ?" LOCKED;
    struct rows rows;
    TRY(db_query(db, arena, sql, (const struct sql_value[]){sql_text(id)}, 1, &rows));
    TRY(identity_found(rows.count, "project", id));
    read_project(&rows, 0, out);
    return OK;
}

enum err identity_project_get_by_name(struct db *db, struct arena *arena, const char *domain_id, const char *name,
                                      struct identity_project *out)
{
    static const char sql[] = "SELECT " PROJECT_COLUMNS " WHERE p.domain_id = ? AND p.name = ?" LOCKED;
    struct rows rows;
    TRY(db_query(db, arena, sql, (const struct sql_value[]){sql_text(domain_id), sql_text(name)}, 2, &rows));
    TRY(identity_found(rows.count, "project", name));
    read_project(&rows, 0, out);
    return OK;
}

enum err identity_project_list(struct db *db, struct arena *arena, const struct identity_filter *filter,
                               struct identity_projects *out)
{
    static const char sql[] = "SELECT " PROJECT_COLUMNS " WHERE (? IS NULL OR p.name = ?) AND (? IS NULL OR p.domain_id = ?)"
                              " AND (? IS NULL OR p.enabled = ?) AND (? IS NULL OR EXISTS (SELECT 1 FROM identity_grants g"
                              " WHERE g.user_id = ? AND g.scope = 'project' AND g.scope_id = p.id)) ORDER BY p.name, p.id LIMIT ?";
    const struct sql_value values[] = {sql_text(filter->name),      sql_text(filter->name),    sql_text(filter->domain_id),
                                       sql_text(filter->domain_id), flag(filter->enabled),     flag(filter->enabled),
                                       sql_text(filter->user_id),   sql_text(filter->user_id), sql_int(IDENTITY_LIST_MAX)};
    struct rows rows;
    TRY(db_query(db, arena, sql, values, ARRAY_LEN(values), &rows));
    struct identity_project *items = arena_alloc(arena, rows.count * sizeof(*items) + 1);
    for (size_t i = 0; i < rows.count; i++)
        read_project(&rows, i, &items[i]);
    *out = (struct identity_projects){items, rows.count};
    return OK;
}

static enum err change_project(struct db *db, void *context)
{
    static const char sql[] = "UPDATE identity_projects SET name = COALESCE(?, name), description = COALESCE(?, description),"
                              " tags = COALESCE(?, tags), enabled = COALESCE(?, enabled) WHERE id = ?";
    const struct change *what = context;
    const struct sql_value values[] = {sql_text(what->change->name), sql_text(what->change->description),
                                       sql_text(what->change->tags), flag(what->change->enabled), sql_text(what->id)};
    uint64_t affected = 0;
    TRY(name_taken(db_exec_count(db, sql, values, ARRAY_LEN(values), &affected), "project", what->change->name));
    TRY(identity_found(affected, "project", what->id));
    return what->change->enabled == 0 ? identity_void_tokens(db, "project", what->id) : OK;
}

enum err identity_project_change(struct db *db, const char *id, const struct identity_change *change)
{
    return db_transaction(db, change_project, &(struct change){id, change});
}

static const char *const project_content[] = {
    "DELETE r FROM identity_credential_roles r JOIN identity_credentials c ON c.id = r.credential_id WHERE c.project_id = ?",
    "DELETE FROM identity_credentials WHERE project_id = ?",
    "DELETE FROM identity_grants WHERE scope = 'project' AND scope_id = ?",
    "UPDATE identity_users SET default_project_id = '' WHERE default_project_id = ?",
};

static enum err delete_project(struct db *db, void *context)
{
    static const char sql[] = "DELETE FROM identity_projects WHERE id = ?";
    const char *id = context;
    const struct sql_value key = sql_text(id);
    uint64_t affected = 0;
    TRY(db_exec_count(db, sql, &key, 1, &affected));
    TRY(identity_found(affected, "project", id));
    for (size_t i = 0; i < ARRAY_LEN(project_content); i++)
        TRY(db_exec(db, project_content[i], &key, 1));
    return identity_void_tokens(db, "project", id);
}

enum err identity_project_delete(struct db *db, const char *id)
{
    return db_transaction(db, delete_project, (void *)id);
}
