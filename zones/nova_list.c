/*
 * Lists of servers at a plain Nova, as framed rows (link.md section 5): project by project, page by page, each row made ours.
 * "After this key" is emulated by skipping; where the key's server is known to live there, Nova's own marker saves the pages before
 * it.
 */
#include <stdlib.h>
#include <string.h>

#include "zones/nova_frames.h"
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

static void add_rows(struct nova_job *job, const struct nova_page *page)
{
    if (job->row_count + page->count > job->row_capacity) {
        const size_t capacity = 2 * job->row_count + page->count;
        struct row *rows = arena_alloc(job->arena, capacity * sizeof(*rows));
        if (job->row_count)
            memcpy(rows, job->rows, job->row_count * sizeof(*rows));
        job->rows = rows;
        job->row_capacity = capacity;
    }
    if (page->count)
        memcpy(job->rows + job->row_count, page->rows, page->count * sizeof(*page->rows));
    job->row_count += page->count;
    job->in_project += page->count;
}

static enum err take_page(struct nova_job *job, bool *out_more)
{
    const struct http_answer *answer = &job->inner.answer;
    const struct nova_rewrite rules = nova_job_rules(job);
    const struct nova_page_options options = {.list = &job->list, .rules = &rules};
    struct nova_page page;
    TRY(nova_page_read(job->arena, &options, answer->body, answer->body_length, &page));
    if (page.has_last)
        job->marker = arena_strdup(job->arena, uuid_to_text(&page.last).text);
    add_rows(job, &page);
    *out_more = page.more;
    return OK;
}

static void say_rows(struct nova_job *job)
{
    struct row_list *list = arena_alloc(job->arena, sizeof(*list));
    nova_rows_sort(job->rows, &job->row_count);
    const size_t count = job->row_count < job->list.limit ? job->row_count : job->list.limit;
    *list = (struct row_list){.rows = job->rows, .count = count, .more = job->row_count > count};
    nova_job_say(job, 200, ROWS_MEDIA_TYPE, "", 0);
    job->outer->answer.rows = list;
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
