/*
 * /flavors/{id}/os-extra_specs: all of them, one, merge, replace one, take one away (nova-api.md section 14). Values are kept as
 * texts; a number is kept as Nova writes it, and the reply to a write echoes what was sent. From 2.86 on the specs that Nova knows
 * are checked (extra_spec_rules.h).
 */
#include <string.h>

#include "gateway/api/api.h"
#include "gateway/api/extra_spec_rules.h"
#include "gateway/api/flavor_catalog.h"
#include "schema/json/repr.h"

static enum err spec_index(struct request *request, struct response *response)
{
    struct flavor flavor;
    TRY(flavor_catalog_get(request, request_param(request, "flavor_id"), &flavor));
    text_add_format(&response->body, "{\"extra_specs\":%s}", flavor.extra_specs);
    return OK;
}

static enum err spec_show(struct request *request, struct response *response)
{
    const char *key = request_param(request, "key");
    struct flavor flavor;
    TRY(flavor_catalog_get(request, request_param(request, "flavor_id"), &flavor));
    json_auto_t *specs = json_loads(flavor.extra_specs, 0, NULL);
    json_t *value = json_object_get(specs, key);
    if (!value)
        return fail(E_NOT_FOUND, "Flavor %s has no extra specs with key %s.", flavor.flavorid, key);
    response->json = json_pack("{s:O}", key, value);
    return OK;
}

/* A new object with every value as text. */
static json_t *as_texts(const json_t *specs)
{
    json_t *texts = json_object();
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)specs, key, value)
    {
        CLEANUP(text_clear) struct text text = {0};
        if (!json_is_string(value))
            repr_add(&text, value);
        json_object_set_new(texts, key, json_string(json_is_string(value) ? json_string_value(value) : text_str(&text)));
    }
    return texts;
}

static enum err write_specs(struct request *request, struct response *response, const json_t *specs)
{
    json_auto_t *texts = as_texts(specs);
    if (request->version >= 86)
        TRY(extra_specs_check(texts));
    TRY(flavor_change_extra_specs(request->db, request->arena, request_param(request, "flavor_id"), texts, NULL));
    response->json = json_incref(request->json);
    return OK;
}

static enum err spec_merge(struct request *request, struct response *response)
{
    return write_specs(request, response, json_object_get(request->json, "extra_specs"));
}

static enum err spec_put(struct request *request, struct response *response)
{
    if (!json_object_get(request->json, request_param(request, "key")))
        return fail(E_INVALID, "Request body and URI mismatch");
    return write_specs(request, response, request->json);
}

static enum err spec_delete(struct request *request, struct response *response)
{
    (void)response;
    return flavor_change_extra_specs(request->db, request->arena, request_param(request, "flavor_id"), NULL,
                                     request_param(request, "key"));
}

#define SPECS "/flavors/{flavor_id}/os-extra_specs"

const struct route flavor_extra_spec_routes[] = {
    {.method = "GET", .path = SPECS, .access = ACCESS_READER, .handler = spec_index},
    {.method = "POST",
     .path = SPECS,
     .access = ACCESS_ADMIN,
     .policy = "os_compute_api:os-flavor-extra-specs:create",
     .handler = spec_merge,
     .body = BODY_JSON,
     .schema = "extra_specs_create"},
    {.method = "GET", .path = SPECS "/{key}", .access = ACCESS_READER, .handler = spec_show},
    {.method = "PUT",
     .path = SPECS "/{key}",
     .access = ACCESS_ADMIN,
     .policy = "os_compute_api:os-flavor-extra-specs:update",
     .handler = spec_put,
     .body = BODY_JSON,
     .schema = "extra_spec_update"},
    {.method = "DELETE",
     .path = SPECS "/{key}",
     .access = ACCESS_ADMIN,
     .policy = "os_compute_api:os-flavor-extra-specs:delete",
     .handler = spec_delete},
    {.method = NULL},
};
