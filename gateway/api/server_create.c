/*
 * POST /servers (spec nova-api.md section 8, the order of checks as pipeline.md 2.2): everything is checked here, at the entry
 * zone; flavor, image and key pair are embedded; then the conductor places it. What cannot be done here is a 400 that names it.
 */
#include <stdlib.h>
#include <string.h>

#include "gateway/api/api.h"
#include "gateway/api/flavor_catalog.h"
#include "gateway/api/image_catalog.h"
#include "gateway/api/quota.h"
#include "gateway/conductor/batch.h"
#include "gateway/conductor/create.h"
#include "gateway/gateway.h"
#include "schema/json/json.h"
#include "schema/keypair.h"

#define COUNT_MOST        10000 /* servers of one request */
#define ADMIN_PASS_LENGTH 12
#define GIB               (INT64_C(1) << 30)

struct creation {
    struct request *request;
    json_t *server; /* the request's object; adminPass is added */
    json_t *embedded;
    struct sizing sizing;
    int64_t min_count;
    int64_t max_count;
};

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static enum err read_availability_zone(struct creation *c)
{
    const char *text = text_of(c->server, "availability_zone");
    if (!text)
        return OK;
    const size_t zone = strcspn(text, ":");
    c->sizing.availability_zone = zone ? arena_strndup(c->request->arena, text, zone) : NULL;
    if (text[zone] == '\0')
        return OK;
    const char *host = text + zone + 1;
    const size_t length = strcspn(host, ":");
    if (host[length] && strchr(host + length + 1, ':'))
        return fail(E_INVALID, "Unable to parse availability_zone");
    if (!c->request->caller.is_admin)
        return fail(E_FORBIDDEN, "Policy doesn't allow os_compute_api:servers:create:forced_host to be performed.");
    c->sizing.host = length ? arena_strndup(c->request->arena, host, length) : host + length + (host[length] ? 1 : 0);
    return OK;
}

/* host and hypervisor_hostname (2.74) are for admins; a host is its own hypervisor here. */
static enum err read_host(struct creation *c)
{
    const char *host = text_of(c->server, "host");
    const char *node = text_of(c->server, "hypervisor_hostname");
    if (!host && !node)
        return OK;
    if (!c->request->caller.is_admin)
        return fail(E_FORBIDDEN, "Policy doesn't allow compute:servers:create:requested_destination to be performed.");
    if (c->sizing.host)
        return fail(E_INVALID, "Only one of a host in availability_zone and host or hypervisor_hostname can be given.");
    if (host && node && strcmp(host, node) != 0)
        return fail(E_INVALID, "Compute host %s has no hypervisor %s.", host, node);
    c->sizing.host = host ? host : node;
    return OK;
}

/* Volumes do not exist here: the one mapping that changes nothing is the image itself as the local boot disk. */
static bool is_plain_image(const json_t *mapping, const char *image)
{
    const json_t *index = json_object_get(mapping, "boot_index");
    const bool first = (json_is_integer(index) && json_integer_value(index) == 0) || str_equal(json_string_value(index), "0");
    return first && str_equal(text_of(mapping, "source_type"), "image") &&
           str_equal(text_of(mapping, "destination_type"), "local") && str_equal(text_of(mapping, "uuid"), image);
}

static enum err check_block_devices(const struct creation *c)
{
    const json_t *old = json_object_get(c->server, "block_device_mapping");
    const json_t *mappings = json_object_get(c->server, "block_device_mapping_v2");
    if (json_array_size(old))
        return fail(E_INVALID, "Block Device Mapping is Invalid: this zone has no volumes (block_device_mapping).");
    for (size_t i = 0; i < json_array_size(mappings); i++) {
        if (!is_plain_image(json_array_get(mappings, i), text_of(c->server, "imageRef")))
            return fail(E_INVALID, "Block Device Mapping is Invalid: this zone has no volumes; only the image as local disk with "
                                   "boot_index 0 is possible.");
    }
    return OK;
}

/* This zone has no networks for servers: what asks for one is refused by name. */
static enum err check_networks(const struct creation *c)
{
    const json_t *networks = json_object_get(c->server, "networks");
    if (str_equal(json_string_value(networks), "auto"))
        return fail(E_INVALID,
                    "Unable to automatically allocate a network for project %s: this zone has no networks; ask for none.",
                    c->request->caller.project_id);
    for (size_t i = 0; i < json_array_size(networks); i++) {
        const json_t *network = json_array_get(networks, i);
        if (text_of(network, "port"))
            return fail(E_INVALID, "Port id %s could not be found.", text_of(network, "port"));
        return fail(E_INVALID, "Network %s could not be found.",
                    text_of(network, "uuid") ? text_of(network, "uuid") : "without uuid");
    }
    return OK;
}

static enum err check_security_groups(const struct creation *c)
{
    const json_t *groups = json_object_get(c->server, "security_groups");
    for (size_t i = 0; i < json_array_size(groups); i++) {
        const char *name = text_of(json_array_get(groups, i), "name");
        if (!str_equal(name, "default"))
            return fail(E_INVALID, "Security group %s not found for project %s.", name ? name : "without name",
                        c->request->caller.project_id);
    }
    return OK;
}

static enum err check_unsupported(const struct creation *c)
{
    const json_t *hints = json_object_get(c->request->json, "os:scheduler_hints");
    if (!hints)
        hints = json_object_get(c->request->json, "OS-SCH-HNT:scheduler_hints");
    static const char *const known[] = {"group",       "same_host",      "different_host",     "query",
                                        "target_cell", "different_cell", "build_near_host_ip", "cidr"};
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (json_object_get(hints, known[i]))
            return fail(E_INVALID, "The scheduler hint %s is not supported by this zone.", known[i]);
    }
    if (json_array_size(json_object_get(c->server, "personality")))
        return fail(E_INVALID, "Personality files are not supported by this zone; use user_data with a config drive.");
    if (json_array_size(json_object_get(c->server, "trusted_image_certificates")))
        return fail(E_INVALID, "Certificate validation of images is not supported by this zone.");
    return OK;
}

/* imageRef and flavorRef may be URLs: the last segment counts. */
static const char *last_segment(const char *text)
{
    const char *slash = strrchr(text, '/');
    return slash ? slash + 1 : text;
}

static enum err embed_flavor(struct creation *c, struct flavor *out)
{
    const json_t *ref = json_object_get(c->server, "flavorRef");
    const char *id = json_is_integer(ref) ? arena_printf(c->request->arena, "%lld", (long long)json_integer_value(ref))
                                          : last_segment(json_string_value(ref));
    const enum err result = flavor_catalog_get(c->request, id, out);
    if (result == E_NOT_FOUND)
        return fail(E_INVALID, "%s", err_message());
    TRY(result);
    if (out->disabled)
        return fail(E_INVALID, "Flavor %s could not be found.", id);
    (void)json_object_set_new(c->embedded, "flavor", flavor_embed(out));
    c->sizing.vcpus = out->vcpus;
    c->sizing.ram_mib = out->ram_mib;
    c->sizing.disk_gib = out->disk_gib + out->ephemeral_gib + (out->swap_mib + 1023) / 1024;
    return OK;
}

static enum err check_image_fits(const struct image_summary *image, const struct flavor *flavor)
{
    if (image->min_ram_mib > flavor->ram_mib)
        return fail(E_INVALID, "Flavor's memory is too small for requested image.");
    if (image->min_disk_gib > flavor->disk_gib && flavor->disk_gib)
        return fail(E_INVALID, "The created instance's disk would be too small.");
    if (flavor->disk_gib && image->size > flavor->disk_gib * GIB)
        return fail(E_INVALID, "Flavor's disk is too small for requested image. Flavor disk is %lld bytes, image is %lld bytes.",
                    (long long)(flavor->disk_gib * GIB), (long long)image->size);
    return OK;
}

static bool is_bootable(const char *disk_format)
{
    static const char *const formats[] = {"raw", "qcow2", "ami", "iso"};
    for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
        if (str_equal(formats[i], disk_format))
            return true;
    }
    return false;
}

static enum err embed_image(struct creation *c, const struct flavor *flavor)
{
    const char *ref = text_of(c->server, "imageRef");
    if (!ref || !*ref)
        return fail(E_INVALID, "Missing imageRef attribute");
    struct image_summary image;
    const enum err result = image_catalog_embed(c->request, last_segment(ref), &image);
    if (result == E_NOT_FOUND)
        return fail(E_INVALID, "Can not find requested image");
    TRY(result);
    (void)json_object_set_new(c->embedded, "image", image.embedded);
    if (strcmp(image.status, "active") != 0)
        return fail(E_INVALID, "Image %s is not active.", last_segment(ref));
    if (!is_bootable(text_of(image.embedded, "disk_format")))
        return fail(E_INVALID, "Image %s is unacceptable: servers boot from raw, qcow2, ami and iso images.", last_segment(ref));
    return check_image_fits(&image, flavor);
}

static enum err embed_keypair(struct creation *c)
{
    const char *name = text_of(c->server, "key_name");
    struct keypair keypair;
    if (!name)
        return OK;
    const enum err result = keypair_get(c->request->db, c->request->arena, c->request->caller.user_id, name, &keypair);
    if (result == E_NOT_FOUND)
        return fail(E_INVALID, "Invalid key_name provided.");
    TRY(result);
    (void)json_object_set_new(c->embedded, "keypair",
                              json_pack("{s:s, s:s}", "name", keypair.name, "public_key", keypair.public_key));
    return OK;
}

/* A number or a text of digits; the schema has checked which. */
static int64_t count_of(const json_t *value, int64_t missing)
{
    int64_t number = missing;
    if (json_is_integer(value))
        return json_integer_value(value);
    if (json_is_string(value) && !str_to_int(json_string_value(value), &number))
        return missing;
    return number;
}

static enum err read_counts(struct creation *c)
{
    c->min_count = count_of(json_object_get(c->server, "min_count"), 1);
    c->max_count = count_of(json_object_get(c->server, "max_count"), c->min_count);
    if (c->min_count > c->max_count)
        return fail(E_INVALID, "min_count must be <= max_count");
    if (c->max_count > COUNT_MOST)
        return fail(E_FORBIDDEN, "Quota exceeded for instances: %lld in one request, at most %d are possible",
                    (long long)c->max_count, COUNT_MOST);
    return OK;
}

static enum err add_admin_pass(struct creation *c)
{
    static const char alphabet[] = "23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    char password[ADMIN_PASS_LENGTH + 1] = "";
    if (text_of(c->server, "adminPass"))
        return OK;
    for (size_t i = 0; i < ADMIN_PASS_LENGTH; i++)
        password[i] = alphabet[random_below(sizeof(alphabet) - 1)];
    const int failed = json_object_set_new(c->server, "adminPass", json_string(password));
    return failed ? fail(E_INTERNAL, "The password cannot be kept.") : OK;
}

static enum err check_all(struct creation *c, struct flavor *flavor)
{
    TRY(read_availability_zone(c));
    TRY(read_host(c));
    TRY(check_block_devices(c));
    TRY(check_networks(c));
    TRY(quota_check_files(c->request, json_object_get(c->server, "personality")));
    TRY(check_unsupported(c));
    TRY(embed_flavor(c, flavor));
    TRY(read_counts(c));
    TRY(embed_image(c, flavor));
    TRY(check_security_groups(c));
    TRY(embed_keypair(c));
    TRY(quota_check_metadata(c->request, json_object_size(json_object_get(c->server, "metadata"))));
    return quota_check_create(c->request, flavor, c->min_count, &c->max_count);
}

/* There is no metadata service: what a guest can only get from one comes by config drive. */
static void require_config_drive(struct creation *c)
{
    if (json_object_get(c->server, "user_data") || json_object_get(c->server, "key_name"))
        (void)json_object_set_new(c->server, "config_drive", json_true());
}

static bool is_true(const json_t *value)
{
    const char *text = json_string_value(value);
    return json_is_true(value) || str_equal_nocase(text, "true") || str_equal(text, "1") || str_equal_nocase(text, "on") ||
           str_equal_nocase(text, "yes");
}

static enum err server_create(struct request *request, struct response *response)
{
    json_auto_t *embedded = json_object();
    char reservation[RESERVATION_ID_SIZE];
    struct creation c = {.request = request, .server = json_object_get(request->json, "server"), .embedded = embedded};
    struct flavor flavor;
    TRY(check_all(&c, &flavor));
    require_config_drive(&c);
    TRY(add_admin_pass(&c));
    reservation_id_new(request->gateway->tag, reservation);
    int64_t made = 0;
    const struct create_order order = {c.server, embedded, c.sizing, reservation, c.min_count, c.max_count};
    if (is_true(json_object_get(c.server, "return_reservation_id"))) {
        TRY(batch_create_later(request, &order));
        response->status = 202;
        response->json = json_pack("{s:s}", "reservation_id", reservation);
        return OK;
    }
    CLEANUP(text_clear) struct text body = {0};
    TRY(conductor_create(request, &order, &body, &made));
    TRY(quota_recheck_create(request, &flavor, made, reservation));
    response->status = 202;
    json_auto_t *created = NULL;
    TRY(json_parse_foreign(body.bytes, body.length, &created));
    const char *id = text_of(json_object_get(created, "server"), "id");
    response_header(request, response, "Location", request_link(request, "/servers/%s", id ? id : ""));
    response->body = body;
    body = (struct text){0};
    return OK;
}

static const struct body_schema create_schemas[] = {
    {1, "server_create_2_1"},   {19, "server_create_2_19"}, {32, "server_create_2_32"}, {33, "server_create_2_33"},
    {37, "server_create_2_37"}, {42, "server_create_2_42"}, {52, "server_create_2_52"}, {57, "server_create_2_57"},
    {63, "server_create_2_63"}, {67, "server_create_2_67"}, {74, "server_create_2_74"}, {0, NULL},
};

const struct body_schema server_update_schemas[] = {{1, "server_update_2_1"}, {19, "server_update_2_19"}, {0, NULL}};

const struct route server_create_routes[] = {
    {.method = "POST",
     .path = "/servers",
     .access = ACCESS_MEMBER,
     .handler = server_create,
     .body = BODY_JSON,
     .schemas = create_schemas},
    {.method = NULL},
};
