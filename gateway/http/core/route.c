/*
 * From a path to a service and a route: mounts sorted by length, then the service's tree of segments (trie.h).
 *
 * Also holds each service's metric series, since they live as long as the tables. Versions are given, not negotiated here.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "gateway/base/metrics.h"
#include "gateway/http/core/trie.h"
#include "schema/json/json.h"

#define PROJECT_HEX_LENGTH  32
#define STATUS_LIMIT        600
#define REQUESTS_TOTAL_HELP "Requests answered, by service and status."
#define SECONDS_HELP        "Time from the request's headers to its reply, by service."

struct mounted {
    const struct service *service; /* NULL: requests that no mount fits */
    struct trie_node root;
    struct histogram *seconds;
    _Atomic(struct metric *) totals[STATUS_LIMIT]; /* made at first use: most statuses never occur */
};

struct mount {
    const char *path;
    size_t length;
    struct mounted *mounted;
};

struct routing {
    struct arena arena;
    struct mount *mounts; /* longest first */
    size_t mount_count;
    struct mounted *nowhere;
};

static const char *service_name(const struct mounted *mounted)
{
    return mounted->service ? mounted->service->name : "none";
}

void mounted_count(struct mounted *mounted, int status, int64_t us)
{
    if (status < 100 || status >= STATUS_LIMIT)
        status = 500;
    struct metric *total = atomic_load_explicit(&mounted->totals[status], memory_order_acquire);
    if (!total) {
        char labels[128];
        (void)snprintf(labels, sizeof(labels), "service=\"%s\",status=\"%d\"", service_name(mounted), status);
        total = metric_get(METRIC_COUNTER, "zonegate_http_requests_total", labels, REQUESTS_TOTAL_HELP);
        atomic_store_explicit(&mounted->totals[status], total, memory_order_release);
    }
    metric_add(total, 1);
    histogram_observe_us(mounted->seconds, us);
}

static struct mounted *add_mounted(struct routing *routing, const struct service *service)
{
    struct mounted *mounted = arena_alloc(&routing->arena, sizeof(*mounted));
    mounted->service = service;
    char labels[128];
    (void)snprintf(labels, sizeof(labels), "service=\"%s\"", service_name(mounted));
    mounted->seconds = histogram_get("zonegate_http_request_seconds", labels, SECONDS_HELP);
    return mounted;
}

static enum err check_row(const struct service *service, const struct route *route)
{
    const char *wrong = NULL;
    if (!route->handler)
        wrong = "has no handler";
    else if (route->body == BODY_STREAM && (!route->open || route->scope != SCOPE_HERE))
        wrong = "is a stream and needs `open` and SCOPE_HERE";
    else if (route->inline_ok && (route->access != ACCESS_PUBLIC || route->body != BODY_NONE || route->scope != SCOPE_HERE))
        wrong = "runs inline and must be ACCESS_PUBLIC, BODY_NONE, SCOPE_HERE";
    else if (route->max && route->max < route->min)
        wrong = "ends before the version in which it begins";
    if (wrong)
        return fail(E_INTERNAL, "service %s: %s %s %s", service->name, route->method, route->path, wrong);
    return OK;
}

/* An unknown schema name ends the program here, not at the first request. */
static void touch_schemas(const struct route *route)
{
    if (route->schema)
        (void)json_schema_named(route->schema);
    for (const struct body_schema *row = route->schemas; row && row->name; row++)
        (void)json_schema_named(row->name);
}

static enum err add_tables(struct routing *routing, struct mounted *mounted)
{
    for (const struct route *const *table = mounted->service->tables; *table; table++) {
        for (const struct route *route = *table; route->method; route++) {
            TRY(check_row(mounted->service, route));
            TRY(trie_add(&routing->arena, &mounted->root, route));
            touch_schemas(route);
        }
    }
    return OK;
}

static int compare_mounts(const void *a, const void *b)
{
    const struct mount *left = a;
    const struct mount *right = b;
    return (left->length < right->length) - (left->length > right->length);
}

static size_t count_mounts(const struct service *const *services)
{
    size_t count = 0;
    for (; *services; services++)
        for (const char *const *mount = (*services)->mounts; *mount; mount++)
            count++;
    return count;
}

static enum err add_mount(struct routing *routing, struct mounted *mounted, const char *path)
{
    const size_t length = strcmp(path, "/") == 0 ? 0 : strlen(path);
    for (size_t i = 0; i < routing->mount_count; i++)
        if (routing->mounts[i].length == length && memcmp(routing->mounts[i].path, path, length) == 0)
            return fail(E_INTERNAL, "services %s and %s are both mounted at \"%s\"", routing->mounts[i].mounted->service->name,
                        mounted->service->name, path);
    if (length && (path[0] != '/' || path[length - 1] == '/'))
        return fail(E_INTERNAL, "service %s: \"%s\" is not a mount: /a/b or / is", mounted->service->name, path);
    routing->mounts[routing->mount_count++] = (struct mount){path, length, mounted};
    return OK;
}

static enum err add_services(struct routing *routing, const struct service *const *services)
{
    routing->nowhere = add_mounted(routing, NULL);
    routing->mounts = arena_alloc(&routing->arena, (count_mounts(services) + 1) * sizeof(struct mount));
    for (; *services; services++) {
        struct mounted *mounted = add_mounted(routing, *services);
        TRY(add_tables(routing, mounted));
        for (const char *const *mount = (*services)->mounts; *mount; mount++)
            TRY(add_mount(routing, mounted, *mount));
    }
    qsort(routing->mounts, routing->mount_count, sizeof(struct mount), compare_mounts);
    return OK;
}

enum err routing_compile(const struct service *const *services, struct routing **out)
{
    struct routing *routing = calloc(1, sizeof(*routing));
    if (!routing)
        return fail(E_INTERNAL, "out of memory");
    const enum err result = add_services(routing, services);
    if (result == OK)
        *out = routing;
    else
        routing_free(routing);
    return result;
}

void routing_free(struct routing *routing)
{
    if (!routing)
        return;
    arena_clear(&routing->arena);
    free(routing);
}

static const struct mount *find_mount(const struct routing *routing, const char *path)
{
    for (size_t i = 0; i < routing->mount_count; i++) {
        const struct mount *mount = &routing->mounts[i];
        if (strncmp(path, mount->path, mount->length) == 0 && (path[mount->length] == '/' || path[mount->length] == '\0'))
            return mount;
    }
    return NULL;
}

/* Length of a project id (32 hex digits, or a dashed uuid) that is the whole first segment of `subpath`; 0 if it is none. */
static size_t project_length(const char *subpath)
{
    if (subpath[0] != '/')
        return 0;
    const size_t length = strcspn(subpath + 1, "/");
    if (length == PROJECT_HEX_LENGTH && strspn(subpath + 1, "0123456789abcdefABCDEF") >= length)
        return length;
    if (length != UUID_TEXT_SIZE - 1)
        return 0;
    char text[UUID_TEXT_SIZE];
    memcpy(text, subpath + 1, length);
    text[length] = '\0';
    return uuid_is_text(text) ? length : 0;
}

static const char *project_hex(struct arena *arena, const char *text, size_t length)
{
    char *hex = arena_alloc(arena, PROJECT_HEX_LENGTH + 1);
    for (size_t i = 0, used = 0; i < length && used < PROJECT_HEX_LENGTH; i++)
        if (text[i] != '-')
            hex[used++] = (char)(text[i] >= 'A' && text[i] <= 'F' ? text[i] | 0x20 : text[i]);
    return hex;
}

void routing_find_service(const struct routing *routing, struct request *request, const char *path)
{
    const struct mount *mount = find_mount(routing, path);
    request->mounted = mount ? mount->mounted : routing->nowhere;
    request->service = request->mounted->service;
    request->mount = "";
    request->subpath = path;
    if (!mount)
        return;
    const size_t project = request->service->project_in_path ? project_length(path + mount->length) : 0;
    const size_t cut = mount->length + (project ? 1 + project : 0);
    if (project)
        request->project = project_hex(request->arena, path + mount->length + 1, project);
    request->mount = arena_strndup(request->arena, path, cut);
    request->subpath = path + cut;
}

static const char *list_methods(struct arena *arena, unsigned bits)
{
    struct text text = {0};
    for (unsigned i = 0; method_names[i]; i++)
        if (bits & (1U << i))
            text_add_format(&text, "%s%s", text.length ? ", " : "", method_names[i]);
    const char *list = arena_strdup(arena, text_str(&text));
    text_clear(&text);
    return list;
}

void routing_match(const struct request *request, struct route_match *out)
{
    struct url url;
    *out = (struct route_match){0};
    if (!request->service || url_split(request->subpath, &url) != OK)
        return;
    struct trie_search search = {.url = &url, .method = request->method, .version = request->version};
    const struct trie_node *root = &request->mounted->root;
    out->route = trie_find(root, &search);
    if (!out->route && strcmp(request->method, "HEAD") == 0) {
        search.method = "GET";
        out->route = trie_find(root, &search);
    }
    if (out->route)
        trie_captures(request->arena, out->route, &url, &out->params);
    else if (search.known && !(search.known & method_bit(request->method)))
        out->allow = list_methods(request->arena, search.known); /* a method of no version: what the path has in any */
    else if (search.allowed)
        out->allow = list_methods(request->arena, search.allowed);
}
