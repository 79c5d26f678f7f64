/* Changes of aggregates that may change a host's availability zone: checked and carried out under locks. See aggregate.h. */
#include <string.h>

#include "gateway/base/text.h"
#include "schema/aggregate_inside.h"
#include "schema/host_zone.h"

/* Why a zone cannot be given. Hosts are locked first, so that two changes do not miss each other. */
struct zone_check {
    struct arena *arena;
    const struct aggregate *aggregate;
    const char *const *hosts;
    size_t host_count;
    const char *zone;
    const char *reason; /* NULL: none */
};

static enum err lock_host(struct db *db, const char *host)
{
    static const char sql[] = "SELECT 1 FROM hosts WHERE name = ? FOR UPDATE";
    const struct sql_value value = sql_text(host);
    CLEANUP(arena_clear) struct arena arena = {0};
    struct rows rows;
    TRY(db_query(db, &arena, sql, &value, 1, &rows));
    return rows.count ? OK : fail(E_NOT_FOUND, "Compute host %s could not be found.", host);
}

static enum err other_zone(struct db *db, const struct zone_check *check, const char *host, const char **out)
{
    static const char sql[] = "SELECT m.value FROM aggregate_hosts h JOIN aggregate_metadata m ON m.aggregate = h.aggregate"
                              " AND m.name = '" HOST_ZONE_KEY "' WHERE h.host = ? AND h.aggregate <> ? AND m.value <> ? LIMIT 1";
    const struct sql_value values[] = {sql_text(host), sql_int(check->aggregate->id), sql_text(check->zone)};
    struct rows rows;
    TRY(db_query(db, check->arena, sql, values, ARRAY_LEN(values), &rows));
    *out = rows.count ? rows_text(&rows, 0, 0) : NULL;
    return OK;
}

static enum err check_zone(struct db *db, struct zone_check *check)
{
    if (!check->zone || !*check->zone) {
        check->reason =
            arena_printf(check->arena, "Aggregate %s does not support empty named availability zone", check->aggregate->name);
        return OK;
    }
    for (size_t i = 0; i < check->host_count; i++) {
        const char *other = NULL;
        TRY(other_zone(db, check, check->hosts[i], &other));
        if (other) {
            check->reason = arena_printf(check->arena, "One or more hosts already in availability zone(s) ['%s']", other);
            return OK;
        }
    }
    return OK;
}

static enum err count_servers(struct db *db, const char *host, int64_t *out)
{
    static const char sql[] = "SELECT COUNT(*) FROM servers WHERE host = ? AND deleted = FALSE";
    const struct sql_value value = sql_text(host);
    CLEANUP(arena_clear) struct arena arena = {0};
    struct rows rows;
    TRY(db_query(db, &arena, sql, &value, 1, &rows));
    *out = rows_int(&rows, 0, 0);
    return OK;
}

static enum err check_servers(struct db *db, struct zone_check *check)
{
    if (check->reason || str_equal(check->aggregate->availability_zone, check->zone))
        return OK;
    for (size_t i = 0; i < check->host_count; i++) {
        int64_t servers = 0;
        TRY(count_servers(db, check->hosts[i], &servers));
        if (servers)
            check->reason = "One or more hosts contain instances in this zone";
    }
    return OK;
}

/* The servers of a host show the host's zone. */
static enum err show_zone(struct db *db, const char *host, const char *default_zone)
{
    static const char sql[] = "UPDATE servers JOIN hosts ON hosts.name = servers.host"
                              " SET servers.availability_zone = COALESCE(" HOST_ZONE ", ?)"
                              " WHERE servers.host = ? AND servers.deleted = FALSE";
    const struct sql_value values[] = {sql_text(default_zone), sql_text(host)};
    return db_exec(db, sql, values, ARRAY_LEN(values));
}

static enum err touch(struct db *db, int64_t id)
{
    static const char sql[] = "UPDATE aggregates SET updated_at = UTC_TIMESTAMP(6) WHERE id = ?";
    const struct sql_value value = sql_int(id);
    return db_exec(db, sql, &value, 1);
}

struct host_change {
    int64_t id;
    const char *host;
    const char *default_zone;
};

static enum err insert_host(struct db *db, const struct host_change *change)
{
    static const char sql[] = "INSERT INTO aggregate_hosts (aggregate, host, added_at) VALUES (?, ?, UTC_TIMESTAMP(6))";
    const struct sql_value values[] = {sql_int(change->id), sql_text(change->host)};
    const enum err result = db_exec(db, sql, values, ARRAY_LEN(values));
    if (result == E_CONFLICT)
        return fail(E_CONFLICT, "Aggregate %lld already has host %s.", (long long)change->id, change->host);
    return result;
}

static enum err add_host_in_transaction(struct db *db, void *context)
{
    const struct host_change *change = context;
    CLEANUP(arena_clear) struct arena arena = {0};
    struct aggregate aggregate;
    TRY(lock_host(db, change->host));
    TRY(aggregate_lock(db, &arena, change->id, &aggregate));
    if (aggregate.availability_zone) {
        struct zone_check check = {&arena, &aggregate, &change->host, 1, aggregate.availability_zone, NULL};
        TRY(check_zone(db, &check));
        if (check.reason)
            return fail(E_CONFLICT, "Cannot add host to aggregate %lld. Reason: %s.", (long long)change->id, check.reason);
    }
    TRY(insert_host(db, change));
    TRY(touch(db, change->id));
    return show_zone(db, change->host, change->default_zone);
}

enum err aggregate_add_host(struct db *db, int64_t id, const char *host, const char *default_zone)
{
    struct host_change change = {id, host, default_zone};
    return db_transaction(db, add_host_in_transaction, &change);
}

static enum err remove_host_in_transaction(struct db *db, void *context)
{
    static const char sql[] = "DELETE FROM aggregate_hosts WHERE aggregate = ? AND host = ?";
    const struct host_change *change = context;
    const struct sql_value values[] = {sql_int(change->id), sql_text(change->host)};
    uint64_t removed = 0;
    TRY(db_exec_count(db, sql, values, ARRAY_LEN(values), &removed));
    if (!removed)
        return fail(E_NOT_FOUND, "Cannot remove host %s in aggregate %lld", change->host, (long long)change->id);
    TRY(touch(db, change->id));
    return show_zone(db, change->host, change->default_zone);
}

enum err aggregate_remove_host(struct db *db, int64_t id, const char *host, const char *default_zone)
{
    struct host_change change = {id, host, default_zone};
    return db_transaction(db, remove_host_in_transaction, &change);
}

struct update {
    int64_t id;
    const struct aggregate_change *change;
};

static enum err set_name(struct db *db, int64_t id, const char *name)
{
    static const char sql[] = "UPDATE aggregates SET name = ? WHERE id = ?";
    const struct sql_value values[] = {sql_text(name), sql_int(id)};
    const enum err result = db_exec(db, sql, values, ARRAY_LEN(values));
    return result == E_CONFLICT ? fail(E_CONFLICT, "Aggregate %s already exists.", name) : result;
}

static enum err check_new_zone(struct db *db, struct arena *arena, const struct aggregate *aggregate,
                               const struct aggregate_change *change)
{
    const json_t *zone = json_object_get(change->metadata, HOST_ZONE_KEY);
    struct zone_check check = {arena, aggregate, aggregate->hosts, aggregate->host_count, json_string_value(zone), NULL};
    if (!zone)
        return OK;
    for (size_t i = 0; i < aggregate->host_count; i++)
        TRY(lock_host(db, aggregate->hosts[i]));
    TRY(check_zone(db, &check));
    TRY(check_servers(db, &check));
    if (check.reason)
        return fail(E_INVALID, "Cannot %s %lld. Reason: %s.", change->verb, (long long)aggregate->id, check.reason);
    return OK;
}

static enum err remove_item(struct db *db, int64_t id, const char *name)
{
    static const char sql[] = "DELETE FROM aggregate_metadata WHERE aggregate = ? AND name = ?";
    const struct sql_value values[] = {sql_int(id), sql_text(name)};
    return db_exec(db, sql, values, ARRAY_LEN(values));
}

static enum err merge_metadata(struct db *db, int64_t id, const json_t *metadata)
{
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach((json_t *)metadata, name, value)
    {
        const char *text = json_string_value(value);
        TRY(text ? aggregate_set_item(db, id, name, text) : remove_item(db, id, name));
    }
    return OK;
}

static enum err update_in_transaction(struct db *db, void *context)
{
    const struct update *update = context;
    const struct aggregate_change *change = update->change;
    CLEANUP(arena_clear) struct arena arena = {0};
    struct aggregate aggregate;
    TRY(aggregate_lock(db, &arena, update->id, &aggregate));
    TRY(check_new_zone(db, &arena, &aggregate, change));
    if (change->name)
        TRY(set_name(db, update->id, change->name));
    if (change->metadata)
        TRY(merge_metadata(db, update->id, change->metadata));
    for (size_t i = 0; i < aggregate.host_count; i++)
        TRY(show_zone(db, aggregate.hosts[i], change->default_zone));
    return touch(db, update->id);
}

enum err aggregate_update(struct db *db, int64_t id, const struct aggregate_change *change)
{
    struct update update = {id, change};
    return db_transaction(db, update_in_transaction, &update);
}
