/* Statements on `server_groups` and `server_group_members`; see server_group.h. */
#include "schema/server_group.h"

#include <string.h>

#define GROUP_COLUMNS "id, uuid, project_id, user_id, name, policy, max_server_per_host"

static void read_group(const struct rows *rows, size_t row, struct server_group *out)
{
    *out = (struct server_group){
        .id = rows_int(rows, row, 0),
        .uuid = rows_uuid(rows, row, 1),
        .project_id = rows_text(rows, row, 2),
        .user_id = rows_text(rows, row, 3),
        .name = rows_text(rows, row, 4),
        .policy = rows_text(rows, row, 5),
        .max_server_per_host = rows_int(rows, row, 6),
    };
}

static enum err missing(const struct uuid *uuid)
{
    return fail(E_NOT_FOUND, "Instance group %s could not be found.", uuid_to_text(uuid).text);
}

enum err server_group_count(struct db *db, const char *project_id, const char *user_id, int64_t *out_project, int64_t *out_user)
{
    static const char sql[] = "SELECT COUNT(*), COALESCE(SUM(user_id = ?), 0) FROM server_groups WHERE project_id = ?";
    const struct sql_value values[] = {sql_text(user_id), sql_text(project_id)};
    CLEANUP(arena_clear) struct arena arena = {0};
    struct rows rows;
    TRY(db_query(db, &arena, sql, values, ARRAY_LEN(values), &rows));
    *out_project = rows_int(&rows, 0, 0);
    *out_user = rows_int(&rows, 0, 1);
    return OK;
}

static bool is_over(int64_t used, int64_t limit)
{
    return limit >= 0 && used > limit;
}

/* `more`: groups that are about to be added. */
static enum err check_room(struct db *db, const struct server_group *group, const struct server_group_limits *limits, int64_t more)
{
    int64_t project = 0;
    int64_t user = 0;
    TRY(server_group_count(db, group->project_id, group->user_id, &project, &user));
    if (is_over(project + more, limits->project) || is_over(user + more, limits->user))
        return fail(E_FORBIDDEN, "Quota exceeded, too many server groups.");
    return OK;
}

static enum err insert_group(struct db *db, const struct server_group *group)
{
    static const char sql[] = "INSERT INTO server_groups (uuid, project_id, user_id, name, policy, max_server_per_host, created_at)"
                              " VALUES (?, ?, ?, ?, ?, ?, UTC_TIMESTAMP(6))";
    const struct sql_value values[] = {
        sql_uuid(&group->uuid),   sql_text(group->project_id),
        sql_text(group->user_id), sql_text(group->name),
        sql_text(group->policy),  group->max_server_per_host ? sql_int(group->max_server_per_host) : sql_null()};
    return db_exec(db, sql, values, ARRAY_LEN(values));
}

enum err server_group_add(struct db *db, const struct server_group *group, const struct server_group_limits *limits)
{
    TRY(check_room(db, group, limits, 1));
    TRY(insert_group(db, group));
    const enum err result = check_room(db, group, limits, 0);
    if (result == OK)
        return OK;
    TRY(server_group_delete(db, &group->uuid)); /* beside another request's: both may lose, as in Nova */
    return result == E_FORBIDDEN ? fail(E_FORBIDDEN, "Quota exceeded, too many server groups.") : result;
}

enum err server_group_get(struct db *db, struct arena *arena, const struct uuid *uuid, struct server_group *out)
{
    static const char sql[] = "SELECT " GROUP_COLUMNS " FROM server_groups WHERE uuid = ?";
    const struct sql_value values[] = {sql_uuid(uuid)};
    struct rows rows;
    TRY(db_query(db, arena, sql, values, ARRAY_LEN(values), &rows));
    if (rows.count == 0)
        return missing(uuid);
    read_group(&rows, 0, out);
    return OK;
}

enum err server_group_delete(struct db *db, const struct uuid *uuid)
{
    static const char sql[] = "DELETE FROM server_groups WHERE uuid = ?";
    const struct sql_value values[] = {sql_uuid(uuid)};
    uint64_t deleted = 0;
    TRY(db_exec_count(db, sql, values, ARRAY_LEN(values), &deleted));
    return deleted ? OK : missing(uuid);
}

enum err server_group_list(struct db *db, struct arena *arena, const char *project_id, struct server_groups *out)
{
    static const char sql[] = "SELECT " GROUP_COLUMNS " FROM server_groups WHERE ? OR project_id = ? ORDER BY id";
    const struct sql_value values[] = {sql_bool(project_id == NULL), sql_text(project_id)};
    struct rows rows;
    TRY(db_query(db, arena, sql, values, ARRAY_LEN(values), &rows));
    struct server_group *items = arena_alloc(arena, (rows.count + 1) * sizeof(*items));
    for (size_t i = 0; i < rows.count; i++)
        read_group(&rows, i, &items[i]);
    *out = (struct server_groups){items, rows.count};
    return OK;
}

static void read_uuids(struct arena *arena, const struct rows *rows, struct uuids *out)
{
    struct uuid *items = arena_alloc(arena, (rows->count + 1) * sizeof(*items));
    for (size_t i = 0; i < rows->count; i++)
        items[i] = rows_uuid(rows, i, 0);
    *out = (struct uuids){items, rows->count};
}

enum err server_group_members(struct db *db, struct arena *arena, int64_t group, struct uuids *out)
{
    static const char sql[] =
        "SELECT m.server FROM server_group_members m LEFT JOIN servers s ON s.uuid = m.server"
        " WHERE m.server_group = ? AND m.user_id <> '' AND NOT COALESCE(s.deleted, FALSE) ORDER BY m.joined_at, m.server";
    const struct sql_value values[] = {sql_int(group)};
    struct rows rows;
    TRY(db_query(db, arena, sql, values, ARRAY_LEN(values), &rows));
    read_uuids(arena, &rows, out);
    return OK;
}

enum err server_group_strangers(struct db *db, struct arena *arena, int64_t group, struct uuids *out)
{
    static const char sql[] = "SELECT m.server FROM server_group_members m LEFT JOIN servers s ON s.uuid = m.server"
                              " WHERE m.server_group = ? AND m.user_id <> '' AND s.uuid IS NULL"
                              " AND COALESCE(m.claimed_until, 0) < UTC_TIMESTAMP(6) ORDER BY m.joined_at, m.server";
    const struct sql_value values[] = {sql_int(group)};
    struct rows rows;
    TRY(db_query(db, arena, sql, values, ARRAY_LEN(values), &rows));
    read_uuids(arena, &rows, out);
    return OK;
}

/* Names of locks are the database server's, not the schema's: a group's uuid is one. */
enum err server_group_lock(struct db *db, const struct uuid *uuid, int64_t wait_ms)
{
    static const char sql[] = "SELECT GET_LOCK(CONCAT('zonegate.group.', ?), ? / 1000.0)";
    const struct uuid_text text = uuid_to_text(uuid);
    const struct sql_value values[] = {sql_text(text.text), sql_int(wait_ms)};
    CLEANUP(arena_clear) struct arena arena = {0};
    struct rows rows;
    TRY(db_query(db, &arena, sql, values, ARRAY_LEN(values), &rows));
    if (rows_int(&rows, 0, 0) != 1)
        return fail(E_UNAVAILABLE, "Other requests use server group %s; try again.", text.text);
    return OK;
}

enum err server_group_unlock(struct db *db, const struct uuid *uuid)
{
    static const char sql[] = "SELECT RELEASE_LOCK(CONCAT('zonegate.group.', ?))";
    const struct uuid_text text = uuid_to_text(uuid);
    const struct sql_value values[] = {sql_text(text.text)};
    CLEANUP(arena_clear) struct arena arena = {0};
    struct rows rows;
    return db_query(db, &arena, sql, values, ARRAY_LEN(values), &rows);
}

struct joining {
    int64_t group;
    const struct uuid *server;
    const char *user_id;
    int64_t limit;
};

static enum err lock_group(struct db *db, int64_t group)
{
    static const char sql[] = "SELECT id FROM server_groups WHERE id = ? FOR UPDATE";
    const struct sql_value value = sql_int(group);
    CLEANUP(arena_clear) struct arena arena = {0};
    struct rows rows;
    return db_query_one(db, &arena, sql, &value, 1, "The server group is gone.", &rows);
}

static enum err is_member(struct db *db, const struct joining *joining, bool *out)
{
    static const char sql[] = "SELECT 1 FROM server_group_members WHERE server_group = ? AND server = ?";
    const struct sql_value values[] = {sql_int(joining->group), sql_uuid(joining->server)};
    CLEANUP(arena_clear) struct arena arena = {0};
    struct rows rows;
    TRY(db_query(db, &arena, sql, values, ARRAY_LEN(values), &rows));
    *out = rows.count > 0;
    return OK;
}

static enum err check_members(struct db *db, const struct joining *joining)
{
    static const char sql[] = "SELECT COUNT(*) FROM server_group_members m LEFT JOIN servers s ON s.uuid = m.server"
                              " WHERE m.server_group = ? AND m.user_id = ? AND NOT COALESCE(s.deleted, FALSE)";
    const struct sql_value values[] = {sql_int(joining->group), sql_text(joining->user_id)};
    CLEANUP(arena_clear) struct arena arena = {0};
    struct rows rows;
    TRY(db_query(db, &arena, sql, values, ARRAY_LEN(values), &rows));
    if (is_over(rows_int(&rows, 0, 0) + 1, joining->limit))
        return fail(E_FORBIDDEN, "Quota exceeded, too many servers in group");
    return OK;
}

/* `claimed_s` 0: it exists. */
static enum err insert_member(struct db *db, const struct joining *joining, int64_t claimed_s)
{
    static const char sql[] = "INSERT INTO server_group_members (server_group, server, user_id, joined_at, claimed_until)"
                              " VALUES (?, ?, ?, UTC_TIMESTAMP(6), IF(? > 0, UTC_TIMESTAMP(6) + INTERVAL ? SECOND, NULL))";
    const struct sql_value values[] = {sql_int(joining->group), sql_uuid(joining->server), sql_text(joining->user_id),
                                       sql_int(claimed_s), sql_int(claimed_s)};
    return db_exec(db, sql, values, ARRAY_LEN(values));
}

static enum err add_member(struct db *db, const struct joining *joining, int64_t claimed_s)
{
    bool there = false;
    TRY(is_member(db, joining, &there));
    if (there)
        return OK;
    TRY(check_members(db, joining));
    return insert_member(db, joining, claimed_s);
}

static enum err join_in_transaction(struct db *db, void *context)
{
    const struct joining *joining = context;
    TRY(lock_group(db, joining->group));
    return add_member(db, joining, 0);
}

enum err server_group_join(struct db *db, int64_t group, const struct uuid *server, const char *user_id, int64_t limit)
{
    struct joining joining = {group, server, user_id, limit};
    return db_transaction(db, join_in_transaction, &joining);
}

/* --- claims */

static bool is_among(const struct uuid *uuids, size_t count, const struct uuid *uuid)
{
    for (size_t i = 0; i < count; i++) {
        if (uuid_equal(&uuids[i], uuid))
            return true;
    }
    return false;
}

/* Somebody else's servers that are neither made nor given up. */
static enum err check_pending(struct db *db, const struct server_group *group, const struct server_group_claim *claim)
{
    static const char sql[] = "SELECT server FROM server_group_members WHERE server_group = ? AND claimed_until > UTC_TIMESTAMP(6)";
    const struct sql_value value = sql_int(group->id);
    CLEANUP(arena_clear) struct arena arena = {0};
    struct rows rows;
    TRY(db_query(db, &arena, sql, &value, 1, &rows));
    for (size_t i = 0; i < rows.count; i++) {
        const struct uuid server = rows_uuid(&rows, i, 0);
        if (!is_among(claim->servers, claim->count, &server) && !(claim->turn && uuid_equal(claim->turn, &server)))
            return fail(E_TOO_MANY, "Server group %s is about to get other members.", uuid_to_text(&group->uuid).text);
    }
    return OK;
}

/* Servers that must be together: whoever is there already was known when the places were chosen. */
static enum err check_known(struct db *db, const struct server_group *group, const struct server_group_claim *claim)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    struct uuids members;
    if (strcmp(group->policy, "affinity") != 0)
        return OK;
    TRY(check_pending(db, group, claim));
    TRY(server_group_members(db, &arena, group->id, &members));
    for (size_t i = 0; i < members.count; i++) {
        if (!is_among(claim->known, claim->known_count, &members.items[i]) &&
            !is_among(claim->servers, claim->count, &members.items[i]))
            return fail(E_CONFLICT, "Server group %s got other members meanwhile.", uuid_to_text(&group->uuid).text);
    }
    return OK;
}

static enum err add_all(struct db *db, const struct server_group *group, const struct server_group_claim *claim, int64_t claimed_s)
{
    for (size_t i = 0; i < claim->count; i++) {
        const struct joining joining = {group->id, &claim->servers[i], claim->user_id, claimed_s ? claim->limit : -1};
        TRY(add_member(db, &joining, claimed_s));
    }
    return OK;
}

/* A turn is a row of no user's. */
static enum err take_turn(struct db *db, const struct server_group *group, const struct server_group_claim *claim)
{
    static const char sql[] = "DELETE FROM server_group_members WHERE server_group = ? AND user_id = ''";
    const struct sql_value value = sql_int(group->id);
    const struct joining joining = {group->id, claim->turn, "", -1};
    TRY(db_exec(db, sql, &value, 1)); /* over, since nobody's is pending; or it is this one */
    return insert_member(db, &joining, SERVER_GROUP_TURN_S);
}

static enum err claim_in_transaction(struct db *db, void *context)
{
    const struct server_group_claim *claim = context;
    CLEANUP(arena_clear) struct arena arena = {0};
    struct server_group group;
    TRY(server_group_get(db, &arena, claim->group, &group));
    TRY(lock_group(db, group.id));
    TRY(check_known(db, &group, claim));
    return claim->turn && !claim->count ? take_turn(db, &group, claim) : add_all(db, &group, claim, SERVER_GROUP_CLAIM_S);
}

enum err server_group_claim(struct db *db, const struct server_group_claim *claim)
{
    struct server_group_claim copy = *claim;
    return db_transaction(db, claim_in_transaction, &copy);
}

static enum err confirm_in_transaction(struct db *db, void *context)
{
    static const char sql[] = "UPDATE server_group_members SET claimed_until = NULL WHERE server_group = ? AND server = ?";
    const struct server_group_claim *claim = context;
    CLEANUP(arena_clear) struct arena arena = {0};
    struct server_group group;
    TRY(server_group_get(db, &arena, claim->group, &group));
    TRY(lock_group(db, group.id));
    TRY(add_all(db, &group, claim, 0));
    for (size_t i = 0; i < claim->count; i++) {
        const struct sql_value values[] = {sql_int(group.id), sql_uuid(&claim->servers[i])};
        TRY(db_exec(db, sql, values, ARRAY_LEN(values)));
    }
    return OK;
}

enum err server_group_confirm(struct db *db, const struct server_group_claim *claim)
{
    struct server_group_claim copy = *claim;
    return db_transaction(db, confirm_in_transaction, &copy);
}

enum err server_group_release(struct db *db, const struct server_group_claim *claim)
{
    static const char sql[] = "DELETE FROM server_group_members WHERE server = ? AND claimed_until IS NOT NULL";
    for (size_t i = 0; i < claim->count; i++) {
        const struct sql_value value = sql_uuid(&claim->servers[i]);
        TRY(db_exec(db, sql, &value, 1));
    }
    return OK;
}

enum err server_group_leave(struct db *db, const struct uuid *server)
{
    static const char sql[] = "DELETE FROM server_group_members WHERE server = ?";
    const struct sql_value values[] = {sql_uuid(server)};
    return db_exec(db, sql, values, ARRAY_LEN(values));
}

enum err server_group_of_server(struct db *db, struct arena *arena, const struct uuid *server, struct uuids *out)
{
    static const char sql[] = "SELECT g.uuid FROM server_group_members m JOIN server_groups g ON g.id = m.server_group"
                              " WHERE m.server = ? ORDER BY g.id";
    const struct sql_value values[] = {sql_uuid(server)};
    struct rows rows;
    TRY(db_query(db, arena, sql, values, ARRAY_LEN(values), &rows));
    read_uuids(arena, &rows, out);
    return OK;
}
