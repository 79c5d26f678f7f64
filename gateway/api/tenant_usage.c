/*
 * /os-simple-tenant-usage (nova-api.md section 14): how long a project's servers ran, here and below.
 *
 * Zones send each other server by server (detailed=1); a server that comes by two ways counts once, and only the zone that was
 * asked adds up and cuts pages. zone.tenant=ID in a list asks for one project, and is what a project's own user may ask.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/api/api.h"
#include "gateway/api/gather.h"
#include "gateway/api/owner.h"
#include "gateway/api/page.h"
#include "gateway/gateway.h"
#include "schema/usage.h"

#define PAGED 40

struct period {
    int64_t start_us;
    int64_t stop_us; /* not in the future */
    bool detailed;
};

/* --- the question */

/* Nova knows "2026-01-01T00:00:00", with or without a fraction, and with a blank only with one; no offset. */
static enum err read_time(const char *text, int64_t *out)
{
    const size_t length = text ? strlen(text) : 0;
    if (length == 0)
        return OK;
    const bool fraction = length > 20 && text[19] == '.' && strspn(text + 20, "0123456789") == length - 20;
    const bool shape = length == 19 ? text[10] == 'T' : fraction && (text[10] == 'T' || text[10] == ' ');
    if (!shape || time_parse_iso(text, out) != OK)
        return fail(E_INVALID, "Invalid datetime string: Datetime is in invalid format");
    return OK;
}

static enum err read_period(const struct request *request, struct period *out)
{
    const int64_t now = clock_wall_us();
    *out = (struct period){now - 1, now, str_equal(request_query(request, "detailed"), "1")};
    TRY(read_time(request_query(request, "start"), &out->start_us));
    TRY(read_time(request_query(request, "end"), &out->stop_us));
    if (out->start_us >= out->stop_us)
        return fail(E_INVALID, "Invalid start time. The start time cannot occur after the end time.");
    if (out->stop_us > now)
        out->stop_us = now;
    return OK;
}

/* A parent gets the whole: it cuts the page. */
static enum err read_page(const struct request *request, struct page *out)
{
    *out = (struct page){.limit = SIZE_MAX};
    return request->version >= PAGED && !request->link ? page_read(request, out) : OK;
}

/* --- servers */

static double hours_within(const struct usage_row *row, const struct period *period)
{
    const int64_t from = row->launched_us > period->start_us ? row->launched_us : period->start_us;
    const int64_t to = row->terminated_us && row->terminated_us < period->stop_us ? row->terminated_us : period->stop_us;
    return to > from ? (double)(to - from) / 3600e6 : 0.0;
}

static json_t *server_object(const struct usage_row *row, const struct period *period)
{
    const int64_t end = row->terminated_us ? row->terminated_us : clock_wall_us();
    return json_pack("{s:f, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:s, s:o, s:s, s:I}", "hours", hours_within(row, period), "flavor",
                     row->flavor ? row->flavor : "", "instance_id", uuid_to_text(&row->uuid).text, "name", row->name, "tenant_id",
                     row->project_id, "memory_mb", (json_int_t)row->ram_mib, "local_gb", (json_int_t)row->disk_gib, "vcpus",
                     (json_int_t)row->vcpus, "started_at", time_iso_micro(row->launched_us).text, "ended_at",
                     row->terminated_us ? json_string(time_iso_micro(row->terminated_us).text) : json_null(), "state",
                     row->terminated_us ? "terminated" : row->vm_state, "uptime", (json_int_t)((end - row->launched_us) / 1000000));
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static enum err add_below(struct request *request, struct response *response, const char *project, const struct period *period,
                          json_t *servers)
{
    json_auto_t *parts = json_array();
    size_t index = 0;
    json_t *part = NULL;
    const char *path = arena_printf(request->arena, "/os-simple-tenant-usage?detailed=1&start=%s&end=%s%s%s",
                                    time_iso_micro(period->start_us).text, time_iso_micro(period->stop_us).text,
                                    project ? "&zone.tenant=" : "", project ? owner_encoded(request->arena, project) : "");
    TRY(gather_lists(owner_question(request, path), response, "tenant_usages", parts));
    json_array_foreach(parts, index, part)
    {
        (void)json_array_extend(servers, json_object_get(part, "server_usages"));
    }
    return OK;
}

static int compare(const void *a, const void *b)
{
    const json_t *left = *(json_t *const *)a;
    const json_t *right = *(json_t *const *)b;
    const int started = strcmp(text_of(left, "started_at"), text_of(right, "started_at"));
    return started ? started : strcmp(text_of(left, "instance_id"), text_of(right, "instance_id"));
}

/* Sorted by start and id, each once. */
static size_t sort_once(struct arena *arena, const json_t *servers, json_t ***out)
{
    const size_t count = json_array_size(servers);
    json_t **items = arena_alloc(arena, (count + 1) * sizeof(json_t *));
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        items[i] = json_array_get(servers, i);
    qsort(items, count, sizeof(json_t *), compare);
    for (size_t i = 0; i < count; i++) {
        if (!kept || strcmp(text_of(items[kept - 1], "instance_id"), text_of(items[i], "instance_id")) != 0)
            items[kept++] = items[i];
    }
    *out = items;
    return kept;
}

/* --- sums */

static json_t *new_sum(const char *project, const struct period *period)
{
    json_t *sum = json_pack("{s:s, s:s, s:s}", "tenant_id", project, "start", time_iso_micro(period->start_us).text, "stop",
                            time_iso_micro(period->stop_us).text);
    if (period->detailed)
        (void)json_object_set_new(sum, "server_usages", json_array());
    return sum;
}

static void add_to_sum(json_t *sum, json_t *server)
{
    static const struct {
        const char *total;
        const char *member; /* NULL: hours alone */
    } totals[] = {{"total_hours", NULL},
                  {"total_vcpus_usage", "vcpus"},
                  {"total_memory_mb_usage", "memory_mb"},
                  {"total_local_gb_usage", "local_gb"}};
    const double hours = json_number_value(json_object_get(server, "hours"));
    for (size_t i = 0; i < ARRAY_LEN(totals); i++) {
        const double former = json_number_value(json_object_get(sum, totals[i].total));
        const double amount = totals[i].member ? json_number_value(json_object_get(server, totals[i].member)) : 1.0;
        (void)json_object_set_new(sum, totals[i].total, json_real(former + hours * amount));
    }
    if (json_object_get(sum, "server_usages"))
        (void)json_array_append(json_object_get(sum, "server_usages"), server);
}

struct answer {
    json_t *sums;     /* by project, in the order of their first server */
    const char *last; /* server of a full page; NULL: there is no next one */
};

static enum err find_marker(const struct response *response, json_t **servers, size_t count, const char *marker, size_t *out)
{
    *out = 0;
    for (size_t i = 0; marker && i < count; i++) {
        if (str_equal_nocase(text_of(servers[i], "instance_id"), marker)) {
            *out = i + 1;
            return OK;
        }
    }
    if (!marker)
        return OK;
    return owner_has_missing(response) ? fail(E_UNAVAILABLE, "marker [%.200s] was not found in the zones that answer", marker)
                                       : fail(E_INVALID, "marker [%.200s] not found", marker);
}

static enum err add_up(struct request *request, struct response *response, const char *project, const struct period *period,
                       struct answer *out)
{
    struct usage_rows rows;
    struct page page;
    json_t **items = NULL;
    size_t first = 0;
    json_auto_t *servers = json_array();
    TRY(read_page(request, &page));
    TRY(usage_list(request->db, request->arena, project, period->start_us, period->stop_us, &rows));
    for (size_t i = 0; i < rows.count; i++)
        (void)json_array_append_new(servers, server_object(&rows.items[i], period));
    TRY(add_below(request, response, project, period, servers));
    const size_t count = sort_once(request->arena, servers, &items);
    TRY(find_marker(response, items, count, page.marker, &first));
    const size_t shown = count - first < page.limit ? count - first : page.limit;
    out->sums = json_object();
    for (size_t i = first; i < first + shown; i++) {
        const char *tenant = text_of(items[i], "tenant_id");
        if (!json_object_get(out->sums, tenant))
            (void)json_object_set_new(out->sums, tenant, new_sum(tenant, period));
        add_to_sum(json_object_get(out->sums, tenant), items[i]);
    }
    const bool full = request->version >= PAGED && shown && shown == page.limit;
    out->last = full ? arena_strdup(request->arena, text_of(items[first + shown - 1], "instance_id")) : NULL;
    return OK;
}

static void add_links(struct request *request, json_t *reply, const char *name, const char *path, const char *last)
{
    CLEANUP(text_clear) struct text link = {0};
    if (!last)
        return;
    text_add_str(&link, request_link(request, "%s", path));
    page_add_next_query(&link, request, last);
    (void)json_object_set_new(reply, name, json_pack("[{s:s, s:s}]", "rel", "next", "href", text_str(&link)));
}

/* --- handlers */

static const char *const list_parameters[] = {"start", "end", "detailed", "limit", "marker"};

static enum err usage_index(struct request *request, struct response *response)
{
    const char *project = request_query(request, "zone.tenant");
    struct period period;
    struct answer answer;
    const char *tenant = NULL;
    json_t *sum = NULL;
    if (request->target[strcspn(request->target, "?") - 1] == '/') /* a project without a name, as clients write it */
        return fail(E_NOT_FOUND, "The resource could not be found.");
    if (!request->caller.is_admin && !str_equal(project, request->caller.project_id))
        return fail(E_FORBIDDEN, "Policy doesn't allow os_compute_api:os-simple-tenant-usage:list to be performed.");
    TRY(query_check_names(request, list_parameters, ARRAY_LEN(list_parameters)));
    TRY(read_period(request, &period));
    TRY(add_up(request, response, project, &period, &answer));
    json_t *list = json_array();
    json_object_foreach(answer.sums, tenant, sum)
    {
        (void)json_array_append(list, sum);
    }
    json_decref(answer.sums);
    response->json = json_pack("{s:o}", "tenant_usages", list);
    add_links(request, response->json, "tenant_usages_links", "/os-simple-tenant-usage", answer.last);
    return OK;
}

static enum err usage_show(struct request *request, struct response *response)
{
    const char *project = request_param(request, "tenant_id");
    struct period period;
    struct answer answer;
    if (!request->caller.is_admin && !str_equal(project, request->caller.project_id))
        return fail(E_FORBIDDEN, "Policy doesn't allow os_compute_api:os-simple-tenant-usage:show to be performed.");
    TRY(query_check_names(request, list_parameters, ARRAY_LEN(list_parameters)));
    TRY(read_period(request, &period));
    period.detailed = true;
    TRY(add_up(request, response, project, &period, &answer));
    json_t *sum = json_object_get(answer.sums, project);
    response->json = json_pack("{s:o}", "tenant_usage", sum ? json_incref(sum) : json_object());
    json_decref(answer.sums);
    const char *path = arena_printf(request->arena, "/os-simple-tenant-usage/%s", project);
    add_links(request, response->json, "tenant_usage_links", path, answer.last);
    return OK;
}

const struct route usage_routes[] = {
    {.method = "GET", .path = "/os-simple-tenant-usage", .access = ACCESS_READER, .handler = usage_index},
    {.method = "GET", .path = "/os-simple-tenant-usage/{tenant_id}", .access = ACCESS_READER, .handler = usage_show},
    {.method = NULL},
};
