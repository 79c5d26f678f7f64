/* See sql_list.h. */
#include "schema/sql_list.h"

static size_t padded(size_t count)
{
    size_t size = 1;
    while (size < count)
        size *= 2;
    return size;
}

/* An empty list holds one NULL, which nothing equals. */
struct sql_list sql_list_new(struct arena *arena, size_t count)
{
    const size_t size = padded(count);
    struct sql_list list = {arena_alloc(arena, (size + SQL_LIST_SPARE) * sizeof(*list.values)), size};
    list.values[0] = sql_null();
    return list;
}

static void pad(struct sql_list *list, size_t used)
{
    for (size_t i = used ? used : 1; i < list->count; i++)
        list->values[i] = list->values[used ? used - 1 : 0];
}

struct sql_list sql_list_uuids(struct arena *arena, const struct uuid *items, size_t count)
{
    struct sql_list list = sql_list_new(arena, count);
    for (size_t i = 0; i < count; i++)
        list.values[i] = sql_uuid(&items[i]);
    pad(&list, count);
    return list;
}

struct sql_list sql_list_ids(struct arena *arena, const int64_t *items, size_t count)
{
    struct sql_list list = sql_list_new(arena, count);
    for (size_t i = 0; i < count; i++)
        list.values[i] = sql_int(items[i]);
    pad(&list, count);
    return list;
}

struct sql_list sql_list_texts(struct arena *arena, const char *const *items, size_t count)
{
    struct sql_list list = sql_list_new(arena, count);
    for (size_t i = 0; i < count; i++)
        list.values[i] = sql_text(items[i]);
    pad(&list, count);
    return list;
}

void sql_list_add(struct sql_list *list, struct sql_value value)
{
    list->values[list->count++] = value;
}

void sql_list_write(struct text *sql, size_t count)
{
    for (size_t i = 0; i < count; i++)
        text_add_str(sql, i ? ", ?" : "?");
}
