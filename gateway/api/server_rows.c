/*
 * Sources, their windows and the memory of these; see server_rows.h. What was asked together lives in one round, which goes when
 * the last of its windows is used up.
 */
#include "gateway/api/server_rows.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/api/server_claim.h"
#include "gateway/api/server_key.h"
#include "gateway/api/server_seen.h"
#include "gateway/api/server_view.h"
#include "gateway/base/log.h"
#include "gateway/conductor/relay.h"
#include "gateway/gateway.h"
#include "zones/classify.h"
#include "zones/metering.h"
#include "zones/resolve.h"
#include "zones/row_merge.h"

#define CHILD_ANSWER_LIMIT (64U << 20)
#define SHARE_LEAST        16

struct round {
    struct arena arena;
    size_t users; /* windows in it, and one while it is made */
};

struct rows_source {
    const struct zone *zone; /* NULL: this zone */
    bool remembered;         /* not the zone's own word */
    bool begun;              /* it was asked, or what is remembered was */
    struct text after;       /* the last key that it gave */
    struct round *round;     /* of its window; NULL: none */
};

/* The sources: this zone, the other zones, and what is remembered of each of these. */
struct server_rows {
    const struct server_rows_query *query;
    struct server_filter filter; /* with a window for its limit */
    struct arena *arena;
    struct row_merge *merge;
    struct rows_source *sources;
    size_t source_count;
    struct zones_missing missing;
    size_t given; /* rows */
    size_t asked;
    bool promised;
};

/* --- rounds */

static struct round *round_begin(void)
{
    struct round *round = calloc(1, sizeof(*round));
    if (!round)
        abort();
    round->users = 1;
    return round;
}

static void round_leave(struct round *round)
{
    if (!round || --round->users)
        return;
    arena_clear(&round->arena);
    free(round);
}

static void release_source(void *object)
{
    struct rows_source *source = object;
    text_clear(&source->after);
    round_leave(source->round);
}

static void release_text(void *object)
{
    text_clear(object);
}

static struct text *text_of(struct arena *arena)
{
    struct text *text = arena_alloc(arena, sizeof(*text));
    arena_defer(arena, release_text, text);
    return text;
}

static const struct row_list nothing = {0};

/* The source's next window, made in `round`, in the place of the one before. */
static void give(struct server_rows *rows, struct rows_source *source, struct round *round, const struct row_list *window)
{
    struct round *old = source->round;
    source->begun = true;
    source->round = window->count ? round : NULL;
    round->users += window->count ? 1 : 0;
    if (window->count) {
        const struct row *last = &window->rows[window->count - 1];
        text_reset(&source->after);
        text_add(&source->after, last->key, last->key_length);
    }
    row_merge_give(rows->merge, (size_t)(source - rows->sources), window);
    round_leave(old);
}

/* --- this zone */

struct own_rows {
    struct text *bodies;
    struct text *keys;
    size_t *ends; /* of each row's body and key */
};

static enum err write_own(const struct server_rows *rows, const struct servers *servers, size_t count,
                          const struct server_view *view, struct own_rows *out)
{
    for (size_t i = 0; i < count; i++) {
        if (rows->query->detail)
            server_view_detail(out->bodies, &servers->items[i], view);
        else
            server_view_brief(out->bodies, &servers->items[i], view);
        TRY(server_key_add(out->keys, &servers->items[i], &rows->filter));
        out->ends[2 * i] = out->bodies->length;
        out->ends[2 * i + 1] = out->keys->length;
    }
    return OK;
}

/* One more row than the window holds says whether there is more. */
static enum err read_own(const struct server_rows *rows, struct request *request, const struct text *after, struct row_list *out)
{
    const size_t most = rows->filter.limit;
    struct server_query query = {
        rows->filter.conditions, rows->filter.condition_count, rows->filter.sort, rows->filter.sort_count, NULL, most + 1};
    struct own_rows own = {text_of(request->arena), text_of(request->arena), NULL};
    struct servers servers = {0};
    struct server_view view;
    TRY(server_view_init(request, true, &view));
    if (after->length)
        TRY(server_key_values(request->arena, after, &rows->filter, &query.after));
    if (!rows->filter.nothing && most > 0)
        TRY(server_list(request->db, request->arena, &query, &servers));
    const size_t count = servers.count > most ? most : servers.count;
    struct row *items = arena_alloc(request->arena, (count + 1) * sizeof(*items));
    own.ends = arena_alloc(request->arena, (2 * count + 2) * sizeof(*own.ends));
    TRY(write_own(rows, &servers, count, &view, &own));
    for (size_t i = 0; i < count; i++) {
        const size_t body = i ? own.ends[2 * i - 2] : 0;
        const size_t key = i ? own.ends[2 * i - 1] : 0;
        items[i] = (struct row){servers.items[i].uuid, (const uint8_t *)own.keys->bytes + key, own.ends[2 * i + 1] - key,
                                own.bodies->bytes + body, own.ends[2 * i] - body};
    }
    *out = (struct row_list){items, count, servers.count > most, {0}};
    return OK;
}

/* --- other zones */

/* The query as another zone gets it: the client's own, without marker and place, with the key to go on from, the window's size, and
 * the place as it is called there (`in`; "" = its own subtree). */
static const char *source_target(const struct server_rows *rows, struct request *request, const char *in, const struct text *after)
{
    CLEANUP(text_clear) struct text target = {0};
    text_add_format(&target, "/compute/v2.1/servers%s?", rows->query->detail ? "/detail" : "");
    for (size_t i = 0; i < request->query.count; i++) {
        const char *name = request->query.items[i].name;
        if (strcmp(name, "marker") == 0 || strcmp(name, "limit") == 0 || str_starts(name, "zone."))
            continue;
        query_add(&target, name, request->query.items[i].value);
    }
    if (*in)
        query_add(&target, "zone.in", in);
    text_add_format(&target, "limit=%zu", rows->filter.limit);
    if (after->length) {
        const size_t size = 2 * after->length + 4;
        char *encoded = arena_alloc(request->arena, size);
        base64url_encode(after->bytes, after->length, encoded, size);
        text_add_format(&target, "&zone.after=%s", encoded);
    }
    return arena_strdup(request->arena, text_str(&target));
}

/* First claim wins (DESIGN section 5): a child lists no servers whose ids carry the tag of a zone that is not below it, unless a
 * record here points to it. */
static enum err check_claims(struct request *request, const struct zone *zone, struct row_list *list)
{
    const struct zones_view *view = zones_view(request->gateway->zones, request->arena);
    struct row *rows = NULL; /* those that are kept, when some are not */
    size_t kept = 0;
    if (view_child(view, zone->row.id) == NULL)
        return OK; /* a parent: what it says of the rest of the tree is its own affair */
    for (size_t i = 0; i < list->count; i++) {
        bool drop = false;
        if (!directory_may_answer(&view->directory, zone->row.id, &list->rows[i].uuid))
            TRY(server_claim_check(request, zone, &list->rows[i].uuid, &drop));
        drop = drop && !(list->more && kept == 0 && i + 1 == list->count); /* a window that goes on has a last key */
        if (drop && !rows)
            rows = arena_copy(request->arena, list->rows, list->count * sizeof(*rows));
        if (!drop && rows)
            rows[kept] = list->rows[i];
        kept += !drop;
    }
    list->rows = rows ? rows : list->rows;
    list->count = kept;
    return OK;
}

static enum err read_list(const struct server_rows *rows, struct request *request, const struct rows_source *source,
                          const struct http_answer *answer, struct row_list *out)
{
    const struct text *after = &source->after;
    if (answer->status != 200)
        return fail(E_INVALID, "status %d", answer->status);
    if (answer->rows)
        *out = *answer->rows; /* a plain Nova's: made here, by the same rules */
    else
        TRY(rows_read(request->arena, answer->body, answer->body_length, (const uint8_t *)after->bytes, after->length, out));
    if (out->more && out->count == 0)
        return fail(E_INVALID, "it says that there are more rows, and gives none");
    TRY(check_claims(request, source->zone, out));
    const bool whole = after->length == 0 && !out->more;
    return server_seen_take(request, &rows->filter, rows->query->detail, source->zone, out, whole);
}

static bool is_missing(const struct server_rows *rows, const char *path)
{
    for (size_t i = 0; i < rows->missing.count; i++) {
        if (str_equal(rows->missing.items[i].path, path))
            return true;
    }
    return false;
}

static enum err note_missing(struct server_rows *rows, const char *path, enum zone_kind_of_answer kind)
{
    if (is_missing(rows, path))
        return OK;
    if (rows->promised)
        return fail(E_UNAVAILABLE, "zone %s is silent: %s", path, zone_kind_word(kind));
    missing_add(rows->arena, &rows->missing, arena_strdup(rows->arena, path), kind);
    return OK;
}

static struct rows_source *remembered_of(const struct server_rows *rows, const struct rows_source *source)
{
    return (struct rows_source *)source + rows->query->zone_count;
}

static enum err give_remembered(struct server_rows *rows, struct request *request, struct rows_source *source, struct round *round)
{
    struct row_list list;
    TRY(server_seen_rows(request, &rows->filter, rows->query->detail, &source->after, source->zone, &list));
    give(rows, source, round, &list);
    return OK;
}

/* A zone that gave no list: what is remembered of it, behind what it gave before, takes its place; a real row of the same server
 * wins over it. */
static enum err miss_zone(struct server_rows *rows, struct request *request, struct rows_source *source, struct round *round,
                          enum zone_kind_of_answer kind)
{
    struct rows_source *remembered = remembered_of(rows, source);
    TRY(note_missing(rows, source->zone->row.name, kind));
    text_reset(&remembered->after);
    text_add(&remembered->after, source->after.bytes, source->after.length);
    give(rows, source, round, &nothing);
    return give_remembered(rows, request, remembered, round);
}

static enum err take_zone(struct server_rows *rows, struct request *request, struct rows_source *source, struct round *round,
                          const struct http_answer *answer)
{
    struct row_list list = {0};
    enum zone_kind_of_answer kind = answer->kind == ZONE_ANSWERED ? classify_list(answer->status) : answer->kind;
    if (answer->kind == ZONE_ANSWERED && read_list(rows, request, source, answer, &list) != OK) {
        log_warn("zone.garbage", "child=%s message=%s", source->zone->row.name, log_quote(err_message()).text);
        kind = kind == ZONE_ANSWERED ? ZONE_GARBAGE : kind;
    }
    if (kind != ZONE_ANSWERED)
        return miss_zone(rows, request, source, round, kind);
    for (size_t i = 0; i < list.missing.count; i++) {
        const char *path = zone_path_join(request->arena, source->zone->row.name, list.missing.items[i].path);
        TRY(note_missing(rows, path, list.missing.items[i].reason));
    }
    metering_count_rows(source->zone, list.count);
    if (!source->begun)
        rows->asked += (size_t)relay_asked_below(answer);
    give(rows, source, round, &list);
    return OK;
}

static struct zone_call *make_calls(const struct server_rows *rows, struct request *request, const struct rows_source *sources,
                                    size_t count)
{
    struct arena *arena = request->arena;
    const struct link_origin *origin = relay_origin(request);
    const struct zones_view *view = zones_view(request->gateway->zones, arena);
    struct link_headers headers = {0};
    struct zone_call *calls = arena_alloc(arena, (count + 1) * sizeof(*calls));
    headers_add(arena, &headers, "Accept", ROWS_MEDIA_TYPE);
    headers_add(arena, &headers, "OpenStack-API-Version", arena_printf(arena, "compute %s", request->version_text));
    for (size_t i = 0; i < count; i++) {
        const char *in = view_child(view, sources[i].zone->row.id) ? rows->query->in : "/";
        calls[i] = (struct zone_call){.zone = sources[i].zone,
                                      .origin = origin,
                                      .class = CLASS_READ,
                                      .method = "GET",
                                      .target = source_target(rows, request, in, &sources[i].after),
                                      .headers = headers,
                                      .answer_limit = CHILD_ANSWER_LIMIT};
    }
    return calls;
}

static enum err take_zones(struct server_rows *rows, struct request *request, struct rows_source *sources,
                           const struct zone_call *calls, size_t count, struct round *round)
{
    for (size_t i = 0; i < count; i++)
        TRY(take_zone(rows, request, &sources[i], round, &calls[i].answer));
    return OK;
}

/* --- all of them */

static enum err give_own(struct server_rows *rows, struct request *request, struct rows_source *source, struct round *round)
{
    struct row_list list;
    TRY(read_own(rows, request, &source->after, &list));
    give(rows, source, round, &list);
    return OK;
}

struct first {
    struct server_rows *rows;
    struct request *request;
    struct round *round;
};

static enum err give_own_first(void *context)
{
    const struct first *first = context;
    return first->rows->query->here ? give_own(first->rows, first->request, first->rows->sources, first->round) : OK;
}

/* The first windows: this zone's own while the others are asked. */
static enum err ask_all(struct server_rows *rows, struct request *request, struct round *round)
{
    struct first first = {rows, request, round};
    const struct beside beside = {give_own_first, &first};
    const size_t count = rows->filter.limit ? rows->query->zone_count : 0;
    for (size_t i = 0; i < rows->source_count; i++)
        row_merge_give(rows->merge, i, &nothing); /* but for those that say otherwise */
    rows->asked = count;
    struct zone_call *calls = make_calls(rows, request, rows->sources + 1, count);
    if (rows->filter.patterns) { /* what this zone refuses goes nowhere */
        TRY(give_own_first(&first));
        fanout_run(request->fanout, request->arena, calls, count, request->budget);
    } else {
        TRY(fanout_run_beside(request->fanout, request->arena, calls, count, request->budget, &beside));
    }
    return take_zones(rows, request, rows->sources + 1, calls, count, round);
}

static enum err ask_zone(struct server_rows *rows, struct request *request, struct rows_source *source, struct round *round)
{
    struct zone_call *call = make_calls(rows, request, source, 1);
    fanout_run(request->fanout, request->arena, call, 1, request->budget);
    return take_zones(rows, request, source, call, 1, round);
}

static enum err ask_again(struct server_rows *rows, struct request *request, struct rows_source *source, struct round *round)
{
    enum err result = OK;
    if (source->remembered)
        result = give_remembered(rows, request, source, round);
    else if (source->zone)
        result = ask_zone(rows, request, source, round);
    else
        result = give_own(rows, request, source, round);
    return result != OK && rows->promised ? fail(E_UNAVAILABLE, "%s", arena_strdup(request->arena, err_message())) : result;
}

/* What is made in a round belongs to it. */
static struct request in_round(const struct request *request, struct round *round)
{
    struct request part = *request;
    part.arena = &round->arena;
    return part;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Of many sources each is asked for twice its share: whoever has more of the page is asked again. */
static size_t first_window(const struct server_rows_query *query)
{
    const size_t sources = query->zone_count + (query->here ? 1 : 0);
    const size_t most = smaller(query->filter->limit, SERVER_ROWS_WINDOW);
    return sources > 2 ? smaller(most, 2 * most / sources + SHARE_LEAST) : most;
}

static enum err run_first(struct server_rows *rows, struct request *request)
{
    struct round *round = round_begin();
    struct request part = in_round(request, round);
    rows->filter.limit = first_window(rows->query);
    const enum err result = ask_all(rows, &part, round);
    round_leave(round);
    return result;
}

/* For no more than the list still lacks. */
static enum err run_again(struct server_rows *rows, struct request *request, struct rows_source *source)
{
    struct round *round = round_begin();
    struct request part = in_round(request, round);
    rows->filter.limit = smaller(rows->query->filter->limit - rows->given, SERVER_ROWS_WINDOW);
    const enum err result = ask_again(rows, &part, source, round);
    round_leave(round);
    return result;
}

static void open_source(const struct server_rows *rows, struct rows_source *source, const struct zone *zone)
{
    const struct text *after = rows->query->after;
    source->zone = zone;
    source->remembered = source > rows->sources + rows->query->zone_count;
    text_add(&source->after, after->bytes, after->length);
    arena_defer(rows->arena, release_source, source);
}

enum err server_rows_open(struct request *request, const struct server_rows_query *query, struct server_rows **out)
{
    struct server_rows *rows = arena_alloc(request->arena, sizeof(*rows));
    rows->query = query;
    rows->filter = *query->filter;
    rows->arena = request->arena;
    rows->source_count = 1 + 2 * query->zone_count;
    rows->sources = arena_alloc(request->arena, rows->source_count * sizeof(*rows->sources));
    rows->merge = row_merge_new(request->arena, rows->source_count);
    open_source(rows, rows->sources, NULL);
    for (size_t i = 0; i < query->zone_count; i++) {
        open_source(rows, rows->sources + 1 + i, query->zones[i]);
        open_source(rows, rows->sources + 1 + query->zone_count + i, query->zones[i]);
    }
    TRY(run_first(rows, request));
    *out = rows;
    return OK;
}

enum err server_rows_next(struct server_rows *rows, struct request *request, struct row *out, bool *end)
{
    size_t source = 0;
    for (;;) {
        const enum merge_step step = row_merge_next(rows->merge, out, &source);
        *end = step == MERGE_END;
        rows->given += step == MERGE_ROW ? 1 : 0;
        if (step != MERGE_WANTS)
            return OK;
        TRY(run_again(rows, request, &rows->sources[source]));
    }
}

bool server_rows_has_more(const struct server_rows *rows)
{
    return row_merge_has_more(rows->merge);
}

const struct zones_missing *server_rows_missing(const struct server_rows *rows)
{
    return &rows->missing;
}

size_t server_rows_asked(const struct server_rows *rows)
{
    return rows->asked;
}

void server_rows_promise(struct server_rows *rows)
{
    rows->promised = true;
}
