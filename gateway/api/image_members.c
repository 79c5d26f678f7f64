/*
 * The projects that an image is shared with (Image API v2, "Sharing"). The owner adds and removes them; each of them says itself
 * whether it accepts. A member sees its own row only.
 */
#include <string.h>

#include "compute/image/edit.h"
#include "compute/image/image.h"
#include "gateway/api/image_service.h"
#include "gateway/base/clock.h"

static json_t *view_member(const struct image *image, const struct image_member *member)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "member_id", member->project_id, "image_id", uuid_to_text(&image->id).text,
                     "status", member->status, "created_at", time_iso_z(member->created_us).text, "updated_at",
                     time_iso_z(member->updated_us).text, "schema", "/v2/schemas/member");
}

/* NULL: all rows are this caller's to see. */
static const char *members_seen(const struct request *request, const struct image *image)
{
    return image_may_change(&request->caller, image) ? NULL : request->caller.project_id;
}

static enum err refuse_member(const struct image *image, const char *project_id)
{
    return fail(E_NOT_FOUND, "%.255s not found in the member list of the image %s.", project_id, uuid_to_text(&image->id).text);
}

static enum err find_member(struct request *request, const struct image *image, const char *project_id, struct image_member *out)
{
    struct image_members members;
    TRY(image_member_list(request->db, request->arena, &image->id, project_id, &members));
    if (!members.count)
        return refuse_member(image, project_id);
    *out = members.items[0];
    return OK;
}

static enum err list_members(struct request *request, struct response *response)
{
    struct image image;
    struct image_members members;
    TRY(image_find(request, &image));
    const char *seen = members_seen(request, &image);
    TRY(image_member_list(request->db, request->arena, &image.id, seen, &members));
    if (seen && !members.count)
        return fail(E_NOT_FOUND, "Members of the image %s are not shown to you.", uuid_to_text(&image.id).text);
    json_t *list = json_array();
    for (size_t i = 0; i < members.count; i++)
        (void)json_array_append_new(list, view_member(&image, &members.items[i]));
    response->json = json_pack("{s:o, s:s}", "members", list, "schema", "/v2/schemas/members");
    return OK;
}

static enum err show_member(struct request *request, struct response *response)
{
    struct image image;
    struct image_member member;
    const char *project_id = request_param(request, "member_id");
    TRY(image_find(request, &image));
    const char *seen = members_seen(request, &image);
    if (seen && strcmp(seen, project_id) != 0)
        return refuse_member(&image, project_id);
    TRY(find_member(request, &image, project_id, &member));
    response->json = view_member(&image, &member);
    return OK;
}

static enum err add_member(struct request *request, struct response *response)
{
    struct image image;
    struct image_member member;
    const char *project_id = json_string_value(json_object_get(request->json, "member"));
    TRY(image_find_mine(request, &image));
    if (strcmp(image.visibility, "shared") != 0)
        return fail(E_FORBIDDEN, "Only shared images have members.");
    TRY(image_member_add(request->db, &image.id, project_id, IMAGE_MEMBER_LIMIT));
    TRY(find_member(request, &image, project_id, &member));
    response->json = view_member(&image, &member);
    return OK;
}

static enum err answer_offer(struct request *request, struct response *response)
{
    struct image image;
    struct image_member member;
    const char *project_id = request_param(request, "member_id");
    TRY(image_find(request, &image));
    TRY(find_member(request, &image, project_id, &member));
    if (!request->caller.is_admin && strcmp(request->caller.project_id, project_id) != 0)
        return fail(E_FORBIDDEN, "Only the member itself can change its status.");
    TRY(image_member_set(request->db, &image.id, project_id, json_string_value(json_object_get(request->json, "status"))));
    TRY(find_member(request, &image, project_id, &member));
    response->json = view_member(&image, &member);
    return OK;
}

static enum err remove_member(struct request *request, struct response *response)
{
    struct image image;
    TRY(image_find_mine(request, &image));
    TRY(image_member_remove(request->db, &image.id, request_param(request, "member_id")));
    response->status = 204;
    return OK;
}

#define MEMBERS "/v2/images/{image_id}/members"
#define ONE     MEMBERS "/{member_id}"

const struct route image_member_routes[] = {
    {.method = "GET", .path = MEMBERS, .access = ACCESS_READER, .handler = list_members},
    {.method = "POST",
     .path = MEMBERS,
     .access = ACCESS_MEMBER,
     .handler = add_member,
     .body = BODY_JSON,
     .schema = "image_member_create"},
    {.method = "GET", .path = ONE, .access = ACCESS_READER, .handler = show_member},
    {.method = "PUT",
     .path = ONE,
     .access = ACCESS_MEMBER,
     .handler = answer_offer,
     .body = BODY_JSON,
     .schema = "image_member_update"},
    {.method = "DELETE", .path = ONE, .access = ACCESS_MEMBER, .handler = remove_member},
    {.method = NULL},
};
