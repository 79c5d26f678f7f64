/*
 * Forwarding records end here: the poller asks the owners of servers that left this zone which of them are forgotten, and removes
 * the records of those. A server counts as known while its owner has a row of it, for [zones] forwarding_keep_s after it was
 * deleted too.
 *
 * A few records at a time, in the order of their uuids, and over again after a tenth of that time. Who is silent, down, not known
 * here any more or does not understand the question keeps its records. Nothing is remembered: a zone that dies begins anew.
 */
#include "gateway/base/log.h"
#include "gateway/base/text.h"
#include "schema/json/json.h"
#include "schema/zone_forwarding.h"
#include "zones/poller.h"
#include "zones/resolve.h"

#define RECORDS_MOST  128 /* at once */
#define QUESTION_MOST 32  /* servers in one question */
#define PAUSE_MOST_MS 60000
#define KEEP_PARTS    10

/* Records that lead to one zone. */
struct sweep {
    struct round *round;
    const struct zone_forwarding *records[QUESTION_MOST];
    size_t count;
};

static bool is_asked(const bool *taken, const struct zone_forwardings *list, const struct sweep *sweep, size_t i)
{
    return !taken[i] && (!sweep->count || uuid_equal(&list->items[i].zone, &sweep->records[0]->zone));
}

/* The next ones of one owner that were not taken yet. */
static void gather(const struct zone_forwardings *list, bool *taken, struct sweep *sweep)
{
    sweep->count = 0;
    for (size_t i = 0; i < list->count && sweep->count < QUESTION_MOST; i++) {
        if (!is_asked(taken, list, sweep, i))
            continue;
        taken[i] = true;
        sweep->records[sweep->count++] = &list->items[i];
    }
}

static const char *question(const struct sweep *sweep)
{
    struct arena *arena = &sweep->round->arena;
    CLEANUP(text_clear) struct text text = {0};
    text_add_format(&text, ZONES_FORGOTTEN "?zone=%s&servers=", uuid_to_text(&sweep->records[0]->zone).text);
    for (size_t i = 0; i < sweep->count; i++)
        text_add_format(&text, i ? ",%s" : "%s", uuid_to_text(&sweep->records[i]->server).text);
    return arena_strdup(arena, text_str(&text));
}

/* False: there is no way to the owner now. */
static bool make_call(const struct sweep *sweep, const struct zones_view *view, struct zone_call *out)
{
    struct round *round = sweep->round;
    const struct location way = zones_locate_zone(round->zones, view, &sweep->records[0]->zone, NULL, &round->arena);
    const struct zone *hop = way.count ? way.candidates[0].zone : way.parent;
    if (!hop)
        return false;
    *out = round_call(round, hop, question(sweep));
    return true;
}

static bool is_listed(const json_t *list, const struct uuid *server)
{
    const struct uuid_text text = uuid_to_text(server);
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (str_equal(json_string_value(json_array_get(list, i)), text.text))
            return true;
    }
    return false;
}

static void remove_forgotten(const struct sweep *sweep, const json_t *list)
{
    size_t removed = 0;
    for (size_t i = 0; i < sweep->count; i++) {
        const struct zone_forwarding *record = sweep->records[i];
        if (!is_listed(list, &record->server))
            continue;
        if (zone_forwarding_forget(sweep->round->db, record) == OK)
            removed++;
        else
            log_error("forwarding.forget", "why=%s", log_quote(err_message()).text);
    }
    log_info("forwarding.asked", "zone=%s servers=%zu removed=%zu", uuid_to_text(&sweep->records[0]->zone).text, sweep->count,
             removed);
}

static void take_answer(const struct sweep *sweep, const struct zone_call *call)
{
    json_auto_t *body = NULL;
    const struct http_answer *answer = &call->answer;
    if (answer->kind == ZONE_ANSWERED && answer->status == 200 &&
        json_parse_foreign(answer->body, answer->body_length, &body) == OK) {
        remove_forgotten(sweep, json_object_get(body, "forgotten"));
        return;
    }
    log_info("forwarding.kept", "zone=%s by=%s servers=%zu reason=%s status=%d", uuid_to_text(&sweep->records[0]->zone).text,
             call->zone->row.name, sweep->count, zone_kind_word(answer->kind), answer->status);
}

static void ask(struct round *round, const struct zone_forwardings *list)
{
    const struct zones_view *view = zones_view(round->zones, &round->arena);
    bool *taken = arena_alloc(&round->arena, (list->count + 1) * sizeof(*taken));
    struct sweep *sweeps = arena_alloc(&round->arena, (list->count + 1) * sizeof(*sweeps));
    struct zone_call *calls = arena_alloc(&round->arena, (list->count + 1) * sizeof(*calls));
    size_t count = 0;
    sweeps[0].round = round;
    for (gather(list, taken, &sweeps[0]); sweeps[count].count; gather(list, taken, &sweeps[count])) {
        count += make_call(&sweeps[count], view, &calls[count]);
        sweeps[count].round = round;
    }
    fanout_run(round->fanout, &round->arena, calls, count, budget_from_ms(round->zones->options.child_timeout_ms));
    for (size_t i = 0; i < count; i++)
        take_answer(&sweeps[i], &calls[i]);
}

static enum err sweep_some(struct round *round, bool *out_end)
{
    struct zone_forwardings list;
    round_begin(round);
    if (!round->db)
        return OK;
    TRY(zone_forwarding_list(round->db, &round->arena, round->zones->options.forwarding_keep_s, &round->swept, RECORDS_MOST,
                             &list));
    if (list.count)
        ask(round, &list);
    *out_end = list.count < RECORDS_MOST;
    round->swept = *out_end ? (struct uuid){{0}} : list.items[list.count - 1].server;
    return OK;
}

int64_t round_sweep(struct round *round)
{
    const int64_t again_ms = round->zones->options.forwarding_keep_s * 1000 / KEEP_PARTS;
    const int64_t pause_ms = again_ms < PAUSE_MOST_MS ? again_ms : PAUSE_MOST_MS;
    bool end = false;
    if (sweep_some(round, &end) == OK)
        return end ? again_ms : pause_ms;
    log_error("forwarding.sweep", "why=%s", log_quote(err_message()).text);
    return pause_ms;
}
