/* /resource_classes. PUT renames a class from 1.2 to 1.6, and makes one, or sees that it is there, from 1.7 on. */
#include "compute/placement/resource_class.h"
#include "gateway/api/placement/inside.h"
#include "gateway/api/placement/view.h"
#include "schema/json/json.h"

#define SINCE        2
#define RENAME_UNTIL 6
#define ENSURE_SINCE 7

static const char *class_path(const struct request *request, const char *name)
{
    return placement_path(request, "/resource_classes/%s", name);
}

static json_t *describe(const struct request *request, const char *name)
{
    return json_pack("{s:s, s:[{s:s, s:s}]}", "name", name, "links", "rel", "self", "href", class_path(request, name));
}

static enum err list_classes(struct request *request, struct response *response)
{
    struct placement_classes classes;
    int64_t modified = 0;
    TRY(placement_class_list(request->db, request->arena, &classes));
    json_t *list = json_array();
    for (size_t i = 0; i < classes.count; i++) {
        (void)json_array_append_new(list, describe(request, classes.items[i].name));
        modified = view_later(modified, classes.items[i].updated_us);
    }
    placement_reply(request, response, 200, json_pack("{s:o}", "resource_classes", list), modified);
    return OK;
}

static enum err show_class(struct request *request, struct response *response)
{
    struct placement_class class;
    TRY(placement_class_get(request->db, request->arena, request_param(request, "name"), &class));
    placement_reply(request, response, 200, describe(request, class.name), class.updated_us);
    return OK;
}

static enum err create_class(struct request *request, struct response *response)
{
    const json_t *body = NULL;
    TRY(placement_body(request, &body));
    const char *name = json_string_value(json_object_get(body, "name"));
    const enum err result = placement_class_create(request->db, name);
    if (result == E_CONFLICT)
        return fail(E_CONFLICT, "Conflicting resource class already exists: %s", name);
    TRY(result);
    placement_location(request, response, class_path(request, name));
    placement_reply_empty(response, 201);
    return OK;
}

static enum err rename_class(struct request *request, struct response *response)
{
    const json_t *body = NULL;
    const char *name = request_param(request, "name");
    TRY(placement_body(request, &body));
    const char *new_name = json_string_value(json_object_get(body, "name"));
    const enum err result = placement_class_rename(request->db, name, new_name);
    if (result != OK && placement_problem() == PROBLEM_STANDARD)
        return fail(E_INVALID, "Cannot update standard resource class %s", name);
    if (result != OK && placement_problem() == PROBLEM_DUPLICATE)
        return fail(E_CONFLICT, "Resource class already exists: %s", new_name);
    TRY(result);
    placement_reply(request, response, 200, describe(request, new_name), 0);
    return OK;
}

/* The name is judged as if it came in a body. */
static enum err check_name(struct request *request, const char *name)
{
    json_auto_t *body = json_pack("{s:s}", "name", name);
    if (json_validate_located(json_schema_named("placement_resource_class"), body) == OK)
        return OK;
    return placement_wrap(request, E_INVALID, NULL, "JSON does not validate: ");
}

static enum err ensure_class(struct request *request, struct response *response)
{
    const char *name = request_param(request, "name");
    TRY(check_name(request, name));
    const enum err result = placement_class_create(request->db, name);
    if (result != E_CONFLICT)
        TRY(result);
    placement_location(request, response, class_path(request, name));
    placement_reply_empty(response, result == OK ? 201 : 204);
    return OK;
}

static enum err delete_class(struct request *request, struct response *response)
{
    static const struct placement_telling tellings[] = {
        {PROBLEM_STANDARD, E_INVALID, NULL, "Error in delete resource class: "},
        {PROBLEM_IN_USE, E_CONFLICT, NULL, "Error in delete resource class: "},
        {0},
    };
    TRY(view_tell(request, placement_class_delete(request->db, request_param(request, "name")), tellings, ""));
    placement_reply_empty(response, 204);
    return OK;
}

static const struct body_schema body_schema[] = {{0, "placement_resource_class"}, {0}};

const struct route placement_class_routes[] = {
    PLACEMENT_ROUTE("GET", "/resource_classes", SINCE, 0, .rule = RULE_CLASS_LIST, .head = HEAD_ACCEPT, .run = list_classes),
    PLACEMENT_ROUTE("POST", "/resource_classes", SINCE, 0, .rule = RULE_CLASS_CREATE, .head = HEAD_CONTENT, .run = create_class,
                    .body = body_schema),
    PLACEMENT_ROUTE("GET", "/resource_classes/{name}", SINCE, 0, .rule = RULE_CLASS_SHOW, .head = HEAD_ACCEPT, .run = show_class),
    PLACEMENT_ROUTE("PUT", "/resource_classes/{name}", SINCE, RENAME_UNTIL, .rule = RULE_CLASS_UPDATE, .head = HEAD_CONTENT,
                    .run = rename_class, .body = body_schema),
    PLACEMENT_ROUTE("PUT", "/resource_classes/{name}", ENSURE_SINCE, 0, .rule = RULE_CLASS_UPDATE, .run = ensure_class),
    PLACEMENT_ROUTE("DELETE", "/resource_classes/{name}", SINCE, 0, .rule = RULE_CLASS_DELETE, .run = delete_class),
    {0},
};
