/*
 * libFuzzer on what a plain Nova and its Keystone answer: rows of a list, an object made ours, keys, the answer to a login. Besides
 * crashes it finds contradictions: what was made ours passes the scanner, and making it ours again changes nothing.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

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
    if (!json_scan_object(bytes, size))
        return 0;
    check_rewrite(bytes, size, false);
    check_rewrite(bytes, size, true);
    check_rows(&arena, bytes, size);
    return 0;
}
