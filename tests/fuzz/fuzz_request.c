/*
 * libFuzzer target: a whole request through the core and into the handlers of all services, with their real route tables, versions
 * and schemas. The input is text: METHOD TARGET, header lines, an empty line, the body. X-Auth-Token says who asks: "a" an admin,
 * "m" a member, "r" a reader, "z" another zone (over a link), anything else nobody.
 *
 * Cut off behind the handlers: the database. The statements of schema/ find a store that is away, so a handler ends at its first
 * look into it with 503; and where an id is to be found in the tree, it is nowhere. Behind that line other tests work.
 *
 * Besides crashes: every request has an answer with a status of HTTP, JSON where it says so, and no header that could become two.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/api/api.h"
#include "gateway/api/identity.h"
#include "gateway/api/image_service.h"
#include "gateway/api/placement/service.h"
#include "gateway/api/server_filter.h"
#include "gateway/base/log.h"
#include "gateway/base/text.h"
#include "gateway/conductor/locate.h"
#include "gateway/gateway.h"
#include "gateway/http/core/core.h"
#include "gateway/identity/inside.h"
#include "schema/db_cache.h"
#include "schema/json/json.h"
#include "tests/unit/zones/pair.h"

#define PROJECT "0123456789abcdef0123456789abcdef"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* --- schema/db.h and db_cache.h for a store that is away: these take the place of schema/db.c and db_cache.c in this program. */
struct db {
    int unused;
};

static enum err away(void)
{
    return fail(E_UNAVAILABLE, "The store is away.");
}

enum err db_exec(struct db *db, const char *sql, const struct sql_value *values, size_t count)
{
    (void)db;
    (void)sql;
    (void)values;
    (void)count;
    return away();
}

enum err db_exec_count(struct db *db, const char *sql, const struct sql_value *values, size_t count, uint64_t *out_affected)
{
    (void)out_affected;
    return db_exec(db, sql, values, count);
}

enum err db_insert(struct db *db, const char *sql, const struct sql_value *values, size_t count, uint64_t *out_id)
{
    (void)out_id;
    return db_exec(db, sql, values, count);
}

enum err db_query(struct db *db, struct arena *arena, const char *sql, const struct sql_value *values, size_t count,
                  struct rows *out)
{
    (void)arena;
    (void)out;
    return db_exec(db, sql, values, count);
}

enum err db_query_one(struct db *db, struct arena *arena, const char *sql, const struct sql_value *values, size_t count,
                      const char *missing, struct rows *out)
{
    (void)missing;
    return db_query(db, arena, sql, values, count, out);
}

enum err db_query_counted(struct db *db, struct arena *arena, enum counted counted, const char *sql, const struct sql_value *values,
                          size_t count, struct rows *out)
{
    (void)counted;
    return db_query(db, arena, sql, values, count, out);
}

void db_cache_forget(struct db *db)
{
    (void)db;
}

enum err db_script(struct db *db, const char *sql, size_t length)
{
    (void)length;
    return db_exec(db, sql, NULL, 0);
}

enum err db_transaction(struct db *db, enum err (*work)(struct db *db, void *context), void *context)
{
    return work(db, context);
}

bool db_in_transaction(const struct db *db)
{
    (void)db;
    return false;
}

/* --- the zone */
static struct pair *pair; /* all for the life of the fuzzer: its thread alone uses them */
static struct gateway *gateway;
static struct http_core core;

static void must(bool condition)
{
    if (!condition)
        abort();
}

static enum err authenticate(struct request *request)
{
    static const char *const roles[] = {"reader", "member", "admin"};
    static const char known[] = "rma";
    const char *token = request_header(request, "X-Auth-Token");
    const char *who = token && *token ? strchr(known, *token) : NULL;
    struct link_caller *link = arena_alloc(request->arena, sizeof(*link));
    if (!who && !str_equal(token, "z"))
        return fail(E_UNAUTHORIZED, "The request you have made requires authentication.");
    request->caller = (struct caller){.user_id = "u", .user_name = "u", .user_domain_id = "default", .user_domain_name = "Default"};
    request->caller.project_id = request->caller.project_name = PROJECT;
    request->caller.project_domain_id = request->caller.project_domain_name = "default";
    request->caller.roles = roles;
    request->caller.role_count = who ? (size_t)(who - known) + 1 : ARRAY_LEN(roles);
    request->caller.is_admin = request->caller.role_count == 3;
    request->caller.is_member = request->caller.role_count >= 2;
    request->caller.over_link = !who;
    link->id = pair->parent.other.row.id;
    link->zone = pair->parent.other.row.uuid;
    link->name = pair->parent.other.row.name;
    link->direction = LINK_UP;
    link->hops = 1;
    request->link = who ? NULL : link;
    return OK;
}

static enum err locate(struct request *request, struct response *response, bool *answered)
{
    (void)request;
    (void)response;
    *answered = false;
    return OK;
}

static struct identity *open_identity(void)
{
    struct identity *identity = calloc(1, sizeof(*identity));
    must(identity != NULL);
    identity->config = &gateway->config;
    identity->keys = &gateway->keys;
    identity->revoked = revoked_new();
    identity->cache = token_cache_new();
    identity->failures = failures_new(0);
    must(password_slots_new(1, &identity->slots) == OK);
    return identity;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    static const struct service *const services[] = {&root_service,
                                                     &compute_versions_service,
                                                     &compute_service,
                                                     &image_service,
                                                     &identity_versions_service,
                                                     &identity_service,
                                                     &placement_service,
                                                     NULL};
    (void)argc;
    (void)argv;
    must(seal_setup() == OK && json_schemas_open() == OK);
    log_setup(LOG_LEVEL_ERROR + 1, "fuzz"); /* a store that is away is an error in every line */
    pair = pair_open();
    pair->parent.snapshot.view.child_count = 0; /* nobody is asked */
    gateway = calloc(1, sizeof(*gateway));
    must(gateway != NULL);
    config_init(&gateway->config);
    gateway->keys = pair->parent.keys;
    gateway->tag = zone_tag(&gateway->keys.zone);
    gateway->name = "fuzz";
    gateway->zones = &pair->parent.zones;
    gateway->identity = open_identity();
    core = (struct http_core){.gateway = gateway,
                              .services = services,
                              .hooks = {.authenticate = authenticate, .locate = locate},
                              .max_body = (size_t)gateway->config.api.max_body,
                              .budget_ms = 100};
    must(core_setup(&core) == OK);
    return 0;
}

/* --- one request */
/* Cuts a line off `*rest`; false: there is none, or it is empty. */
static bool take_line(char **rest, char **line)
{
    char *end = strchr(*rest, '\n');
    *line = *rest;
    if (end)
        *end = '\0';
    *rest = end ? end + 1 : *rest + strlen(*rest);
    return (*line)[0] != '\0';
}

static bool read_request(struct arena *arena, char *text, size_t length, struct request *request)
{
    const char *whole_end = text + length;
    char *line = NULL;
    if (!take_line(&text, &line))
        return false;
    char *blank = strchr(line, ' ');
    if (!blank || blank[1] == '\0')
        return false;
    *blank = '\0';
    *request = (struct request){
        .arena = arena, .method = line, .target = blank + 1, .base_url = "http://zone:8774", .client_address = "192.0.2.1"};
    while (take_line(&text, &line)) {
        char *colon = strchr(line, ':');
        if (!colon)
            continue;
        *colon = '\0';
        pairs_add(arena, &request->headers, line, colon + 1 + strspn(colon + 1, " "));
    }
    request->body = text;
    request->body_length = (size_t)(whole_end - text);
    return request->body_length <= (size_t)gateway->config.api.max_body;
}

static void look(const struct request *request, const struct response *response)
{
    json_t *value = NULL;
    must(response->status >= 200 && response->status <= 599);
    for (size_t i = 0; i < response->headers.count; i++) {
        must(response->headers.items[i].name[0] != '\0');
        for (const char *c = response->headers.items[i].value; *c; c++)
            must((unsigned char)*c >= 0x20 && *c != 0x7f);
    }
    if (response->body.length == 0 || (response->content_type && !str_starts(response->content_type, "application/json")) ||
        pairs_get_nocase(&response->headers, "Content-Type"))
        return;
    value = json_loadb(response->body.bytes, response->body.length, JSON_DECODE_ANY, NULL);
    must(value != NULL);
    json_decref(value);
    (void)request;
}

/* Streams are opened, and get their body in two pieces. */
static bool stream(struct request *request, struct response *response)
{
    if (core_open_stream(&core, request, response) != OK)
        return false;
    struct body_sink *sink = request->sink;
    const size_t half = request->body_length / 2;
    const bool written =
        sink->write(sink, request->body, half) == OK && sink->write(sink, request->body + half, request->body_length - half) == OK;
    sink->close(sink, written);
    return written;
}

static void run(struct arena *arena, struct request *request)
{
    struct response response;
    struct server_filter filter;
    struct db db = {0};
    response_init(&response);
    request->db = &db;
    enum err opened = core_open(&core, request, &response);
    if (opened == OK && request->service == &compute_service)
        (void)!server_filter_read(request, 1000, &filter);
    bool runs = opened == OK;
    if (runs && request->route->body == BODY_STREAM)
        runs = stream(request, &response);
    if (runs)
        core_run(&core, request, &response);
    response_render(&response);
    look(request, &response);
    core_account(request, response.status);
    response_clear(&response);
    (void)arena;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    struct request request;
    char *text = arena_alloc(&arena, size + 1);
    memcpy(text, data, size);
    if (read_request(&arena, text, size, &request))
        run(&arena, &request);
    arena_clear(&arena);
    return 0;
}
