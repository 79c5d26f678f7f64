/*
 * libFuzzer on what a plain Nova and its Keystone answer: rows of a list, an object made ours, keys, the answer to a login. Besides
 * crashes it finds contradictions: what was made ours passes the scanner, and making it ours again changes nothing; a page of a
 * list becomes the same rows by every instruction set as in many plain walks, and rows that jansson can read.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <jansson.h>

#include "tests/unit/zones/page_reference.h"
#include "zones/json_scan.h"
#include "zones/nova.h"
#include "zones/nova_json.h"
#include "zones/nova_rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition)
{
    if (!condition)
        abort();
}

static void check_rewrite(const char *bytes, size_t length, bool brief)
{
    const struct nova_rewrite rules = {"http://r/compute/v2.1", "http://r/compute", "there", "here", brief};
    CLEANUP(text_clear) struct text once = {0};
    CLEANUP(text_clear) struct text twice = {0};
    nova_rewrite(&rules, bytes, length, &once);
    must(json_scan_object(once.bytes, once.length));
    nova_rewrite(&rules, once.bytes, once.length, &twice);
    must(json_scan_object(twice.bytes, twice.length));
    must(twice.length == once.length && memcmp(once.bytes, twice.bytes, once.length) == 0);
}

static void check_rows(struct arena *arena, const char *bytes, size_t length)
{
    struct nova_list list;
    const struct nova_piece *pieces = NULL;
    size_t count = 0;
    must(nova_list_read(arena, "/compute/v2.1/servers/detail?sort_key=display_name&sort_key=progress&sort_key=launched_at",
                        &list) == OK);
    if (!nova_split(arena, bytes, length, "servers", &pieces, &count))
        return;
    for (size_t i = 0; i < count; i++) {
        CLEANUP(text_clear) struct text key = {0};
        struct uuid uuid;
        must(json_scan_object(pieces[i].bytes, pieces[i].length));
        if (nova_row_key(&list, pieces[i].bytes, pieces[i].length, "here", &key, &uuid) == OK)
            must(key.length > sizeof(uuid));
    }
}

/* Whether or not it passes the scanner. What came out is refused by jansson for numbers out of range only. */
static void check_page(struct arena *arena, const char *target, const char *bytes, size_t length)
{
    const struct nova_rewrite rules = {"http://r/compute/v2.1", "http://r/compute", "there", "here", false};
    struct nova_list list;
    struct nova_page page;
    must(nova_list_read(arena, target, &list) == OK);
    const struct nova_page_options options = {.list = &list, .rules = &rules};
    must(pages_agree(&options, bytes, length));
    if (nova_page_read(arena, &options, bytes, length, &page) != OK)
        return;
    nova_rows_sort(page.rows, &page.count);
    for (size_t i = 0; i < page.count; i++) {
        json_error_t error;
        json_auto_t *body = json_loadb(page.rows[i].body, page.rows[i].body_length, 0, &error);
        must(json_is_object(body) || json_error_code(&error) == json_error_numeric_overflow);
        must(i == 0 ||
             row_key_compare(page.rows[i - 1].key, page.rows[i - 1].key_length, page.rows[i].key, page.rows[i].key_length) < 0);
    }
}

static void check_pages(struct arena *arena, const char *bytes, size_t length)
{
    static const char *const targets[] = {"/compute/v2.1/servers/detail", "/compute/v2.1/servers",
                                          "/compute/v2.1/servers/detail?sort_key=display_name&sort_key=progress"};
    for (size_t i = 0; i < ARRAY_LEN(targets); i++)
        check_page(arena, targets[i], bytes, length);
}

/* The input as the members of a row that is complete without it. */
static void check_inside(struct arena *arena, const char *bytes, size_t length)
{
    static const char before[] = "{\"servers\": [{\"id\": \"25131222-5d30-47ea-9e3b-6a01653765f1\", \"created\": "
                                 "\"2026-11-22T21:44:27Z\", \"tenant_id\": \"there\", \"x\": ";
    static const char behind[] = "}]}";
    CLEANUP(text_clear) struct text page = {0};
    text_add(&page, before, sizeof(before) - 1);
    text_add(&page, bytes, length);
    text_add(&page, behind, sizeof(behind) - 1);
    check_pages(arena, page.bytes, page.length);
}

static void check_login(struct arena *arena, const char *bytes, size_t length)
{
    const struct nova_child child = {.row = {.region = "RegionOne"}};
    const struct zone zone = {.row = {.name = "n"}, .nova = &child};
    struct http_answer answer = {.kind = ZONE_ANSWERED, .status = 201, .body = bytes, .body_length = length};
    struct nova_login login = {0};
    headers_add(arena, &answer.headers, "X-Subject-Token", "t");
    if (nova_login_read(&zone, &answer, arena, &login) == OK)
        must(login.project && login.token && strncasecmp(login.endpoint, "http", 4) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    const char *bytes = arena_strndup(&arena, (const char *)data, size);
    (void)nova_link(&arena, &(const struct nova_rewrite){"s", "b", NULL, NULL, false}, bytes, size);
    check_login(&arena, bytes, size);
    check_pages(&arena, bytes, size);
    check_inside(&arena, bytes, size);
    if (!json_scan_object(bytes, size))
        return 0;
    check_rewrite(bytes, size, false);
    check_rewrite(bytes, size, true);
    check_rows(&arena, bytes, size);
    return 0;
}
