/* /os-zones/{id}/health: what this gateway knows of a child's health, breaker by breaker (DESIGN section 4). Asks nobody. */
#include "gateway/api/zones.h"
#include "gateway/gateway.h"
#include "schema/json/json.h"
#include "zones/metering.h"

static json_t *ms_of(int64_t us)
{
    return us ? json_integer((us + 999) / 1000) : json_null();
}

static json_t *breakers(const struct zone *zone)
{
    const struct zone_health *health = zone->health;
    static const struct {
        const char *name;
        enum zone_class class;
    } classes[] = {{"read", CLASS_READ}, {"mutate", CLASS_MUTATE}, {"poll", CLASS_POLL}};
    _Static_assert(ARRAY_LEN(classes) == CLASS_COUNT, "one name per class");
    json_t *object = json_object();
    for (size_t i = 0; i < ARRAY_LEN(classes); i++) {
        const enum health_state state = (enum health_state)atomic_load(&health->state[classes[i].class]);
        json_t *breaker =
            json_pack("{s:s, s:b}", "state", health_state_name(state), "open", state == HEALTH_DOWN || state == HEALTH_PROBING);
        (void)json_object_set_new(breaker, "latency_ms", ms_of(atomic_load(&health->latency_us[classes[i].class])));
        (void)json_object_set_new(breaker, "latency_p50_ms", ms_of(metering_quantile_us(zone, classes[i].class, 0.5)));
        (void)json_object_set_new(breaker, "latency_p99_ms", ms_of(metering_quantile_us(zone, classes[i].class, 0.99)));
        (void)json_object_set_new(object, classes[i].name, breaker);
    }
    return object;
}

/* As the child's last info said: versions, null before the first. */
static void add_versions(json_t *object, const struct zone *zone)
{
    static const char *const keys[] = {"version", "protocol", "microversion"};
    json_auto_t *info = zone->row.info ? json_loads(zone->row.info, 0, NULL) : NULL;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        json_t *value = json_object_get(info, keys[i]);
        (void)json_object_set_new(object, keys[i], value ? json_incref(value) : json_null());
    }
}

enum err zones_health(struct request *request, struct response *response)
{
    const struct zone *zone = NULL;
    TRY(zones_child_of(request, &zone));
    const struct zone_health *health = zone->health;
    const struct zone_signs signs = zone_signs_get(zone);
    const enum health_state state = health_overall(health);
    const bool open = state == HEALTH_DOWN || state == HEALTH_PROBING;
    const int64_t seen_us = atomic_load(&health->last_seen_us);
    json_t *object = json_pack("{s:I, s:s, s:b, s:s, s:s, s:o, s:s?, s:o, s:s?, s:i, s:I, s:o, s:o, s:o, s:o, s:o, s:I, s:o}", "id",
                               (json_int_t)zone->row.id, "name", zone->row.name, "is_active", zone_is_active(zone), "state",
                               zone_state_name(zone), "health", health_state_name(state), "since", zones_time(signs.since_us),
                               "reason", open ? zone_kind_word((enum zone_kind_of_answer)atomic_load(&health->reason)) : NULL,
                               "last_seen", zones_time(seen_us > zone->row.last_seen_us ? seen_us : zone->row.last_seen_us),
                               "last_error", zone->row.last_error, "in_flight", atomic_load(&health->in_flight), "max_in_flight",
                               (json_int_t)zone->row.max_in_flight, "breakers", breakers(zone), "probe_p99_ms",
                               ms_of(atomic_load(&health->probe_p99_us)), "clock_skew_s",
                               signs.skew_known ? json_integer(signs.skew_s) : json_null(), "directory_from",
                               zones_time(signs.told_us), "certificate_days_left", zones_days_left(signs.certificate_expires_s),
                               "incarnation", (json_int_t)zone->row.incarnation, "keys_from", zones_time(zone->key_created_us));
    add_versions(object, zone);
    response->json = json_pack("{s:o}", "health", object);
    return OK;
}
