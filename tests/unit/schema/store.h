/* What tests with a database share: an empty one of their own, named after the program, with the newest schema; rows to put in. */
#pragma once

#include <errno.h>

#include "gateway/base/seal.h"
#include "schema/migrate.h"
#include "schema/server.h"
#include "tests/unit/base/check.h"

struct store {
    struct db_target target;
    struct db *db; /* NULL: no server to test with */
    struct arena arena;
};

static inline void run_sql(struct store *store, const char *sql)
{
    must(db_script(store->db, sql, strlen(sql)));
}

static inline void store_open(struct store *store, const char *url)
{
    int from = 0;
    int to = 0;
    must(db_target_parse(url, &store->target));
    free(store->target.name);
    store->target.name = strdup(program_invocation_short_name);
    must(db_create_database(&store->target));
    must(db_open(&store->target, &store->db));
    run_sql(store, arena_printf(&store->arena, "DROP DATABASE `%s`", store->target.name));
    must(db_create_database(&store->target));
    db_close(store->db);
    must(db_open(&store->target, &store->db));
    must(db_upgrade(store->db, &from, &to));
}

static inline void store_close(struct store *store)
{
    if (store->db)
        run_sql(store, arena_printf(&store->arena, "DROP DATABASE `%s`", store->target.name));
    db_close(store->db);
    db_target_clear(&store->target);
    arena_clear(&store->arena);
}

static inline int store_setup(void **state)
{
    const char *url = getenv("ZONEGATE_TEST_DATABASE");
    struct store *store = calloc(1, sizeof(*store));
    *state = store;
    must(seal_setup());
    if (url)
        store_open(store, url);
    return 0;
}

static inline int store_teardown(void **state)
{
    store_close(*state);
    free(*state);
    return 0;
}

static inline struct store *store_get(void **state)
{
    struct store *store = *state;
    if (!store->db)
        skip();
    return store;
}

static inline int64_t ask_int(struct store *store, const char *sql)
{
    struct rows rows;
    must(db_query_one(store->db, &store->arena, sql, NULL, 0, "no row", &rows));
    return rows_int(&rows, 0, 0);
}

static inline const char *ask_text(struct store *store, const char *sql)
{
    struct rows rows;
    must(db_query_one(store->db, &store->arena, sql, NULL, 0, "no row", &rows));
    return rows_text(&rows, 0, 0);
}

/* Always the same uuid for a number. */
static inline struct uuid uuid_of(uint8_t number)
{
    return (struct uuid){{0x11, 0x11, 0x11, 0x11, 0x22, 0x22, 0x43, 0x33, 0x84, 0x44, 0x55, 0x55, 0x55, 0x55, 0x55, number}};
}

/* An active server of project "p" on host "h" with all that must not be NULL. */
static inline struct server server_sample(const struct uuid *uuid)
{
    return (struct server){.uuid = *uuid,
                           .project_id = "p",
                           .user_id = "u",
                           .name = "name",
                           .hostname = "name",
                           .host = "h",
                           .node = "n",
                           .vm_state = "active",
                           .power_state = 1,
                           .reservation_id = "r-1",
                           .flavor_id = "f",
                           .flavor = "{\"vcpus\":1,\"ram\":64,\"disk\":1,\"ephemeral\":0,\"swap\":0,\"original_name\":\"tiny\","
                                     "\"extra_specs\":{}}",
                           .vcpus = 1,
                           .ram_mib = 64,
                           .disk_gib = 1,
                           .metadata = "{}",
                           .tags = "[]",
                           .disk_config = "MANUAL",
                           .request_spec = "{}",
                           .created_us = INT64_C(1767225600000000),
                           .updated_us = INT64_C(1767225600000000),
                           .launched_us = INT64_C(1767225660000000)};
}
