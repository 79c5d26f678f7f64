/* Zones that have another parent now: who may say where a zone is, and what becomes of its row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#undef fail

#include "schema/zone_directory.h"
#include "tests/unit/zones/tree.h"
#include "zones/rehomed.h"

#define ERROR ZONE_REHOMED "zone east is now below west"

static struct directory_row row_at(const struct uuid *zone, const char *path, const char *state)
{
    return (struct directory_row){.zone = *zone, .tag = zone_tag(zone), .path = path, .state = state};
}

/* 3 asks for the zone, which is below 3 itself and below 4. */
static void a_zone_is_where_working_links_lead(void **state)
{
    static const struct {
        const char *told;
        bool found;
    } cases[] = {{"up", true},        {"suspect", true},  {"draining", true},          {"down", false},    {"unknown", false},
                 {"disabled", false}, {"probing", false}, {DIRECTORY_UNLINKED, false}, {"new-word", false}};
    (void)state;
    struct uuid zone;
    struct uuid other;
    uuid_new(&zone);
    uuid_new(&other);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena arena = {0};
        struct directory directory;
        const struct directory_row own = row_at(&other, ".", "up");
        const struct directory_row mine[] = {row_at(&zone, ".", "up")};
        const struct directory_row told[] = {row_at(&other, ".", "up"), row_at(&zone, "x", cases[i].told)};
        const struct directory_part parts[] = {{3, "old", "up", mine, 1}, {4, "west", "up", told, 2}};
        directory_merge(&arena, &own, parts, 2, &directory);
        const struct directory_row *found = directory_find_zone(&directory, &zone, 3);
        assert_int_equal(found != NULL, cases[i].found);
        if (found)
            assert_string_equal(found->path, "west/x");
        assert_string_equal(directory_find_zone(&directory, &zone, 4)->path, "old");
        assert_null(
            directory_find_zone(&directory, &own.zone, 4)); /* itself is below nobody; what 4 says of it counts for others */
        arena_clear(&arena);
    }
}

static void what_is_below_an_unlinked_child_is_unlinked_too(void **state)
{
    struct arena arena = {0};
    struct directory directory;
    struct uuid zones[3];
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(zones); i++)
        uuid_new(&zones[i]);
    const struct directory_row own = row_at(&zones[0], ".", "up");
    const struct directory_row told[] = {row_at(&zones[1], ".", "up"), row_at(&zones[2], "e1", "up")};
    const struct directory_part part = {4, "east", DIRECTORY_UNLINKED, told, 2};
    directory_merge(&arena, &own, &part, 1, &directory);
    assert_string_equal(directory_find_path(&directory, "east/e1")->state, DIRECTORY_UNLINKED);
    assert_null(directory_find_zone(&directory, &zones[2], 5));
    arena_clear(&arena);
}

static void what_is_told_must_be_a_path(void **state)
{
    char longest[DIRECTORY_PATH_MAX + 32];
    (void)state;
    (void)snprintf(longest, sizeof(longest), "{\"where\":{\"path\":\"%0*d\"}}", DIRECTORY_PATH_MAX + 1, 0);
    const struct {
        const char *body;
        int status;
        const char *path;
    } cases[] = {
        {"{\"where\":{\"path\":\"b/leaf\"}}", 200, "root/b/leaf"},
        {"{\"where\":{\"path\":\"leaf\"}}", 200, "root/leaf"},
        {"{\"where\":{\"path\":\"b/leaf\"}}", 404, NULL},
        {"{\"where\":{\"path\":\"b/le af\"}}", 200, NULL},
        {"{\"where\":{\"path\":\"b\\r\\nX-A: leaf\"}}", 200, NULL},
        {"{\"where\":{\"path\":7}}", 200, NULL},
        {"{\"where\":\"b/leaf\"}", 200, NULL},
        {"[]", 200, NULL},
        {"{", 200, NULL},
        {longest, 200, NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena arena = {0};
        const struct zone parent = {.row = {.name = "root"}};
        struct zone_call call = {.zone = &parent};
        call.answer = (struct http_answer){
            .kind = ZONE_ANSWERED, .status = cases[i].status, .body = cases[i].body, .body_length = strlen(cases[i].body)};
        const char *path = rehomed_path_told(&arena, &call);
        if (cases[i].path)
            assert_string_equal(path, cases[i].path);
        else
            assert_null(path);
        call.answer.kind = ZONE_TIMEOUT;
        assert_null(rehomed_path_told(&arena, &call));
        arena_clear(&arena);
    }
}

/* east's row is that of a zone which is elsewhere now. */
static int64_t rehome_east(struct tree *tree)
{
    const int64_t id = join_east(tree);
    settle(tree->top);
    must(zone_departed_rehomed(tree->db, &child_of(tree, tree->top, "east")->row, ERROR));
    must(zones_reload(tree->top->zones, tree->db));
    return id;
}

static void its_row_is_no_child(void **state)
{
    struct tree *tree = tree_of(state);
    const int64_t id = rehome_east(tree);
    const struct zones_view *view = zones_view(tree->top->zones, &tree->arena);
    const struct zone *east = child_of(tree, tree->top, "east");
    assert_int_equal(view->child_count, 0);
    assert_int_equal(view->rehomed_count, 1);
    assert_ptr_equal(view_child(view, id), east);
    assert_null(view_child_by_uuid(view, &tree->east->keys.zone));
    assert_null(directory_find_path(&view->directory, "east"));
    assert_string_equal(zone_state_name(east), "disabled");
    assert_false(zone_is_active(east));
    assert_string_equal(view->departed.items[0].path, "east"); /* on its way, as far as this zone knows */
    const struct zone_sight late = {.id = id, .error = "auth: another gateway's poll"};
    must(zone_row_seen(tree->db, &late));
    must(zones_reload(tree->top->zones, tree->db));
    assert_string_equal(child_of(tree, tree->top, "east")->row.last_error, ERROR);
}

static void enabled_it_is_a_child_as_before(void **state)
{
    struct tree *tree = tree_of(state);
    const int64_t id = rehome_east(tree);
    json_t *change = json_pack("{s:s}", "state", "enabled");
    must(zones_child_update(tree->top->zones, tree->db, &tree->arena, id, change));
    json_decref(change);
    const struct zones_view *view = zones_view(tree->top->zones, &tree->arena);
    assert_int_equal(view->child_count, 1);
    assert_non_null(directory_find_path(&view->directory, "east")); /* what it told last */
    settle(tree->top);
    assert_int_equal(ask(tree, "GET", NULL, 5000).status, 200);
}

/* The row that stayed is joined again, with what an admin gave. */
static void enabled_with_a_password_it_is_joined_again(void **state)
{
    struct tree *tree = tree_of(state);
    const int64_t id = rehome_east(tree);
    json_t *change = json_pack("{s:s, s:s}", "username", "admin", "password", STATION_PASSWORD);
    must(zones_child_update(tree->top->zones, tree->db, &tree->arena, id, change));
    json_decref(change);
    assert_int_equal(zones_view(tree->top->zones, &tree->arena)->rehomed_count, 1);
    change = json_pack("{s:s}", "state", "enabled");
    must(zones_child_update(tree->top->zones, tree->db, &tree->arena, id, change));
    json_decref(change);
    settle(tree->top);
    const struct zone *east = child_of(tree, tree->top, "east");
    assert_int_equal(east->row.id, id);
    assert_null(east->row.last_error);
    assert_null(east->row.credential);
    assert_int_equal(ask(tree, "GET", NULL, 5000).status, 200);
}

static void joined_anew_it_takes_the_place_of_the_row(void **state)
{
    static const char *const names[] = {"east", "far-east"}; /* by its name; by its uuid, when it has answered */
    struct tree *tree = tree_of(state);
    (void)rehome_east(tree);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        int64_t id = 0;
        must(add(tree, tree->top, tree->db, by_password(tree->east, names[i], STATION_PASSWORD), &id));
        settle(tree->top);
        const struct zones_view *view = zones_view(tree->top->zones, &tree->arena);
        assert_int_equal(view->child_count, 1);
        assert_int_equal(view->rehomed_count, 0);
        assert_true(child_of(tree, tree->top, names[i])->row.joined);
        must(zone_departed_rehomed(tree->db, &child_of(tree, tree->top, names[i])->row, ERROR));
        must(zones_reload(tree->top->zones, tree->db));
    }
}

/* Between the poll that was refused and the word of where it is. */
static void one_that_was_changed_meanwhile_is_left_alone(void **state)
{
    struct tree *tree = tree_of(state);
    const int64_t id = join_east(tree);
    const struct zone_row before = child_of(tree, tree->top, "east")->row;
    json_t *change = json_pack("{s:f}", "weight_offset", 2.0);
    must(zones_child_update(tree->top->zones, tree->db, &tree->arena, id, change));
    json_decref(change);
    assert_int_equal(zone_departed_rehomed(tree->db, &before, ERROR), E_NOT_FOUND);
    must(zones_reload(tree->top->zones, tree->db));
    assert_int_equal(zones_view(tree->top->zones, &tree->arena)->child_count, 1);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_zone_is_where_working_links_lead),
        cmocka_unit_test(what_is_below_an_unlinked_child_is_unlinked_too),
        cmocka_unit_test(what_is_told_must_be_a_path),
        TEST(its_row_is_no_child),
        TEST(enabled_it_is_a_child_as_before),
        TEST(enabled_with_a_password_it_is_joined_again),
        TEST(joined_anew_it_takes_the_place_of_the_row),
        TEST(one_that_was_changed_meanwhile_is_left_alone),
    };
    return seal_setup() == OK && http_client_setup() == OK ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
