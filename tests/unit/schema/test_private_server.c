/* The zone's own mariadbd: made, restarted when it dies, left and adopted, joined by commands, stopped. */
#include <errno.h>
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#undef fail /* err.h has a function of that name */

#include "schema/private_server.h"
#include "gateway/base/clock.h"

#define PROGRAM "/usr/sbin/mariadbd"

struct fixture {
    char directory[64];
    struct private_server *server;
};

static void must(enum err result)
{
    if (result != OK)
        print_error("%s: %s\n", err_name(result), err_message());
    assert_int_equal(result, OK);
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *position)
{
    (void)status;
    (void)kind;
    (void)position;
    return remove(path);
}

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    (void)snprintf(fixture->directory, sizeof(fixture->directory), "/tmp/zg-private.XXXXXX");
    *state = fixture;
    return mkdtemp(fixture->directory) ? 0 : -1;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    private_server_stop(fixture->server);
    (void)nftw(fixture->directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    free(fixture);
    return 0;
}

static struct fixture *fixture_get(void **state)
{
    if (access(PROGRAM, X_OK) != 0)
        skip();
    return *state;
}

static pid_t server_pid(const struct fixture *fixture)
{
    char path[128];
    char line[32] = "";
    (void)snprintf(path, sizeof(path), "%s/mariadb/pid", fixture->directory);
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    const bool read = fgets(line, sizeof(line), file) != NULL;
    (void)fclose(file);
    return read ? (pid_t)strtol(line, NULL, 10) : 0;
}

static int64_t ask(const struct private_server *server, const char *sql)
{
    struct db *db = NULL;
    struct arena arena = {0};
    struct rows rows;
    must(db_open(private_server_target(server), &db));
    must(db_query_one(db, &arena, sql, NULL, 0, "nothing", &rows));
    const int64_t number = rows_int(&rows, 0, 0);
    arena_clear(&arena);
    db_close(db);
    return number;
}

static void run(const struct private_server *server, const char *sql)
{
    struct db *db = NULL;
    must(db_open(private_server_target(server), &db));
    must(db_script(db, sql, strlen(sql)));
    db_close(db);
}

static bool answers(const struct private_server *server)
{
    struct db *db = NULL;
    if (db_open(private_server_target(server), &db) != OK)
        return false;
    db_close(db);
    return true;
}

static void it_is_made_on_a_socket_only_without_our_files(void **state)
{
    struct fixture *fixture = fixture_get(state);
    struct stat status;
    char path[160];
    must(private_server_start(PROGRAM, fixture->directory, &fixture->server));
    assert_int_equal(ask(fixture->server, "SELECT @@skip_networking"), 1);
    run(fixture->server, "CREATE TABLE kept (n INT); INSERT INTO kept VALUES (42)");
    (void)snprintf(path, sizeof(path), "%s/mariadb", fixture->directory);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0700);
    assert_int_equal(getsid(server_pid(fixture)), server_pid(fixture));
}

/* All tests below go on with the same state directory. */
static void it_is_restarted_when_it_dies(void **state)
{
    struct fixture *fixture = fixture_get(state);
    const pid_t first = server_pid(fixture);
    const int64_t limit = clock_mono_ms() + 60000;
    assert_int_equal(kill(first, SIGKILL), 0);
    while (server_pid(fixture) == first || !answers(fixture->server)) {
        assert_true(clock_mono_ms() < limit);
        (void)usleep(20000);
    }
    assert_int_equal(ask(fixture->server, "SELECT n FROM kept"), 42);
}

static void it_is_left_and_adopted(void **state)
{
    struct fixture *fixture = fixture_get(state);
    const pid_t pid = server_pid(fixture);
    private_server_abandon(fixture->server);
    fixture->server = NULL;
    assert_int_equal(kill(pid, 0), 0);
    must(private_server_start(PROGRAM, fixture->directory, &fixture->server));
    assert_int_equal(server_pid(fixture), pid);
    assert_int_equal(ask(fixture->server, "SELECT n FROM kept"), 42);
}

static void commands_join_it_and_leave_it(void **state)
{
    struct fixture *fixture = fixture_get(state);
    struct private_server *joined = NULL;
    const pid_t pid = server_pid(fixture);
    must(private_server_join(PROGRAM, fixture->directory, &joined));
    assert_int_equal(ask(joined, "SELECT n FROM kept"), 42);
    private_server_stop(joined);
    assert_int_equal(server_pid(fixture), pid);
    assert_true(answers(fixture->server));
}

/* A daemon that is killed leaves it; the next daemon takes it over. */
static void it_outlives_a_killed_daemon(void **state)
{
    struct fixture *fixture = fixture_get(state);
    private_server_stop(fixture->server);
    fixture->server = NULL;
    int status = 0;
    const pid_t daemon_pid = fork();
    if (daemon_pid == 0) {
        struct private_server *server = NULL;
        if (private_server_start(PROGRAM, fixture->directory, &server) != OK)
            _exit(1);
        (void)kill(getpid(), SIGKILL);
    }
    assert_int_equal(waitpid(daemon_pid, &status, 0), daemon_pid);
    assert_true(WIFSIGNALED(status));
    const pid_t pid = server_pid(fixture);
    must(private_server_start(PROGRAM, fixture->directory, &fixture->server));
    assert_int_equal(server_pid(fixture), pid);
    assert_int_equal(ask(fixture->server, "SELECT n FROM kept"), 42);
}

static void an_adopted_one_is_supervised_too(void **state)
{
    it_is_restarted_when_it_dies(state);
}

static void stopping_ends_it_and_commands_may_start_it_for_themselves(void **state)
{
    struct fixture *fixture = fixture_get(state);
    struct private_server *joined = NULL;
    const pid_t pid = server_pid(fixture);
    private_server_stop(fixture->server);
    fixture->server = NULL;
    assert_int_equal(kill(pid, 0), -1);
    assert_int_equal(errno, ESRCH);
    must(private_server_join(PROGRAM, fixture->directory, &joined));
    assert_int_equal(ask(joined, "SELECT n FROM kept"), 42);
    private_server_stop(joined);
    assert_int_equal(server_pid(fixture), 0);
}

static void what_is_wrong_is_said(void **state)
{
    struct fixture *fixture = fixture_get(state);
    struct private_server *server = NULL;
    char deep[160];
    assert_int_equal(private_server_start("/nonexistent/mariadbd", fixture->directory, &server), E_INVALID);
    assert_non_null(strstr(err_message(), "/nonexistent/mariadbd"));
    assert_int_equal(private_server_start(PROGRAM, "/nonexistent", &server), E_INVALID);
    (void)snprintf(deep, sizeof(deep), "%s/%080d", fixture->directory, 1);
    assert_int_equal(mkdir(deep, 0700), 0);
    assert_int_equal(private_server_start(PROGRAM, deep, &server), E_INVALID);
    assert_non_null(strstr(err_message(), "107"));
    assert_null(server);
}

static void one_that_cannot_start_shows_its_log(void **state)
{
    struct fixture *fixture = fixture_get(state);
    struct private_server *server = NULL;
    char path[160];
    (void)snprintf(path, sizeof(path), "%s/mariadb/data/ibdata1", fixture->directory);
    assert_int_equal(truncate(path, 100), 0);
    assert_int_equal(private_server_start(PROGRAM, fixture->directory, &server), E_UNAVAILABLE);
    assert_non_null(strstr(err_message(), "/mariadb/mariadbd.log: "));
    assert_non_null(strstr(err_message(), "ERROR"));
    assert_null(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_made_on_a_socket_only_without_our_files),
        cmocka_unit_test(it_is_restarted_when_it_dies),
        cmocka_unit_test(it_is_left_and_adopted),
        cmocka_unit_test(commands_join_it_and_leave_it),
        cmocka_unit_test(it_outlives_a_killed_daemon),
        cmocka_unit_test(an_adopted_one_is_supervised_too),
        cmocka_unit_test(stopping_ends_it_and_commands_may_start_it_for_themselves),
        cmocka_unit_test(what_is_wrong_is_said),
        cmocka_unit_test(one_that_cannot_start_shows_its_log),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
