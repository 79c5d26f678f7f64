/*
 * The checks of a request that says it comes over a link, as a table in the order of spec link.md section 3; see link.h.
 * Nothing of a delegation is believed, not even its shape, before its MAC was found good.
 */
#include <string.h>

#include "zones/link.h"
#include "gateway/base/log.h"
#include "gateway/base/text.h"
#include "schema/json/json.h"
#include "schema/zone_links.h"
#include "zones/claims.h"
#include "zones/inside.h"
#include "zones/metering.h"

#define US_PER_S   1000000
#define PATH_MOST  (LINK_HOPS + 1)
#define ROLES_MOST 256

#define HASH_TEXT_SIZE 44 /* 32 bytes as base64url */

struct check {
    struct zones *zones;
    const struct link_question *question;
    struct db *db;
    struct arena *arena;
    const struct zones_view *view;
    /* The header's parts. */
    const char *key_id;
    const char *payload;
    size_t payload_length;
    size_t signed_length; /* of "v1.KEYID.P" */
    uint8_t mac[LINK_MAC_SIZE];
    /* Who it is. */
    const struct zone *zone;
    const struct link_session *session;
    enum link_direction direction;
    bool proved; /* by a MAC with the session's key */
    /* What it says. */
    struct claims claims;
    int64_t expires_s;
    const char *const *roles;
    size_t role_count;
    struct link_caller *link;
};

static enum err refuse(const char *sentence)
{
    return fail(E_UNAUTHORIZED, "%s", sentence);
}

/* "v1.KEYID.P.M" */
static enum err split_header(struct check *check)
{
    const char *header = check->question->delegation;
    const size_t length = strlen(header);
    size_t mac_length = 0;
    const size_t head = 3 + LINK_KEY_ID_SIZE - 1; /* "v1." and the id */
    if (length > LINK_HEADER_MAX || !str_starts(header, "v1.") || length < head + 2 || header[head] != '.')
        return refuse("The delegation is not of version 1.");
    check->key_id = arena_strndup(check->arena, header + 3, LINK_KEY_ID_SIZE - 1);
    check->payload = header + head + 1;
    const char *dot = strchr(check->payload, '.');
    if (!dot || base64url_decode_open(dot + 1, strlen(dot + 1), check->mac, sizeof(check->mac), &mac_length) != OK ||
        mac_length != sizeof(check->mac))
        return refuse("The delegation has no MAC.");
    check->payload_length = (size_t)(dot - check->payload);
    check->signed_length = (size_t)(dot - header);
    return OK;
}

/* The session of that id whose MAC fits; the first of that id when none fits, so that the refusal has a name. */
static bool find_session(struct check *check, const struct zone *zones, size_t count, enum link_direction direction)
{
    const char *header = check->question->delegation;
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < zones[i].session_count; j++) {
            const struct link_session *session = &zones[i].sessions[j];
            if (strcmp(session->key_id, check->key_id) != 0)
                continue;
            const uint8_t *key = direction == LINK_DOWN ? session->down : session->up;
            const bool good = link_mac_verify(key, header, check->signed_length, check->mac) == OK;
            if (good || !check->zone) {
                check->zone = &zones[i];
                check->session = session;
                check->direction = direction;
            }
            check->proved = good;
            if (good)
                return true;
        }
    }
    return false;
}

static enum err check_key(struct check *check)
{
    TRY(split_header(check));
    if (!find_session(check, check->view->parents, check->view->parent_count, LINK_DOWN))
        (void)find_session(check, check->view->children, check->view->child_count, LINK_UP);
    return check->session ? OK : refuse(LINK_UNKNOWN_KEY);
}

static enum err check_mac(struct check *check)
{
    return check->proved ? OK : refuse("The delegation's MAC is not valid.");
}

static enum err read_claims(struct check *check)
{
    char *text = arena_alloc(check->arena, check->payload_length + 1);
    size_t length = 0;
    const enum err decoded = base64url_decode_open(check->payload, check->payload_length, text, check->payload_length + 1, &length);
    const enum err read = decoded == OK ? delegation_read(check->arena, text, length, &check->claims) : decoded;
    if (read == E_NOT_FOUND)
        return refuse("The delegation is not a JSON object.");
    return read == OK ? OK : refuse("The delegation is not JSON.");
}

/* In the arena; NULL when it is no string. */
static const char *claim(const struct check *check, const char *name)
{
    return delegation_text(&check->claims, name);
}

static bool claim_is_uuid(const struct check *check, const char *name, const struct uuid *wanted)
{
    struct uuid uuid;
    const char *text = claim(check, name);
    return text && uuid_is_text(text) && uuid_from_text(text, &uuid) == OK && uuid_equal(&uuid, wanted);
}

static enum err check_audience(struct check *check)
{
    TRY(read_claims(check));
    if (!claim_is_uuid(check, "iss", &check->zone->row.uuid))
        return refuse("The delegation names another sender than the link's.");
    return claim_is_uuid(check, "aud", &check->zones->options.keys->zone) ? OK : refuse("The delegation is for another zone.");
}

static bool is_hash_of(const char *text, const void *bytes, size_t length)
{
    uint8_t hash[32];
    char wanted[HASH_TEXT_SIZE]; /* there is one base64url of it */
    hash_sha256(bytes ? bytes : "", length, hash);
    base64url_encode_open(hash, sizeof(hash), wanted);
    return text && strcmp(text, wanted) == 0;
}

static bool claim_is_hash(const struct check *check, const char *name, const void *bytes, size_t length)
{
    return is_hash_of(claim(check, name), bytes, length);
}

enum err link_check_body(const struct link_caller *link, const void *body, size_t length)
{
    return is_hash_of(link->body_hash, body, length) ? OK : refuse("The delegation is for another body.");
}

/* The body of a stream comes later; what is here must be hashed in the delegation. */
static enum err check_request(struct check *check)
{
    const struct link_question *question = check->question;
    if (!str_equal(claim(check, "method"), question->method))
        return refuse("The delegation is for another method.");
    if (!claim_is_hash(check, "target", question->target, strlen(question->target)))
        return refuse("The delegation is for another target.");
    if (!question->streamed && !claim_is_hash(check, "body", question->body, question->body_length))
        return refuse("The delegation is for another body.");
    if (!str_equal(claim(check, "key"), question->idempotency))
        return refuse("The delegation has another idempotency key.");
    return OK;
}

static enum err check_times(struct check *check)
{
    const struct claim *issued = delegation_get(&check->claims, "iat", CLAIM_NUMBER);
    const struct claim *expires = delegation_get(&check->claims, "exp", CLAIM_NUMBER);
    const int64_t now_s = clock_wall_us() / US_PER_S;
    if (!issued || !expires)
        return refuse("The delegation has no times.");
    const int64_t iat = issued->number;
    const int64_t exp = expires->number;
    if (iat < 0 || exp < iat || iat > now_s + LINK_SKEW_S)
        return refuse("The delegation is of the future: the zones' clocks differ.");
    if (exp - iat > LINK_LIFETIME_MAX_S)
        return refuse("The delegation lives too long.");
    if (exp + LINK_SKEW_S < now_s)
        return refuse("The delegation is too old.");
    check->expires_s = exp;
    return OK;
}

static enum err check_nonce(struct check *check)
{
    uint8_t nonce[NONCE_SIZE];
    size_t length = 0;
    const char *text = claim(check, "nonce");
    const int64_t until_s = check->expires_s + LINK_SKEW_S;
    if (!text || base64url_decode_open(text, strlen(text), nonce, sizeof(nonce), &length) != OK || length != sizeof(nonce))
        return refuse("The delegation has no nonce.");
    if (link_is_mutation(check->question->method))
        return zone_nonce_add(check->db, &check->zone->row.uuid, nonce, (until_s + 1) * US_PER_S);
    return nonces_add(check->zones->nonces, &check->zone->row.uuid, nonce, until_s, clock_wall_us() / US_PER_S);
}

static enum err check_path(struct check *check)
{
    const struct claim *list = delegation_get(&check->claims, "path", CLAIM_LIST);
    const size_t count = list ? list->count : 0;
    struct uuid *path = arena_alloc(check->arena, (count + 1) * sizeof(*path));
    if (count == 0 || count > PATH_MOST)
        return refuse("The delegation has no path.");
    for (size_t i = 0; i < count; i++) {
        const char *text = list->items[i];
        if (!text || !uuid_is_text(text) || uuid_from_text(text, &path[i]) != OK)
            return refuse("The delegation's path is not one of zones.");
        if (uuid_equal(&path[i], &check->zones->options.keys->zone))
            return fail(E_LOOP, "The request came back to this zone.");
    }
    if (!uuid_equal(&path[count - 1], &check->zone->row.uuid))
        return refuse("The delegation's path does not end with its sender.");
    check->link->path = path;
    check->link->path_count = count;
    return OK;
}

static enum err check_hops(struct check *check)
{
    const struct claim *hops = delegation_get(&check->claims, "hops", CLAIM_NUMBER);
    if (!hops || hops->number <= 0)
        return fail(E_LOOP, "The request went through too many zones.");
    check->link->hops = hops->number < LINK_HOPS ? (int)hops->number : LINK_HOPS;
    return OK;
}

/* What neighbours ask each other for, whatever the policy says. */
static bool is_maintenance(const char *target)
{
    static const char *const paths[] = {ZONES_INFO, ZONES_PROBE, ZONES_LINK, ZONES_DIRECTORY, ZONES_REVOCATIONS, ZONES_FORGOTTEN};
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        const size_t length = strlen(paths[i]);
        if (strncmp(target, paths[i], length) == 0 && (target[length] == '\0' || target[length] == '?'))
            return true;
    }
    return false;
}

static bool list_has(const json_t *list, const char *word)
{
    size_t i;
    const json_t *item;
    json_array_foreach(list, i, item)
    {
        if (str_equal_nocase(json_string_value(item), word))
            return true;
    }
    return false;
}

/* Keeps of the roles those that the direction and the policy let through. */
static enum err narrow_roles(struct check *check, const json_t *policy)
{
    const struct claim *list = delegation_get(&check->claims, "roles", CLAIM_LIST);
    const json_t *allowed = json_object_get(policy, "roles");
    if (!list || list->count > ROLES_MOST)
        return refuse("The delegation has no roles.");
    const char **roles = arena_alloc(check->arena, (list->count + 1) * sizeof(*roles));
    for (size_t i = 0; i < list->count; i++) {
        const char *role = list->items[i];
        if (!role)
            return refuse("The delegation has a role that is no text.");
        const bool over = check->direction == LINK_UP && str_equal_nocase(role, "admin");
        if (!over && (!json_is_array(allowed) || list_has(allowed, role)))
            roles[check->role_count++] = role;
    }
    check->roles = roles;
    if (list->count && check->role_count == 0 && !is_maintenance(check->question->target))
        return fail(E_FORBIDDEN, "The link's policy allows none of the user's roles.");
    return OK;
}

/* What a parent may do here. */
static enum err check_down(const struct check *check, const json_t *policy)
{
    const json_t *projects = json_object_get(policy, "projects");
    const char *project = claim(check, "project");
    if (json_is_true(json_object_get(policy, "read_only")) && link_is_mutation(check->question->method))
        return fail(E_FORBIDDEN, "The link from zone %s is read-only.", check->zone->row.name);
    if (json_is_array(projects) && (!project || !list_has(projects, project)))
        return fail(E_FORBIDDEN, "The link's policy does not allow the user's project.");
    return OK;
}

/* The resource that a target names, behind service, version and project: "servers", "images", …. */
static const char *resource_of(struct arena *arena, const char *target)
{
    static const char *const services[] = {ZONES_COMPUTE "/", "/image/v2/"};
    for (size_t i = 0; i < ARRAY_LEN(services); i++) {
        if (!str_starts(target, services[i]))
            continue;
        const char *at = target + strlen(services[i]);
        if (strspn(at, "0123456789abcdef") == 32 && at[32] == '/')
            at += 33;
        return arena_strndup(arena, at, strcspn(at, "/?"));
    }
    return "";
}

/* A server that this zone ordered and that comes back: a ticket of this zone's own says whether it may (spec link.md section 9). */
static bool is_given_back(const char *target)
{
    return strcmp(target, ZONES_COMPUTE "/os-zones/onward") == 0;
}

/* Actions on servers that exist go up where the policy says so; nothing is made from below. */
static enum err check_act(const struct check *check, const char *resource, const json_t *policy)
{
    const char *target = check->question->target;
    const char *rest = strstr(target, "/servers/");
    if (is_given_back(target))
        return OK;
    if (!json_is_true(json_object_get(policy, "act")))
        return fail(E_FORBIDDEN, "The link's policy lets zone %s read above, not act.", check->zone->row.name);
    if (!str_equal(resource, "servers") || !rest || strcspn(rest + 9, "/?") == 0)
        return fail(E_FORBIDDEN, "Only actions on servers go up a link.");
    return OK;
}

#define GROUPS ZONES_COMPUTE "/os-zones/groups/"

/* What a child may read here, for its users. */
static enum err check_up(const struct check *check, const json_t *policy)
{
    static const struct {
        const char *resource;
        const char *needs; /* member of the policy; true unless it says false */
    } readable[] = {
        {"servers", "resolve"}, {"os-server-groups", "resolve"}, {"os-zones", "resolve"},
        {"flavors", "catalog"}, {"images", "catalog"},
    };
    const char *resource = resource_of(check->arena, check->question->target);
    const bool claims = str_starts(check->question->target, GROUPS); /* members of a group that its users may read */
    if (link_is_mutation(check->question->method) && !claims)
        return check_act(check, resource, policy);
    for (size_t i = 0; i < ARRAY_LEN(readable); i++) {
        if (str_equal(resource, readable[i].resource) && !json_is_false(json_object_get(policy, readable[i].needs)))
            return OK;
    }
    return fail(E_FORBIDDEN, "The link's policy does not let zone %s read that.", check->zone->row.name);
}

static enum err check_policy(struct check *check)
{
    json_auto_t *policy = NULL;
    const char *text = check->zone->row.policy;
    if (text && json_parse_foreign(text, strlen(text), &policy) != OK)
        return fail(E_FORBIDDEN, "The link's policy cannot be read.");
    if (check->zone->row.state == ZONE_ADMIN_DISABLED)
        return fail(E_FORBIDDEN, "The link of zone %s is disabled.", check->zone->row.name);
    TRY(narrow_roles(check, policy));
    if (is_maintenance(check->question->target))
        return OK;
    return check->direction == LINK_DOWN ? check_down(check, policy) : check_up(check, policy);
}

static enum err (*const checks[])(struct check *check) = {
    check_key, check_mac, check_audience, check_request, check_times, check_nonce, check_path, check_hops, check_policy,
};

static const char *or_empty(const char *text)
{
    return text ? text : "";
}

static void fill_caller(const struct check *check, struct caller *out)
{
    const char *project = claim(check, "project");
    const char *domain = or_empty(claim(check, "domain"));
    struct caller caller = {
        .user_id = or_empty(claim(check, "user")),
        .user_name = or_empty(claim(check, "user_name")),
        .user_domain_id = domain,
        .user_domain_name = domain,
        .project_id = project,
        .project_name = project ? or_empty(claim(check, "project_name")) : NULL,
        .project_domain_id = project ? domain : NULL,
        .project_domain_name = project ? domain : NULL,
        .domain_id = project || !domain[0] ? NULL : domain,
        .roles = check->roles,
        .role_count = check->role_count,
        .expires_us = check->expires_s * US_PER_S,
        .request_id = or_empty(claim(check, "request_id")),
        .over_link = true,
    };
    caller.is_admin = caller_has_role(&caller, "admin");
    caller.is_member = caller.is_admin || caller_has_role(&caller, "member");
    *out = caller;
}

static enum zone_class class_of(const struct link_question *question)
{
    if (is_maintenance(question->target))
        return CLASS_POLL;
    return link_is_mutation(question->method) ? CLASS_MUTATE : CLASS_READ;
}

static void fill_link(const struct check *check)
{
    struct link_caller *link = check->link;
    link->id = check->zone->row.id;
    link->zone = check->zone->row.uuid;
    link->name = check->zone->row.name;
    link->direction = check->direction;
    link->base = or_empty(claim(check, "base"));
    link->key = claim(check, "key");
    link->key_id = check->session->key_id;
    link->body_hash = claim(check, "body");
    atomic_store(&check->zone->health->proved_key, link_key_number(check->session->key_id));
    metering_count_asked(check->zone, class_of(check->question));
}

enum err link_check(struct zones *zones, const struct link_question *question, struct db *db, struct arena *arena,
                    struct caller *out, struct link_caller **out_link)
{
    struct check check = {.zones = zones,
                          .question = question,
                          .db = db,
                          .arena = arena,
                          .view = zones_view(zones, arena),
                          .link = arena_alloc(arena, sizeof(*check.link))};
    for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
        const enum err result = checks[i](&check);
        if (result == OK)
            continue;
        log_warn("link.refused", "link=%s kind=%s why=%s", check.zone ? check.zone->row.name : "unknown", err_name(result),
                 log_quote(err_message()).text);
        return result;
    }
    fill_link(&check);
    fill_caller(&check, out);
    *out_link = check.link;
    return OK;
}
