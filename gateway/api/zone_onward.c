/* POST /os-zones/onward: a zone below gives back a server that its hosts have failed (spec link.md section 9). */
#include <string.h>

#include "gateway/api/api.h"
#include "gateway/api/zone_sizing.h"
#include "gateway/base/clock.h"
#include "gateway/conductor/create_child.h"
#include "gateway/conductor/onward.h"

#define CLOCKS_APART_US (INT64_C(3600) * 1000000)
#define ATTEMPTS_MOST   1000

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static enum err read_past(const json_t *moved, struct build_past *out)
{
    const json_t *created = json_object_get(moved, "created_us");
    const json_t *attempts = json_object_get(moved, "attempts");
    *out = (struct build_past){json_integer_value(created), json_integer_value(attempts)};
    if (!json_is_integer(created) || out->created_us <= 0 || out->created_us > clock_wall_us() + CLOCKS_APART_US ||
        !json_is_integer(attempts) || out->attempts < 0 || out->attempts > ATTEMPTS_MOST)
        return fail(E_INVALID, "moved lacks created_us or attempts.");
    return OK;
}

static enum err zone_onward(struct request *request, struct response *response)
{
    const json_t *body = request->json;
    const struct ticket_from ticket = {.text = text_of(body, "ticket")};
    struct onward_question question = {.ticket = &ticket, .cancel = json_is_true(json_object_get(body, "cancel"))};
    struct sizing sizing;
    struct uuid uuid;
    struct uuid owner = {{0}};
    TRY(zone_sizing_decode(request, &question.sizing_text, &sizing));
    TRY(uuid_from_text(text_of(body, "uuid") ? text_of(body, "uuid") : "", &uuid));
    TRY(read_past(json_object_get(body, "moved"), &question.past));
    question.parts = (struct record_parts){.uuid = &uuid,
                                           .server = json_object_get(body, "server"),
                                           .embedded = json_object_get(body, "embedded"),
                                           .reservation_id = text_of(body, "reservation_id"),
                                           .launch_index = (int)json_integer_value(json_object_get(body, "launch_index"))};
    if (!ticket.text || !json_is_object(question.parts.server) || !json_is_object(question.parts.embedded) ||
        !question.parts.reservation_id)
        return fail(E_INVALID, "ticket, server, embedded and reservation_id are required.");
    TRY(onward_answer(request, &question, &owner));
    response->status = 202;
    response_header(request, response, CREATE_OWNER_HEADER, arena_strdup(request->arena, uuid_to_text(&owner).text));
    return OK;
}

const struct route zone_onward_routes[] = {
    {.method = "POST", .path = "/os-zones/onward", .access = ACCESS_LINK, .handler = zone_onward, .body = BODY_JSON},
    {.method = NULL},
};
