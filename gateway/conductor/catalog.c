/* See catalog.h. What is kept is in catalog_cache.c; here is whom to ask, what, and how an answer is read. */
#include "gateway/conductor/catalog.h"

#include <string.h>

#include "gateway/base/log.h"
#include "gateway/conductor/catalog_cache.h"
#include "gateway/conductor/relay.h"
#include "gateway/gateway.h"
#include "schema/json/json.h"
#include "zones/fanout.h"

#define PAGE         "1000"
#define PAGES_MOST   64
#define RETRY_MS     5000 /* a silent parent is asked again after that */
#define ANSWER_LIMIT (16U << 20)
#define VERSION      "compute 2.61" /* flavors with description and extra specs; every zone speaks it */

static const struct {
    const char *list; /* path and query of the first page */
    const char *key;  /* of the rows */
    const char *more; /* there is another page when this member is there */
    const char *one;  /* path, with the id to follow */
    const char *wrap; /* what is around one; NULL: nothing */
} kinds[] = {
    [CATALOG_FLAVORS] = {"/compute/v2.1/flavors/detail?limit=" PAGE, "flavors", "flavors_links", "/compute/v2.1/flavors/",
                         "flavor"},
    [CATALOG_IMAGES] = {"/image/v2/images?visibility=all&limit=" PAGE, "images", "next", "/image/v2/images/", NULL},
};

/* One question to one parent. */
struct asking {
    struct request *request;
    const struct zone *parent;
    const char *target;
    enum catalog_kind kind; /* of a list */
};

typedef enum err fetch_f(const struct asking *asking, json_t **out, size_t *out_size);

/* `before`, and the value percent-encoded. In the arena. */
static const char *encode(struct arena *arena, const char *before, const char *value)
{
    CLEANUP(text_clear) struct text text = {0};
    text_add_str(&text, before);
    text_add_percent(&text, value, "");
    return arena_strdup(arena, text_str(&text));
}

bool catalog_is_allowed(const struct zone *neighbour, bool missing)
{
    json_auto_t *policy = NULL;
    const char *text = neighbour->row.policy;
    if (!text)
        return missing;
    if (json_parse_foreign(text, strlen(text), &policy) != OK)
        return false;
    const json_t *value = json_object_get(policy, "catalog");
    return json_is_boolean(value) ? json_is_true(value) : missing;
}

static bool was_visited(const struct request *request, const struct uuid *zone)
{
    for (size_t i = 0; request->link && i < request->link->path_count; i++) {
        if (uuid_equal(&request->link->path[i], zone))
            return true;
    }
    return false;
}

/* What came down a link does not go up again. */
static bool may_ask(const struct request *request, const struct zone *parent)
{
    const bool one_authority = request->gateway->config.identity.url && request->gateway->config.identity.url[0];
    if (!request->caller.project_id || (request->link && request->link->direction == LINK_DOWN))
        return false;
    return parent->row.state != ZONE_ADMIN_DISABLED && parent->session_count && !was_visited(request, &parent->row.uuid) &&
           catalog_is_allowed(parent, one_authority);
}

/* A zone without links (tools, tests) has no registry. */
static size_t parents_of(struct request *request, const struct zone ***out)
{
    struct zones *zones = request->gateway->zones;
    const struct zones_view *view = zones ? zones_view(zones, request->arena) : NULL;
    const size_t most = view ? view->parent_count : 0;
    const struct zone **parents = arena_alloc(request->arena, (most + 1) * sizeof(struct zone *));
    size_t count = 0;
    for (size_t i = 0; i < most; i++) {
        if (may_ask(request, &view->parents[i]))
            parents[count++] = &view->parents[i];
    }
    *out = parents;
    return count;
}

/* --- one question */

static enum err read_status(const struct asking *asking, const struct http_answer *answer, const json_t *body)
{
    const char *message = json_string_value(json_object_get(json_object_iter_value(json_object_iter((json_t *)body)), "message"));
    if (answer->status == 200 && body)
        return OK;
    if (answer->status == 400)
        return fail(E_INVALID, "%s", message ? message : "The parent zone refused the request.");
    if (answer->status == 403 || answer->status == 404)
        return fail(E_NOT_FOUND, "Zone %s has no such thing for this user.", asking->parent->row.name);
    return fail(E_UNAVAILABLE, "Zone %s cannot say now (%d).", asking->parent->row.name, answer->status);
}

static enum err fetch_page(const struct asking *asking, const char *target, json_t **out, size_t *size)
{
    struct request *request = asking->request;
    struct link_origin origin = *relay_origin(request);
    struct zone_call call = {.zone = asking->parent,
                             .origin = &origin,
                             .class = CLASS_READ,
                             .method = "GET",
                             .target = target,
                             .answer_limit = ANSWER_LIMIT};
    json_auto_t *body = NULL;
    origin.key = NULL; /* a read, whatever the request is */
    headers_add(request->arena, &call.headers, "Accept", "application/json");
    headers_add(request->arena, &call.headers, "OpenStack-API-Version", VERSION);
    fanout_run(request->fanout, request->arena, &call, 1, request->budget);
    if (call.answer.kind == ZONE_LOOP)
        return fail(E_NOT_FOUND, "Zone %s is asked by another way.", asking->parent->row.name);
    if (call.answer.kind != ZONE_ANSWERED)
        return fail(E_UNAVAILABLE, "Zone %s does not answer (%s).", asking->parent->row.name, zone_kind_word(call.answer.kind));
    if (json_parse_foreign(call.answer.body, call.answer.body_length, &body) != OK && call.answer.status == 200)
        return fail(E_UNAVAILABLE, "Zone %s answers garbage.", asking->parent->row.name);
    TRY(read_status(asking, &call.answer, body));
    *size += call.answer.body_length;
    *out = json_incref(body);
    return OK;
}

static enum err fetch_one(const struct asking *asking, json_t **out, size_t *out_size)
{
    return fetch_page(asking, asking->target, out, out_size);
}

static const char *id_of(const json_t *row)
{
    return json_string_value(json_object_get(row, "id"));
}

/* Adds a page's rows. The id to go on after, or NULL when that was the last page. */
static const char *take_rows(const struct asking *asking, const json_t *page, json_t *all)
{
    const json_t *rows = json_object_get(page, kinds[asking->kind].key);
    const char *last = NULL;
    size_t i = 0;
    json_t *row = NULL;
    json_array_foreach(rows, i, row)
    {
        const char *id = id_of(row);
        if (id && json_array_size(all) < CATALOG_ROWS_MOST && json_array_append(all, row) == 0)
            last = id;
    }
    const bool more = json_object_get(page, kinds[asking->kind].more) && last;
    if (more && json_array_size(all) >= CATALOG_ROWS_MOST)
        log_warn("catalog.cut", "parent=%s kind=%s rows=%d", asking->parent->row.name, kinds[asking->kind].key, CATALOG_ROWS_MOST);
    return more && json_array_size(all) < CATALOG_ROWS_MOST ? last : NULL;
}

/* All pages. A parent that offers nothing to this user has an empty list. */
static enum err fetch_list(const struct asking *asking, json_t **out, size_t *out_size)
{
    struct arena *arena = asking->request->arena;
    json_auto_t *all = json_array();
    const char *target = asking->target;
    const char *first = arena_printf(arena, "%s&marker=", asking->target);
    for (int i = 0; target && i < PAGES_MOST; i++) {
        json_auto_t *page = NULL;
        const enum err result = fetch_page(asking, target, &page, out_size);
        if (result == E_NOT_FOUND)
            break;
        TRY(result);
        const char *last = take_rows(asking, page, all);
        target = last ? encode(arena, first, last) : NULL;
    }
    *out = json_incref(all);
    return OK;
}

/* The kept answer while it is good, else a new one, else the former one. */
static enum err ask_parent(const struct asking *asking, fetch_f *fetch, const json_t **out)
{
    struct arena *arena = asking->request->arena;
    const char *key = arena_printf(arena, "%s|%s|%s", uuid_to_text(&asking->parent->row.uuid).text,
                                   asking->request->caller.project_id, asking->target);
    const json_t *former = NULL;
    json_t *document = NULL;
    size_t size = 0;
    const enum cache_state state = cache_find(arena, key, clock_mono_ms(), &former);
    if (state == CACHE_FRESH) {
        *out = former;
        return OK;
    }
    const enum err result = fetch(asking, &document, &size);
    if (result == OK) {
        *out = cache_store(arena, key, document, size, clock_mono_ms(), CATALOG_FRESH_MS, CATALOG_STALE_MS);
        return OK;
    }
    if (result != E_UNAVAILABLE || state == CACHE_NONE) {
        cache_drop(key);
        return result;
    }
    log_info("catalog.stale", "parent=%s target=%s why=%s", asking->parent->row.name, log_quote(asking->target).text,
             log_quote(err_message()).text);
    cache_keep(key, clock_mono_ms(), RETRY_MS);
    *out = former;
    return OK;
}

/* --- all parents */

static bool has_id(const struct catalog_items *items, size_t count, const char *id)
{
    for (size_t i = 0; i < count; i++) {
        if (str_equal(id_of(items->items[i]), id))
            return true;
    }
    return false;
}

static void append(struct request *request, struct catalog_items *items, const json_t *rows)
{
    const size_t before = items->count;
    const size_t room = before + json_array_size(rows);
    const json_t **all = arena_alloc(request->arena, (room + 1) * sizeof(json_t *));
    size_t i = 0;
    const json_t *row = NULL;
    if (before)
        memcpy(all, items->items, before * sizeof(json_t *));
    items->items = all;
    json_array_foreach(rows, i, row)
    {
        if (!has_id(items, before, id_of(row)))
            items->items[items->count++] = row;
    }
}

void catalog_list(struct request *request, enum catalog_kind kind, struct catalog_items *out)
{
    const struct zone **parents = NULL;
    const size_t count = parents_of(request, &parents);
    *out = (struct catalog_items){.inherits = count > 0};
    for (size_t i = 0; i < count; i++) {
        const struct asking asking = {request, parents[i], kinds[kind].list, kind};
        const json_t *rows = NULL;
        if (ask_parent(&asking, fetch_list, &rows) == OK) {
            append(request, out, rows);
            continue;
        }
        out->silent = true;
        log_info("catalog.silent", "parent=%s why=%s", parents[i]->row.name, log_quote(err_message()).text);
    }
}

enum err catalog_list_whole(struct request *request, enum catalog_kind kind, struct catalog_items *out)
{
    catalog_list(request, kind, out);
    if (out->silent && request->link && request->link->direction == LINK_UP)
        return fail(E_UNAVAILABLE, "A parent zone is silent, and nothing is known of what it offers.");
    return OK;
}

enum err catalog_ask(struct request *request, const char *target, const json_t **out)
{
    const struct zone **parents = NULL;
    const size_t count = parents_of(request, &parents);
    enum err worst = fail(E_NOT_FOUND, "No parent zone has it.");
    const char *message = NULL;
    for (size_t i = 0; i < count; i++) {
        const struct asking asking = {.request = request, .parent = parents[i], .target = target};
        const enum err result = ask_parent(&asking, fetch_one, out);
        if (result == OK)
            return OK;
        if (worst == E_NOT_FOUND) {
            worst = result;
            message = arena_strdup(request->arena, err_message());
        }
    }
    return fail(worst, "%s", message ? message : "No parent zone has it.");
}

enum err catalog_get(struct request *request, enum catalog_kind kind, const char *id, const json_t **out)
{
    struct catalog_items list;
    const json_t *document = NULL;
    catalog_list(request, kind, &list);
    for (size_t i = 0; i < list.count; i++) {
        if (str_equal(id_of(list.items[i]), id)) {
            *out = list.items[i];
            return OK;
        }
    }
    if (!list.inherits)
        return fail(E_NOT_FOUND, "No parent zone has it.");
    const enum err result = catalog_ask(request, encode(request->arena, kinds[kind].one, id), &document);
    /* Clients try names as ids first: of those the list that is known says enough. What has a uuid may be new there. */
    if (result == E_UNAVAILABLE && !list.silent && !uuid_is_text(id))
        return fail(E_NOT_FOUND, "No parent zone had it.");
    TRY(result);
    *out = kinds[kind].wrap ? json_object_get(document, kinds[kind].wrap) : document;
    return *out ? OK : fail(E_UNAVAILABLE, "A parent zone answers garbage.");
}

void catalog_clear(void)
{
    cache_clear();
}
