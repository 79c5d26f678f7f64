/* Reading host states; see gather.h. */
#include "compute/scheduler/gather.h"

#include <stdlib.h>
#include <string.h>

#include "compute/placement/candidates.h"
#include "compute/scheduler/json_query.h"
#include "compute/scheduler/resources.h"
#include "gateway/base/text.h"
#include "schema/host_state.h"
#include "schema/json/json.h"
#include "schema/network.h"
#include "schema/placement_inventory.h"

struct gathering {
    struct db *db;
    struct arena *arena;
    const struct gather_order *order;
    struct candidates candidates;
    const char *problem; /* Placement's words, when it knew a name not; NULL */
    struct hosts hosts;  /* by uuid */
    struct host_state *states;
};

static void release_json(void *json)
{
    json_decref(json);
}

/* --- candidates */

static bool limits_results(const struct sizing *sizing)
{
    return !sizing->group && !json_object_get(sizing->hints, "same_host") && !json_object_get(sizing->hints, "different_host");
}

/* A group without suffix that asks for nothing is none. */
static void drop_empty_group(struct candidates_request *request)
{
    const struct placement_query *first = &request->groups[0].query;
    if (first->resources.count || first->traits.required_count || first->traits.forbidden.count || request->group_count == 1)
        return;
    request->groups++;
    request->group_count--;
}

static enum err find_candidates(struct gathering *g)
{
    static const char *const disabled[] = {"COMPUTE_STATUS_DISABLED"};
    const struct sizing *sizing = g->order->sizing;
    struct candidates_request request;
    struct host forced;
    TRY(spec_request(g->arena, sizing, &request));
    drop_empty_group(&request);
    request.limit = !g->order->all_hosts && limits_results(sizing) ? g->order->candidates_most : 0;
    request.nested_aware = true;
    request.all_classes = true;
    request.want_traits = true;
    if (!sizing->host) {
        request.root_required.forbidden = (struct placement_names){disabled, ARRAY_LEN(disabled)};
    } else {
        const enum err result = host_get(g->db, g->arena, sizing->host, &forced);
        if (result == E_NOT_FOUND)
            return OK;
        TRY(result);
        for (size_t i = 0; i < request.group_count; i++)
            ((struct candidates_group *)&request.groups[i])->query.in_tree = &forced.uuid; /* made by spec_request, for us */
    }
    const enum err result = candidates_find(g->db, g->arena, &request, &g->candidates);
    if (result != E_INVALID)
        return result;
    g->problem = arena_strdup(g->arena, err_message());
    g->candidates = (struct candidates){0};
    return OK;
}

static int compare_uuids(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct uuid));
}

/* --- hosts */

static enum err read_hosts(struct gathering *g, bool with_inventory)
{
    struct uuid *roots = arena_alloc(g->arena, (g->candidates.summary_count + 1) * sizeof(*roots));
    size_t count = 0;
    for (size_t i = 0; i < g->candidates.summary_count; i++) {
        if (count == 0 || !uuid_equal(&roots[count - 1], g->candidates.summaries[i].root))
            roots[count++] = *g->candidates.summaries[i].root;
    }
    if (g->order->all_hosts)
        return host_states_get(g->db, g->arena, NULL, 0, with_inventory, &g->hosts);
    return count ? host_states_get(g->db, g->arena, roots, count, with_inventory, &g->hosts) : OK;
}

static struct host_state *state_of(const struct gathering *g, const struct uuid *uuid)
{
    const struct host_state *found =
        g->hosts.count ? bsearch(uuid, g->states, g->hosts.count, sizeof(*g->states), compare_uuids) : NULL;
    return (struct host_state *)found;
}

_Static_assert(offsetof(struct host_state, uuid) == 0, "states are looked up by their first member");

const char *host_address(struct arena *arena, const char *uri)
{
    const char *start = strstr(uri, "://");
    const char *at = start ? strchr(start, '@') : NULL;
    start = at ? at + 1 : start ? start + 3 : "";
    if (*start == '[')
        return arena_strndup(arena, start + 1, strcspn(start + 1, "]"));
    const size_t length = strcspn(start, ":/?");
    return length ? arena_strndup(arena, start, length) : "127.0.0.1";
}

static const json_t *parse_inventory(struct arena *arena, const char *text)
{
    json_t *object = NULL;
    if (!text || json_parse_foreign(text, strlen(text), &object) != OK)
        return NULL;
    arena_defer(arena, release_json, object);
    return object;
}

static void make_states(struct gathering *g)
{
    g->states = arena_alloc(g->arena, (g->hosts.count + 1) * sizeof(*g->states));
    for (size_t i = 0; i < g->hosts.count; i++) {
        const struct host *host = &g->hosts.items[i];
        g->states[i] = (struct host_state){
            .uuid = host->uuid,
            .name = host->name,
            .availability_zone = host->availability_zone ? host->availability_zone : g->order->default_zone,
            .up = host->up,
            .disabled = host->disabled,
            .disabled_reason = host->disabled_reason,
            .no_room = g->problem ? g->problem : "Placement has no candidate on it",
            .servers = -1,
            .ip = host_address(g->arena, host->uri),
            .capabilities = parse_inventory(g->arena, host->inventory),
        };
    }
}

static int64_t *number_of(struct host_room *room, const char *resource_class)
{
    if (strcmp(resource_class, "VCPU") == 0)
        return &room->vcpus;
    if (strcmp(resource_class, "MEMORY_MB") == 0)
        return &room->ram_mib;
    return strcmp(resource_class, "DISK_GB") == 0 ? &room->disk_gib : NULL;
}

static void add_room(struct host_state *state, const char *resource_class, int64_t capacity, int64_t used)
{
    int64_t *total = number_of(&state->total, resource_class);
    int64_t *left = number_of(&state->free, resource_class);
    if (!total || !left)
        return;
    *total += capacity;
    *left += capacity - used;
}

/* Sums over the host's tree; what a sharing provider gives counts for nobody. */
static void take_candidates(struct gathering *g)
{
    for (size_t i = 0; i < g->candidates.summary_count; i++) {
        const struct candidate_summary *summary = &g->candidates.summaries[i];
        struct host_state *state = state_of(g, summary->root);
        if (!state)
            continue;
        state->no_room = NULL;
        for (size_t j = 0; j < summary->resource_count; j++)
            add_room(state, summary->resources[j].resource_class, summary->resources[j].capacity, summary->resources[j].used);
        if (uuid_equal(summary->uuid, summary->root)) {
            state->traits = summary->traits;
            state->trait_count = summary->trait_count;
        }
    }
}

/* --- hosts that Placement refused, for those who want to know why */

static const char *explain(struct gathering *g, const struct host_state *state, const struct resource_amounts *amounts)
{
    for (size_t i = 0; i < amounts->count; i++) {
        struct host_room left = state->free;
        const int64_t *number = number_of(&left, amounts->items[i].resource_class);
        if (number && *number < amounts->items[i].amount)
            return arena_printf(g->arena, "it has %lld %s left, %lld are asked for", (long long)*number,
                                amounts->items[i].resource_class, (long long)amounts->items[i].amount);
    }
    return state->disabled && !g->problem ? NULL : state->no_room; /* disabled: the filter's word is plainer */
}

static enum err explain_refused(struct gathering *g)
{
    struct resource_amounts amounts;
    struct provider_rows providers;
    struct inventory_rows rows;
    TRY(spec_amounts(g->arena, g->order->sizing, &amounts));
    TRY(provider_rows_all(g->db, g->arena, &providers));
    TRY(inventory_rows_all(g->db, g->arena, &rows));
    for (size_t i = 0; i < rows.count; i++) {
        const struct inventory_row *row = &rows.items[i];
        struct host_state *state = NULL;
        for (size_t j = 0; j < providers.count && !state; j++)
            state = providers.items[j].id == row->provider_id ? state_of(g, &providers.items[j].root) : NULL;
        if (state && state->no_room)
            add_room(state, row->resource_class, (int64_t)((double)(row->total - row->reserved) * row->allocation_ratio),
                     row->used);
    }
    for (size_t i = 0; i < g->hosts.count; i++) {
        if (g->states[i].no_room)
            g->states[i].no_room = explain(g, &g->states[i], &amounts);
    }
    return OK;
}

/* --- aggregates and loads */

static void take_aggregates(struct gathering *g, const struct aggregates *all)
{
    for (size_t i = 0; i < g->hosts.count; i++) {
        struct host_state *state = &g->states[i];
        const struct aggregate **list = arena_alloc(g->arena, (all->count + 1) * sizeof(struct aggregate *));
        for (size_t j = 0; j < all->count; j++) {
            for (size_t k = 0; k < all->items[j].host_count; k++) {
                if (strcmp(all->items[j].hosts[k], state->name) == 0)
                    list[state->aggregate_count++] = &all->items[j];
            }
        }
        state->aggregates = list;
    }
}

static int compare_number(const void *name, const void *item)
{
    return strcmp(name, ((const struct host_number *)item)->host);
}

static int64_t find_number(const struct host_numbers *numbers, const char *host)
{
    const struct host_number *found =
        numbers->count ? bsearch(host, numbers->items, numbers->count, sizeof(*numbers->items), compare_number) : NULL;
    return found ? found->number : 0;
}

static enum err take_loads(struct gathering *g)
{
    const bool counts = scheduler_uses(g->order->settings, "NumInstancesFilter") || sizing_hint(g->order->sizing, "query");
    struct host_numbers io_ops;
    struct host_numbers failures;
    struct host_numbers servers = {NULL, 0};
    struct aggregates aggregates;
    TRY(aggregate_list(g->db, g->arena, &aggregates));
    TRY(host_states_io_ops(g->db, g->arena, &io_ops));
    TRY(host_states_failures(g->db, g->arena, &failures));
    if (counts)
        TRY(host_states_servers(g->db, g->arena, &servers));
    take_aggregates(g, &aggregates);
    for (size_t i = 0; i < g->hosts.count; i++) {
        struct host_state *state = &g->states[i];
        state->io_ops = find_number(&io_ops, state->name);
        state->failed_builds = find_number(&failures, state->name);
        state->servers = counts ? find_number(&servers, state->name) : -1;
    }
    return OK;
}

/* --- servers that the request names */

struct named {
    struct uuid *items;
    size_t count;
};

static void name_one(struct named *named, const json_t *text)
{
    if (json_is_string(text) && uuid_from_text(json_string_value(text), &named->items[named->count]) == OK)
        named->count++;
}

static void name_hint(struct named *named, const json_t *hint)
{
    name_one(named, hint);
    for (size_t i = 0; i < json_array_size(hint); i++)
        name_one(named, json_array_get(hint, i));
}

static struct named name_servers(struct arena *arena, const struct sizing *sizing)
{
    const json_t *same = json_object_get(sizing->hints, "same_host");
    const json_t *different = json_object_get(sizing->hints, "different_host");
    const size_t members = sizing->group ? sizing->group->member_count : 0;
    const size_t most = json_array_size(same) + json_array_size(different) + members + 3;
    struct named named = {arena_alloc(arena, most * sizeof(struct uuid)), 0};
    name_hint(&named, same);
    name_hint(&named, different);
    for (size_t i = 0; i < members; i++)
        named.items[named.count++] = sizing->group->members[i];
    return named;
}

static struct host_state *state_by_name(const struct gathering *g, const char *name)
{
    for (size_t i = 0; i < g->hosts.count; i++) {
        if (strcmp(g->states[i].name, name) == 0)
            return &g->states[i];
    }
    return NULL;
}

static void place(struct gathering *g, const struct server_place *server)
{
    struct host_state *state = state_by_name(g, server->host);
    if (!state)
        return;
    struct uuid *list = arena_alloc(g->arena, (state->placed_count + 1) * sizeof(*list));
    if (state->placed_count)
        memcpy(list, state->placed, state->placed_count * sizeof(*list));
    list[state->placed_count++] = server->server;
    state->placed = list;
}

static bool is_member(const struct sizing_group *group, const struct uuid *server)
{
    for (size_t i = 0; i < group->member_count; i++) {
        if (uuid_equal(&group->members[i], server))
            return true;
    }
    return false;
}

static bool is_among(const struct server_places *places, const struct uuid *server)
{
    for (size_t i = 0; i < places->count; i++) {
        if (uuid_equal(&places->items[i].server, server))
            return true;
    }
    return false;
}

static void count_member(struct gathering *g, struct schedule_spec *spec, const struct server_place *server)
{
    struct host_state *state = state_by_name(g, server->host);
    spec->group_hosts++;
    if (state)
        state->group_servers++;
}

/* Members are those that the group's zone named, and those that were created into it here since. */
static enum err take_group(struct gathering *g, const struct server_places *named, struct schedule_spec *spec)
{
    const struct sizing_group *group = g->order->sizing->group;
    struct server_places created = {NULL, 0};
    size_t found = 0;
    if (!group)
        return OK;
    TRY(server_places_of_group(g->db, g->arena, &group->uuid, g->order->project_id, NULL, &created));
    for (size_t i = 0; i < created.count; i++)
        count_member(g, spec, &created.items[i]);
    for (size_t i = 0; i < named->count; i++) {
        if (!is_member(group, &named->items[i].server))
            continue;
        found++;
        if (!is_among(&created, &named->items[i].server))
            count_member(g, spec, &named->items[i]);
    }
    spec->group_elsewhere = found < group->member_count;
    return OK;
}

static enum err take_places(struct gathering *g, struct schedule_spec *spec)
{
    const struct named named = name_servers(g->arena, g->order->sizing);
    struct server_places places = {NULL, 0};
    if (named.count)
        TRY(server_places_get(g->db, g->arena, named.items, named.count, &places));
    for (size_t i = 0; i < places.count; i++)
        place(g, &places.items[i]);
    return take_group(g, &places, spec);
}

/* --- networks */

static void refuse_all(struct gathering *g, const char *why)
{
    for (size_t i = 0; i < g->hosts.count; i++)
        g->states[i].no_network = why;
}

static enum err require_networks(struct gathering *g, const struct uuid *networks, size_t count)
{
    const struct uuid *hosts = NULL;
    size_t host_count = 0;
    TRY(network_hosts(g->db, g->arena, networks, count, &hosts, &host_count));
    refuse_all(g, "it lacks a network that the request names");
    for (size_t i = 0; i < host_count; i++) {
        struct host_state *state = state_of(g, &hosts[i]);
        if (state)
            state->no_network = NULL;
    }
    return OK;
}

/* The request names none: the zone's network, if it is plain which. */
static enum err take_only_network(struct gathering *g, bool needed)
{
    struct networks networks;
    TRY(network_list(g->db, g->arena, &networks));
    if (networks.count > 1)
        refuse_all(g, "the zone has several networks, and the request names none");
    if (networks.count == 0 && needed)
        refuse_all(g, "the zone has no network");
    return networks.count == 1 ? require_networks(g, &networks.items[0].uuid, 1) : OK;
}

/* "ID" or "ID ADDRESS"; whether it could give that address, or any, now. One that is not here has no hosts. */
static enum err read_network(struct gathering *g, const char *text, struct uuid *out, bool *out_room)
{
    const size_t length = strcspn(text ? text : "", " ");
    uint32_t address = 0;
    struct network network;
    TRY(uuid_from_text(arena_strndup(g->arena, text ? text : "", length), out));
    *out_room = !text || !text[length] || address_from_text(text + length + 1, &address);
    const enum err found = network_get(g->db, g->arena, out, &network);
    if (found == E_NOT_FOUND || !*out_room)
        return OK;
    TRY(found);
    *out_room = !address || network_holds(&network, address);
    return *out_room ? network_has_room(g->db, &network, address, out_room) : OK;
}

static enum err take_networks(struct gathering *g)
{
    const json_t *wanted = g->order->sizing->networks;
    const size_t count = json_array_size(wanted);
    struct uuid *networks = arena_alloc(g->arena, (count + 1) * sizeof(*networks));
    if (json_is_string(wanted))
        return take_only_network(g, str_equal(json_string_value(wanted), "auto"));
    bool room = true;
    for (size_t i = 0; i < count && room; i++)
        TRY(read_network(g, json_string_value(json_array_get(wanted, i)), &networks[i], &room));
    if (!room)
        refuse_all(g, "a network that the request names has no such address, or none left");
    return count && room ? require_networks(g, networks, count) : OK;
}

static enum err read_query(struct gathering *g, struct schedule_spec *spec)
{
    const char *text = sizing_hint(g->order->sizing, "query");
    json_t *query = NULL;
    if (!text)
        return OK;
    TRY(json_parse_foreign(text, strlen(text), &query));
    arena_defer(g->arena, release_json, query);
    TRY(json_query_check(query));
    spec->query = query;
    return OK;
}

enum err scheduler_gather(struct db *db, struct arena *arena, const struct gather_order *order, struct gathered *out)
{
    struct gathering g = {.db = db, .arena = arena, .order = order};
    struct schedule_spec spec = {.sizing = order->sizing, .project_id = order->project_id};
    const bool with_inventory = order->all_hosts || json_object_size(order->sizing->extra_specs) ||
                                json_object_size(order->sizing->image) || sizing_hint(order->sizing, "query");
    TRY(read_query(&g, &spec));
    TRY(find_candidates(&g));
    TRY(read_hosts(&g, with_inventory));
    make_states(&g);
    take_candidates(&g);
    if (order->all_hosts)
        TRY(explain_refused(&g));
    if (g.hosts.count) {
        TRY(take_networks(&g));
        TRY(take_loads(&g));
        TRY(take_places(&g, &spec));
    }
    *out = (struct gathered){{g.states, g.hosts.count}, spec};
    return OK;
}
