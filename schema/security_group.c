/* Statements on security groups; see security_group.h. */
#include "schema/security_group.h"

#include <string.h>

#include "schema/sql_list.h"

#define GROUP_COLUMNS "g.uuid, g.project_id, g.name, g.description"
#define RULE_COLUMNS  "r.uuid, r.parent, r.protocol, r.from_port, r.to_port, r.cidr, r.source, s.name"
#define RULE_TABLES   "security_group_rules r LEFT JOIN security_groups s ON s.uuid = r.source"

static void read_group(const struct rows *rows, size_t row, struct security_group *out)
{
    *out =
        (struct security_group){rows_uuid(rows, row, 0), rows_text(rows, row, 1), rows_text(rows, row, 2), rows_text(rows, row, 3)};
}

static void read_groups(struct arena *arena, const struct rows *rows, struct security_groups *out)
{
    struct security_group *items = arena_alloc(arena, (rows->count + 1) * sizeof(*items));
    for (size_t i = 0; i < rows->count; i++)
        read_group(rows, i, &items[i]);
    *out = (struct security_groups){items, rows->count};
}

enum err security_group_list(struct db *db, struct arena *arena, const char *project_id, struct security_groups *out)
{
    static const char sql[] = "SELECT " GROUP_COLUMNS " FROM security_groups g WHERE ? IS NULL OR g.project_id = ?"
                              " ORDER BY g.name, g.uuid";
    const struct sql_value values[] = {sql_text(project_id), sql_text(project_id)};
    struct rows rows;
    TRY(db_query(db, arena, sql, values, ARRAY_LEN(values), &rows));
    read_groups(arena, &rows, out);
    return OK;
}

enum err security_group_count(struct db *db, const char *project_id, int64_t *out)
{
    static const char sql[] = "SELECT COUNT(*) FROM security_groups WHERE project_id = ?";
    const struct sql_value value = sql_text(project_id);
    CLEANUP(arena_clear) struct arena arena = {0};
    struct rows rows;
    TRY(db_query(db, &arena, sql, &value, 1, &rows));
    *out = rows_int(&rows, 0, 0);
    return OK;
}

enum err security_group_get(struct db *db, struct arena *arena, const struct uuid *uuid, const char *project_id,
                            struct security_group *out)
{
    static const char sql[] = "SELECT " GROUP_COLUMNS " FROM security_groups g WHERE g.uuid = ?";
    const struct sql_value value = sql_uuid(uuid);
    struct rows rows;
    TRY(db_query(db, arena, sql, &value, 1, &rows));
    if (!rows.count || (project_id && !str_equal(project_id, rows_text(&rows, 0, 1))))
        return fail(E_NOT_FOUND, "Security group %s not found.", uuid_to_text(uuid).text);
    read_group(&rows, 0, out);
    return OK;
}

enum err security_group_named(struct db *db, struct arena *arena, const char *project_id, const char *name,
                              struct security_group *out)
{
    static const char sql[] = "SELECT " GROUP_COLUMNS " FROM security_groups g WHERE g.project_id = ? AND g.name = ?";
    const struct sql_value values[] = {sql_text(project_id), sql_text(name)};
    struct rows rows;
    struct uuid uuid;
    if (strcmp(name, SECURITY_GROUP_DEFAULT) == 0)
        return security_group_default(db, arena, project_id, out);
    TRY(db_query(db, arena, sql, values, ARRAY_LEN(values), &rows));
    if (rows.count) {
        read_group(&rows, 0, out);
        return OK;
    }
    if (uuid_from_text(name, &uuid) == OK && security_group_get(db, arena, &uuid, project_id, out) == OK)
        return OK;
    return fail(E_NOT_FOUND, "Security group %s not found for project %s.", name, project_id);
}

enum err security_group_default(struct db *db, struct arena *arena, const char *project_id, struct security_group *out)
{
    static const char insert[] = "INSERT IGNORE INTO security_groups (uuid, project_id, name, description, created_at)"
                                 " VALUES (?, ?, 'default', 'Default security group', UTC_TIMESTAMP(6))";
    static const char select[] = "SELECT " GROUP_COLUMNS " FROM security_groups g WHERE g.project_id = ? AND g.name = 'default'";
    struct uuid uuid;
    uuid_new(&uuid);
    const struct sql_value values[] = {sql_uuid(&uuid), sql_text(project_id)};
    struct rows rows;
    TRY(db_query(db, arena, select, &values[1], 1, &rows));
    if (!rows.count) {
        TRY(db_exec(db, insert, values, ARRAY_LEN(values)));
        TRY(db_query_one(db, arena, select, &values[1], 1, "The project's default security group cannot be made.", &rows));
    }
    read_group(&rows, 0, out);
    return OK;
}

enum err security_group_add(struct db *db, const struct security_group *group)
{
    static const char sql[] = "INSERT INTO security_groups (uuid, project_id, name, description, created_at)"
                              " VALUES (?, ?, ?, ?, UTC_TIMESTAMP(6))";
    const struct sql_value values[] = {sql_uuid(&group->uuid), sql_text(group->project_id), sql_text(group->name),
                                       sql_text(group->description)};
    const enum err result = db_exec(db, sql, values, ARRAY_LEN(values));
    return result == E_CONFLICT
               ? fail(E_CONFLICT, "Security group %s already exists for project %s", group->name, group->project_id)
               : result;
}

enum err security_group_update(struct db *db, const struct security_group *group)
{
    static const char sql[] = "UPDATE security_groups SET name = ?, description = ? WHERE uuid = ?";
    const struct sql_value values[] = {sql_text(group->name), sql_text(group->description), sql_uuid(&group->uuid)};
    const enum err result = db_exec(db, sql, values, ARRAY_LEN(values));
    return result == E_CONFLICT
               ? fail(E_CONFLICT, "Security group %s already exists for project %s", group->name, group->project_id)
               : result;
}

static enum err is_used(struct db *db, struct arena *arena, const struct uuid *uuid, bool *out)
{
    static const char sql[] = "SELECT 1 FROM server_security_groups WHERE security_group = ? LIMIT 1";
    const struct sql_value value = sql_uuid(uuid);
    struct rows rows;
    TRY(db_query(db, arena, sql, &value, 1, &rows));
    *out = rows.count > 0;
    return OK;
}

static enum err delete_in_transaction(struct db *db, void *context)
{
    static const char lock[] = "SELECT 1 FROM security_groups WHERE uuid = ? FOR UPDATE";
    static const char rules[] = "DELETE FROM security_group_rules WHERE parent = ? OR source = ?";
    static const char group[] = "DELETE FROM security_groups WHERE uuid = ?";
    const struct uuid *uuid = context;
    const struct sql_value value = sql_uuid(uuid);
    const struct sql_value values[] = {value, value};
    CLEANUP(arena_clear) struct arena arena = {0};
    struct rows rows;
    bool used = false;
    TRY(db_query(db, &arena, lock, &value, 1, &rows));
    TRY(is_used(db, &arena, uuid, &used));
    if (used)
        return fail(E_CONFLICT, "Security Group %s in use.", uuid_to_text(uuid).text);
    TRY(db_exec(db, rules, values, ARRAY_LEN(values)));
    return db_exec(db, group, &value, 1);
}

enum err security_group_delete(struct db *db, const struct uuid *uuid)
{
    struct uuid copy = *uuid;
    return db_transaction(db, delete_in_transaction, &copy);
}

/* --- rules */

static void read_rules(struct arena *arena, const struct rows *rows, struct security_rules *out)
{
    struct security_rule *items = arena_alloc(arena, (rows->count + 1) * sizeof(*items));
    for (size_t i = 0; i < rows->count; i++) {
        items[i] = (struct security_rule){
            .uuid = rows_uuid(rows, i, 0),
            .parent = rows_uuid(rows, i, 1),
            .protocol = rows_text(rows, i, 2),
            .has_ports = !rows_is_null(rows, i, 3),
            .from_port = (int)rows_int(rows, i, 3),
            .to_port = (int)rows_int(rows, i, 4),
            .cidr = rows_text(rows, i, 5),
            .source = rows_uuid(rows, i, 6),
            .source_name = rows_text(rows, i, 7),
        };
    }
    *out = (struct security_rules){items, rows->count};
}

enum err security_rule_list(struct db *db, struct arena *arena, const struct uuid *groups, size_t count, struct security_rules *out)
{
    CLEANUP(text_clear) struct text sql = {0};
    const struct sql_list list = sql_list_uuids(arena, groups, count);
    struct rows rows;
    text_add_str(&sql, "SELECT " RULE_COLUMNS " FROM " RULE_TABLES " WHERE r.parent IN (");
    sql_list_write(&sql, list.count);
    text_add_str(&sql, ") ORDER BY r.created_at, r.uuid");
    TRY(db_query(db, arena, text_str(&sql), list.values, list.count, &rows));
    read_rules(arena, &rows, out);
    return OK;
}

enum err security_rule_get(struct db *db, struct arena *arena, const struct uuid *uuid, struct security_rule *out)
{
    static const char sql[] = "SELECT " RULE_COLUMNS " FROM " RULE_TABLES " WHERE r.uuid = ?";
    const struct sql_value value = sql_uuid(uuid);
    struct security_rules rules;
    struct rows rows;
    TRY(db_query(db, arena, sql, &value, 1, &rows));
    if (!rows.count)
        return fail(E_NOT_FOUND, "Security group rule %s not found.", uuid_to_text(uuid).text);
    read_rules(arena, &rows, &rules);
    *out = rules.items[0];
    return OK;
}

static bool is_same(const struct security_rule *a, const struct security_rule *b)
{
    return str_equal(a->protocol, b->protocol) && a->has_ports == b->has_ports && a->from_port == b->from_port &&
           a->to_port == b->to_port && str_equal(a->cidr, b->cidr) && uuid_equal(&a->source, &b->source);
}

static enum err add_in_transaction(struct db *db, void *context)
{
    static const char lock[] = "SELECT 1 FROM security_groups WHERE uuid = ? FOR UPDATE";
    static const char sql[] =
        "INSERT INTO security_group_rules (uuid, parent, protocol, from_port, to_port, cidr, source, created_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, UTC_TIMESTAMP(6))";
    const struct security_rule *rule = context;
    const struct sql_value parent = sql_uuid(&rule->parent);
    CLEANUP(arena_clear) struct arena arena = {0};
    struct security_rules known;
    struct rows rows;
    TRY(db_query_one(db, &arena, lock, &parent, 1, "The security group is gone.", &rows));
    TRY(security_rule_list(db, &arena, &rule->parent, 1, &known));
    for (size_t i = 0; i < known.count; i++) {
        if (is_same(&known.items[i], rule))
            return fail(E_CONFLICT, "This rule already exists in group %s", uuid_to_text(&rule->parent).text);
    }
    const struct sql_value values[] = {sql_uuid(&rule->uuid),
                                       parent,
                                       sql_text(rule->protocol),
                                       rule->has_ports ? sql_int(rule->from_port) : sql_null(),
                                       rule->has_ports ? sql_int(rule->to_port) : sql_null(),
                                       sql_text(rule->cidr),
                                       uuid_is_zero(&rule->source) ? sql_null() : sql_uuid(&rule->source)};
    return db_exec(db, sql, values, ARRAY_LEN(values));
}

enum err security_rule_add(struct db *db, const struct security_rule *rule)
{
    struct security_rule copy = *rule;
    return db_transaction(db, add_in_transaction, &copy);
}

enum err security_rule_delete(struct db *db, const struct uuid *uuid)
{
    static const char sql[] = "DELETE FROM security_group_rules WHERE uuid = ?";
    const struct sql_value value = sql_uuid(uuid);
    return db_exec(db, sql, &value, 1);
}

/* --- servers */

enum err security_group_join(struct db *db, const struct uuid *server, const struct uuid *group)
{
    static const char sql[] = "INSERT IGNORE INTO server_security_groups (server, security_group) VALUES (?, ?)";
    const struct sql_value values[] = {sql_uuid(server), sql_uuid(group)};
    return db_exec(db, sql, values, ARRAY_LEN(values));
}

enum err security_group_leave(struct db *db, const struct uuid *server, const struct uuid *group)
{
    static const char sql[] = "DELETE FROM server_security_groups WHERE server = ? AND security_group = ?";
    const struct sql_value values[] = {sql_uuid(server), sql_uuid(group)};
    return db_exec(db, sql, values, ARRAY_LEN(values));
}

enum err security_group_leave_all(struct db *db, const struct uuid *server)
{
    static const char sql[] = "DELETE FROM server_security_groups WHERE server = ?";
    const struct sql_value value = sql_uuid(server);
    return db_exec(db, sql, &value, 1);
}

enum err security_groups_of_server(struct db *db, struct arena *arena, const struct uuid *server, struct security_groups *out)
{
    static const char sql[] =
        "SELECT " GROUP_COLUMNS " FROM server_security_groups m JOIN security_groups g ON g.uuid = m.security_group"
        " WHERE m.server = ? ORDER BY g.name, g.uuid";
    const struct sql_value value = sql_uuid(server);
    struct rows rows;
    TRY(db_query(db, arena, sql, &value, 1, &rows));
    read_groups(arena, &rows, out);
    return OK;
}

static void read_ids(struct arena *arena, const struct rows *rows, const struct uuid **out, size_t *out_count)
{
    struct uuid *ids = arena_alloc(arena, (rows->count + 1) * sizeof(*ids));
    for (size_t i = 0; i < rows->count; i++)
        ids[i] = rows_uuid(rows, i, 0);
    *out = ids;
    *out_count = rows->count;
}

enum err security_groups_as_source(struct db *db, struct arena *arena, const struct uuid *server, const struct uuid **out,
                                   size_t *out_count)
{
    static const char sql[] = "SELECT m.security_group FROM server_security_groups m WHERE m.server = ?"
                              " AND EXISTS (SELECT 1 FROM security_group_rules r WHERE r.source = m.security_group)";
    const struct sql_value value = sql_uuid(server);
    struct rows rows;
    TRY(db_query(db, arena, sql, &value, 1, &rows));
    read_ids(arena, &rows, out, out_count);
    return OK;
}

enum err security_group_concerns(struct db *db, struct arena *arena, const struct uuid *group, const struct uuid **out,
                                 size_t *out_count)
{
    static const char sql[] =
        "SELECT DISTINCT m.server FROM server_security_groups m WHERE m.security_group = ? OR m.security_group IN"
        " (SELECT parent FROM security_group_rules WHERE source = ?)";
    const struct sql_value values[] = {sql_uuid(group), sql_uuid(group)};
    struct rows rows;
    TRY(db_query(db, arena, sql, values, ARRAY_LEN(values), &rows));
    read_ids(arena, &rows, out, out_count);
    return OK;
}

enum err security_group_addresses(struct db *db, struct arena *arena, const struct uuid *group, const uint32_t **out,
                                  size_t *out_count)
{
    static const char sql[] = "SELECT p.address FROM server_security_groups m JOIN ports p ON p.server = m.server"
                              " WHERE m.security_group = ? AND p.address IS NOT NULL ORDER BY p.address";
    const struct sql_value value = sql_uuid(group);
    struct rows rows;
    TRY(db_query(db, arena, sql, &value, 1, &rows));
    uint32_t *addresses = arena_alloc(arena, (rows.count + 1) * sizeof(*addresses));
    for (size_t i = 0; i < rows.count; i++)
        addresses[i] = (uint32_t)rows_int(&rows, i, 0);
    *out = addresses;
    *out_count = rows.count;
    return OK;
}
