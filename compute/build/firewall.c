/* See firewall.h. */
#include "compute/build/firewall.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "gateway/base/log.h"
#include "gateway/base/text.h"
#include "schema/network.h"

#define ACCEPT_PRIORITY 500
#define DROP_PRIORITY   1000

const char *firewall_name(struct arena *arena, const struct uuid *server)
{
    return arena_printf(arena, "zonegate-%s", uuid_to_text(server).text);
}

/* --- XML; all values are numbers, or texts that were checked when they came */

static void add_rule(struct text *out, const char *direction, const char *action, int priority, const char *match)
{
    text_add_format(out, "<rule action='%s' direction='%s' priority='%d'>%s</rule>\n", action, direction, priority, match);
}

static void add_ports(struct text *out, const struct security_rule *rule)
{
    if (!rule->has_ports)
        return;
    if (strcmp(rule->protocol, "icmp") != 0) {
        if (rule->from_port >= 0)
            text_add_format(out, " dstportstart='%d' dstportend='%d'", rule->from_port, rule->to_port);
        return;
    }
    if (rule->from_port >= 0)
        text_add_format(out, " type='%d'", rule->from_port);
    if (rule->from_port >= 0 && rule->to_port >= 0)
        text_add_format(out, " code='%d'", rule->to_port);
}

/* One rule, for one source "address/bits". */
static void add_accept(struct text *out, const struct security_rule *rule, const char *source)
{
    CLEANUP(text_clear) struct text match = {0};
    const bool six = strchr(source, ':') != NULL;
    const char *slash = strchr(source, '/');
    const size_t length = slash ? (size_t)(slash - source) : strlen(source);
    const char *protocol = rule->protocol ? rule->protocol : "all";
    const bool icmp = strcmp(protocol, "icmp") == 0;
    text_add_format(&match, "<%s", six && icmp ? "icmpv6" : protocol);
    if (six && !icmp)
        text_add_str(&match, "-ipv6");
    text_add_format(&match, " srcipaddr='%.*s' srcipmask='%s'", (int)length, source, slash ? slash + 1 : six ? "128" : "32");
    if (rule->protocol)
        add_ports(&match, rule);
    text_add_str(&match, "/>");
    add_rule(out, "in", "accept", ACCEPT_PRIORITY, text_str(&match));
}

const char *firewall_xml(struct arena *arena, const struct uuid *server, const struct security_rules *rules,
                         const struct firewall_sources *sources)
{
    CLEANUP(text_clear) struct text out = {0};
    text_add_format(&out, "<filter name='%s' chain='root'>\n<uuid>%s</uuid>\n", firewall_name(arena, server),
                    uuid_to_text(server).text);
    add_rule(&out, "in", "accept", ACCEPT_PRIORITY, "<all state='ESTABLISHED,RELATED'/>");
    add_rule(&out, "in", "accept", ACCEPT_PRIORITY, "<all-ipv6 state='ESTABLISHED,RELATED'/>");
    add_rule(&out, "in", "accept", ACCEPT_PRIORITY, "<udp srcportstart='67' dstportstart='68'/>");
    for (size_t i = 0; i < rules->count; i++) {
        if (rules->items[i].cidr)
            add_accept(&out, &rules->items[i], rules->items[i].cidr);
        for (size_t j = 0; j < sources[i].count; j++)
            add_accept(&out, &rules->items[i], address_to_text(sources[i].items[j]).text);
    }
    add_rule(&out, "in", "drop", DROP_PRIORITY, "<all/>");
    add_rule(&out, "in", "drop", DROP_PRIORITY, "<all-ipv6/>");
    text_add_str(&out, "</filter>\n");
    return arena_strdup(arena, text_str(&out));
}

/* --- of one server */

static enum err compose(struct db *db, struct arena *arena, const struct uuid *server, const char **out)
{
    struct security_groups groups;
    struct security_rules rules = {NULL, 0};
    TRY(security_groups_of_server(db, arena, server, &groups));
    struct uuid *ids = arena_alloc(arena, (groups.count + 1) * sizeof(*ids));
    for (size_t i = 0; i < groups.count; i++)
        ids[i] = groups.items[i].uuid;
    if (groups.count)
        TRY(security_rule_list(db, arena, ids, groups.count, &rules));
    struct firewall_sources *sources = arena_alloc(arena, (rules.count + 1) * sizeof(*sources));
    for (size_t i = 0; i < rules.count; i++) {
        if (!rules.items[i].cidr)
            TRY(security_group_addresses(db, arena, &rules.items[i].source, &sources[i].items, &sources[i].count));
    }
    *out = firewall_xml(arena, server, &rules, sources);
    return OK;
}

/* Two that do this at once end with the same: who sets what is old by then sees it, and sets again. */
static enum err set_newest(struct db *db, struct arena *arena, struct hypervisors *all, const struct server *server)
{
    const char *xml = NULL;
    const char *set = NULL;
    TRY(compose(db, arena, &server->uuid, &xml));
    while (!str_equal(set, xml)) {
        TRY(hypervisor_filter_set(all, server->host, xml, step_budget()));
        set = xml;
        TRY(compose(db, arena, &server->uuid, &xml));
    }
    return OK;
}

enum err firewall_apply(struct db *db, struct arena *arena, struct hypervisors *all, const struct server *server, const char **out)
{
    *out = NULL;
    if (!server->nics || !server->host)
        return OK;
    const enum err result = set_newest(db, arena, all, server);
    if (result == E_NOT_IMPLEMENTED) {
        log_warn("firewall.none", "server=%s message=%s", uuid_to_text(&server->uuid).text, log_quote(err_message()).text);
        return OK;
    }
    TRY(result);
    *out = firewall_name(arena, &server->uuid);
    return OK;
}

enum err firewall_remove(struct arena *arena, struct hypervisors *all, const struct server *server)
{
    if (!server->nics || !server->host)
        return OK;
    const enum err result = hypervisor_filter_remove(all, server->host, firewall_name(arena, &server->uuid), step_budget());
    return result == E_NOT_IMPLEMENTED ? OK : result;
}

/* --- membership */

static enum err join_one(struct db *db, struct server *server, const struct security_group *group, json_t *names)
{
    (void)json_array_append_new(names, json_pack("{s:s}", "name", group->name));
    return security_group_join(db, &server->uuid, &group->uuid);
}

enum err firewall_join(struct db *db, struct arena *arena, struct server *server)
{
    json_auto_t *wanted = server->groups ? json_loads(server->groups, 0, NULL) : NULL;
    json_auto_t *names = json_array();
    struct security_group group;
    for (size_t i = 0; i < json_array_size(wanted); i++) {
        TRY(security_group_named(db, arena, server->project_id, json_string_value(json_array_get(wanted, i)), &group));
        TRY(join_one(db, server, &group, names));
    }
    if (!json_array_size(wanted)) {
        TRY(security_group_default(db, arena, server->project_id, &group));
        TRY(join_one(db, server, &group, names));
    }
    char *text = json_dumps(names, JSON_COMPACT);
    server->security_groups = arena_strdup(arena, text);
    free(text);
    return OK;
}

/* --- changes */

/* A task of its own for each change: one that runs already may have read what was before. */
enum err firewall_touch(struct db *db, const struct uuid *subject, const char *request_id)
{
    struct uuid id;
    json_auto_t *data = json_pack("{s:s}", "changed", uuid_to_text(subject).text);
    uuid_new(&id);
    return data ? task_add(db, firewall_kind.name, &id, request_id, data) : fail(E_INTERNAL, "The task's data cannot be made.");
}

enum err firewall_touch_sources(struct db *db, const struct uuid *server, const char *request_id)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    const struct uuid *groups = NULL;
    size_t count = 0;
    TRY(security_groups_as_source(db, &arena, server, &groups, &count));
    for (size_t i = 0; i < count; i++)
        TRY(firewall_touch(db, &groups[i], request_id));
    return OK;
}

/* A server that goes needs no filter, or its own would be left on the host. */
static enum err apply_to(struct task *task, const struct uuid *uuid)
{
    const struct server *server = NULL;
    const char *name = NULL;
    TRY(server_find(task->db, task->arena, uuid, &server));
    if (!server || server->deleted || (server->task_state && server->task_state[0] == 'd'))
        return OK;
    return firewall_apply(task->db, task->arena, step_environment(task)->hypervisors, server, &name);
}

static enum err run_apply(struct task *task)
{
    const char *text = json_string_value(json_object_get(task->data, "changed"));
    const struct uuid *servers = NULL;
    struct uuid changed;
    size_t count = 0;
    TRY(uuid_from_text(text ? text : "", &changed));
    TRY(apply_to(task, &changed));
    TRY(security_group_concerns(task->db, task->arena, &changed, &servers, &count));
    for (size_t i = 0; i < count; i++)
        TRY(apply_to(task, &servers[i]));
    return OK;
}

static enum err apply_failed(struct task *task, enum err kind, const char *message)
{
    const char *changed = json_string_value(json_object_get(task->data, "changed"));
    log_error("firewall.failed", "changed=%s kind=%s message=%s", changed ? changed : "", err_name(kind), log_quote(message).text);
    return OK;
}

static const struct task_step apply_steps[] = {{"apply", run_apply, NULL}};

const struct task_kind firewall_kind = {"firewall", apply_steps, ARRAY_LEN(apply_steps), 1000, NULL, apply_failed, false};
