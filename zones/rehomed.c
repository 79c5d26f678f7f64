/* The old parent's part of rehomed.h, once a round; who is asked answers in gateway/api/zones_where.c. */
#include "zones/rehomed.h"

#include <string.h>

#include "gateway/base/log.h"
#include "gateway/base/text.h"
#include "schema/json/json.h"
#include "zones/poller.h"

/* A gateway of the child that has not read its rows again since the zone was joined refuses its key too, until its next poll. */
#define REFUSED_POLLS 2

static bool is_unlinked(const struct http_answer *answer)
{
    json_auto_t *body = NULL;
    if (answer->kind != ZONE_AUTH || answer->status != 401 || json_parse_foreign(answer->body, answer->body_length, &body) != OK)
        return false;
    const json_t *fault = json_object_iter_value(json_object_iter(body));
    return str_equal(json_string_value(json_object_get(fault, "message")), LINK_UNKNOWN_KEY);
}

void rehomed_note(const struct zone *child, const struct http_answer *answer)
{
    _Atomic int64_t *since_ms = &child->health->unlinked_ms;
    int64_t never = 0;
    if (is_unlinked(answer))
        atomic_compare_exchange_strong(since_ms, &never, clock_mono_ms());
    else if (answer->kind == ZONE_ANSWERED || answer->kind == ZONE_AUTH)
        atomic_store(since_ms, 0);
}

const char *rehomed_path_told(struct arena *arena, const struct zone_call *call)
{
    const struct http_answer *answer = &call->answer;
    json_auto_t *body = NULL;
    if (answer->kind != ZONE_ANSWERED || answer->status != 200 ||
        json_parse_foreign(answer->body, answer->body_length, &body) != OK)
        return NULL;
    const char *path = json_string_value(json_object_get(json_object_get(body, "where"), "path"));
    if (!path || strlen(path) > DIRECTORY_PATH_MAX || zone_path_check(path) != OK)
        return NULL;
    return zone_path_join(arena, call->zone->row.name, path);
}

/* NULL: it says nothing of a zone above it. */
static const char *parent_path(struct arena *arena, const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? arena_strndup(arena, path, (size_t)(slash - path)) : NULL;
}

static void take_out(struct round *round, const struct zone *child, const char *path)
{
    const char *above = parent_path(&round->arena, path);
    if (!above)
        return;
    const char *error = arena_printf(&round->arena, ZONE_REHOMED "zone %s is now below %s", child->row.name, above);
    const enum err result = zone_departed_rehomed(round->db, &child->row, error);
    if (result != OK && result != E_NOT_FOUND) /* another gateway, or an admin, was faster */
        log_error("zone.rehomed", "child=%s why=%s", child->row.name, log_quote(err_message()).text);
    if (result == OK)
        log_warn("zone.rehomed", "child=%s below=%s", child->row.name, log_quote(above).text);
    atomic_store(&child->health->unlinked_ms, 0); /* enabled again, it has as much time as before */
}

static bool is_lost(const struct round *round, const struct zone_call *poll)
{
    const int64_t since_ms = atomic_load(&poll->zone->health->unlinked_ms);
    return is_unlinked(&poll->answer) && clock_mono_ms() - since_ms >= REFUSED_POLLS * round->zones->options.poll_interval_ms;
}

/* A read: a parent that is down is not waited for. */
static struct zone_call make_question(struct round *round, const struct zone *parent, const struct zone *child)
{
    const char *target = arena_printf(&round->arena, ZONES_WHERE "?zone=%s", uuid_to_text(&child->row.uuid).text);
    struct zone_call call = round_call(round, parent, target);
    call.class = CLASS_READ;
    return call;
}

/* All parents for all of these children, at once. */
static void ask_above(struct round *round, const struct zones_view *view, const struct zone *const *children, size_t count)
{
    const size_t most = count * view->parent_count;
    struct zone_call *calls = arena_alloc(&round->arena, (most + 1) * sizeof(*calls));
    for (size_t i = 0; i < most; i++)
        calls[i] = make_question(round, &view->parents[i % view->parent_count], children[i / view->parent_count]);
    fanout_run(round->fanout, &round->arena, calls, most, budget_from_ms(round->zones->options.child_timeout_ms));
    for (size_t i = 0; i < count; i++) {
        const char *path = NULL;
        for (size_t j = 0; j < view->parent_count && !path; j++)
            path = rehomed_path_told(&round->arena, &calls[i * view->parent_count + j]);
        if (path)
            take_out(round, children[i], path);
    }
}

void round_find_rehomed(struct round *round, const struct zone_call *polls, size_t count)
{
    const struct zones_view *view = zones_view(round->zones, &round->arena);
    const struct zone **unknown = arena_alloc(&round->arena, (count + 1) * sizeof(const struct zone *));
    size_t unknown_count = 0;
    for (size_t i = 0; i < count; i++) {
        const struct zone *child = polls[i].zone;
        if (!is_lost(round, &polls[i]))
            continue;
        const struct directory_row *row = directory_find_zone(&view->directory, &child->row.uuid, child->row.id);
        if (row)
            take_out(round, child, row->path);
        else
            unknown[unknown_count++] = child;
    }
    ask_above(round, view, unknown, unknown_count);
}
