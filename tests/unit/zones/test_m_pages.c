/* Pages of plain Novas become the same rows whatever way and instruction set they are read by: as in page_reference.h, in many
 * walks, and as jansson sees them. Indexes copy what a reader of single bytes keeps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#undef fail

#include <jansson.h>

#include "gateway/base/clock.h"
#include "gateway/base/id.h"
#include "tests/unit/zones/page_reference.h"
#include "zones/json_index.h"

#define THERE "0123456789abcdef0123456789abcdef"

static const struct nova_rewrite rules = {.self_base = "http://root:8774/compute/v2.1/\"P\"",
                                          .bookmark_base = "http://root:8774/compute",
                                          .project_there = THERE,
                                          .project_here = "here"};

static void read_list(struct arena *arena, const char *query, struct nova_list *out)
{
    assert_int_equal(nova_list_read(arena, arena_printf(arena, "/compute/v2.1/servers%s", query), out), OK);
}

static const char *const queries[] = {"/detail", "", "/detail?sort_key=display_name&sort_key=progress", "?sort_key=user_id"};

static bool all_agree(const char *text, size_t length)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    for (size_t i = 0; i < ARRAY_LEN(queries); i++) {
        struct nova_list list;
        read_list(&arena, queries[i], &list);
        const struct nova_page_options options = {.list = &list, .rules = &rules};
        if (!pages_agree(&options, text, length)) {
            print_error("%s: %.*s\n", queries[i], (int)length, text);
            return false;
        }
    }
    return true;
}

#define ID   "\"id\": \"25131222-5d30-47ea-9e3b-6a01653765f1\""
#define WHEN "\"created\": \"2026-11-22T21:44:27Z\""
#define OURS "\"tenant_id\": \"" THERE "\""
#define ROW  ID ", " WHEN ", " OURS

static void one_row(const char *there, const char *here)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    struct nova_list list;
    struct nova_page page = {0};
    read_list(&arena, "/detail", &list);
    const struct nova_page_options options = {.list = &list, .rules = &rules};
    const char *text = arena_printf(&arena, "{\"servers\": [{%s, %s}]}", ROW, there);
    const char *wanted = arena_printf(&arena,
                                      "{\"id\":\"25131222-5d30-47ea-9e3b-6a01653765f1\",\"created\":\"2026-11-22T21:44:27Z\","
                                      "\"tenant_id\":\"here\",%s}",
                                      here);
    assert_int_equal(nova_page_read(&arena, &options, text, strlen(text), &page), OK);
    assert_int_equal(page.count, 1);
    assert_int_equal(page.rows[0].body_length, strlen(wanted));
    assert_memory_equal(page.rows[0].body, wanted, strlen(wanted));
    assert_true(all_agree(text, strlen(text)));
}

static void rows_are_made_ours(void **state)
{
    (void)state;
    one_row("\"a\" : [ 1 , \"x y\" ]", "\"a\":[1,\"x y\"]");
    one_row("\"links\": [{\"rel\": \"self\", \"href\": \"http://n/v2.1/servers/1\"}, {\"href\": \"http://n/servers/1\"}]",
            "\"links\":[{\"rel\":\"self\",\"href\":\"http://root:8774/compute/v2.1/\\\"P\\\"/servers/1\"},"
            "{\"href\":\"http://root:8774/compute/servers/1\"}]");
    one_row("\"project_id\": \"" THERE "\", \"user_id\": \"" THERE "\"", "\"project_id\":\"here\",\"user_id\":\"" THERE "\"");
    one_row("\"href\": \"http://n/v2.1/x\\\\/servers/1\"", "\"href\":\"http://n/v2.1/x\\\\/servers/1\"");
    one_row("\"h\": {\"href\": \"no url\"}, \"name\": \"}],\\\"href\\\": \\\"http://n/v2.1/servers/1\\\"\"",
            "\"h\":{\"href\":\"no url\"},\"name\":\"}],\\\"href\\\": \\\"http://n/v2.1/servers/1\\\"\"");
}

/* Prefixes that look alike: the second URL must not be taken for one like the first. */
static void prefixes_are_not_mixed_up(void **state)
{
    static const char *const urls[] = {"http://n/v2.1/servers/1",
                                       "http://n/servers/1",
                                       "http://n/v2/servers/servers/1",
                                       "http://n/v2.1/servers",
                                       "http://n/v2.1",
                                       "http://n/v2.1/flavors",
                                       "http://n/flavors/servers",
                                       "http://n/flavors/flavors/1",
                                       "http://n/v2.1/images/1",
                                       "http://n/imagesx/images/1",
                                       "http://servers/servers",
                                       "://x/servers",
                                       "http:///servers",
                                       "x/servers",
                                       "http://n/v2.1/serversx"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
        for (size_t j = 0; j < ARRAY_LEN(urls); j++) {
            CLEANUP(arena_clear) struct arena arena = {0};
            const char *text =
                arena_printf(&arena, "{\"servers\":[{%s,\"a\":[{\"href\":\"%s\"},{\"href\":\"%s\"},{\"href\":\"%s\"}]}]}", ROW,
                             urls[i], urls[j], urls[i]);
            assert_true(all_agree(text, strlen(text)));
        }
    }
}

/* What a hostile Nova may say. */
static void odd_pages(void **state)
{
    static const struct {
        const char *text;
        bool good;
        size_t count;
    } pages[] = {
        {"{\"servers\": []}", true, 0},
        {"{\"servers\":[{" ROW "}]}", true, 1},
        {"{\"servers\":[{" ROW "} , {" ROW ",\"b\":{\"id\":\"x\"}}], \"servers_links\": []}", true, 2},
        {"{\"servers_links\":[{\"id\":1}],\"x\":[{" ROW "}],\"servers\":[{" ROW "}],\"servers\":5,\"y\":[{}]}", true, 1},
        {"{\"servers\":5,\"servers\":[{" ROW "}]}", false, 0},
        {"{\"x\":{\"servers\":[{" ROW "}]}}", false, 0},
        {"{\"servers\":{\"servers\":[{" ROW "}]}}", false, 0},
        {"{\"servers\":\"x\"}", false, 0},
        {"{\"servers\":[[{" ROW "}]]}", false, 0},
        {"{\"servers\":[{" ROW "},1]}", false, 0},
        {"{\"servers\":[{" ROW "},\"x\"]}", false, 0},
        {"{\"servers\":[{}]}", false, 0},
        {"{\"servers\":[{" ROW "}]", false, 0},
        {"{\"servers\":[{" ROW ",}]}", false, 0},
        {"{\"servers\":[{" ROW ",\"a\":\"\x01\"}]}", false, 0},
        {"{\"servers\":[{" ROW ",\"a\":\"\xc3\"}]}", false, 0},
        {"{\"servers\":[{" ROW ",\"a\":\"}],\"}]}", true, 1},
        {"{\"servers\":[{" ROW ",\"a\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}]}", false, 0},
        {"{\"servers\":[{\"id\":5," ROW "}]}", false, 0},
        {"{\"servers\":[{\"id\":["
         "\"25131222-5d30-47ea-9e3b-6a01653765f1\"]," WHEN "," OURS "}]}",
         false, 0},
        {"{\"servers\":[{" ROW ",\"id\":5,\"created\":null,\"tenant_id\":1}]}", true, 1},
        {"{\"servers\":[{\"tenant_id\":\"other\"," ROW "}]}", true, 0},
        {"{\"servers\":[{\"tenant_id\":[\"" THERE "\"]," ID "," WHEN "}]}", true, 0},
        {"{\"servers\":[{" ID "," WHEN ",\"\\u0074enant_id\":\"" THERE "\"}]}", true, 0},
        {"{\"servers\":[{" ROW
         ",\"a\":{\"href\":[[1,{},\"http://n/servers/1\",\"http://n/servers/2\"]]},\"b\":\"http://n/servers/3\"}]}",
         true, 1},
        {"{\"servers\":[{" ROW ",\"a\":[{\"href\":{}},\"http://n/servers/1\"],\"href\" \n:\t\"http://n/servers/2\"}]}", true, 1},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pages); i++) {
        CLEANUP(arena_clear) struct arena arena = {0};
        struct nova_list list;
        struct nova_page page = {0};
        read_list(&arena, "/detail", &list);
        const struct nova_page_options options = {.list = &list, .rules = &rules};
        const enum err result = nova_page_read(&arena, &options, pages[i].text, strlen(pages[i].text), &page);
        if ((result == OK) != pages[i].good || page.count != pages[i].count)
            print_error("%s\n", pages[i].text);
        assert_int_equal(result == OK, pages[i].good);
        assert_int_equal(page.count, pages[i].count);
        assert_true(all_agree(pages[i].text, strlen(pages[i].text)));
    }
}

static void too_long_a_row_is_refused(void **state)
{
    CLEANUP(text_clear) struct text text = {0};
    (void)state;
    for (size_t size = ROW_BODY_MAX - 256; size <= ROW_BODY_MAX; size += 64) {
        text_reset(&text);
        text_add_str(&text, "{\"servers\":[{" ROW ",\"a\":\"");
        for (size_t i = 0; i < size; i++)
            text_add_char(&text, 'a');
        text_add_str(&text, "\"}]}");
        assert_true(all_agree(text.bytes, text.length));
    }
}

static void rows_up_to_the_marker_are_left_out(void **state)
{
    static const char text[] = "{\"servers\":[{" ROW "},{\"id\": \"25131222-5d30-47ea-9e3b-6a01653765f2\"," WHEN "," OURS "}]}";
    CLEANUP(arena_clear) struct arena arena = {0};
    struct nova_list list;
    struct nova_page page = {0};
    (void)state;
    read_list(&arena, "/detail", &list);
    const struct nova_page_options options = {.list = &list, .rules = &rules};
    assert_int_equal(nova_page_read(&arena, &options, text, strlen(text), &page), OK);
    assert_int_equal(page.count, 2);
    list.after = page.rows[0].key;
    list.after_length = page.rows[0].key_length;
    assert_true(pages_agree(&options, text, strlen(text)));
    assert_int_equal(nova_page_read(&arena, &options, text, strlen(text), &page), OK);
    assert_int_equal(page.count, 1);
    assert_int_equal(page.last.bytes[15], 0xf2);
}

static void rows_are_put_in_order_once(void **state)
{
    struct row rows[6] = {0};
    size_t count = ARRAY_LEN(rows);
    (void)state;
    for (size_t i = 0; i < count; i++) {
        rows[i].key = (const uint8_t *)&"cabbca"[i];
        rows[i].key_length = 1;
    }
    nova_rows_sort(rows, &count);
    assert_int_equal(count, 3);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(rows[i].key[0], "abc"[i]);
    nova_rows_sort(rows, &count);
    assert_int_equal(count, 3);
}

/* --- random pages */

static json_t *random_string(void)
{
    static const char *const strings[] = {
        "",
        "plain",
        "a \"b\" \\ {[]},:",
        "\xc3\xa9 \xf0\x9f\x98\x80",
        THERE,
        "http://n:8774/v2.1/servers/1",
        "http://n:8774/servers/1",
        "http://m/compute/v2/abc/flavors/42",
        "http://n/images/7 \\",
        "a rather long text that fills more than one block of 64 bytes, with blanks  and \t tabs in it"};
    return json_string(strings[random_below(ARRAY_LEN(strings))]);
}

static json_t *random_value(int depth)
{
    static const char *const names[] = {"href",    "tenant_id",     "project_id", "id",  "created",
                                        "servers", "servers_links", "hrefs",      "name"};
    const uint32_t kind = random_below(depth > 0 ? 8 : 5);
    json_t *value = NULL;
    if (kind == 0)
        return json_null();
    if (kind == 1)
        return json_real(random_below(1000) / 8.0);
    if (kind < 5)
        return random_string();
    if (kind == 5) {
        value = json_array();
        for (uint32_t i = random_below(4); i > 0; i--)
            (void)json_array_append_new(value, random_value(depth - 1));
        return value;
    }
    value = json_object();
    for (uint32_t i = random_below(5); i > 0; i--)
        (void)json_object_set_new(value, names[random_below(ARRAY_LEN(names))], random_value(depth - 1));
    return value;
}

static json_t *random_row(void)
{
    json_t *row = json_object();
    struct uuid uuid;
    uuid_new(&uuid);
    for (uint32_t i = random_below(3); i > 0; i--)
        (void)json_object_set_new(row, i == 1 ? "links" : "metadata", random_value(4));
    (void)json_object_set_new(row, "id", json_string(uuid_to_text(&uuid).text));
    (void)json_object_set_new(row, "name", random_string());
    (void)json_object_set_new(row, "created", json_string(time_iso_z((int64_t)random_below(2000000000) * 1000000).text));
    (void)json_object_set_new(row, "tenant_id", json_string(random_below(8) ? THERE : "another"));
    for (uint32_t i = random_below(3); i > 0; i--)
        (void)json_object_set_new(row, i == 1 ? "flavor" : "href", random_value(4));
    return row;
}

static char *random_page(json_t **out)
{
    static const size_t flags[] = {JSON_COMPACT, 0, JSON_INDENT(3), JSON_ENSURE_ASCII, JSON_INDENT(1) | JSON_ESCAPE_SLASH};
    json_t *page = json_object();
    json_t *servers = json_array();
    if (random_below(4) == 0)
        (void)json_object_set_new(page, "servers_links", random_value(3));
    (void)json_object_set_new(page, "servers", servers);
    for (uint32_t i = random_below(5); i > 0; i--)
        (void)json_array_append_new(servers, random_row());
    *out = page;
    return json_dumps(page, flags[random_below(ARRAY_LEN(flags))]);
}

/* What jansson knows of it: the strings under three names, wherever they are. */
static void make_ours(struct arena *arena, json_t *value)
{
    const char *name;
    json_t *member;
    size_t i;
    json_array_foreach(value, i, member) make_ours(arena, member);
    json_object_foreach(value, name, member)
    {
        const char *text = json_string_value(member);
        make_ours(arena, member);
        if (text && strcmp(name, "href") == 0 && !strchr(text, '\\'))
            (void)json_string_set(member, nova_link(arena, &rules, text, strlen(text)));
        else if (text && (strcmp(name, "tenant_id") == 0 || strcmp(name, "project_id") == 0) && strcmp(text, THERE) == 0)
            (void)json_string_set(member, rules.project_here);
    }
}

/* Under "href" and the like, what is no string leaves its name to the next string, which may be another's: an oddity of bytes that
 * jansson's tree does not show. */
static bool has_odd_names(const json_t *value)
{
    const char *name;
    json_t *member;
    size_t i;
    json_array_foreach(value, i, member)
    {
        if (has_odd_names(member))
            return true;
    }
    json_object_foreach((json_t *)value, name, member)
    {
        const bool ours = strcmp(name, "href") == 0 || strcmp(name, "tenant_id") == 0 || strcmp(name, "project_id") == 0;
        if ((ours && !json_is_string(member)) || has_odd_names(member))
            return true;
    }
    return false;
}

static void check_by_jansson(const char *text, size_t length, json_t *page)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    struct nova_list list;
    struct nova_page found = {0};
    json_t *servers = json_object_get(page, "servers");
    json_t *row;
    size_t i;
    size_t at = 0;
    read_list(&arena, "/detail", &list);
    const struct nova_page_options options = {.list = &list, .rules = &rules};
    assert_int_equal(nova_page_read(&arena, &options, text, length, &found), OK);
    assert_int_equal(found.more, json_array_size(servers) && json_object_get(page, "servers_links"));
    json_array_foreach(servers, i, row)
    {
        if (strcmp(json_string_value(json_object_get(row, "tenant_id")), THERE) != 0)
            continue;
        assert_true(at < found.count);
        assert_true(json_scan_object(found.rows[at].body, found.rows[at].body_length));
        json_auto_t *body = json_loadb(found.rows[at].body, found.rows[at].body_length, 0, NULL);
        make_ours(&arena, row);
        assert_true(json_equal(body, row));
        at++;
    }
    assert_int_equal(at, found.count);
}

static void random_pages_and_their_damages(void **state)
{
    static const char bytes[] = "{}[]\",:\\u0e-+.1tn \x01\x80\xff";
    (void)state;
    for (int round = 0; round < 1500; round++) {
        json_t *page = NULL;
        char *text = random_page(&page);
        const size_t length = strlen(text);
        assert_true(all_agree(text, length));
        for (int damage = 0; damage < 4; damage++) {
            const size_t at = random_below((uint32_t)length);
            const char before = text[at];
            text[at] = bytes[random_below(sizeof(bytes) - 1)];
            assert_true(all_agree(text, length));
            text[at] = before;
        }
        if (!strstr(text, "\\/") && !strstr(text, "\\\\") && !has_odd_names(page))
            check_by_jansson(text, length, page);
        free(text);
        json_decref(page);
    }
}

/* --- the index */

/* A byte at a time; there are no escapes in the text. */
static size_t keep(const char *text, size_t from, size_t to, char *out)
{
    bool in_string = false;
    size_t count = 0;
    for (size_t i = 0; i < to; i++) {
        if (i >= from && (in_string || !strchr(" \t\n\r", text[i])))
            out[count++] = text[i];
        in_string = in_string != (text[i] == '"');
    }
    return count;
}

/* At the end of a heap block: a read behind it is seen. */
static char *copy_of(const char *bytes, size_t length)
{
    char *copy = malloc(length);
    assert_non_null(copy);
    for (size_t i = 0; i < length; i++)
        copy[i] = bytes[i];
    return copy;
}

static void copies_have_no_blanks(void **state)
{
    static const char text[] =
        "{ \"servers\" : [ 1 , \"a  b\" ,\n\t{ } ], \"href\": \"http://n/ x                                     "
        "                                   \",   \"and so on, until it is longer than two blocks\": [[  ]] }";
    static const struct json_names none = {{NULL}};
    const size_t length = strlen(text);
    size_t count = 0;
    const struct json_masker *maskers = json_maskers(&count);
    (void)state;
    for (size_t i = 0; i < count; i++) {
        struct json_index index;
        if (!maskers[i].can_run())
            continue;
        char *copy = copy_of(text, length);
        assert_true(json_index_make(&index, &maskers[i], &none, copy, length));
        for (size_t from = 0; from <= length; from++) {
            for (size_t to = from; to <= length; to++) {
                char wanted[sizeof(text)];
                const size_t size = keep(text, from, to, wanted);
                char *out = malloc(to - from + JSON_INDEX_MORE);
                assert_int_equal(json_index_copy(&index, from, to, out) - out, size);
                assert_memory_equal(out, wanted, size);
                free(out);
            }
        }
        json_index_clear(&index);
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_have_no_blanks),      cmocka_unit_test(rows_are_made_ours),
        cmocka_unit_test(prefixes_are_not_mixed_up),  cmocka_unit_test(odd_pages),
        cmocka_unit_test(too_long_a_row_is_refused),  cmocka_unit_test(rows_up_to_the_marker_are_left_out),
        cmocka_unit_test(rows_are_put_in_order_once), cmocka_unit_test(random_pages_and_their_damages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
