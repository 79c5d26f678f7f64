/*
 * Here or there (see locate.h). Local store first, forwarding records included; then the tag's zones; then those that may own
 * untagged ids; then the parent. Reads may ask several zones at once and reduce their words by one table; a mutation is sent to one
 * zone only, and on to the next only if the first says "not here".
 *
 * A server that moved: the zone of its birth says where to, by X-Zone-Moved on its 404 when the way there does not go through
 * itself; whoever asks on says by X-Zone-Owner whom it means, since the tag in the id would lead back. Both count on links only.
 */
#include "gateway/conductor/locate.h"

#include <string.h>

#include "gateway/base/log.h"
#include "gateway/conductor/redirect.h"
#include "gateway/conductor/relay.h"
#include "gateway/conductor/whereabouts.h"
#include "gateway/gateway.h"
#include "schema/server.h"
#include "schema/zone_forwarding.h"
#include "schema/zone_self.h"
#include "zones/resolve.h"
#include "zones/seen.h"
#include "zones/stream.h"

#define OWNER_HEADER "X-Zone-Owner"
#define MOVED_HEADER "X-Zone-Moved"
#define MOVES_MOST   4 /* forwarding records that are followed for one request */

struct search {
    struct request *request;
    struct response *response;
    const struct uuid *uuid;
    const struct uuid *owner; /* of a server that moved: the zone that is meant; NULL */
    struct location location;
    const struct zone *asked[64];
    struct zone_call *calls; /* one for each of `asked` */
    size_t count;
    size_t done;  /* calls that have an answer */
    bool nowhere; /* the parent refuses this, and says of a plain read that it is not there */
    bool ahead;   /* the request's body is not here yet: reads look for the owner */
    bool late;    /* this zone's store was not asked yet */
    enum resolved word;
    size_t word_of; /* index of the call that said it */
};

static void consider(struct search *search, size_t index)
{
    const struct http_answer *answer = &search->calls[index].answer;
    const enum resolved word = resolve_answer(answer->kind, answer->status);
    const enum resolved both = resolve_reduce(search->word, word);
    if (both == word && both != search->word)
        search->word_of = index;
    search->word = both;
    search->done = index + 1;
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

static bool is_owner_hinted(const struct search *search, const struct zone *zone)
{
    struct seen_server seen;
    return seen_find(search->request->gateway->seen, search->uuid, &seen) && uuid_equal(&seen.zone, &zone->row.uuid);
}

/* Of those who may own untagged ids, the one through which the server was seen last goes first, and alone. True: there is one. */
static bool hinted_first(struct search *search)
{
    for (size_t i = 1; search->location.place == PLACE_UNKNOWN_TAG && i < search->location.count; i++) {
        if (!is_owner_hinted(search, search->asked[i]))
            continue;
        const struct zone *zone = search->asked[i];
        search->asked[i] = search->asked[0];
        search->asked[0] = zone;
    }
    return search->location.place == PLACE_UNKNOWN_TAG && search->count > 1 && is_owner_hinted(search, search->asked[0]);
}

/* Does the zone have the server? */
static void question_init(struct search *search, const struct zone *zone, struct zone_call *out)
{
    struct request *request = search->request;
    relay_call_init(request, zone, out);
    out->method = "GET";
    out->target = arena_printf(request->arena, "/compute/v2.1/servers/%s", uuid_to_text(search->uuid).text);
    out->body = NULL;
    out->body_length = 0;
    out->class = CLASS_READ;
    struct link_origin *origin = arena_copy(request->arena, out->origin, sizeof(*origin));
    origin->key = NULL;
    out->origin = origin;
}

/* The request itself, or that question. Long answers of the owner pass as they come. */
static void call_init(struct search *search, const struct zone *zone, struct zone_call *out)
{
    if (search->ahead) {
        question_init(search, zone, out);
        return;
    }
    relay_call_init(search->request, zone, out);
    if (search->request->route->scope == SCOPE_SERVER)
        out->window = STREAM_WINDOW;
}

static void ask_range(struct search *search, size_t first, size_t end)
{
    struct request *request = search->request;
    fanout_run(request->fanout, request->arena, &search->calls[first], end - first, request->budget);
    for (size_t i = first; i < end; i++)
        consider(search, i);
}

static bool goes_on(const struct search *search, bool mutation)
{
    return mutation ? search->word <= RESOLVED_NOT_HERE : search->word != RESOLVED_FOUND;
}

/* Reads go out together; a mutation goes to one after the other and stops at the first that does not say "not here". */
static void ask(struct search *search)
{
    struct request *request = search->request;
    const bool alone = link_is_mutation(request->method) && !search->ahead;
    const bool first_alone = alone || hinted_first(search);
    const char *owner = search->owner ? arena_strdup(request->arena, uuid_to_text(search->owner).text) : NULL;
    for (size_t i = 0; i < search->count; i++) {
        call_init(search, search->asked[i], &search->calls[i]);
        if (owner)
            headers_add(request->arena, &search->calls[i].headers, OWNER_HEADER, owner);
    }
    for (size_t first = 0; first < search->count && goes_on(search, alone);) {
        const size_t end = alone || (first == 0 && first_alone) ? first + 1 : search->count;
        ask_range(search, first, end);
        first = end;
    }
}

static void search_begin(struct search *search, const struct location *location)
{
    search->location = *location;
    search->count = 0;
    search->done = 0;
    search->word = RESOLVED_NEUTRAL;
    for (size_t i = 0; i < location->count; i++)
        add_zone(search, location->candidates[i].zone);
    for (size_t i = 0; i < location->parent_count; i++)
        add_zone(search, location->parents[i]);
    search->calls = arena_alloc(search->request->arena, (search->count + 1) * sizeof(*search->calls));
}

/* Several were silent: all are named. */
static enum err say_unknown(struct search *search)
{
    struct request *request = search->request;
    struct zones_missing missing = {0};
    size_t silent = 0;
    for (size_t i = 0; i < search->done; i++) {
        const struct http_answer *answer = &search->calls[i].answer;
        const char *below = headers_get(&answer->headers, "X-Zone-Missing");
        const char *name = search->asked[i]->row.name;
        if (resolve_answer(answer->kind, answer->status) != RESOLVED_UNKNOWN)
            continue;
        silent++;
        if (answer->kind != ZONE_ANSWERED || !below || missing_add_header(request->arena, &missing, name, below) != OK)
            missing_add(request->arena, &missing, name, answer->kind == ZONE_ANSWERED ? ZONE_GARBAGE : answer->kind);
    }
    const struct zone *zone = search->asked[search->word_of];
    const struct http_answer *answer = &search->calls[search->word_of].answer;
    if (silent == 1 && answer->kind != ZONE_ANSWERED && search->ahead)
        search->calls[search->word_of].answer.sent = false; /* only a question was */
    if (silent == 1 && answer->kind != ZONE_ANSWERED)
        return relay_failure(request, search->response, zone, answer);
    if (silent == 1)
        return relay_call_answer(request, search->response, &search->calls[search->word_of]);
    relay_missing(request, search->response, &missing);
    return fail(E_UNAVAILABLE, "%zu zones that may have it do not answer.", silent);
}

static enum err say_loop(struct search *search)
{
    struct zones_missing missing = {0};
    missing_add(search->request->arena, &missing, search->asked[0]->row.name, ZONE_LOOP);
    relay_missing(search->request, search->response, &missing);
    return fail(E_UNAVAILABLE, "The zone that may have it is asked in a circle.");
}

/* Nobody has it, as far as could be asked. `*answered` stays false where that is the truth: the handler says its own 404. */
static enum err say_not_here(struct search *search)
{
    struct request *request = search->request;
    bool reconciled = true;
    if (search->location.lost) {
        struct zones_missing missing = {0};
        missing_add(request->arena, &missing, search->location.lost, ZONE_LOOP);
        relay_missing(request, search->response, &missing);
        return fail(E_UNAVAILABLE, "The zone that may have it has left the tree, or is being moved within it.");
    }
    if (search->owner || uuid_tag(search->uuid) != request->gateway->tag)
        return OK;
    TRY(zone_self_is_reconciled(request->db, &reconciled));
    if (reconciled)
        return OK;
    response_header(request, search->response, "X-Zone-Missing", ".;reason=store");
    return fail(E_UNAVAILABLE, "The zone was restored from a backup and has not been compared with its hosts yet.");
}

/* What is nowhere is still "not found". */
static enum err refused_above(struct search *search, bool *answered)
{
    struct request *request = search->request;
    if (search->nowhere) {
        *answered = false;
        return say_not_here(search);
    }
    relay_answer(request, search->response, search->asked[search->word_of], &search->calls[search->word_of].answer);
    return OK;
}

/* The one that has it gets the body. */
static enum err send_ahead(struct search *search, const struct zone *zone)
{
    const char *owner = search->owner ? uuid_to_text(search->owner).text : NULL;
    const struct zone_call *found = &search->calls[search->word_of];
    if (found->answer.status / 100 != 2) /* it answers for the server with an error of its own */
        return relay_call_answer(search->request, search->response, &search->calls[search->word_of]);
    return relay_ahead(search->request, search->response, zone, OWNER_HEADER,
                       owner ? arena_strdup(search->request->arena, owner) : NULL);
}

/* The parent lets no actions up, nor what only an admin may read: that role stays below. */
static bool is_refused_above(const struct search *search)
{
    return search->word == RESOLVED_REFUSED && !search->ahead && search->asked[search->word_of]->row.side == ZONE_PARENT;
}

static enum err conclude(struct search *search, bool *answered)
{
    const struct zone *zone = search->asked[search->word_of];
    *answered = true;
    if (search->word == RESOLVED_UNKNOWN)
        return say_unknown(search);
    if (search->word == RESOLVED_NEUTRAL && search->count)
        return say_loop(search);
    if (search->word <= RESOLVED_NOT_HERE) {
        /* One that was asked alone may have the server, and not what is asked for of it: it says so in its own words. */
        *answered = search->word == RESOLVED_NOT_HERE && search->done == 1 && !search->ahead;
        TRY(say_not_here(search));
        return *answered ? relay_call_answer(search->request, search->response, &search->calls[0]) : OK;
    }
    if (is_refused_above(search))
        return refused_above(search, answered);
    if (search->ahead && search->word == RESOLVED_FOUND)
        return send_ahead(search, zone);
    return relay_call_answer(search->request, search->response, &search->calls[search->word_of]);
}

static const struct uuid *moved_of(struct search *search, const struct http_answer *answer)
{
    struct uuid uuid;
    const char *moved = headers_get(&answer->headers, MOVED_HEADER);
    return moved && uuid_is_text(moved) && uuid_from_text(moved, &uuid) == OK
               ? arena_copy(search->request->arena, &uuid, sizeof(uuid))
               : NULL;
}

/* To look whether it is there at all may go up where this may not, and says where the server is now: perhaps below. */
static const struct uuid *moved_above(struct search *search)
{
    struct request *request = search->request;
    struct zone_call call;
    question_init(search, search->asked[search->word_of], &call);
    fanout_run(request->fanout, request->arena, &call, 1, request->budget);
    search->nowhere = resolve_answer(call.answer.kind, call.answer.status) == RESOLVED_NOT_HERE;
    return search->nowhere ? moved_of(search, &call.answer) : NULL;
}

/* Where a zone that was asked says that the server is now; NULL. */
static const struct uuid *moved_to(struct search *search)
{
    const struct uuid *moved = NULL;
    if (is_refused_above(search))
        return moved_above(search);
    for (size_t i = 0; i < search->done && !moved && search->word <= RESOLVED_NOT_HERE; i++)
        moved = moved_of(search, &search->calls[i].answer);
    return moved;
}

/* A record of this zone's own says where the server is. It is looked for only where one can be. */
static enum err find_record(struct search *search)
{
    struct request *request = search->request;
    const struct uuid *self = &request->gateway->keys.zone;
    struct uuid zone;
    bool found = false;
    const bool meant = search->owner && uuid_equal(search->owner, self);
    if (search->owner && !meant)
        return OK;
    if (!meant && uuid_tag(search->uuid) != request->gateway->tag && search->location.place == PLACE_CHILD)
        return OK;
    TRY(zone_forwarding_get(request->db, search->uuid, &zone, &found));
    if (found && !uuid_equal(&zone, self))
        search->owner = arena_copy(request->arena, &zone, sizeof(zone));
    return OK;
}

static void read_owner(struct search *search)
{
    struct uuid owner;
    const char *text = search->request->link ? request_header(search->request, OWNER_HEADER) : NULL;
    if (text && uuid_is_text(text) && uuid_from_text(text, &owner) == OK)
        search->owner = arena_copy(search->request->arena, &owner, sizeof(owner));
}

/* To whom asks: the way there goes through it, or above it. */
static void tell_moved(struct search *search)
{
    if (search->owner && search->request->link && !uuid_equal(search->owner, &search->request->gateway->keys.zone))
        response_header(search->request, search->response, MOVED_HEADER, uuid_to_text(search->owner).text);
}

static enum err find_here(struct request *request, struct response *response, const struct uuid *uuid)
{
    const enum err found = server_find(request->db, request->arena, uuid, &request->server);
    if (found == E_UNAVAILABLE)
        response_header(request, response, "X-Zone-Missing", ".;reason=store");
    return found;
}

/* A record of a server that was born below is looked for when its zone is silent: it may have gone on by way of this one. */
static enum err find_late_record(struct search *search, const struct uuid **out)
{
    struct uuid zone;
    bool found = false;
    if (search->owner || search->word != RESOLVED_UNKNOWN || search->location.place != PLACE_CHILD)
        return OK;
    TRY(zone_forwarding_get(search->request->db, search->uuid, &zone, &found));
    if (found && !uuid_equal(&zone, &search->request->gateway->keys.zone))
        *out = arena_copy(search->request->arena, &zone, sizeof(zone));
    return OK;
}

static enum err search_run(struct search *search, bool *answered)
{
    struct request *request = search->request;
    read_owner(search);
    struct location location =
        search->owner ? whereabouts_of_zone(request, search->owner) : whereabouts_of_server(request, search->uuid);
    search->location = location;
    const struct uuid *meant = search->owner;
    TRY(find_record(search));
    if (search->owner != meant)
        location = whereabouts_of_zone(request, search->owner);
    const struct uuid *moved = NULL;
    for (int moves = 0; moves <= MOVES_MOST; moves++) {
        search_begin(search, &location);
        ask(search);
        moved = moved_to(search);
        if (!moved)
            TRY(find_late_record(search, &moved));
        if (!moved || (search->owner && uuid_equal(moved, search->owner)))
            break;
        search->owner = moved;
        location = whereabouts_of_zone(request, moved);
    }
    /* Who was asked says that it is this zone's: it has come since the store was looked into. */
    const bool came = search->owner && search->count == 0 && uuid_equal(search->owner, &request->gateway->keys.zone);
    const bool again = search->late || came;
    if (again && search->word != RESOLVED_FOUND)
        TRY(find_here(request, search->response, search->uuid));
    if (again && request->server)
        return OK;
    /* Nobody could be asked who is not on the asker's side, or who was only says the same. */
    if (search->word <= RESOLVED_NOT_HERE && (search->count == 0 || moved))
        tell_moved(search);
    return conclude(search, answered);
}

/* One that was authenticated before its body came, by a sender who knew the body. */
static enum err check_late_body(const struct request *request)
{
    if (!request->body_ahead || !request->link || !request->link->body_hash)
        return OK;
    return link_check_body(request->link, request->body, request->body_length);
}

static bool is_local_only(const struct request *request)
{
    const char *local = request_query(request, "zone.local");
    return local && strcmp(local, "1") == 0;
}

/* A server that was born below and was shown through that child a moment ago is read there without a look into this zone's store,
 * which is asked all the same unless the child shows it again. */
static bool is_shown_below(struct request *request, const struct uuid *uuid)
{
    struct zones *zones = request->gateway->zones;
    struct seen_server seen;
    if (link_is_mutation(request->method) || is_local_only(request) || (request->link && request_header(request, OWNER_HEADER)) ||
        !seen_find(request->gateway->seen, uuid, &seen))
        return false;
    const struct zones_view *view = zones_view(zones, request->arena);
    const struct location location = zones_locate(zones, view, uuid, request->link, true, request->arena);
    return location.place == PLACE_CHILD && uuid_equal(&location.candidates[0].zone->row.uuid, &seen.zone);
}

static enum err locate(struct request *request, struct response *response, const struct uuid *uuid, bool late, bool *answered)
{
    struct search *search = arena_alloc(request->arena, sizeof(*search));
    *search = (struct search){.request = request, .response = response, .uuid = uuid, .word = RESOLVED_NEUTRAL, .late = late};
    *answered = false;
    const enum err result = is_local_only(request) ? say_not_here(search) : search_run(search, answered);
    fanout_drop(request->fanout);
    return result;
}

enum err conductor_locate_id(struct request *request, struct response *response, const struct uuid *uuid, bool *answered)
{
    return locate(request, response, uuid, false, answered);
}

enum err conductor_locate(struct request *request, struct response *response, bool *answered)
{
    const char *id = request_param(request, "server_id");
    struct uuid uuid;
    *answered = false;
    if (!uuid_is_text(id) || uuid_from_text(id, &uuid) != OK)
        return OK; /* the handler says its own 404 */
    TRY(check_late_body(request));
    redirect_enter(request);
    const bool late = is_shown_below(request, &uuid);
    if (!late)
        TRY(find_here(request, response, &uuid));
    if (request->server && !request->server->deleted)
        redirect_answer(request, response, answered);
    return request->server ? OK : locate(request, response, &uuid, late, answered);
}

enum err conductor_locate_ahead(struct request *request, struct response *response)
{
    const char *id = request_param(request, "server_id");
    struct uuid uuid;
    bool answered = false;
    if (!uuid_is_text(id) || uuid_from_text(id, &uuid) != OK)
        return fail(E_NOT_FOUND, "Instance %s could not be found.", id);
    TRY(find_here(request, response, &uuid));
    if (request->server)
        return OK;
    struct search *search = arena_alloc(request->arena, sizeof(*search));
    *search = (struct search){.request = request, .response = response, .uuid = &uuid, .word = RESOLVED_NEUTRAL, .ahead = true};
    const enum err result = is_local_only(request) ? say_not_here(search) : search_run(search, &answered);
    fanout_drop(request->fanout);
    if (result == OK && !answered)
        return fail(E_NOT_FOUND, "Instance %s could not be found.", id);
    return result;
}

enum err conductor_locate_reservation(struct request *request, struct response *response, const char *reservation_id,
                                      bool *answered)
{
    struct zones *zones = request->gateway->zones;
    uint32_t tag = 0;
    *answered = false;
    if (is_local_only(request) || !reservation_id_tag(reservation_id, &tag) || tag == request->gateway->tag)
        return OK;
    struct search *search = arena_alloc(request->arena, sizeof(*search));
    *search = (struct search){.request = request, .response = response, .word = RESOLVED_NEUTRAL};
    struct location location = zones_locate_tag(zones, zones_view(zones, request->arena), tag, request->link, request->arena);
    location.parent_count = 0;
    search_begin(search, &location);
    ask(search);
    *answered = search->word == RESOLVED_FOUND;
    return *answered ? relay_call_answer(request, response, &search->calls[search->word_of]) : OK;
}
