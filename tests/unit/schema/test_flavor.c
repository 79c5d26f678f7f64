/* Flavors against a real server: visibility, sorting and paging over all keys, extra specs, access, conflicts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#undef fail /* err.h has a function of that name */

#include "gateway/base/text.h"
#include "schema/embedded.h"
#include "schema/flavor.h"
#include "schema/migrate.h"

struct fixture {
    struct db_target target;
    struct db *db;
    struct arena arena;
};

static void must(enum err result)
{
    if (result != OK)
        print_error("%s: %s\n", err_name(result), err_message());
    assert_int_equal(result, OK);
}

static void must_fail(enum err result, enum err kind, const char *message)
{
    assert_int_equal(result, kind);
    assert_string_equal(err_message(), message);
}

static void open_database(struct fixture *fixture, const char *url)
{
    must(db_target_parse(url, &fixture->target));
    free(fixture->target.name);
    fixture->target.name = strdup("zonegate_test_flavor");
    must(db_create_database(&fixture->target));
    must(db_open(&fixture->target, &fixture->db));
    static const char drop[] = "DROP TABLE IF EXISTS flavor_access; DROP TABLE IF EXISTS flavors; DROP TABLE IF EXISTS keypairs;";
    must(db_script(fixture->db, drop, strlen(drop)));
    for (const struct embedded_file *file = embedded_migrations; file->name; file++) {
        if (str_starts(file->name, "0005_")) {
            must(db_script(fixture->db, (const char *)file->bytes, file->length));
            must(db_script(fixture->db, (const char *)file->bytes, file->length)); /* migrations are repeatable */
        }
    }
}

static int setup(void **state)
{
    const char *url = getenv("ZONEGATE_TEST_DATABASE");
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    *state = fixture;
    if (url)
        open_database(fixture, url);
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    db_close(fixture->db);
    db_target_clear(&fixture->target);
    arena_clear(&fixture->arena);
    free(fixture);
    return 0;
}

static struct fixture *need_database(void **state)
{
    struct fixture *fixture = *state;
    if (!fixture->db)
        skip();
    return fixture;
}

static void add(struct fixture *fixture, const char *flavorid, const char *name, int64_t size, bool is_public)
{
    const struct flavor flavor = {.flavorid = flavorid,
                                  .name = name,
                                  .ram_mib = 64 * size,
                                  .vcpus = size,
                                  .disk_gib = size,
                                  .rxtx_factor = 1.5,
                                  .is_public = is_public};
    must(flavor_add(fixture->db, &flavor));
}

static void a_flavor_comes_back_as_it_was(void **state)
{
    struct fixture *fixture = need_database(state);
    const struct flavor flavor = {.flavorid = "x 1",
                                  .name = "größe \"1\"",
                                  .ram_mib = 2147483647,
                                  .vcpus = 2,
                                  .disk_gib = 3,
                                  .ephemeral_gib = 4,
                                  .swap_mib = 5,
                                  .rxtx_factor = 0.1,
                                  .is_public = true,
                                  .description = "d"};
    struct flavor found;
    must(flavor_add(fixture->db, &flavor));
    must(flavor_get(fixture->db, &fixture->arena, "x 1", "anyone", &found));
    assert_string_equal(found.name, flavor.name);
    assert_int_equal(found.ram_mib, 2147483647);
    assert_int_equal(found.vcpus, 2);
    assert_int_equal(found.disk_gib, 3);
    assert_int_equal(found.ephemeral_gib, 4);
    assert_int_equal(found.swap_mib, 5);
    assert_true(found.rxtx_factor == 0.1);
    assert_true(found.is_public && !found.disabled);
    assert_string_equal(found.description, "d");
    assert_string_equal(found.extra_specs, "{}");
    assert_true(found.created_us > 0 && found.updated_us == 0);
    must(flavor_set_description(fixture->db, "x 1", NULL));
    must(flavor_get(fixture->db, &fixture->arena, "x 1", NULL, &found));
    assert_null(found.description);
    assert_true(found.updated_us > 0);
    json_auto_t *embedded = flavor_embed(&found);
    assert_int_equal(json_integer_value(json_object_get(embedded, "ram")), 2147483647);
    assert_int_equal(json_object_size(embedded), 8);
    must(flavor_delete(fixture->db, "x 1"));
    must_fail(flavor_delete(fixture->db, "x 1"), E_NOT_FOUND, "Flavor x 1 could not be found.");
    must_fail(flavor_set_description(fixture->db, "x 1", "d"), E_NOT_FOUND, "Flavor x 1 could not be found.");
}

static void taken_names_and_ids_are_told_apart(void **state)
{
    struct fixture *fixture = need_database(state);
    struct flavor flavor = {.flavorid = "t1", .name = "taken", .ram_mib = 1, .vcpus = 1, .rxtx_factor = 1};
    must(flavor_add(fixture->db, &flavor));
    flavor.flavorid = "t2";
    must_fail(flavor_add(fixture->db, &flavor), E_CONFLICT, "Flavor with name taken already exists.");
    flavor.flavorid = "t1";
    flavor.name = "Taken";
    must_fail(flavor_add(fixture->db, &flavor), E_CONFLICT, "Flavor with ID t1 already exists.");
    must(flavor_delete(fixture->db, "t1"));
}

static void private_flavors_are_seen_by_their_projects(void **state)
{
    struct fixture *fixture = need_database(state);
    struct db *db = fixture->db;
    struct flavor flavor;
    struct flavor_projects projects;
    add(fixture, "p", "private", 1, false);
    must(flavor_get(db, &fixture->arena, "p", NULL, &flavor));
    must_fail(flavor_get(db, &fixture->arena, "p", "mine", &flavor), E_NOT_FOUND, "Flavor p could not be found.");
    must(flavor_get(db, &fixture->arena, "p", NULL, &flavor));
    must(flavor_access_add(db, &flavor, "mine"));
    must(flavor_access_add(db, &flavor, "a"));
    must_fail(flavor_access_add(db, &flavor, "mine"), E_CONFLICT,
              "Flavor access already exists for flavor p and project mine combination.");
    must(flavor_get(db, &fixture->arena, "p", "mine", &flavor));
    must(flavor_access_list(db, &fixture->arena, &flavor, &projects));
    assert_int_equal(projects.count, 2);
    assert_string_equal(projects.ids[0], "a");
    must(flavor_access_remove(db, &flavor, "mine"));
    must_fail(flavor_access_remove(db, &flavor, "mine"), E_NOT_FOUND, "Flavor access not found for p / mine combination.");
    must_fail(flavor_get(db, &fixture->arena, "p", "mine", &flavor), E_NOT_FOUND, "Flavor p could not be found.");
    must(flavor_delete(db, "p")); /* with its access */
    const struct flavor gone = {.id = flavor.id, .flavorid = "p"};
    must_fail(flavor_access_add(db, &gone, "mine"), E_NOT_FOUND, "Flavor p could not be found.");
}

static void extra_specs_are_merged_and_removed(void **state)
{
    struct fixture *fixture = need_database(state);
    struct flavor flavor;
    add(fixture, "s", "specs", 1, true);
    json_auto_t *first = json_pack("{s:s, s:s}", "a", "1", "k\"ü", "x");
    json_auto_t *second = json_pack("{s:s}", "a", "2");
    must(flavor_change_extra_specs(fixture->db, &fixture->arena, "s", first, NULL));
    must(flavor_change_extra_specs(fixture->db, &fixture->arena, "s", second, NULL));
    must(flavor_get(fixture->db, &fixture->arena, "s", NULL, &flavor));
    assert_string_equal(flavor.extra_specs, "{\"a\":\"2\",\"k\\\"ü\":\"x\"}");
    must(flavor_change_extra_specs(fixture->db, &fixture->arena, "s", NULL, "k\"ü"));
    must_fail(flavor_change_extra_specs(fixture->db, &fixture->arena, "s", NULL, "b"), E_NOT_FOUND,
              "Flavor s has no extra specs with key b.");
    must_fail(flavor_change_extra_specs(fixture->db, &fixture->arena, "none", second, NULL), E_NOT_FOUND,
              "Flavor none could not be found.");
    must(flavor_get(fixture->db, &fixture->arena, "s", NULL, &flavor));
    assert_string_equal(flavor.extra_specs, "{\"a\":\"2\"}");
    must(flavor_delete(fixture->db, "s"));
}

static void assert_listed(struct fixture *fixture, const struct flavor_query *query, const char *expected)
{
    struct flavors flavors;
    char names[64] = "";
    must(flavor_list(fixture->db, &fixture->arena, query, &flavors));
    assert_true(flavors.count < sizeof(names));
    for (size_t i = 0; i < flavors.count; i++)
        names[i] = flavors.items[i].flavorid[0];
    assert_string_equal(names, expected);
}

/* a…e, sizes 1…5; d and e private, e of project P. Every sort key, both ways, page by page, equals the whole. */
static void pages_of_every_order_make_the_whole(struct fixture *fixture)
{
    static const char *const keys[] = {"created_at",  "description", "disabled",   "ephemeral_gb", "flavorid",
                                       "id",          "is_public",   "memory_mb",  "name",         "root_gb",
                                       "rxtx_factor", "swap",        "updated_at", "vcpu_weight",  "vcpus"};
    for (size_t i = 0; i < ARRAY_LEN(keys) * 2; i++) {
        struct flavor_query query = {
            .publicity = FLAVORS_ALL, .disabled_too = true, .sort_key = keys[i / 2], .descending = i % 2, .limit = 100};
        struct flavors whole;
        struct flavors page;
        size_t seen = 0;
        must(flavor_list(fixture->db, &fixture->arena, &query, &whole));
        assert_int_equal(whole.count, 5);
        query.limit = 2;
        do {
            must(flavor_list(fixture->db, &fixture->arena, &query, &page));
            for (size_t j = 0; j < page.count; j++)
                assert_string_equal(page.items[j].flavorid, whole.items[seen++].flavorid);
            query.marker = page.count ? page.items[page.count - 1].flavorid : NULL;
        } while (page.count == 2);
        assert_int_equal(seen, 5);
    }
}

static void lists_are_filtered_sorted_and_paged(void **state)
{
    struct fixture *fixture = need_database(state);
    struct flavor flavor;
    add(fixture, "c", "n1", 3, true);
    add(fixture, "a", "n2", 1, true);
    add(fixture, "b", "n3", 2, true);
    add(fixture, "d", "n4", 4, false);
    add(fixture, "e", "n5", 5, false);
    must(flavor_set_description(fixture->db, "b", "text"));
    must(flavor_get(fixture->db, &fixture->arena, "e", NULL, &flavor));
    must(flavor_access_add(fixture->db, &flavor, "P"));
    assert_listed(fixture, &(struct flavor_query){.limit = 10}, "abc");
    assert_listed(fixture, &(struct flavor_query){.limit = 10, .project_id = "P"}, "abce");
    assert_listed(fixture, &(struct flavor_query){.limit = 10, .publicity = FLAVORS_PRIVATE}, "de");
    assert_listed(fixture, &(struct flavor_query){.limit = 10, .publicity = FLAVORS_ALL}, "abcde");
    assert_listed(fixture, &(struct flavor_query){.limit = 10, .least_ram_mib = 128}, "bc");
    assert_listed(fixture, &(struct flavor_query){.limit = 10, .least_disk_gib = 3}, "c");
    assert_listed(fixture, &(struct flavor_query){.limit = 10, .least_disk_gib = -1}, "abc");
    assert_listed(fixture, &(struct flavor_query){.limit = 10, .sort_key = "name"}, "cab");
    assert_listed(fixture, &(struct flavor_query){.limit = 10, .sort_key = "vcpus", .descending = true}, "cba");
    assert_listed(fixture, &(struct flavor_query){.limit = 1, .marker = "a"}, "b");
    assert_listed(fixture, &(struct flavor_query){.limit = 0}, "");
    struct flavors none;
    must_fail(flavor_list(fixture->db, &fixture->arena, &(struct flavor_query){.limit = 1, .marker = "zz"}, &none), E_INVALID,
              "marker [zz] not found");
    must_fail(flavor_list(fixture->db, &fixture->arena, &(struct flavor_query){.limit = 1, .sort_key = "1; DROP"}, &none),
              E_INVALID, "Sort key 1; DROP is not valid.");
    pages_of_every_order_make_the_whole(fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_flavor_comes_back_as_it_was),
        cmocka_unit_test(taken_names_and_ids_are_told_apart),
        cmocka_unit_test(private_flavors_are_seen_by_their_projects),
        cmocka_unit_test(extra_specs_are_merged_and_removed),
        cmocka_unit_test(lists_are_filtered_sorted_and_paged),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
