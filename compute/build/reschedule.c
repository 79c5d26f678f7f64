/* See reschedule.h. */
#include "compute/build/reschedule.h"

#include <stdlib.h>
#include <string.h>

#include "compute/build/steps.h"
#include "gateway/base/log.h"
#include "schema/host.h"
#include "schema/json/json.h"

static const char *dump(struct arena *arena, const json_t *spec)
{
    char *text = json_dumps(spec, JSON_COMPACT);
    const char *copy = arena_strdup(arena, text ? text : "{}");
    free(text);
    return copy;
}

const char *reschedule_spec(struct arena *arena, const struct build_order *order)
{
    const json_int_t before = order->past ? order->past->attempts : 0;
    json_auto_t *spec = json_pack("{s:s?, s:[s], s:I, s:b}", "sizing", order->sizing_text, "tried",
                                  uuid_to_text(order->provider).text, "attempts", before + 1, "retry", order->may_retry ? 1 : 0);
    return dump(arena, spec);
}

static enum err wait_for_host(struct task *task, const struct server *server, json_t *spec, const char *message)
{
    const json_int_t attempts = json_integer_value(json_object_get(spec, "attempts"));
    json_t *caller = json_object_get(task->data, "caller");
    json_auto_t *data = json_pack("{s:s, s:O?, s:O?, s:O?}", "last_error", message, "caller", caller, "first_boot",
                                  json_object_get(task->data, "first_boot"), "order", json_object_get(task->data, "order"));
    if (!data || json_object_set_new(spec, "attempts", json_integer(attempts + 1)))
        return fail(E_INTERNAL, "The task's data cannot be made.");
    TRY(server_set_scheduling(task->db, &server->uuid, dump(task->arena, spec)));
    TRY(task_add(task->db, "reschedule", &server->uuid, task->request_id, data));
    log_info("build.reschedule", "server=%s host=%s attempts=%lld", uuid_to_text(&server->uuid).text, log_quote(server->host).text,
             (long long)attempts);
    return OK;
}

enum err reschedule_begin(struct task *task, const struct server *server, const char *message, bool *out, const char **out_message)
{
    const int64_t most = step_environment(task)->max_attempts;
    json_auto_t *spec = NULL;
    *out = false;
    *out_message = message;
    if (json_is_true(json_object_get(task->data, "abort")) || !server->host)
        return OK;
    TRY(json_parse_foreign(server->request_spec, strlen(server->request_spec), &spec));
    if (!json_is_true(json_object_get(spec, "retry")) || !json_object_get(spec, "sizing") || most <= 1)
        return OK;
    if (json_integer_value(json_object_get(spec, "attempts")) >= most) {
        *out_message = arena_printf(task->arena,
                                    "Exceeded maximum number of retries. Exceeded max scheduling attempts %lld for instance %s. "
                                    "Last exception: %s",
                                    (long long)most, uuid_to_text(&server->uuid).text, message);
        return OK;
    }
    *out = true;
    return wait_for_host(task, server, spec, message);
}
