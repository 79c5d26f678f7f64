/* Directories: reading what children say, merging, digests; whose an id is; the reduction of several answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#undef fail

#include "gateway/base/text.h"
#include "tests/unit/zones/pair.h"
#include "zones/resolve.h"

static struct directory_row row_of(const char *path, bool untagged)
{
    struct directory_row row = {.path = path, .state = "up", .untagged = untagged};
    uuid_new(&row.zone);
    row.tag = zone_tag(&row.zone);
    return row;
}

static void a_directory_goes_up_and_is_merged(void **state)
{
    struct arena arena = {0};
    struct directory leaf;
    struct directory top;
    const struct directory_row *read = NULL;
    size_t count = 0;
    (void)state;
    const struct directory_row below = row_of(".", true);
    const struct directory_row east = row_of(".", false);
    const struct directory_row root = row_of(".", false);
    const struct directory_part grandchild = {7, "e1", "up", &below, 1};
    directory_merge(&arena, &east, &grandchild, 1, &leaf);
    json_t *json = directory_json(&leaf, NULL);
    assert_int_equal(directory_read(&arena, json, &read, &count), OK);
    assert_int_equal(count, 2);
    const struct directory_part child = {3, "east", "suspect", read, count};
    directory_merge(&arena, &root, &child, 1, &top);
    assert_int_equal(top.count, 3);
    assert_string_equal(directory_find_path(&top, ".")->state, "up");
    assert_string_equal(directory_find_path(&top, "east")->state, "suspect"); /* as this zone sees it */
    const struct directory_row *deep = directory_find_path(&top, "east/e1");
    assert_string_equal(deep->state, "up");
    assert_true(deep->untagged);
    assert_int_equal(deep->next_hop, 3);
    assert_int_equal(directory_find_tag(&top, below.tag, &count)->tag, below.tag);
    assert_int_equal(count, 1);
    assert_null(directory_find_path(&top, "west"));
    json_decref(json);
    arena_clear(&arena);
}

static void what_is_below_a_silent_child_is_silent_too(void **state)
{
    static const struct {
        const char *child;
        const char *below;
    } rows[] = {{"up", "up"},     {"suspect", "up"},      {"draining", "up"},      {"unknown", "up"},
                {"down", "down"}, {"probing", "probing"}, {"disabled", "disabled"}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena arena = {0};
        struct directory directory;
        const struct directory_row own = row_of(".", false);
        const struct directory_row told[] = {row_of(".", false), row_of("e1", false)};
        const struct directory_part part = {3, "east", rows[i].child, told, 2};
        directory_merge(&arena, &own, &part, 1, &directory);
        assert_string_equal(directory_find_path(&directory, "east")->state, rows[i].child);
        assert_string_equal(directory_find_path(&directory, "east/e1")->state, rows[i].below);
        arena_clear(&arena);
    }
}

static void the_digest_sees_every_change_and_no_order(void **state)
{
    struct arena arena = {0};
    struct directory a;
    struct directory b;
    (void)state;
    const struct directory_row own = row_of(".", false);
    struct directory_row told[] = {row_of(".", false), row_of("e1", false), row_of("e2", false)};
    struct directory_part parts[] = {{3, "east", "up", told, 3}, {4, "west", "up", told, 1}};
    directory_merge(&arena, &own, parts, 2, &a);
    const struct directory_part turned[] = {parts[1], parts[0]};
    directory_merge(&arena, &own, turned, 2, &b);
    assert_string_equal(a.digest, b.digest);
    told[2].state = "down";
    directory_merge(&arena, &own, parts, 2, &b);
    assert_string_not_equal(a.digest, b.digest);
    told[2].state = "up";
    told[2].untagged = true;
    directory_merge(&arena, &own, parts, 2, &b);
    assert_string_not_equal(a.digest, b.digest);
    told[2].untagged = false;
    parts[1].name = "vest";
    directory_merge(&arena, &own, parts, 2, &b);
    assert_string_not_equal(a.digest, b.digest);
    parts[1].name = "west";
    directory_merge(&arena, &own, parts, 1, &b);
    assert_string_not_equal(a.digest, b.digest);
    directory_merge(&arena, &own, parts, 2, &b);
    assert_string_equal(a.digest, b.digest);
    json_t *known = directory_json(&a, a.digest);
    json_t *unknown = directory_json(&a, "0000");
    assert_null(json_object_get(known, "zones"));
    assert_int_equal(json_array_size(json_object_get(unknown, "zones")), 5);
    json_decref(known);
    json_decref(unknown);
    arena_clear(&arena);
}

/* One zone ".", and one that is damaged. */
static enum err read_with(const char *member, json_t *value)
{
    struct arena arena = {0};
    struct directory directory;
    const struct directory_row *rows = NULL;
    size_t count = 0;
    const struct directory_row own = row_of(".", false);
    const struct directory_row below = row_of(".", false);
    const struct directory_part part = {3, "east", "up", &below, 1};
    directory_merge(&arena, &own, &part, 1, &directory);
    json_t *json = directory_json(&directory, NULL);
    json_t *list = json_object_get(json, "zones");
    for (size_t i = 0; member && i < json_array_size(list); i++) {
        json_t *row = json_array_get(list, i);
        if (!str_equal(json_string_value(json_object_get(row, "path")), "east"))
            continue;
        if (value)
            (void)json_object_set_new(row, member, value);
        else
            (void)json_object_del(row, member);
    }
    const enum err result = directory_read(&arena, json, &rows, &count);
    json_decref(json);
    arena_clear(&arena);
    return result;
}

static void rows_that_lie_are_refused(void **state)
{
    static const char *const members[] = {"uuid", "tag", "path", "state", "untagged"};
    static const char *const paths[] = {"", "/", "a/", "/a", "a//b", "a b", "a;b", "\xc3\xa9"};
    (void)state;
    assert_int_equal(read_with(NULL, NULL), OK);
    assert_int_equal(read_with("unknown-member", json_string("kept")), OK);
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        assert_int_equal(read_with(members[i], NULL), E_INVALID);
        assert_int_equal(read_with(members[i], json_integer(5)), E_INVALID);
    }
    for (size_t i = 0; i < ARRAY_LEN(paths); i++)
        assert_int_equal(read_with("path", json_string(paths[i])), E_INVALID);
    assert_int_equal(read_with("tag", json_string("000000")), E_INVALID);
    assert_int_equal(read_with("uuid", json_string("not-a-uuid")), E_INVALID);
    assert_int_equal(read_with("uuid", json_string("11111111-2222-4333-8444-555555555555")), E_INVALID); /* another tag */
    assert_int_equal(read_with("state", json_string("UP")), E_INVALID);
    struct arena arena = {0};
    const struct directory_row *rows = NULL;
    size_t count = 0;
    json_t *empty = json_pack("{s:s,s:[]}", "digest", "x", "zones");
    assert_int_equal(directory_read(&arena, empty, &rows, &count), E_INVALID); /* it lacks itself */
    assert_int_equal(directory_read(&arena, NULL, &rows, &count), E_INVALID);
    json_decref(empty);
    arena_clear(&arena);
}

/* A zone with two children and a parent; what each child has below is said by `told`. */
struct tree {
    struct pair *pair;
    struct zone children[2];
    struct zone parent;
    struct zone_health healths[3];
    struct directory_row own;
    struct zones_view view;
    struct arena arena;
};

static void tree_open(struct tree *tree, const struct directory_row *east, size_t east_count, const struct directory_row *west,
                      size_t west_count)
{
    memset(tree, 0, sizeof(*tree));
    tree->pair = pair_open();
    tree->pair->parent.zones.options.reads_up = true;
    for (size_t i = 0; i < 3; i++)
        health_init(&tree->healths[i]);
    tree->children[0] = (struct zone){.row = {.id = 1, .name = "east", .joined = true}, .health = &tree->healths[0]};
    tree->children[1] = (struct zone){.row = {.id = 2, .name = "west", .joined = true}, .health = &tree->healths[1]};
    tree->parent = (struct zone){.row = {.id = 3, .side = ZONE_PARENT, .name = "top", .joined = true}, .health = &tree->healths[2]};
    tree->own = (struct directory_row){
        .zone = tree->pair->parent.keys.zone, .tag = zone_tag(&tree->pair->parent.keys.zone), .path = ".", .state = "up"};
    tree->view = (struct zones_view){.children = tree->children, .child_count = 2, .parents = &tree->parent, .parent_count = 1};
    const struct directory_part parts[] = {{1, "east", "up", east, east_count}, {2, "west", "up", west, west_count}};
    directory_merge(&tree->arena, &tree->own, parts, 2, &tree->view.directory);
}

static void tree_close(struct tree *tree)
{
    pair_close(tree->pair);
    arena_clear(&tree->arena);
}

static struct location locate(struct tree *tree, uint32_t tag, const struct link_caller *from, bool for_read)
{
    struct uuid id;
    uuid_new_tagged(tag, &id);
    return zones_locate(&tree->pair->parent.zones, &tree->view, &id, from, for_read, &tree->arena);
}

static void ids_are_found_by_their_birthplace(void **state)
{
    struct tree tree;
    const struct directory_row east[] = {row_of(".", false), row_of("e1", false)};
    const struct directory_row west[] = {row_of(".", false)};
    (void)state;
    tree_open(&tree, east, 2, west, 1);
    assert_int_equal(locate(&tree, tree.own.tag, NULL, true).place, PLACE_OWN);
    assert_int_equal(locate(&tree, tree.own.tag, NULL, true).count, 0);
    const struct location deep = locate(&tree, east[1].tag, NULL, false);
    assert_int_equal(deep.place, PLACE_CHILD);
    assert_int_equal(deep.count, 1);
    assert_string_equal(deep.candidates[0].zone->row.name, "east");
    assert_string_equal(deep.candidates[0].row->path, "east/e1");
    assert_null(deep.parent);
    const struct location unknown = locate(&tree, 0xabcdef, NULL, true);
    assert_int_equal(unknown.place, PLACE_PARENT);
    assert_ptr_equal(unknown.parent, &tree.parent);
    assert_int_equal(locate(&tree, 0xabcdef, NULL, false).place, PLACE_NOWHERE); /* what is not to go up */
    tree.pair->parent.zones.options.reads_up = false;
    assert_int_equal(locate(&tree, 0xabcdef, NULL, true).place, PLACE_NOWHERE); /* another authority's users */
    tree_close(&tree);
}

static void nobody_is_asked_back(void **state)
{
    struct tree tree;
    const struct directory_row east[] = {row_of(".", true)};
    const struct directory_row west[] = {row_of(".", true)};
    const struct link_caller from_east = {.id = 1, .direction = LINK_UP};
    const struct link_caller from_top = {.id = 3, .direction = LINK_DOWN};
    (void)state;
    tree_open(&tree, east, 1, west, 1);
    const struct location up = locate(&tree, 0xabcdef, &from_east, true);
    assert_int_equal(up.place, PLACE_UNKNOWN_TAG);
    assert_int_equal(up.count, 1);
    assert_string_equal(up.candidates[0].zone->row.name, "west");
    assert_ptr_equal(up.parent, &tree.parent);
    const struct location down = locate(&tree, 0xabcdef, &from_top, true);
    assert_int_equal(down.place, PLACE_UNKNOWN_TAG);
    assert_int_equal(down.count, 2);
    assert_null(down.parent);
    assert_int_equal(locate(&tree, east[0].tag, &from_east, true).count, 1); /* west may own it untagged */
    assert_null(locate(&tree, east[0].tag, &from_east, true).parent);        /* the tag is known: it is no question for above */
    tree_close(&tree);
}

static void untagged_owners_are_asked_besides(void **state)
{
    struct tree tree;
    const struct directory_row east[] = {row_of(".", false)};
    const struct directory_row west[] = {row_of(".", false), row_of("adopted", true)};
    (void)state;
    tree_open(&tree, east, 1, west, 2);
    const struct location own = locate(&tree, tree.own.tag, NULL, true);
    assert_int_equal(own.place, PLACE_OWN);
    assert_int_equal(own.count, 1);
    const struct location other = locate(&tree, east[0].tag, NULL, true);
    assert_int_equal(other.place, PLACE_CHILD);
    assert_int_equal(other.count, 2);
    assert_ptr_equal(other.candidates[0].zone, &tree.children[0]); /* the tag's zone first */
    assert_ptr_equal(other.candidates[1].zone, &tree.children[1]);
    assert_int_equal(locate(&tree, 0xabcdef, NULL, true).place, PLACE_UNKNOWN_TAG);
    tree_close(&tree);
}

static void a_diamond_takes_the_way_that_is_up(void **state)
{
    struct tree tree;
    const struct directory_row shared = row_of("shared", false);
    const struct directory_row east[] = {row_of(".", false), shared};
    const struct directory_row west[] = {row_of(".", false), shared};
    (void)state;
    tree_open(&tree, east, 2, west, 2);
    (void)health_probe(&tree.healths[0], HEALTH_EV_REFUSED, ZONE_REFUSED, 0);
    struct location location = locate(&tree, shared.tag, NULL, true);
    assert_int_equal(location.count, 1);
    assert_ptr_equal(location.candidates[0].zone, &tree.children[1]);
    (void)health_probe(&tree.healths[0], HEALTH_EV_PROBE_GOOD, ZONE_ANSWERED, 0);
    (void)health_probe(&tree.healths[1], HEALTH_EV_REFUSED, ZONE_REFUSED, 0);
    location = locate(&tree, shared.tag, NULL, true);
    assert_int_equal(location.count, 1);
    assert_ptr_equal(location.candidates[0].zone, &tree.children[0]);
    tree_close(&tree);
}

static void two_zones_with_one_tag_are_both_asked(void **state)
{
    struct tree tree;
    struct directory_row east[] = {row_of(".", false)};
    struct directory_row west[] = {row_of(".", false)};
    (void)state;
    west[0].tag = east[0].tag;
    tree_open(&tree, east, 1, west, 1);
    assert_int_equal(locate(&tree, east[0].tag, NULL, true).count, 2);
    tree_close(&tree);
}

static void first_claim_wins(void **state)
{
    struct tree tree;
    struct uuid id;
    const struct directory_row east[] = {row_of(".", false)};
    const struct directory_row west[] = {row_of(".", true)};
    (void)state;
    tree_open(&tree, east, 1, west, 1);
    uuid_new_tagged(east[0].tag, &id);
    assert_true(directory_may_answer(&tree.view.directory, 1, &id));
    assert_true(directory_may_answer(&tree.view.directory, 2, &id)); /* it has untagged ids */
    uuid_new_tagged(tree.own.tag, &id);
    assert_false(directory_may_answer(&tree.view.directory, 1, &id));
    uuid_new_tagged(0xabcdef, &id);
    assert_true(directory_may_answer(&tree.view.directory, 1, &id));
    tree_close(&tree);
}

static void strangers_see_tags(void **state)
{
    struct tree tree;
    struct zones_missing list = {0};
    const struct directory_row east[] = {row_of(".", false), row_of("e1", false)};
    const struct directory_row west[] = {row_of(".", false)};
    (void)state;
    tree_open(&tree, east, 2, west, 1);
    missing_add(&tree.arena, &list, "east/e1", ZONE_TIMEOUT);
    missing_add(&tree.arena, &list, "east/e9", ZONE_REFUSED);
    assert_string_equal(zones_missing_header(&tree.view, &list, true, &tree.arena),
                        "east/e1;reason=timeout, east/e9;reason=refused");
    const char *hidden = zones_missing_header(&tree.view, &list, false, &tree.arena);
    assert_null(strstr(hidden, "east"));
    assert_non_null(strstr(hidden, arena_printf(&tree.arena, "%06x;reason=timeout", east[1].tag)));
    assert_non_null(strstr(hidden, arena_printf(&tree.arena, "%06x;reason=refused", east[0].tag))); /* the nearest that is known */
    struct zones_missing none = {0};
    assert_null(zones_missing_header(&tree.view, &none, false, &tree.arena));
    tree_close(&tree);
}

static void a_path_names_the_zones_on_the_way(void **state)
{
    struct tree tree;
    const struct directory_row east[] = {row_of(".", false), row_of("e1", false), row_of("e1/deep", false)};
    const struct directory_row west[] = {row_of(".", false)};
    (void)state;
    tree_open(&tree, east, 3, west, 1);
    const struct zone *hop = &tree.children[0];
    const uint32_t tags[] = {hop->tag, east[1].tag, east[2].tag};
    const char *all = arena_printf(&tree.arena, "%06x/%06x/%06x", tags[0], tags[1], tags[2]);
    const char *above = arena_printf(&tree.arena, "%06x", tree.parent.tag);
    const struct {
        const struct zone *hop;
        const char *path;
        bool names;
        const char *header;
    } cases[] = {
        {hop, NULL, true, "east"},
        {hop, ".", true, "east"},
        {hop, "e1/deep", true, "east/e1/deep"},
        {hop, "no path!", true, "east"},
        {&tree.parent, "west/w1", true, arena_printf(&tree.arena, "%s/west/w1", tree.parent.row.name)},
        {hop, NULL, false, arena_printf(&tree.arena, "%06x", tags[0])},
        {hop, "e1/deep", false, all},
        {hop, "e1/deep/new", false, all},
        {hop, "new/e1", false, arena_printf(&tree.arena, "%06x", tags[0])},
        {hop, "no path!", false, arena_printf(&tree.arena, "%06x", tags[0])},
        {&tree.parent, "east/e1", false, above},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_string_equal(zones_path_header(&tree.view, cases[i].hop, cases[i].path, cases[i].names, &tree.arena),
                            cases[i].header);
    struct zones_missing list = {0};
    missing_add(&tree.arena, &list, arena_printf(&tree.arena, "%s/west", tree.parent.row.name), ZONE_REFUSED);
    assert_string_equal(zones_missing_header(&tree.view, &list, false, &tree.arena),
                        arena_printf(&tree.arena, "%s;reason=refused", above));
    tree_close(&tree);
}

/* The tag is known, and the way to it leads back to the asker: nobody may say "not found". */
static void what_cannot_be_asked_is_lost_not_gone(void **state)
{
    struct tree tree;
    const struct directory_row east[] = {row_of(".", false), row_of("e1", false)};
    const struct directory_row west[] = {row_of(".", false)};
    const struct link_caller from_east = {.id = 1, .direction = LINK_UP};
    (void)state;
    tree_open(&tree, east, 2, west, 1);
    const struct location back = locate(&tree, east[1].tag, &from_east, true);
    assert_int_equal(back.place, PLACE_NOWHERE);
    assert_string_equal(back.lost, "east/e1");
    assert_null(locate(&tree, 0xabcdef, NULL, true).lost);
    struct zone_departed_row gone = {.path = "old/zone"};
    uuid_new(&gone.uuid);
    tree.view.departed = (struct zone_departed_rows){&gone, 1};
    const struct location left = locate(&tree, zone_tag(&gone.uuid), NULL, true);
    assert_int_equal(left.place, PLACE_PARENT); /* it may be elsewhere in the tree by now */
    assert_string_equal(left.lost, "old/zone");
    tree_close(&tree);
}

static void a_forwarding_record_names_a_zone(void **state)
{
    struct tree tree;
    struct directory_row east[] = {row_of(".", false), row_of("e1", false)};
    struct directory_row west[] = {row_of(".", false)};
    struct uuid stranger;
    const struct link_caller from_top = {.id = 3, .direction = LINK_DOWN};
    (void)state;
    west[0].tag = east[1].tag; /* the same tag, but another zone: not meant */
    tree_open(&tree, east, 2, west, 1);
    const struct location below = zones_locate_zone(&tree.pair->parent.zones, &tree.view, &east[1].zone, NULL, &tree.arena);
    assert_int_equal(below.place, PLACE_CHILD);
    assert_int_equal(below.count, 1);
    assert_ptr_equal(below.candidates[0].zone, &tree.children[0]);
    const struct location own = zones_locate_zone(&tree.pair->parent.zones, &tree.view, &tree.own.zone, NULL, &tree.arena);
    assert_int_equal(own.place, PLACE_OWN);
    uuid_new(&stranger);
    const struct location up = zones_locate_zone(&tree.pair->parent.zones, &tree.view, &stranger, NULL, &tree.arena);
    assert_int_equal(up.place, PLACE_PARENT);
    const struct location no = zones_locate_zone(&tree.pair->parent.zones, &tree.view, &stranger, &from_top, &tree.arena);
    assert_int_equal(no.place, PLACE_NOWHERE);
    tree_close(&tree);
}

static void lists_of_the_whole_tree_leave_out_the_asker(void **state)
{
    struct tree tree;
    size_t count = 0;
    const struct directory_row east[] = {row_of(".", false)};
    const struct directory_row west[] = {row_of(".", false)};
    const struct link_caller from_east = {.id = 1, .direction = LINK_UP};
    const struct link_caller from_top = {.id = 3, .direction = LINK_DOWN};
    (void)state;
    tree_open(&tree, east, 1, west, 1);
    const struct zones *zones = &tree.pair->parent.zones;
    const struct zone *const *list = zones_list_sources(zones, &tree.view, NULL, false, &tree.arena, &count);
    assert_int_equal(count, 2);
    assert_ptr_not_equal(list[0], list[1]);
    list = zones_list_sources(zones, &tree.view, NULL, true, &tree.arena, &count);
    assert_int_equal(count, 3);
    assert_ptr_equal(list[2], &tree.parent);
    list = zones_list_sources(zones, &tree.view, &from_east, true, &tree.arena, &count);
    assert_int_equal(count, 2);
    assert_ptr_equal(list[0], &tree.children[1]);
    assert_ptr_equal(list[1], &tree.parent);
    list = zones_list_sources(zones, &tree.view, &from_top, true, &tree.arena, &count);
    assert_int_equal(count, 2); /* the parent asks itself */
    assert_ptr_equal(list[0], &tree.children[0]);
    tree_close(&tree);
}

static void reservations_ask_nobody_with_untagged_ids(void **state)
{
    struct tree tree;
    const struct directory_row east[] = {row_of(".", false)};
    const struct directory_row west[] = {row_of(".", true)};
    (void)state;
    tree_open(&tree, east, 1, west, 1);
    const struct zones *zones = &tree.pair->parent.zones;
    const struct location minted = zones_locate_tag(zones, &tree.view, east[0].tag, NULL, &tree.arena);
    assert_int_equal(minted.place, PLACE_CHILD);
    assert_int_equal(minted.count, 1);
    assert_int_equal(zones_locate_tag(zones, &tree.view, tree.own.tag, NULL, &tree.arena).count, 0);
    assert_int_equal(zones_locate_tag(zones, &tree.view, 0xabcdef, NULL, &tree.arena).place, PLACE_PARENT);
    tree_close(&tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_directory_goes_up_and_is_merged),
        cmocka_unit_test(what_is_below_a_silent_child_is_silent_too),
        cmocka_unit_test(the_digest_sees_every_change_and_no_order),
        cmocka_unit_test(rows_that_lie_are_refused),
        cmocka_unit_test(ids_are_found_by_their_birthplace),
        cmocka_unit_test(nobody_is_asked_back),
        cmocka_unit_test(untagged_owners_are_asked_besides),
        cmocka_unit_test(a_diamond_takes_the_way_that_is_up),
        cmocka_unit_test(two_zones_with_one_tag_are_both_asked),
        cmocka_unit_test(first_claim_wins),
        cmocka_unit_test(strangers_see_tags),
        cmocka_unit_test(a_path_names_the_zones_on_the_way),
        cmocka_unit_test(what_cannot_be_asked_is_lost_not_gone),
        cmocka_unit_test(a_forwarding_record_names_a_zone),
        cmocka_unit_test(lists_of_the_whole_tree_leave_out_the_asker),
        cmocka_unit_test(reservations_ask_nobody_with_untagged_ids),
    };
    return seal_setup() == OK ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
