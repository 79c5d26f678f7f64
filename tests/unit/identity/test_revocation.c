/* Every deed that voids tokens against every kind of token; other processes; the list that goes to other zones. Needs
 * ZONEGATE_TEST_DATABASE. */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "tests/unit/identity/fixture.h"

#define USER       "user-1"
#define CREDENTIAL "credential-1"

enum held { HELD_UNSCOPED, HELD_A, HELD_B, HELD_DOMAIN, HELD_SYSTEM, HELD_CREDENTIAL, HELD_KINDS };

struct world {
    struct zone zone;
    struct arena arena;
    char hash[PASSWORD_HASH_SIZE];
    const char *tokens[HELD_KINDS];
    struct claims *claims[HELD_KINDS];
    struct conversation conversation;
};

static enum err do_nothing(struct world *world)
{
    (void)world;
    return OK;
}

static enum err revoke_a(struct world *world)
{
    return identity_revoke_token(world->zone.gateway.identity, world->zone.db, world->claims[HELD_A]);
}

static enum err change_password(struct world *world)
{
    return identity_user_change(world->zone.db, USER, &(struct identity_change){.password = world->hash, .enabled = -1});
}

static enum err rename_user(struct world *world)
{
    return identity_user_change(world->zone.db, USER, &(struct identity_change){.name = "other", .enabled = -1});
}

static enum err disable_user(struct world *world)
{
    return identity_user_change(world->zone.db, USER, &(struct identity_change){.enabled = 0});
}

static enum err enable_user(struct world *world)
{
    return identity_user_change(world->zone.db, USER, &(struct identity_change){.enabled = 1});
}

static enum err delete_user(struct world *world)
{
    return identity_user_delete(world->zone.db, USER);
}

static enum err disable_a(struct world *world)
{
    return identity_project_change(world->zone.db, "a", &(struct identity_change){.enabled = 0});
}

static enum err delete_a(struct world *world)
{
    return identity_project_delete(world->zone.db, "a");
}

static enum err disable_b(struct world *world)
{
    return identity_project_change(world->zone.db, "b", &(struct identity_change){.enabled = 0});
}

static enum err disable_domain(struct world *world)
{
    return identity_domain_change(world->zone.db, "d", &(struct identity_change){.enabled = 0});
}

static enum err delete_domain(struct world *world)
{
    TRY(disable_domain(world));
    return identity_domain_delete(world->zone.db, "d");
}

static enum err delete_grant(struct world *world)
{
    const struct identity_grant grant = {.user_id = USER, .scope = "project", .scope_id = "a", .role_id = "role"};
    return identity_grant_delete(world->zone.db, &grant);
}

static enum err delete_role(struct world *world)
{
    return identity_role_delete(world->zone.db, "role");
}

static enum err delete_other_role(struct world *world)
{
    TRY(identity_role_add(world->zone.db, &(struct identity_role){"other", "other", ""}));
    return identity_role_delete(world->zone.db, "other");
}

static enum err delete_credential(struct world *world)
{
    return identity_credential_delete(world->zone.db, USER, CREDENTIAL);
}

/* 1: the token is void afterwards. Columns: unscoped, project a, project b, domain, system, application credential (project a). */
static const struct deed {
    const char *name;
    enum err (*run)(struct world *world);
    int voided[HELD_KINDS];
} deeds[] = {
    {"nothing", do_nothing, {0, 0, 0, 0, 0, 0}},
    {"revoke one", revoke_a, {0, 1, 0, 0, 0, 0}},
    {"password", change_password, {1, 1, 1, 1, 1, 1}},
    {"rename user", rename_user, {0, 0, 0, 0, 0, 0}},
    {"disable user", disable_user, {1, 1, 1, 1, 1, 1}},
    {"enable user", enable_user, {0, 0, 0, 0, 0, 0}},
    {"delete user", delete_user, {1, 1, 1, 1, 1, 1}},
    {"disable project a", disable_a, {0, 1, 0, 0, 0, 1}},
    {"delete project a", delete_a, {0, 1, 0, 0, 0, 1}},
    {"disable project b", disable_b, {0, 0, 1, 0, 0, 0}},
    {"disable domain", disable_domain, {1, 1, 1, 1, 1, 1}},
    {"delete domain", delete_domain, {1, 1, 1, 1, 1, 1}},
    {"delete grant", delete_grant, {1, 1, 1, 1, 1, 1}},
    {"delete role", delete_role, {1, 1, 1, 1, 1, 1}},
    {"delete a role that nobody has", delete_other_role, {0, 0, 0, 0, 0, 0}},
    {"delete credential", delete_credential, {0, 0, 0, 0, 0, 1}},
};

static const char *const logins[HELD_KINDS] = {
    "\"scope\":\"unscoped\"",
    "\"scope\":{\"project\":{\"id\":\"a\"}}",
    "\"scope\":{\"project\":{\"id\":\"b\"}}",
    "\"scope\":{\"domain\":{\"id\":\"d\"}}",
    "\"scope\":{\"system\":{\"all\":true}}",
    NULL,
};

static const char *login_body(struct world *world, int kind)
{
    if (!logins[kind])
        return "{\"auth\":{\"identity\":{\"methods\":[\"application_credential\"],\"application_credential\":{\"id\":\"" CREDENTIAL
               "\",\"secret\":\"" PASSWORD "\"}}}}";
    return arena_printf(&world->arena,
                        "{\"auth\":{\"identity\":{\"methods\":[\"password\"],\"password\":{\"user\":{\"id\":\"" USER
                        "\",\"password\":\"" PASSWORD "\"}}},%s}}",
                        logins[kind]);
}

static void populate(struct world *world)
{
    static const char *const scopes[][2] = {{"project", "a"}, {"project", "b"}, {"domain", "d"}, {"system", "all"}};
    static const char *const roles[] = {"role"};
    struct db *db = world->zone.db;
    const struct identity_user user = {USER, "d", NULL, "user", "", "", "", true, true, world->hash, 0};
    const struct identity_credential credential = {CREDENTIAL, USER, "a", "ci", "", world->hash, false, 0};
    must(identity_domain_add(db, &(struct identity_domain){"d", "d", "", true}));
    must(identity_project_add(db, &(struct identity_project){"a", "d", NULL, "a", "", true, true, "[]"}));
    must(identity_project_add(db, &(struct identity_project){"b", "d", NULL, "b", "", true, true, "[]"}));
    must(identity_role_add(db, &(struct identity_role){"role", "member", ""}));
    must(identity_user_add(db, &user));
    for (size_t i = 0; i < ARRAY_LEN(scopes); i++)
        must(identity_grant_add(
            db, &(struct identity_grant){.user_id = USER, .scope = scopes[i][0], .scope_id = scopes[i][1], .role_id = "role"}));
    must(identity_credential_add(db, &credential, roles, 1));
}

static bool world_open(struct world *world)
{
    *world = (struct world){0};
    if (!zone_open("zonegate_test_revocation", "", &world->zone))
        return false;
    must(password_hash(PASSWORD, world->hash));
    populate(world);
    conversation_init(&world->zone, "POST", "/", &world->conversation);
    for (int kind = 0; kind < HELD_KINDS; kind++) {
        json_auto_t *body = json_loads(login_body(world, kind), 0, NULL);
        assert_non_null(body);
        must(identity_login(world->zone.gateway.identity, &world->conversation.request, body, &world->tokens[kind],
                            &world->claims[kind]));
    }
    return true;
}

static void world_close(struct world *world)
{
    conversation_clear(&world->conversation);
    zone_close(&world->zone);
    arena_clear(&world->arena);
}

static enum err authenticate(struct world *world, struct identity *identity, int kind)
{
    struct claims *claims = NULL;
    return identity_verify(identity, &world->conversation.request, world->tokens[kind], &claims);
}

static void every_deed_against_every_token(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(deeds); i++) {
        struct world world;
        if (!world_open(&world))
            skip();
        for (int kind = 0; kind < HELD_KINDS; kind++)
            must(authenticate(&world, world.zone.gateway.identity, kind)); /* known from now on: the cache must not matter */
        must(deeds[i].run(&world));
        must(identity_revoked(world.zone.gateway.identity, world.zone.db));
        for (int kind = 0; kind < HELD_KINDS; kind++) {
            const enum err result = authenticate(&world, world.zone.gateway.identity, kind);
            if ((result == E_UNAUTHORIZED) != deeds[i].voided[kind])
                print_error("%s, token %d: %s\n", deeds[i].name, kind, err_name(result));
            assert_int_equal(result, deeds[i].voided[kind] ? E_UNAUTHORIZED : OK);
        }
        world_close(&world);
    }
}

/* Another gateway of the zone honours it without being told, within its look at the database. */
static void another_process_sees_it(void **state)
{
    struct world world;
    struct identity *other = NULL;
    (void)state;
    if (!world_open(&world))
        skip();
    must(identity_open(&world.zone.gateway.config, &world.zone.gateway.keys, &world.zone.gateway.database, &other));
    must(authenticate(&world, other, HELD_B));
    must(disable_b(&world));
    const int64_t deadline = clock_mono_ms() + 10000;
    while (authenticate(&world, other, HELD_B) == OK)
        assert_true(clock_mono_ms() < deadline);
    must(authenticate(&world, other, HELD_A));
    identity_close(other);
    world_close(&world);
}

struct reader {
    pthread_t thread;
    struct world *world;
    atomic_int *started;
    bool refused;
    bool other_stands;
};

/* A worker: asks with its own connection until token b falls; token a must stand all the while. */
static void *read_until_void(void *argument)
{
    struct reader *reader = argument;
    struct world *world = reader->world;
    struct db *db = NULL;
    if (db_open(&world->zone.gateway.database, &db) != OK)
        return NULL;
    const int64_t deadline = clock_mono_ms() + 20000;
    reader->other_stands = true;
    atomic_fetch_add(reader->started, 1);
    while (!reader->refused && clock_mono_ms() < deadline) {
        struct conversation conversation;
        struct claims *claims = NULL;
        conversation_init(&world->zone, "GET", "/", &conversation);
        conversation.request.db = db;
        struct identity *identity = world->zone.gateway.identity;
        reader->other_stands &= identity_verify(identity, &conversation.request, world->tokens[HELD_A], &claims) == OK;
        reader->refused = identity_verify(identity, &conversation.request, world->tokens[HELD_B], &claims) == E_UNAUTHORIZED;
        conversation_clear(&conversation);
    }
    db_close(db);
    db_thread_end();
    return NULL;
}

static void many_workers_see_it(void **state)
{
    struct world world;
    struct reader readers[4] = {0};
    atomic_int started = 0;
    (void)state;
    if (!world_open(&world))
        skip();
    for (size_t i = 0; i < ARRAY_LEN(readers); i++) {
        readers[i].world = &world;
        readers[i].started = &started;
        assert_int_equal(pthread_create(&readers[i].thread, NULL, read_until_void, &readers[i]), 0);
    }
    while (atomic_load(&started) < (int)ARRAY_LEN(readers))
        sched_yield();
    must(disable_b(&world));
    must(identity_revoked(world.zone.gateway.identity, world.zone.db));
    for (size_t i = 0; i < ARRAY_LEN(readers); i++) {
        pthread_join(readers[i].thread, NULL);
        assert_true(readers[i].refused);
        assert_true(readers[i].other_stands);
    }
    world_close(&world);
}

struct heard {
    int calls;
    json_t *list;
};

static void listen_to(void *context, const struct identity_revocations *revocations)
{
    struct heard *heard = context;
    heard->calls++;
    json_decref(heard->list);
    heard->list = identity_revocations_to_json(revocations);
}

/* What one zone tells, another takes over; saying it again changes nothing. */
static void lists_travel(void **state)
{
    struct world world;
    struct zone child;
    struct heard heard = {0};
    struct arena arena = {0};
    struct identity_revocations list;
    int64_t before = 0;
    int64_t after = 0;
    const char *region = NULL;
    (void)state;
    if (!world_open(&world))
        skip();
    assert_true(zone_open("zonegate_test_revocation_child", "http://root:8774", &child));
    identity_set_listener(world.zone.gateway.identity, listen_to, &heard);
    must(disable_b(&world));
    must(identity_revoked(world.zone.gateway.identity, world.zone.db));
    must(revoke_a(&world));
    assert_int_equal(heard.calls, 2);
    must(identity_accept_revocations(child.gateway.identity, child.db, heard.list));
    must(identity_revocation_list(child.db, &arena, &list));
    assert_int_equal(list.count, 2);
    assert_string_equal(list.items[0].subject, world.claims[HELD_A]->audit_id);
    must(identity_version(child.db, &arena, &before, &region));
    must(identity_accept_revocations(child.gateway.identity, child.db, heard.list));
    must(identity_version(child.db, &arena, &after, &region));
    assert_int_equal(before, after);
    json_decref(heard.list);
    arena_clear(&arena);
    zone_close(&child);
    world_close(&world);
}

static void malformed_lists_are_refused(void **state)
{
    static const char *const lists[] = {
        "{}",
        "{\"revocations\":{}}",
        "{\"revocations\":[1]}",
        "{\"revocations\":[{\"kind\":\"x\",\"subject\":\"s\",\"revoked_us\":1,\"expires_us\":2}]}",
        "{\"revocations\":[{\"kind\":\"user\",\"subject\":\"s\",\"revoked_us\":\"1\",\"expires_us\":2}]}",
        "{\"revocations\":[{\"kind\":\"user\",\"revoked_us\":1,\"expires_us\":2}]}",
    };
    struct zone zone;
    (void)state;
    if (!zone_open("zonegate_test_revocation_child", "", &zone))
        skip();
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        json_auto_t *list = json_loads(lists[i], 0, NULL);
        assert_int_equal(identity_accept_revocations(zone.gateway.identity, zone.db, list), E_INVALID);
    }
    zone_close(&zone);
}

static void expired_revocations_are_dropped(void **state)
{
    struct zone zone;
    struct arena arena = {0};
    struct identity_revocations list;
    const int64_t now = clock_wall_us();
    (void)state;
    if (!zone_open("zonegate_test_revocation_child", "", &zone))
        skip();
    must(identity_revoke(zone.db, &(struct identity_revocation){"audit", "old", now - 2, now - 1}));
    must(identity_revoke(zone.db, &(struct identity_revocation){"audit", "new", now, now + 60000000}));
    must(identity_revocation_list(zone.db, &arena, &list));
    assert_int_equal(list.count, 1);
    assert_string_equal(list.items[0].subject, "new");
    arena_clear(&arena);
    zone_close(&zone);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_deed_against_every_token),
        cmocka_unit_test(another_process_sees_it),
        cmocka_unit_test(many_workers_see_it),
        cmocka_unit_test(lists_travel),
        cmocka_unit_test(malformed_lists_are_refused),
        cmocka_unit_test(expired_revocations_are_dropped),
    };
    log_setup(LOG_LEVEL_ERROR, "test");
    must(seal_setup());
    return cmocka_run_group_tests(tests, NULL, NULL);
}
