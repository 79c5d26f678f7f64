/* Flavors and images of other zones: read as they were written, filtered and paged as the database would. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#undef fail /* err.h has a function of that name */

#include "compute/image/filter.h"
#include "gateway/api/flavor_inherited.h"
#include "gateway/api/image_inherited.h"
#include "gateway/api/image_service.h"
#include "gateway/base/text.h"

static struct arena arena; /* of one test */

static int clear(void **state)
{
    (void)state;
    arena_clear(&arena);
    return 0;
}

static void release(void *json)
{
    json_decref(json);
}

static json_t *load(const char *text)
{
    json_t *json = json_loads(text, 0, NULL);
    assert_non_null(json);
    arena_defer(&arena, release, json);
    return json;
}

/* --- flavors */

#define FLAVOR "\"id\":\"1\",\"name\":\"tiny\",\"ram\":512,\"disk\":1,\"vcpus\":2"

static void test_flavor_read(void **state)
{
    struct flavor flavor;
    (void)state;
    assert_int_equal(flavor_read(&arena,
                                 load("{" FLAVOR ",\"swap\":\"\",\"rxtx_factor\":1.5,\"OS-FLV-EXT-DATA:ephemeral\":3,"
                                      "\"OS-FLV-DISABLED:disabled\":false,\"os-flavor-access:is_public\":true,\"description\":null,"
                                      "\"extra_specs\":{\"a\":\"b\"}}"),
                                 &flavor),
                     OK);
    assert_int_equal(flavor.id, 0);
    assert_string_equal(flavor.flavorid, "1");
    assert_string_equal(flavor.name, "tiny");
    assert_true(flavor.ram_mib == 512 && flavor.disk_gib == 1 && flavor.vcpus == 2 && flavor.swap_mib == 0);
    assert_true(flavor.ephemeral_gib == 3 && flavor.rxtx_factor > 1.4 && flavor.is_public && !flavor.disabled);
    assert_null(flavor.description);
    assert_string_equal(flavor.extra_specs, "{\"a\":\"b\"}");
    assert_int_equal(flavor_read(&arena, load("{" FLAVOR ",\"swap\":64,\"description\":\"d\"}"), &flavor), OK);
    assert_int_equal(flavor.swap_mib, 64);
    assert_string_equal(flavor.description, "d");
    assert_string_equal(flavor.extra_specs, "{}");
}

static void test_damaged_flavors(void **state)
{
    static const char *const damaged[] = {
        "{}",
        "[]",
        "{\"id\":\"1\"}",
        "{\"id\":\"\",\"name\":\"x\",\"ram\":1,\"disk\":1,\"vcpus\":1}",
        "{\"id\":1,\"name\":\"x\",\"ram\":1,\"disk\":1,\"vcpus\":1}",
        "{\"id\":\"1\",\"name\":\"x\",\"ram\":\"1\",\"disk\":1,\"vcpus\":1}",
        "{\"id\":\"1\",\"name\":\"x\",\"ram\":-1,\"disk\":1,\"vcpus\":1}",
    };
    struct flavor flavor;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(damaged); i++)
        assert_int_equal(flavor_read(&arena, load(damaged[i]), &flavor), E_INVALID);
}

static void test_flavor_matches(void **state)
{
    static const struct {
        struct flavor flavor;
        struct flavor_query query;
        bool wanted;
    } cases[] = {
        {{.ram_mib = 1, .is_public = true}, {.least_ram_mib = 1}, true},
        {{.ram_mib = 1, .is_public = true}, {.least_ram_mib = 2}, false},
        {{.disk_gib = 1, .is_public = true}, {.least_disk_gib = 2}, false},
        {{.is_public = true, .disabled = true}, {.publicity = FLAVORS_ALL}, false},
        {{.is_public = true, .disabled = true}, {.disabled_too = true}, true},
        {{.is_public = true}, {.publicity = FLAVORS_PRIVATE}, false},
        {{.is_public = false}, {.publicity = FLAVORS_PRIVATE}, true},
        {{.is_public = false}, {.publicity = FLAVORS_PUBLIC}, true}, /* the parent shows it to this project */
        {{.is_public = false}, {.publicity = FLAVORS_ALL}, true},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(flavor_matches(&cases[i].flavor, &cases[i].query), cases[i].wanted);
}

#define FLAVOR_COUNT 40

static void make_flavors(struct ranked_flavor *out)
{
    for (size_t i = 0; i < FLAVOR_COUNT; i++) {
        const struct flavor flavor = {.flavorid = arena_printf(&arena, "f%zu", (i * 7) % FLAVOR_COUNT),
                                      .name = arena_printf(&arena, "n%zu", i % 5),
                                      .ram_mib = (int64_t)(i % 3),
                                      .vcpus = (int64_t)(i % 4),
                                      .disk_gib = (int64_t)(i % 2),
                                      .rxtx_factor = (double)(i % 3) / 2,
                                      .is_public = i % 2 == 0,
                                      .description = i % 3 ? "d" : NULL,
                                      .extra_specs = "{}"};
        out[i] = (struct ranked_flavor){flavor, i};
    }
}

static const struct ranked_flavor *find(const struct ranked_flavor *all, const char *id)
{
    for (size_t i = 0; i < FLAVOR_COUNT; i++) {
        if (str_equal(all[i].flavor.flavorid, id))
            return &all[i];
    }
    return NULL;
}

/* Concatenated pages are the sorted whole, for every key, both ways, and every size of page. */
static void check_flavor_pages(struct flavor_query query)
{
    struct ranked_flavor all[FLAVOR_COUNT];
    struct flavors whole;
    make_flavors(all);
    query.limit = FLAVOR_COUNT;
    flavor_page(&arena, all, FLAVOR_COUNT, &query, NULL, &whole);
    assert_int_equal(whole.count, FLAVOR_COUNT);
    for (query.limit = 1; query.limit < FLAVOR_COUNT; query.limit += 6) {
        struct ranked_flavor marker;
        struct flavors page;
        size_t seen = 0;
        do {
            flavor_page(&arena, all, FLAVOR_COUNT, &query, seen ? &marker : NULL, &page);
            for (size_t i = 0; i < page.count; i++)
                assert_string_equal(page.items[i].flavorid, whole.items[seen++].flavorid);
            if (page.count)
                marker = *find(all, page.items[page.count - 1].flavorid);
        } while (page.count);
        assert_int_equal(seen, FLAVOR_COUNT);
    }
}

static void test_flavor_pages(void **state)
{
    static const char *const keys[] = {NULL,   "created_at", "description", "disabled",   "ephemeral_gb", "flavorid",
                                       "id",   "is_public",  "memory_mb",   "name",       "root_gb",      "rxtx_factor",
                                       "swap", "vcpus",      "updated_at",  "vcpu_weight"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        check_flavor_pages((struct flavor_query){.sort_key = keys[i]});
        check_flavor_pages((struct flavor_query){.sort_key = keys[i], .descending = true});
    }
}

static void test_flavor_order(void **state)
{
    struct ranked_flavor all[] = {{{.flavorid = "b", .name = "x", .ram_mib = 2}, 0},
                                  {{.flavorid = "a", .name = "x", .ram_mib = 1}, 1},
                                  {{.flavorid = "C", .name = "w", .ram_mib = 1}, 2}};
    static const struct {
        struct flavor_query query;
        const char *wanted;
    } cases[] = {
        {{.limit = 9}, "Cab"},
        {{.limit = 9, .descending = true}, "baC"},
        {{.limit = 9, .sort_key = "name"}, "Cba"},
        {{.limit = 9, .sort_key = "name", .descending = true}, "abC"},
        {{.limit = 9, .sort_key = "memory_mb"}, "aCb"},
        {{.limit = 9, .sort_key = "id"}, "baC"},
        {{.limit = 2}, "Ca"},
        {{.limit = 0}, ""},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct flavors page;
        char seen[8] = "";
        flavor_page(&arena, all, ARRAY_LEN(all), &cases[i].query, NULL, &page);
        for (size_t j = 0; j < page.count; j++)
            seen[j] = page.items[j].flavorid[0];
        assert_string_equal(seen, cases[i].wanted);
    }
}

/* --- images */

#define PROJECT "0123456789abcdef0123456789abcdef"
#define IMAGE_A                                                                                                                    \
    "{\"id\":\"00010203-0405-4607-8809-0a0b0c0d0e0f\",\"name\":\"a\",\"status\":\"active\",\"visibility\":\"public\","             \
    "\"owner\":\"" PROJECT "\",\"disk_format\":\"raw\",\"container_format\":\"bare\",\"size\":10,\"virtual_size\":10,"             \
    "\"checksum\":\"cc\",\"os_hash_algo\":\"sha512\",\"os_hash_value\":\"dd\",\"min_disk\":1,\"min_ram\":2,\"protected\":false,"   \
    "\"os_hidden\":false,\"tags\":[\"t\",\"u\"],\"os_distro\":\"none\",\"created_at\":\"2026-01-02T03:04:05Z\","                   \
    "\"updated_at\":\"2026-01-02T03:04:06Z\",\"self\":\"/v2/images/00010203-0405-4607-8809-0a0b0c0d0e0f\","                        \
    "\"file\":\"/v2/images/00010203-0405-4607-8809-0a0b0c0d0e0f/file\",\"schema\":\"/v2/schemas/image\"}"
#define IMAGE_QUEUED_ONE                                                                                                           \
    "{\"id\":\"10010203-0405-4607-8809-0a0b0c0d0e0f\",\"name\":null,\"status\":\"queued\",\"visibility\":\"community\","           \
    "\"owner\":\"other\",\"disk_format\":null,\"container_format\":null,\"size\":null,\"virtual_size\":null,"                      \
    "\"checksum\":null,\"os_hash_algo\":null,\"os_hash_value\":null,\"min_disk\":0,\"min_ram\":0,\"protected\":true,"              \
    "\"os_hidden\":true,\"tags\":[],\"created_at\":\"2026-01-02T03:04:07Z\",\"updated_at\":\"2026-01-02T03:04:07Z\","              \
    "\"self\":\"/v2/images/10010203-0405-4607-8809-0a0b0c0d0e0f\","                                                                \
    "\"file\":\"/v2/images/10010203-0405-4607-8809-0a0b0c0d0e0f/file\",\"schema\":\"/v2/schemas/image\"}"

static struct image image_of(const char *text)
{
    struct image image;
    assert_int_equal(image_read(&arena, load(text), &image), OK);
    return image;
}

/* What is read is shown again as it was, to the byte. */
static void test_image_round_trip(void **state)
{
    static const char *const images[] = {IMAGE_A, IMAGE_QUEUED_ONE};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(images); i++) {
        const struct image image = image_of(images[i]);
        json_auto_t *shown = image_view(&arena, &image);
        assert_true(json_equal(shown, load(images[i])));
    }
}

static void test_damaged_images(void **state)
{
    static const char *const damaged[] = {
        "{}",
        "[]",
        "{\"id\":\"x\",\"status\":\"active\",\"visibility\":\"public\",\"created_at\":\"2026-01-02T03:04:05Z\","
        "\"updated_at\":\"2026-01-02T03:04:05Z\"}",
        "{\"id\":\"00010203-0405-4607-8809-0a0b0c0d0e0f\",\"status\":\"active\",\"visibility\":\"public\"}",
        "{\"id\":\"00010203-0405-4607-8809-0a0b0c0d0e0f\",\"visibility\":\"public\",\"created_at\":\"2026-01-02T03:04:05Z\","
        "\"updated_at\":\"2026-01-02T03:04:05Z\"}",
    };
    struct image image;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(damaged); i++)
        assert_int_equal(image_read(&arena, load(damaged[i]), &image), E_INVALID);
}

static void test_image_filters(void **state)
{
    static const struct {
        const char *name;
        const char *value;
        bool a;
        bool queued;
    } cases[] = {
        {"name", "a", true, false},
        {"name", "in:b,a", true, false},
        {"name", "A", false, false},
        {"name", "", false, true},
        {"status", "queued", false, true},
        {"id", "10010203-0405-4607-8809-0a0b0c0d0e0f", false, true},
        {"id", "no-uuid", false, false},
        {"size_min", "10", true, false},
        {"size_min", "11", false, false},
        {"size_max", "10", true, false},
        {"size_max", "9", false, false},
        {"min_ram", "2", true, false},
        {"protected", "true", false, true},
        {"owner", PROJECT, true, false},
        {"tag", "u", true, false},
        {"tag", "v", false, false},
        {"os_distro", "none", true, false},
        {"os_distro", "some", false, false},
        {"created_at", "2026-01-02T03:04:05Z", true, false},
        {"created_at", "neq:2026-01-02T03:04:05Z", false, true},
        {"created_at", "lt:2026-01-02T03:04:07Z", true, false},
        {"created_at", "lte:2026-01-02T03:04:07Z", true, true},
        {"created_at", "gt:2026-01-02T03:04:05Z", false, true},
        {"updated_at", "gte:2026-01-02T03:04:06Z", true, true},
        {"visibility", "public", true, false},
        {"visibility", "community", false, true},
        {"visibility", "all", true, true},
    };
    const struct caller caller = {.project_id = PROJECT};
    const struct image a = image_of(IMAGE_A);
    const struct image queued = image_of(IMAGE_QUEUED_ONE);
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct image_filter filter;
        image_filter_begin(&filter, &arena, &caller);
        assert_int_equal(image_filter_add(&filter, cases[i].name, cases[i].value), OK);
        if (!filter.query.visibility) /* others' community images are shown when they are asked for */
            filter.query.visibility = "all";
        assert_int_equal(image_matches(&a, &filter.query), cases[i].a);
        assert_int_equal(image_matches(&queued, &filter.query), cases[i].queued);
    }
    const struct image_query plain = {.project_id = PROJECT};
    const struct image_query theirs = {.project_id = "other"};
    assert_true(image_matches(&a, &plain));
    assert_false(image_matches(&queued, &plain));
    assert_true(image_matches(&queued, &theirs));
}

#define IMAGE_COUNT 30

static void test_image_pages(void **state)
{
    static const char *const sorts[] = {NULL, "name:asc", "size:desc,name:asc", "status", "created_at:asc", "id:asc"};
    const struct caller caller = {.project_id = PROJECT};
    struct image all[IMAGE_COUNT];
    (void)state;
    for (size_t i = 0; i < IMAGE_COUNT; i++) {
        all[i] = image_of(IMAGE_A);
        uuid_new(&all[i].id);
        all[i].name = arena_printf(&arena, "n%zu", i % 4);
        all[i].size = (int64_t)(i % 3);
        all[i].created_us += (int64_t)(i % 5) * 1000000;
    }
    for (size_t s = 0; s < ARRAY_LEN(sorts); s++) {
        struct image_filter filter;
        struct images whole;
        image_filter_begin(&filter, &arena, &caller);
        if (sorts[s])
            assert_int_equal(image_filter_add(&filter, "sort", sorts[s]), OK);
        image_page(&arena, all, IMAGE_COUNT, &filter.query, NULL, IMAGE_COUNT, &whole);
        assert_int_equal(whole.count, IMAGE_COUNT);
        for (size_t limit = 1; limit < IMAGE_COUNT; limit += 4) {
            struct images page;
            size_t seen = 0;
            do {
                image_page(&arena, all, IMAGE_COUNT, &filter.query, seen ? &whole.items[seen - 1] : NULL, limit, &page);
                for (size_t i = 0; i < page.count; i++)
                    assert_true(uuid_equal(&page.items[i].id, &whole.items[seen++].id));
            } while (page.count);
            assert_int_equal(seen, IMAGE_COUNT);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_flavor_read, clear),    cmocka_unit_test_teardown(test_damaged_flavors, clear),
        cmocka_unit_test_teardown(test_flavor_matches, clear), cmocka_unit_test_teardown(test_flavor_order, clear),
        cmocka_unit_test_teardown(test_flavor_pages, clear),   cmocka_unit_test_teardown(test_image_round_trip, clear),
        cmocka_unit_test_teardown(test_damaged_images, clear), cmocka_unit_test_teardown(test_image_filters, clear),
        cmocka_unit_test_teardown(test_image_pages, clear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
