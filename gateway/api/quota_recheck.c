/* The second look at quotas, after servers were made: Nova's guard against creations at the same time. See quota.h. */
#include <string.h>

#include "compute/build/lifecycle.h"
#include "gateway/api/gather.h"
#include "gateway/api/owner.h"
#include "gateway/api/quota.h"
#include "gateway/base/log.h"
#include "gateway/conductor/compensate.h"
#include "gateway/gateway.h"
#include "schema/task/task.h"

enum err quota_check_create(struct request *request, const struct flavor *flavor, int64_t min_count, int64_t *max_count)
{
    const struct quota_order order = {flavor->vcpus, flavor->ram_mib, min_count, *max_count};
    struct quota_scope scope;
    TRY(quota_scope_get(request, request->caller.project_id, request->caller.user_id, &scope));
    return quota_judge(&scope, &order, max_count);
}

static enum err delete_here(struct request *request, const struct uuid *server)
{
    bool added = false;
    TRY(lifecycle_begin(request->db, server, ACTION_DELETE, &request->caller, request->request_id, &added));
    if (added)
        task_wake(request->gateway->tasks);
    return OK;
}

/* What zones below own of the reservation is taken back by the task that takes back servers of unknown outcome. */
static enum err delete_below(struct request *request, const char *reservation_id)
{
    json_auto_t *servers = json_array();
    struct response unused;
    size_t index = 0;
    json_t *entry = NULL;
    response_init(&unused);
    const char *path = arena_printf(request->arena, "/servers?reservation_id=%s", reservation_id);
    const enum err result = gather_lists(owner_question(request, path), &unused, "servers", servers);
    response_clear(&unused);
    TRY(result);
    json_array_foreach(servers, index, entry)
    {
        struct uuid uuid;
        const char *id = json_string_value(json_object_get(entry, "id"));
        TRY(uuid_from_text(id ? id : "", &uuid));
        TRY(compensate_add(request, &uuid));
    }
    return OK;
}

enum err quota_recheck_create(struct request *request, const struct flavor *flavor, int64_t count, const char *reservation_id)
{
    const struct quota_order order = {flavor->vcpus, flavor->ram_mib, count, count};
    struct quota_scope scope;
    struct uuid *servers = NULL;
    size_t server_count = 0;
    if (!request->gateway->config.quota.recheck)
        return OK;
    TRY(quota_scope_get(request, request->caller.project_id, request->caller.user_id, &scope));
    const enum err result = quota_rejudge(&scope, &order);
    if (result != E_FORBIDDEN)
        return result;
    const char *message = arena_strdup(request->arena, err_message());
    TRY(quota_reservation_servers(request->db, request->arena, request->caller.project_id, reservation_id, &servers,
                                  &server_count));
    if (server_count == 0)
        return OK; /* all of them are owned below, where they count: what is over here was over without them */
    log_info("quota.recheck", "reservation=%s servers=%zu message=%s", reservation_id, server_count, log_quote(message).text);
    for (size_t i = 0; i < server_count; i++)
        TRY(delete_here(request, &servers[i]));
    TRY(delete_below(request, reservation_id));
    return fail(E_FORBIDDEN, "%s", message);
}
