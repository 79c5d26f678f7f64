/*
 * libFuzzer target: what a child says of its subtree (the body of a push, the answer of a poll) through directory_read, and what
 * was read through the merge, twice, and the lookups. A row without a tag gets the right one, so that inputs come through without
 * guessing hashes. Besides crashes: what was merged can be read again and is the same, every row is found under its tag and its
 * path, and the rows are in their order.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/text.h"
#include "schema/json/json.h"
#include "zones/directory.h"
#include "zones/reason.h"

#define CHILD 7
#define OTHER 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition)
{
    if (!condition)
        abort();
}

static void add_tags(const json_t *directory)
{
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(directory, "zones"), i, row)
    {
        const char *text = json_string_value(json_object_get(row, "uuid"));
        struct uuid uuid;
        char tag[8];
        if (!json_is_object(row) || json_object_get(row, "tag") || !text || uuid_from_text(text, &uuid) != OK)
            continue;
        (void)snprintf(tag, sizeof(tag), "%06x", zone_tag(&uuid));
        must(json_object_set_new(row, "tag", json_string(tag)) == 0);
    }
}

static void look_up(const struct directory *directory)
{
    for (size_t i = 0; i < directory->count; i++) {
        const struct directory_row *row = &directory->rows[i];
        size_t count = 0;
        const struct directory_row *same = directory_find_tag(directory, row->tag, &count);
        must(same && row >= same && row < same + count);
        must(directory_find_path(directory, row->path) != NULL);
        must(zone_path_check(row->path) == OK && strlen(row->path) <= DIRECTORY_PATH_MAX);
        must(i == 0 || directory->rows[i - 1].tag <= row->tag);
        (void)directory_may_answer(directory, OTHER, &row->zone);
    }
}

/* As the next zone up gets it. */
static void read_again(struct arena *arena, const struct directory *directory)
{
    const struct directory_row *rows = NULL;
    size_t count = 0;
    json_auto_t *whole = directory_json(directory, NULL);
    json_auto_t *known = directory_json(directory, directory->digest);
    must(whole && known && !json_object_get(known, "zones"));
    must(directory_read(arena, whole, &rows, &count) == OK && count == directory->count);
    for (size_t i = 0; i < count; i++)
        must(uuid_equal(&rows[i].zone, &directory->rows[i].zone) && str_equal(rows[i].path, directory->rows[i].path));
}

static void merge(struct arena *arena, const struct directory_row *rows, size_t count)
{
    static const char *const states[] = {"healthy", "down"};
    const struct uuid self = {.bytes = {1, 2, 3}};
    const struct directory_row own = {.zone = self, .tag = zone_tag(&self), .path = ".", .state = "healthy"};
    for (size_t i = 0; i < ARRAY_LEN(states); i++) {
        const struct directory_part parts[] = {{CHILD, "east", states[i], rows, count},
                                               {OTHER, "west", states[1 - i], rows, count}};
        struct directory directory;
        directory_merge(arena, &own, parts, ARRAY_LEN(parts), &directory);
        must(directory.count <= 2 * count + 1);
        look_up(&directory);
        read_again(arena, &directory);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    json_t *body = NULL;
    const struct directory_row *rows = NULL;
    size_t count = 0;
    if (json_parse_foreign((const char *)data, size, &body) != OK)
        return 0;
    const json_t *wrapped = json_object_get(body, "directory");
    const json_t *directory = wrapped ? wrapped : body;
    add_tags(directory);
    if (directory_read(&arena, directory, &rows, &count) == OK)
        merge(&arena, rows, count);
    else
        must(str_is_utf8(err_message(), strlen(err_message())));
    arena_clear(&arena);
    json_decref(body);
    return 0;
}
