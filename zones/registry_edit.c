/*
 * Changes of the registry: what an admin may say about a neighbour, read from JSON by one table, checked, stored, published.
 * The checks are here and not only in the JSON Schemas of the routes: the command line comes this way too.
 */
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/log.h"
#include "gateway/base/text.h"
#include "schema/json/json.h"
#include "schema/reservation.h"
#include "zones/inside.h"
#include "zones/nova.h"

#define NAME_MAX_LENGTH   63
#define WORD_MAX_LENGTH   255
#define CA_MAX_LENGTH     60000
#define TIMEOUT_MOST_MS   600000
#define IN_FLIGHT_MOST    100000
#define IN_FLIGHT_USUALLY 256

enum field_type { FIELD_TEXT, FIELD_NUMBER, FIELD_INT, FIELD_BOOL };

/* Where a member of the request goes in struct zone_row; `most`: bytes of a text, greatest integer. */
static const struct field {
    const char *key;
    enum field_type type;
    size_t offset;
    int64_t most;
} fields[] = {
    {"weight_offset", FIELD_NUMBER, offsetof(struct zone_row, weight_offset), 0},
    {"weight_scale", FIELD_NUMBER, offsetof(struct zone_row, weight_scale), 0},
    {"max_in_flight", FIELD_INT, offsetof(struct zone_row, max_in_flight), IN_FLIGHT_MOST},
    {"timeout_ms", FIELD_INT, offsetof(struct zone_row, timeout_ms), TIMEOUT_MOST_MS},
    {"tls_ca", FIELD_TEXT, offsetof(struct zone_row, tls_ca), CA_MAX_LENGTH},
    {"tls_pin", FIELD_TEXT, offsetof(struct zone_row, tls_pin), WORD_MAX_LENGTH / 2},
    {"insecure", FIELD_BOOL, offsetof(struct zone_row, insecure), 0},
    {"untagged", FIELD_BOOL, offsetof(struct zone_row, untagged), 0},
    {"delete_when_empty", FIELD_BOOL, offsetof(struct zone_row, delete_when_empty), 0},
};

/* Members that have functions of their own. */
static const char *const other_keys[] = {"name", "api_url", "kind", "username", "password", "token", "state", "policy"};
/* All that can be said of a parent: the rest is the parent's own to say. */
static const char *const parent_keys[] = {"state", "timeout_ms", "max_in_flight", "tls_ca", "tls_pin", "insecure", "policy"};

enum err zone_name_check(const char *name)
{
    static const char legal[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
    const size_t length = strlen(name);
    if (length == 0 || length > NAME_MAX_LENGTH || strspn(name, legal) != length || strchr("_.-", name[0]))
        return fail(E_INVALID,
                    "'%.80s' is no name of a zone: up to 63 letters, digits, '_', '.' and '-', the first a letter or a digit.",
                    name);
    return OK;
}

static enum err set_text(const struct field *field, const json_t *value, struct arena *arena, struct zone_row *row)
{
    const char **place = (const char **)((char *)row + field->offset);
    if (!json_is_string(value) && !json_is_null(value))
        return fail(E_INVALID, "'%s' is a text.", field->key);
    if (json_string_length(value) > (size_t)field->most)
        return fail(E_INVALID, "'%s' has at most %lld bytes.", field->key, (long long)field->most);
    const bool empty = json_is_null(value) || json_string_length(value) == 0;
    *place = empty ? NULL : arena_strdup(arena, json_string_value(value));
    return OK;
}

/* 2011's clients sent weights as texts. */
static enum err set_number(const struct field *field, const json_t *value, struct zone_row *row)
{
    double *place = (double *)((char *)row + field->offset);
    char *end = NULL;
    const char *text = json_string_value(value);
    const double number = text ? strtod(text, &end) : json_number_value(value);
    if ((!json_is_number(value) && (!text || end == text || *end)) || !isfinite(number))
        return fail(E_INVALID, "'%s' is a number.", field->key);
    *place = number;
    return OK;
}

static enum err set_int(const struct field *field, const json_t *value, struct zone_row *row)
{
    int64_t *place = (int64_t *)((char *)row + field->offset);
    if (!json_is_integer(value) || json_integer_value(value) < 1 || json_integer_value(value) > field->most)
        return fail(E_INVALID, "'%s' is an integer from 1 to %lld.", field->key, (long long)field->most);
    *place = json_integer_value(value);
    return OK;
}

static enum err set_bool(const struct field *field, const json_t *value, struct zone_row *row)
{
    if (!json_is_boolean(value))
        return fail(E_INVALID, "'%s' is true or false.", field->key);
    *(bool *)((char *)row + field->offset) = json_is_true(value);
    return OK;
}

static enum err set_field(const struct field *field, const json_t *value, struct arena *arena, struct zone_row *row)
{
    switch (field->type) {
    case FIELD_TEXT:
        return set_text(field, value, arena, row);
    case FIELD_NUMBER:
        return set_number(field, value, row);
    case FIELD_INT:
        return set_int(field, value, row);
    default:
        return set_bool(field, value, row);
    }
}

static bool key_is_known(const char *key)
{
    for (size_t i = 0; i < ARRAY_LEN(other_keys); i++) {
        if (str_equal(key, other_keys[i]))
            return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        if (str_equal(key, fields[i].key))
            return true;
    }
    return false;
}

static bool nova_key_is_known(const char *key)
{
    for (const char *const *known = nova_spec_keys; *known; known++) {
        if (str_equal(key, *known))
            return true;
    }
    return false;
}

static bool parent_key_is_known(const char *key)
{
    for (size_t i = 0; i < ARRAY_LEN(parent_keys); i++) {
        if (str_equal(key, parent_keys[i]))
            return true;
    }
    return false;
}

static enum err check_keys(const json_t *spec, const struct zone_row *row)
{
    const enum zone_side side = row->side;
    const bool nova = str_equal(row->kind, NOVA_KIND);
    const char *key;
    json_t *value;
    if (!json_is_object(spec))
        return fail(E_INVALID, "'zone' is an object.");
    json_object_foreach((json_t *)spec, key, value)
    {
        if (!(side == ZONE_CHILD ? key_is_known(key) : parent_key_is_known(key)) && !(nova && nova_key_is_known(key)))
            return fail(E_INVALID, "A %s has no member '%.64s' that can be set.", side == ZONE_CHILD ? "zone" : "parent zone", key);
    }
    return OK;
}

/* A text member; NULL when absent or null. */
static enum err text_member(const json_t *spec, const char *key, const char **out)
{
    const json_t *value = json_object_get(spec, key);
    if (value && !json_is_string(value) && !json_is_null(value))
        return fail(E_INVALID, "'%s' is a text.", key);
    if (json_string_length(value) > 4 * WORD_MAX_LENGTH)
        return fail(E_INVALID, "'%s' is too long.", key);
    *out = json_string_value(value);
    return OK;
}

static enum err set_name(const json_t *spec, struct zone_row *row)
{
    const char *name = NULL;
    TRY(text_member(spec, "name", &name));
    if (!name)
        return OK;
    TRY(zone_name_check(name));
    row->name = name;
    row->name_given = true;
    return OK;
}

static enum err set_url(const json_t *spec, struct arena *arena, struct zone_row *row)
{
    const char *url = NULL;
    TRY(text_member(spec, "api_url", &url));
    return url ? url_root(arena, url, &row->api_url) : OK;
}

static enum err check_kind(const json_t *spec, const struct zone_row *row)
{
    const char *kind = NULL;
    TRY(text_member(spec, "kind", &kind));
    if (kind && !str_equal(kind, row->kind))
        return fail(E_INVALID, "'%.32s' is no kind of zone that can be registered (zonegate, nova), or not this one's.", kind);
    return OK;
}

static enum err set_state(const json_t *spec, struct zone_row *row)
{
    const char *state = NULL;
    TRY(text_member(spec, "state", &state));
    return state ? zone_admin_state_from_name(state, &row->state) : OK;
}

/* From the name of the machine, until the child says its own. */
static const char *name_from_url(struct arena *arena, const char *url)
{
    const char *host = strstr(url, "://") + 3;
    char *name = arena_strndup(arena, host, strcspn(host, "/") < NAME_MAX_LENGTH ? strcspn(host, "/") : NAME_MAX_LENGTH);
    for (char *at = name; *at; at++) {
        if (strchr(":[]", *at))
            *at = '-';
    }
    return name[strspn(name, "-_.")] ? name + strspn(name, "-_.") : "zone";
}

static enum err refuse_self(const struct zones *zones, const struct zones_view *view, const struct uuid *uuid, const char *url)
{
    if ((uuid && uuid_equal(uuid, &zones->options.keys->zone)) || str_equal(url, zones->options.url))
        return fail(E_CONFLICT, "Zone %s is this zone itself; a zone cannot be its own child.", zones->options.name);
    for (size_t i = 0; i < view->parent_count; i++) {
        const struct zone_row *parent = &view->parents[i].row;
        if ((uuid && uuid_equal(uuid, &parent->uuid)) || str_equal(url, parent->api_url))
            return fail(E_CONFLICT, "Zone %s is a parent of this zone and cannot be its child too.", parent->name);
    }
    return OK;
}

/* A join token says all that is needed; a given name or URL goes before it. */
static enum err use_token(struct zones *zones, const struct zones_view *view, struct arena *arena, const char *text,
                          struct zone_row *row)
{
    struct join_token token;
    TRY(join_token_read(arena, text, &token));
    if (token.expires_s < clock_wall_us() / 1000000)
        return fail(E_INVALID, "The join token is too old; make a new one in the child zone.");
    TRY(refuse_self(zones, view, &token.zone, NULL));
    if (!row->api_url)
        row->api_url = token.url;
    if (!row->name)
        row->name = token.name;
    row->username = NULL;
    credential_seal(zones, arena, text, row);
    link_wipe(&token, sizeof(token));
    return OK;
}

static enum err use_password(const struct zones *zones, struct arena *arena, const char *username, const char *password,
                             struct zone_row *row)
{
    if (!username || !username[0] || !password || !password[0])
        return fail(E_INVALID, "Username and password belong together.");
    if (strlen(username) > WORD_MAX_LENGTH || strlen(password) > 4 * WORD_MAX_LENGTH)
        return fail(E_INVALID, "The username or the password is too long.");
    row->username = username;
    credential_seal(zones, arena, password, row);
    return OK;
}

static enum err set_credential(struct zones *zones, const struct zones_view *view, struct arena *arena, const json_t *spec,
                               struct zone_row *row)
{
    const char *username = NULL;
    const char *password = NULL;
    const json_t *token = json_object_get(spec, "token");
    TRY(text_member(spec, "username", &username));
    TRY(text_member(spec, "password", &password));
    row->credential = NULL;
    if (json_is_string(token))
        return use_token(zones, view, arena, json_string_value(token), row);
    if (token && !json_is_null(token))
        return fail(E_INVALID, "'token' is a text.");
    return username || password ? use_password(zones, arena, username ? username : row->username, password, row) : OK;
}

/* "sha256//" and the base64 of 32 bytes, as libcurl takes it. */
static enum err check_pin(const char *pin)
{
    static const char start[] = "sha256//";
    uint8_t hash[32];
    size_t length = 0;
    if (!pin)
        return OK;
    const char *text = pin + sizeof(start) - 1;
    if (!str_starts(pin, start) || base64_decode(text, strlen(text), hash, sizeof(hash), &length) != OK || length != sizeof(hash))
        return fail(E_INVALID, "'tls_pin' is sha256// and the base64 of the SHA-256 hash of the server's public key.");
    return OK;
}

/* What children and parents have in common. */
static enum err apply_settings(struct arena *arena, const json_t *spec, struct zone_row *row)
{
    const json_t *policy = json_object_get(spec, "policy");
    if (json_object_get(spec, "state"))
        row->delete_when_empty = false;
    TRY(set_state(spec, row));
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        const json_t *value = json_object_get(spec, fields[i].key);
        if (value)
            TRY(set_field(&fields[i], value, arena, row));
    }
    if (row->delete_when_empty && row->state != ZONE_DRAINING)
        return fail(E_INVALID, "'delete_when_empty' goes with the state draining.");
    return policy ? policy_merge(arena, policy, row) : OK;
}

/* How the zone is reached and by whom: a plain Nova's part lies in `nova`. */
static enum err apply_access(struct zones *zones, const struct zones_view *view, struct arena *arena, const json_t *spec,
                             struct zone_row *row, struct zone_nova_row *nova)
{
    if (!str_equal(row->kind, NOVA_KIND)) {
        TRY(set_url(spec, arena, row));
        return set_credential(zones, view, arena, spec, row);
    }
    const struct zone *known = row->id ? view_child(view, row->id) : NULL;
    TRY(nova_apply_spec(zones, arena, spec, known ? known->nova : NULL, nova));
    row->api_url = row->joined ? row->api_url : nova->identity_url; /* until its catalog names the compute endpoint */
    row->untagged = true;
    return OK;
}

static enum err apply_spec(struct zones *zones, const struct zones_view *view, struct arena *arena, const json_t *spec,
                           struct zone_row *row, struct zone_nova_row *nova)
{
    TRY(check_kind(spec, row));
    TRY(check_keys(spec, row));
    TRY(set_name(spec, row));
    TRY(apply_settings(arena, spec, row));
    TRY(apply_access(zones, view, arena, spec, row, nova));
    if (!row->api_url)
        return fail(E_INVALID, "A zone needs an api_url, or a join token.");
    TRY(url_check_trust(row->api_url, row->insecure || zones->options.insecure));
    TRY(refuse_self(zones, view, NULL, row->api_url));
    return check_pin(row->tls_pin);
}

/* A row of that kind without it would be of no use: a new one goes when it cannot be stored whole. */
static enum err put_nova(struct db *db, struct zone_nova_row *nova, int64_t id, bool is_new)
{
    nova->zone_id = id;
    const enum err result = zone_nova_put(db, nova);
    if (result == OK || !is_new)
        return result;
    CLEANUP(text_clear) struct text why = {0};
    text_add_str(&why, err_message());
    if (zone_row_delete(db, ZONE_CHILD, id) != OK)
        log_error("zone.added", "id=%lld why=%s", (long long)id, log_quote(err_message()).text);
    return fail(result, "%s", text_str(&why));
}

enum err zones_child_add(struct zones *zones, struct db *db, struct arena *arena, const json_t *spec, int64_t *out_id)
{
    const struct zones_view *view = zones_view(zones, arena);
    struct zone_row row = {.side = ZONE_CHILD, .kind = "zonegate", .weight_scale = 1, .max_in_flight = IN_FLIGHT_USUALLY};
    struct zone_nova_row nova = {0};
    int64_t id = 0;
    const bool is_nova = str_equal(json_string_value(json_object_get(spec, "kind")), NOVA_KIND);
    row.kind = is_nova ? NOVA_KIND : row.kind;
    TRY(apply_spec(zones, view, arena, spec, &row, &nova));
    if (!is_nova && !row.credential)
        return fail(E_INVALID, "A zone is joined with a username and a password, or with a join token.");
    if (!row.name)
        row.name = name_from_url(arena, row.api_url);
    TRY(zone_rehomed_delete(db, &row.uuid, row.name));
    TRY(zone_row_add(db, &row, &id));
    if (is_nova)
        TRY(put_nova(db, &nova, id, true));
    log_info("zone.added", "child=%s id=%lld", row.name, (long long)id);
    TRY(zones_reload(zones, db));
    poller_wake(zones);
    *out_id = id;
    return OK;
}

enum err zones_child_update(struct zones *zones, struct db *db, struct arena *arena, int64_t id, const json_t *spec)
{
    const struct zones_view *view = zones_view(zones, arena);
    struct zone_row row;
    struct zone_nova_row nova = {0};
    TRY(zone_row_get(db, arena, ZONE_CHILD, id, &row));
    const bool was_rehomed = zone_row_is_rehomed(&row);
    TRY(apply_spec(zones, view, arena, spec, &row, &nova));
    TRY(zone_row_update(db, &row));
    if (nova.identity_url)
        TRY(put_nova(db, &nova, id, false));
    if (was_rehomed)
        TRY(reservation_zones_void(db)); /* it brings along what it got meanwhile */
    log_info("zone.changed", "child=%s id=%lld", row.name, (long long)id);
    TRY(zones_reload(zones, db));
    poller_wake(zones);
    return OK;
}

enum err zones_parent_update(struct zones *zones, struct db *db, struct arena *arena, int64_t id, const json_t *spec)
{
    struct zone_row row;
    TRY(zone_row_get(db, arena, ZONE_PARENT, id, &row));
    TRY(check_keys(spec, &row));
    TRY(apply_settings(arena, spec, &row));
    if (row.state == ZONE_DRAINING)
        return fail(E_INVALID, "A parent zone is enabled or disabled; only children are drained.");
    TRY(url_check_trust(row.api_url, row.insecure || zones->options.insecure));
    TRY(check_pin(row.tls_pin));
    row.credential = NULL; /* a parent has none */
    TRY(zone_row_update(db, &row));
    log_info("zone.changed", "parent=%s id=%lld", row.name, (long long)id);
    return zones_reload(zones, db);
}

static enum err forget(struct zones *zones, struct db *db, enum zone_side side, int64_t id)
{
    TRY(zone_departed_add(db, id));
    TRY(zone_row_delete(db, side, id));
    log_info("zone.deleted", "side=%s id=%lld", side == ZONE_CHILD ? "child" : "parent", (long long)id);
    TRY(zones_reload(zones, db));
    poller_wake(zones); /* the parents learn it */
    return OK;
}

enum err zones_child_delete(struct zones *zones, struct db *db, int64_t id)
{
    return forget(zones, db, ZONE_CHILD, id);
}

enum err zones_parent_delete(struct zones *zones, struct db *db, int64_t id)
{
    return forget(zones, db, ZONE_PARENT, id);
}
