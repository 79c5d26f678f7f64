/* See host_labels.h. */
#include "compute/build/host_labels.h"

#include <jansson.h>

#include "compute/build/host_traits.h"
#include "compute/placement/own_labels.h"
#include "schema/aggregate.h"
#include "schema/host_labels.h"

static enum err read_aggregates(struct db *db, struct arena *arena, const char *host, struct own_labels *out)
{
    struct host_aggregates rows;
    TRY(host_aggregates_get(db, arena, host, &rows));
    struct uuid *owned = arena_alloc(arena, (rows.count + 1) * sizeof(*owned));
    struct uuid *aggregates = arena_alloc(arena, (rows.count + 1) * sizeof(*aggregates));
    out->aggregate_count = 0;
    for (size_t i = 0; i < rows.count; i++) {
        owned[i] = rows.items[i].uuid;
        if (rows.items[i].has_host)
            aggregates[out->aggregate_count++] = rows.items[i].uuid;
    }
    out->owned_aggregates = owned;
    out->owned_aggregate_count = rows.count;
    out->aggregates = aggregates;
    return OK;
}

static enum err write_in_transaction(struct db *db, void *context)
{
    const struct uuid *uuid = context;
    CLEANUP(arena_clear) struct arena arena = {0};
    struct host host;
    TRY(host_lock(db, uuid));
    TRY(host_get_by_uuid(db, &arena, uuid, &host));
    json_auto_t *inventory = host.inventory ? json_loads(host.inventory, 0, NULL) : NULL;
    const struct host_traits owned = host_traits_owned(&arena);
    const struct host_traits traits = host_traits_of(&arena, inventory, host.disabled);
    struct own_labels labels = {
        .owned_traits = owned.items, .owned_trait_count = owned.count, .traits = traits.items, .trait_count = traits.count};
    TRY(read_aggregates(db, &arena, host.name, &labels));
    return placement_own_labels_set(db, uuid, &labels);
}

enum err host_labels_write(struct db *db, const struct uuid *host)
{
    struct uuid uuid = *host;
    return db_transaction(db, write_in_transaction, &uuid);
}

struct change {
    const struct host *host;
    const struct service_change *service;
    enum err (*member)(struct db *db, int64_t aggregate, const char *host, const char *default_zone);
    int64_t aggregate;
    const char *name;
    const char *default_zone;
};

static enum err change_service(struct db *db, void *context)
{
    const struct change *change = context;
    TRY(service_update(db, change->host, change->service));
    return host_labels_write(db, &change->host->uuid);
}

enum err host_change_service(struct db *db, const struct host *host, const struct service_change *change)
{
    struct change it = {.host = host, .service = change};
    return db_transaction(db, change_service, &it);
}

static enum err change_member(struct db *db, void *context)
{
    const struct change *change = context;
    CLEANUP(arena_clear) struct arena arena = {0};
    struct host host;
    TRY(change->member(db, change->aggregate, change->name, change->default_zone));
    TRY(host_get(db, &arena, change->name, &host));
    return host_labels_write(db, &host.uuid);
}

enum err host_join_aggregate(struct db *db, int64_t aggregate, const char *host, const char *default_zone)
{
    struct change it = {.member = aggregate_add_host, .aggregate = aggregate, .name = host, .default_zone = default_zone};
    return db_transaction(db, change_member, &it);
}

enum err host_leave_aggregate(struct db *db, int64_t aggregate, const char *host, const char *default_zone)
{
    struct change it = {.member = aggregate_remove_host, .aggregate = aggregate, .name = host, .default_zone = default_zone};
    return db_transaction(db, change_member, &it);
}
