/*
 * Here or there (see locate.h). Local store first; then the tag's zones; then those that may own untagged ids; then the parent.
 * Reads may ask several zones at once and reduce their words by one table; a mutation is sent to one zone only, and on to the next
 * only if the first says "not here".
 */
#include "gateway/conductor/locate.h"

#include <string.h>

#include "gateway/conductor/relay.h"
#include "gateway/gateway.h"
#include "schema/server.h"
#include "zones/resolve.h"

struct search {
    struct request *request;
    struct response *response;
    const struct zone *asked[64];
    struct zone_call calls[64];
    size_t count;
    enum resolved word;
    size_t word_of; /* index of the call that said it */
};

static void consider(struct search *search, size_t index)
{
    const struct http_answer *answer = &search->calls[index].answer;
    const enum resolved word = resolve_answer(answer->kind, answer->status);
    const enum resolved both = index == 0 ? word : resolve_reduce(search->word, word);
    if (index == 0 || (both == word && both != search->word))
        search->word_of = index;
    search->word = both;
}

static void add_zone(struct search *search, const struct zone *zone)
{
    for (size_t i = 0; i < search->count; i++) {
        if (search->asked[i] == zone)
            return;
    }
    if (search->count < ARRAY_LEN(search->asked))
        search->asked[search->count++] = zone;
}

/* Reads go out together; a mutation goes to one after the other and stops at the first that does not say "not here". */
static void ask(struct search *search)
{
    struct request *request = search->request;
    for (size_t i = 0; i < search->count; i++)
        relay_call_init(request, search->asked[i], &search->calls[i]);
    if (!link_is_mutation(request->method)) {
        fanout_run(request->fanout, request->arena, search->calls, search->count, request->budget);
        for (size_t i = 0; i < search->count; i++)
            consider(search, i);
        return;
    }
    for (size_t i = 0; i < search->count; i++) {
        fanout_run(request->fanout, request->arena, &search->calls[i], 1, request->budget);
        consider(search, i);
        if (search->word != RESOLVED_NOT_HERE)
            return;
    }
}

static enum err conclude(struct search *search, bool *answered)
{
    const struct zone *zone = search->asked[search->word_of];
    const struct http_answer *answer = &search->calls[search->word_of].answer;
    *answered = true;
    if (search->word == RESOLVED_UNKNOWN && answer->kind != ZONE_ANSWERED)
        return relay_failure(search->request, search->response, zone, answer);
    if (search->word == RESOLVED_NOT_HERE)
        return fail(E_NOT_FOUND, "Instance %s could not be found.", request_param(search->request, "server_id"));
    relay_answer(search->request, search->response, zone, answer);
    return OK;
}

/* An unknown tag may be a zone's that joined a moment ago: the children are asked for their directories once (single flight). */
static struct location find_place(struct request *request, const struct uuid *uuid)
{
    const bool for_read = !link_is_mutation(request->method);
    struct zones *zones = request->gateway->zones;
    const struct zones_view *view = zones_view(zones, request->arena);
    struct location location = zones_locate(zones, view, uuid, request->link, for_read, request->arena);
    const bool unknown = location.place == PLACE_NOWHERE || location.place == PLACE_UNKNOWN_TAG || location.place == PLACE_PARENT;
    if (!unknown || view->child_count == 0 || !zones_freshen(zones, request->budget))
        return location;
    view = zones_view(zones, request->arena);
    return zones_locate(zones, view, uuid, request->link, for_read, request->arena);
}

enum err conductor_locate(struct request *request, struct response *response, bool *answered)
{
    const char *id = request_param(request, "server_id");
    struct uuid uuid;
    *answered = false;
    if (!uuid_is_text(id) || uuid_from_text(id, &uuid) != OK)
        return OK; /* the handler says its own 404 */
    TRY(server_find(request->db, request->arena, &uuid, &request->server));
    if (request->server || (request_query(request, "zone.local") && strcmp(request_query(request, "zone.local"), "1") == 0))
        return OK;
    const struct location location = find_place(request, &uuid);
    struct search *search = arena_alloc(request->arena, sizeof(*search));
    search->request = request;
    search->response = response;
    for (size_t i = 0; i < location.count; i++)
        add_zone(search, location.candidates[i].zone);
    if (location.parent && (location.place == PLACE_PARENT || location.place == PLACE_UNKNOWN_TAG))
        add_zone(search, location.parent);
    if (search->count == 0)
        return OK;
    ask(search);
    return conclude(search, answered);
}
