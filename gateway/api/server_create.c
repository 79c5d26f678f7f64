/*
 * POST /servers, and 2011's POST /os-zones/boot (spec nova-api.md section 8, the order of checks as pipeline.md 2.2): everything is
 * checked here, at the entry zone; flavor, image and key pair are embedded; then the conductor places it. What cannot be done here
 * is a 400 that names it.
 */
#include <stdlib.h>
#include <string.h>

#include "gateway/api/api.h"
#include "gateway/api/flavor_catalog.h"
#include "gateway/api/image_catalog.h"
#include "gateway/api/server_disks.h"
#include "gateway/api/server_hints.h"
#include "gateway/api/server_networks.h"
#include "gateway/api/server_where.h"
#include "gateway/conductor/batch.h"
#include "gateway/conductor/create.h"
#include "gateway/conductor/quota.h"
#include "gateway/gateway.h"
#include "schema/json/json.h"
#include "schema/keypair.h"
#include "schema/security_group.h"

#define COUNT_MOST        10000 /* servers of one request */
#define ADMIN_PASS_LENGTH 12
#define NAME_MOST         255
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

/* Groups are this zone's: a server that names others than `default`, which every zone has, is built here. */
static enum err embed_security_groups(struct creation *c)
{
    const json_t *groups = json_object_get(c->server, "security_groups");
    json_t *names = json_array();
    struct security_group group;
    (void)json_object_set_new(c->embedded, "security_groups", names);
    for (size_t i = 0; i < json_array_size(groups); i++) {
        const char *name = text_of(json_array_get(groups, i), "name");
        if (!name) /* asks for nothing, as in Nova */
            continue;
        c->sizing.only_here = c->sizing.only_here || strcmp(name, SECURITY_GROUP_DEFAULT) != 0;
        (void)json_array_append_new(names, json_string(name));
        if (strcmp(name, SECURITY_GROUP_DEFAULT) == 0)
            continue;
        const enum err result =
            security_group_named(c->request->db, c->request->arena, c->request->caller.project_id, name, &group);
        if (result == E_NOT_FOUND)
            return fail(E_INVALID, "%s", err_message());
        TRY(result);
    }
    return OK;
}

static enum err check_unsupported(const struct creation *c)
{
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

static enum err check_image_fits(const struct creation *c, const struct image_summary *image, const struct flavor *flavor)
{
    if (!flavor->disk_gib && !c->request->caller.is_admin)
        return fail(E_FORBIDDEN, "Only volume-backed servers are allowed for flavors with zero disk.");
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

static enum err check_image_is_named(const struct creation *c)
{
    const char *ref = text_of(c->server, "imageRef");
    return ref && *ref ? OK : fail(E_INVALID, "Missing imageRef attribute");
}

/* The image may say that its disk is never resized, or that it always is. */
static enum err apply_disk_config(const struct creation *c, const json_t *image)
{
    const char *wanted = text_of(json_object_get(image, "properties"), "auto_disk_config");
    const char *asked = text_of(c->server, "OS-DCF:diskConfig");
    if (!wanted)
        return OK;
    const bool automatic = str_equal_nocase(wanted, "true") || strcmp(wanted, "1") == 0;
    if (!automatic && str_equal(asked, "AUTO"))
        return fail(E_INVALID, "Requested image %s has automatic disk resize disabled.", text_of(image, "id"));
    if (!asked && json_object_set_new(c->server, "OS-DCF:diskConfig", json_string(automatic ? "AUTO" : "MANUAL")))
        return fail(E_INTERNAL, "The disk configuration cannot be kept.");
    return OK;
}

static enum err embed_image(struct creation *c, struct image_summary *image)
{
    const char *ref = text_of(c->server, "imageRef");
    const enum err result = image_catalog_embed(c->request, last_segment(ref), image);
    if (result == E_NOT_FOUND)
        return fail(E_INVALID, "Can not find requested image");
    TRY(result);
    (void)json_object_set_new(c->embedded, "image", image->embedded);
    if (strcmp(image->status, "active") != 0)
        return fail(E_INVALID, "Image %s is not active.", last_segment(ref));
    if (!is_bootable(text_of(image->embedded, "disk_format")))
        return fail(E_INVALID, "Image %s is unacceptable: servers boot from raw, qcow2, ami and iso images.", last_segment(ref));
    return apply_disk_config(c, image->embedded);
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
    return OK;
}

/* What one of many cannot have. Names are numbered: NAME-1, NAME-2 … */
static enum err check_many(const struct creation *c)
{
    if (c->max_count == 1)
        return OK;
    if (text_of(c->server, "hostname"))
        return fail(E_INVALID, "Unable to allocate a single hostname to multiple instances");
    if (c->max_count > COUNT_MOST)
        return fail(E_FORBIDDEN, "Quota exceeded for instances: %lld in one request, at most %d are possible",
                    (long long)c->max_count, COUNT_MOST);
    const char *last = arena_printf(c->request->arena, "%s-%lld", text_of(c->server, "name"), (long long)c->max_count);
    if (strlen(last) > NAME_MOST)
        return fail(E_INVALID, "The name is too long to be numbered: %s", last);
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

/* What the request says of itself; then what it names. The order is Nova's (pipeline.md 2.2). */
static enum err check_request(struct creation *c)
{
    TRY(read_counts(c));
    TRY(server_where_read(c->request, c->server, &c->sizing));
    TRY(server_disks_check(c->request->arena, c->server));
    TRY(check_image_is_named(c));
    TRY(server_networks_plan(c->request, c->server, c->max_count, c->embedded, &c->sizing));
    TRY(check_unsupported(c));
    return server_hints_read(c->request, c->server, &c->sizing);
}

static enum err check_all(struct creation *c, struct flavor *flavor)
{
    const json_t *server = c->server;
    struct image_summary image;
    json_t *devices = NULL;
    TRY(check_request(c));
    TRY(embed_flavor(c, flavor));
    TRY(check_many(c));
    TRY(server_where_check(c->request, server, &c->sizing));
    TRY(embed_image(c, &image));
    TRY(server_hints_embed(c->request, c->embedded, &c->sizing));
    TRY(embed_security_groups(c));
    TRY(embed_keypair(c));
    TRY(server_disks_plan(c->request->arena, server, flavor, &devices));
    (void)json_object_set_new(c->embedded, "block_devices", devices ? devices : json_null());
    TRY(quota_check_metadata(c->request, json_object_size(json_object_get(server, "metadata"))));
    TRY(quota_check_files(c->request, json_object_get(server, "personality")));
    TRY(check_image_fits(c, &image, flavor));
    return quota_check_create(c->request, flavor, c->min_count, &c->max_count);
}

/* There is no metadata service: what a guest can only get from one comes by config drive. */
static void require_config_drive(struct creation *c)
{
    static const char *const keys[] = {"user_data", "key_name", "adminPass"};
    bool needed = json_array_size(json_object_get(c->server, "personality")) > 0;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        needed = needed || text_of(c->server, keys[i]);
    if (needed)
        (void)json_object_set_new(c->server, "config_drive", json_true());
}

/* Before 2.19 the description copied the name. */
static void describe_by_name(const struct creation *c)
{
    if (c->request->version < 19)
        (void)json_object_set(c->server, "description", json_object_get(c->server, "name"));
}

static bool is_true(const json_t *value)
{
    const char *text = json_string_value(value);
    return json_is_true(value) || str_equal_nocase(text, "true") || str_equal(text, "1") || str_equal_nocase(text, "on") ||
           str_equal_nocase(text, "yes");
}

/* Everything is checked, and what is to be made is complete. */
static enum err prepare(struct creation *c, struct flavor *flavor)
{
    TRY(check_all(c, flavor));
    require_config_drive(c);
    describe_by_name(c);
    return add_admin_pass(c);
}

/* `minted_us`: when the reservation began; 0: it may be an older one. */
static struct create_order order_of(const struct creation *c, const char *reservation, int64_t minted_us)
{
    return (struct create_order){c->server, c->embedded, c->sizing, reservation, c->min_count, c->max_count, minted_us};
}

static enum err create_later(const struct creation *c, struct response *response, const struct create_order *order, int status)
{
    TRY(batch_create_later(c->request, order));
    response->status = status;
    response->json = json_pack("{s:s}", "reservation_id", order->reservation_id);
    return OK;
}

static enum err server_create(struct request *request, struct response *response)
{
    json_auto_t *embedded = json_object();
    char reservation[RESERVATION_ID_SIZE];
    struct creation c = {.request = request, .server = json_object_get(request->json, "server"), .embedded = embedded};
    struct flavor flavor;
    struct uuids made;
    TRY(prepare(&c, &flavor));
    reservation_id_new(request->gateway->tag, reservation);
    const struct create_order order = order_of(&c, reservation, clock_wall_us());
    if (is_true(json_object_get(c.server, "return_reservation_id")))
        return create_later(&c, response, &order, 202);
    CLEANUP(text_clear) struct text body = {0};
    TRY(conductor_create(request, &order, &body, &made));
    TRY(quota_recheck_create(request, &c.sizing, reservation, &made));
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
    {1, "server_create_2_1"},
    {19, "server_create_2_19"},
    {32, "server_create_2_32"},
    {33, "server_create_2_33"},
    {37, "server_create_2_37"},
    {42, "server_create_2_42"},
    {52, "server_create_2_52"},
    {57, "server_create_2_57"},
    {63, "server_create_2_63"},
    {67, "server_create_2_67"},
    {74, "server_create_2_74"},
    {90, "server_create_2_90"},
    {0, NULL},
};

/* The reservation id that 2011's body may bring along is taken out of it: an admin's counts, another's does not. */
static enum err take_reservation(struct request *request, json_t *server, char out[RESERVATION_ID_SIZE])
{
    json_auto_t *given = json_incref(json_object_get(server, "reservation_id"));
    const char *text = json_string_value(given);
    uint32_t tag = 0;
    reservation_id_new(request->gateway->tag, out);
    (void)json_object_del(server, "reservation_id");
    if (!given || json_is_null(given) || !request->caller.is_admin)
        return OK;
    if (!text || !reservation_id_tag(text, &tag))
        return fail(E_INVALID, "Invalid input for field/attribute reservation_id: it is no reservation id of this tree.");
    (void)snprintf(out, RESERVATION_ID_SIZE, "%s", text);
    return OK;
}

/* 2011's POST /zones/boot: as POST /servers, answered with the reservation id. */
static enum err zone_boot(struct request *request, struct response *response)
{
    json_auto_t *embedded = json_object();
    char reservation[RESERVATION_ID_SIZE];
    struct creation c = {.request = request, .server = json_object_get(request->json, "server"), .embedded = embedded};
    struct flavor flavor;
    TRY(take_reservation(request, c.server, reservation));
    TRY(body_check(request, create_schemas));
    TRY(prepare(&c, &flavor));
    const struct create_order order = order_of(&c, reservation, 0);
    return create_later(&c, response, &order, 200);
}

const struct body_schema server_update_schemas[] = {
    {1, "server_update_2_1"}, {19, "server_update_2_19"}, {90, "server_update_2_90"}, {0, NULL}};

const struct route server_create_routes[] = {
    {.method = "POST",
     .path = "/servers",
     .access = ACCESS_MEMBER,
     .handler = server_create,
     .body = BODY_JSON,
     .schemas = create_schemas},
    {.method = "POST", .path = "/os-zones/boot", .access = ACCESS_MEMBER, .handler = zone_boot, .body = BODY_JSON},
    {.method = "POST", .path = "/zones/boot", .access = ACCESS_MEMBER, .handler = zone_boot, .body = BODY_JSON},
    {.method = NULL},
};
