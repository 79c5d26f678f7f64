/*
 * Merging lists of servers as bytes: what 8 lists of 1000 rows of about 1.8 KB cost, newest first.
 *
 *   merge [LISTS [ROWS]]       (8 1000)
 *
 * `framed`: children of our own kind; every check, the merge and the page, as gateway/api/server_rows.c does them. `plain`: the
 * lists of plain Novas become rows first, with every check, keys, links and projects, as zones/nova_list.c does it, and are then
 * merged as these. `jansson`: the same plain lists, parsed, merged and dumped, with neither checks nor links made ours. All give
 * the same ids in the same order, or it fails. CPU time, the median of several runs; MB are those of the lists as they come.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include "gateway/base/clock.h"
#include "gateway/base/id.h"
#include "gateway/base/text.h"
#include "zones/nova_frames.h"
#include "zones/row_merge.h"
#include "zones/rows.h"

#define RUNS    15
#define PROJECT "6f70656e737461636b20706f73732066"
#define HERE    "11111111222233334444555555555555"

static const struct nova_rewrite rules = {.self_base = "http://root.example:8774/compute/v2.1",
                                          .bookmark_base = "http://root.example:8774/compute",
                                          .project_there = PROJECT,
                                          .project_here = HERE};

struct world {
    size_t lists;
    size_t rows;       /* of each list */
    struct text *nova; /* as a Nova writes them */
    struct text *framed;
    struct nova_list order;
};

static void must(enum err result)
{
    if (result == OK)
        return;
    fprintf(stderr, "%s: %s\n", err_name(result), err_message());
    exit(1);
}

static void must_be(bool good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "%s\n", what);
    exit(1);
}

/* --- the lists */

/* A server as Nova 2.1 shows it to its owner, with some metadata. */
static const char row_format[] =
    "{\"id\": \"%s\", \"name\": \"web-%06zu\", \"status\": \"ACTIVE\", \"tenant_id\": \"" PROJECT "\", \"user_id\": "
    "\"fake0000000000000000000000000001\", \"metadata\": {\"role\": \"front end, 4th row \\u00e9\", \"owner\": \"team-a\", "
    "\"path\": "
    "\"C:\\\\images\\\\x\", \"note\": \"made by the nightly job; kept for a week, then it goes. Ask before it is touched, as "
    "others "
    "depend on it: the list of these is in the wiki, page 'servers of the front end', where also the plan for the next quarter is, "
    "with all of its figures\"}, \"hostId\": \"2091634baaccdc4c5a1d57069c833e402921df696b7f970791b12ec6\", \"image\": {\"id\": "
    "\"70a599e0-31e7-49b7-b260-868f441e862b\", \"links\": [{\"rel\": \"bookmark\", \"href\": "
    "\"http://nova.example:8774/images/70a599e0-31e7-49b7-b260-868f441e862b\"}]}, \"flavor\": {\"id\": \"1\", \"links\": "
    "[{\"rel\": "
    "\"bookmark\", \"href\": \"http://nova.example:8774/flavors/1\"}]}, \"created\": \"%s\", \"updated\": \"%s\", \"addresses\": "
    "{\"private\": [{\"version\": 4, \"addr\": \"192.168.1.30\", \"OS-EXT-IPS-MAC:mac_addr\": \"00:0c:29:0d:11:74\", "
    "\"OS-EXT-IPS:type\": \"fixed\"}]}, \"accessIPv4\": \"80.10.10.80\", \"accessIPv6\": \"::babe:220.12.22.2\", \"links\": "
    "[{\"rel\": \"self\", \"href\": \"http://nova.example:8774/v2.1/servers/%s\"}, {\"rel\": \"bookmark\", \"href\": "
    "\"http://nova.example:8774/servers/%s\"}], \"OS-DCF:diskConfig\": \"AUTO\", \"progress\": 0, "
    "\"OS-EXT-AZ:availability_zone\": \"nova\", \"config_drive\": \"\", \"key_name\": null, \"OS-SRV-USG:launched_at\": "
    "\"2013-09-23T13:54:13.000000\", \"OS-SRV-USG:terminated_at\": null, \"security_groups\": [{\"name\": \"default\"}], "
    "\"OS-EXT-STS:task_state\": null, \"OS-EXT-STS:vm_state\": \"active\", \"OS-EXT-STS:power_state\": 1, "
    "\"os-extended-volumes:volumes_attached\": []}";

/* In order by themselves: each list has every LISTS-th second or so. */
static void write_lists(struct world *world)
{
    for (size_t list = 0; list < world->lists; list++) {
        int64_t at_us = INT64_C(1700000000000000);
        text_add_str(&world->nova[list], "{\"servers\": [");
        for (size_t i = 0; i < world->rows; i++) {
            struct uuid uuid;
            uuid_new(&uuid);
            const struct uuid_text id = uuid_to_text(&uuid);
            at_us -= (int64_t)(1 + random_below((uint32_t)(2 * world->lists))) * 1000000;
            const struct time_text at = time_iso_z(at_us);
            text_add_str(&world->nova[list], i ? ", " : "");
            text_add_format(&world->nova[list], row_format, id.text, i, at.text, at.text, id.text, id.text);
        }
        text_add_str(&world->nova[list], "]}");
    }
}

/* --- what the lists become: rows */

static void read_plain(struct arena *arena, const struct nova_list *order, const struct text *in, struct row_list *out)
{
    const struct nova_page_options options = {.list = order, .rules = &rules};
    struct nova_page page;
    must(nova_page_read(arena, &options, in->bytes, in->length, &page));
    nova_rows_sort(page.rows, &page.count);
    *out = (struct row_list){.rows = page.rows, .count = page.count};
}

static void read_framed(struct arena *arena, const struct text *in, struct row_list *out)
{
    must(rows_read(arena, in->bytes, in->length, NULL, 0, out));
}

static void write_frames(const struct nova_list *order, const struct text *in, struct text *out)
{
    static const struct zones_missing none = {0};
    CLEANUP(arena_clear) struct arena arena = {0};
    struct row_list list;
    read_plain(&arena, order, in, &list);
    for (size_t i = 0; i < list.count; i++)
        rows_write(out, &list.rows[i]);
    rows_write_trailer(out, (uint32_t)list.count, false, &none);
}

/* --- the three ways, each from lists to a page */

static void write_page(struct row_merge *merge, struct text *page)
{
    struct row row;
    size_t source = 0;
    text_add_str(page, "{\"servers\":[");
    for (bool first = true; row_merge_next(merge, &row, &source) == MERGE_ROW; first = false) {
        if (!first)
            text_add_char(page, ',');
        text_add(page, row.body, row.body_length);
    }
    text_add_str(page, "]}");
}

static void run_framed(const struct world *world, struct text *page)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    struct row_merge *merge = row_merge_new(&arena, world->lists);
    for (size_t i = 0; i < world->lists; i++) {
        struct row_list list;
        read_framed(&arena, &world->framed[i], &list);
        row_merge_give(merge, i, &list);
    }
    write_page(merge, page);
}

static void run_plain(const struct world *world, struct text *page)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    struct row_merge *merge = row_merge_new(&arena, world->lists);
    for (size_t i = 0; i < world->lists; i++) {
        struct row_list list;
        read_plain(&arena, &world->order, &world->nova[i], &list);
        row_merge_give(merge, i, &list);
    }
    write_page(merge, page);
}

static bool stands_before(const json_t *a, const json_t *b)
{
    const int order = strcmp(json_string_value(json_object_get(b, "created")), json_string_value(json_object_get(a, "created")));
    const char *left = json_string_value(json_object_get(a, "id"));
    return order ? order < 0 : strcmp(left, json_string_value(json_object_get(b, "id"))) < 0;
}

static void run_jansson(const struct world *world, struct text *page)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    json_t **lists = arena_alloc(&arena, world->lists * sizeof(*lists));
    size_t *at = arena_alloc(&arena, world->lists * sizeof(*at));
    json_auto_t *document = json_object();
    json_t *servers = json_array();
    (void)json_object_set_new(document, "servers", servers);
    for (size_t i = 0; i < world->lists; i++)
        lists[i] = json_loadb(world->nova[i].bytes, world->nova[i].length, 0, NULL);
    for (size_t done = 0; done < world->lists * world->rows; done++) {
        json_t *best = NULL;
        size_t from = 0;
        for (size_t i = 0; i < world->lists; i++) {
            json_t *row = json_array_get(json_object_get(lists[i], "servers"), at[i]);
            if (row && (!best || stands_before(row, best))) {
                best = row;
                from = i;
            }
        }
        (void)json_array_append(servers, best);
        at[from]++;
    }
    char *text = json_dumps(document, JSON_COMPACT);
    text_add_str(page, text);
    free(text);
    for (size_t i = 0; i < world->lists; i++)
        json_decref(lists[i]);
}

/* --- measuring */

static double cpu_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static int compare_ms(const void *a, const void *b)
{
    const double left = *(const double *)a;
    const double right = *(const double *)b;
    return (left > right) - (left < right);
}

/* The ids in their order, as jansson reads them. */
static char *ids_of(const struct text *page)
{
    json_auto_t *document = json_loadb(page->bytes, page->length, 0, NULL);
    struct text ids = {0};
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(document, "servers"), i, row)
        text_add_str(&ids, json_string_value(json_object_get(row, "id")));
    return ids.bytes;
}

/* The median's milliseconds; `ids` of the first way are the measure of the others. */
static double measure(const struct world *world, void (*run)(const struct world *, struct text *), char **ids)
{
    double ms[RUNS];
    for (size_t i = 0; i < RUNS; i++) {
        CLEANUP(text_clear) struct text page = {0};
        const double begin = cpu_ms();
        run(world, &page);
        ms[i] = cpu_ms() - begin;
        char *found = i ? NULL : ids_of(&page);
        must_be(i || (found && (!*ids || strcmp(*ids, found) == 0)), "the page is another one");
        if (!i && !*ids)
            *ids = found;
        else
            free(found);
    }
    qsort(ms, RUNS, sizeof(ms[0]), compare_ms);
    return ms[RUNS / 2];
}

static double megabytes(const struct text *lists, size_t count)
{
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += lists[i].length;
    return (double)bytes / 1e6;
}

static size_t number(const char *word, size_t otherwise)
{
    int64_t value = 0;
    return word && str_to_int(word, &value) && value > 0 ? (size_t)value : otherwise;
}

int main(int argc, char **argv)
{
    struct arena arena = {0};
    struct world world = {.lists = number(argc > 1 ? argv[1] : NULL, 8), .rows = number(argc > 2 ? argv[2] : NULL, 1000)};
    char *ids = NULL;
    world.nova = arena_alloc(&arena, world.lists * sizeof(*world.nova));
    world.framed = arena_alloc(&arena, world.lists * sizeof(*world.framed));
    must(nova_list_read(&arena, "/compute/v2.1/servers/detail", &world.order));
    write_lists(&world);
    for (size_t i = 0; i < world.lists; i++)
        write_frames(&world.order, &world.nova[i], &world.framed[i]);
    const double framed_ms = measure(&world, run_framed, &ids);
    const double plain_ms = measure(&world, run_plain, &ids);
    const double jansson_ms = measure(&world, run_jansson, &ids);
    printf("%zu lists of %zu rows, %.1f MB: framed %.2f ms, plain %.2f ms, jansson %.1f ms\n", world.lists, world.rows,
           megabytes(world.nova, world.lists), framed_ms, plain_ms, jansson_ms);
    printf("figure merge_framed_mbps %.0f MB/s\n", megabytes(world.framed, world.lists) / framed_ms * 1e3);
    printf("figure merge_plain_mbps %.0f MB/s\n", megabytes(world.nova, world.lists) / plain_ms * 1e3);
    printf("figure merge_framed_vs_jansson %.1f ratio\n", jansson_ms / framed_ms);
    printf("figure merge_plain_vs_jansson %.1f ratio\n", jansson_ms / plain_ms);
    free(ids);
    for (size_t i = 0; i < world.lists; i++) {
        text_clear(&world.nova[i]);
        text_clear(&world.framed[i]);
    }
    arena_clear(&arena);
    return 0;
}
