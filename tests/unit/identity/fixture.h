/* Zones with an identity each, over databases of their own; and one request at a time to them. For the tests of identity only. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#undef fail /* err.h has a function of that name */

#include "gateway/base/clock.h"
#include "gateway/base/log.h"
#include "gateway/gateway.h"
#include "gateway/identity/identity.h"
#include "schema/json/json.h"
#include "schema/migrate.h"

#define PASSWORD "correct horse"

struct zone {
    struct gateway gateway;
    struct http_core core;
    struct db *db;
};

static inline void must(enum err result)
{
    if (result != OK)
        print_error("%s: %s\n", err_name(result), err_message());
    assert_int_equal(result, OK);
}

static inline void make_keys(const char *name, struct zone_keys *out)
{
    char path[] = "/tmp/zonegate-test-keys-XXXXXX";
    char file[128];
    assert_non_null(mkdtemp(path));
    (void)snprintf(file, sizeof(file), "%s/%s.keys", path, name);
    must(zone_keys_open(file, out));
    assert_int_equal(remove(file), 0);
    assert_int_equal(remove(path), 0);
}

/* False without a database. `authority` is the [identity] url, or "". */
static inline bool zone_open(const char *name, const char *authority, struct zone *out)
{
    const char *url = getenv("ZONEGATE_TEST_DATABASE");
    char sql[512];
    int from = 0;
    int to = 0;
    *out = (struct zone){0};
    if (!url)
        return false;
    config_init(&out->gateway.config);
    free(out->gateway.config.identity.url);
    out->gateway.config.identity.url = strdup(authority);
    make_keys(name, &out->gateway.keys);
    must(db_target_parse(url, &out->gateway.database));
    free(out->gateway.database.name);
    out->gateway.database.name = strdup(name);
    must(db_create_database(&out->gateway.database));
    must(db_open(&out->gateway.database, &out->db));
    (void)snprintf(sql, sizeof(sql), "DROP DATABASE %s; CREATE DATABASE %s; USE %s", name, name, name);
    must(db_script(out->db, sql, strlen(sql)));
    must(db_upgrade(out->db, &from, &to));
    must(identity_open(&out->gateway.config, &out->gateway.keys, &out->gateway.database, &out->gateway.identity));
    return true;
}

static inline void zone_close(struct zone *zone)
{
    core_clear(&zone->core);
    identity_close(zone->gateway.identity);
    db_close(zone->db);
    db_target_clear(&zone->gateway.database);
    zone_keys_clear(&zone->gateway.keys);
    config_clear(&zone->gateway.config);
}

struct conversation {
    struct arena arena;
    struct request request;
    struct response response;
};

static inline void conversation_init(struct zone *zone, const char *method, const char *target, struct conversation *out)
{
    *out = (struct conversation){0};
    response_init(&out->response);
    out->request.arena = &out->arena;
    out->request.db = zone->db;
    out->request.gateway = &zone->gateway;
    out->request.method = method;
    out->request.target = target;
    out->request.base_url = "http://zone:8774";
    out->request.client_address = "192.0.2.1";
    out->request.request_id = "req-00000000-0000-4000-8000-000000000000";
    out->request.budget = budget_from_ms(20000);
}

static inline void conversation_clear(struct conversation *conversation)
{
    response_clear(&conversation->response);
    arena_clear(&conversation->arena);
}
