/*
 * Effects of external events; see event_effects.h.
 *
 * Networks are this zone's own and nothing about them is cached, nor does a build wait for a plugged port, so most news of networks
 * change nothing. There are no volumes and no accelerators that an event could be about.
 */
#include "gateway/api/event_effects.h"

#include "compute/build/lifecycle.h"
#include "gateway/api/interfaces.h"
#include "gateway/base/log.h"
#include "gateway/gateway.h"
#include "schema/task/task.h"

#define DONE          200
#define UNPROCESSABLE 422

typedef int effect_f(struct request *request, const struct server *server, const char *tag);

static int do_nothing(struct request *request, const struct server *server, const char *tag)
{
    (void)request;
    (void)server;
    (void)tag;
    return DONE;
}

static int cannot(struct request *request, const struct server *server, const char *tag)
{
    (void)request;
    (void)server;
    (void)tag;
    return UNPROCESSABLE;
}

/* A conflict is the server's state. */
static int code_of(enum err result)
{
    return result == OK ? DONE : result == E_CONFLICT ? UNPROCESSABLE : err_status(result);
}

/* A port that is not the server's is gone already. */
static int take_port(struct request *request, const struct server *server, const char *tag)
{
    struct request *detach = arena_copy(request->arena, request, sizeof(*request));
    struct response unused;
    const char *id = arena_strdup(request->arena, uuid_to_text(&server->uuid).text);
    if (!tag)
        return DONE;
    response_init(&unused);
    detach->server = server;
    detach->params = (struct http_pairs){0};
    pairs_add(request->arena, &detach->params, "server_id", id);
    pairs_add(request->arena, &detach->params, "port_id", tag);
    const enum err result = interface_detach(detach, &unused);
    response_clear(&unused);
    return result == E_NOT_FOUND ? DONE : code_of(result);
}

static const struct {
    const char *tag;
    const char *vm_state; /* already so */
    enum lifecycle_action action;
} powers[] = {{"POWER_ON", "active", ACTION_START}, {"POWER_OFF", "stopped", ACTION_STOP}};

static int set_power(struct request *request, const struct server *server, const char *tag)
{
    bool added = false;
    size_t i = 0;
    while (i < ARRAY_LEN(powers) && !str_equal(powers[i].tag, tag))
        i++;
    if (i == ARRAY_LEN(powers))
        return err_status(E_INVALID);
    if (str_equal(server->vm_state, powers[i].vm_state) && !server->task_state)
        return DONE;
    const enum err result =
        lifecycle_begin(request->db, &server->uuid, powers[i].action, &request->caller, request->request_id, &added);
    if (added)
        task_wake(request->gateway->tasks);
    return code_of(result);
}

static const struct {
    const char *name;
    bool needs_tag;
    effect_f *effect;
} events[] = {
    {"network-changed", false, do_nothing},
    {"network-vif-plugged", false, do_nothing},
    {"network-vif-unplugged", false, do_nothing},
    {"network-vif-deleted", false, take_port},
    {"volume-extended", true, cannot},
    {"power-update", true, set_power},
    {"accelerator-request-bound", true, cannot},
    {"volume-reimaged", true, cannot},
};

int event_act(struct request *request, const struct server *server, const json_t *event)
{
    const char *name = json_string_value(json_object_get(event, "name"));
    const char *tag = json_string_value(json_object_get(event, "tag"));
    int code = UNPROCESSABLE;
    for (size_t i = 0; i < ARRAY_LEN(events); i++) {
        if (!str_equal(events[i].name, name))
            continue;
        if (events[i].needs_tag && !tag)
            code = err_status(E_INVALID);
        else if (server->host)
            code = events[i].effect(request, server, tag);
    }
    log_info("event.received", "server=%s event=%s tag=%s code=%d", uuid_to_text(&server->uuid).text, name,
             log_quote(tag ? tag : "").text, code);
    return code;
}
