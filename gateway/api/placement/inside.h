/*
 * What the files of the Placement API share. Nobody else includes it.
 *
 * A request goes through placement_run: the columns of its row say what is judged before the handler, in this order: a content type
 * for a body (400), Accept (406) or Content-Type (415), the policy rule (403), the query string (400). The handler then looks for
 * the provider (404) and reads the body (400), since Placement answers in this order.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "gateway/gateway.h"
#include "gateway/http/core/core.h"

/* Rule, what it takes, its name in messages. */
#define PLACEMENT_RULES(X)                                                                                                         \
    X(RULE_PROVIDER_LIST, NEED_READER, "placement:resource_providers:list")                                                        \
    X(RULE_PROVIDER_CREATE, NEED_ADMIN, "placement:resource_providers:create")                                                     \
    X(RULE_PROVIDER_SHOW, NEED_READER, "placement:resource_providers:show")                                                        \
    X(RULE_PROVIDER_UPDATE, NEED_ADMIN, "placement:resource_providers:update")                                                     \
    X(RULE_PROVIDER_DELETE, NEED_ADMIN, "placement:resource_providers:delete")                                                     \
    X(RULE_INVENTORY_LIST, NEED_READER, "placement:resource_providers:inventories:list")                                           \
    X(RULE_INVENTORY_CREATE, NEED_ADMIN, "placement:resource_providers:inventories:create")                                        \
    X(RULE_INVENTORY_SHOW, NEED_READER, "placement:resource_providers:inventories:show")                                           \
    X(RULE_INVENTORY_UPDATE, NEED_ADMIN, "placement:resource_providers:inventories:update")                                        \
    X(RULE_INVENTORY_DELETE, NEED_ADMIN, "placement:resource_providers:inventories:delete")                                        \
    X(RULE_AGGREGATE_LIST, NEED_READER, "placement:resource_providers:aggregates:list")                                            \
    X(RULE_AGGREGATE_UPDATE, NEED_ADMIN, "placement:resource_providers:aggregates:update")                                         \
    X(RULE_PROVIDER_TRAIT_LIST, NEED_READER, "placement:resource_providers:traits:list")                                           \
    X(RULE_PROVIDER_TRAIT_UPDATE, NEED_ADMIN, "placement:resource_providers:traits:update")                                        \
    X(RULE_PROVIDER_TRAIT_DELETE, NEED_ADMIN, "placement:resource_providers:traits:delete")                                        \
    X(RULE_PROVIDER_USAGES, NEED_READER, "placement:resource_providers:usages")                                                    \
    X(RULE_PROVIDER_ALLOCATIONS, NEED_READER, "placement:resource_providers:allocations:list")                                     \
    X(RULE_CLASS_LIST, NEED_READER, "placement:resource_classes:list")                                                             \
    X(RULE_CLASS_CREATE, NEED_ADMIN, "placement:resource_classes:create")                                                          \
    X(RULE_CLASS_SHOW, NEED_READER, "placement:resource_classes:show")                                                             \
    X(RULE_CLASS_UPDATE, NEED_ADMIN, "placement:resource_classes:update")                                                          \
    X(RULE_CLASS_DELETE, NEED_ADMIN, "placement:resource_classes:delete")                                                          \
    X(RULE_TRAIT_LIST, NEED_READER, "placement:traits:list")                                                                       \
    X(RULE_TRAIT_SHOW, NEED_READER, "placement:traits:show")                                                                       \
    X(RULE_TRAIT_UPDATE, NEED_ADMIN, "placement:traits:update")                                                                    \
    X(RULE_TRAIT_DELETE, NEED_ADMIN, "placement:traits:delete")                                                                    \
    X(RULE_ALLOCATION_LIST, NEED_READER, "placement:allocations:list")                                                             \
    X(RULE_ALLOCATION_MANAGE, NEED_ADMIN, "placement:allocations:manage")                                                          \
    X(RULE_ALLOCATION_UPDATE, NEED_ADMIN, "placement:allocations:update")                                                          \
    X(RULE_ALLOCATION_DELETE, NEED_ADMIN, "placement:allocations:delete")                                                          \
    X(RULE_CANDIDATES, NEED_READER, "placement:allocation_candidates:list")                                                        \
    X(RULE_USAGES, NEED_PROJECT_READER, "placement:usages")                                                                        \
    X(RULE_RESHAPE, NEED_ADMIN, "placement:reshaper:reshape")

enum placement_rule {
#define RULE_ENUM(rule, need, name) rule,
    PLACEMENT_RULES(RULE_ENUM)
#undef RULE_ENUM
        RULE_COUNT
};

/* What the head of a request must say before anything else is looked at. */
enum placement_head {
    HEAD_ANY,
    HEAD_ACCEPT,  /* Accept must allow JSON: else 406 */
    HEAD_CONTENT, /* Content-Type must be JSON: else 415 */
};

/* Placement's own columns of a route (struct route.extra). */
struct placement_operation {
    enum placement_rule rule;
    enum placement_head head;
    handler_f *run;
    const struct body_schema *body;  /* for placement_body */
    const struct body_schema *query; /* NULL: parameters are not looked at */
};

/* Most names, uuids or amounts that one list of a request, or all allocations of it together, may have: a statement of the database
 * binds no more than 65535 values. */
#define PLACEMENT_LIST_MOST 20000

/* Codes of errors (Placement 1.23). */
#define CODE_INVENTORY_IN_USE "placement.inventory.inuse"
#define CODE_CONCURRENT       "placement.concurrent_update"
#define CODE_DUPLICATE_NAME   "placement.duplicate_name"
#define CODE_PROVIDER_IN_USE  "placement.resource_provider.inuse"
#define CODE_PROVIDER_PARENT  "placement.resource_provider.cannot_delete_parent"
#define CODE_NO_PROVIDER      "placement.resource_provider.not_found"
#define CODE_DUPLICATE_KEY    "placement.query.duplicate_key"
#define CODE_BAD_VALUE        "placement.query.bad_value"
#define CODE_MISSING_VALUE    "placement.query.missing_value"

/* The route tables, by file. */
extern const struct route placement_root_routes[]; /* service.c */
extern const struct route placement_provider_routes[];
extern const struct route placement_inventory_routes[];
extern const struct route placement_aggregate_routes[];
extern const struct route placement_trait_routes[];
extern const struct route placement_class_routes[];
extern const struct route placement_allocation_routes[];
extern const struct route placement_usage_routes[];
extern const struct route placement_candidate_routes[];
extern const struct route placement_reshaper_routes[];

/* A row: from and to are minor versions, 0 = no bound; the rest are columns of struct placement_operation. */
#define PLACEMENT_ROUTE(METHOD, PATH, FROM, TO, ...)                                                                               \
    {                                                                                                                              \
        .method = METHOD, .path = PATH, .access = ACCESS_ANY, .min = FROM, .max = TO, .handler = placement_run, .body = BODY_RAW,  \
        .extra = &(const struct placement_operation)                                                                               \
        {                                                                                                                          \
            __VA_ARGS__                                                                                                            \
        }                                                                                                                          \
    }

handler_f placement_run; /* run.c */

/* run.c: as fail(), with a code for the body. E_… as given. */
MUST_CHECK enum err placement_fail(struct request *request, enum err kind, const char *code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* The same with the words of the last failure behind `before`. */
MUST_CHECK enum err placement_wrap(struct request *request, enum err kind, const char *code, const char *before);
/* Is the request's version at least 1.minor? */
bool placement_at_least(const struct request *request, int minor);
/* The body against the row's schema. E_INVALID "Malformed JSON: …", "JSON does not validate: …". In the request's arena. */
MUST_CHECK enum err placement_body(struct request *request, const json_t **out);
/* The name of the schema that counts in the request's version; NULL: none. */
const char *placement_schema_name(const struct request *request, const struct body_schema *rows);
/* From 1.15: Last-Modified (0: now) and Cache-Control. */
void placement_dates(struct request *request, struct response *response, int64_t modified_us);
/* 200 (or `status`) with the object, which is taken, and the headers of placement_dates. */
void placement_reply(struct request *request, struct response *response, int status, json_t *object, int64_t modified_us);
/* Status without a body. */
void placement_reply_empty(struct response *response, int status);
/* "{mount}/…" in the arena: Placement's links are relative. */
const char *placement_path(const struct request *request, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Location is absolute. */
void placement_location(struct request *request, struct response *response, const char *path);

/* accept.c */
bool placement_accepts_json(const char *accept);
/* The content type of an error: "application/json", "text/html", "text/plain". */
const char *placement_error_type(const char *accept);

/* error.c: struct service.write_error. */
void placement_write_error(const struct request *request, int status, const char *message, struct response *response);

/* policy.c: E_FORBIDDEN. */
MUST_CHECK enum err placement_policy_check(const struct request *request, enum placement_rule rule);

/* cors.c */
const struct route *placement_cors_route(const struct request *request);
void placement_cors_decorate(const struct request *request, struct response *response);
