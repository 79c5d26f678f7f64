/* What the tests of tasks share: an empty database, named after the program, and a world that steps change. */
#pragma once

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#undef fail /* err.h has a function of that name */

#include "gateway/base/clock.h"
#include "schema/migrate.h"
#include "schema/task/task.h"

struct fixture {
    struct db_target target;
    struct db *db;
    struct arena arena;
};

static inline void must(enum err result)
{
    if (result != OK)
        print_error("%s: %s\n", err_name(result), err_message());
    assert_int_equal(result, OK);
}

static inline void run_sql(struct fixture *fixture, const char *sql)
{
    must(db_script(fixture->db, sql, strlen(sql)));
}

static inline int setup(void **state)
{
    const char *url = getenv("ZONEGATE_TEST_DATABASE");
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    int from = 0;
    int to = 0;
    *state = fixture;
    if (!url)
        return 0;
    must(db_target_parse(url, &fixture->target));
    free(fixture->target.name);
    fixture->target.name = strdup(program_invocation_short_name);
    must(db_create_database(&fixture->target));
    must(db_open(&fixture->target, &fixture->db));
    run_sql(fixture, arena_printf(&fixture->arena, "DROP DATABASE `%s`", fixture->target.name));
    must(db_create_database(&fixture->target));
    db_close(fixture->db);
    must(db_open(&fixture->target, &fixture->db));
    must(db_upgrade(fixture->db, &from, &to));
    run_sql(fixture,
            "CREATE TABLE journal (id INT PRIMARY KEY AUTO_INCREMENT, subject BINARY(16) NOT NULL, word VARCHAR(64) NOT NULL);"
            "CREATE TABLE world (subject BINARY(16) NOT NULL, thing VARCHAR(64) NOT NULL, PRIMARY KEY (subject, thing))");
    return 0;
}

static inline int teardown(void **state)
{
    struct fixture *fixture = *state;
    if (fixture->db)
        run_sql(fixture, arena_printf(&fixture->arena, "DROP DATABASE `%s`", fixture->target.name));
    db_close(fixture->db);
    db_target_clear(&fixture->target);
    arena_clear(&fixture->arena);
    free(fixture);
    return 0;
}

static inline struct fixture *fixture_get(void **state)
{
    struct fixture *fixture = *state;
    if (!fixture->db)
        skip();
    run_sql(fixture, "DELETE FROM tasks; DELETE FROM journal; DELETE FROM world");
    return fixture;
}

static inline int64_t ask_int(struct fixture *fixture, const char *sql)
{
    struct rows rows;
    must(db_query_one(fixture->db, &fixture->arena, sql, NULL, 0, "no row", &rows));
    return rows_int(&rows, 0, 0);
}

/* The words written to the journal, with blanks between; a word that follows itself stands once. */
static inline const char *journal(struct fixture *fixture)
{
    struct rows rows;
    const char *text = "";
    must(db_query(fixture->db, &fixture->arena, "SELECT word FROM journal ORDER BY id", NULL, 0, &rows));
    for (size_t i = 0; i < rows.count; i++) {
        const char *word = rows_text(&rows, i, 0);
        if (i == 0 || strcmp(word, rows_text(&rows, i - 1, 0)) != 0)
            text = arena_printf(&fixture->arena, "%s%s%s", text, *text ? " " : "", word);
    }
    return text;
}

static inline void wait_for(struct fixture *fixture, const char *sql, int64_t expected)
{
    const int64_t limit = clock_mono_ms() + 30000;
    while (ask_int(fixture, sql) != expected) {
        if (clock_mono_ms() > limit)
            print_error("waited in vain for: %s\n", sql);
        assert_true(clock_mono_ms() < limit);
        (void)usleep(10000);
    }
}

static inline void wait_until_ended(struct fixture *fixture)
{
    wait_for(fixture, "SELECT COUNT(*) FROM tasks", 0);
}

/* Steps write here, on the task's connection. */
static inline enum err say(const struct task *task, const char *word)
{
    const struct sql_value values[] = {sql_uuid(&task->subject), sql_text(word)};
    return db_exec(task->db, "INSERT INTO journal (subject, word) VALUES (?, ?)", values, 2);
}
