/* Reasons and the X-Zone-Missing header; see reason.h. */
#include "zones/reason.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/text.h"

#define MISSING_MAX        4096
#define MISSING_PATH_MAX   703
#define MISSING_HEADER_MAX 8192

static const char *const kind_words[] = {
#define ZONE_KIND_WORD(kind, word) word,
    ZONE_KIND_LIST(ZONE_KIND_WORD)
#undef ZONE_KIND_WORD
};
_Static_assert(ARRAY_LEN(kind_words) == ZONE_KIND_COUNT, "one word per kind");

const char *zone_kind_word(enum zone_kind_of_answer kind)
{
    return kind_words[kind];
}

enum err zone_kind_from_word(const char *word, enum zone_kind_of_answer *out)
{
    for (size_t i = ZONE_ANSWERED + 1; i < ARRAY_LEN(kind_words); i++) {
        if (str_equal(word, kind_words[i])) {
            *out = (enum zone_kind_of_answer)i;
            return OK;
        }
    }
    return fail(E_INVALID, "'%.32s' is no reason for a zone to be missing.", word);
}

void missing_add(struct arena *arena, struct zones_missing *list, const char *path, enum zone_kind_of_answer reason)
{
    if (list->count == list->capacity) {
        const size_t capacity = list->capacity ? 2 * list->capacity : 8;
        struct zone_missing *items = arena_alloc(arena, capacity * sizeof(*items));
        if (list->count)
            memcpy(items, list->items, list->count * sizeof(*items));
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->count++] = (struct zone_missing){path, reason};
}

const char *zone_path_join(struct arena *arena, const char *name, const char *path)
{
    return str_equal(path, ".") ? arena_strdup(arena, name) : arena_printf(arena, "%s/%s", name, path);
}

enum err zone_path_check(const char *path)
{
    static const char legal[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-/";
    const size_t length = strlen(path);
    if (length == 0 || length > MISSING_PATH_MAX || strspn(path, legal) != length)
        return fail(E_INVALID, "The path of a zone is not of the form NAME/NAME.");
    return OK;
}

/* "PATH;reason=WORD" */
static enum err read_entry(struct arena *arena, struct zones_missing *list, const char *child, char *entry)
{
    static const char mark[] = ";reason=";
    enum zone_kind_of_answer reason = ZONE_GARBAGE;
    char *split = strstr(entry, mark);
    if (!split)
        return fail(E_INVALID, "X-Zone-Missing has an entry without reason.");
    *split = '\0';
    TRY(zone_kind_from_word(split + sizeof(mark) - 1, &reason));
    TRY(zone_path_check(entry));
    missing_add(arena, list, zone_path_join(arena, child, entry), reason);
    return OK;
}

enum err missing_add_header(struct arena *arena, struct zones_missing *list, const char *child, const char *header)
{
    struct zones_missing added = {0};
    char *rest = arena_strdup(arena, header);
    while (rest && *rest) {
        char *entry = rest + strspn(rest, " \t");
        char *comma = strchr(entry, ',');
        rest = comma ? comma + 1 : NULL;
        if (comma)
            *comma = '\0';
        if (added.count == MISSING_MAX)
            return fail(E_INVALID, "X-Zone-Missing has too many entries.");
        TRY(read_entry(arena, &added, child, entry));
    }
    for (size_t i = 0; i < added.count; i++)
        missing_add(arena, list, added.items[i].path, added.items[i].reason);
    return OK;
}

static int compare_missing(const void *a, const void *b)
{
    const struct zone_missing *left = a;
    const struct zone_missing *right = b;
    const int order = strcmp(left->path, right->path);
    return order ? order : (int)left->reason - (int)right->reason;
}

/* Each path once. False: some did not fit. */
static bool write_entries(struct text *out, const struct zone_missing *sorted, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *word = zone_kind_word(sorted[i].reason);
        if (i > 0 && str_equal(sorted[i].path, sorted[i - 1].path))
            continue;
        if (out->length + strlen(sorted[i].path) + strlen(word) + sizeof(", ;reason=") > MISSING_HEADER_MAX)
            return false;
        text_add_format(out, "%s%s;reason=%s", out->length ? ", " : "", sorted[i].path, word);
    }
    return true;
}

/* "east/a/b" becomes "east". */
static void cut_paths(struct arena *arena, struct zone_missing *items, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *name = items[i].path + (items[i].path[0] == '/');
        items[i].path = arena_strndup(arena, items[i].path, (size_t)(name - items[i].path) + strcspn(name, "/"));
    }
    qsort(items, count, sizeof(*items), compare_missing);
}

const char *missing_format(struct arena *arena, const struct zones_missing *list)
{
    if (list->count == 0)
        return NULL;
    struct zone_missing *sorted = arena_copy(arena, list->items, list->count * sizeof(*sorted));
    qsort(sorted, list->count, sizeof(*sorted), compare_missing);
    CLEANUP(text_clear) struct text out = {0};
    if (!write_entries(&out, sorted, list->count)) {
        text_reset(&out);
        cut_paths(arena, sorted, list->count);
        (void)write_entries(&out, sorted, list->count);
    }
    return arena_strdup(arena, text_str(&out));
}
