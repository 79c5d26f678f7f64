/* How zones are shown, and which one is meant; see zones.h. */
#include <string.h>

#include "gateway/api/zones.h"
#include "gateway/api/zones_nova.h"
#include "gateway/gateway.h"
#include "schema/json/json.h"

#define US_PER_S  1000000
#define S_PER_DAY 86400

bool zones_names_shown(const struct request *request)
{
    return request->caller.is_admin || request->link || request->gateway->config.zone.expose_names;
}

json_t *zones_days_left(int64_t expires_s)
{
    return expires_s ? json_integer((expires_s - clock_wall_us() / US_PER_S) / S_PER_DAY) : json_null();
}

json_t *zones_time(int64_t us)
{
    return us ? json_string(time_iso_micro(us).text) : json_null();
}

/* 2011 showed capabilities as an object or a text; here the object of the child's last info. */
static json_t *capabilities_of(const struct zone *zone)
{
    json_auto_t *info = zone->row.info ? json_loads(zone->row.info, 0, NULL) : NULL;
    json_t *capabilities = json_object_get(info, "capabilities");
    return json_is_object(capabilities) ? json_incref(capabilities) : json_object();
}

static void add_names(json_t *object, const struct zone *zone)
{
    const struct zone_row *row = &zone->row;
    (void)json_object_set_new(object, "name", json_string(row->name));
    (void)json_object_set_new(object, "api_url", json_string(row->api_url));
    (void)json_object_set_new(object, "last_error", row->last_error ? json_string(row->last_error) : json_null());
    (void)json_object_set_new(object, "uuid", row->joined ? json_string(uuid_to_text(&row->uuid).text) : json_null());
    (void)json_object_set_new(object, "tls_pin", row->tls_pin ? json_string(row->tls_pin) : json_null());
    (void)json_object_set_new(object, "policy", policy_json(row));
}

static int64_t last_seen_us(const struct zone *zone)
{
    const int64_t seen_us = atomic_load(&zone->health->last_seen_us);
    return seen_us > zone->row.last_seen_us ? seen_us : zone->row.last_seen_us;
}

json_t *zones_object(const struct zone *zone, bool names)
{
    const struct zone_row *row = &zone->row;
    json_t *object =
        json_pack("{s:I, s:s, s:b, s:s, s:f, s:f, s:o, s:I, s:o, s:I, s:b, s:I, s:I, s:b, s:b, s:o}", "id", (json_int_t)row->id,
                  "kind", row->kind, "is_active", zone_is_active(zone), "state", zone_state_name(zone), "weight_offset",
                  row->weight_offset, "weight_scale", row->weight_scale, "last_seen", zones_time(last_seen_us(zone)), "latency_ms",
                  (json_int_t)row->latency_ms, "capabilities", capabilities_of(zone), "incarnation", (json_int_t)row->incarnation,
                  "delete_when_empty", row->delete_when_empty, "max_in_flight", (json_int_t)row->max_in_flight, "timeout_ms",
                  (json_int_t)row->timeout_ms, "insecure", row->insecure, "untagged", row->untagged, "certificate_days_left",
                  zones_days_left(zone_signs_get(zone).certificate_expires_s));
    (void)json_object_set_new(object, "tag", row->joined ? json_sprintf("%06x", zone->tag) : json_null());
    if (names)
        add_names(object, zone);
    else
        (void)json_object_set_new(object, "name", json_sprintf("%06x", zone->tag));
    if (names && zone->nova)
        zones_nova_show(object, zone);
    return object;
}

json_t *zones_link_object(const struct zone *zone)
{
    const struct zone_row *row = &zone->row;
    json_t *keys = json_array();
    for (size_t i = 0; i < zone->session_count; i++)
        (void)json_array_append_new(keys, json_string(zone->sessions[i].key_id));
    return json_pack("{s:I, s:s, s:s, s:s, s:o, s:s, s:o, s:o, s:o, s:o, s:s?, s:b, s:I}", "id", (json_int_t)row->id, "side",
                     row->side == ZONE_CHILD ? "child" : "parent", "name", row->name, "api_url", row->api_url, "uuid",
                     row->joined ? json_string(uuid_to_text(&row->uuid).text) : json_null(), "state", zone_state_name(zone),
                     "policy", policy_json(row), "keys", keys, "keys_from", zones_time(zone->key_created_us),
                     "certificate_days_left", zones_days_left(zone_signs_get(zone).certificate_expires_s), "tls_pin", row->tls_pin,
                     "insecure", row->insecure, "protocol", (json_int_t)row->protocol);
}

static const struct zone *find_by_uuid(const struct zones_view *view, const struct uuid *uuid)
{
    const struct zone *zone = view_child_by_uuid(view, uuid);
    for (size_t i = 0; i < view->rehomed_count && !zone; i++) {
        const struct zone *rehomed = &view->children[view->child_count + i];
        zone = uuid_equal(&rehomed->row.uuid, uuid) ? rehomed : NULL;
    }
    return zone;
}

enum err zones_child_of(const struct request *request, const struct zone **out)
{
    const char *text = request_param(request, "zone_id");
    const struct zones_view *view = zones_view(request->gateway->zones, request->arena);
    const struct zone *zone = NULL;
    struct uuid uuid;
    int64_t id = 0;
    if (str_to_int(text, &id))
        zone = view_child(view, id);
    else if (uuid_is_text(text) && uuid_from_text(text, &uuid) == OK)
        zone = find_by_uuid(view, &uuid);
    if (!zone)
        zone = view_child_by_name(view, text);
    if (!zone)
        return fail(E_NOT_FOUND, "Zone %.64s could not be found.", text);
    *out = zone;
    return OK;
}
