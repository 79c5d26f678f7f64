/* The dispatch without a server: a request is made from a call, and the core runs it on the context's own connection. See direct.h.
 */
#include "gateway/api/placement/direct.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/api/placement/service.h"
#include "gateway/gateway.h"

#define BUDGET_MS 600000 /* nothing in Placement waits for other zones */

struct placement_direct {
    struct gateway gateway;
    struct http_core core;
    const struct service *services[2];
    struct db *db;
    struct arena arena; /* of the last call */
    struct response response;
    bool in_transaction;
    bool refused; /* a call of the transaction was answered with an error */
};

static enum err authenticate_admin(struct request *request)
{
    static const char *const roles[] = {"admin", "member", "reader"};
    request->caller = (struct caller){.user_id = "direct",
                                      .user_name = "direct",
                                      .user_domain_id = "default",
                                      .user_domain_name = "default",
                                      .system_scope = true,
                                      .roles = roles,
                                      .role_count = ARRAY_LEN(roles),
                                      .is_admin = true,
                                      .is_member = true};
    return OK;
}

static enum err open_parts(struct placement_direct *direct, const struct placement_direct_options *options)
{
    direct->gateway.config = *options->config; /* borrowed */
    direct->services[0] = &placement_root_service;
    direct->core = (struct http_core){.gateway = &direct->gateway,
                                      .services = direct->services,
                                      .hooks = {.authenticate = options->authenticate ? options->authenticate : authenticate_admin},
                                      .max_body = (size_t)options->config->placement.max_body,
                                      .budget_ms = BUDGET_MS};
    TRY(core_setup(&direct->core));
    return db_open(options->database, &direct->db);
}

enum err placement_direct_open(const struct placement_direct_options *options, struct placement_direct **out)
{
    struct placement_direct *direct = calloc(1, sizeof(*direct));
    if (!direct)
        abort();
    response_init(&direct->response);
    const enum err result = open_parts(direct, options);
    if (result == OK)
        *out = direct;
    else
        placement_direct_close(direct);
    return result;
}

static void forget_answer(struct placement_direct *direct)
{
    response_clear(&direct->response);
    arena_clear(&direct->arena);
}

void placement_direct_close(struct placement_direct *direct)
{
    if (!direct)
        return;
    forget_answer(direct);
    db_close(direct->db);
    core_clear(&direct->core);
    free(direct);
}

static void add_headers(struct request *request, const struct placement_call *call)
{
    for (size_t i = 0; call->headers && i < call->headers->count; i++)
        pairs_add(request->arena, &request->headers, call->headers->items[i].name, call->headers->items[i].value);
    if (call->microversion)
        pairs_add(request->arena, &request->headers, "OpenStack-API-Version",
                  arena_printf(request->arena, "placement %s", call->microversion));
    if (call->body && !call->headers)
        pairs_add(request->arena, &request->headers, "Content-Type", "application/json");
}

static bool exceeds(struct placement_direct *direct, struct request *request)
{
    if (request->body_length <= core_max_body(&direct->core, request))
        return false;
    const char *message =
        arena_printf(request->arena, "Request is too large: at most %zu bytes are allowed.", core_max_body(&direct->core, request));
    core_error(request, E_TOO_LARGE, message, &direct->response);
    return true;
}

static void run(struct placement_direct *direct, const struct placement_call *call)
{
    struct request *request = arena_alloc(&direct->arena, sizeof(*request));
    request->arena = &direct->arena;
    request->method = arena_strdup(&direct->arena, call->method);
    request->target = arena_strdup(&direct->arena, call->target);
    request->base_url = arena_strdup(&direct->arena, call->base_url ? call->base_url : "");
    request->client_address = "direct";
    request->db = direct->db;
    request->body = arena_strndup(&direct->arena, call->body ? call->body : "", call->body ? call->body_length : 0);
    request->body_length = call->body ? call->body_length : 0;
    add_headers(request, call);
    if (core_open(&direct->core, request, &direct->response) == OK && !exceeds(direct, request))
        core_run(&direct->core, request, &direct->response);
    response_render(&direct->response);
    if (direct->response.body.length)
        pairs_add(&direct->arena, &direct->response.headers, "Content-Type",
                  direct->response.content_type ? direct->response.content_type : "application/json");
}

/* Inside a transaction a refusal ends it. What runs out of tries, or meets a deadlock, answers 503: then all runs again. */
static enum err judge(struct placement_direct *direct, int status)
{
    if (!direct->in_transaction || status < 400)
        return OK;
    direct->refused = true;
    return fail(status == 503 ? E_RETRY : err_from_status(status), "%.900s", text_str(&direct->response.body));
}

enum err placement_direct(struct placement_direct *direct, const struct placement_call *call, struct placement_answer *out)
{
    forget_answer(direct);
    run(direct, call);
    *out = (struct placement_answer){.status = direct->response.status,
                                     .headers = &direct->response.headers,
                                     .body = text_str(&direct->response.body),
                                     .body_length = direct->response.body.length};
    return judge(direct, out->status);
}

struct transaction {
    struct placement_direct *direct;
    enum err (*work)(struct placement_direct *direct, void *context);
    void *context;
};

static enum err run_transaction(struct db *db, void *context)
{
    struct transaction *transaction = context;
    (void)db;
    transaction->direct->refused = false;
    TRY(transaction->work(transaction->direct, transaction->context));
    if (transaction->direct->refused)
        return fail(E_CONFLICT, "A call of the transaction was refused, so nothing of it is kept.");
    return OK;
}

enum err placement_direct_transaction(struct placement_direct *direct,
                                      enum err (*work)(struct placement_direct *direct, void *context), void *context)
{
    struct transaction transaction = {direct, work, context};
    if (direct->in_transaction)
        return fail(E_INTERNAL, "A transaction of Placement is open already.");
    direct->in_transaction = true;
    const enum err result = db_transaction(direct->db, run_transaction, &transaction);
    direct->in_transaction = false;
    return result;
}
