/*
 * Logging in at a plain Nova's Keystone with the user of its row, for one project (Identity API v3: password authentication,
 * catalog). See nova.h. The password is unsealed for the moment of the call only.
 */
#include <stdlib.h>
#include <string.h>

#include "gateway/base/text.h"
#include "schema/json/json.h"
#include "zones/nova.h"

#define TOKENS       "/v3/auth/tokens"
#define LOGIN_LIMIT  (4U << 20)
#define TOKEN_MOST   16384
#define ID_LENGTH    32
#define US_PER_S     1000000
#define RENEW_TENTHS 9 /* of its life a token is used */

static bool is_id(const char *text)
{
    return strlen(text) == ID_LENGTH && strspn(text, "0123456789abcdef") == ID_LENGTH;
}

static json_t *scope_of(const struct zone_nova_row *row, const char *project)
{
    if (is_id(project))
        return json_pack("{s:{s:s}}", "project", "id", project);
    return json_pack("{s:{s:s, s:{s:s}}}", "project", "name", project, "domain", "name", row->project_domain);
}

const struct nova_child *nova_child_of(const struct zone_nova_rows *rows, int64_t zone_id, struct arena *arena)
{
    for (size_t i = 0; i < rows->count; i++) {
        const struct zone_nova_row *row = &rows->items[i];
        CLEANUP(text_clear) struct text all = {0};
        uint8_t hash[32];
        if (row->zone_id != zone_id)
            continue;
        struct nova_child *child = arena_alloc(arena, sizeof(*child));
        child->row = *row;
        text_add_format(&all, "%s\n%s\n%s\n%s\n%s\n", row->identity_url, row->username, row->user_domain, row->project_domain,
                        row->region ? row->region : "");
        text_add(&all, row->password, row->password_length);
        for (size_t p = 0; p < row->project_count; p++)
            text_add_format(&all, "\n%s=%s", row->projects[p].local, row->projects[p].remote);
        hash_blake2b(all.bytes, all.length, hash);
        memcpy(&child->stamp, hash, sizeof(child->stamp));
        return child;
    }
    return NULL;
}

enum err nova_login_call(const struct zones *zones, const struct zone *zone, const struct zone_nova_project *project,
                         struct arena *arena, struct zone_call *out, char **secret)
{
    const struct zone_nova_row *row = &zone->nova->row;
    const struct zone_row sealed = {.name = zone->row.name, .credential = row->password, .credential_length = row->password_length};
    char *password = NULL;
    TRY(credential_open(zones, arena, &sealed, &password));
    json_auto_t *body = json_pack("{s:{s:{s:[s], s:{s:{s:s, s:s, s:{s:s}}}}, s:o}}", "auth", "identity", "methods", "password",
                                  "password", "user", "name", row->username, "password", password, "domain", "name",
                                  row->user_domain, "scope", scope_of(row, project->remote));
    link_wipe(password, strlen(password));
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    if (!text)
        return fail(E_INVALID, "The user's name or password is not UTF-8.");
    *secret = arena_strdup(arena, text);
    link_wipe(text, strlen(text));
    free(text);
    *out = (struct zone_call){.url = row->identity_url,
                              .trust = zone->trust,
                              .class = CLASS_READ,
                              .method = "POST",
                              .target = TOKENS,
                              .body = *secret,
                              .body_length = strlen(*secret),
                              .answer_limit = LOGIN_LIMIT,
                              .timeout_ms = zone->row.timeout_ms ? zone->row.timeout_ms : zones->options.child_timeout_ms};
    headers_add(arena, &out->headers, "Content-Type", "application/json");
    headers_add(arena, &out->headers, "Accept", "application/json");
    return OK;
}

/* The first public endpoint in the region; "" when there is none. */
static const char *endpoint_in(const json_t *service, const char *region)
{
    size_t i;
    const json_t *endpoint;
    json_array_foreach(json_object_get(service, "endpoints"), i, endpoint)
    {
        const char *in = json_string_value(json_object_get(endpoint, "region_id"));
        const char *url = json_string_value(json_object_get(endpoint, "url"));
        if (!in)
            in = json_string_value(json_object_get(endpoint, "region"));
        if (url && str_equal(json_string_value(json_object_get(endpoint, "interface")), "public") &&
            (!region || str_equal(in, region)))
            return url;
    }
    return "";
}

static const char *compute_endpoint(const json_t *catalog, const char *region)
{
    size_t i;
    const json_t *service;
    const char *url = "";
    json_array_foreach(catalog, i, service)
    {
        if (!*url && str_equal(json_string_value(json_object_get(service, "type")), "compute"))
            url = endpoint_in(service, region);
    }
    return url;
}

static const char *role_names(struct arena *arena, const json_t *roles)
{
    CLEANUP(text_clear) struct text names = {0};
    size_t i;
    const json_t *role;
    json_array_foreach(roles, i, role)
    {
        const char *name = json_string_value(json_object_get(role, "name"));
        if (name)
            text_add_format(&names, "%s%s", names.length ? "," : "", name);
    }
    return arena_strdup(arena, text_str(&names));
}

static bool header_is_safe(const char *text)
{
    for (const char *at = text; *at; at++) {
        if ((unsigned char)*at <= 0x20 || (unsigned char)*at >= 0x7f)
            return false;
    }
    return *text && strlen(text) <= TOKEN_MOST;
}

static enum err read_token(const struct zone *zone, const json_t *token, struct arena *arena, struct nova_login *out)
{
    const char *region = zone->nova->row.region;
    const char *project = json_string_value(json_object_get(json_object_get(token, "project"), "id"));
    const char *expires = json_string_value(json_object_get(token, "expires_at"));
    char *endpoint = arena_strdup(arena, compute_endpoint(json_object_get(token, "catalog"), region));
    const char *root = NULL; /* only the form of the URL counts */
    int64_t expires_us = 0;
    if (!project || !expires || time_parse_iso(expires, &expires_us) != OK)
        return fail(E_INVALID, "garbage: Keystone's answer has no project or no expiry");
    if (!*endpoint)
        return fail(E_NOT_FOUND, "endpoint: its catalog has no public endpoint of type compute%s%s", region ? " in region " : "",
                    region ? region : "");
    if (url_root(arena, endpoint, &root) != OK || url_check_trust(endpoint, zone->trust.insecure) != OK)
        return fail(E_NOT_FOUND, "endpoint: %s", arena_strdup(arena, err_message()));
    while (str_ends(endpoint, "/"))
        endpoint[strlen(endpoint) - 1] = '\0';
    const int64_t now_us = clock_wall_us();
    out->project = arena_strdup(arena, project);
    out->endpoint = endpoint;
    out->roles = role_names(arena, json_object_get(token, "roles"));
    out->renew_us = now_us + (expires_us - now_us) / 10 * RENEW_TENTHS;
    return OK;
}

enum err nova_login_read(const struct zone *zone, const struct http_answer *answer, struct arena *arena, struct nova_login *out)
{
    json_auto_t *body = NULL;
    const char *token = headers_get(&answer->headers, "X-Subject-Token");
    if (answer->kind != ZONE_ANSWERED)
        return fail(E_UNAVAILABLE, "%s: Keystone: %s", zone_kind_word(answer->kind), answer->why ? answer->why : "");
    if (answer->status == 401 || answer->status == 403)
        return fail(E_UNAUTHORIZED, "auth: Keystone refused the login (%d): wrong user, password, domain or project",
                    answer->status);
    if (answer->status != 201 && answer->status != 200)
        return fail(E_UNAVAILABLE, "identity: Keystone answered %d to the login", answer->status);
    if (!token || !header_is_safe(token) || json_parse_foreign(answer->body, answer->body_length, &body) != OK)
        return fail(E_INVALID, "garbage: Keystone's answer has no token");
    out->token = arena_strdup(arena, token);
    return read_token(zone, json_object_get(body, "token"), arena, out);
}
