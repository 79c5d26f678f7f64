/* What a client may set: creates and JSON patches, one row per attempt, with the kind of error and what the image is afterwards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#undef fail /* err.h has a function of that name */

#include "compute/image/edit.h"
#include "gateway/base/seal.h"
#include "gateway/base/text.h"
#include "schema/json/json.h"

static const struct caller member = {.project_id = "p1", .is_member = true};
static const struct caller admin = {.project_id = "p0", .is_member = true, .is_admin = true};

static int open_schemas(void **state)
{
    (void)state;
    return seal_setup() == OK && json_schemas_open() == OK ? 0 : -1;
}

static int close_schemas(void **state)
{
    (void)state;
    json_schemas_close();
    return 0;
}

/* The image in one line. */
static void describe(const struct image *image, struct text *out)
{
    text_reset(out);
    text_add_format(out, "name=%s visibility=%s disk=%s container=%s owner=%s min=%d/%d protected=%d hidden=%d %s %s",
                    image->name ? image->name : "-", image->visibility, image->disk_format ? image->disk_format : "-",
                    image->container_format ? image->container_format : "-", image->owner, (int)image->min_disk,
                    (int)image->min_ram, image->is_protected, image->hidden, image->properties, image->tags);
}

#define FRESH(more) "name=- visibility=shared disk=- container=- owner=p1 min=0/0 protected=0 hidden=0 " more

static const struct {
    const char *body;
    const struct caller *caller;
    enum err expected;
    const char *after; /* part of the description, or of the message */
} creates[] = {
    {"{}", &member, OK, FRESH("{} []")},
    {"{\"name\":\"n\",\"min_disk\":1,\"min_ram\":2,\"protected\":true,\"os_hidden\":true,\"visibility\":\"private\"}", &member, OK,
     "name=n visibility=private disk=- container=- owner=p1 min=1/2 protected=1 hidden=1 {} []"},
    {"{\"disk_format\":\"raw\",\"container_format\":\"bare\",\"a\":\"b\",\"tags\":[\"y\",\"x\",\"y\"]}", &member, OK,
     "disk=raw container=bare owner=p1 min=0/0 protected=0 hidden=0 {\"a\":\"b\"} [\"x\",\"y\"]"},
    {"{\"kernel_id\":null}", &member, OK, "{} []"},
    {"{\"visibility\":\"public\"}", &member, E_FORBIDDEN, "publicize_image"},
    {"{\"visibility\":\"public\"}", &admin, OK, "visibility=public"},
    {"{\"visibility\":\"community\"}", &member, OK, "visibility=community"},
    {"{\"owner\":\"p1\"}", &member, OK, "owner=p1"},
    {"{\"owner\":\"p2\"}", &member, E_FORBIDDEN, "another project"},
    {"{\"owner\":\"p2\"}", &admin, OK, "owner=p2"},
    {"{\"status\":\"active\"}", &member, E_FORBIDDEN, "read-only"},
    {"{\"size\":1}", &admin, E_FORBIDDEN, "read-only"},
    {"{\"deleted\":\"1\"}", &member, E_FORBIDDEN, "reserved"},
    {"{\"os_glance_x\":\"1\"}", &member, E_FORBIDDEN, "reserved"},
    {"{\"disk_format\":\"floppy\"}", &member, E_INVALID, "disk_format"},
    {"{\"a\":1}", &member, E_INVALID, "Value: 1"},
    {"{\"min_disk\":-1}", &member, E_INVALID, "min_disk"},
    {"{\"tags\":[\"\"]}", &member, E_INVALID, "too short"},
};

static void check_result(size_t i, enum err result, enum err expected, const struct image *image, const char *after)
{
    CLEANUP(text_clear) struct text text = {0};
    if (result == OK)
        describe(image, &text);
    else
        text_add_str(&text, err_message());
    if (result != expected || !strstr(text_str(&text), after))
        print_error("row %zu: %s %s\n", i, err_name(result), text_str(&text));
    assert_int_equal(result, expected);
    assert_non_null(strstr(text_str(&text), after));
}

static void test_creates(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(creates); i++) {
        CLEANUP(arena_clear) struct arena arena = {0};
        struct image image = {0};
        json_auto_t *body = json_loads(creates[i].body, 0, NULL);
        assert_non_null(body);
        const enum err result = image_make(&arena, creates[i].caller, body, &image);
        check_result(i, result, creates[i].expected, &image, creates[i].after);
    }
}

static const struct {
    const char *operations;
    const struct caller *caller;
    const char *status;
    enum image_patch_form form;
    enum err expected;
    const char *after;
} patches[] = {
    {"[]", &member, "active", IMAGE_PATCH_V21, OK, "{\"a\":\"1\"} [\"t\"]"},
    {"[{\"op\":\"replace\",\"path\":\"/name\",\"value\":\"n2\"}]", &member, "active", IMAGE_PATCH_V21, OK, "name=n2"},
    {"[{\"replace\":\"/name\",\"value\":\"n2\"}]", &member, "active", IMAGE_PATCH_V20, OK, "name=n2"},
    {"[{\"op\":\"replace\",\"path\":\"/name\",\"value\":\"n2\"}]", &member, "active", IMAGE_PATCH_V20, E_INVALID, "one of add"},
    {"[{\"replace\":\"/name\",\"add\":\"/name\",\"value\":\"n2\"}]", &member, "active", IMAGE_PATCH_V20, E_INVALID, "one of add"},
    {"[{\"op\":\"add\",\"path\":\"/b\",\"value\":\"2\"}]", &member, "active", IMAGE_PATCH_V21, OK, "{\"a\":\"1\",\"b\":\"2\"}"},
    {"[{\"op\":\"add\",\"path\":\"/b~1c~0d\",\"value\":\"2\"}]", &member, "active", IMAGE_PATCH_V21, OK, "\"b/c~d\":\"2\""},
    {"[{\"op\":\"add\",\"path\":\"/a\",\"value\":\"2\"}]", &member, "active", IMAGE_PATCH_V21, OK, "{\"a\":\"2\"}"},
    {"[{\"op\":\"replace\",\"path\":\"/a\",\"value\":\"2\"}]", &member, "active", IMAGE_PATCH_V21, OK, "{\"a\":\"2\"}"},
    {"[{\"op\":\"replace\",\"path\":\"/b\",\"value\":\"2\"}]", &member, "active", IMAGE_PATCH_V21, E_CONFLICT, "does not exist"},
    {"[{\"op\":\"remove\",\"path\":\"/a\"}]", &member, "active", IMAGE_PATCH_V21, OK, "hidden=0 {} [\"t\"]"},
    {"[{\"op\":\"remove\",\"path\":\"/b\"}]", &member, "active", IMAGE_PATCH_V21, E_CONFLICT, "does not exist"},
    {"[{\"op\":\"remove\",\"path\":\"/name\"}]", &member, "active", IMAGE_PATCH_V21, E_FORBIDDEN, "may not be removed"},
    {"[{\"op\":\"remove\",\"path\":\"/a\"},{\"op\":\"add\",\"path\":\"/a\",\"value\":\"3\"}]", &member, "active", IMAGE_PATCH_V21,
     OK, "{\"a\":\"3\"}"},
    {"[{\"op\":\"replace\",\"path\":\"/tags\",\"value\":[\"z\",\"b\"]}]", &member, "active", IMAGE_PATCH_V21, OK, "[\"b\",\"z\"]"},
    {"[{\"op\":\"add\",\"path\":\"/tags/-\",\"value\":\"z\"}]", &member, "active", IMAGE_PATCH_V21, E_INVALID,
     "Invalid JSON pointer"},
    {"[{\"op\":\"replace\",\"path\":\"/visibility\",\"value\":\"public\"}]", &member, "active", IMAGE_PATCH_V21, E_FORBIDDEN,
     "publicize"},
    {"[{\"op\":\"replace\",\"path\":\"/visibility\",\"value\":\"public\"}]", &admin, "active", IMAGE_PATCH_V21, OK,
     "visibility=public"},
    {"[{\"op\":\"replace\",\"path\":\"/visibility\",\"value\":\"x\"}]", &admin, "active", IMAGE_PATCH_V21, E_INVALID, "visibility"},
    {"[{\"op\":\"replace\",\"path\":\"/status\",\"value\":\"active\"}]", &admin, "queued", IMAGE_PATCH_V21, E_FORBIDDEN,
     "read-only"},
    {"[{\"op\":\"replace\",\"path\":\"/id\",\"value\":\"x\"}]", &admin, "queued", IMAGE_PATCH_V21, E_FORBIDDEN, "read-only"},
    {"[{\"op\":\"remove\",\"path\":\"/checksum\"}]", &admin, "queued", IMAGE_PATCH_V21, E_FORBIDDEN, "read-only"},
    {"[{\"op\":\"add\",\"path\":\"/locations/0\",\"value\":{}}]", &admin, "queued", IMAGE_PATCH_V21, E_INVALID, "pointer"},
    {"[{\"op\":\"replace\",\"path\":\"/disk_format\",\"value\":\"iso\"}]", &member, "queued", IMAGE_PATCH_V21, OK, "disk=iso"},
    {"[{\"op\":\"replace\",\"path\":\"/disk_format\",\"value\":\"iso\"}]", &member, "saving", IMAGE_PATCH_V21, E_FORBIDDEN,
     "queued image"},
    {"[{\"op\":\"replace\",\"path\":\"/disk_format\",\"value\":\"iso\"}]", &admin, "active", IMAGE_PATCH_V21, E_FORBIDDEN,
     "queued image"},
    {"[{\"op\":\"test\",\"path\":\"/name\",\"value\":\"x\"}]", &member, "active", IMAGE_PATCH_V21, E_INVALID, "one of add"},
    {"[{\"op\":\"add\",\"path\":\"/b\"}]", &member, "active", IMAGE_PATCH_V21, E_INVALID, "\"value\""},
    {"[{\"op\":\"add\",\"value\":\"b\"}]", &member, "active", IMAGE_PATCH_V21, E_INVALID, "no path"},
    {"[{\"op\":\"add\",\"path\":\"b\",\"value\":\"b\"}]", &member, "active", IMAGE_PATCH_V21, E_INVALID, "does not start"},
    {"[{\"op\":\"add\",\"path\":\"/\",\"value\":\"b\"}]", &member, "active", IMAGE_PATCH_V21, E_INVALID, "pointer"},
    {"[{\"op\":\"add\",\"path\":\"/b~2\",\"value\":\"b\"}]", &member, "active", IMAGE_PATCH_V21, E_INVALID, "escape sequence"},
    {"[{\"op\":\"add\",\"path\":\"/b\",\"value\":{\"x\":1}}]", &member, "active", IMAGE_PATCH_V21, E_INVALID, "b"},
    {"[1]", &member, "active", IMAGE_PATCH_V21, E_INVALID, "JSON objects"},
    {"{\"op\":\"add\"}", &member, "active", IMAGE_PATCH_V21, E_INVALID, "JSON array"},
};

static struct image sample(const char *status)
{
    return (struct image){.owner = "p1",
                          .name = "n",
                          .status = status,
                          .visibility = "shared",
                          .disk_format = "raw",
                          .container_format = "bare",
                          .properties = "{\"a\":\"1\"}",
                          .tags = "[\"t\"]"};
}

static void test_patches(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(patches); i++) {
        CLEANUP(arena_clear) struct arena arena = {0};
        struct image image = sample(patches[i].status);
        json_auto_t *operations = json_loads(patches[i].operations, 0, NULL);
        assert_non_null(operations);
        const enum err result = image_patch(&arena, patches[i].caller, patches[i].form, operations, &image);
        check_result(i, result, patches[i].expected, &image, patches[i].after);
    }
}

static void test_nobody_is_not_an_array(void **state)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    struct image image = sample("active");
    (void)state;
    assert_int_equal(image_patch(&arena, &member, IMAGE_PATCH_V21, NULL, &image), E_INVALID);
}

static void test_tags_one_by_one(void **state)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    struct image image = sample("active");
    (void)state;
    assert_int_equal(image_tag_add(&arena, "a", &image), OK);
    assert_int_equal(image_tag_add(&arena, "a", &image), OK);
    assert_string_equal(image.tags, "[\"a\",\"t\"]");
    assert_int_equal(image_tag_remove(&arena, "a", &image), OK);
    assert_int_equal(image_tag_remove(&arena, "a", &image), E_NOT_FOUND);
    assert_string_equal(image.tags, "[\"t\"]");
}

static void test_limits(void **state)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    struct image image = sample("active");
    char tag[16];
    json_auto_t *operations = json_array();
    (void)state;
    for (int i = 1; i < IMAGE_TAG_LIMIT; i++) {
        (void)snprintf(tag, sizeof(tag), "tag%d", i);
        assert_int_equal(image_tag_add(&arena, tag, &image), OK);
    }
    assert_int_equal(image_tag_add(&arena, "one more", &image), E_TOO_LARGE);
    for (int i = 0; i < IMAGE_PROPERTY_LIMIT; i++)
        json_array_append_new(
            operations, json_pack("{s:s, s:s, s:s}", "op", "add", "path", arena_printf(&arena, "/property%d", i), "value", "v"));
    assert_int_equal(image_patch(&arena, &member, IMAGE_PATCH_V21, operations, &image), E_TOO_LARGE);
    json_array_remove(operations, 0);
    assert_int_equal(image_patch(&arena, &member, IMAGE_PATCH_V21, operations, &image), OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_creates),         cmocka_unit_test(test_patches), cmocka_unit_test(test_nobody_is_not_an_array),
        cmocka_unit_test(test_tags_one_by_one), cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, open_schemas, close_schemas);
}
