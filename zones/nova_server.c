/*
 * One server at a plain Nova, or what lies below it. Before anything but a look at the server itself, a look says whose it is: a
 * user who is an admin there could else reach servers of every project. What changes something is refused while the zone is
 * read-only, and only for a server that is there.
 */
#include <string.h>

#include "zones/json_scan.h"
#include "zones/nova_job.h"

static const char *own_path(struct nova_job *job)
{
    return arena_printf(job->arena, "/servers/%s", job->server_id);
}

/* {"find": …} asks by id only: a name or address would need a search there. */
static bool read_find(struct nova_job *job)
{
    const char *query = strchr(job->outer->target, '?');
    if (!query || !str_starts(query + 1, "id="))
        return false;
    job->server_id = arena_strndup(job->arena, query + 4, strcspn(query + 4, "&"));
    return uuid_is_text(job->server_id);
}

static bool is_look(const struct nova_job *job)
{
    return job->operation->use == NOVA_USE_FIND || str_equal(job->operation->name, "show");
}

void nova_server_send(struct nova_job *job)
{
    const char *target = job->outer->target + sizeof("/compute/v2.1") - 1;
    if (job->operation->use == NOVA_USE_FIND && !job->server_id && !read_find(job)) {
        nova_job_say(job, 404, "application/json", "{}", 2);
        return;
    }
    if (job->step == NOVA_STEP_FIND) {
        nova_job_call(job, "GET", own_path(job), CLASS_READ);
        return;
    }
    nova_job_call(job, job->outer->method, target, job->outer->class);
    job->inner.body = job->outer->body;
    job->inner.body_length = job->outer->body_length;
}

/* The object under "server", if it is the current project's. */
static bool find_ours(struct nova_job *job, struct nova_piece *out)
{
    const struct http_answer *answer = &job->inner.answer;
    const char *project = NULL;
    size_t length = 0;
    return json_scan_object(answer->body, answer->body_length) && nova_member(answer->body, answer->body_length, "server", out) &&
           *out->bytes == '{' && json_scan_string(out->bytes, out->length, "tenant_id", &project, &length) &&
           length == strlen(job->login.project) && memcmp(project, job->login.project, length) == 0;
}

static void say_not_here(struct nova_job *job)
{
    const char *body = arena_printf(job->arena, "{\"itemNotFound\":{\"code\":404,\"message\":\"Instance %s could not be found.\"}}",
                                    job->server_id);
    nova_job_say(job, 404, "application/json", body, strlen(body));
}

static void say_read_only(struct nova_job *job)
{
    static const char body[] = "{\"forbidden\":{\"code\":403,\"message\":\"The cloud that has this server is registered read-only: "
                               "an administrator may allow changes with `zonegate zone set NAME --read-only no`.\"}}";
    nova_job_say(job, 403, "application/json", body, sizeof(body) - 1);
}

static bool wants_frame(const struct nova_job *job)
{
    return str_equal(headers_get(&job->outer->headers, "Accept"), ROWS_MEDIA_TYPE);
}

/* As a row of one: whoever asks wants the key by which it is sorted. */
static enum err say_frame(struct nova_job *job, const struct nova_piece *server)
{
    CLEANUP(text_clear) struct text key = {0};
    CLEANUP(text_clear) struct text body = {0};
    CLEANUP(text_clear) struct text frame = {0};
    const struct nova_rewrite rules = nova_job_rules(job);
    const struct zones_missing none = {0};
    struct row row;
    TRY(nova_list_read(job->arena, job->outer->target, &job->list));
    TRY(nova_row_key(&job->list, server->bytes, server->length, rules.project_here, &key, &row.uuid));
    nova_rewrite(&rules, server->bytes, server->length, &body);
    row.key = (const uint8_t *)key.bytes;
    row.key_length = key.length;
    row.body = text_str(&body);
    row.body_length = body.length;
    rows_write(&frame, &row);
    rows_write_trailer(&frame, 1, false, &none);
    nova_job_say(job, 200, ROWS_MEDIA_TYPE, arena_strndup(job->arena, frame.bytes, frame.length), frame.length);
    return OK;
}

static const char *text_of(struct nova_job *job, const struct nova_piece *server, const char *member)
{
    struct nova_piece value;
    const bool text = nova_member(server->bytes, server->length, member, &value) && *value.bytes == '"';
    return text ? arena_strndup(job->arena, value.bytes, value.length) : "\"\"";
}

static void say_match(struct nova_job *job, const struct nova_piece *server)
{
    const char *body = arena_printf(job->arena,
                                    "{\"find\":{\"matches\":[{\"id\":%s,\"name\":%s,\"status\":%s,\"reservation_id\":%s,\"zone\":"
                                    "\".\",\"tag\":\"%06x\",\"hops\":[]}],\"messages\":0}}",
                                    text_of(job, server, "id"), text_of(job, server, "name"), text_of(job, server, "status"),
                                    text_of(job, server, "OS-EXT-SRV-ATTR:reservation_id"), job->outer->zone->tag);
    nova_job_say(job, 200, "application/json", body, strlen(body));
}

/* It is there, and the project's. */
static void go_on(struct nova_job *job, const struct nova_piece *server)
{
    if (job->operation->use == NOVA_USE_FIND)
        say_match(job, server);
    else if (is_look(job) && !wants_frame(job))
        nova_job_pass(job);
    else if (is_look(job) && say_frame(job, server) != OK)
        nova_job_fail(job, ZONE_GARBAGE, err_message());
    else if (job->step == NOVA_STEP_DONE)
        return;
    else if (job->operation->writes && job->outer->zone->nova->row.read_only)
        say_read_only(job);
    else
        job->step = NOVA_STEP_SEND;
}

static bool is_not_here(const struct http_answer *answer, bool ours)
{
    return answer->kind == ZONE_ANSWERED && (answer->status == 404 || (answer->status == 200 && !ours));
}

void nova_server_take(struct nova_job *job)
{
    const struct http_answer *answer = &job->inner.answer;
    struct nova_piece server;
    if (job->step == NOVA_STEP_SEND) {
        nova_job_pass(job);
        return;
    }
    const bool ours = answer->kind == ZONE_ANSWERED && answer->status == 200 && find_ours(job, &server);
    if (ours)
        go_on(job, &server);
    else if (is_not_here(answer, ours) && nova_job_next_project(job))
        return;
    else if (is_not_here(answer, ours))
        say_not_here(job);
    else
        nova_job_pass(job);
    if (!ours)
        job->outer->answer.sent = false; /* nothing was changed */
}
