/* Images in a real database: who sees what, lists whose pages put together are the sorted whole, states, members, what a crash
 * left. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#undef fail /* err.h has a function of that name */

#include "compute/image/filter.h"
#include "compute/image/image.h"
#include "compute/image/store.h"
#include "gateway/base/seal.h"
#include "gateway/base/text.h"
#include "schema/image.h"
#include "schema/migrate.h"

#define DATABASE "zonegate_test_image"

struct fixture {
    struct db_target target;
    struct db *db;
    struct arena arena;
};

static const struct caller member = {.project_id = "p1", .is_member = true};
static const struct caller stranger = {.project_id = "p3", .is_member = true};
static const struct caller admin = {.project_id = "p0", .is_admin = true};

static void must(enum err result)
{
    if (result != OK)
        print_error("%s: %s\n", err_name(result), err_message());
    assert_int_equal(result, OK);
}

static void run(struct fixture *fixture, const char *sql)
{
    must(db_script(fixture->db, sql, strlen(sql)));
}

static int setup(void **state)
{
    const char *url = getenv("ZONEGATE_TEST_DATABASE");
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    int from = 0;
    int to = 0;
    *state = fixture;
    must(seal_setup());
    if (!url)
        return 0;
    must(db_target_parse(url, &fixture->target));
    free(fixture->target.name);
    fixture->target.name = strdup(DATABASE);
    must(db_create_database(&fixture->target));
    must(db_open(&fixture->target, &fixture->db));
    run(fixture, "DROP DATABASE " DATABASE);
    db_close(fixture->db);
    must(db_create_database(&fixture->target));
    must(db_open(&fixture->target, &fixture->db));
    must(db_upgrade(fixture->db, &from, &to));
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    if (fixture->db)
        run(fixture, "DROP DATABASE " DATABASE);
    db_close(fixture->db);
    db_target_clear(&fixture->target);
    arena_clear(&fixture->arena);
    free(fixture);
    return 0;
}

static struct fixture *fixture_get(void **state)
{
    struct fixture *fixture = *state;
    if (!fixture->db)
        skip();
    return fixture;
}

static struct image make(const char *name, const char *owner, const char *visibility)
{
    struct image image = {.owner = owner,
                          .name = name,
                          .visibility = visibility,
                          .disk_format = "raw",
                          .container_format = "bare",
                          .properties = "{\"os_distro\":\"deb\\\"ian/é\",\"x.y\":\"1\"}",
                          .tags = "[\"a b\",\"t\"]"};
    uuid_new(&image.id);
    return image;
}

static struct uuid add(struct fixture *fixture, const char *name, const char *owner, const char *visibility)
{
    const struct image image = make(name, owner, visibility);
    must(image_add(fixture->db, &image));
    return image.id;
}

/* The names of a list, with blanks between. */
static const char *names(struct fixture *fixture, const struct caller *caller, const char *const *pairs)
{
    struct image_filter filter;
    struct images images;
    struct text text = {0};
    image_filter_begin(&filter, &fixture->arena, caller);
    must(image_filter_add(&filter, "sort", "name:asc"));
    for (; pairs && *pairs; pairs += 2)
        must(image_filter_add(&filter, pairs[0], pairs[1]));
    must(image_filter_end(&filter));
    must(image_list(fixture->db, &fixture->arena, &filter.query, &images));
    for (size_t i = 0; i < images.count; i++)
        text_add_format(&text, "%s%s", i ? " " : "", images.items[i].name);
    const char *result = arena_strdup(&fixture->arena, text_str(&text));
    text_clear(&text);
    return result;
}

static void test_there_and_back(void **state)
{
    struct fixture *fixture = fixture_get(state);
    const struct image image = make("n", "p1", "shared");
    struct image found;
    struct image_ref ref;
    must(image_add(fixture->db, &image));
    assert_int_equal(image_add(fixture->db, &image), E_CONFLICT);
    must(image_get(fixture->db, &fixture->arena, &image.id, NULL, &found));
    assert_true(uuid_equal(&found.id, &image.id));
    assert_string_equal(found.status, "queued");
    assert_string_equal(found.properties, image.properties);
    assert_int_equal(found.size, -1);
    assert_null(found.sha512);
    assert_true(found.created_us > 0 && found.created_us % 1000000 == 0);
    must(image_lookup(fixture->db, &fixture->arena, uuid_to_text(&image.id).text, &member, &ref));
    assert_string_equal(ref.name, "n");
    assert_null(ref.kernel_id);
    assert_int_equal(image_lookup(fixture->db, &fixture->arena, "n", &member, &ref), E_NOT_FOUND);
    assert_int_equal(image_lookup(fixture->db, &fixture->arena, uuid_to_text(&image.id).text, &stranger, &ref), E_NOT_FOUND);
}

/* name of the image, its owner and visibility; then who gets it by id */
static void test_who_sees_what(void **state)
{
    struct fixture *fixture = fixture_get(state);
    static const struct {
        const char *name, *owner, *visibility;
        bool mine, strangers;
    } rows[] = {
        {"1public", "p2", "public", true, true},       {"2private", "p2", "private", false, false},
        {"3mine", "p1", "private", true, false},       {"4shared", "p2", "shared", true, false},
        {"5community", "p2", "community", true, true}, {"6mycommunity", "p1", "community", true, true},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct uuid id = add(fixture, rows[i].name, rows[i].owner, rows[i].visibility);
        struct image image;
        if (strcmp(rows[i].visibility, "shared") == 0)
            must(image_member_add(fixture->db, &id, "p1", 10));
        assert_int_equal(image_get(fixture->db, &fixture->arena, &id, "p1", &image), rows[i].mine ? OK : E_NOT_FOUND);
        assert_int_equal(image_get(fixture->db, &fixture->arena, &id, "p3", &image), rows[i].strangers ? OK : E_NOT_FOUND);
        must(image_get(fixture->db, &fixture->arena, &id, NULL, &image));
        if (strcmp(rows[i].visibility, "shared") == 0) {
            assert_string_equal(names(fixture, &member, NULL), "1public 3mine");
            must(image_member_set(fixture->db, &id, "p1", "accepted"));
        }
    }
    const char *const shared[] = {"visibility", "shared", NULL};
    const char *const pending[] = {"visibility", "shared", "member_status", "pending", NULL};
    const char *const community[] = {"visibility", "community", NULL};
    const char *const all[] = {"visibility", "all", NULL};
    assert_string_equal(names(fixture, &member, NULL), "1public 3mine 4shared 6mycommunity");
    assert_string_equal(names(fixture, &stranger, NULL), "1public");
    assert_string_equal(names(fixture, &admin, NULL), "1public 2private 3mine 4shared");
    assert_string_equal(names(fixture, &member, shared), "4shared");
    assert_string_equal(names(fixture, &member, pending), "");
    assert_string_equal(names(fixture, &member, community), "5community 6mycommunity");
    assert_string_equal(names(fixture, &member, all), "1public 3mine 4shared 5community 6mycommunity");
    assert_string_equal(names(fixture, &admin, all), "1public 2private 3mine 4shared 5community 6mycommunity");
}

static void test_filters(void **state)
{
    struct fixture *fixture = fixture_get(state);
    const struct uuid id = add(fixture, "a", "p1", "private");
    const struct image_data data = {10, 20, "c", "s"};
    struct image b = make("b", "p1", "private");
    b.properties = "{}";
    b.tags = "[]";
    b.hidden = true;
    must(image_add(fixture->db, &b));
    must(image_move(fixture->db, &id, IMAGE_QUEUED, IMAGE_SAVING));
    must(image_activate(fixture->db, &id, &data));
    static const struct {
        const char *pairs[5];
        const char *expected;
    } rows[] = {
        {{"name", "a"}, "a"},
        {{"name", "A"}, ""},
        {{"name", "in:a,b", "os_hidden", "true"}, "b"},
        {{"status", "active"}, "a"},
        {{"status", "queued"}, ""},
        {{"os_distro", "deb\"ian/é"}, "a"},
        {{"os_distro", "debian"}, ""},
        {{"x.y", "1"}, "a"},
        {{"nonsense", "1"}, ""},
        {{"tag", "a b"}, "a"},
        {{"tag", "a b", "tag", "t"}, "a"},
        {{"tag", "a"}, ""},
        {{"size_min", "10", "size_max", "10"}, "a"},
        {{"size_min", "11"}, ""},
        {{"size_max", "11", "os_hidden", "true"}, ""},
        {{"created_at", "gt:2026-01-01"}, "a"},
        {{"created_at", "lt:2026-01-01"}, ""},
        {{"id", "junk"}, ""},
        {{"protected", "false"}, "a"},
        {{"protected", "true"}, ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *found = names(fixture, &member, rows[i].pairs);
        if (strcmp(found, rows[i].expected) != 0)
            print_error("row %zu: '%s', not '%s'\n", i, found, rows[i].expected);
        assert_string_equal(found, rows[i].expected);
    }
    const char *const by_id[] = {"id", arena_strdup(&fixture->arena, uuid_to_text(&id).text), NULL};
    assert_string_equal(names(fixture, &member, by_id), "a");
}

/* Appends the page after `marker`; its last id, or NULL when it was the last one. */
static const char *read_page(struct fixture *fixture, const char *sort, const char *marker, const char *limit, struct text *out)
{
    struct image_filter filter;
    struct images images;
    image_filter_begin(&filter, &fixture->arena, &admin);
    must(image_filter_add(&filter, "sort", sort));
    must(image_filter_add(&filter, "limit", limit));
    if (marker)
        must(image_filter_add(&filter, "marker", marker));
    must(image_filter_end(&filter));
    must(image_list(fixture->db, &fixture->arena, &filter.query, &images));
    for (size_t i = 0; i < images.count; i++)
        text_add_format(out, "%s\n", uuid_to_text(&images.items[i].id).text);
    if (images.count < (size_t)filter.query.limit)
        return NULL;
    return arena_strdup(&fixture->arena, uuid_to_text(&images.items[images.count - 1].id).text);
}

static void test_pages_are_the_whole(void **state)
{
    static const char *const sorts[] = {"",   "name",   "name:asc", "size:asc,name", "disk_format,name:asc",
                                        "id", "id:asc", "status",   "updated_at",    "created_at:asc,container_format:asc"};
    static const char *const limits[] = {"1", "2", "3", "7"};
    struct fixture *fixture = fixture_get(state);
    for (int i = 0; i < 11; i++) {
        struct image image = make(i % 4 ? "same" : NULL, "p1", "public");
        image.disk_format = i % 3 ? "raw" : NULL;
        must(image_add(fixture->db, &image));
    }
    for (size_t s = 0; s < ARRAY_LEN(sorts); s++) {
        struct text whole = {0};
        assert_null(read_page(fixture, sorts[s], NULL, "1000", &whole));
        assert_int_equal(whole.length, 11 * UUID_TEXT_SIZE);
        for (size_t l = 0; l < ARRAY_LEN(limits); l++) {
            struct text pages = {0};
            const char *marker = NULL;
            do
                marker = read_page(fixture, sorts[s], marker, limits[l], &pages);
            while (marker);
            assert_string_equal(text_str(&pages), text_str(&whole));
            text_clear(&pages);
        }
        text_clear(&whole);
    }
}

static void test_marker_must_be_seen(void **state)
{
    struct fixture *fixture = fixture_get(state);
    const struct uuid id = add(fixture, "secret", "p2", "private");
    struct image_query query = {.project_id = "p1", .limit = 5, .marker = arena_strdup(&fixture->arena, uuid_to_text(&id).text)};
    struct images images;
    assert_int_equal(image_list(fixture->db, &fixture->arena, &query, &images), E_INVALID);
    query.marker = "junk";
    assert_int_equal(image_list(fixture->db, &fixture->arena, &query, &images), E_INVALID);
    query = (struct image_query){.everything = true, .limit = 5, .marker = uuid_to_text(&id).text};
    must(image_list(fixture->db, &fixture->arena, &query, &images));
}

static enum err rename_it(void *context, struct arena *arena, struct image *image)
{
    image->name = arena_strdup(arena, context);
    return str_equal(context, "bad") ? fail(E_INVALID, "no") : OK;
}

static void test_edit(void **state)
{
    struct fixture *fixture = fixture_get(state);
    const struct uuid id = add(fixture, "a", "p1", "private");
    struct image image;
    struct uuid none;
    uuid_new(&none);
    must(image_edit(fixture->db, &fixture->arena, &id, rename_it, (void *)"b", &image));
    assert_string_equal(image.name, "b");
    assert_int_equal(image_edit(fixture->db, &fixture->arena, &id, rename_it, (void *)"bad", NULL), E_INVALID);
    must(image_get(fixture->db, &fixture->arena, &id, NULL, &image));
    assert_string_equal(image.name, "b");
    assert_int_equal(image_edit(fixture->db, &fixture->arena, &none, rename_it, (void *)"c", NULL), E_NOT_FOUND);
}

static void test_states(void **state)
{
    struct fixture *fixture = fixture_get(state);
    const struct uuid id = add(fixture, "a", "p1", "private");
    const struct image_data data = {1, 1, "c", "s"};
    struct image image;
    assert_int_equal(image_activate(fixture->db, &id, &data), E_GONE);
    must(image_move(fixture->db, &id, IMAGE_QUEUED, IMAGE_SAVING));
    assert_int_equal(image_move(fixture->db, &id, IMAGE_QUEUED, IMAGE_SAVING), E_CONFLICT);
    must(image_activate(fixture->db, &id, &data));
    run(fixture, "UPDATE images SET protected = 1");
    assert_int_equal(image_bury(fixture->db, &id), E_FORBIDDEN);
    run(fixture, "UPDATE images SET protected = 0");
    must(image_forget(fixture->db, &id)); /* not buried: stays */
    must(image_get(fixture->db, &fixture->arena, &id, NULL, &image));
    must(image_bury(fixture->db, &id));
    assert_int_equal(image_bury(fixture->db, &id), E_NOT_FOUND);
    assert_int_equal(image_get(fixture->db, &fixture->arena, &id, NULL, &image), E_NOT_FOUND);
    assert_string_equal(names(fixture, &admin, NULL), "");
    must(image_forget(fixture->db, &id));
}

static void test_members(void **state)
{
    struct fixture *fixture = fixture_get(state);
    const struct uuid id = add(fixture, "a", "p1", "shared");
    struct image_members members;
    must(image_member_add(fixture->db, &id, "p2", 2));
    assert_int_equal(image_member_add(fixture->db, &id, "p2", 2), E_CONFLICT);
    must(image_member_add(fixture->db, &id, "p3", 2));
    assert_int_equal(image_member_add(fixture->db, &id, "p4", 2), E_TOO_LARGE);
    must(image_member_list(fixture->db, &fixture->arena, &id, NULL, &members));
    assert_int_equal(members.count, 2);
    assert_string_equal(members.items[0].status, "pending");
    must(image_member_set(fixture->db, &id, "p3", "rejected"));
    must(image_member_list(fixture->db, &fixture->arena, &id, "p3", &members));
    assert_int_equal(members.count, 1);
    assert_string_equal(members.items[0].status, "rejected");
    must(image_member_remove(fixture->db, &id, "p3"));
    assert_int_equal(image_member_remove(fixture->db, &id, "p3"), E_NOT_FOUND);
    assert_int_equal(image_member_set(fixture->db, &id, "p3", "accepted"), E_NOT_FOUND);
}

/* Three uploads: one goes on, one died, one image was deleted without its file. */
static void test_recover(void **state)
{
    struct fixture *fixture = fixture_get(state);
    const struct uuid alive = add(fixture, "alive", "p1", "private");
    const struct uuid dead = add(fixture, "dead", "p1", "private");
    const struct uuid gone = add(fixture, "gone", "p1", "private");
    char directory[] = "/tmp/zg-recover.XXXXXX";
    struct image_store *store = NULL;
    struct image_write *write = NULL;
    struct image_write *old = NULL;
    struct image_written written;
    struct image image;
    assert_non_null(mkdtemp(directory));
    must(image_store_open(directory, 100, &store));
    must(image_store_write_begin(store, &gone, &old));
    must(image_store_write_finish(old, "raw", NULL, &written));
    image_store_write_close(old);
    must(image_bury(fixture->db, &gone));
    must(image_store_write_begin(store, &alive, &write));
    must(image_move(fixture->db, &alive, IMAGE_QUEUED, IMAGE_SAVING));
    must(image_move(fixture->db, &dead, IMAGE_QUEUED, IMAGE_SAVING));
    must(image_store_recover(store, fixture->db));
    must(image_get(fixture->db, &fixture->arena, &alive, NULL, &image));
    assert_string_equal(image.status, "saving");
    must(image_get(fixture->db, &fixture->arena, &dead, NULL, &image));
    assert_string_equal(image.status, "queued");
    image_store_write_close(write);
    image_store_close(store);
    const char *folder = arena_printf(&fixture->arena, "%s/images", directory);
    assert_int_equal(rmdir(folder), 0); /* no file is left, that of the deleted one neither */
    assert_int_equal(rmdir(directory), 0);
    struct images unfinished;
    must(image_unfinished(fixture->db, &fixture->arena, &unfinished));
    assert_int_equal(unfinished.count, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_there_and_back),
        TEST(test_who_sees_what),
        TEST(test_filters),
        TEST(test_pages_are_the_whole),
        TEST(test_marker_must_be_seen),
        TEST(test_edit),
        TEST(test_states),
        TEST(test_members),
        TEST(test_recover),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
