/* The schemas of Placement's bodies, version by version: what passes, and that a refusal says which rule and which field. */
#include "schema/json/json.h"
#include "tests/unit/base/check.h"

#define RP     "\"83a3d69d-8920-48e2-8914-cadfd8fa2f91\""
#define WHO    "\"project_id\": \"p\", \"user_id\": \"u\""
#define ONE    "\"allocations\": {" RP ": {\"resources\": {\"VCPU\": 1}}}"
#define GEN    "\"consumer_generation\": null"
#define TYPE   "\"consumer_type\": \"INSTANCE\""
#define INV(X) "{\"resource_provider_generation\": 0, \"inventories\": {\"VCPU\": {" X "}}}"
#define TOTAL  "\"resource_provider_generation\": 0, \"total\": 1"

static const struct {
    const char *schema;
    const char *body;
    const char *words; /* NULL: it passes */
} bodies[] = {
    {"provider_create_1_0", "{\"name\": \"x\"}", NULL},
    {"provider_create_1_0", "{\"name\": \"x\", \"parent_provider_uuid\": null}", "'parent_provider_uuid' was unexpected"},
    {"provider_create_1_14", "{\"name\": \"x\", \"parent_provider_uuid\": null}", NULL},
    {"provider_create_1_14", "{\"name\": \"x\", \"parent_provider_uuid\": \"y\"}", "schema['properties']['parent_provider_uuid']"},
    {"provider_create_1_0", "{}",
     "'name' is a required property\n\nFailed validating 'required' in schema\n\nOn instance:\n    {}"},
    {"provider_create_1_0", "{\"name\": 1}",
     "1 is not of type 'string'\n\nFailed validating 'type' in schema['properties']['name']\n\nOn instance['name']:\n    1"},
    {"provider_update_1_0", "{\"name\": \"x\", \"uuid\": " RP "}", "'uuid' was unexpected"},
    {"inventory_update", "{" TOTAL "}", NULL},
    {"inventory_update", "{\"total\": 1}", "'resource_provider_generation' is a required property"},
    {"inventory_update", "{" TOTAL ", \"min_unit\": 0}", "0 is less than the minimum of 1"},
    {"inventory_update", "{" TOTAL ", \"max_unit\": 2147483648}",
     "Failed validating 'maximum' in schema['properties']['max_unit']"},
    {"inventory_update", "{" TOTAL ", \"reserved\": -1}", "-1 is less than the minimum of 0"},
    {"inventory_update", "{" TOTAL ", \"step_size\": \"2\"}", "'2' is not of type 'integer'"},
    {"inventory_update", "{" TOTAL ", \"allocation_ratio\": 3.5e38}", "instance['allocation_ratio']"},
    {"inventory_update", "{" TOTAL ", \"allocation_ratio\": 0.5}", NULL},
    {"inventories_update", INV("\"total\": 1"), NULL},
    {"inventories_update", INV("\"total\": 0"),
     "schema['properties']['inventories']['patternProperties']['^[A-Z0-9_]+$']['properties']['total']\n\nOn "
     "instance['inventories']['VCPU']['total']"},
    {"inventory_create", "{\"total\": 1, \"resource_class\": \"lower\"}", "'lower' does not match '^[A-Z0-9_]+$'"},
    {"aggregates_1_1", "[" RP "]", NULL},
    {"aggregates_1_1", "[" RP ", " RP "]", "has non-unique elements"},
    {"aggregates_1_1", "[7]", "On instance[0]"},
    {"aggregates_1_19", "[]", "[] is not of type 'object'"},
    {"traits", "{\"traits\": [\"\"], \"resource_provider_generation\": 1}", "instance['traits'][0]"},
    {"resource_class", "{\"name\": \"VCPU\"}", "'VCPU' does not match '^CUSTOM_[A-Z0-9_]+$'"},
    {"allocations_1_0", "{\"allocations\": [{\"resource_provider\": {\"uuid\": " RP "}, \"resources\": {\"VCPU\": 1}}]}", NULL},
    {"allocations_1_0", "{\"allocations\": []}", "[] is too short"},
    {"allocations_1_0", "{\"allocations\": [], " WHO "}", "were unexpected"},
    {"allocations_1_8", "{\"allocations\": [{}]}", "'project_id' is a required property"},
    {"allocations_1_12", "{" ONE ", " WHO "}", NULL},
    {"allocations_1_12", "{\"allocations\": {}, " WHO "}", "{} does not have enough properties"},
    {"allocations_1_12", "{\"allocations\": {\"x\": {}}, " WHO "}", "'x' does not match any of the regexes: '^[0-9a-fA-F-]{36}$'"},
    {"allocations_1_12", "{" ONE ", " WHO ", " GEN "}", "'consumer_generation' was unexpected"},
    {"allocations_1_28", "{" ONE ", " WHO "}", "'consumer_generation' is a required property"},
    {"allocations_1_28", "{\"allocations\": {}, " WHO ", " GEN "}", NULL},
    {"allocations_1_28", "{" ONE ", " WHO ", \"consumer_generation\": \"1\"}", "is not of type 'integer', 'null'"},
    {"allocations_1_28", "{" ONE ", " WHO ", " GEN ", \"mappings\": {\"_A\": [" RP "]}}", "'mappings' was unexpected"},
    {"allocations_1_34", "{" ONE ", " WHO ", " GEN ", \"mappings\": {\"_A\": [" RP "]}}", NULL},
    {"allocations_1_34", "{" ONE ", " WHO ", " GEN ", \"mappings\": {}}", "does not have enough properties"},
    {"allocations_1_38", "{" ONE ", " WHO ", " GEN "}", "'consumer_type' is a required property"},
    {"allocations_1_38", "{" ONE ", " WHO ", " GEN ", " TYPE "}", NULL},
    {"allocations_1_38", "{" ONE ", " WHO ", " GEN ", \"consumer_type\": \"instance\"}",
     "'instance' does not match '^[A-Z0-9_]+$'"},
    {"allocations_post_1_13", "{}", "{} does not have enough properties"},
    {"allocations_post_1_13", "{" RP ": {\"allocations\": {}, " WHO "}}", NULL},
    {"allocations_post_1_38", "{" RP ": {\"allocations\": {}, " WHO ", " GEN "}}", "'consumer_type' is a required property"},
    {"reshaper_1_30", "{\"inventories\": {}, \"allocations\": {}}", "does not have enough properties"},
    {"reshaper_1_30", "{\"inventories\": {" RP ": " INV("\"total\": 1") "}, \"allocations\": {}}", NULL},
    {"reshaper_1_38", "{\"inventories\": {" RP ": " INV("\"total\": 1") "}}", "'allocations' is a required property"},
    {"query_providers_1_0", "{\"uuid\": \"x\"}", "'x' is not a 'uuid'"},
    {"query_providers_1_0", "{\"member_of\": \"x\"}", "Additional properties are not allowed ('member_of' was unexpected)"},
    {"query_providers_1_18", "{\"required\": \"x\", \"in_tree\": " RP "}", NULL},
    {"query_usages_1_9", "{}", "'project_id' is a required property"},
    {"query_usages_1_38", "{\"project_id\": \"p\", \"consumer_type\": \"all\"}", NULL},
    {"query_candidates_1_10", "{\"resources\": \"VCPU:1\", \"limit\": \"1\"}", "'limit' was unexpected"},
    {"query_candidates_1_16", "{\"resources\": \"VCPU:1\", \"limit\": \"0\"}", "'0' does not match '^[1-9][0-9]*$'"},
    {"query_candidates_1_25", "{\"resources01\": \"VCPU:1\"}", "'resources01' does not match any of the regexes"},
    {"query_candidates_1_25", "{\"resources1\": \"VCPU:1\", \"group_policy\": \"x\"}", "'x' is not one of ['none', 'isolate']"},
    {"query_candidates_1_31", "{\"resources_A\": \"VCPU:1\"}", "'^in_tree([1-9][0-9]*)?$'"},
    {"query_candidates_1_33", "{\"resources_A\": \"VCPU:1\"}", NULL},
    {"query_candidates_1_35", "{\"same_subtree\": \"_A\"}", "'same_subtree' does not match any of the regexes"},
    {"query_candidates_1_36", "{\"same_subtree\": \"_A\"}", NULL},
};

static void test_bodies(void **state)
{
    (void)state;
    must(json_schemas_open());
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        char name[128];
        json_t *body = NULL;
        (void)snprintf(name, sizeof(name), "placement_%s", bodies[i].schema);
        must(json_parse_foreign(bodies[i].body, strlen(bodies[i].body), &body));
        print_message("%s %s\n", name, bodies[i].body);
        assert_int_equal(json_validate_located(json_schema_named(name), body), bodies[i].words ? E_INVALID : OK);
        if (bodies[i].words)
            must_contain(err_message(), bodies[i].words);
        json_decref(body);
    }
    json_schemas_close();
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_bodies)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
