/*
 * Conversations with compute resources through the real core (routes, versions, schemas, faults) and a real database; no server, no
 * identity, no other zone. A step has what is sent, the status, and the whole reply: "*" stands for a value that is different every
 * time. A step may keep a member of its reply: from then on "@" in targets, bodies and replies is that value.
 */
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

#include "gateway/api/api.h"
#include "gateway/gateway.h"
#include "schema/embedded.h"
#include "schema/json/json.h"
#include "schema/migrate.h"
#include "schema/zone_self.h"
#include "zones/registry.h"

#define PROJECT "0123456789abcdef0123456789abcdef"
#define OTHER   "fedcba9876543210fedcba9876543210"

#define FAULT(name, code, message) "{\"" name "\":{\"code\":" code ",\"message\":\"" message "\"}}"
#define BAD(message)               FAULT("badRequest", "400", message)
#define MISSING(message)           FAULT("itemNotFound", "404", message)
#define CONFLICT(message)          FAULT("conflictingRequest", "409", message)
#define FORBIDDEN(message)         FAULT("forbidden", "403", message)

struct step {
    const char *who; /* admin, member (of PROJECT), reader (of PROJECT), other (member of OTHER) */
    long version;
    const char *method;
    const char *target;
    const char *body; /* NULL: none */
    long status;
    const char *reply; /* NULL: no body */
    const char *keep;  /* "server_group.id": what "@" is from here on; NULL: as before */
};

struct talk {
    struct gateway gateway;
    struct http_core core;
    struct zones_options zones_options;
    struct db *db; /* NULL: no server to test with */
    const struct service *services[2];
    char kept[64];
};

static inline void must(enum err result)
{
    if (result != OK)
        print_error("%s: %s\n", err_name(result), err_message());
    assert_int_equal(result, OK);
}

static inline enum err talk_authenticate(struct request *request)
{
    const char *who = request_header(request, "X-Who");
    request->caller.user_id = who;
    request->caller.project_id = str_equal(who, "other") ? OTHER : PROJECT;
    request->caller.is_admin = str_equal(who, "admin");
    request->caller.is_member = !str_equal(who, "reader");
    return OK;
}

static inline bool is_like(const json_t *expected, const json_t *actual);

static inline bool members_are_like(const json_t *expected, const json_t *actual)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)expected, key, value)
    {
        if (!is_like(value, json_object_get(actual, key)))
            return false;
    }
    return json_object_size(expected) == json_object_size(actual);
}

static inline bool items_are_like(const json_t *expected, const json_t *actual)
{
    for (size_t i = 0; i < json_array_size(expected); i++) {
        if (!is_like(json_array_get(expected, i), json_array_get(actual, i)))
            return false;
    }
    return json_array_size(expected) == json_array_size(actual);
}

static inline bool is_like(const json_t *expected, const json_t *actual)
{
    if (json_is_string(expected) && str_equal(json_string_value(expected), "*"))
        return actual != NULL;
    if (json_is_object(expected) && json_is_object(actual))
        return members_are_like(expected, actual);
    if (json_is_array(expected) && json_is_array(actual))
        return items_are_like(expected, actual);
    return json_equal(expected, actual);
}

/* With the kept value in the place of every "@". */
static inline const char *filled(const struct talk *talk, struct arena *arena, const char *text)
{
    CLEANUP(text_clear) struct text out = {0};
    for (const char *c = text; text && *c; c++) {
        if (*c == '@')
            text_add_str(&out, talk->kept);
        else
            text_add_char(&out, *c);
    }
    return text ? arena_strdup(arena, text_str(&out)) : NULL;
}

static inline bool is_expected(const struct step *step, const char *reply, const struct response *response)
{
    if (response->status != step->status)
        return false;
    if (!reply)
        return !response->json && !response->body.length;
    if (str_equal(reply, "*"))
        return response->body.length > 0;
    json_auto_t *expected = json_loads(reply, 0, NULL);
    json_auto_t *actual = json_loads(text_str(&response->body), 0, NULL);
    if (!expected)
        print_error("this is no JSON: %s\n", reply);
    assert_non_null(expected);
    return actual && is_like(expected, actual);
}

static inline void keep(struct talk *talk, const char *path, const struct response *response)
{
    json_auto_t *whole = json_loads(text_str(&response->body), 0, NULL);
    const char *dot = strchr(path, '.');
    char first[32];
    assert_non_null(dot);
    (void)snprintf(first, sizeof(first), "%.*s", (int)(dot - path), path);
    const json_t *value = json_object_get(json_object_get(whole, first), dot + 1);
    if (json_is_integer(value))
        (void)snprintf(talk->kept, sizeof(talk->kept), "%lld", (long long)json_integer_value(value));
    else
        (void)snprintf(talk->kept, sizeof(talk->kept), "%s", json_string_value(value) ? json_string_value(value) : "?");
}

static inline void take_step(struct talk *talk, const struct step *step)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    struct response response;
    const char *body = filled(talk, &arena, step->body);
    const char *reply = filled(talk, &arena, step->reply);
    struct request request = {.gateway = &talk->gateway,
                              .arena = &arena,
                              .db = talk->db,
                              .method = step->method,
                              .target = arena_printf(&arena, "/compute/v2.1%s", filled(talk, &arena, step->target)),
                              .base_url = "http://zone:8774",
                              .client_address = "192.0.2.1",
                              .body = body,
                              .body_length = body ? strlen(body) : 0};
    response_init(&response);
    pairs_add(&arena, &request.headers, "X-Who", step->who);
    pairs_add(&arena, &request.headers, "X-OpenStack-Nova-API-Version", arena_printf(&arena, "2.%ld", step->version));
    pairs_add(&arena, &request.headers, "Content-Type", "application/json");
    if (core_open(&talk->core, &request, &response) == OK)
        core_run(&talk->core, &request, &response);
    response_render(&response);
    const bool good = is_expected(step, reply, &response);
    if (!good)
        print_error("%s 2.%ld %s %s %s\n  expected %ld %s\n  got      %d %s\n", step->who, step->version, step->method,
                    request.target, body ? body : "", step->status, reply, response.status, text_str(&response.body));
    if (good && step->keep)
        keep(talk, step->keep, &response);
    response_clear(&response);
    assert_true(good);
}

static inline void take_steps(void **state, const struct step *steps, size_t count)
{
    struct talk *talk = *state;
    if (!talk->db)
        skip();
    for (size_t i = 0; i < count; i++)
        take_step(talk, &steps[i]);
}

static inline void talk_sql(struct talk *talk, const char *sql)
{
    must(db_script(talk->db, sql, strlen(sql)));
}

static inline void talk_open_database(struct talk *talk, const char *url, const char *name)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    int from = 0;
    int to = 0;
    struct zone_self self;
    must(db_target_parse(url, &talk->gateway.database));
    free(talk->gateway.database.name);
    talk->gateway.database.name = strdup(name);
    must(db_create_database(&talk->gateway.database));
    must(db_open(&talk->gateway.database, &talk->db));
    talk_sql(talk, arena_printf(&arena, "DROP DATABASE %s; CREATE DATABASE %s; USE %s;", name, name, name));
    must(db_upgrade(talk->db, &from, &to));
    must(zone_self_open(talk->db, &arena, &talk->gateway.keys.zone, talk->gateway.name, &self));
}

/* A zone "here" without neighbours, users kept elsewhere (so that projects are not looked up). */
static inline int talk_setup(void **state, const struct service *service, const char *database)
{
    const char *url = getenv("ZONEGATE_TEST_DATABASE");
    struct talk *talk = calloc(1, sizeof(*talk));
    *state = talk;
    config_init(&talk->gateway.config);
    free(talk->gateway.config.identity.url);
    talk->gateway.config.identity.url = strdup("http://elsewhere/v3");
    talk->gateway.name = "here";
    must(seal_setup());
    must(json_schemas_open());
    uuid_new(&talk->gateway.keys.zone);
    talk->gateway.tag = zone_tag(&talk->gateway.keys.zone);
    talk->services[0] = service;
    talk->core = (struct http_core){
        .gateway = &talk->gateway, .services = talk->services, .hooks = {.authenticate = talk_authenticate}, .budget_ms = 1000};
    must(core_setup(&talk->core));
    if (!url)
        return 0;
    talk_open_database(talk, url, database);
    talk->zones_options = (struct zones_options){.name = "here",
                                                 .url = "http://zone:8774",
                                                 .keys = &talk->gateway.keys,
                                                 .database = &talk->gateway.database,
                                                 .poll_interval_ms = 1000,
                                                 .child_timeout_ms = 1000};
    must(zones_open(&talk->zones_options, &talk->gateway.zones));
    return 0;
}

static inline int talk_teardown(void **state)
{
    struct talk *talk = *state;
    zones_close(talk->gateway.zones);
    core_clear(&talk->core);
    json_schemas_close();
    db_close(talk->db);
    db_target_clear(&talk->gateway.database);
    config_clear(&talk->gateway.config);
    free(talk);
    return 0;
}
