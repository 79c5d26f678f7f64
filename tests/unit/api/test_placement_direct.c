/* Placement within the process: calls, microversions, one transaction for many calls and its end, on a database. */
#include "compute/placement/resource_class.h"
#include "gateway/api/placement/direct.h"
#include "gateway/api/placement/service.h"
#include "schema/json/json.h"
#include "tests/unit/schema/store.h"

#define PROVIDER "aaaaaaaa-0000-4000-8000-000000000001"
#define CONSUMER "cccccccc-0000-4000-8000-000000000001"

struct world {
    struct store store;
    struct config config;
    struct placement_direct *direct;
};

static int set_up(void **state)
{
    const char *url = getenv("ZONEGATE_TEST_DATABASE");
    struct world *world = calloc(1, sizeof(*world));
    *state = world;
    must(seal_setup());
    if (!url)
        return 0;
    store_open(&world->store, url);
    must(placement_sync(world->store.db));
    must(json_schemas_open());
    config_init(&world->config);
    const struct placement_direct_options options = {.config = &world->config, .database = &world->store.target};
    must(placement_direct_open(&options, &world->direct));
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    if (world->store.db) {
        placement_direct_close(world->direct);
        config_clear(&world->config);
        json_schemas_close();
    }
    store_close(&world->store);
    free(world);
    return 0;
}

static struct world *need_database(void **state)
{
    struct world *world = *state;
    if (!world->store.db)
        skip();
    return world;
}

static struct placement_call call_of(const char *method, const char *target, const char *body)
{
    return (struct placement_call){
        .method = method, .target = target, .microversion = "1.39", .body = body, .body_length = body ? strlen(body) : 0};
}

static struct placement_answer ask(struct world *world, const char *method, const char *target, const char *body)
{
    const struct placement_call call = call_of(method, target, body);
    struct placement_answer answer;
    must(placement_direct(world->direct, &call, &answer));
    return answer;
}

static void test_calls(void **state)
{
    struct world *world = need_database(state);
    struct placement_answer answer = ask(world, "GET", "/", NULL);
    assert_int_equal(answer.status, 200);
    assert_non_null(strstr(answer.body, "\"max_version\":\"1.39\""));
    assert_string_equal(pairs_get_nocase(answer.headers, "OpenStack-API-Version"), "placement 1.39");
    answer = ask(world, "POST", "/resource_providers", "{\"name\": \"p\", \"uuid\": \"" PROVIDER "\"}");
    assert_int_equal(answer.status, 200);
    assert_string_equal(pairs_get_nocase(answer.headers, "Location"), "/resource_providers/" PROVIDER);
    answer = ask(world, "GET", "/resource_providers?name=p", NULL);
    assert_non_null(strstr(answer.body, PROVIDER));
    answer = ask(world, "DELETE", "/resource_providers/" PROVIDER, NULL);
    assert_int_equal(answer.status, 204);
    assert_int_equal(answer.body_length, 0);
    answer = ask(world, "DELETE", "/resource_providers/" PROVIDER, NULL);
    assert_int_equal(answer.status, 404);
}

static void test_versions(void **state)
{
    struct world *world = need_database(state);
    static const struct {
        const char *version;
        int status;
    } cases[] = {{NULL, 404}, {"1.5", 404}, {"1.6", 200}, {"latest", 200}, {"1.40", 406}, {"2.0", 406}, {"x", 400}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct placement_call call = {.method = "GET", .target = "/traits", .microversion = cases[i].version};
        struct placement_answer answer;
        must(placement_direct(world->direct, &call, &answer));
        assert_int_equal(answer.status, cases[i].status);
    }
}

static void test_too_large(void **state)
{
    struct world *world = need_database(state);
    char *body = malloc((size_t)world->config.placement.max_body + 1);
    assert_non_null(body);
    memset(body, ' ', (size_t)world->config.placement.max_body + 1);
    struct placement_call call = call_of("POST", "/resource_providers", body);
    struct placement_answer answer;
    call.body_length = (size_t)world->config.placement.max_body + 1;
    must(placement_direct(world->direct, &call, &answer));
    assert_int_equal(answer.status, 413);
    free(body);
}

struct plan {
    const char *second; /* body of the second call */
    bool swallow;       /* the second call's error is not passed up */
    int runs;
};

static enum err make_two(struct placement_direct *direct, void *context)
{
    struct plan *plan = context;
    struct placement_answer answer;
    const struct placement_call first = call_of("POST", "/resource_providers", "{\"name\": \"one\"}");
    const struct placement_call second = call_of("POST", "/resource_providers", plan->second);
    plan->runs++;
    TRY(placement_direct(direct, &first, &answer));
    const enum err result = placement_direct(direct, &second, &answer);
    return plan->swallow ? OK : result;
}

static bool exists(struct world *world, const char *name)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    const struct placement_answer answer = ask(world, "GET", arena_printf(&arena, "/resource_providers?name=%s", name), NULL);
    return strstr(answer.body, "uuid") != NULL;
}

static void test_transaction(void **state)
{
    struct world *world = need_database(state);
    struct plan refused = {.second = "{\"name\": \"one\"}"};
    assert_int_equal(placement_direct_transaction(world->direct, make_two, &refused), E_CONFLICT);
    assert_int_equal(refused.runs, 1);
    assert_false(exists(world, "one"));
    struct plan swallowed = {.second = "{\"nam\": \"two\"}", .swallow = true};
    assert_int_equal(placement_direct_transaction(world->direct, make_two, &swallowed), E_CONFLICT);
    assert_false(exists(world, "one"));
    struct plan good = {.second = "{\"name\": \"two\"}"};
    must(placement_direct_transaction(world->direct, make_two, &good));
    assert_true(exists(world, "one") && exists(world, "two"));
}

static enum err claim_and_drop(struct placement_direct *direct, void *context)
{
    struct placement_answer answer;
    (void)context;
    const struct placement_call claim =
        call_of("PUT", "/allocations/" CONSUMER,
                "{\"allocations\": {\"" PROVIDER "\": {\"resources\": {\"VCPU\": 2}}}, \"project_id\": \"p\", \"user_id\": \"u\", "
                "\"consumer_generation\": null, \"consumer_type\": \"T\"}");
    TRY(placement_direct(direct, &claim, &answer));
    assert_int_equal(answer.status, 204);
    const struct placement_call drop = call_of("DELETE", "/resource_providers/" PROVIDER, NULL);
    return placement_direct(direct, &drop, &answer);
}

/* A refusal takes back what was claimed before it, and the generations with it. */
static void test_rollback_of_a_claim(void **state)
{
    struct world *world = need_database(state);
    (void)ask(world, "POST", "/resource_providers", "{\"name\": \"host\", \"uuid\": \"" PROVIDER "\"}");
    (void)ask(world, "PUT", "/resource_providers/" PROVIDER "/inventories",
              "{\"resource_provider_generation\": 0, \"inventories\": {\"VCPU\": {\"total\": 4}}}");
    assert_int_equal(placement_direct_transaction(world->direct, claim_and_drop, NULL), E_CONFLICT);
    struct placement_answer answer = ask(world, "GET", "/allocations/" CONSUMER, NULL);
    assert_string_equal(answer.body, "{\"allocations\":{}}");
    answer = ask(world, "GET", "/resource_providers/" PROVIDER "/usages", NULL);
    assert_string_equal(answer.body, "{\"resource_provider_generation\":1,\"usages\":{\"VCPU\":0}}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calls),
        cmocka_unit_test(test_versions),
        cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_transaction),
        cmocka_unit_test(test_rollback_of_a_claim),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
