/*
 * Images for the zones below: the form in which one is embedded in a request spec, and its bytes (DESIGN section 7, "Images").
 *
 * Only a child may ask, over its link, if the link's policy lets it have the catalog. Bytes are given out only on a grant that was
 * proved:
 *  - signed by this zone, which owns the image: its row must still be active and have the granted digest;
 *  - signed by a direct parent: with the key that the join has left in the registry;
 *  - signed further up: the parents are asked, with the grant itself, whether it is good; each checks by these same rules, so the
 *    question ends at a zone that knows the signer's key. A parent that is silent makes it 503, never a yes.
 * What is not this zone's own comes from the files that were pulled, which are found by the granted digest: whatever is given out
 * is what the owner signed for. If it is not here yet, it is brought (conductor/image_pull.h), and the answer is 503 with
 * Retry-After. A grant is not bound to one child: it opens nothing without a link, and every zone on the way must be able to use
 * it.
 */
#include "gateway/api/image_source.h"

#include <string.h>

#include "compute/image/store.h"
#include "gateway/api/image_catalog.h"
#include "gateway/conductor/catalog.h"
#include "gateway/conductor/grant.h"
#include "gateway/conductor/image_pull.h"
#include "gateway/conductor/relay.h"
#include "gateway/gateway.h"
#include "schema/image.h"
#include "zones/registry.h"

#define RETRY_AFTER_S "1"

static enum err check_child(struct request *request)
{
    const struct zones_view *view = zones_view(request->gateway->zones, request->arena);
    const struct zone *child = request->link ? view_child(view, request->link->id) : NULL;
    if (!child || request->link->direction != LINK_UP)
        return fail(E_FORBIDDEN, "Only a zone below may ask for that.");
    if (!catalog_is_allowed(child, true))
        return fail(E_FORBIDDEN, "The link's policy does not let zone %s read the catalog.", child->row.name);
    return OK;
}

/* --- grants */

/* OK: a parent says that the grant is good. */
static enum err ask_parents(struct request *request, const char *text)
{
    const struct zones_view *view = zones_view(request->gateway->zones, request->arena);
    const struct link_origin *origin = relay_origin(request);
    struct zone_call *calls = arena_alloc(request->arena, (view->parent_count + 1) * sizeof(*calls));
    const char *target = arena_printf(request->arena, "/compute/v2.1/os-zones/images/%s/grant", request_param(request, "image_id"));
    enum err result = E_FORBIDDEN;
    for (size_t i = 0; i < view->parent_count; i++) {
        calls[i] =
            (struct zone_call){.zone = &view->parents[i], .origin = origin, .class = CLASS_READ, .method = "GET", .target = target};
        headers_add(request->arena, &calls[i].headers, GRANT_HEADER, text);
    }
    fanout_run(request->fanout, request->arena, calls, view->parent_count, request->budget);
    for (size_t i = 0; i < view->parent_count; i++) {
        const struct http_answer *answer = &calls[i].answer;
        if (answer->kind == ZONE_ANSWERED && answer->status == 204)
            return OK;
        if (answer->kind != ZONE_ANSWERED || answer->status >= 500)
            result = E_UNAVAILABLE;
    }
    if (result == E_UNAVAILABLE)
        return fail(E_UNAVAILABLE, "The image's grant cannot be checked now: a parent zone does not answer.");
    return fail(E_FORBIDDEN, "The image's grant is not known to any zone above.");
}

static enum err prove_grant(struct request *request, const char *text, const struct grant *grant)
{
    const struct gateway *gateway = request->gateway;
    if (uuid_equal(&grant->zone, &gateway->keys.zone))
        return grant_verify(text, gateway->keys.sign_public);
    const struct zone *signer = view_parent_by_uuid(zones_view(gateway->zones, request->arena), &grant->zone);
    if (signer && signer->row.signing_key)
        return grant_verify(text, signer->row.signing_key);
    return ask_parents(request, text);
}

static enum err read_grant(struct request *request, const char **out_text, struct grant *out)
{
    struct uuid image;
    const char *id = request_param(request, "image_id");
    const char *text = request_header(request, GRANT_HEADER);
    TRY(check_child(request));
    if (!uuid_is_text(id) || uuid_from_text(id, &image) != OK)
        return fail(E_NOT_FOUND, "No image found with ID %.200s", id);
    if (!text)
        return fail(E_FORBIDDEN, "The image's bytes are given on a grant only (%s).", GRANT_HEADER);
    TRY(grant_read(request->arena, text, out));
    TRY(grant_fits(out, &image, clock_wall_us() / 1000000));
    *out_text = text;
    return prove_grant(request, text, out);
}

static enum err check_grant(struct request *request, struct response *response)
{
    const char *text = NULL;
    struct grant grant;
    response->status = 204;
    return read_grant(request, &text, &grant);
}

/* --- bytes */

static enum err open_own(struct request *request, struct response *response, const struct grant *grant)
{
    struct image image;
    TRY(image_get(request->db, request->arena, &grant->image, NULL, &image));
    if (strcmp(image.status, IMAGE_ACTIVE) != 0)
        return fail(E_FORBIDDEN, "The image is %s.", image.status);
    if (!str_equal_nocase(image.sha512, grant->sha512))
        return fail(E_FORBIDDEN, "The grant is for other data of that image.");
    return image_open(request->gateway->images, uuid_to_text(&image.id).text, &response->file, &response->file_length);
}

static void close_store(struct image_store **store)
{
    image_store_close(*store);
}

/* E_NOT_FOUND: not here yet. */
static enum err open_pulled(struct request *request, struct response *response, const struct grant *grant)
{
    struct uuid content;
    CLEANUP(close_store) struct image_store *store = NULL;
    TRY(grant_content(grant->sha512, &content));
    TRY(pulled_store_open(request->gateway, &store));
    return image_open(store, uuid_to_text(&content).text, &response->file, &response->file_length);
}

static enum err bring(struct request *request, struct response *response, const char *text, const struct grant *grant)
{
    const struct pull_order order = {grant, text, request->caller.user_id, request->caller.project_id, request->request_id};
    TRY(image_pull_add(request->db, &order));
    task_wake(request->gateway->tasks);
    response_header(request, response, "Retry-After", RETRY_AFTER_S);
    return fail(E_UNAVAILABLE, "The image is being brought from another zone.");
}

static enum err send_file(struct request *request, struct response *response)
{
    const char *text = NULL;
    struct grant grant;
    TRY(read_grant(request, &text, &grant));
    const bool own = uuid_equal(&grant.zone, &request->gateway->keys.zone);
    const enum err opened = own ? open_own(request, response, &grant) : open_pulled(request, response, &grant);
    if (opened == E_NOT_FOUND && !own)
        return bring(request, response, text, &grant);
    TRY(opened);
    response->content_type = "application/octet-stream";
    return OK;
}

/* --- the embedded form */

static enum err send_embedded(struct request *request, struct response *response)
{
    struct image_summary summary;
    TRY(check_child(request));
    if (!request->caller.project_id)
        return fail(E_FORBIDDEN, "An image is embedded for a user with a project.");
    TRY(image_catalog_embed(request, request_param(request, "image_id"), &summary));
    response->json =
        json_pack("{s:s, s:I, s:I, s:I, s:o}", "status", summary.status, "size", (json_int_t)summary.size, "min_ram",
                  (json_int_t)summary.min_ram_mib, "min_disk", (json_int_t)summary.min_disk_gib, "embedded", summary.embedded);
    return response->json ? OK : fail(E_INTERNAL, "The image cannot be written.");
}

#define ONE "/os-zones/images/{image_id}"

const struct route image_source_routes[] = {
    {.method = "GET", .path = ONE "/file", .access = ACCESS_LINK, .handler = send_file},
    {.method = "GET", .path = ONE "/grant", .access = ACCESS_LINK, .handler = check_grant},
    {.method = "GET", .path = ONE "/embedded", .access = ACCESS_LINK, .handler = send_embedded},
    {.method = NULL},
};
