/* Server groups and their members against a real database: who counts, who is shown, what a group's end leaves. */
#include "schema/server_group.h"
#include "tests/unit/schema/store.h"

static const struct server_group_limits unlimited = {-1, -1};

static struct store *fresh(void **state)
{
    struct store *store = store_get(state);
    run_sql(store, "DELETE FROM server_groups; DELETE FROM servers");
    return store;
}

static struct server_group sample(uint8_t number, const char *project, const char *user)
{
    return (struct server_group){
        .uuid = uuid_of(number), .project_id = project, .user_id = user, .name = "größe", .policy = "anti-affinity"};
}

static struct server_group added(struct store *store, uint8_t number)
{
    struct server_group group = sample(number, "p", "u");
    must(server_group_add(store->db, &group, &unlimited));
    must(server_group_get(store->db, &store->arena, &group.uuid, &group));
    return group;
}

static void a_group_comes_back(void **state)
{
    struct store *store = fresh(state);
    struct server_group group = sample(1, "p", "u");
    struct server_group found;
    group.max_server_per_host = 3;
    must(server_group_add(store->db, &group, &unlimited));
    must(server_group_get(store->db, &store->arena, &group.uuid, &found));
    assert_string_equal(found.name, "größe");
    assert_string_equal(found.policy, "anti-affinity");
    assert_int_equal(found.max_server_per_host, 3);
    must(server_group_delete(store->db, &group.uuid));
    assert_int_equal(server_group_get(store->db, &store->arena, &group.uuid, &found), E_NOT_FOUND);
    assert_int_equal(server_group_delete(store->db, &group.uuid), E_NOT_FOUND);
}

static void projects_and_users_have_limits(void **state)
{
    struct store *store = fresh(state);
    const struct server_group_limits two = {2, -1};
    const struct server_group_limits one_each = {-1, 1};
    const struct server_group_limits none = {0, 0};
    struct server_group a = sample(1, "p", "u");
    struct server_group b = sample(2, "p", "v");
    struct server_group c = sample(3, "p", "w");
    struct server_group d = sample(4, "q", "u");
    must(server_group_add(store->db, &a, &two));
    must(server_group_add(store->db, &b, &one_each));
    assert_int_equal(server_group_add(store->db, &c, &two), E_FORBIDDEN);
    assert_string_equal(err_message(), "Quota exceeded, too many server groups.");
    must(server_group_add(store->db, &c, &one_each));
    struct server_group again = sample(5, "p", "w");
    assert_int_equal(server_group_add(store->db, &again, &one_each), E_FORBIDDEN);
    assert_int_equal(server_group_add(store->db, &d, &none), E_FORBIDDEN);
    must(server_group_add(store->db, &d, &one_each));
    assert_int_equal(ask_int(store, "SELECT COUNT(*) FROM server_groups"), 4);
}

static void groups_are_listed_by_age(void **state)
{
    struct store *store = fresh(state);
    struct server_group foreign = sample(9, "q", "u");
    struct server_groups groups;
    (void)added(store, 3);
    must(server_group_add(store->db, &foreign, &unlimited));
    (void)added(store, 1);
    must(server_group_list(store->db, &store->arena, "p", &groups));
    assert_int_equal(groups.count, 2);
    const struct uuid first = uuid_of(3);
    assert_true(uuid_equal(&groups.items[0].uuid, &first));
    must(server_group_list(store->db, &store->arena, NULL, &groups));
    assert_int_equal(groups.count, 3);
}

static size_t member_count(struct store *store, const struct server_group *group)
{
    struct uuids members;
    must(server_group_members(store->db, &store->arena, group->id, &members));
    return members.count;
}

/* A deleted server is no member; one without a row here is another zone's, and is. */
static void members_live(void **state)
{
    struct store *store = fresh(state);
    const struct server_group group = added(store, 1);
    const struct uuid here = uuid_of(50);
    const struct uuid elsewhere = uuid_of(51);
    const struct server server = server_sample(&here);
    struct uuids found;
    must(server_insert(store->db, &server));
    must(server_group_join(store->db, group.id, &here, "u", 2));
    must(server_group_join(store->db, group.id, &here, "u", 1));
    must(server_group_join(store->db, group.id, &elsewhere, "u", 2));
    assert_int_equal(member_count(store, &group), 2);
    must(server_group_of_server(store->db, &store->arena, &here, &found));
    assert_int_equal(found.count, 1);
    assert_true(uuid_equal(&found.items[0], &group.uuid));
    must(server_set_deleted(store->db, &here));
    assert_int_equal(member_count(store, &group), 1);
    must(server_group_leave(store->db, &elsewhere));
    assert_int_equal(member_count(store, &group), 0);
}

static void a_user_has_so_many_members(void **state)
{
    struct store *store = fresh(state);
    const struct server_group group = added(store, 1);
    const struct uuid first = uuid_of(50);
    const struct uuid second = uuid_of(51);
    must(server_group_join(store->db, group.id, &first, "u", 1));
    assert_int_equal(server_group_join(store->db, group.id, &second, "u", 1), E_FORBIDDEN);
    assert_string_equal(err_message(), "Quota exceeded, too many servers in group");
    must(server_group_join(store->db, group.id, &second, "v", 1));
    assert_int_equal(member_count(store, &group), 2);
}

static void members_end_with_their_group(void **state)
{
    struct store *store = fresh(state);
    const struct server_group group = added(store, 1);
    const struct uuid member = uuid_of(50);
    must(server_group_join(store->db, group.id, &member, "u", -1));
    must(server_group_delete(store->db, &group.uuid));
    assert_int_equal(ask_int(store, "SELECT COUNT(*) FROM server_group_members"), 0);
    assert_int_equal(server_group_join(store->db, group.id, &member, "u", -1), E_NOT_FOUND);
}

static void strangers_are_members_of_other_zones(void **state)
{
    struct store *store = fresh(state);
    const struct server_group group = added(store, 1);
    const struct uuid stranger = uuid_of(50);
    struct uuids found;
    must(server_group_join(store->db, group.id, &stranger, "u", -1));
    must(server_group_strangers(store->db, &store->arena, group.id, &found));
    assert_int_equal(found.count, 1);
    assert_true(uuid_equal(&found.items[0], &stranger));
    must(server_group_leave(store->db, &stranger));
    must(server_group_strangers(store->db, &store->arena, group.id, &found));
    assert_int_equal(found.count, 0);
}

/* One connection's turn is over when it says so, and when it ends. */
static void creates_take_turns(void **state)
{
    struct store *store = fresh(state);
    const struct uuid group = uuid_of(1);
    const struct uuid other = uuid_of(2);
    struct db *db = NULL;
    must(db_open(&store->target, &db));
    must(server_group_lock(store->db, &group, 0));
    assert_int_equal(server_group_lock(db, &group, 0), E_UNAVAILABLE);
    must(server_group_lock(db, &other, 0));
    must(server_group_unlock(store->db, &group));
    must(server_group_lock(db, &group, 1000));
    assert_int_equal(server_group_lock(store->db, &group, 0), E_UNAVAILABLE);
    db_close(db);
    must(server_group_lock(store->db, &group, 10000));
    must(server_group_unlock(store->db, &group));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_group_comes_back),
        cmocka_unit_test(projects_and_users_have_limits),
        cmocka_unit_test(groups_are_listed_by_age),
        cmocka_unit_test(members_live),
        cmocka_unit_test(a_user_has_so_many_members),
        cmocka_unit_test(members_end_with_their_group),
        cmocka_unit_test(strangers_are_members_of_other_zones),
        cmocka_unit_test(creates_take_turns),
    };
    return cmocka_run_group_tests(tests, store_setup, store_teardown);
}
