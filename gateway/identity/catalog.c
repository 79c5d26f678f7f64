/* The catalog (spec nova-api.md section 2.3): only services that exist, at the URL that the client used. See identity.h. */
#include <string.h>

#include "gateway/identity/inside.h"

#define SERVICE_COUNT   ARRAY_LEN(services)
#define INTERFACE_COUNT ARRAY_LEN(interfaces)

static const struct {
    const char *type;
    const char *name;
    const char *path;
} services[] = {
    {"identity", "keystone", "/identity"},
    {"compute", "nova", "/compute/v2.1"},
    {"image", "glance", "/image"},
    {"placement", "placement", "/placement"},
};

static const char *const interfaces[] = {"public", "internal", "admin"};

/* The same on every gateway of the zone and after every start. */
static const char *derive_id(struct arena *arena, const struct uuid *zone, const char *type, const char *interface)
{
    uint8_t digest[32];
    char hex[33];
    const char *text = arena_printf(arena, "%s %s %s", uuid_to_text(zone).text, type, interface);
    hash_blake2b(text, strlen(text), digest);
    hex_encode(digest, 16, hex);
    return arena_strdup(arena, hex);
}

void identity_catalog(struct identity *identity, struct request *request, struct catalog *out)
{
    struct arena *arena = request->arena;
    const struct uuid *zone = &identity->keys->zone;
    struct catalog_service *service = arena_alloc(arena, SERVICE_COUNT * sizeof(*service));
    struct catalog_endpoint *endpoint = arena_alloc(arena, SERVICE_COUNT * INTERFACE_COUNT * sizeof(*endpoint));
    *out = (struct catalog){revoked_region(identity->revoked, arena), service, SERVICE_COUNT, endpoint,
                            SERVICE_COUNT * INTERFACE_COUNT};
    for (size_t i = 0; i < SERVICE_COUNT; i++, service++) {
        const char *url = arena_printf(arena, "%s%s", request->base_url, services[i].path);
        *service = (struct catalog_service){derive_id(arena, zone, services[i].type, ""), services[i].type, services[i].name, url};
        for (size_t j = 0; j < INTERFACE_COUNT; j++, endpoint++)
            *endpoint = (struct catalog_endpoint){derive_id(arena, zone, services[i].type, interfaces[j]), service->id,
                                                  interfaces[j], out->region, url};
    }
}

static json_t *endpoints_of(const struct catalog *catalog, const char *service_id)
{
    json_t *list = json_array();
    for (size_t i = 0; i < catalog->endpoint_count; i++) {
        const struct catalog_endpoint *endpoint = &catalog->endpoints[i];
        if (strcmp(endpoint->service_id, service_id) == 0)
            json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s, s:s}", "id", endpoint->id, "interface", endpoint->interface,
                                                  "region", endpoint->region, "region_id", endpoint->region, "url", endpoint->url));
    }
    return list;
}

json_t *catalog_to_json(const struct catalog *catalog)
{
    json_t *list = json_array();
    for (size_t i = 0; i < catalog->service_count; i++) {
        const struct catalog_service *service = &catalog->services[i];
        json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:o}", "id", service->id, "type", service->type, "name",
                                              service->name, "endpoints", endpoints_of(catalog, service->id)));
    }
    return list;
}
