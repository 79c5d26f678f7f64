/* See revoke.h. */
#include "gateway/conductor/revoke.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/log.h"
#include "gateway/conductor/runner_context.h"
#include "gateway/gateway.h"
#include "zones/fanout.h"
#include "zones/registry.h"

#define CALL_MS 10000

static enum err add_task(struct gateway *gateway)
{
    struct db *db = NULL;
    char request_id[REQUEST_ID_SIZE];
    json_auto_t *data = json_object();
    request_id_new(request_id);
    TRY(db_open(&gateway->database, &db));
    const enum err result = task_add(db, "revoke", &gateway->keys.zone, request_id, data);
    db_close(db);
    return result == E_CONFLICT ? OK : result; /* the one that runs sends the newest list */
}

void revoke_changed(void *context, const struct identity_revocations *revocations)
{
    struct gateway *gateway = context;
    CLEANUP(arena_clear) struct arena arena = {0};
    (void)revocations; /* the task reads the list when it sends it */
    if (zones_view(gateway->zones, &arena)->child_count == 0)
        return;
    if (add_task(gateway) != OK)
        log_error("revoke.task", "message=%s", log_quote(err_message()).text);
    task_wake(gateway->tasks);
}

static enum err list_text(struct task *task, const char **out)
{
    struct identity_revocations list;
    TRY(identity_revocation_list(task->db, task->arena, &list));
    json_auto_t *json = identity_revocations_to_json(&list);
    char *text = json_dumps(json, JSON_COMPACT);
    *out = arena_strdup(task->arena, text ? text : "{\"revocations\":[]}");
    free(text);
    return OK;
}

static enum err send_list(struct task *task, struct gateway *gateway, const char *body)
{
    struct fanout *fanout = NULL;
    struct link_headers headers = {0};
    uint8_t bytes[16];
    char key[24];
    const struct zones_view *view = zones_view(gateway->zones, task->arena);
    const struct caller caller = {.user_id = arena_strdup(task->arena, uuid_to_hex(&gateway->keys.zone).text),
                                  .user_name = gateway->name,
                                  .user_domain_id = "default",
                                  .user_domain_name = "Default",
                                  .domain_id = "default",
                                  .request_id = task->request_id};
    random_bytes(bytes, sizeof(bytes));
    base64url_encode(bytes, sizeof(bytes), key, sizeof(key));
    const char *base = arena_printf(task->arena, "%s/compute/v2.1", zones_options(gateway->zones)->url);
    const struct link_origin origin = link_origin_from(&caller, NULL, base, key);
    struct zone_call *calls = arena_alloc(task->arena, (view->child_count + 1) * sizeof(*calls));
    headers_add(task->arena, &headers, "Content-Type", "application/json");
    for (size_t i = 0; i < view->child_count; i++)
        calls[i] = (struct zone_call){.zone = &view->children[i],
                                      .origin = &origin,
                                      .class = CLASS_MUTATE,
                                      .method = "POST",
                                      .target = "/compute/v2.1/os-zones/revocations",
                                      .headers = headers,
                                      .body = body,
                                      .body_length = strlen(body)};
    TRY(fanout_open(gateway->zones, &fanout));
    fanout_run(fanout, task->arena, calls, view->child_count, budget_from_ms(CALL_MS));
    fanout_close(fanout);
    for (size_t i = 0; i < view->child_count; i++) {
        if (calls[i].answer.kind != ZONE_ANSWERED || calls[i].answer.status >= 300)
            return fail(E_UNAVAILABLE, "Zone %s has not taken the revocations (%s, status %d).", calls[i].zone->row.name,
                        zone_kind_word(calls[i].answer.kind), calls[i].answer.status);
    }
    return OK;
}

/* Sends what there is; what came while it was sent is sent in another round. */
static enum err run_send(struct task *task)
{
    const struct runner_context *context = task->context;
    const char *before = NULL;
    const char *after = NULL;
    TRY(list_text(task, &before));
    TRY(send_list(task, context->gateway, before));
    TRY(list_text(task, &after));
    return strcmp(before, after) == 0 ? OK : fail(E_UNAVAILABLE, "There are newer revocations.");
}

static const struct task_step revoke_steps[] = {{"send", run_send, NULL}};

const struct task_kind revoke_kind = {"revoke", revoke_steps, ARRAY_LEN(revoke_steps), 100000, NULL, NULL, false};
