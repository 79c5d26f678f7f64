/* /os-security-group-rules up to 2.35: POST and DELETE, with the checks of Nova's proxy. */
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>

#include "compute/build/firewall.h"
#include "gateway/api/api.h"
#include "gateway/api/security_rule.h"
#include "gateway/conductor/quota.h"
#include "gateway/gateway.h"
#include "schema/task/task.h"

#define UNTIL     35
#define PORT_MOST 65535
#define ICMP_MOST 255

json_t *security_rule_object(const struct security_rule *rule, const char *project)
{
    json_t *range = rule->cidr ? json_pack("{s:s}", "cidr", rule->cidr) : json_object();
    json_t *group = rule->cidr ? json_object() : json_pack("{s:s, s:s?}", "tenant_id", project, "name", rule->source_name);
    json_t *from = rule->has_ports ? json_integer(rule->from_port) : json_null();
    json_t *to = rule->has_ports ? json_integer(rule->to_port) : json_null();
    return json_pack("{s:s, s:s, s:s?, s:o, s:o, s:o, s:o}", "id", uuid_to_text(&rule->uuid).text, "parent_group_id",
                     uuid_to_text(&rule->parent).text, "ip_protocol", rule->protocol, "from_port", from, "to_port", to, "ip_range",
                     range, "group", group);
}

enum err security_id_read(const char *text, const char *what, struct uuid *out)
{
    int64_t number = 0;
    if (text && uuid_from_text(text, out) == OK)
        return OK;
    if (text && str_to_int(text, &number))
        return fail(E_NOT_FOUND, "Security %s %s not found.", what, text);
    return fail(E_INVALID, "Security %s id should be uuid", what);
}

static const char *protocol_of(const char *text)
{
    static const char *const known[] = {"tcp", "udp", "icmp"};
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (str_equal_nocase(text, known[i]))
            return known[i];
    }
    return NULL;
}

/* A number, or its digits as text. */
static bool read_number(const json_t *value, int *out)
{
    int64_t number = 0;
    if (json_is_integer(value))
        number = json_integer_value(value);
    else if (!json_is_string(value) || !str_to_int(json_string_value(value), &number))
        return false;
    if (number < -1 || number > PORT_MOST)
        return false;
    *out = (int)number;
    return true;
}

static enum err check_ports(const json_t *body, const struct security_rule *rule)
{
    const json_t *from = json_object_get(body, "from_port");
    const json_t *to = json_object_get(body, "to_port");
    const bool icmp = strcmp(rule->protocol, "icmp") == 0;
    const int most = icmp ? ICMP_MOST : PORT_MOST;
    const bool any = rule->from_port == -1 && rule->to_port == -1;
    const bool good = icmp ? rule->from_port <= most && rule->to_port <= most && (rule->from_port >= 0 || any)
                           : any || (rule->from_port >= 1 && rule->from_port <= rule->to_port);
    char *from_text = json_dumps(from, JSON_ENCODE_ANY);
    char *to_text = json_dumps(to, JSON_ENCODE_ANY);
    const enum err result =
        good ? OK
             : fail(E_INVALID, "Invalid port range %s:%s. Valid %s between 1 and %d, the first not above the second.",
                    from_text ? from_text : "", to_text ? to_text : "", icmp ? "types are" : "ports are", most);
    free(from_text);
    free(to_text);
    return result;
}

static enum err read_ports(const json_t *body, struct security_rule *out)
{
    const json_t *protocol = json_object_get(body, "ip_protocol");
    const json_t *from = json_object_get(body, "from_port");
    const json_t *to = json_object_get(body, "to_port");
    const bool none = (!from || json_is_null(from)) && (!to || json_is_null(to));
    if (!protocol || json_is_null(protocol)) /* a source group alone means all of its packets */
        return none ? OK : fail(E_INVALID, "Not enough parameters to build a valid rule.");
    out->protocol = protocol_of(json_string_value(protocol));
    if (!out->protocol)
        return fail(E_INVALID, "Invalid IP protocol %s.", json_is_string(protocol) ? json_string_value(protocol) : "of no text");
    if (none)
        return OK;
    if (!read_number(from, &out->from_port) || !read_number(to, &out->to_port))
        return fail(E_INVALID, "Invalid port range: from_port and to_port must be integers from -1 to %d.", PORT_MOST);
    out->has_ports = true;
    return check_ports(body, out);
}

/* "address" or "address/bits". */
static enum err read_cidr(struct arena *arena, const char *text, struct security_rule *out)
{
    const size_t length = strcspn(text, "/");
    const char *address = arena_strndup(arena, text, length);
    const bool six = strchr(address, ':') != NULL;
    unsigned char bytes[16];
    int64_t bits = six ? 128 : 32;
    if (inet_pton(six ? AF_INET6 : AF_INET, address, bytes) != 1 || (text[length] && !str_to_int(text + length + 1, &bits)) ||
        bits < 0 || bits > (six ? 128 : 32))
        return fail(E_INVALID, "Invalid cidr %s", text);
    out->cidr = arena_printf(arena, "%s/%d", address, (int)bits);
    return OK;
}

static enum err read_source(struct request *request, const json_t *body, const char *project, struct security_rule *out)
{
    const json_t *group = json_object_get(body, "group_id");
    const char *cidr = json_string_value(json_object_get(body, "cidr"));
    struct security_group source;
    if (json_is_string(group)) {
        TRY(security_id_read(json_string_value(group), "group", &out->source));
        TRY(security_group_get(request->db, request->arena, &out->source, project, &source));
        out->source_name = source.name;
        return OK;
    }
    if (!out->protocol)
        return fail(E_INVALID, "Not enough parameters to build a valid rule.");
    return read_cidr(request->arena, cidr ? cidr : "0.0.0.0/0", out);
}

static enum err check_quota(struct request *request, const struct security_rule *rule)
{
    struct quota_limits limits;
    struct security_rules rules;
    TRY(quota_limits_get(request, request->caller.project_id, NULL, &limits));
    TRY(security_rule_list(request->db, request->arena, &rule->parent, 1, &rules));
    if (limits.of[Q_SECURITY_GROUP_RULES] >= 0 && (int64_t)rules.count >= limits.of[Q_SECURITY_GROUP_RULES])
        return fail(E_FORBIDDEN, "Quota exceeded, too many security group rules.");
    return OK;
}

struct rule_change {
    const struct security_rule *rule;
    const char *request_id;
    bool gone;
};

static enum err change_in_transaction(struct db *db, void *context)
{
    const struct rule_change *change = context;
    TRY(change->gone ? security_rule_delete(db, &change->rule->uuid) : security_rule_add(db, change->rule));
    return firewall_touch(db, &change->rule->parent, change->request_id);
}

static enum err write_change(struct request *request, const struct security_rule *rule, bool gone)
{
    struct rule_change change = {rule, request->request_id, gone};
    const enum err result = db_transaction(request->db, change_in_transaction, &change);
    if (result == E_CONFLICT)
        return fail(E_INVALID, "%s", err_message());
    TRY(result);
    task_wake(request->gateway->tasks);
    return OK;
}

static const char *id_text(struct arena *arena, const json_t *value)
{
    return json_is_integer(value) ? arena_printf(arena, "%lld", (long long)json_integer_value(value)) : json_string_value(value);
}

static enum err rule_create(struct request *request, struct response *response)
{
    const json_t *body = json_object_get(request->json, "security_group_rule");
    const char *parent = id_text(request->arena, json_object_get(body, "parent_group_id"));
    struct security_group group;
    struct security_rule rule = {0};
    if (!json_is_object(body))
        return fail(E_INVALID, "Missing parameter security_group_rule");
    TRY(security_id_read(parent, "group", &rule.parent));
    TRY(security_group_get(request->db, request->arena, &rule.parent, request->caller.is_admin ? NULL : request->caller.project_id,
                           &group));
    TRY(read_ports(body, &rule));
    TRY(read_source(request, body, group.project_id, &rule));
    TRY(check_quota(request, &rule));
    uuid_new(&rule.uuid);
    TRY(write_change(request, &rule, false));
    response->json = json_pack("{s:o}", "security_group_rule", security_rule_object(&rule, group.project_id));
    return OK;
}

static enum err rule_delete(struct request *request, struct response *response)
{
    struct security_group group;
    struct security_rule rule;
    struct uuid uuid;
    TRY(security_id_read(request_param(request, "rule_id"), "group rule", &uuid));
    TRY(security_rule_get(request->db, request->arena, &uuid, &rule));
    const enum err seen = security_group_get(request->db, request->arena, &rule.parent,
                                             request->caller.is_admin ? NULL : request->caller.project_id, &group);
    if (seen == E_NOT_FOUND)
        return fail(E_NOT_FOUND, "Security group rule %s not found.", uuid_to_text(&uuid).text);
    TRY(seen);
    response->status = 202;
    return write_change(request, &rule, true);
}

const struct route security_rule_routes[] = {
    {.method = "POST",
     .path = "/os-security-group-rules",
     .access = ACCESS_MEMBER,
     .max = UNTIL,
     .handler = rule_create,
     .body = BODY_JSON},
    {.method = "DELETE",
     .path = "/os-security-group-rules/{rule_id}",
     .access = ACCESS_MEMBER,
     .max = UNTIL,
     .handler = rule_delete},
    {.method = NULL},
};
