/* The directory of a subtree: reading, merging, finding; see directory.h. */
#include "zones/directory.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/seal.h"
#include "gateway/base/text.h"
#include "zones/reason.h"

/* The words of a state, as they travel. A newer version's other words are kept: they only mean "not down". */
#define STATE_MAX 16

static enum err check_state(const char *state)
{
    static const char legal[] = "abcdefghijklmnopqrstuvwxyz-";
    const size_t length = strlen(state);
    if (length == 0 || length > STATE_MAX || strspn(state, legal) != length)
        return fail(E_INVALID, "A zone of the directory has a state that is none.");
    return OK;
}

static enum err check_path(const char *path)
{
    TRY(zone_path_check(path));
    if (path[0] == '/' || str_ends(path, "/") || strstr(path, "//") || strlen(path) > DIRECTORY_PATH_MAX)
        return fail(E_INVALID, "A zone of the directory has a path that is none.");
    return OK;
}

static enum err read_row(struct arena *arena, const json_t *value, struct directory_row *out)
{
    const char *uuid = json_string_value(json_object_get(value, "uuid"));
    const char *tag = json_string_value(json_object_get(value, "tag"));
    const char *path = json_string_value(json_object_get(value, "path"));
    const char *state = json_string_value(json_object_get(value, "state"));
    const json_t *untagged = json_object_get(value, "untagged");
    if (!uuid || !tag || !path || !state || !json_is_boolean(untagged))
        return fail(E_INVALID, "A zone of the directory lacks uuid, tag, path, state or untagged.");
    struct directory_row row = {.untagged = json_is_true(untagged)};
    TRY(uuid_from_text(uuid, &row.zone));
    TRY(check_path(path));
    TRY(check_state(state));
    row.tag = zone_tag(&row.zone);
    if (!str_equal_nocase(tag, arena_printf(arena, "%06x", row.tag)))
        return fail(E_INVALID, "A zone of the directory has a tag that is not its uuid's.");
    row.path = arena_strdup(arena, path);
    row.state = arena_strdup(arena, state);
    *out = row;
    return OK;
}

enum err directory_read(struct arena *arena, const json_t *value, const struct directory_row **out, size_t *out_count)
{
    const json_t *list = json_object_get(value, "zones");
    if (!json_is_array(list) || json_array_size(list) > DIRECTORY_ZONES_MAX)
        return fail(E_INVALID, "A directory is an object with a list `zones` of at most %d.", DIRECTORY_ZONES_MAX);
    struct directory_row *rows = arena_alloc(arena, (json_array_size(list) + 1) * sizeof(*rows));
    size_t i;
    const json_t *item;
    bool has_itself = false;
    json_array_foreach(list, i, item)
    {
        TRY(read_row(arena, item, &rows[i]));
        has_itself = has_itself || str_equal(rows[i].path, ".");
    }
    if (!has_itself)
        return fail(E_INVALID, "The directory lacks the zone that tells it.");
    *out = rows;
    *out_count = json_array_size(list);
    return OK;
}

static int compare_rows(const void *a, const void *b)
{
    const struct directory_row *left = a;
    const struct directory_row *right = b;
    if (left->tag != right->tag)
        return left->tag < right->tag ? -1 : 1;
    const int order = memcmp(left->zone.bytes, right->zone.bytes, sizeof(left->zone.bytes));
    return order ? order : strcmp(left->path, right->path);
}

static bool hides_what_is_below(const char *state)
{
    return str_equal(state, "down") || str_equal(state, "disabled") || str_equal(state, "probing") ||
           str_equal(state, DIRECTORY_UNLINKED);
}

static void make_digest(struct directory *directory)
{
    CLEANUP(text_clear) struct text text = {0};
    uint8_t hash[32];
    for (size_t i = 0; i < directory->count; i++) {
        const struct directory_row *row = &directory->rows[i];
        text_add(&text, row->zone.bytes, sizeof(row->zone.bytes));
        text_add_format(&text, "%s %s %d\n", row->path, row->state, row->untagged);
    }
    hash_blake2b(text_str(&text), text.length, hash);
    hex_encode(hash, (DIRECTORY_DIGEST_SIZE - 1) / 2, directory->digest);
}

void directory_merge(struct arena *arena, const struct directory_row *own, const struct directory_part *parts, size_t count,
                     struct directory *out)
{
    size_t total = 1;
    for (size_t i = 0; i < count; i++)
        total += parts[i].count;
    struct directory_row *rows = arena_alloc(arena, total * sizeof(*rows));
    size_t used = 0;
    rows[used++] = *own;
    for (size_t i = 0; i < count; i++) {
        const struct directory_part *part = &parts[i];
        for (size_t j = 0; j < part->count; j++) {
            struct directory_row row = part->rows[j];
            const bool itself = str_equal(row.path, ".");
            row.state = itself || hides_what_is_below(part->state) ? part->state : row.state;
            row.path = zone_path_join(arena, part->name, row.path);
            row.next_hop = part->child;
            if (strlen(row.path) <= DIRECTORY_PATH_MAX)
                rows[used++] = row;
        }
    }
    qsort(rows, used, sizeof(*rows), compare_rows);
    *out = (struct directory){.rows = rows, .count = used};
    make_digest(out);
}

static json_t *row_json(const struct directory_row *row)
{
    char tag[8];
    (void)snprintf(tag, sizeof(tag), "%06x", row->tag);
    return json_pack("{s:s, s:s, s:s, s:s, s:b}", "uuid", uuid_to_text(&row->zone).text, "tag", tag, "path", row->path, "state",
                     row->state, "untagged", row->untagged);
}

json_t *directory_json(const struct directory *directory, const char *known_digest)
{
    json_t *value = json_pack("{s:s}", "digest", directory->digest);
    if (str_equal(known_digest, directory->digest))
        return value;
    json_t *list = json_array();
    for (size_t i = 0; i < directory->count; i++)
        (void)json_array_append_new(list, row_json(&directory->rows[i]));
    (void)json_object_set_new(value, "zones", list);
    return value;
}

const struct directory_row *directory_find_tag(const struct directory *directory, uint32_t tag, size_t *out_count)
{
    size_t low = 0;
    size_t high = directory->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (directory->rows[middle].tag < tag)
            low = middle + 1;
        else
            high = middle;
    }
    size_t count = 0;
    while (low + count < directory->count && directory->rows[low + count].tag == tag)
        count++;
    *out_count = count;
    return count ? &directory->rows[low] : NULL;
}

/* What nobody has asked yet, or a newer version calls by another word, may lead nowhere. */
static bool is_reached(const char *state)
{
    return str_equal(state, "up") || str_equal(state, "suspect") || str_equal(state, "draining");
}

const struct directory_row *directory_find_zone(const struct directory *directory, const struct uuid *zone, int64_t but)
{
    size_t count = 0;
    const struct directory_row *rows = directory_find_tag(directory, zone_tag(zone), &count);
    for (size_t i = 0; i < count; i++) {
        if (rows[i].next_hop && rows[i].next_hop != but && is_reached(rows[i].state) && uuid_equal(&rows[i].zone, zone))
            return &rows[i];
    }
    return NULL;
}

const struct directory_row *directory_find_path(const struct directory *directory, const char *path)
{
    for (size_t i = 0; i < directory->count; i++) {
        if (str_equal(directory->rows[i].path, path))
            return &directory->rows[i];
    }
    return NULL;
}

bool directory_may_answer(const struct directory *directory, int64_t child, const struct uuid *id)
{
    size_t count = 0;
    const struct directory_row *rows = directory_find_tag(directory, uuid_tag(id), &count);
    for (size_t i = 0; i < count; i++) {
        if (rows[i].next_hop == child)
            return true;
    }
    for (size_t i = 0; i < directory->count; i++) {
        if (directory->rows[i].next_hop == child && directory->rows[i].untagged)
            return true;
    }
    return count == 0;
}
