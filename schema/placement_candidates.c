/* Names, ids and whole trees for allocation candidates; see placement_candidates.h. The search for roots is in
 * placement_candidate_roots.c. */
#include "schema/placement_candidates.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/text.h"
#include "schema/db_cache.h"

/* The list as one JSON value: a statement's text is then the same for every number of ids, and it is prepared once. */
static const char *ids_to_json(struct arena *arena, const struct id_list *ids)
{
    CLEANUP(text_clear) struct text json = {0};
    text_add_char(&json, '[');
    for (size_t i = 0; i < ids->count; i++) {
        if (i > 0)
            text_add_char(&json, ',');
        text_add_int(&json, ids->items[i]);
    }
    text_add_char(&json, ']');
    return arena_strndup(arena, text_str(&json), json.length);
}

static const char *names_to_json(struct arena *arena, const char *const *names, size_t count)
{
    CLEANUP(text_clear) struct text json = {0};
    text_add_char(&json, '[');
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            text_add_char(&json, ',');
        text_add_json(&json, names[i]);
    }
    text_add_char(&json, ']');
    return arena_strndup(arena, text_str(&json), json.length);
}

static enum err query_named(struct db *db, struct arena *arena, const char *sql, const char *json, struct name_rows *out)
{
    const struct sql_value values[] = {sql_text(json)};
    struct rows rows;
    TRY(db_query_counted(db, arena, COUNTED_NAMES, sql, values, ARRAY_LEN(values), &rows));
    struct name_row *items = arena_alloc(arena, (rows.count + 1) * sizeof(*items));
    for (size_t i = 0; i < rows.count; i++)
        items[i] = (struct name_row){rows_int(&rows, i, 0), rows_text(&rows, i, 1), 0};
    *out = (struct name_rows){items, rows.count};
    return OK;
}

enum err class_names_get(struct db *db, struct arena *arena, const struct id_list *ids, struct name_rows *out)
{
    static const char sql[] = "SELECT c.id, c.name FROM JSON_TABLE(?, '$[*]' COLUMNS(id BIGINT PATH '$')) w"
                              " STRAIGHT_JOIN resource_classes c ON c.id = w.id ORDER BY c.id";
    return query_named(db, arena, sql, ids_to_json(arena, ids), out);
}

enum err trait_names_get(struct db *db, struct arena *arena, const struct id_list *ids, struct name_rows *out)
{
    static const char sql[] = "SELECT t.id, t.name FROM JSON_TABLE(?, '$[*]' COLUMNS(id BIGINT PATH '$')) w"
                              " STRAIGHT_JOIN traits t ON t.id = w.id ORDER BY t.id";
    return query_named(db, arena, sql, ids_to_json(arena, ids), out);
}

static struct id_list read_ids(struct arena *arena, const struct rows *rows)
{
    int64_t *items = arena_alloc(arena, (rows->count + 1) * sizeof(*items));
    for (size_t i = 0; i < rows->count; i++)
        items[i] = rows_int(rows, i, 0);
    return (struct id_list){items, rows->count};
}

enum err aggregate_ids_find(struct db *db, struct arena *arena, const struct uuid *uuids, size_t count, struct id_list *out)
{
    static const char sql[] = "SELECT a.id FROM JSON_TABLE(?, '$[*]' COLUMNS(hex VARCHAR(32) PATH '$')) w"
                              " STRAIGHT_JOIN placement_aggregates a ON a.uuid = UNHEX(w.hex) ORDER BY a.id";
    const char **names = arena_alloc(arena, (count + 1) * sizeof(*names));
    for (size_t i = 0; i < count; i++)
        names[i] = arena_strdup(arena, uuid_to_hex(&uuids[i]).text);
    const struct sql_value values[] = {sql_text(names_to_json(arena, names, count))};
    struct rows rows;
    TRY(db_query(db, arena, sql, values, ARRAY_LEN(values), &rows));
    *out = read_ids(arena, &rows);
    return OK;
}

enum err provider_root_find(struct db *db, const struct uuid *uuid, int64_t *out)
{
    static const char sql[] = "SELECT root_provider_id FROM resource_providers WHERE uuid = ?";
    const struct sql_value values[] = {sql_uuid(uuid)};
    CLEANUP(arena_clear) struct arena arena = {0};
    struct rows rows;
    TRY(db_query(db, &arena, sql, values, ARRAY_LEN(values), &rows));
    *out = rows.count ? rows_int(&rows, 0, 0) : 0;
    return OK;
}

enum err trait_roots_find(struct db *db, struct arena *arena, int64_t trait_id, struct id_list *out)
{
    static const char sql[] = "SELECT DISTINCT p.root_provider_id FROM resource_provider_traits t"
                              " STRAIGHT_JOIN resource_providers p ON p.id = t.resource_provider_id WHERE t.trait_id = ?"
                              " ORDER BY p.root_provider_id";
    const struct sql_value values[] = {sql_int(trait_id)};
    struct rows rows;
    TRY(db_query_counted(db, arena, COUNTED_TRAITS, sql, values, ARRAY_LEN(values), &rows));
    *out = read_ids(arena, &rows);
    return OK;
}

/* "12 5 7": numbers with one blank between, as the statement below makes them. */
static size_t count_numbers(const struct sql_cell *cell)
{
    size_t count = cell->length > 0;
    for (size_t i = 0; i < cell->length; i++)
        count += cell->bytes[i] == ' ';
    return count;
}

static int64_t take_number(const char **cursor)
{
    const char *at = *cursor;
    const bool negative = *at == '-';
    int64_t number = 0;
    for (at += negative; *at >= '0' && *at <= '9'; at++)
        number = number * 10 + (*at - '0');
    *cursor = at + (*at == ' ');
    return negative ? -number : number;
}

static int compare_ids(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a;
    const int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static struct id_list parse_ids(struct arena *arena, const struct sql_cell *cell)
{
    const size_t count = count_numbers(cell);
    if (count == 0)
        return (struct id_list){0};
    int64_t *items = arena_alloc(arena, count * sizeof(*items));
    const char *cursor = cell->bytes;
    bool ascending = true;
    for (size_t i = 0; i < count; i++) {
        items[i] = take_number(&cursor);
        ascending = ascending && (i == 0 || items[i - 1] < items[i]);
    }
    if (!ascending)
        qsort(items, count, sizeof(*items), compare_ids);
    return (struct id_list){items, count};
}

static int compare_stocks(const void *a, const void *b)
{
    return compare_ids(&((const struct provider_stock *)a)->class_id, &((const struct provider_stock *)b)->class_id);
}

#define STOCK_NUMBERS 6

static void parse_stocks(struct arena *arena, const struct sql_cell *cell, struct tree_provider *out)
{
    const size_t count = count_numbers(cell) / STOCK_NUMBERS;
    if (count == 0)
        return;
    struct provider_stock *stocks = arena_alloc(arena, count * sizeof(*stocks));
    const char *cursor = cell->bytes;
    for (size_t i = 0; i < count; i++) {
        stocks[i].class_id = take_number(&cursor);
        stocks[i].capacity = take_number(&cursor);
        stocks[i].min_unit = take_number(&cursor);
        stocks[i].max_unit = take_number(&cursor);
        stocks[i].step_size = take_number(&cursor);
        stocks[i].used = take_number(&cursor);
    }
    qsort(stocks, count, sizeof(*stocks), compare_stocks);
    out->stocks = stocks;
    out->stock_count = count;
}

/* Hosts of one kind have the same traits: a list that reads as the one before is that one. */
static struct id_list parse_alike(struct arena *arena, const struct rows *rows, size_t row, size_t column,
                                  const struct tree_provider *before)
{
    const struct sql_cell cell = rows_bytes(rows, row, column);
    if (before) {
        const struct sql_cell other = rows_bytes(rows, row - 1, column);
        if (cell.length == other.length && (cell.length == 0 || memcmp(cell.bytes, other.bytes, cell.length) == 0))
            return before->traits;
    }
    return parse_ids(arena, &cell);
}

static void parse_provider(struct arena *arena, const struct rows *rows, size_t row, struct tree_provider *items)
{
    const struct sql_cell stocks = rows_bytes(rows, row, 4);
    const struct sql_cell aggregates = rows_bytes(rows, row, 6);
    items[row].id = rows_int(rows, row, 0);
    items[row].uuid = rows_uuid(rows, row, 1);
    items[row].parent_id = rows_int(rows, row, 2);
    items[row].root_id = rows_int(rows, row, 3);
    parse_stocks(arena, &stocks, &items[row]);
    items[row].traits = parse_alike(arena, rows, row, 5, row > 0 ? &items[row - 1] : NULL);
    items[row].aggregates = parse_ids(arena, &aggregates);
}

static int compare_providers(const void *a, const void *b)
{
    const struct tree_provider *x = a;
    const struct tree_provider *y = b;
    return x->root_id != y->root_id ? compare_ids(&x->root_id, &y->root_id) : compare_ids(&x->id, &y->id);
}

/* The ratio goes through its text, as every reader of the column sees it: 0.7, not the nearest binary fraction of 24 bits. The
 * server would sort rows with lists in them on disk: they come in order almost always, and are put in order here. */
enum err trees_load(struct db *db, struct arena *arena, const struct id_list *roots, struct tree_details details,
                    struct tree_providers *out)
{
    static const char sql[] =
        "SELECT p.id, p.uuid, p.parent_provider_id, p.root_provider_id,"
        " (SELECT GROUP_CONCAT(CONCAT_WS(' ', i.resource_class_id,"
        " CAST(LEAST(TRUNCATE((i.total - i.reserved) * CAST(i.allocation_ratio AS CHAR), 0), 4e18) AS SIGNED),"
        " i.min_unit, i.max_unit, i.step_size, i.used) SEPARATOR ' ')"
        " FROM inventories i WHERE i.resource_provider_id = p.id),"
        " IF(?, (SELECT GROUP_CONCAT(t.trait_id SEPARATOR ' ') FROM resource_provider_traits t"
        " WHERE t.resource_provider_id = p.id), NULL),"
        " IF(?, (SELECT GROUP_CONCAT(g.aggregate_id SEPARATOR ' ') FROM resource_provider_aggregates g"
        " WHERE g.resource_provider_id = p.id), NULL)"
        " FROM JSON_TABLE(?, '$[*]' COLUMNS(id BIGINT PATH '$')) w"
        " STRAIGHT_JOIN resource_providers p ON p.root_provider_id = w.id";
    const struct sql_value values[] = {sql_bool(details.traits), sql_bool(details.aggregates), sql_text(ids_to_json(arena, roots))};
    struct rows rows;
    TRY(db_query(db, arena, sql, values, ARRAY_LEN(values), &rows));
    struct tree_provider *items = arena_alloc(arena, (rows.count + 1) * sizeof(*items));
    for (size_t i = 0; i < rows.count; i++)
        parse_provider(arena, &rows, i, items);
    qsort(items, rows.count, sizeof(*items), compare_providers);
    *out = (struct tree_providers){items, rows.count};
    return OK;
}
