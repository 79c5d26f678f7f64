/*
 * Lists of servers at a plain Nova, as framed rows (link.md section 5): project by project, page by page, each row made ours.
 * "After this key" is emulated by skipping; where the key's server is known to live there, Nova's own marker saves the pages before
 * it.
 */
#include <stdlib.h>
#include <string.h>

#include "zones/json_scan.h"
#include "zones/nova_job.h"
#include "zones/row_key.h"
#include "zones/seen.h"

#define PAGE_MOST  1000 /* Nova's usual max_limit */
#define PAGES_MOST 64   /* of all projects together: what is longer is not listed in part */
#define UUID_BYTES 16

static bool is_usual_order(const struct nova_job *job)
{
    return job->list.sort_count == 0;
}

/* The server at the key's end, when it was seen there. */
static const char *guess_marker(const struct nova_job *job)
{
    struct uuid uuid;
    struct seen_server seen;
    if (!is_usual_order(job) || job->list.after_length < UUID_BYTES)
        return NULL;
    memcpy(&uuid, (const uint8_t *)job->list.after + job->list.after_length - UUID_BYTES, UUID_BYTES);
    if (!seen_find(job->zones->options.seen, &uuid, &seen) || !uuid_equal(&seen.zone, &job->outer->zone->row.uuid) ||
        !str_equal(seen.project, job->projects[job->at]->local))
        return NULL;
    return arena_strdup(job->arena, uuid_to_text(&uuid).text);
}

static void begin_project(struct nova_job *job)
{
    job->marker = guess_marker(job);
    job->guessed = job->marker != NULL;
    job->in_project = 0;
}

static void say_rows(struct nova_job *job);

/* Without all_tenants a list holds the caller's own project; with it one project, or all that have a counterpart. */
void nova_list_open(struct nova_job *job)
{
    const struct caller *caller = job->outer->origin->caller;
    size_t kept = 0;
    if (nova_list_read(job->arena, job->outer->target, &job->list) != OK) {
        nova_job_fail(job, ZONE_GARBAGE, err_message());
        return;
    }
    const bool all = job->list.all_tenants && caller->is_admin;
    const char *wanted = all ? job->list.project : caller->project_id;
    for (size_t i = 0; i < job->project_count; i++) {
        if ((all && !wanted) || str_equal(job->projects[i]->local, wanted))
            job->projects[kept++] = job->projects[i];
    }
    job->project_count = kept;
    if (kept == 0)
        say_rows(job);
    else
        begin_project(job);
}

void nova_list_send(struct nova_job *job)
{
    const bool short_page = is_usual_order(job) && (!job->list.after || job->guessed);
    const size_t limit = short_page && job->list.limit < PAGE_MOST ? job->list.limit + 1 : PAGE_MOST;
    if (++job->pages > PAGES_MOST) {
        nova_job_fail(job, ZONE_GARBAGE, "it has more servers than can be listed in this order");
        return;
    }
    nova_job_call(job, "GET", nova_list_target(job->arena, &job->list, limit, job->marker), job->outer->class);
}

static void add_row(struct nova_job *job, const struct row *row)
{
    if (job->row_count == job->row_capacity) {
        const size_t capacity = job->row_capacity ? 2 * job->row_capacity : 128;
        struct row *rows = arena_alloc(job->arena, capacity * sizeof(*rows));
        if (job->row_count)
            memcpy(rows, job->rows, job->row_count * sizeof(*rows));
        job->rows = rows;
        job->row_capacity = capacity;
    }
    job->rows[job->row_count++] = *row;
    job->in_project++;
}

static bool is_ours(const struct nova_job *job, const struct nova_piece *piece)
{
    const char *project = NULL;
    size_t length = 0;
    return json_scan_string(piece->bytes, piece->length, "tenant_id", &project, &length) && length == strlen(job->login.project) &&
           memcmp(project, job->login.project, length) == 0;
}

/* For one row after the other. */
struct row_room {
    struct text key;
    struct text body;
};

static void row_room_clear(struct row_room *room)
{
    text_clear(&room->key);
    text_clear(&room->body);
}

/* What is not of the project whose token it is was not asked for, and is shown to nobody. */
static enum err take_row(struct nova_job *job, const struct nova_piece *piece, struct row_room *room)
{
    struct text *key = &room->key;
    struct text *body = &room->body;
    struct nova_rewrite rules = nova_job_rules(job);
    struct row row;
    key->length = 0;
    body->length = 0;
    TRY(nova_row_key(&job->list, piece->bytes, piece->length, rules.project_here, key, &row.uuid));
    job->marker = arena_strdup(job->arena, uuid_to_text(&row.uuid).text);
    if (!is_ours(job, piece))
        return OK;
    if (job->list.after && row_key_compare(key->bytes, key->length, job->list.after, job->list.after_length) <= 0)
        return OK;
    rules.brief = job->list.brief;
    nova_rewrite(&rules, piece->bytes, piece->length, body);
    if (body->length > ROW_BODY_MAX)
        return fail(E_INVALID, "the row of server %s is too long", job->marker);
    row.key = arena_copy(job->arena, key->bytes, key->length);
    row.key_length = key->length;
    row.body = arena_strndup(job->arena, text_str(body), body->length);
    row.body_length = body->length;
    add_row(job, &row);
    return OK;
}

static enum err take_page(struct nova_job *job, bool *out_more)
{
    const struct http_answer *answer = &job->inner.answer;
    const struct nova_piece *pieces = NULL;
    CLEANUP(row_room_clear) struct row_room room = {0};
    struct nova_piece next;
    size_t count = 0;
    if (!json_scan_object(answer->body, answer->body_length) ||
        !nova_split(job->arena, answer->body, answer->body_length, "servers", &pieces, &count))
        return fail(E_INVALID, "its list is no list of servers");
    for (size_t i = 0; i < count; i++)
        TRY(take_row(job, &pieces[i], &room));
    *out_more = count > 0 && nova_member(answer->body, answer->body_length, "servers_links", &next);
    return OK;
}

static int compare_rows(const void *a, const void *b)
{
    const struct row *left = a;
    const struct row *right = b;
    return row_key_compare(left->key, left->key_length, right->key, right->key_length);
}

/* Pages that were read while servers came and went may hold one twice. */
static void drop_repeated(struct nova_job *job)
{
    size_t kept = 0;
    for (size_t i = 0; i < job->row_count; i++) {
        if (kept == 0 || compare_rows(&job->rows[kept - 1], &job->rows[i]) != 0)
            job->rows[kept++] = job->rows[i];
    }
    job->row_count = kept;
}

static void say_rows(struct nova_job *job)
{
    CLEANUP(text_clear) struct text frames = {0};
    const struct zones_missing none = {0};
    if (job->row_count)
        qsort(job->rows, job->row_count, sizeof(*job->rows), compare_rows);
    drop_repeated(job);
    const size_t count = job->row_count < job->list.limit ? job->row_count : job->list.limit;
    for (size_t i = 0; i < count; i++)
        rows_write(&frames, &job->rows[i]);
    rows_write_trailer(&frames, (uint32_t)count, job->row_count > count, &none);
    nova_job_say(job, 200, ROWS_MEDIA_TYPE, arena_strndup(job->arena, frames.bytes, frames.length), frames.length);
}

void nova_list_take(struct nova_job *job)
{
    const struct http_answer *answer = &job->inner.answer;
    bool more = false;
    if (answer->kind == ZONE_ANSWERED && answer->status == 400 && job->guessed) {
        job->marker = NULL; /* the marker was deleted there: from the start, then */
        job->guessed = false;
        return;
    }
    if (answer->kind != ZONE_ANSWERED || answer->status != 200) {
        nova_job_pass(job);
        return;
    }
    if (take_page(job, &more) != OK) {
        nova_job_fail(job, ZONE_GARBAGE, err_message());
        return;
    }
    const bool enough = is_usual_order(job) && job->in_project > job->list.limit;
    if (more && !enough)
        return;
    if (nova_job_next_project(job))
        begin_project(job);
    else
        say_rows(job);
}
