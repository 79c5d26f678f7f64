/* See select_children.h. */
#include "gateway/conductor/select_children.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/log.h"
#include "gateway/conductor/capacity.h"
#include "gateway/conductor/relay.h"
#include "gateway/gateway.h"
#include "schema/json/json.h"

#define ENTRIES_ASKED 8  /* per child */
#define ENTRIES_MOST  64 /* taken of one child's answer */
#define ANSWER_LIMIT  (256U << 10)

static const char *question_text(struct arena *arena, const char *sizing_text)
{
    const size_t length = strlen(sizing_text);
    char *encoded = arena_alloc(arena, BASE64_SIZE(length));
    base64_encode(sizing_text, length, encoded, BASE64_SIZE(length));
    return arena_printf(arena, "{\"sizing\":\"%s\",\"count\":%d}", encoded, ENTRIES_ASKED);
}

static bool may_build(const struct zone *zone)
{
    return !zone->nova && zone_is_active(zone) && strcmp(zone_state_name(zone), "draining") != 0;
}

static bool tag_of(const json_t *entry, uint32_t *out)
{
    const char *text = json_string_value(json_object_get(entry, "tag"));
    char *end = NULL;
    if (!text || strlen(text) != 6)
        return false;
    *out = (uint32_t)strtoul(text, &end, 16);
    return *end == '\0';
}

static void take_entry(struct request *request, const struct zone *zone, const json_t *entry, struct plan_entries *out)
{
    const json_t *weight = json_object_get(entry, "weight");
    const char *blob = json_string_value(json_object_get(entry, "blob"));
    uint32_t tag = 0;
    if (!json_is_number(weight) || !blob || !tag_of(entry, &tag))
        return;
    out->items[out->count++] = (struct plan_entry){
        .weight = json_number_value(weight),
        .zone = zone->row.uuid,
        .blob = arena_strdup(request->arena, blob),
        .tag = tag,
    };
}

static void take_answer(struct request *request, const struct zone_call *call, struct plan_entries *out)
{
    const struct http_answer *answer = &call->answer;
    json_auto_t *body = NULL;
    if (answer->kind != ZONE_ANSWERED || answer->status != 200 ||
        json_parse_foreign(answer->body, answer->body_length, &body) != OK) {
        log_warn("select.silent", "child=%s reason=%s status=%d", call->zone->row.name, zone_kind_word(answer->kind),
                 answer->status);
        return;
    }
    const json_t *weights = json_object_get(body, "weights");
    for (size_t i = 0; i < json_array_size(weights) && i < ENTRIES_MOST; i++)
        take_entry(request, call->zone, json_array_get(weights, i), out);
}

enum err select_children(struct request *request, const struct sizing *sizing, const char *sizing_text, enum select_who who,
                         struct plan_entries *out, size_t *out_left)
{
    const struct zones_view *view = zones_view(request->gateway->zones, request->arena);
    const struct link_origin *origin = relay_origin(request);
    const char *body = question_text(request->arena, sizing_text);
    struct zone_call *calls = arena_alloc(request->arena, (view->child_count + 1) * sizeof(*calls));
    struct link_headers headers = {0};
    struct capacity_need need;
    size_t count = 0;
    *out_left = 0;
    *out = (struct plan_entries){0};
    if (sizing->only_here)
        return OK;
    TRY(capacity_need_of(request->arena, sizing, &need));
    headers_add(request->arena, &headers, "Content-Type", "application/json");
    for (size_t i = 0; i < view->child_count; i++) {
        if (!may_build(&view->children[i]) || sizing_excludes(sizing, &view->children[i].row.uuid))
            continue;
        if (capacity_is_short(&view->children[i], &need) != (who == SELECT_UNLIKELY))
            (*out_left)++;
        else
            calls[count++] = (struct zone_call){.zone = &view->children[i],
                                                .origin = origin,
                                                .class = CLASS_READ,
                                                .method = "POST",
                                                .target = "/compute/v2.1/os-zones/select",
                                                .headers = headers,
                                                .body = body,
                                                .body_length = strlen(body),
                                                .answer_limit = ANSWER_LIMIT};
    }
    fanout_run(request->fanout, request->arena, calls, count, request->budget);
    *out = (struct plan_entries){arena_alloc(request->arena, (count * ENTRIES_MOST + 1) * sizeof(struct plan_entry)), 0, 0};
    for (size_t i = 0; i < count; i++)
        take_answer(request, &calls[i], out);
    return OK;
}
