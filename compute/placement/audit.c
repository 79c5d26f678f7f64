/* See audit.h. A look gives findings; the repair of each looks again under locks. */
#include "compute/placement/audit.h"

#include <string.h>

#include "compute/placement/allocation.h"
#include "compute/placement/candidates.h"
#include "compute/placement/inside.h"
#include "schema/placement_allocation.h"
#include "schema/placement_audit.h"
#include "schema/server.h"

static const char *const kind_names[] = {
#define AUDIT_NAME(kind, name) [kind] = (name),
    AUDIT_LIST(AUDIT_NAME)
#undef AUDIT_NAME
};
_Static_assert(ARRAY_LEN(kind_names) == AUDIT_KIND_COUNT, "every kind has a name");

const char *audit_kind_name(enum audit_kind kind)
{
    return kind_names[kind];
}

/* What a repair works with. `settled`: the second look found nothing any more. */
struct repair {
    struct audit_finding *finding;
    int64_t consumer_id;
    int64_t provider_id;
    bool settled;
};

/* --- consumers that nobody needs */

/* The order of locks is that of a claim: providers by id, then the consumer. False: there is no such consumer any more. */
static enum err lock_claim(struct db *db, struct arena *arena, const struct uuid *consumer, bool *out_found)
{
    struct allocation_rows old;
    struct provider_rows providers;
    struct consumer_rows consumers;
    TRY(allocations_of_consumers(db, arena, consumer, 1, &old));
    struct uuid *uuids = arena_alloc(arena, (old.count + 1) * sizeof(*uuids));
    for (size_t i = 0; i < old.count; i++)
        uuids[i] = old.items[i].provider;
    TRY(provider_rows_get(db, arena, uuids, old.count, &providers));
    if (providers.count)
        TRY(provider_rows_lock(db, arena, &providers));
    TRY(consumer_rows_get(db, arena, consumer, 1, true, &consumers));
    *out_found = consumers.count > 0;
    return OK;
}

static enum err remove_orphan(struct db *db, void *context)
{
    struct repair *repair = context;
    const struct uuid *consumer = &repair->finding->consumer;
    CLEANUP(arena_clear) struct arena arena = {0};
    struct audit_consumers again = {0};
    bool found = false;
    TRY(lock_claim(db, &arena, consumer, &found));
    if (found)
        TRY(audit_orphans(db, &arena, consumer, &again));
    repair->settled = again.count == 0;
    return repair->settled ? OK : placement_release(db, consumer);
}

static enum err remove_empty(struct db *db, void *context)
{
    struct repair *repair = context;
    const struct uuid *consumer = &repair->finding->consumer;
    CLEANUP(arena_clear) struct arena arena = {0};
    struct audit_consumers again = {0};
    bool found = false;
    TRY(lock_claim(db, &arena, consumer, &found));
    if (found)
        TRY(audit_empty(db, &arena, consumer, &again));
    repair->settled = again.count == 0;
    return repair->settled ? OK : consumer_delete(db, again.items[0].id);
}

static enum err remove_dangling(struct db *db, void *context)
{
    const struct repair *repair = context;
    return audit_dangling_delete(db, repair->consumer_id, repair->provider_id);
}

/* --- servers' claims */

/* The candidate's parts, those of one provider together. */
static void gather_shares(struct arena *arena, const struct candidate *candidate, struct placement_claim_of *out)
{
    struct placement_share *shares = arena_alloc(arena, (candidate->allocation_count + 1) * sizeof(*shares));
    struct resource_amount *amounts = arena_alloc(arena, (candidate->allocation_count + 1) * sizeof(*amounts));
    size_t count = 0;
    for (size_t i = 0; i < candidate->allocation_count; i++) {
        const struct candidate_allocation *part = &candidate->allocations[i];
        amounts[i] = (struct resource_amount){part->resource_class, part->amount};
        if (count == 0 || !uuid_equal(&shares[count - 1].provider, part->provider))
            shares[count++] = (struct placement_share){*part->provider, &amounts[i], 0};
        shares[count - 1].count++;
    }
    out->shares = shares;
    out->count = count;
}

/* Somewhere in the host's tree: after a reshape its resources lie on several providers. */
static enum err claim_in_tree(struct db *db, struct arena *arena, const struct audit_server *server)
{
    const struct resource_amount wanted[] = {
        {"VCPU", server->vcpus}, {"MEMORY_MB", server->ram_mib}, {"DISK_GB", server->disk_gib}};
    struct resource_amount amounts[ARRAY_LEN(wanted)];
    size_t count = 0;
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        if (wanted[i].amount)
            amounts[count++] = wanted[i];
    }
    const struct candidates_group group = {"", {.resources = {amounts, count}, .in_tree = &server->provider}};
    const struct candidates_request request = {.groups = &group, .group_count = 1, .limit = 1, .nested_aware = true};
    struct placement_claim_of claim = {
        .consumer = server->uuid, .project_id = server->project_id, .user_id = server->user_id, .type = "INSTANCE"};
    struct candidates found;
    TRY(candidates_find(db, arena, &request, &found));
    if (found.count == 0)
        return fail(E_CONFLICT, "Host %s has no room for %lld VCPU, %lld MEMORY_MB, %lld DISK_GB.", server->host,
                    (long long)server->vcpus, (long long)server->ram_mib, (long long)server->disk_gib);
    gather_shares(arena, &found.items[0], &claim);
    return placement_allocations_replace(db, &claim, 1);
}

static enum err mend_claim(struct db *db, struct arena *arena, const struct audit_server *server)
{
    if (server->host && !server->host_known)
        return fail(E_CONFLICT, "Host %s is not registered.", server->host);
    if (server->host && server->own_resources)
        return fail(E_CONFLICT, "The flavor names resources of its own.");
    TRY(placement_release(db, &server->uuid));
    return server->host ? claim_in_tree(db, arena, server) : OK;
}

static enum err mend_server(struct db *db, void *context)
{
    struct repair *repair = context;
    CLEANUP(arena_clear) struct arena arena = {0};
    struct audit_servers again = {0};
    struct server server;
    const enum err locked = server_get_locked(db, &arena, &repair->finding->consumer, &server);
    if (locked == OK)
        TRY(audit_servers(db, &arena, &repair->finding->consumer, &again));
    else if (locked != E_NOT_FOUND)
        return locked;
    repair->settled = again.count == 0;
    return repair->settled ? OK : mend_claim(db, &arena, &again.items[0]);
}

/* --- the audit */

struct audit {
    struct db *db;
    struct arena *arena;
    bool fix;
    struct audit_findings *out;
    size_t room;
};

static bool is_refusal(enum err kind)
{
    return kind == E_CONFLICT || kind == E_NOT_FOUND || kind == E_INVALID;
}

/* Keeps the finding, unless it has settled. */
static enum err take_up(struct audit *audit, const struct audit_finding *finding, struct repair repair,
                        enum err (*work)(struct db *db, void *context))
{
    struct audit_finding kept = *finding;
    repair.finding = &kept;
    if (audit->fix) {
        const enum err result = placement_transaction(audit->db, work, &repair);
        if (result != OK && !is_refusal(result))
            return result;
        kept.repaired = result == OK;
        kept.why = result == OK ? NULL : arena_strdup(audit->arena, err_message());
    }
    if (repair.settled)
        return OK;
    struct audit_findings *out = audit->out;
    if (out->count == audit->room) {
        const size_t room = audit->room ? audit->room * 2 : 64;
        struct audit_finding *items = arena_alloc(audit->arena, room * sizeof(*items));
        if (out->count)
            memcpy(items, out->items, out->count * sizeof(*items));
        out->items = items;
        audit->room = room;
    }
    out->items[out->count++] = kept;
    out->open += !kept.repaired;
    return OK;
}

static enum err look_at_dangling(struct audit *audit)
{
    struct audit_danglings rows;
    TRY(audit_dangling(audit->db, audit->arena, &rows));
    for (size_t i = 0; i < rows.count; i++) {
        const struct audit_dangling *row = &rows.items[i];
        const struct repair repair = {.consumer_id = row->consumer_id, .provider_id = row->provider_id};
        const struct audit_finding finding = {.kind = AUDIT_DANGLING,
                                              .consumer = row->consumer,
                                              .providers = row->provider,
                                              .detail = arena_printf(audit->arena, "%s of a %s that is gone",
                                                                     row->resources ? row->resources : "resources",
                                                                     row->provider ? "consumer" : "provider")};
        TRY(take_up(audit, &finding, repair, remove_dangling));
    }
    return OK;
}

static enum err look_at_orphans(struct audit *audit)
{
    struct audit_consumers rows;
    TRY(audit_orphans(audit->db, audit->arena, NULL, &rows));
    for (size_t i = 0; i < rows.count; i++) {
        const struct audit_consumer *row = &rows.items[i];
        const struct audit_finding finding = {
            .kind = row->on_host ? AUDIT_ORPHANED : AUDIT_NOT_A_HOST,
            .consumer = row->uuid,
            .providers = row->providers,
            .detail = arena_printf(audit->arena, "%s of no server", row->resources ? row->resources : "resources")};
        TRY(take_up(audit, &finding, (struct repair){0}, remove_orphan));
    }
    return OK;
}

static enum err look_at_empty(struct audit *audit)
{
    struct audit_consumers rows;
    TRY(audit_empty(audit->db, audit->arena, NULL, &rows));
    for (size_t i = 0; i < rows.count; i++) {
        const struct audit_finding finding = {
            .kind = AUDIT_EMPTY, .consumer = rows.items[i].uuid, .detail = "a consumer without allocations"};
        TRY(take_up(audit, &finding, (struct repair){0}, remove_empty));
    }
    return OK;
}

static enum audit_kind kind_of(const struct audit_server *row)
{
    if (!row->host)
        return AUDIT_UNHOSTED;
    if (row->allocations == 0)
        return AUDIT_MISSING;
    return row->elsewhere ? AUDIT_MISPLACED : AUDIT_AMOUNTS;
}

static enum err look_at_servers(struct audit *audit)
{
    struct audit_servers rows;
    TRY(audit_servers(audit->db, audit->arena, NULL, &rows));
    for (size_t i = 0; i < rows.count; i++) {
        const struct audit_server *row = &rows.items[i];
        const struct audit_finding finding = {
            .kind = kind_of(row),
            .consumer = row->uuid,
            .server = row->name,
            .host = row->host,
            .providers = row->providers,
            .detail = arena_printf(audit->arena, "VCPU %lld of %lld, MEMORY_MB %lld of %lld, DISK_GB %lld of %lld",
                                   (long long)row->claimed_vcpus, (long long)row->vcpus, (long long)row->claimed_ram_mib,
                                   (long long)row->ram_mib, (long long)row->claimed_disk_gib, (long long)row->disk_gib)};
        TRY(take_up(audit, &finding, (struct repair){0}, mend_server));
    }
    return OK;
}

/* The order matters with `fix`: what an earlier one removes makes room for a later one's claim. */
enum err placement_audit(struct db *db, struct arena *arena, bool fix, struct audit_findings *out)
{
    static enum err (*const looks[])(struct audit * audit) = {look_at_dangling, look_at_orphans, look_at_empty, look_at_servers};
    struct audit_findings findings = {0};
    struct audit audit = {db, arena, fix, &findings, 0};
    for (size_t i = 0; i < ARRAY_LEN(looks); i++)
        TRY(looks[i](&audit));
    *out = findings;
    return OK;
}
