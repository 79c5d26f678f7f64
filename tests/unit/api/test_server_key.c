/*
 * Sort keys of servers: every column, both directions, with and without a value: the key's bytes order as the rows do, and what is
 * read back is what the database is asked for. Damaged keys; where a page begins.
 */
#include "gateway/api/server_key.h"
#include "tests/unit/schema/store.h"
#include "zones/row_key.h"

#define ROWS     60
#define NEW_YEAR INT64_C(1767225600000000)

/* A row in which a third of what may be NULL is NULL. */
static struct server draw_row(struct arena *arena)
{
    static const char *const texts[] = {"", "a", "A", "a ", "ab", "ä", "größe", "\x01", "\xff", "10", "9"};
    struct uuid uuid;
    uuid_new(&uuid);
    struct server row = server_sample(&uuid);
    const char **const members[] = {
        &row.project_id,     &row.user_id,      &row.name,        &row.hostname,          &row.vm_state,
        &row.reservation_id, &row.flavor_id,    &row.disk_config, /* from here on: nullable */
        &row.description,    &row.host,         &row.node,        &row.availability_zone, &row.task_state,
        &row.image_ref,      &row.kernel_id,    &row.ramdisk_id,  &row.root_device_name,  &row.key_name,
        &row.access_ip_v4,   &row.access_ip_v6, &row.locked_by};
    for (size_t i = 0; i < ARRAY_LEN(members); i++)
        *members[i] = i >= 8 && random_below(3) == 0 ? NULL : arena_strdup(arena, texts[random_below(ARRAY_LEN(texts))]);
    row.power_state = (int)random_below(9) - 4;
    row.progress = (int)random_below(3);
    row.launch_index = (int)random_below(3);
    row.config_drive = random_below(2);
    row.locked = random_below(2);
    row.deleted = random_below(2);
    row.created_us = NEW_YEAR + INT64_C(1000000) * random_below(10);
    row.updated_us = random_below(3) ? NEW_YEAR + INT64_C(1000000) * random_below(10) : 0;
    row.launched_us = random_below(3) ? NEW_YEAR - INT64_C(1000000) * random_below(10) : 0;
    row.terminated_us = random_below(3) ? INT64_C(1000000) * (1 + random_below(10)) : 0;
    return row;
}

static int compare_values(const struct sql_value *a, const struct sql_value *b)
{
    if (a->type == SQL_NULL || b->type == SQL_NULL)
        return (a->type != SQL_NULL) - (b->type != SQL_NULL);
    if (a->type == SQL_INT)
        return (a->number > b->number) - (a->number < b->number);
    const void *left = a->bytes ? a->bytes : a->inline_bytes; /* times: texts that order as times do */
    const void *right = b->bytes ? b->bytes : b->inline_bytes;
    const size_t shorter = a->length < b->length ? a->length : b->length;
    const int order = shorter ? memcmp(left, right, shorter) : 0;
    return order ? order : (a->length > b->length) - (a->length < b->length);
}

static int sign(int number)
{
    return (number > 0) - (number < 0);
}

static int compare_rows(const struct server *a, const struct server *b, const struct server_filter *filter)
{
    for (size_t i = 0; i < filter->sort_count; i++) {
        const struct sql_value left = server_column_value(a, filter->sort[i].column);
        const struct sql_value right = server_column_value(b, filter->sort[i].column);
        const int order = sign(compare_values(&left, &right));
        if (order)
            return filter->sort[i].descending ? -order : order;
    }
    return 0;
}

static void assert_read_back(struct arena *arena, const struct text *key, const struct server *row,
                             const struct server_filter *filter)
{
    const struct sql_value *values = NULL;
    must(server_key_values(arena, key, filter, &values));
    for (size_t i = 0; i < filter->sort_count; i++) {
        const struct sql_value expected = server_column_value(row, filter->sort[i].column);
        assert_int_equal(values[i].type == SQL_NULL, expected.type == SQL_NULL);
        assert_int_equal(compare_values(&values[i], &expected), 0);
        assert_int_equal(values[i].length, expected.length);
    }
}

static void check_order(struct arena *arena, const struct server *rows, const struct server_filter *filter)
{
    struct text keys[ROWS] = {{0}};
    for (size_t i = 0; i < ROWS; i++) {
        must(server_key_add(&keys[i], &rows[i], filter));
        assert_read_back(arena, &keys[i], &rows[i], filter);
        for (size_t j = 0; j < i; j++)
            assert_int_equal(sign(row_key_compare(keys[i].bytes, keys[i].length, keys[j].bytes, keys[j].length)),
                             compare_rows(&rows[i], &rows[j], filter));
    }
    for (size_t i = 0; i < ROWS; i++)
        text_clear(&keys[i]);
}

static void keys_order_and_come_back_for_every_column(void **state)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    struct server rows[ROWS];
    (void)state;
    for (size_t i = 0; i < ROWS; i++)
        rows[i] = draw_row(&arena);
    for (int i = 0; i < 2 * SERVER_COLUMN_COUNT; i++) {
        struct sort_column sort[3] = {{(enum server_column)(i / 2), i % 2}};
        struct server_filter filter = {.sort = sort, .sort_count = 1, .requested_count = 1};
        if (sort[0].column != COLUMN_CREATED_AT) /* as the filter completes it: no column twice */
            sort[filter.sort_count++] = (struct sort_column){COLUMN_CREATED_AT, true};
        if (sort[0].column != COLUMN_UUID)
            sort[filter.sort_count++] = (struct sort_column){COLUMN_UUID, false};
        check_order(&arena, rows, &filter);
    }
}

static void keys_order_and_come_back_for_many_columns(void **state)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    struct server rows[ROWS];
    (void)state;
    for (size_t i = 0; i < ROWS; i++)
        rows[i] = draw_row(&arena);
    for (int i = 0; i < 20; i++) {
        struct sort_column sort[6];
        const size_t asked = random_below(5);
        for (size_t j = 0; j < asked; j++) /* neighbours differ, and none is created_at or uuid: those are tested above */
            sort[j] = (struct sort_column){(enum server_column)(COLUMN_PROJECT_ID + (j * 5 + random_below(5))), random_below(2)};
        sort[asked] = (struct sort_column){COLUMN_CREATED_AT, true};
        sort[asked + 1] = (struct sort_column){COLUMN_UUID, false};
        const struct server_filter filter = {.sort = sort, .sort_count = asked + 2, .requested_count = asked};
        check_order(&arena, rows, &filter);
    }
}

static void damaged_keys_are_refused(void **state)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    CLEANUP(text_clear) struct text key = {0};
    struct sort_column sort[] = {{COLUMN_NAME, false}, {COLUMN_UPDATED_AT, true}, {COLUMN_CREATED_AT, true}, {COLUMN_UUID, false}};
    struct server_filter filter = {.sort = sort, .sort_count = 4, .requested_count = 2};
    const struct uuid uuid = uuid_of(1);
    const struct server row = server_sample(&uuid);
    const struct sql_value *values = NULL;
    (void)state;
    must(server_key_add(&key, &row, &filter));
    for (size_t length = 0; length < key.length; length++) {
        struct text cut = {key.bytes, length, key.capacity};
        must_fail(server_key_values(&arena, &cut, &filter, &values), E_INVALID, "zone.after is not a key of this order.");
    }
    key.bytes[0] = 2; /* neither null nor a value */
    assert_int_equal(server_key_values(&arena, &key, &filter, &values), E_INVALID);
    key.bytes[0] = 1;
    must(server_key_values(&arena, &key, &filter, &values));
    filter.sort[1].descending = false; /* another order */
    assert_int_equal(server_key_values(&arena, &key, &filter, &values), E_INVALID);
    filter.sort[1].descending = true;
    filter.requested_count = 1;
    assert_int_equal(server_key_values(&arena, &key, &filter, &values), E_INVALID);
    filter.requested_count = 2;
    text_add_char(&key, 'x');
    values = NULL;
    assert_int_equal(server_key_values(&arena, &key, &filter, &values), E_INVALID);
    assert_null(values);
}

static void random_bytes_are_never_trouble(void **state)
{
    struct sort_column sort[] = {{COLUMN_NAME, true}, {COLUMN_PROGRESS, false}, {COLUMN_CREATED_AT, true}, {COLUMN_UUID, false}};
    const struct server_filter filter = {.sort = sort, .sort_count = 4, .requested_count = 2};
    (void)state;
    for (int i = 0; i < 20000; i++) {
        CLEANUP(arena_clear) struct arena arena = {0};
        char bytes[64];
        const struct sql_value *values = NULL;
        struct text key = {bytes, random_below(sizeof(bytes)), sizeof(bytes)};
        random_bytes(bytes, sizeof(bytes));
        bytes[0] = (char)0xfe; /* a value, so that it goes on */
        if (server_key_values(&arena, &key, &filter, &values) != OK)
            assert_int_equal(server_key_values(&arena, &key, &filter, &values), E_INVALID);
    }
}

static void too_long_keys_are_refused(void **state)
{
    CLEANUP(text_clear) struct text key = {0};
    static char name[8000];
    struct sort_column sort[] = {{COLUMN_NAME, false}, {COLUMN_CREATED_AT, true}, {COLUMN_UUID, false}};
    const struct server_filter filter = {.sort = sort, .sort_count = 3, .requested_count = 1};
    const struct uuid uuid = uuid_of(1);
    struct server row = server_sample(&uuid);
    (void)state;
    memset(name, 'n', sizeof(name) - 1);
    row.name = name;
    assert_int_equal(server_key_add(&key, &row, &filter), E_INVALID);
    assert_int_equal(key.length, 0);
}

static struct sort_column by_name[] = {{COLUMN_NAME, false}, {COLUMN_CREATED_AT, true}, {COLUMN_UUID, false}};

static enum err after(struct store *store, const char *marker, const char *project, bool is_admin, struct text *out)
{
    const struct server_filter filter = {.sort = by_name, .sort_count = 3, .requested_count = 1, .marker = marker};
    struct request request = {.arena = &store->arena, .db = store->db};
    request.caller = (struct caller){.project_id = project, .is_admin = is_admin};
    pairs_add(&store->arena, &request.query, "zone.after", "AAAA"); /* not over a link: not for clients */
    return server_key_after(&request, &filter, out);
}

static void a_marker_is_a_servers_key(void **state)
{
    static const char id[] = "11111111-2222-4333-8444-555555555501";
    struct store *store = store_get(state);
    CLEANUP(text_clear) struct text key = {0};
    CLEANUP(text_clear) struct text expected = {0};
    const struct uuid uuid = uuid_of(1);
    const struct server row = server_sample(&uuid);
    const struct server_filter filter = {.sort = by_name, .sort_count = 3, .requested_count = 1};
    must(server_insert(store->db, &row));
    must(server_key_add(&expected, &row, &filter));
    must(after(store, id, "p", false, &key));
    assert_int_equal(key.length, expected.length);
    assert_memory_equal(key.bytes, expected.bytes, key.length);
    text_reset(&key);
    must(after(store, id, "q", true, &key)); /* an admin's may be of any project */
    assert_int_equal(key.length, expected.length);
    text_reset(&key);
    must_fail(after(store, id, "q", false, &key), E_INVALID, "marker [11111111-2222-4333-8444-555555555501] not found");
    must_fail(after(store, "no uuid", "p", false, &key), E_INVALID, "marker [no uuid] not found");
    must_fail(after(store, "", "p", false, &key), E_INVALID, "marker [] not found");
    must(server_set_deleted(store->db, &uuid));
    must(after(store, id, "p", false, &key)); /* paging goes on behind a server that was deleted meanwhile */
    assert_int_equal(key.length, expected.length);
    text_reset(&key);
    must(after(store, NULL, "p", false, &key));
    assert_int_equal(key.length, 0);
}

static void over_a_link_the_key_itself_is_named(void **state)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    CLEANUP(text_clear) struct text key = {0};
    const struct server_filter filter = {.sort = by_name, .sort_count = 3, .requested_count = 1, .marker = "unused"};
    struct request request = {.arena = &arena, .link = arena_alloc(&arena, 1)};
    (void)state;
    pairs_add(&arena, &request.query, "zone.after", "AAEC_w");
    must(server_key_after(&request, &filter, &key));
    assert_int_equal(key.length, 4);
    assert_memory_equal(key.bytes, "\x00\x01\x02\xff", 4);
    request.query = (struct http_pairs){0};
    pairs_add(&arena, &request.query, "zone.after", "AA=C");
    assert_int_equal(server_key_after(&request, &filter, &key), E_INVALID);
}

static void queries_are_encoded(void **state)
{
    CLEANUP(text_clear) struct text text = {0};
    (void)state;
    query_add(&text, "a b&", "größe/+=%?#~-._");
    query_add(&text, "c", "");
    assert_string_equal(text_str(&text), "a%20b%26=gr%C3%B6%C3%9Fe%2F%2B%3D%25%3F%23~-._&c=&");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_order_and_come_back_for_every_column),
        cmocka_unit_test(keys_order_and_come_back_for_many_columns),
        cmocka_unit_test(damaged_keys_are_refused),
        cmocka_unit_test(random_bytes_are_never_trouble),
        cmocka_unit_test(too_long_keys_are_refused),
        cmocka_unit_test(a_marker_is_a_servers_key),
        cmocka_unit_test(over_a_link_the_key_itself_is_named),
        cmocka_unit_test(queries_are_encoded),
    };
    return cmocka_run_group_tests(tests, store_setup, store_teardown);
}
