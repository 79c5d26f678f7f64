/* Migrations from nothing, again, half applied, by two at once, and from the future; the zone's own row. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#undef fail /* err.h has a function of that name */

#include "schema/migrate.h"
#include "schema/embedded.h"
#include "schema/zone_self.h"

struct fixture {
    struct db_target target;
    struct db *db;
    struct arena arena;
};

static void must(enum err result)
{
    if (result != OK)
        print_error("%s: %s\n", err_name(result), err_message());
    assert_int_equal(result, OK);
}

static void run(struct fixture *fixture, const char *sql)
{
    must(db_script(fixture->db, sql, strlen(sql)));
}

/* Each test begins with an empty database. */
static int setup(void **state)
{
    const char *url = getenv("ZONEGATE_TEST_DATABASE");
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    *state = fixture;
    if (!url)
        return 0;
    must(db_target_parse(url, &fixture->target));
    free(fixture->target.name);
    fixture->target.name = strdup("zonegate_test_migrate");
    must(db_create_database(&fixture->target));
    must(db_open(&fixture->target, &fixture->db));
    run(fixture, "DROP DATABASE zonegate_test_migrate");
    must(db_create_database(&fixture->target));
    db_close(fixture->db);
    must(db_open(&fixture->target, &fixture->db));
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    if (fixture->db)
        run(fixture, "DROP DATABASE zonegate_test_migrate");
    db_close(fixture->db);
    db_target_clear(&fixture->target);
    arena_clear(&fixture->arena);
    free(fixture);
    return 0;
}

static struct fixture *fixture_get(void **state)
{
    struct fixture *fixture = *state;
    if (!fixture->db)
        skip();
    return fixture;
}

static size_t file_count(void)
{
    size_t count = 0;
    while (embedded_migrations[count].name)
        count++;
    return count;
}

static void an_empty_database_is_upgraded_once(void **state)
{
    struct fixture *fixture = fixture_get(state);
    struct schema_status status;
    int from = -1;
    int to = -1;
    must(db_schema_status(fixture->db, &fixture->arena, &status));
    assert_int_equal(status.current, 0);
    assert_int_equal(status.pending_count, file_count());
    assert_string_equal(status.pending[0], "0001_zone.sql");
    must(db_upgrade(fixture->db, &from, &to));
    assert_int_equal(from, 0);
    assert_true(to >= 2);
    must(db_schema_status(fixture->db, &fixture->arena, &status));
    assert_int_equal(status.current, to);
    assert_int_equal(status.newest, to);
    assert_int_equal(status.pending_count, 0);
    must(db_upgrade(fixture->db, &from, &to));
    assert_int_equal(from, to);
}

/* Every file is applied twice: what a process that died between a file and its row leaves behind. */
static void every_migration_can_be_applied_again(void **state)
{
    struct fixture *fixture = fixture_get(state);
    int from = 0;
    int to = 0;
    must(db_upgrade(fixture->db, &from, &to));
    run(fixture, "DELETE FROM schema_migrations");
    must(db_upgrade(fixture->db, &from, &to));
    assert_int_equal(from, 0);
}

static void a_newer_schema_is_refused(void **state)
{
    struct fixture *fixture = fixture_get(state);
    struct schema_status status;
    int from = 0;
    int to = 0;
    must(db_upgrade(fixture->db, &from, &to));
    run(fixture, "INSERT INTO schema_migrations VALUES (9999, '9999_future.sql', NOW(6))");
    assert_int_equal(db_upgrade(fixture->db, &from, &to), E_INVALID);
    assert_non_null(strstr(err_message(), "9999"));
    assert_int_equal(db_schema_status(fixture->db, &fixture->arena, &status), E_INVALID);
}

static void a_migration_that_could_not_be_noted_is_not_counted(void **state)
{
    struct fixture *fixture = fixture_get(state);
    struct schema_status status;
    int from = 0;
    int to = 0;
    run(fixture, "CREATE TABLE schema_migrations (version INT NOT NULL PRIMARY KEY, name VARCHAR(128) NOT NULL,"
                 " applied_at DATETIME(6) NOT NULL, other INT NOT NULL)");
    assert_int_equal(db_upgrade(fixture->db, &from, &to), E_INTERNAL);
    must(db_schema_status(fixture->db, &fixture->arena, &status));
    assert_int_equal(status.current, 0);
    assert_int_equal(status.pending_count, file_count());
}

struct starter {
    const struct db_target *target;
    enum err result;
    int to;
};

static void *start_gateway(void *argument)
{
    struct starter *starter = argument;
    struct db *db = NULL;
    int from = 0;
    starter->result = db_open(starter->target, &db);
    if (starter->result == OK)
        starter->result = db_upgrade(db, &from, &starter->to);
    db_close(db);
    db_thread_end();
    return NULL;
}

static void several_gateways_may_start_at_once(void **state)
{
    struct fixture *fixture = fixture_get(state);
    struct starter starters[4];
    pthread_t threads[4];
    for (size_t i = 0; i < 4; i++) {
        starters[i] = (struct starter){&fixture->target, E_INTERNAL, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, start_gateway, &starters[i]), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(starters[i].result, OK);
        assert_int_equal(starters[i].to, starters[0].to);
    }
}

static void the_zone_knows_itself(void **state)
{
    struct fixture *fixture = fixture_get(state);
    struct zone_self self;
    struct zone_self again;
    struct uuid uuid;
    struct uuid stranger;
    int from = 0;
    int to = 0;
    int64_t incarnation = 0;
    uuid_new(&uuid);
    uuid_new(&stranger);
    must(db_upgrade(fixture->db, &from, &to));
    assert_int_equal(zone_self_get(fixture->db, &fixture->arena, &self), E_NOT_FOUND);
    must(zone_self_open(fixture->db, &fixture->arena, &uuid, "east", &self));
    assert_true(uuid_equal(&self.uuid, &uuid));
    assert_string_equal(self.name, "east");
    assert_int_equal(self.incarnation, 1);
    must(zone_self_renew(fixture->db, &incarnation));
    assert_int_equal(incarnation, 2);
    must(zone_self_open(fixture->db, &fixture->arena, &uuid, "east-1", &again));
    assert_string_equal(again.name, "east-1");
    assert_int_equal(again.incarnation, 2);
    assert_true(again.created_us == self.created_us && again.created_us > 0);
    assert_int_equal(zone_self_open(fixture->db, &fixture->arena, &stranger, "east", &again), E_INVALID);
    assert_non_null(strstr(err_message(), uuid_to_text(&uuid).text));
    must(zone_self_get(fixture->db, &fixture->arena, &again));
    assert_string_equal(again.name, "east-1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_empty_database_is_upgraded_once, setup, teardown),
        cmocka_unit_test_setup_teardown(every_migration_can_be_applied_again, setup, teardown),
        cmocka_unit_test_setup_teardown(a_newer_schema_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_migration_that_could_not_be_noted_is_not_counted, setup, teardown),
        cmocka_unit_test_setup_teardown(several_gateways_may_start_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(the_zone_knows_itself, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
