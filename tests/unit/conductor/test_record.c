/* Rows from requests: host names, every member that a request may set, damaged parts, and the reply to a create. */
#include <jansson.h>

#include "gateway/conductor/record.h"
#include "tests/unit/schema/store.h"

#define UUID "11111111-2222-4333-8444-555555555501"

static const struct caller user = {.user_id = "u", .project_id = "p"};

static void host_names_are_novas(void **state)
{
    static const struct {
        const char *name;
        const char *hostname;
    } rows[] = {
        {"web", "web"},
        {"Web Server_1", "web-server-1"},
        {"a.b.C", "a.b.c"},
        {"  web  ", "web"},
        {"-.web.-", "web"},
        {"größe", "gre"},
        {"a!@#b", "ab"},
        {"", "Server-" UUID},
        {"...", "Server-" UUID},
        {"日本", "Server-" UUID},
        {"aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff1234",
         "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff123"},
        {"aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff12-4",
         "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff12"},
    };
    CLEANUP(arena_clear) struct arena arena = {0};
    const struct uuid uuid = uuid_of(1);
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_string_equal(record_hostname(&arena, rows[i].name, &uuid), rows[i].hostname);
}

static enum err make(struct arena *arena, json_t *server, json_t *embedded, struct server *out)
{
    static const struct uuid uuid = {{0x11, 0x11, 0x11, 0x11, 0x22, 0x22, 0x43, 0x33, 0x84, 0x44, 0x55, 0x55, 0x55, 0x55, 0x55, 1}};
    const struct record_parts parts = {&uuid, server, embedded, "r-1", 3};
    return record_make(arena, &parts, &user, out);
}

static json_t *load(const char *text)
{
    json_t *json = json_loads(text, JSON_DECODE_ANY, NULL);
    assert_non_null(json);
    return json;
}

#define FLAVOR                                                                                                                     \
    "\"flavor\":{\"id\":\"f1\",\"name\":\"tiny\",\"vcpus\":2,\"ram\":512,\"disk\":3,\"ephemeral\":4,\"swap\":1025,"                \
    "\"extra_specs\":{\"a\":\"b\"}}"

static void every_member_reaches_the_row(void **state)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    json_auto_t *server =
        load("{\"name\":\"My Web\",\"description\":\"d\",\"availability_zone\":\"az:host:node\",\"user_data\":\"dQ==\","
             "\"config_drive\":\"True\",\"metadata\":{\"k\":\"ü\"},\"tags\":[\"t\",\"u\"],"
             "\"trusted_image_certificates\":[\"c\"],\"accessIPv4\":\"192.0.2.1\",\"accessIPv6\":\"::1\","
             "\"OS-DCF:diskConfig\":\"AUTO\",\"adminPass\":\"secret\"}");
    json_auto_t *embedded = load("{" FLAVOR ",\"image\":{\"id\":\"i1\",\"kernel_id\":\"k\",\"ramdisk_id\":\"r\",\"size\":5},"
                                 "\"keypair\":{\"name\":\"key\",\"public_key\":\"ssh-rsa A\"}}");
    struct server row;
    (void)state;
    must(make(&arena, server, embedded, &row));
    const char *const texts[][2] = {{uuid_to_text(&row.uuid).text, UUID},
                                    {row.project_id, "p"},
                                    {row.user_id, "u"},
                                    {row.name, "My Web"},
                                    {row.description, "d"},
                                    {row.hostname, "my-web"},
                                    {row.availability_zone, "az"},
                                    {row.reservation_id, "r-1"},
                                    {row.flavor_id, "f1"},
                                    {row.image_ref, "i1"},
                                    {row.kernel_id, "k"},
                                    {row.ramdisk_id, "r"},
                                    {row.key_name, "key"},
                                    {row.key_data, "ssh-rsa A"},
                                    {row.user_data, "dQ=="},
                                    {row.metadata, "{\"k\":\"ü\"}"},
                                    {row.tags, "[\"t\",\"u\"]"},
                                    {row.trusted_certs, "[\"c\"]"},
                                    {row.access_ip_v4, "192.0.2.1"},
                                    {row.access_ip_v6, "::1"},
                                    {row.disk_config, "AUTO"},
                                    {row.request_spec, "{}"},
                                    {row.image, "{\"id\":\"i1\",\"kernel_id\":\"k\",\"ramdisk_id\":\"r\",\"size\":5}"},
                                    {row.flavor, "{\"vcpus\":2,\"ram\":512,\"disk\":3,\"ephemeral\":4,\"swap\":1025,"
                                                 "\"original_name\":\"tiny\",\"extra_specs\":{\"a\":\"b\"}}"}};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        assert_string_equal(texts[i][0], texts[i][1]);
    assert_true(row.config_drive && row.launch_index == 3 && row.vcpus == 2 && row.ram_mib == 512);
    assert_int_equal(row.disk_gib, 9); /* 3 + 4 + 1025 MiB of swap, rounded up */
    assert_null(row.host);
    assert_null(row.vm_state);
}

static void what_was_not_asked_for_has_its_default(void **state)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    json_auto_t *server = load("{\"name\":\"n\",\"description\":null,\"tags\":null,\"trusted_image_certificates\":null}");
    json_auto_t *embedded = load("{\"flavor\":{\"id\":\"f1\",\"vcpus\":1,\"ram\":64,\"disk\":0},\"image\":null,\"keypair\":null}");
    struct server row;
    (void)state;
    must(make(&arena, server, embedded, &row));
    const char *const nothing[] = {row.description,  row.availability_zone, row.image_ref, row.image,
                                   row.key_name,     row.key_data,          row.user_data, row.trusted_certs,
                                   row.access_ip_v4, row.access_ip_v6,      row.kernel_id};
    for (size_t i = 0; i < ARRAY_LEN(nothing); i++)
        assert_null(nothing[i]);
    assert_string_equal(row.metadata, "{}");
    assert_string_equal(row.tags, "[]");
    assert_string_equal(row.disk_config, "MANUAL");
    assert_false(row.config_drive);
    assert_int_equal(row.disk_gib, 0);
    must_contain(row.flavor, "\"original_name\":null,\"extra_specs\":{}");
}

static void config_drives_are_asked_for_in_many_ways(void **state)
{
    static const char *const yes[] = {"true",   "\"true\"", "\"True\"", "\"TRUE\"", "\"1\"",
                                      "\"on\"", "\"Yes\"",  "\"y\"",    "\"t\"",    "1"};
    static const char *const no[] = {"false", "\"false\"", "\"0\"", "\"off\"", "\"no\"", "\"\"", "0", "null", "2"};
    CLEANUP(arena_clear) struct arena arena = {0};
    json_auto_t *embedded = load("{" FLAVOR "}");
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(yes) + ARRAY_LEN(no); i++) {
        const bool wanted = i < ARRAY_LEN(yes);
        json_auto_t *server =
            load(arena_printf(&arena, "{\"name\":\"n\",\"config_drive\":%s}", wanted ? yes[i] : no[i - ARRAY_LEN(yes)]));
        struct server row;
        must(make(&arena, server, embedded, &row));
        assert_int_equal(row.config_drive, wanted);
    }
}

static void zones_are_the_part_before_the_colon(void **state)
{
    static const char *const rows[][2] = {{"az", "az"}, {"az:h", "az"}, {"az::n", "az"}, {":h", NULL}, {"::n", NULL}};
    CLEANUP(arena_clear) struct arena arena = {0};
    json_auto_t *embedded = load("{" FLAVOR "}");
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        json_auto_t *server = json_pack("{s:s, s:s}", "name", "n", "availability_zone", rows[i][0]);
        struct server row;
        must(make(&arena, server, embedded, &row));
        if (rows[i][1])
            assert_string_equal(row.availability_zone, rows[i][1]);
        else
            assert_null(row.availability_zone);
    }
}

static void damaged_parts_are_refused(void **state)
{
    static const char *const rows[][2] = {{"{\"name\":\"n\"}", "{}"},
                                          {"{\"name\":\"n\"}", "{\"flavor\":null}"},
                                          {"{\"name\":\"n\"}", "{\"flavor\":[]}"},
                                          {"{\"name\":\"n\"}", "{\"flavor\":{\"vcpus\":1}}"},
                                          {"{\"name\":\"n\"}", "{\"flavor\":{\"id\":1}}"},
                                          {"{\"name\":\"n\"}", "[]"},
                                          {"{\"name\":5}", "{" FLAVOR "}"},
                                          {"{}", "{" FLAVOR "}"}};
    CLEANUP(arena_clear) struct arena arena = {0};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        json_auto_t *server = load(rows[i][0]);
        json_auto_t *embedded = load(rows[i][1]);
        struct server row = {.vcpus = 77};
        must_fail(make(&arena, server, embedded, &row), E_INVALID, "The request lacks its embedded flavor.");
        assert_int_equal(row.vcpus, 77);
    }
}

static void a_create_is_answered(void **state)
{
    CLEANUP(text_clear) struct text out = {0};
    const struct uuid uuid = uuid_of(1);
    const struct server server = server_sample(&uuid);
    json_auto_t *request = load("{\"adminPass\":\"a\\\"b\",\"security_groups\":[{\"name\":\"g\"}]}");
    json_auto_t *plain = load("{\"adminPass\":\"x\",\"security_groups\":[]}");
    (void)state;
    record_write_created(&out, &server, request, "http://z/compute/v2.1/p", "http://z/compute/p");
    assert_string_equal(text_str(&out),
                        "{\"server\":{\"id\":\"" UUID
                        "\",\"links\":[{\"rel\":\"self\",\"href\":\"http://z/compute/v2.1/p/servers/" UUID
                        "\"},{\"rel\":\"bookmark\",\"href\":\"http://z/compute/p/servers/" UUID
                        "\"}],\"OS-DCF:diskConfig\":\"MANUAL\",\"security_groups\":[{\"name\":\"g\"}],\"adminPass\":\"a\\\"b\"}}");
    text_reset(&out);
    record_write_created(&out, &server, plain, "s", "b");
    must_contain(text_str(&out), "\"security_groups\":[{\"name\":\"default\"}],\"adminPass\":\"x\"}}");
}

static void addresses_are_written_shortest(void **state)
{
    (void)state;
    CLEANUP(arena_clear) struct arena arena = {0};
    assert_string_equal(record_ip6(&arena, "0000:0000:0000:0000:0000:babe:220.12.22.2"), "::babe:dc0c:1602");
    assert_string_equal(record_ip6(&arena, "2001:DB8:0:0::1"), "2001:db8::1");
    assert_string_equal(record_ip6(&arena, ""), "");
    assert_null(record_ip6(&arena, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(host_names_are_novas),
        cmocka_unit_test(addresses_are_written_shortest),
        cmocka_unit_test(every_member_reaches_the_row),
        cmocka_unit_test(what_was_not_asked_for_has_its_default),
        cmocka_unit_test(config_drives_are_asked_for_in_many_ways),
        cmocka_unit_test(zones_are_the_part_before_the_colon),
        cmocka_unit_test(damaged_parts_are_refused),
        cmocka_unit_test(a_create_is_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
