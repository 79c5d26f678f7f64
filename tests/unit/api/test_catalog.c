/*
 * Flavors, key pairs and limits as a client sees them: conversations through the real core (routes, versions, schemas, faults) and
 * a real database; no server, no identity. Each step has what is sent, the status, and the whole reply: "*" in the place of a value
 * that is different every time.
 */
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

#define PROJECT "0123456789abcdef0123456789abcdef"
#define OTHER   "fedcba9876543210fedcba9876543210"
#define KEY     "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAJoDeChYzNOyQD1usnvg2sHNuvIdkRywyhfvsukHPJv me"
#define KEY_MD5 "88:0a:43:58:0a:e4:ac:26:91:79:5d:7f:cf:4c:2e:e2"

struct step {
    const char *who; /* admin, member (of PROJECT), reader (of PROJECT), other (member of OTHER) */
    long version;
    const char *method;
    const char *target;
    const char *body; /* NULL: none */
    long status;
    const char *reply; /* NULL: no body */
};

#define LINKS(id)                                                                                                                  \
    "\"links\":[{\"rel\":\"self\",\"href\":\"http://zone:8774/compute/v2.1/flavors/" id "\"},"                                     \
    "{\"rel\":\"bookmark\",\"href\":\"http://zone:8774/compute/flavors/" id "\"}]"
#define NEXT(name, path)           ",\"" name "_links\":[{\"rel\":\"next\",\"href\":\"http://zone:8774/compute/v2.1/" path "\"}]"
#define FAULT(name, code, message) "{\"" name "\":{\"code\":" code ",\"message\":\"" message "\"}}"
#define BAD(message)               FAULT("badRequest", "400", message)
#define MISSING(message)           FAULT("itemNotFound", "404", message)
#define CONFLICT(message)          FAULT("conflictingRequest", "409", message)
#define FORBIDDEN(message)         FAULT("forbidden", "403", message)

#define TINY_21                                                                                                                    \
    "{\"id\":\"1\",\"name\":\"tiny\"," LINKS(                                                                                      \
        "1") ",\"ram\":512,\"disk\":1,\"vcpus\":1,\"swap\":\"\",\"rxtx_factor\":1.0,"                                              \
             "\"OS-FLV-EXT-DATA:ephemeral\":0,\"OS-FLV-DISABLED:disabled\":false,\"os-flavor-access:is_public\":true}"
#define TINY_61                                                                                                                    \
    "{\"id\":\"1\",\"name\":\"tiny\"," LINKS(                                                                                      \
        "1") ",\"ram\":512,\"disk\":1,\"vcpus\":1,\"swap\":\"\",\"rxtx_factor\":1.0,"                                              \
             "\"OS-FLV-EXT-DATA:ephemeral\":0,\"OS-FLV-DISABLED:disabled\":false,\"os-flavor-access:is_public\":true,"             \
             "\"description\":null,\"extra_specs\":{}}"
#define BIG_75                                                                                                                     \
    "{\"id\":\"a b\",\"name\":\"big\"," LINKS(                                                                                     \
        "a%20b") ",\"ram\":2048,\"disk\":0,\"vcpus\":2,\"swap\":64,\"rxtx_factor\":0.1,"                                           \
                 "\"OS-FLV-EXT-DATA:ephemeral\":5,\"OS-FLV-DISABLED:disabled\":false,\"os-flavor-access:is_public\":false,"        \
                 "\"description\":\"d\",\"extra_specs\":{}}"

static const struct step flavors[] = {
    {"member", 1, "GET", "/flavors", NULL, 200, "{\"flavors\":[]}"},
    {"member", 1, "POST", "/flavors", "{\"flavor\":{\"name\":\"x\",\"ram\":1,\"vcpus\":1,\"disk\":1}}", 403, "*"},
    {"admin", 1, "POST", "/flavors", NULL, 400, BAD("None is not of type 'object'")},
    {"admin", 1, "POST", "/flavors", "{\"flavor\":{\"name\":\"tiny\"}}", 400, "*"},
    {"admin", 1, "POST", "/flavors", "{\"flavor\":{\"name\":\"tiny\",\"ram\":\"512\",\"vcpus\":1,\"disk\":1,\"id\":1}}", 200,
     "{\"flavor\":" TINY_21 "}"},
    {"admin", 1, "POST", "/flavors", "{\"flavor\":{\"name\":\"tiny\",\"ram\":1,\"vcpus\":1,\"disk\":1}}", 409,
     CONFLICT("Flavor with name tiny already exists.")},
    {"admin", 1, "POST", "/flavors", "{\"flavor\":{\"name\":\"t2\",\"ram\":1,\"vcpus\":1,\"disk\":1,\"id\":\"1\"}}", 409,
     CONFLICT("Flavor with ID 1 already exists.")},
    {"admin", 75, "POST", "/flavors",
     "{\"flavor\":{\"name\":\"big\",\"ram\":2048,\"vcpus\":2,\"disk\":0,\"id\":\"a b\",\"swap\":\"64\",\"rxtx_factor\":\"0.1\","
     "\"OS-FLV-EXT-DATA:ephemeral\":5,\"os-flavor-access:is_public\":\"no\",\"description\":\"d\"}}",
     200, "{\"flavor\":" BIG_75 "}"},
    {"member", 1, "GET", "/flavors", NULL, 200, "{\"flavors\":[{\"id\":\"1\",\"name\":\"tiny\"," LINKS("1") "}]}"},
    {"member", 55, "GET", "/flavors", NULL, 200,
     "{\"flavors\":[{\"id\":\"1\",\"name\":\"tiny\"," LINKS("1") ",\"description\":null}]}"},
    {"reader", 1, "GET", "/flavors/detail", NULL, 200, "{\"flavors\":[" TINY_21 "]}"},
    {"reader", 61, "GET", "/flavors/detail", NULL, 200, "{\"flavors\":[" TINY_61 "]}"},
    {"member", 1, "GET", "/flavors/detail?is_public=None", NULL, 200, "{\"flavors\":[" TINY_21 "]}"},
    {"admin", 75, "GET", "/flavors/detail?is_public=False", NULL, 200, "{\"flavors\":[" BIG_75 "]}"},
    {"admin", 1, "GET", "/flavors?is_public=perhaps", NULL, 400, BAD("Invalid is_public filter [perhaps]")},
    {"admin", 1, "GET", "/flavors?is_public=None&limit=1&sort_key=vcpus&sort_dir=desc", NULL, 200,
     "{\"flavors\":[{\"id\":\"a b\",\"name\":\"big\"," LINKS("a%20b") "}]" NEXT(
         "flavors", "flavors?is_public=None&limit=1&marker=a+b&sort_dir=desc&sort_key=vcpus") "}"},
    {"admin", 1, "GET", "/flavors?is_public=None&limit=1&marker=a+b&sort_dir=desc&sort_key=vcpus", NULL, 200,
     "{\"flavors\":[{\"id\":\"1\",\"name\":\"tiny\"," LINKS("1") "}]" NEXT(
         "flavors", "flavors?is_public=None&limit=1&marker=1&sort_dir=desc&sort_key=vcpus") "}"},
    {"admin", 1, "GET", "/flavors?is_public=None&limit=1&marker=1&sort_dir=desc&sort_key=vcpus", NULL, 200, "{\"flavors\":[]}"},
    {"member", 1, "GET", "/flavors?limit=0", NULL, 200, "{\"flavors\":[]}"},
    {"member", 1, "GET", "/flavors?limit=-1", NULL, 400,
     BAD("Invalid input for query parameters limit. Value: -1. '-1' does not match '^[0-9]*$'")},
    {"member", 1, "GET", "/flavors?limit=", NULL, 400, BAD("Invalid input for query parameters limit. Value: . '' is too short")},
    {"member", 1, "GET", "/flavors?limit=99999999999999999999", NULL, 200, "*"},
    {"member", 1, "GET", "/flavors?marker=none", NULL, 400, BAD("marker [none] not found")},
    {"member", 1, "GET", "/flavors?sort_dir=up", NULL, 400,
     BAD("Invalid input for query parameters sort_dir. Value: up. 'up' is not one of ['asc', 'desc']")},
    {"member", 1, "GET", "/flavors?sort_key=color", NULL, 400, "*"},
    {"member", 1, "GET", "/flavors?minRam=513", NULL, 200, "{\"flavors\":[]}"},
    {"member", 1, "GET", "/flavors?minDisk=x", NULL, 400, BAD("Invalid minDisk filter [x]")},
    {"member", 74, "GET", "/flavors?color=red&minRam=513", NULL, 200, "{\"flavors\":[]}"},
    {"member", 75, "GET", "/flavors?color=red", NULL, 400, BAD("Additional properties are not allowed ('color' was unexpected)")},
    {"member", 75, "GET", "/flavors?zone.strict=1&minRam=513", NULL, 200, "{\"flavors\":[]}"},
    {"member", 1, "GET", "/flavors/1", NULL, 200, "{\"flavor\":" TINY_21 "}"},
    {"member", 1, "GET", "/flavors/tiny", NULL, 404, MISSING("Flavor tiny could not be found.")},
    {"member", 1, "GET", "/flavors/a%20b", NULL, 404, MISSING("Flavor a b could not be found.")},
    {"admin", 75, "GET", "/flavors/a%20b", NULL, 200, "{\"flavor\":" BIG_75 "}"},
    {"admin", 54, "PUT", "/flavors/1", "{\"flavor\":{\"description\":\"x\"}}", 404, "*"},
    {"admin", 55, "PUT", "/flavors/1", "{\"flavor\":{\"description\":null}}", 200, "*"},
    {"admin", 55, "PUT", "/flavors/9", "{\"flavor\":{\"description\":\"x\"}}", 404, MISSING("Flavor 9 could not be found.")},
    {"member", 1, "DELETE", "/flavors/1", NULL, 403, "*"},
    {"admin", 1, "DELETE", "/flavors/9", NULL, 404, MISSING("Flavor 9 could not be found.")},
};

#define SPECS "/flavors/1/os-extra_specs"

static const struct step extra_specs[] = {
    {"member", 1, "GET", SPECS, NULL, 200, "{\"extra_specs\":{}}"},
    {"member", 1, "POST", SPECS, "{\"extra_specs\":{\"a\":\"1\"}}", 403, "*"},
    {"admin", 1, "POST", SPECS, "{\"extra_specs\":{\"a\":\"1\",\"hw:n\":1.5,\"i\":7}}", 200,
     "{\"extra_specs\":{\"a\":\"1\",\"hw:n\":1.5,\"i\":7}}"},
    {"member", 1, "GET", SPECS, NULL, 200, "{\"extra_specs\":{\"a\":\"1\",\"hw:n\":\"1.5\",\"i\":\"7\"}}"},
    {"admin", 1, "POST", SPECS, "{\"extra_specs\":{\"b/c\":\"1\"}}", 400, "*"},
    {"member", 1, "GET", SPECS "/hw:n", NULL, 200, "{\"hw:n\":\"1.5\"}"},
    {"member", 1, "GET", SPECS "/b", NULL, 404, MISSING("Flavor 1 has no extra specs with key b.")},
    {"admin", 1, "PUT", SPECS "/a", "{\"a\":\"2\"}", 200, "{\"a\":\"2\"}"},
    {"admin", 1, "PUT", SPECS "/a", "{\"b\":\"2\"}", 400, BAD("Request body and URI mismatch")},
    {"admin", 1, "PUT", "/flavors/9/os-extra_specs/a", "{\"a\":\"2\"}", 404, MISSING("Flavor 9 could not be found.")},
    {"admin", 1, "DELETE", SPECS "/i", NULL, 200, NULL},
    {"admin", 1, "DELETE", SPECS "/i", NULL, 404, MISSING("Flavor 1 has no extra specs with key i.")},
    {"member", 1, "GET", SPECS, NULL, 200, "{\"extra_specs\":{\"a\":\"2\",\"hw:n\":\"1.5\"}}"},
    {"member", 1, "GET", "/flavors/9/os-extra_specs", NULL, 404, MISSING("Flavor 9 could not be found.")},
};

#define ACCESS "/flavors/a%20b/os-flavor-access"
#define ACTION "/flavors/a%20b/action"
#define ADD    "{\"addTenantAccess\":{\"tenant\":\"" PROJECT "\"}}"
#define REMOVE "{\"removeTenantAccess\":{\"tenant\":\"" PROJECT "\"}}"

static const struct step access_steps[] = {
    {"member", 1, "GET", ACCESS, NULL, 404, MISSING("Flavor a b could not be found.")},
    {"admin", 1, "GET", "/flavors/1/os-flavor-access", NULL, 404, MISSING("Access list not available for public flavors.")},
    {"admin", 1, "GET", ACCESS, NULL, 200, "{\"flavor_access\":[]}"},
    {"admin", 1, "POST", ACTION, ADD, 200, "{\"flavor_access\":[{\"flavor_id\":\"a b\",\"tenant_id\":\"" PROJECT "\"}]}"},
    {"admin", 1, "POST", ACTION, ADD, 409,
     CONFLICT("Flavor access already exists for flavor a b and project " PROJECT " combination.")},
    {"member", 75, "GET", "/flavors/a%20b", NULL, 200, "{\"flavor\":" BIG_75 "}"},
    {"member", 1, "GET", ACCESS, NULL, 200, "{\"flavor_access\":[{\"flavor_id\":\"a b\",\"tenant_id\":\"" PROJECT "\"}]}"},
    {"other", 75, "GET", "/flavors/a%20b", NULL, 404, MISSING("Flavor a b could not be found.")},
    {"member", 75, "GET", "/flavors/detail?minRam=513", NULL, 200, "{\"flavors\":[" BIG_75 "]}"},
    {"other", 75, "GET", "/flavors/detail?minRam=513", NULL, 200, "{\"flavors\":[]}"},
    {"admin", 7, "POST", "/flavors/1/action", ADD, 409, CONFLICT("Can not add access to a public flavor.")},
    {"admin", 1, "POST", ACTION, REMOVE, 200, "{\"flavor_access\":[]}"},
    {"admin", 1, "POST", ACTION, REMOVE, 404, MISSING("Flavor access not found for a b / " PROJECT " combination.")},
    {"admin", 1, "POST", ACTION, "{\"sing\":null}", 400, BAD("There is no such action: sing")},
    {"admin", 1, "POST", ACTION, "{\"addTenantAccess\":{},\"removeTenantAccess\":{}}", 400, BAD("Malformed request body")},
    {"admin", 1, "POST", ACTION, "{\"addTenantAccess\":{}}", 400, "*"},
    {"member", 1, "POST", ACTION, ADD, 403, "*"},
    {"admin", 1, "DELETE", "/flavors/a%20b", NULL, 202, NULL},
    {"admin", 1, "GET", "/flavors/a%20b", NULL, 404, MISSING("Flavor a b could not be found.")},
};

#define PAIR(name) "\"name\":\"" name "\",\"public_key\":\"" KEY "\",\"fingerprint\":\"" KEY_MD5 "\""
#define SEND(name) "{\"keypair\":{\"name\":\"" name "\",\"public_key\":\"" KEY "\"}}"
#define SHOWN(id_user)                                                                                                             \
    ",\"user_id\":\"" id_user "\",\"created_at\":\"*\",\"deleted\":false,\"deleted_at\":null,\"id\":\"*\",\"updated_at\":null"

static const struct step keypairs[] = {
    {"member", 1, "GET", "/os-keypairs", NULL, 200, "{\"keypairs\":[]}"},
    {"member", 1, "POST", "/os-keypairs", SEND("k1"), 200, "{\"keypair\":{" PAIR("k1") ",\"user_id\":\"member\"}}"},
    {"member", 1, "POST", "/os-keypairs", SEND("k1"), 409, CONFLICT("Key pair 'k1' already exists.")},
    {"reader", 2, "POST", "/os-keypairs", SEND("k1"), 201,
     "{\"keypair\":{" PAIR("k1") ",\"type\":\"ssh\",\"user_id\":\"reader\"}}"},
    {"member", 1, "POST", "/os-keypairs", "{\"keypair\":{\"name\":\"k\",\"public_key\":\"nonsense\"}}", 400,
     BAD("Keypair data is invalid: failed to generate fingerprint")},
    {"member", 2, "POST", "/os-keypairs", "{\"keypair\":{\"name\":\"k\",\"type\":\"x509\",\"public_key\":\"c\"}}", 400,
     BAD("Keypair data is invalid: failed to generate X509 fingerprint. Error message: Base64 unexpected header error.")},
    {"member", 1, "POST", "/os-keypairs", "{\"keypair\":{\"name\":\"k.1\"}}", 400, "*"},
    {"member", 2, "POST", "/os-keypairs", "{\"keypair\":{\"name\":\"made\"}}", 201,
     "{\"keypair\":{\"name\":\"made\",\"public_key\":\"*\",\"fingerprint\":\"*\",\"type\":\"ssh\",\"user_id\":\"member\","
     "\"private_key\":\"*\"}}"},
    {"member", 1, "GET", "/os-keypairs/k1", NULL, 200, "{\"keypair\":{" PAIR("k1") SHOWN("member") "}}"},
    {"member", 2, "GET", "/os-keypairs/k1", NULL, 200, "{\"keypair\":{" PAIR("k1") ",\"type\":\"ssh\"" SHOWN("member") "}}"},
    {"member", 2, "GET", "/os-keypairs/none", NULL, 404, MISSING("Keypair none not found for user member")},
    {"member", 1, "DELETE", "/os-keypairs/made", NULL, 202, NULL},
    {"member", 2, "DELETE", "/os-keypairs/made", NULL, 404, MISSING("Keypair made not found for user member")},
    {"member", 1, "GET", "/os-keypairs", NULL, 200, "{\"keypairs\":[{\"keypair\":{" PAIR("k1") "}}]}"},
    {"member", 9, "GET", "/os-keypairs?user_id=reader", NULL, 200,
     "{\"keypairs\":[{\"keypair\":{" PAIR("k1") ",\"type\":\"ssh\"}}]}"},
    {"member", 10, "GET", "/os-keypairs?user_id=reader", NULL, 403,
     FORBIDDEN("Policy doesn't allow os_compute_api:os-keypairs:index to be performed.")},
    {"member", 10, "GET", "/os-keypairs/k1?user_id=reader", NULL, 403,
     FORBIDDEN("Policy doesn't allow os_compute_api:os-keypairs:show to be performed.")},
    {"member", 10, "DELETE", "/os-keypairs/k1?user_id=reader", NULL, 403,
     FORBIDDEN("Policy doesn't allow os_compute_api:os-keypairs:delete to be performed.")},
    {"member", 10, "POST", "/os-keypairs", "{\"keypair\":{\"name\":\"k2\",\"user_id\":\"reader\"}}", 403,
     FORBIDDEN("Policy doesn't allow os_compute_api:os-keypairs:create to be performed.")},
    {"admin", 10, "POST", "/os-keypairs", "{\"keypair\":{\"name\":\"k2\",\"user_id\":\"member\",\"public_key\":\"" KEY "\"}}", 201,
     "{\"keypair\":{" PAIR("k2") ",\"type\":\"ssh\",\"user_id\":\"member\"}}"},
    {"member", 34, "GET", "/os-keypairs?limit=1", NULL, 200,
     "{\"keypairs\":[{\"keypair\":{" PAIR("k1") ",\"type\":\"ssh\"}},{\"keypair\":{" PAIR("k2") ",\"type\":\"ssh\"}}]}"},
    {"member", 35, "GET", "/os-keypairs?limit=1", NULL, 200,
     "{\"keypairs\":[{\"keypair\":{" PAIR("k1") ",\"type\":\"ssh\"}}]" NEXT("keypairs", "os-keypairs?limit=1&marker=k1") "}"},
    {"member", 35, "GET", "/os-keypairs?limit=1&marker=k2", NULL, 200, "{\"keypairs\":[]}"},
    {"member", 35, "GET", "/os-keypairs?marker=zz", NULL, 400, BAD("Marker zz could not be found.")},
    {"member", 75, "GET", "/os-keypairs?color=red", NULL, 400,
     BAD("Additional properties are not allowed ('color' was unexpected)")},
    {"member", 75, "GET", "/os-keypairs/k1?limit=1", NULL, 400,
     BAD("Additional properties are not allowed ('limit' was unexpected)")},
    {"admin", 10, "DELETE", "/os-keypairs/k2?user_id=member", NULL, 204, NULL},
    {"member", 2, "DELETE", "/os-keypairs/k1", NULL, 204, NULL},
};

#define MAXIMA                                                                                                                     \
    "\"maxTotalInstances\":10,\"maxTotalCores\":20,\"maxTotalRAMSize\":51200,\"maxTotalKeypairs\":100,\"maxServerMeta\":128,"      \
    "\"maxServerGroups\":10,\"maxServerGroupMembers\":10"
#define USED  ",\"totalInstancesUsed\":0,\"totalCoresUsed\":0,\"totalRAMUsed\":0,\"totalServerGroupsUsed\":0"
#define FILES ",\"maxPersonality\":5,\"maxPersonalitySize\":10240"
#define NETWORK                                                                                                                    \
    ",\"maxTotalFloatingIps\":-1,\"maxSecurityGroups\":-1,\"maxSecurityGroupRules\":-1,\"totalFloatingIpsUsed\":0,"                \
    "\"totalSecurityGroupsUsed\":0"
#define LIMITS(more) "{\"limits\":{\"rate\":[],\"absolute\":{" MAXIMA USED more "}}}"

static const struct step limits[] = {
    {"reader", 1, "GET", "/limits", NULL, 200, LIMITS(",\"maxImageMeta\":128" FILES NETWORK)},
    {"reader", 35, "GET", "/limits", NULL, 200, LIMITS(",\"maxImageMeta\":128" FILES NETWORK)},
    {"reader", 36, "GET", "/limits", NULL, 200, LIMITS(",\"maxImageMeta\":128" FILES)},
    {"reader", 38, "GET", "/limits", NULL, 200, LIMITS(",\"maxImageMeta\":128" FILES)},
    {"reader", 39, "GET", "/limits", NULL, 200, LIMITS(FILES)},
    {"reader", 56, "GET", "/limits", NULL, 200, LIMITS(FILES)},
    {"reader", 57, "GET", "/limits?reserved=1", NULL, 200, LIMITS("")},
    {"reader", 75, "GET", "/limits?reserved=1", NULL, 400,
     BAD("Additional properties are not allowed ('reserved' was unexpected)")},
    {"admin", 75, "GET", "/limits?tenant_id=" OTHER, NULL, 200, LIMITS("")},
    {"member", 75, "GET", "/limits?tenant_id=" OTHER, NULL, 403,
     FORBIDDEN("Policy doesn't allow os_compute_api:limits:other_project to be performed.")},
};

struct fixture {
    struct gateway gateway;
    struct http_core core;
    struct db *db;
};

static enum err authenticate(struct request *request)
{
    const char *who = request_header(request, "X-Who");
    request->caller.user_id = who;
    request->caller.project_id = str_equal(who, "other") ? OTHER : PROJECT;
    request->caller.is_admin = str_equal(who, "admin");
    request->caller.is_member = !str_equal(who, "reader");
    return OK;
}

static const char *const mounts[] = {"/compute/v2.1", NULL};
static const struct route *const tables[] = {
    flavor_routes, flavor_extra_spec_routes, flavor_access_routes, keypair_routes, limit_routes, NULL};
static const struct service service = {
    .name = "compute",
    .mounts = mounts,
    .version_service = "compute",
    .legacy_header = "X-OpenStack-Nova-API-Version",
    .version_min = 1,
    .version_max = 79,
    .version_major = 2,
    .tables = tables,
    .write_error = fault_write_compute,
};
static const struct service *const services[] = {&service, NULL};

static void must(enum err result)
{
    if (result != OK)
        print_error("%s: %s\n", err_name(result), err_message());
    assert_int_equal(result, OK);
}

static bool is_like(const json_t *expected, const json_t *actual);

static bool members_are_like(const json_t *expected, const json_t *actual)
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

static bool items_are_like(const json_t *expected, const json_t *actual)
{
    for (size_t i = 0; i < json_array_size(expected); i++) {
        if (!is_like(json_array_get(expected, i), json_array_get(actual, i)))
            return false;
    }
    return json_array_size(expected) == json_array_size(actual);
}

/* A "*" stands for any value. */
static bool is_like(const json_t *expected, const json_t *actual)
{
    if (json_is_string(expected) && str_equal(json_string_value(expected), "*"))
        return actual != NULL;
    if (json_is_object(expected) && json_is_object(actual))
        return members_are_like(expected, actual);
    if (json_is_array(expected) && json_is_array(actual))
        return items_are_like(expected, actual);
    return json_equal(expected, actual);
}

static bool is_expected(const struct step *step, const struct response *response)
{
    if (response->status != step->status)
        return false;
    if (!step->reply)
        return !response->json && !response->body.length;
    if (str_equal(step->reply, "*"))
        return response->body.length > 0;
    json_auto_t *expected = json_loads(step->reply, 0, NULL);
    json_auto_t *actual = json_loads(text_str(&response->body), 0, NULL);
    assert_non_null(expected);
    return actual && is_like(expected, actual);
}

static void take_step(struct fixture *fixture, const struct step *step)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    struct response response;
    struct request request = {.gateway = &fixture->gateway,
                              .arena = &arena,
                              .db = fixture->db,
                              .method = step->method,
                              .target = arena_printf(&arena, "/compute/v2.1%s", step->target),
                              .base_url = "http://zone:8774",
                              .client_address = "192.0.2.1",
                              .body = step->body,
                              .body_length = step->body ? strlen(step->body) : 0};
    response_init(&response);
    pairs_add(&arena, &request.headers, "X-Who", step->who);
    pairs_add(&arena, &request.headers, "X-OpenStack-Nova-API-Version", arena_printf(&arena, "2.%ld", step->version));
    pairs_add(&arena, &request.headers, "Content-Type", "application/json");
    if (core_open(&fixture->core, &request, &response) == OK)
        core_run(&fixture->core, &request, &response);
    response_render(&response);
    const bool good = is_expected(step, &response);
    if (!good)
        print_error("%s 2.%ld %s %s\n  expected %ld %s\n  got      %d %s\n", step->who, step->version, step->method, step->target,
                    step->status, step->reply, response.status, text_str(&response.body));
    response_clear(&response);
    assert_true(good);
}

static void take_steps(void **state, const struct step *steps, size_t count)
{
    struct fixture *fixture = *state;
    if (!fixture->db)
        skip();
    for (size_t i = 0; i < count; i++)
        take_step(fixture, &steps[i]);
}

static void flavors_are_listed_made_and_described(void **state)
{
    take_steps(state, flavors, ARRAY_LEN(flavors));
}

static void extra_specs_are_read_and_written(void **state)
{
    take_steps(state, extra_specs, ARRAY_LEN(extra_specs));
}

static void private_flavors_are_shared_with_projects(void **state)
{
    take_steps(state, access_steps, ARRAY_LEN(access_steps));
}

static void keypairs_belong_to_users(void **state)
{
    take_steps(state, keypairs, ARRAY_LEN(keypairs));
}

static void limits_depend_on_the_version(void **state)
{
    take_steps(state, limits, ARRAY_LEN(limits));
}

static void open_database(struct fixture *fixture, const char *url)
{
    static const char again[] = "DROP DATABASE zonegate_test_api; CREATE DATABASE zonegate_test_api; USE zonegate_test_api;";
    int from = 0;
    int to = 0;
    must(db_target_parse(url, &fixture->gateway.database));
    free(fixture->gateway.database.name);
    fixture->gateway.database.name = strdup("zonegate_test_api");
    must(db_create_database(&fixture->gateway.database));
    must(db_open(&fixture->gateway.database, &fixture->db));
    must(db_script(fixture->db, again, strlen(again)));
    must(db_upgrade(fixture->db, &from, &to));
}

static int setup(void **state)
{
    const char *url = getenv("ZONEGATE_TEST_DATABASE");
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    *state = fixture;
    config_init(&fixture->gateway.config);
    free(fixture->gateway.config.identity.url);
    fixture->gateway.config.identity.url = strdup("http://elsewhere/v3"); /* projects are not looked up */
    must(seal_setup());
    must(json_schemas_open());
    fixture->core = (struct http_core){
        .gateway = &fixture->gateway, .services = services, .hooks = {.authenticate = authenticate}, .budget_ms = 1000};
    must(core_setup(&fixture->core));
    if (url)
        open_database(fixture, url);
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    db_close(fixture->db);
    db_target_clear(&fixture->gateway.database);
    config_clear(&fixture->gateway.config);
    core_clear(&fixture->core);
    json_schemas_close();
    free(fixture);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flavors_are_listed_made_and_described),
        cmocka_unit_test(extra_specs_are_read_and_written),
        cmocka_unit_test(private_flavors_are_shared_with_projects),
        cmocka_unit_test(keypairs_belong_to_users),
        cmocka_unit_test(limits_depend_on_the_version),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
