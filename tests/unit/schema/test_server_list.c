/*
 * Lists of servers against a model: 300 random rows with NULLs, of which every order, page by page, and every condition is also
 * computed here.
 */
#include <regex.h>

#include <jansson.h>

#include "gateway/base/text.h"
#include "tests/unit/schema/store.h"

#define ROWS     300
#define PAGE     7
#define NEW_YEAR INT64_C(1767225600000000)

/* Rows are read-only once they are made; the generator's state is what the test is about to draw. */
struct model {
    struct store store;
    struct server rows[ROWS];
    uint64_t random;
};

static uint32_t draw(struct model *model, uint32_t bound)
{
    model->random = model->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(model->random >> 33) % bound;
}

/* Texts that collations confuse: case, accents, trailing blanks, control characters. */
static const char *draw_text(struct model *model, bool nullable)
{
    static const char *const texts[] = {"",  " ", "a",   "A",  "a ", "a  ", "ab", "aB", "b",     "ä",    "Ä", "z",
                                        "é", "e", "a\t", "10", "9",  "%",   "_",  "\\", "größe", "日本", "𝄞", "a\x01"};
    const uint32_t index = draw(model, ARRAY_LEN(texts) + (nullable ? 6 : 0));
    return index < ARRAY_LEN(texts) ? texts[index] : NULL;
}

static int64_t draw_time(struct model *model, bool nullable)
{
    return nullable && draw(model, 4) == 0 ? 0 : NEW_YEAR + INT64_C(1000000) * draw(model, 20);
}

static const char *draw_tags(struct model *model)
{
    static const char *const words[] = {"red", "Red", "blue", "grün", "a \\\"b", "t\\tb", "redder"};
    CLEANUP(text_clear) struct text text = {0};
    text_add_char(&text, '[');
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (draw(model, 3) == 0)
            text_add_format(&text, "%s\"%s\"", text.length > 1 ? "," : "", words[i]);
    }
    text_add_char(&text, ']');
    return arena_strdup(&model->store.arena, text_str(&text));
}

static void draw_row(struct model *model, struct server *out)
{
    static const char *const vm_states[] = {"active", "building", "stopped", "error"};
    static const char *const task_states[] = {NULL, NULL, "spawning", "rebooting"};
    struct uuid uuid;
    random_bytes(&uuid, sizeof(uuid));
    *out = server_sample(&uuid);
    const char **const texts[] = {&out->project_id,     &out->user_id,   &out->name,       &out->hostname,
                                  &out->reservation_id, &out->flavor_id, &out->disk_config};
    const char **const nullable[] = {&out->description, &out->host,         &out->node,         &out->availability_zone,
                                     &out->image_ref,   &out->kernel_id,    &out->ramdisk_id,   &out->root_device_name,
                                     &out->key_name,    &out->access_ip_v4, &out->access_ip_v6, &out->locked_by};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        *texts[i] = draw_text(model, false);
    for (size_t i = 0; i < ARRAY_LEN(nullable); i++)
        *nullable[i] = draw_text(model, true);
    out->vm_state = vm_states[draw(model, 4)];
    out->task_state = task_states[draw(model, 4)];
    out->power_state = (int)draw(model, 8);
    out->progress = (int)draw(model, 5) - 2;
    out->launch_index = (int)draw(model, 3);
    out->config_drive = draw(model, 2);
    out->locked = draw(model, 2);
    out->deleted = draw(model, 2);
    out->tags = draw_tags(model);
    out->created_us = draw_time(model, false);
    out->updated_us = draw_time(model, true);
    out->launched_us = draw_time(model, true);
    out->terminated_us = draw_time(model, true);
}

static int setup(void **state)
{
    const char *url = getenv("ZONEGATE_TEST_DATABASE");
    struct model *model = calloc(1, sizeof(*model));
    *state = model;
    must(seal_setup());
    model->random = 42;
    if (!url)
        return 0;
    store_open(&model->store, url);
    for (size_t i = 0; i < ROWS; i++) {
        draw_row(model, &model->rows[i]);
        must(server_insert(model->store.db, &model->rows[i]));
    }
    return 0;
}

static int teardown(void **state)
{
    struct model *model = *state;
    store_close(&model->store);
    free(model);
    return 0;
}

static struct model *need_database(void **state)
{
    struct model *model = *state;
    if (!model->store.db)
        skip();
    return model;
}

/* NULL is least; texts and uuids by their bytes; times as they are stored. */
static int compare_column(const struct server *a, const struct server *b, enum server_column column)
{
    const struct sql_value left = server_column_value(a, column);
    const struct sql_value right = server_column_value(b, column);
    if (left.type == SQL_NULL || right.type == SQL_NULL)
        return (left.type != SQL_NULL) - (right.type != SQL_NULL);
    switch (server_column_type(column)) {
    case COLUMN_TYPE_INT:
        return (left.number > right.number) - (left.number < right.number);
    case COLUMN_TYPE_TIME:
        return (server_column_time(a, column) > server_column_time(b, column)) -
               (server_column_time(a, column) < server_column_time(b, column));
    case COLUMN_TYPE_UUID:
        return memcmp(a->uuid.bytes, b->uuid.bytes, sizeof(a->uuid.bytes));
    case COLUMN_TYPE_TEXT:
        break;
    }
    const size_t shorter = left.length < right.length ? left.length : right.length;
    const int order = shorter ? memcmp(left.bytes, right.bytes, shorter) : 0;
    return order ? order : (left.length > right.length) - (left.length < right.length);
}

static int compare_rows(const void *a, const void *b, void *context)
{
    const struct server_query *query = context;
    for (size_t i = 0; i < query->sort_count; i++) {
        const int order = compare_column(a, b, query->sort[i].column);
        if (order)
            return query->sort[i].descending ? -order : order;
    }
    return 0;
}

/* The list, a page at a time, each page after the last row of the one before: the model's rows in the model's order. */
static void assert_pages(struct model *model, struct server_query *query, const struct server *expected, size_t count)
{
    struct sql_value after[8];
    size_t seen = 0;
    size_t got = PAGE;
    query->limit = PAGE;
    query->after = NULL;
    while (got == PAGE) {
        CLEANUP(arena_clear) struct arena arena = {0};
        struct servers page;
        must(server_list(model->store.db, &arena, query, &page));
        assert_true(seen + page.count <= count);
        for (size_t i = 0; i < page.count; i++)
            assert_memory_equal(&page.items[i].uuid, &expected[seen + i].uuid, sizeof(struct uuid));
        seen += page.count;
        got = page.count;
        for (size_t i = 0; i < query->sort_count && seen; i++)
            after[i] = server_column_value(&expected[seen - 1], query->sort[i].column);
        query->after = after;
    }
    query->after = NULL; /* it was ours */
    assert_int_equal(seen, count);
}

static void assert_order(struct model *model, struct server_query *query)
{
    struct server *sorted = malloc(sizeof(model->rows));
    assert_non_null(sorted);
    memcpy(sorted, model->rows, sizeof(model->rows));
    qsort_r(sorted, ROWS, sizeof(*sorted), compare_rows, query);
    assert_pages(model, query, sorted, ROWS);
    free(sorted);
}

static void pages_of_every_column_make_the_whole(void **state)
{
    struct model *model = need_database(state);
    for (int column = 0; column < SERVER_COLUMN_COUNT; column++) {
        for (int descending = 0; descending < 2; descending++) {
            const struct sort_column sort[] = {
                {(enum server_column)column, descending != 0}, {COLUMN_CREATED_AT, true}, {COLUMN_UUID, false}};
            struct server_query query = {.sort = sort, .sort_count = ARRAY_LEN(sort)};
            assert_order(model, &query);
        }
    }
}

static void pages_of_many_columns_make_the_whole(void **state)
{
    struct model *model = need_database(state);
    for (int i = 0; i < 20; i++) {
        struct sort_column sort[7];
        const size_t asked = 2 + draw(model, 4);
        for (size_t j = 0; j < asked; j++)
            sort[j] = (struct sort_column){(enum server_column)draw(model, SERVER_COLUMN_COUNT), draw(model, 2) != 0};
        sort[asked] = (struct sort_column){COLUMN_CREATED_AT, true};
        sort[asked + 1] = (struct sort_column){COLUMN_UUID, false};
        struct server_query query = {.sort = sort, .sort_count = asked + 2};
        assert_order(model, &query);
    }
}

typedef bool matches_f(const struct server *row, const struct condition *condition);

/* The rows that the list gives are those that `matches` says, in the default order. */
static size_t assert_found(struct model *model, const struct condition *condition, matches_f *matches)
{
    static const struct sort_column sort[] = {{COLUMN_CREATED_AT, true}, {COLUMN_UUID, false}};
    struct server_query query = {.conditions = condition, .condition_count = 1, .sort = sort, .sort_count = 2};
    struct server *expected = malloc(sizeof(model->rows));
    size_t count = 0;
    assert_non_null(expected);
    for (size_t i = 0; i < ROWS; i++) {
        if (matches(&model->rows[i], condition))
            expected[count++] = model->rows[i];
    }
    qsort_r(expected, count, sizeof(*expected), compare_rows, &query);
    assert_pages(model, &query, expected, count);
    free(expected);
    return count;
}

static bool value_equal(const struct server *row, enum server_column column, const struct sql_value *value)
{
    const struct sql_value own = server_column_value(row, column);
    if (own.type == SQL_NULL || value->type == SQL_NULL)
        return false;
    if (own.type == SQL_INT)
        return own.number == value->number;
    const void *left = own.bytes ? own.bytes : own.inline_bytes;
    const void *right = value->bytes ? value->bytes : value->inline_bytes;
    return own.length == value->length && memcmp(left, right, own.length) == 0;
}

static bool is_any_of(const struct server *row, const struct condition *condition)
{
    for (size_t i = 0; i < condition->count; i++) {
        if (value_equal(row, condition->column, &condition->values[i]))
            return true;
    }
    return false;
}

static bool is_null(const struct server *row, const struct condition *condition)
{
    return server_column_value(row, condition->column).type == SQL_NULL;
}

static bool is_not_null(const struct server *row, const struct condition *condition)
{
    return !is_null(row, condition);
}

static void columns_are_compared_with_values(void **state)
{
    struct model *model = need_database(state);
    for (int column = 0; column < SERVER_COLUMN_COUNT; column++) {
        const struct sql_value values[] = {server_column_value(&model->rows[3], (enum server_column)column),
                                           server_column_value(&model->rows[7], (enum server_column)column),
                                           server_column_value(&model->rows[11], (enum server_column)column)};
        const enum server_column c = (enum server_column)column;
        (void)assert_found(model, &(struct condition){CONDITION_EQUAL, c, &values[0], 1}, is_any_of);
        (void)assert_found(model, &(struct condition){CONDITION_IN, c, values, 3}, is_any_of);
        assert_int_equal(assert_found(model, &(struct condition){CONDITION_IN, c, values, 0}, is_any_of), 0);
        (void)assert_found(model, &(struct condition){CONDITION_NULL, c, NULL, 0}, is_null);
        (void)assert_found(model, &(struct condition){CONDITION_NOT_NULL, c, NULL, 0}, is_not_null);
    }
}

static bool is_at_least(const struct server *row, const struct condition *condition)
{
    return !is_null(row, condition) && server_column_value(row, condition->column).number >= condition->values[0].number;
}

static bool is_at_most(const struct server *row, const struct condition *condition)
{
    return !is_null(row, condition) && server_column_value(row, condition->column).number <= condition->values[0].number;
}

static bool is_updated_until(const struct server *row, const struct condition *condition)
{
    (void)condition;
    return row->updated_us && row->updated_us <= NEW_YEAR + INT64_C(10000000);
}

static bool is_changed_since(const struct server *row, const struct condition *condition)
{
    (void)condition;
    return (row->updated_us ? row->updated_us : row->created_us) >= NEW_YEAR + INT64_C(10000000);
}

static void bounds_are_inclusive(void **state)
{
    struct model *model = need_database(state);
    const struct sql_value time = sql_time(NEW_YEAR + INT64_C(10000000));
    for (int i = -3; i < 9; i++) {
        const struct sql_value number = sql_int(i);
        (void)assert_found(model, &(struct condition){CONDITION_AT_LEAST, COLUMN_POWER_STATE, &number, 1}, is_at_least);
        (void)assert_found(model, &(struct condition){CONDITION_AT_MOST, COLUMN_PROGRESS, &number, 1}, is_at_most);
    }
    assert_true(assert_found(model, &(struct condition){CONDITION_AT_MOST, COLUMN_UPDATED_AT, &time, 1}, is_updated_until) > 0);
    assert_true(assert_found(model, &(struct condition){CONDITION_CHANGED_SINCE, COLUMN_UPDATED_AT, &time, 1}, is_changed_since) >
                0);
}

static bool has_tag(const struct server *row, const char *tag)
{
    json_auto_t *tags = json_loads(row->tags, 0, NULL);
    size_t index;
    json_t *value;
    json_array_foreach(tags, index, value)
    {
        if (strcmp(json_string_value(value), tag) == 0)
            return true;
    }
    return false;
}

static bool fits_tags(const struct server *row, const struct condition *condition)
{
    size_t found = 0;
    for (size_t i = 0; i < condition->count; i++)
        found += has_tag(row, condition->values[i].bytes);
    switch (condition->kind) {
    case CONDITION_TAGS_ALL:
        return found == condition->count;
    case CONDITION_TAGS_ANY:
        return found > 0;
    case CONDITION_TAGS_NOT_ALL:
        return found < condition->count;
    default:
        return found == 0;
    }
}

static void tags_are_whole_words(void **state)
{
    static const char *const sets[][3] = {{"red", NULL, NULL},   {"red", "blue", NULL}, {"grün", "a \"b", "Red"},
                                          {"none", "red", NULL}, {"re", "t\tb", NULL},  {"\"red\"", NULL, NULL}};
    static const enum condition_kind kinds[] = {CONDITION_TAGS_ALL, CONDITION_TAGS_ANY, CONDITION_TAGS_NOT_ALL,
                                                CONDITION_TAGS_NOT_ANY};
    struct model *model = need_database(state);
    for (size_t i = 0; i < ARRAY_LEN(sets) * ARRAY_LEN(kinds); i++) {
        struct sql_value values[3];
        size_t count = 0;
        for (const char *const *word = sets[i / 4]; count < 3 && *word; word++)
            values[count++] = sql_text(*word);
        (void)assert_found(model, &(struct condition){kinds[i % 4], SERVER_COLUMN_COUNT, values, count}, fits_tags);
    }
}

static bool fits_states(const struct server *row, const struct condition *condition)
{
    for (size_t i = 0; i < condition->count; i += 2) {
        const char *task = condition->values[i + 1].bytes;
        if (strcmp(row->vm_state, condition->values[i].bytes) == 0 &&
            (*task == '*' || (*task ? str_equal(row->task_state, task) : !row->task_state)))
            return true;
    }
    return false;
}

static void states_are_pairs(void **state)
{
    struct model *model = need_database(state);
    const struct sql_value pairs[] = {sql_text("active"),  sql_text("rebooting"), sql_text("error"), sql_text(""),
                                      sql_text("stopped"), sql_text("*"),         sql_text("none"),  sql_text("*")};
    for (size_t count = 0; count <= ARRAY_LEN(pairs); count += 2)
        (void)assert_found(model, &(struct condition){CONDITION_STATES, SERVER_COLUMN_COUNT, pairs, count}, fits_states);
}

static bool fits_pattern(const struct server *row, const struct condition *condition)
{
    const struct sql_value own = server_column_value(row, condition->column);
    regex_t regex;
    if (own.type == SQL_NULL)
        return false;
    assert_int_equal(regcomp(&regex, condition->values[0].bytes, REG_EXTENDED | REG_ICASE | REG_NOSUB), 0);
    const bool fits = regexec(&regex, own.bytes, 0, NULL, 0) == 0;
    regfree(&regex);
    return fits;
}

static void patterns_ignore_case(void **state)
{
    static const char *const patterns[] = {"a", "A", "^a$", "b|z", "^$", "[0-9]+", ".", "^(a|e).*", "gr", "%", "a +"};
    static const enum server_column of[] = {COLUMN_NAME, COLUMN_DESCRIPTION, COLUMN_HOST};
    struct model *model = need_database(state);
    for (size_t i = 0; i < ARRAY_LEN(patterns) * ARRAY_LEN(of); i++) {
        const struct sql_value value = sql_text(patterns[i / 3]);
        (void)assert_found(model, &(struct condition){CONDITION_REGEXP, of[i % 3], &value, 1}, fits_pattern);
    }
}

static void a_bad_pattern_is_the_clients_mistake(void **state)
{
    static const char *const bad[] = {"(", "[", "*", "a{2,1}", "\\", "a)", "(?<x", "[[:no:]]", "+"};
    static const struct sort_column sort[] = {{COLUMN_CREATED_AT, true}, {COLUMN_UUID, false}};
    struct model *model = need_database(state);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        const struct sql_value value = sql_text(bad[i]);
        const struct condition condition = {CONDITION_REGEXP, COLUMN_NAME, &value, 1};
        const struct server_query query = {&condition, 1, sort, 2, NULL, 10};
        struct servers servers = {NULL, 77};
        must_fail(server_list(model->store.db, &model->store.arena, &query, &servers), E_INVALID,
                  "Invalid filter: a value is not a regular expression.");
        assert_int_equal(servers.count, 77);
    }
}

/* All rows that the session's statements read so far. */
static int64_t rows_read(struct model *model)
{
    static const char sql[] = "SELECT SUM(VARIABLE_VALUE) FROM information_schema.SESSION_STATUS WHERE VARIABLE_NAME IN"
                              " ('HANDLER_READ_FIRST', 'HANDLER_READ_KEY', 'HANDLER_READ_LAST', 'HANDLER_READ_NEXT',"
                              " 'HANDLER_READ_PREV', 'HANDLER_READ_RND', 'HANDLER_READ_RND_NEXT')";
    CLEANUP(arena_clear) struct arena arena = {0};
    struct rows rows;
    must(db_query(model->store.db, &arena, sql, NULL, 0, &rows));
    return (int64_t)strtod(rows_text(&rows, 0, 0), NULL);
}

/* Without and with a project: the whole, and of the table no more than a page and those of the same second. */
static void the_usual_list_reads_its_page_only(void **state)
{
    static const struct sort_column sort[] = {{COLUMN_CREATED_AT, true}, {COLUMN_UUID, false}};
    struct model *model = need_database(state);
    const struct sql_value deleted = sql_bool(false);
    const struct sql_value project = sql_text(model->rows[0].project_id);
    const struct condition conditions[] = {{CONDITION_EQUAL, COLUMN_DELETED, &deleted, 1},
                                           {CONDITION_EQUAL, COLUMN_PROJECT_ID, &project, 1}};
    struct server expected[ROWS];
    for (size_t asked = 1; asked <= ARRAY_LEN(conditions); asked++) {
        struct server_query query = {.conditions = conditions, .condition_count = asked, .sort = sort, .sort_count = 2};
        size_t count = 0;
        for (size_t i = 0; i < ROWS; i++) {
            const bool wanted = asked == 1 || strcmp(model->rows[i].project_id, model->rows[0].project_id) == 0;
            if (wanted && !model->rows[i].deleted)
                expected[count++] = model->rows[i];
        }
        qsort_r(expected, count, sizeof(expected[0]), compare_rows, &query);
        assert_pages(model, &query, expected, count);
    }
    struct server_query query = {.conditions = conditions, .condition_count = 1, .sort = sort, .sort_count = 2, .limit = PAGE};
    CLEANUP(arena_clear) struct arena arena = {0};
    struct servers page;
    const int64_t before = rows_read(model);
    const int64_t for_the_question = rows_read(model) - before;
    must(server_list(model->store.db, &arena, &query, &page));
    assert_int_equal(page.count, PAGE);
    assert_in_range(rows_read(model) - before - 2 * for_the_question, PAGE, ROWS / 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_compared_with_values),
        cmocka_unit_test(bounds_are_inclusive),
        cmocka_unit_test(tags_are_whole_words),
        cmocka_unit_test(states_are_pairs),
        cmocka_unit_test(patterns_ignore_case),
        cmocka_unit_test(a_bad_pattern_is_the_clients_mistake),
        cmocka_unit_test(pages_of_every_column_make_the_whole),
        cmocka_unit_test(pages_of_many_columns_make_the_whole),
        cmocka_unit_test(the_usual_list_reads_its_page_only),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
