/*
 * /os-zones/doctor: what is wrong with the links of this zone, each finding with a name (an anchor in README), a severity, what was
 * seen and what to do. Every neighbour is called once, past its breaker, to see how far a connection comes: DNS, TCP, TLS, HTTP.
 *
 * Looks at direct neighbours only; the zones below are asked by running it there.
 */
#include <string.h>

#include "gateway/api/zones.h"
#include "gateway/api/zones_nova.h"
#include "gateway/gateway.h"
#include "schema/json/json.h"
#include "zones/fanout.h"

#define CHECK_MS       3000
#define ANSWER_LIMIT   (64U << 10)
#define SKEW_WARNING_S 5
#define SKEW_ERROR_S   LINK_SKEW_S
#define KEY_DAYS       90
#define CERT_WARNING   30 /* days */
#define CERT_ERROR     7
#define STALE_POLLS    5
#define US_PER_DAY     (86400LL * 1000000)

/* enum, name, severity, what to do */
#define FINDING_LIST(X)                                                                                                            \
    X(NOT_JOINED, "not-joined", "error",                                                                                           \
      "give a new password or join token: `zonegate zone set NAME --password-file F`, `--token-file F`")                           \
    X(LOOP, "loop", "error", "this zone is among the child's own descendants: delete one of the two registrations")                \
    X(DNS, "dns", "error", "the host name in its api_url does not resolve here")                                                   \
    X(UNREACHABLE, "unreachable", "error", "nothing listens there, or a firewall is between: is `zonegate serve` running?")        \
    X(TLS, "tls", "error", "its certificate or key is not the one that is expected: check tls_ca and tls_pin")                     \
    X(SILENT, "silent", "error", "it accepts connections but does not answer: look at its log, its database and its load")         \
    X(LINK_REFUSED, "link-refused", "error", "it does not accept the link's proof: compare clocks, or join it again")              \
    X(CLOCK_SKEW, "clock-skew", "error", "the clocks differ by more than delegations allow: run NTP on both machines")             \
    X(CLOCK_DRIFT, "clock-drift", "warning", "the clocks differ: run NTP on both machines")                                        \
    X(VERSION, "version", "warning", "it speaks other versions: lists leave it out for requests that it cannot serve")             \
    X(BREAKER_OPEN, "breaker-open", "error", "it is not asked until a probe is answered")                                          \
    X(SUSPECT, "suspect", "warning", "it was slow or silent a moment ago and is asked with a shorter deadline")                    \
    X(KEY_AGE, "key-age", "warning", "renew the link's keys with `zonegate zone rekey NAME`")                                      \
    X(CERTIFICATE_ENDS, "certificate-ends", "error", "its certificate ends within days: renew it")                                 \
    X(CERTIFICATE_DAYS, "certificate-days", "warning", "its certificate ends soon: renew it")                                      \
    X(DIRECTORY_STALE, "directory-stale", "warning", "it has not told its directory for a while: new zones below are not known")   \
    X(SAME_TAG, "same-tag", "warning", "two zones have one tag: ids of both are asked of both; nothing is lost, messages are")     \
    X(DRAINING, "draining", "warning", "it takes no new servers until it is enabled")                                              \
    X(REHOMED, "rehomed", "warning", "it has another parent now: remove it here with `zonegate zone delete NAME`")                 \
    X(DISABLED, "disabled", "warning", "an admin has taken it out: it is not asked")                                               \
    X(INSECURE, "insecure", "warning", "the link is plain http to another machine: use https")                                     \
    X(NOVA_LOGIN, "nova-login", "error", "its Keystone refuses the login: `zonegate zone set NAME --password-file F`, --project")  \
    X(NOVA_ENDPOINT, "nova-endpoint", "error", "its catalog names no usable compute endpoint: check --region, and https")          \
    X(NOVA_VERSION, "nova-version", "error", "its compute endpoint has no version document with microversions")                    \
    X(NOVA_READ_ONLY, "nova-read-only", "note", "changes are refused; `zonegate zone set NAME --read-only no` allows them")

enum finding {
#define FINDING_ENUM(id, name, severity, fix) FINDING_##id,
    FINDING_LIST(FINDING_ENUM)
#undef FINDING_ENUM
        FINDING_COUNT
};

static const struct {
    const char *name;
    const char *severity;
    const char *fix;
} findings[] = {
#define FINDING_ROW(id, name, severity, fix) {name, severity, fix},
    FINDING_LIST(FINDING_ROW)
#undef FINDING_ROW
};
_Static_assert(ARRAY_LEN(findings) == FINDING_COUNT, "one row per finding");

struct doctor {
    struct request *request;
    json_t *found;
    json_t *may; /* of plain Novas: what may be done */
};

static void find(struct doctor *doctor, const char *zone, enum finding finding, const char *seen)
{
    (void)json_array_append_new(doctor->found,
                                json_pack("{s:s, s:s, s:s, s:s, s:s}", "zone", zone, "finding", findings[finding].name, "severity",
                                          findings[finding].severity, "seen", seen, "fix", findings[finding].fix));
}

static void check_connection(struct doctor *doctor, const struct zone *zone, const struct http_answer *answer)
{
    static const struct {
        const char *step;
        enum finding finding;
    } steps[] = {{"dns", FINDING_DNS}, {"tcp", FINDING_UNREACHABLE}, {"tls", FINDING_TLS}, {"http", FINDING_SILENT}};
    const char *step = answer->step ? answer->step : "tcp";
    if (answer->kind == ZONE_ANSWERED)
        return;
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        if (str_equal(step, steps[i].step))
            find(doctor, zone->row.name, steps[i].finding, answer->why ? answer->why : zone_kind_word(answer->kind));
    }
}

static void check_state(struct doctor *doctor, const struct zone *zone)
{
    const struct zone_row *row = &zone->row;
    const enum health_state state = health_overall(zone->health);
    const char *error = row->last_error ? row->last_error : "";
    if (row->state == ZONE_ADMIN_DISABLED)
        find(doctor, row->name, str_starts(error, "loop") ? FINDING_LOOP : FINDING_DISABLED, error);
    else if (!row->joined)
        find(doctor, row->name, FINDING_NOT_JOINED, error);
    if (row->state == ZONE_DRAINING)
        find(doctor, row->name, FINDING_DRAINING, row->delete_when_empty ? "it is deleted when it is empty" : "");
    if (row->joined && str_starts(error, "auth"))
        find(doctor, row->name, FINDING_LINK_REFUSED, error);
    if (row->joined && (state == HEALTH_DOWN || state == HEALTH_PROBING))
        find(doctor, row->name, FINDING_BREAKER_OPEN, zone_kind_word((enum zone_kind_of_answer)atomic_load(&zone->health->reason)));
    if (state == HEALTH_SUSPECT)
        find(doctor, row->name, FINDING_SUSPECT, "");
}

/* From the Date of this very answer: whole seconds. */
static void check_clock(struct doctor *doctor, const struct zone *zone)
{
    const struct zone_signs signs = zone_signs_get(zone);
    const int64_t off_s = signs.skew_s < 0 ? -signs.skew_s : signs.skew_s;
    if (!signs.skew_known || off_s < SKEW_WARNING_S)
        return;
    find(doctor, zone->row.name, off_s >= SKEW_ERROR_S ? FINDING_CLOCK_SKEW : FINDING_CLOCK_DRIFT,
         arena_printf(doctor->request->arena, "its clock is %lld s %s ours", (long long)off_s,
                      signs.skew_s < 0 ? "behind" : "ahead of"));
}

static void check_ages(struct doctor *doctor, const struct zone *zone)
{
    struct arena *arena = doctor->request->arena;
    const struct zone_signs signs = zone_signs_get(zone);
    const int64_t now_us = clock_wall_us();
    const int64_t poll_us = zones_options(doctor->request->gateway->zones)->poll_interval_ms * 1000;
    const long long key_days = (long long)((now_us - zone->key_created_us) / US_PER_DAY);
    const long long days = (long long)((signs.certificate_expires_s * 1000000 - now_us) / US_PER_DAY);
    if (zone->key_created_us && key_days >= KEY_DAYS)
        find(doctor, zone->row.name, FINDING_KEY_AGE, arena_printf(arena, "the keys are %lld days old", key_days));
    if (signs.certificate_expires_s && days < CERT_WARNING)
        find(doctor, zone->row.name, days < CERT_ERROR ? FINDING_CERTIFICATE_ENDS : FINDING_CERTIFICATE_DAYS,
             arena_printf(arena, "%lld days left", days));
    if (zone->row.side == ZONE_CHILD && zone_is_active(zone) && signs.told_us && now_us - signs.told_us > STALE_POLLS * poll_us)
        find(doctor, zone->row.name, FINDING_DIRECTORY_STALE,
             arena_printf(arena, "told last %lld s ago", (long long)((now_us - signs.told_us) / 1000000)));
}

static void check_version(struct doctor *doctor, const struct zone *zone)
{
    json_auto_t *info = zone->row.info ? json_loads(zone->row.info, 0, NULL) : NULL;
    const char *version = json_string_value(json_object_get(info, "version"));
    const char *newest = json_string_value(json_array_get(json_object_get(info, "microversion"), 1));
    const char *own = arena_printf(doctor->request->arena, "2.%d", doctor->request->service->version_max);
    if (newest && !str_equal(newest, own))
        find(doctor, zone->row.name, FINDING_VERSION,
             arena_printf(doctor->request->arena, "zonegate %s there, compute up to %s; %s here, up to %s", version ? version : "?",
                          newest, ZONEGATE_VERSION, own));
}

static void check_trust(struct doctor *doctor, const struct zone *zone)
{
    if (str_starts(zone->row.api_url, "http:") && url_check_trust(zone->row.api_url, false) != OK)
        find(doctor, zone->row.name, FINDING_INSECURE, zone->row.api_url);
}

static void check_tags(struct doctor *doctor, const struct directory *directory)
{
    for (size_t i = 1; i < directory->count; i++) {
        const struct directory_row *a = &directory->rows[i - 1];
        const struct directory_row *b = &directory->rows[i];
        if (a->tag == b->tag && !uuid_equal(&a->zone, &b->zone))
            find(doctor, a->path, FINDING_SAME_TAG,
                 arena_printf(doctor->request->arena, "%s and %s have the tag %06x", a->path, b->path, a->tag));
    }
}

struct patient {
    struct doctor *doctor;
    const struct zone *zone;
};

static void take_nova(void *context, const char *name, const char *seen)
{
    const struct patient *patient = context;
    for (size_t i = 0; i < FINDING_COUNT; i++) {
        if (str_equal(findings[i].name, name))
            find(patient->doctor, patient->zone->row.name, (enum finding)i, seen);
    }
}

/* A plain Nova has no /healthcheck, no link and no directory of zones. */
static void check_nova(struct doctor *doctor, const struct zone *zone)
{
    struct patient patient = {doctor, zone};
    zones_nova_examine(doctor->request, zone, take_nova, &patient);
    (void)json_object_set_new(doctor->may, zone->row.name, zones_nova_may(zone));
}

static void check_zones(struct doctor *doctor, const struct zone *zones, size_t count)
{
    struct request *request = doctor->request;
    struct zone_call *calls = arena_alloc(request->arena, (count + 1) * sizeof(*calls));
    for (size_t i = 0; i < count; i++)
        calls[i] = (struct zone_call){.url = zones[i].row.api_url,
                                      .trust = zones[i].trust,
                                      .class = CLASS_POLL,
                                      .method = "GET",
                                      .target = zones[i].nova ? "/" : "/healthcheck",
                                      .answer_limit = ANSWER_LIMIT,
                                      .timeout_ms = CHECK_MS};
    fanout_run(request->fanout, request->arena, calls, count, request->budget);
    for (size_t i = 0; i < count; i++) {
        check_state(doctor, &zones[i]);
        check_trust(doctor, &zones[i]);
        if (zones[i].nova) {
            check_nova(doctor, &zones[i]);
            continue;
        }
        check_connection(doctor, &zones[i], &calls[i].answer);
        check_clock(doctor, &zones[i]);
        check_version(doctor, &zones[i]);
        check_ages(doctor, &zones[i]);
    }
}

/* One that has another parent now is nobody to call. */
static void check_zone(struct doctor *doctor, const struct zone *zone)
{
    if (zone_row_is_rehomed(&zone->row))
        find(doctor, zone->row.name, FINDING_REHOMED, zone->row.last_error + strlen(ZONE_REHOMED));
    else
        check_zones(doctor, zone, 1);
}

/* ?zone=NAME: that neighbour only. */
static enum err check_one(struct doctor *doctor, const struct zones_view *view, const char *name)
{
    const struct zone *zone = view_child_by_name(view, name);
    for (size_t i = 0; !zone && i < view->parent_count; i++)
        zone = str_equal(view->parents[i].row.name, name) ? &view->parents[i] : NULL;
    if (!zone)
        return fail(E_NOT_FOUND, "There is no link to a zone %.64s.", name);
    check_zone(doctor, zone);
    return OK;
}

enum err zones_doctor(struct request *request, struct response *response)
{
    const struct zones_view *view = zones_view(request->gateway->zones, request->arena);
    const char *name = request_query(request, "zone");
    json_auto_t *found = json_array();
    json_auto_t *may = json_object();
    struct doctor doctor = {request, found, may};
    if (name) {
        TRY(check_one(&doctor, view, name));
    } else {
        check_zones(&doctor, view->parents, view->parent_count);
        check_zones(&doctor, view->children, view->child_count);
        for (size_t i = 0; i < view->rehomed_count; i++)
            check_zone(&doctor, &view->children[view->child_count + i]);
        check_tags(&doctor, &view->directory);
    }
    response->json = json_pack("{s:O, s:O, s:I}", "findings", found, "may", may, "looked_at",
                               (json_int_t)(name ? 1 : view->child_count + view->rehomed_count + view->parent_count));
    return OK;
}
