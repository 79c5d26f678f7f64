/* Interfaces of servers: what is wished for, what is claimed for it, and what is refused. */
#include "compute/build/firewall.h"
#include "compute/build/nics.h"
#include "tests/unit/schema/store.h"

#define NUMBER(a, b, c, d) ((uint32_t)(a) << 24 | (b) << 16 | (c) << 8 | (d))

static struct network network_of(uint8_t number, const char *name)
{
    return (struct network){uuid_of(number),         name, "br0", NUMBER(10, 0, number, 1), 24, NUMBER(10, 0, number, 1),
                            NUMBER(10, 0, number, 3)};
}

static struct store *fresh(void **state, const struct network *items, size_t count)
{
    struct store *store = store_get(state);
    const struct uuid host = uuid_of(200);
    run_sql(store, "DELETE FROM ports; DELETE FROM host_networks; DELETE FROM networks");
    must(network_report(store->db, &host, items, count));
    return store;
}

static enum err wish(struct store *store, uint8_t number, const char *text, struct server *out)
{
    const struct uuid uuid = uuid_of(number);
    *out = server_sample(&uuid);
    out->security_groups = NULL;
    out->networks = text;
    return nics_allocate(store->db, &store->arena, out);
}

static const char *of_first(struct store *store, const struct server *server, const char *key)
{
    json_t *list = nics_load(server);
    const char *text = arena_strdup(&store->arena, json_string_value(json_object_get(json_array_get(list, 0), key)));
    json_decref(list);
    return text;
}

static void addresses_are_read_and_written(void **state)
{
    uint32_t address = 0;
    (void)state;
    assert_true(address_from_text("10.0.1.2", &address) && address == NUMBER(10, 0, 1, 2));
    assert_string_equal(address_to_text(NUMBER(192, 168, 0, 255)).text, "192.168.0.255");
    assert_false(address_from_text("10.0.1", &address) || address_from_text("::1", &address) || address_from_text(NULL, &address));
}

static void a_network_holds_its_hosts(void **state)
{
    const struct network network = network_of(1, "a");
    const struct network without = {.name = "bridge"};
    (void)state;
    assert_true(network_holds(&network, NUMBER(10, 0, 1, 200)));
    assert_false(network_holds(&network, NUMBER(10, 0, 1, 0)));
    assert_false(network_holds(&network, NUMBER(10, 0, 1, 255)));
    assert_false(network_holds(&network, NUMBER(10, 0, 1, 1)));
    assert_false(network_holds(&network, NUMBER(10, 0, 2, 7)));
    assert_false(network_holds(&without, NUMBER(10, 0, 1, 7)));
}

static void reports_say_which_host_has_what(void **state)
{
    const struct network both[] = {network_of(1, "a"), network_of(2, "b")};
    struct network other = network_of(9, "a"); /* the same name on another host has another libvirt uuid */
    const struct uuid second = uuid_of(201);
    const struct uuid *hosts = NULL;
    struct networks list;
    size_t count = 0;
    struct store *store = fresh(state, both, 2);
    must(network_report(store->db, &second, &other, 1));
    must(network_list(store->db, &store->arena, &list));
    assert_int_equal(list.count, 2);
    assert_true(uuid_equal(&list.items[0].uuid, &both[0].uuid));
    must(network_hosts(store->db, &store->arena, &both[0].uuid, 1, &hosts, &count));
    assert_int_equal(count, 2);
    const struct uuid twice[] = {both[1].uuid, both[0].uuid, both[1].uuid};
    must(network_hosts(store->db, &store->arena, twice, 3, &hosts, &count));
    assert_int_equal(count, 1);
    must(network_report(store->db, &second, NULL, 0));
    must(network_hosts(store->db, &store->arena, &both[0].uuid, 1, &hosts, &count));
    assert_int_equal(count, 1);
    other = both[0];
    other.dhcp_last += 5;
    const struct uuid first = uuid_of(200);
    must(network_report(store->db, &first, &other, 1));
    must(network_list(store->db, &store->arena, &list));
    assert_int_equal(list.count, 1);
    assert_int_equal(list.items[0].dhcp_last, other.dhcp_last);
}

static void any_and_auto_take_the_only_network(void **state)
{
    const struct network both[] = {network_of(1, "a"), network_of(2, "b")};
    struct server server;
    struct store *store = fresh(state, both, 1);
    must(wish(store, 10, "\"any\"", &server));
    assert_string_equal(of_first(store, &server, "name"), "a");
    must(firewall_join(store->db, &store->arena, &server));
    assert_string_equal(server.security_groups, "[{\"name\":\"default\"}]");
    must(wish(store, 11, "\"auto\"", &server));
    store = fresh(state, both, 2);
    must_fail(wish(store, 12, "\"any\"", &server), E_CONFLICT,
              "Multiple possible networks found, use a Network ID to be more specific.");
    store = fresh(state, NULL, 0);
    must(wish(store, 13, "\"any\"", &server));
    assert_null(server.nics);
    assert_int_equal(wish(store, 14, "\"auto\"", &server), E_NOT_FOUND);
}

/* The range has three addresses and one of them is the gateway's. */
static void addresses_end_and_come_back(void **state)
{
    const struct network one = network_of(1, "a");
    struct server first;
    struct server second;
    struct server third;
    bool room = false;
    struct store *store = fresh(state, &one, 1);
    must(wish(store, 10, "\"any\"", &first));
    must(network_has_room(store->db, &one, 0, &room));
    assert_true(room);
    must(wish(store, 11, "\"any\"", &second));
    assert_string_not_equal(of_first(store, &first, "address"), of_first(store, &second, "address"));
    must(network_has_room(store->db, &one, 0, &room));
    assert_false(room);
    assert_int_equal(wish(store, 12, "\"any\"", &third), E_INVALID);
    must(port_delete_of_server(store->db, &first.uuid));
    must(wish(store, 12, "\"any\"", &third));
    assert_string_equal(of_first(store, &third, "address"), of_first(store, &first, "address"));
}

static void fixed_addresses_are_checked(void **state)
{
    bool room = false;
    const struct network one = network_of(1, "a");
    struct server server;
    struct store *store = fresh(state, &one, 1);
    char good[160];
    char bad[160];
    (void)snprintf(good, sizeof(good), "[{\"uuid\":\"%s\",\"fixed_ip\":\"10.0.1.77\",\"tag\":\"t\"}]",
                   uuid_to_text(&one.uuid).text);
    (void)snprintf(bad, sizeof(bad), "[{\"uuid\":\"%s\",\"fixed_ip\":\"10.0.2.77\"}]", uuid_to_text(&one.uuid).text);
    must(wish(store, 10, good, &server));
    assert_string_equal(of_first(store, &server, "address"), "10.0.1.77");
    assert_string_equal(of_first(store, &server, "tag"), "t");
    assert_true(str_starts(of_first(store, &server, "mac"), "fa:16:3e:"));
    must(network_has_room(store->db, &one, NUMBER(10, 0, 1, 77), &room));
    assert_false(room);
    must(network_has_room(store->db, &one, NUMBER(10, 0, 1, 78), &room));
    assert_true(room);
    must_fail(wish(store, 11, good, &server), E_INVALID, "Fixed IP address 10.0.1.77 is already in use.");
    assert_int_equal(wish(store, 12, bad, &server), E_INVALID);
}

static void what_a_guest_has_is_claimed_again(void **state)
{
    const struct network one = network_of(1, "a");
    struct server server;
    struct store *store = fresh(state, &one, 1);
    must(wish(store, 10, "\"any\"", &server));
    run_sql(store, "DELETE FROM ports");
    must(nics_adopt(store->db, &server));
    must(nics_adopt(store->db, &server));
    assert_int_equal(ask_int(store, "SELECT COUNT(*) FROM ports"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_read_and_written),    cmocka_unit_test(a_network_holds_its_hosts),
        cmocka_unit_test(reports_say_which_host_has_what),   cmocka_unit_test(any_and_auto_take_the_only_network),
        cmocka_unit_test(addresses_end_and_come_back),       cmocka_unit_test(fixed_addresses_are_checked),
        cmocka_unit_test(what_a_guest_has_is_claimed_again),
    };
    return cmocka_run_group_tests(tests, store_setup, store_teardown);
}
