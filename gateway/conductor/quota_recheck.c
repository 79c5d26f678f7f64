/* The second look at quotas, after servers were made: Nova's guard against creations at the same time. See quota.h. */
#include <string.h>

#include "compute/build/lifecycle.h"
#include "gateway/base/log.h"
#include "gateway/conductor/compensate.h"
#include "gateway/conductor/quota.h"
#include "gateway/gateway.h"
#include "schema/task/task.h"

enum err quota_check_create(struct request *request, const struct flavor *flavor, int64_t min_count, int64_t *max_count)
{
    const struct quota_order order = {flavor->vcpus, flavor->ram_mib, min_count, *max_count};
    struct quota_scope scope;
    TRY(quota_scope_get(request, request->caller.project_id, request->caller.user_id, &scope));
    return quota_judge(&scope, &order, max_count);
}

enum err quota_check_order(struct request *request, const struct sizing *sizing, int64_t *count)
{
    const struct quota_order order = {sizing->vcpus, sizing->ram_mib, 1, *count};
    struct quota_scope scope;
    TRY(quota_scope_get(request, request->caller.project_id, request->caller.user_id, &scope));
    const enum err result = quota_judge(&scope, &order, count);
    if (result != E_FORBIDDEN)
        return result;
    log_info("quota.full", "project=%s message=%s", request->caller.project_id, log_quote(err_message()).text);
    *count = 0;
    return OK;
}

static enum err delete_here(struct request *request, const struct uuid *server)
{
    bool added = false;
    TRY(lifecycle_begin(request->db, server, ACTION_DELETE, &request->caller, request->request_id, &added));
    if (added)
        task_wake(request->gateway->tasks);
    return OK;
}

/* What zones below own is taken back by the task that takes back servers of unknown outcome. */
static enum err delete_all(struct request *request, const struct uuids *servers)
{
    for (size_t i = 0; i < servers->count; i++) {
        const struct server *mine = NULL;
        TRY(server_find(request->db, request->arena, &servers->items[i], &mine));
        TRY(mine ? delete_here(request, &servers->items[i]) : compensate_add(request, &servers->items[i]));
    }
    return OK;
}

enum err quota_recheck_create(struct request *request, const struct sizing *sizing, const char *reservation_id,
                              const struct uuids *servers)
{
    const struct quota_order order = {sizing->vcpus, sizing->ram_mib, (int64_t)servers->count, (int64_t)servers->count};
    struct quota_scope scope;
    if (!request->gateway->config.quota.recheck)
        return OK;
    TRY(quota_scope_get(request, request->caller.project_id, request->caller.user_id, &scope));
    const enum err result = quota_rejudge(&scope, &order);
    if (result != E_FORBIDDEN)
        return result;
    const char *message = arena_strdup(request->arena, err_message());
    log_info("quota.recheck", "reservation=%s servers=%zu message=%s", reservation_id, servers->count, log_quote(message).text);
    TRY(delete_all(request, servers));
    return fail(E_FORBIDDEN, "%s", message);
}
