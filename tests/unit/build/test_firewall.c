/* What security groups' rules become: the filter's XML, and whom a change concerns. */
#include "compute/build/firewall.h"
#include "schema/network.h"
#include "tests/unit/schema/store.h"

#define HEAD                                                                                                                       \
    "<filter name='zonegate-11111111-2222-4333-8444-555555555501' chain='root'>\n"                                                 \
    "<uuid>11111111-2222-4333-8444-555555555501</uuid>\n"                                                                          \
    "<rule action='accept' direction='in' priority='500'><all state='ESTABLISHED,RELATED'/></rule>\n"                              \
    "<rule action='accept' direction='in' priority='500'><all-ipv6 state='ESTABLISHED,RELATED'/></rule>\n"                         \
    "<rule action='accept' direction='in' priority='500'><udp srcportstart='67' dstportstart='68'/></rule>\n"
#define TAIL                                                                                                                       \
    "<rule action='drop' direction='in' priority='1000'><all/></rule>\n"                                                           \
    "<rule action='drop' direction='in' priority='1000'><all-ipv6/></rule>\n"                                                      \
    "</filter>\n"
#define ACCEPT(match) "<rule action='accept' direction='in' priority='500'>" match "</rule>\n"

static const uint32_t members[] = {0x0a000005, 0x0a000006};

static const struct {
    struct security_rule rule;
    struct firewall_sources sources;
    const char *expected;
} rows[] = {
    {{.protocol = "tcp", .has_ports = true, .from_port = 22, .to_port = 23, .cidr = "10.0.0.0/8"},
     {NULL, 0},
     ACCEPT("<tcp srcipaddr='10.0.0.0' srcipmask='8' dstportstart='22' dstportend='23'/>")},
    {{.protocol = "udp", .has_ports = true, .from_port = -1, .to_port = -1, .cidr = "0.0.0.0/0"},
     {NULL, 0},
     ACCEPT("<udp srcipaddr='0.0.0.0' srcipmask='0'/>")},
    {{.protocol = "icmp", .has_ports = true, .from_port = 8, .to_port = 0, .cidr = "10.1.2.3/32"},
     {NULL, 0},
     ACCEPT("<icmp srcipaddr='10.1.2.3' srcipmask='32' type='8' code='0'/>")},
    {{.protocol = "icmp", .has_ports = true, .from_port = 8, .to_port = -1, .cidr = "::/0"},
     {NULL, 0},
     ACCEPT("<icmpv6 srcipaddr='::' srcipmask='0' type='8'/>")},
    {{.protocol = "tcp", .has_ports = true, .from_port = 1, .to_port = 2, .cidr = "2001:db8::/32"},
     {NULL, 0},
     ACCEPT("<tcp-ipv6 srcipaddr='2001:db8::' srcipmask='32' dstportstart='1' dstportend='2'/>")},
    {{.protocol = NULL},
     {members, 2},
     ACCEPT("<all srcipaddr='10.0.0.5' srcipmask='32'/>") ACCEPT("<all srcipaddr='10.0.0.6' srcipmask='32'/>")},
    {{.protocol = "tcp", .has_ports = true, .from_port = 9, .to_port = 9}, {NULL, 0}, ""},
};

static void each_rule_is_written(void **state)
{
    const struct uuid server = uuid_of(1);
    CLEANUP(arena_clear) struct arena arena = {0};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct security_rules rules = {&rows[i].rule, 1};
        const char *expected = arena_printf(&arena, "%s%s%s", HEAD, rows[i].expected, TAIL);
        assert_string_equal(firewall_xml(&arena, &server, &rules, &rows[i].sources), expected);
    }
}

static struct security_group make_group(struct store *store, uint8_t number, const char *name)
{
    const struct security_group group = {uuid_of(number), "p", name, "d"};
    must(security_group_add(store->db, &group));
    return group;
}

static void a_change_concerns_members_and_those_who_name_them(void **state)
{
    struct store *store = store_get(state);
    run_sql(store,
            "DELETE FROM security_groups; DELETE FROM security_group_rules; DELETE FROM server_security_groups; DELETE FROM tasks");
    const struct security_group web = make_group(store, 10, "web");
    const struct security_group base = make_group(store, 11, "base");
    const struct security_rule rule = {.uuid = uuid_of(20), .parent = base.uuid, .source = web.uuid};
    const struct uuid in_web = uuid_of(1);
    const struct uuid in_base = uuid_of(2);
    const struct uuid *servers = NULL;
    size_t count = 0;
    must(security_rule_add(store->db, &rule));
    must_fail(security_rule_add(store->db, &rule), E_CONFLICT,
              arena_printf(&store->arena, "This rule already exists in group %s", uuid_to_text(&base.uuid).text));
    must(security_group_join(store->db, &in_web, &web.uuid));
    must(security_group_join(store->db, &in_web, &web.uuid));
    must(security_group_join(store->db, &in_base, &base.uuid));
    must(security_group_concerns(store->db, &store->arena, &web.uuid, &servers, &count));
    assert_int_equal(count, 2);
    must(security_group_concerns(store->db, &store->arena, &base.uuid, &servers, &count));
    assert_int_equal(count, 1);
    must(firewall_touch_sources(store->db, &in_base, "req-1"));
    assert_int_equal(ask_int(store, "SELECT COUNT(*) FROM tasks"), 0);
    must(firewall_touch_sources(store->db, &in_web, "req-1"));
    must(firewall_touch_sources(store->db, &in_web, "req-1"));
    assert_int_equal(ask_int(store, "SELECT COUNT(*) FROM tasks WHERE kind = 'firewall'"), 2);
    assert_int_equal(security_group_delete(store->db, &web.uuid), E_CONFLICT);
    must(security_group_leave_all(store->db, &in_web));
    must(security_group_delete(store->db, &web.uuid));
    assert_int_equal(ask_int(store, "SELECT COUNT(*) FROM security_group_rules"), 0); /* base's rule named it */
}

static void every_project_has_one_default_group(void **state)
{
    struct store *store = store_get(state);
    struct security_group first;
    struct security_group again;
    struct security_group other;
    must(security_group_default(store->db, &store->arena, "p1", &first));
    must(security_group_named(store->db, &store->arena, "p1", "default", &again));
    must(security_group_default(store->db, &store->arena, "p2", &other));
    assert_true(uuid_equal(&first.uuid, &again.uuid) && !uuid_equal(&first.uuid, &other.uuid));
    must(security_group_named(store->db, &store->arena, "p1", uuid_to_text(&first.uuid).text, &again));
    assert_int_equal(security_group_named(store->db, &store->arena, "p1", uuid_to_text(&other.uuid).text, &again), E_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_rule_is_written),
        cmocka_unit_test(a_change_concerns_members_and_those_who_name_them),
        cmocka_unit_test(every_project_has_one_default_group),
    };
    return cmocka_run_group_tests(tests, store_setup, store_teardown);
}
