/*
 * /os-hypervisors (nova-api.md section 14): this zone's hosts and those below.
 *
 * A list is cut into pages where it is whole: children are asked without limit and marker, and the merged list is sorted by name
 * and id. Numbers are added up from the merged details, so that a host that is reached by two ways counts once.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/api/api.h"
#include "gateway/api/body.h"
#include "gateway/api/gather.h"
#include "gateway/api/host_ids.h"
#include "gateway/api/hypervisor_view.h"
#include "gateway/api/owner.h"
#include "gateway/api/page.h"

#define PAGED 33 /* limit and marker */

static const char *const list_parameters[] = {"limit", "marker", "hypervisor_hostname_pattern", "with_servers"};
static const char *const page_parameters[] = {"limit", "marker"};

struct listing {
    const char *pattern; /* part of the name; NULL: all */
    bool detail;
    bool with_servers;
    struct page page;
    const char *path; /* for the link to the next page */
};

/* Nova 2.53 knows these parameters only, at once. */
static enum err check_names(const struct request *request, const char *const *names, size_t count)
{
    for (size_t i = 0; request->version >= HOST_UUIDS && i < request->query.count; i++) {
        const char *name = request->query.items[i].name;
        bool known = str_starts(name, "zone.");
        for (size_t j = 0; j < count; j++)
            known |= str_equal(name, names[j]);
        if (!known)
            return fail(E_INVALID, "Additional properties are not allowed ('%.200s' was unexpected)", name);
        if (!str_starts(name, "zone.") && request_query(request, name) != request->query.items[i].value)
            return fail(E_INVALID, "Invalid input for query parameters %s. It is given more than once.", name);
    }
    return OK;
}

static enum err read_with_servers(const struct request *request, bool *out)
{
    static const char *const no[] = {"0", "false", "off", "no"};
    const char *value = request->version >= HOST_UUIDS ? request_query(request, "with_servers") : NULL;
    *out = value && body_true_text(value);
    bool known = !value || *out;
    for (size_t i = 0; i < ARRAY_LEN(no); i++)
        known |= str_equal_nocase(value, no[i]);
    return known ? OK : fail(E_INVALID, "Invalid input for query parameters with_servers. Value: %.100s. It is no boolean.", value);
}

/* --- lists */

static enum err add_own(struct request *request, const struct listing *listing, json_t *list)
{
    struct hosts hosts;
    TRY(host_list(request->db, request->arena, &hosts));
    for (size_t i = 0; i < hosts.count; i++) {
        const struct host *host = &hosts.items[i];
        json_t *object = NULL;
        if (listing->pattern && !strstr(host->name, listing->pattern))
            continue;
        if (listing->detail)
            TRY(hypervisor_view_detail(request, host, &object));
        else
            object = hypervisor_view_brief(request, host);
        (void)json_array_append_new(list, object);
        if (listing->with_servers)
            TRY(hypervisor_view_servers(request, host, object));
    }
    return OK;
}

static const char *name_of(const json_t *object)
{
    const char *name = json_string_value(json_object_get(object, "hypervisor_hostname"));
    return name ? name : "";
}

/* Ids as they are compared with a marker. */
static const char *id_of(struct arena *arena, const json_t *object)
{
    const json_t *id = json_object_get(object, "id");
    return json_is_string(id) ? json_string_value(id) : arena_printf(arena, "%lld", (long long)json_integer_value(id));
}

struct sorted {
    json_t *object;
    const char *name;
    const char *id;
};

static int compare(const void *a, const void *b)
{
    const struct sorted *left = a;
    const struct sorted *right = b;
    const int names = strcmp(left->name, right->name);
    return names ? names : strcmp(left->id, right->id);
}

static struct sorted *sort(struct arena *arena, const json_t *list)
{
    const size_t count = json_array_size(list);
    struct sorted *items = arena_alloc(arena, (count + 1) * sizeof(*items));
    for (size_t i = 0; i < count; i++) {
        json_t *object = json_array_get(list, i);
        items[i] = (struct sorted){object, name_of(object), id_of(arena, object)};
    }
    qsort(items, count, sizeof(*items), compare);
    return items;
}

/* Where the page begins: behind the marker. */
static enum err find_marker(const struct response *response, const struct sorted *items, size_t count, const char *marker,
                            size_t *out)
{
    *out = 0;
    if (!marker)
        return OK;
    for (size_t i = 0; i < count; i++) {
        if (str_equal_nocase(items[i].id, marker)) {
            *out = i + 1;
            return OK;
        }
    }
    if (owner_has_missing(response))
        return fail(E_UNAVAILABLE, "marker [%.200s] was not found in the zones that answer", marker);
    return fail(E_INVALID, "marker [%.200s] not found", marker);
}

static enum err write_page(struct request *request, struct response *response, const struct listing *listing, const json_t *list)
{
    const size_t count = json_array_size(list);
    const struct sorted *items = sort(request->arena, list);
    size_t first = 0;
    TRY(find_marker(response, items, count, listing->page.marker, &first));
    size_t shown = count - first < listing->page.limit ? count - first : listing->page.limit;
    struct text *out = &response->body;
    text_add_str(out, "{\"hypervisors\":[");
    for (size_t i = 0; i < shown; i++) {
        char *text = json_dumps(items[first + i].object, JSON_COMPACT);
        text_add_str(out, i ? "," : "");
        text_add_str(out, text ? text : "null");
        free(text);
    }
    text_add_char(out, ']');
    if (shown && request->version >= PAGED && !listing->pattern)
        page_add_next(out, request, &listing->page, shown, "hypervisors", listing->path, items[first + shown - 1].id);
    text_add_char(out, '}');
    return OK;
}

static enum err reply_list(struct request *request, struct response *response, const struct listing *listing)
{
    json_auto_t *list = json_array();
    TRY(add_own(request, listing, list));
    struct request *whole = owner_whole(request, page_parameters, ARRAY_LEN(page_parameters));
    TRY(gather_lists(whole, response, "hypervisors", list));
    if (listing->pattern && json_array_size(list) == 0)
        return fail(E_NOT_FOUND, "No hypervisor matching '%s' could be found.", listing->pattern);
    return write_page(request, response, listing, list);
}

/* A parent gets the whole: it cuts the page. */
static enum err read_page(const struct request *request, struct page *out)
{
    *out = (struct page){.limit = SIZE_MAX};
    return request->version >= PAGED && !request->link ? page_read(request, out) : OK;
}

static enum err list_hypervisors(struct request *request, struct response *response, bool detail, const char *path)
{
    struct listing listing = {.detail = detail, .path = path};
    TRY(check_names(request, list_parameters, ARRAY_LEN(list_parameters)));
    if (request->version >= HOST_UUIDS)
        listing.pattern = request_query(request, "hypervisor_hostname_pattern");
    TRY(read_page(request, &listing.page));
    TRY(read_with_servers(request, &listing.with_servers));
    if (listing.pattern && (request_query(request, "limit") || request_query(request, "marker")))
        return fail(E_INVALID, "Paging over hypervisors with the hypervisor_hostname_pattern query parameter is not supported.");
    return reply_list(request, response, &listing);
}

static enum err hypervisors_brief(struct request *request, struct response *response)
{
    return list_hypervisors(request, response, false, "/os-hypervisors");
}

static enum err hypervisors_detail(struct request *request, struct response *response)
{
    return list_hypervisors(request, response, true, "/os-hypervisors/detail");
}

static enum err hypervisors_search(struct request *request, struct response *response)
{
    const struct listing listing = {.pattern = request_param(request, "hypervisor_id"), .page = {.limit = SIZE_MAX}};
    return reply_list(request, response, &listing);
}

static enum err hypervisors_servers(struct request *request, struct response *response)
{
    const struct listing listing = {
        .pattern = request_param(request, "hypervisor_id"), .with_servers = true, .page = {.limit = SIZE_MAX}};
    return reply_list(request, response, &listing);
}

/* --- one */

static bool entry_has_id(const json_t *entry, const void *context)
{
    return host_id_matches(json_object_get(entry, "id"), context);
}

/* `*out_answered`: another zone's answer is written. */
static enum err find_host(struct request *request, struct response *response, struct host *out, bool *out_answered)
{
    const char *id = request_param(request, "hypervisor_id");
    int64_t number = 0;
    struct hosts hosts;
    *out_answered = false;
    if (request->version >= HOST_UUIDS && !uuid_is_text(id))
        return fail(E_INVALID, "Invalid uuid %s", id);
    if (request->version < HOST_UUIDS && !str_to_int(id, &number))
        return fail(E_NOT_FOUND, "Hypervisor with ID '%s' could not be found.", id);
    TRY(host_list(request->db, request->arena, &hosts));
    for (size_t i = 0; i < hosts.count; i++) {
        *out = hosts.items[i];
        if (host_id_is(request, &out->uuid, id))
            return OK;
    }
    const struct owner_search search = {"/os-hypervisors", "hypervisors", entry_has_id, id, "hypervisor_hostname"};
    TRY(owner_relay(request, response, &search, out_answered));
    return *out_answered ? OK : fail(E_NOT_FOUND, "Hypervisor with ID '%s' could not be found.", id);
}

static enum err hypervisor_show(struct request *request, struct response *response)
{
    static const char *const parameters[] = {"with_servers"};
    struct host host;
    json_t *object = NULL;
    bool answered = false;
    bool with_servers = false;
    TRY(check_names(request, parameters, ARRAY_LEN(parameters)));
    TRY(read_with_servers(request, &with_servers));
    TRY(find_host(request, response, &host, &answered));
    if (answered)
        return OK;
    TRY(hypervisor_view_detail(request, &host, &object));
    response->json = json_pack("{s:o}", "hypervisor", object);
    return with_servers ? hypervisor_view_servers(request, &host, object) : OK;
}

static enum err hypervisor_uptime(struct request *request, struct response *response)
{
    struct host host;
    bool answered = false;
    TRY(find_host(request, response, &host, &answered));
    if (answered)
        return OK;
    if (!host.up)
        return fail(E_INVALID, "Compute service of %s is unavailable at this time.", host.name);
    const char *uptime = hypervisor_view_uptime(request->arena, &host);
    if (!uptime)
        return fail(E_NOT_IMPLEMENTED, "The requested functionality is not supported.");
    json_t *object = hypervisor_view_brief(request, &host);
    (void)json_object_set_new(object, "uptime", json_string(uptime));
    response->json = json_pack("{s:o}", "hypervisor", object);
    return OK;
}

/* --- sums */

static enum err hypervisors_statistics(struct request *request, struct response *response)
{
    static const char *const members[] = {
        "vcpus",       "memory_mb",    "local_gb",         "vcpus_used",  "memory_mb_used",      "local_gb_used",
        "free_ram_mb", "free_disk_gb", "current_workload", "running_vms", "disk_available_least"};
    const struct listing listing = {.detail = true};
    json_auto_t *list = json_array();
    int64_t sums[ARRAY_LEN(members)] = {0};
    int64_t count = 0;
    size_t index = 0;
    json_t *object = NULL;
    TRY(add_own(request, &listing, list));
    TRY(gather_lists(owner_question(request, "/os-hypervisors/detail"), response, "hypervisors", list));
    json_array_foreach(list, index, object)
    {
        if (!str_equal(json_string_value(json_object_get(object, "status")), "enabled"))
            continue; /* as Nova: disabled ones do not count */
        count++;
        for (size_t i = 0; i < ARRAY_LEN(members); i++)
            sums[i] += json_integer_value(json_object_get(object, members[i]));
    }
    json_t *statistics = json_pack("{s:I}", "count", (json_int_t)count);
    for (size_t i = 0; i < ARRAY_LEN(members); i++)
        (void)json_object_set_new(statistics, members[i], json_integer(sums[i]));
    response->json = json_pack("{s:o}", "hypervisor_statistics", statistics);
    return OK;
}

/* Not the hypervisor of that name. */
static enum err no_statistics(struct request *request, struct response *response)
{
    (void)request;
    (void)response;
    return fail(E_NOT_FOUND, "The resource could not be found.");
}

#define UNTIL_SEARCH     (HOST_UUIDS - 1)
#define UNTIL_STATISTICS (HYPERVISOR_NO_STATISTICS - 1)

const struct route hypervisor_routes[] = {
    {.method = "GET",
     .path = "/os-hypervisors",
     .access = ACCESS_ADMIN,
     .policy = "os_compute_api:os-hypervisors:list",
     .handler = hypervisors_brief},
    {.method = "GET",
     .path = "/os-hypervisors/detail",
     .access = ACCESS_ADMIN,
     .policy = "os_compute_api:os-hypervisors:list-detail",
     .handler = hypervisors_detail},
    {.method = "GET",
     .path = "/os-hypervisors/statistics",
     .access = ACCESS_ADMIN,
     .policy = "os_compute_api:os-hypervisors:statistics",
     .max = UNTIL_STATISTICS,
     .handler = hypervisors_statistics},
    {.method = "GET",
     .path = "/os-hypervisors/statistics",
     .access = ACCESS_ADMIN,
     .policy = "os_compute_api:os-hypervisors:statistics",
     .min = HYPERVISOR_NO_STATISTICS,
     .handler = no_statistics},
    {.method = "GET",
     .path = "/os-hypervisors/{hypervisor_id}",
     .access = ACCESS_ADMIN,
     .policy = "os_compute_api:os-hypervisors:show",
     .handler = hypervisor_show},
    {.method = "GET",
     .path = "/os-hypervisors/{hypervisor_id}/uptime",
     .access = ACCESS_ADMIN,
     .policy = "os_compute_api:os-hypervisors:uptime",
     .max = UNTIL_STATISTICS,
     .handler = hypervisor_uptime},
    {.method = "GET",
     .path = "/os-hypervisors/{hypervisor_id}/search",
     .access = ACCESS_ADMIN,
     .policy = "os_compute_api:os-hypervisors:search",
     .max = UNTIL_SEARCH,
     .handler = hypervisors_search},
    {.method = "GET",
     .path = "/os-hypervisors/{hypervisor_id}/servers",
     .access = ACCESS_ADMIN,
     .policy = "os_compute_api:os-hypervisors:servers",
     .max = UNTIL_SEARCH,
     .handler = hypervisors_servers},
    {.method = NULL},
};
