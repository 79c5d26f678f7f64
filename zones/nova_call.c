/*
 * Calls to plain Novas (nova.h): each becomes a job, and all jobs take their steps together, so that a slow one holds up nobody
 * who is asked at the same time. A login, a look whose the server is, the request itself, pages of a list: each is one call of
 * fanout.h, under the zone's breaker and budget. A token that is not accepted is bought again, once.
 */
#include <string.h>
#include <strings.h>

#include "gateway/base/log.h"
#include "zones/json_scan.h"
#include "zones/nova_job.h"

#define STEPS_MOST 400 /* of one job */
#define API        "/compute/v2.1"

void nova_job_say(struct nova_job *job, int status, const char *content_type, const char *body, size_t length)
{
    struct link_headers headers = {0};
    if (content_type)
        headers_add(job->arena, &headers, "Content-Type", content_type);
    job->outer->answer = (struct http_answer){.kind = ZONE_ANSWERED,
                                              .status = status,
                                              .headers = headers,
                                              .body = body,
                                              .body_length = length,
                                              .ms = job->inner.answer.ms,
                                              .sent = job->inner.answer.sent};
    job->step = NOVA_STEP_DONE;
}

void nova_job_fail(struct nova_job *job, enum zone_kind_of_answer kind, const char *why)
{
    job->outer->answer =
        (struct http_answer){.kind = kind, .body = "", .why = arena_strdup(job->arena, why), .ms = job->inner.answer.ms};
    job->step = NOVA_STEP_DONE;
}

static const char *cut_version(struct arena *arena, const char *base)
{
    const char *version = strstr(base, "/v2");
    return version ? arena_strndup(arena, base, (size_t)(version - base)) : base;
}

struct nova_rewrite nova_job_rules(const struct nova_job *job)
{
    const char *base = job->outer->origin->base;
    return (struct nova_rewrite){.self_base = base,
                                 .bookmark_base = cut_version(job->arena, base),
                                 .project_there = job->login.project,
                                 .project_here = job->projects[job->at]->local};
}

/* What of a Nova's headers may be believed and passed: nothing that only zones say. */
static void pass_headers(struct nova_job *job, const struct nova_rewrite *rules, struct link_headers *out)
{
    const struct link_headers *in = &job->inner.answer.headers;
    for (size_t i = 0; i < in->count; i++) {
        const char *name = in->items[i].name;
        const char *value = in->items[i].value;
        if (strncasecmp(name, "X-Zone-", 7) == 0)
            continue;
        const bool is_link = str_equal_nocase(name, "Location") || str_equal_nocase(name, "Content-Location");
        headers_add(job->arena, out, name, is_link ? nova_link(job->arena, rules, value, strlen(value)) : value);
    }
}

void nova_job_pass(struct nova_job *job)
{
    const struct nova_rewrite rules = nova_job_rules(job);
    struct http_answer answer = job->inner.answer;
    struct link_headers headers = {0};
    job->step = NOVA_STEP_DONE;
    if (answer.kind == ZONE_ANSWERED && (answer.status == 401 || (answer.status >= 300 && answer.status < 400))) {
        answer.why = answer.status == 401 ? "its token is not accepted" : "it sends elsewhere";
        answer.kind = answer.status == 401 ? ZONE_AUTH : ZONE_GARBAGE;
    }
    pass_headers(job, &rules, &headers);
    answer.headers = headers;
    if (json_scan_object(answer.body, answer.body_length)) {
        CLEANUP(text_clear) struct text body = {0};
        nova_rewrite(&rules, answer.body, answer.body_length, &body);
        answer.body = arena_strndup(job->arena, text_str(&body), body.length);
        answer.body_length = body.length;
    }
    job->outer->answer = answer;
}

/* The user's headers but what is said between zones; the token is the Nova's own. */
static void copy_headers(struct nova_job *job, struct link_headers *out)
{
    const struct link_headers *in = &job->outer->headers;
    const char *request_id = job->outer->origin->caller->request_id;
    for (size_t i = 0; i < in->count; i++) {
        const char *name = in->items[i].name;
        if (strncasecmp(name, "X-Zone-", 7) != 0 && !str_equal_nocase(name, "Accept") &&
            !str_equal_nocase(name, "X-OpenStack-Request-ID"))
            headers_add(job->arena, out, name, in->items[i].value);
    }
    headers_add(job->arena, out, "Accept", "application/json");
    headers_add(job->arena, out, "X-Auth-Token", job->login.token);
    if (request_id)
        headers_add(job->arena, out, "X-OpenStack-Request-ID", request_id);
}

void nova_job_call(struct nova_job *job, const char *method, const char *target, enum zone_class class)
{
    job->inner = (struct zone_call){.zone = job->outer->zone,
                                    .class = class,
                                    .once = true,
                                    .method = method,
                                    .target = target,
                                    .answer_limit = job->outer->answer_limit,
                                    .probe = job->outer->probe,
                                    .timeout_ms = job->outer->timeout_ms};
    copy_headers(job, &job->inner.headers);
}

bool nova_job_next_project(struct nova_job *job)
{
    if (job->at + 1 >= job->project_count)
        return false;
    job->at++;
    job->renewed = false;
    job->step = NOVA_STEP_LOGIN;
    return true;
}

static struct nova_token_key token_key(const struct nova_job *job)
{
    const struct zone *zone = job->outer->zone;
    return (struct nova_token_key){zone->row.id, zone->nova->stamp, job->projects[job->at]->local};
}

static enum nova_step after_login(const struct nova_job *job)
{
    return job->operation->use == NOVA_USE_SERVER || job->operation->use == NOVA_USE_FIND ? NOVA_STEP_FIND : NOVA_STEP_SEND;
}

/* True: a call is wanted. */
static bool prepare_login(struct nova_job *job)
{
    const struct nova_token_key key = token_key(job);
    enum zone_kind_of_answer kind = ZONE_AUTH;
    const char *why = "";
    if (nova_tokens_get(job->zones->nova_tokens, &key, job->arena, &job->login)) {
        job->step = after_login(job);
        return false;
    }
    if (!job->outer->probe && nova_tokens_failed(job->zones->nova_tokens, &key, job->arena, &kind, &why)) {
        nova_job_fail(job, kind, why);
        return false;
    }
    if (nova_login_call(job->zones, job->outer->zone, job->projects[job->at], job->arena, &job->inner, &job->secret) == OK)
        return true;
    nova_job_fail(job, ZONE_AUTH, err_message());
    return false;
}

static void take_login(struct nova_job *job)
{
    const struct nova_token_key key = token_key(job);
    const struct http_answer *answer = &job->inner.answer;
    link_wipe(job->secret, strlen(job->secret));
    if (nova_login_read(job->outer->zone, answer, job->arena, &job->login) == OK) {
        nova_tokens_put(job->zones->nova_tokens, &key, &job->login);
        job->step = after_login(job);
        return;
    }
    const enum zone_kind_of_answer kind = answer->kind == ZONE_ANSWERED ? ZONE_AUTH : answer->kind;
    const char *why = arena_strdup(job->arena, err_message());
    log_warn("nova.login", "child=%s project=%s why=%s", job->outer->zone->row.name, job->projects[job->at]->local,
             log_quote(why).text);
    nova_tokens_fail(job->zones->nova_tokens, &key, kind, why);
    nova_job_fail(job, kind, why);
}

/* A probe and what the poller reads: what comes back is what is said. */
static void send_plain(struct nova_job *job)
{
    nova_job_call(job, "GET", job->operation->use == NOVA_USE_PROBE ? "/servers?limit=1" : "/limits", job->outer->class);
}

static bool prepare(struct nova_job *job)
{
    if (job->step == NOVA_STEP_LOGIN && prepare_login(job))
        return true;
    if (job->step == NOVA_STEP_DONE)
        return false;
    if (job->operation->use == NOVA_USE_LIST)
        nova_list_send(job);
    else if (job->operation->use == NOVA_USE_SERVER || job->operation->use == NOVA_USE_FIND)
        nova_server_send(job);
    else
        send_plain(job);
    return job->step != NOVA_STEP_DONE;
}

/* A token that ended early, or was revoked: nothing was done, so all may be sent again with a new one. */
static bool renew(struct nova_job *job)
{
    const struct nova_token_key key = token_key(job);
    if (job->inner.answer.kind != ZONE_ANSWERED || job->inner.answer.status != 401 || job->renewed)
        return false;
    nova_tokens_drop(job->zones->nova_tokens, &key, job->login.token);
    job->renewed = true;
    job->step = NOVA_STEP_LOGIN;
    return true;
}

static void take(struct nova_job *job)
{
    if (job->step == NOVA_STEP_LOGIN)
        take_login(job);
    else if (renew(job))
        return;
    else if (job->operation->use == NOVA_USE_LIST)
        nova_list_take(job);
    else if (job->operation->use == NOVA_USE_SERVER || job->operation->use == NOVA_USE_FIND)
        nova_server_take(job);
    else
        nova_job_pass(job);
}

/* Whose tokens? A user's project has one counterpart; an admin, or this zone itself, may use all, the own first. */
static void choose_projects(struct nova_job *job)
{
    const struct zone_nova_row *row = &job->outer->zone->nova->row;
    const struct caller *caller = job->outer->origin->caller;
    const bool all = caller->is_admin || (!caller->project_id && caller->role_count == 0 && job->outer->class == CLASS_POLL);
    job->projects = arena_alloc(job->arena, (row->project_count + 1) * sizeof(const struct zone_nova_project *));
    for (size_t i = 0; i < row->project_count; i++) {
        if (str_equal(row->projects[i].local, caller->project_id))
            job->projects[job->project_count++] = &row->projects[i];
    }
    for (size_t i = 0; all && i < row->project_count; i++) {
        if (!str_equal(row->projects[i].local, caller->project_id))
            job->projects[job->project_count++] = &row->projects[i];
    }
}

static void say_tree(struct nova_job *job)
{
    const struct zone *zone = job->outer->zone;
    const char *body = arena_printf(job->arena,
                                    "{\"tree\":{\"name\":\"%s\",\"path\":\".\",\"uuid\":\"%s\",\"tag\":\"%06x\",\"state\":\"up\","
                                    "\"version\":\"nova\",\"capacity\":null,\"children\":[]}}",
                                    zone->row.name, uuid_to_text(&zone->row.uuid).text, zone->tag);
    nova_job_say(job, 200, "application/json", body, strlen(body));
}

static void say_not_found(struct nova_job *job)
{
    const char *id = job->server_id ? job->server_id : "";
    const char *body =
        strspn(id, "0123456789abcdefABCDEF-") == strlen(id)
            ? arena_printf(job->arena, "{\"itemNotFound\":{\"code\":404,\"message\":\"Instance %s could not be found.\"}}", id)
            : "{\"itemNotFound\":{\"code\":404,\"message\":\"The resource could not be found.\"}}";
    nova_job_say(job, 404, "application/json", body, strlen(body));
}

/* No such thing there, or nothing that this caller may see: a list is empty then. */
static bool is_nothing(const struct nova_job *job)
{
    return job->operation->use == NOVA_USE_NOTHING || (job->project_count == 0 && job->operation->use != NOVA_USE_LIST);
}

/* Bodies go there whole: one that comes as a stream is longer than any that is worth it. */
static void say_too_large(struct nova_job *job)
{
    static const char body[] =
        "{\"overLimit\":{\"code\":413,\"message\":\"Request is too large for the cloud that has this server.\"}}";
    nova_job_say(job, 413, "application/json", body, sizeof(body) - 1);
}

static void open_job(struct nova_job *job)
{
    const struct zone *zone = job->outer->zone;
    struct zone_call *outer = job->outer;
    job->operation = nova_operation_find(outer->method, outer->target, outer->body, outer->body_length);
    job->server_id = nova_server_id(job->arena, outer->target);
    outer->open = false;
    outer->flight = NULL;
    choose_projects(job);
    if (job->operation->use == NOVA_USE_TREE)
        say_tree(job);
    else if (job->operation->use == NOVA_USE_ACCEPTS)
        nova_job_say(job, 204, NULL, "", 0);
    else if (zone->row.state == ZONE_ADMIN_DISABLED)
        nova_job_fail(job, ZONE_DISABLED, "disabled by an admin");
    else if (is_nothing(job))
        say_not_found(job);
    else if (outer->uploads)
        say_too_large(job);
    else if (!zone->row.joined)
        nova_job_fail(job, ZONE_AUTH, zone->row.last_error ? zone->row.last_error : "no login has succeeded yet");
    else if (job->operation->use == NOVA_USE_LIST)
        nova_list_open(job);
}

static bool goes_to_nova(const struct zone_call *call)
{
    return call->zone && call->zone->nova && call->origin;
}

bool nova_among(const struct zone_call *calls, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (goes_to_nova(&calls[i]))
            return true;
    }
    return false;
}

/* One round: the calls of all jobs that want one, and, in the first, those of the other zones. False: nobody wants one. */
static bool run_round(struct fanout *fanout, struct arena *arena, struct nova_job *jobs, size_t job_count, struct zone_call *others,
                      size_t other_count, struct budget budget)
{
    struct zone_call *calls = arena_alloc(arena, (job_count + other_count + 1) * sizeof(*calls));
    struct nova_job **askers = arena_alloc(arena, (job_count + 1) * sizeof(*askers));
    size_t count = 0;
    for (size_t i = 0; i < job_count; i++) {
        if (jobs[i].step == NOVA_STEP_DONE || !prepare(&jobs[i]))
            continue;
        askers[count] = &jobs[i];
        calls[count++] = jobs[i].inner;
    }
    if (other_count)
        memcpy(&calls[count], others, other_count * sizeof(*others));
    if (count + other_count == 0)
        return false;
    fanout_run(fanout, arena, calls, count + other_count, budget);
    for (size_t i = 0; i < count; i++) {
        askers[i]->inner.answer = calls[i].answer;
        take(askers[i]);
    }
    for (size_t i = 0; i < other_count; i++)
        others[i] = calls[count + i];
    return count > 0;
}

static bool may_stream(const struct zone_call *calls, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (calls[i].window || calls[i].uploads)
            return true;
    }
    return false;
}

/* What may stay open goes last: whatever is asked next would break it off. */
static void run_all(struct fanout *fanout, struct arena *arena, struct nova_job *jobs, size_t job_count, struct zone_call *others,
                    size_t other_count, struct budget budget)
{
    int steps = 0;
    const bool last = may_stream(others, other_count);
    bool more = run_round(fanout, arena, jobs, job_count, others, last ? 0 : other_count, budget);
    while (more && ++steps < STEPS_MOST)
        more = run_round(fanout, arena, jobs, job_count, NULL, 0, budget);
    for (size_t i = 0; i < job_count; i++) {
        if (jobs[i].step != NOVA_STEP_DONE)
            nova_job_fail(&jobs[i], ZONE_GARBAGE, "it took too many steps");
    }
    if (last)
        fanout_run(fanout, arena, others, other_count, budget);
}

bool nova_run(struct zones *zones, struct fanout *fanout, struct arena *arena, struct zone_call *calls, size_t count,
              struct budget budget)
{
    size_t novas = 0;
    size_t rest = 0;
    if (!nova_among(calls, count))
        return false;
    for (size_t i = 0; i < count; i++)
        novas += goes_to_nova(&calls[i]) ? 1 : 0;
    struct nova_job *jobs = arena_alloc(arena, novas * sizeof(*jobs));
    struct zone_call *others = arena_alloc(arena, (count - novas + 1) * sizeof(*others));
    novas = 0;
    for (size_t i = 0; i < count; i++) {
        if (!goes_to_nova(&calls[i])) {
            others[rest++] = calls[i];
            continue;
        }
        jobs[novas] = (struct nova_job){.zones = zones, .fanout = fanout, .arena = arena, .outer = &calls[i]};
        open_job(&jobs[novas++]);
    }
    run_all(fanout, arena, jobs, novas, others, rest, budget);
    rest = 0;
    for (size_t i = 0; i < count; i++) {
        if (!goes_to_nova(&calls[i]))
            calls[i] = others[rest++];
    }
    return true;
}
