/*
 * libFuzzer target: requests of Placement, from the query string or body to the call of the domain. The input is text:
 * METHOD MINOR TARGET, and from the second line on the body; the caller is an admin. The routes, microversions, schemas and readers
 * are the real ones.
 *
 * Cut off at compute/placement: its functions have stand-ins here, which hold what they are given against what their headers
 * promise (amounts and units in their ranges, no class, provider, consumer or group twice, lists of bounded length, names that are
 * not empty) and answer with a small world, so that answers are written too. No database. A contradiction, an answer of 500 and
 * more, or JSON that is none is a finding.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "compute/placement/resource_class.h"
#include "gateway/api/placement/inside.h"
#include "gateway/api/placement/service.h"
#include "gateway/base/log.h"
#include "gateway/gateway.h"
#include "schema/json/json.h"
#include "tests/fuzz/placement_checks.h"

#define GENERATION 1

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct gateway *gateway; /* for the life of the fuzzer: its thread alone uses them */
static struct http_core core;

/* --- the domain: every provider exists and has generation 1, but those whose uuid begins with f */

static enum err find(const struct uuid *uuid, struct placement_provider *out)
{
    if (uuid->bytes[0] >> 4 == 0xf)
        return fail_placement(E_NOT_FOUND, PROBLEM_UNKNOWN_PROVIDER, "No resource provider with uuid %s found",
                              uuid_to_text(uuid).text);
    placement_problem_set(PROBLEM_NONE);
    *out = (struct placement_provider){.id = 1, .uuid = *uuid, .name = "one", .generation = GENERATION, .root = *uuid};
    return OK;
}

static enum err check_generation(const int64_t *generation)
{
    return generation && *generation != GENERATION
               ? fail_placement(E_CONFLICT, PROBLEM_CONCURRENT_UPDATE, "resource provider generation conflict")
               : OK;
}

static struct placement_inventories some_inventories(void)
{
    static const struct placement_inventory items[] = {{"VCPU", 8, 0, 1, 8, 1, 16.0, 1}, {"CUSTOM_X", 1, 1, 1, 1, 1, 0.5, 1}};
    return (struct placement_inventories){items, ARRAY_LEN(items)};
}

enum err placement_provider_create(struct db *db, struct arena *arena, const struct uuid *uuid, const char *name,
                                   const struct uuid *parent, struct placement_provider *out)
{
    (void)db;
    (void)arena;
    must_provider_name(name);
    if (parent)
        TRY(find(parent, out));
    return find(uuid, out);
}

enum err placement_provider_get(struct db *db, struct arena *arena, const struct uuid *uuid, struct placement_provider *out)
{
    (void)db;
    (void)arena;
    return find(uuid, out);
}

enum err placement_provider_update(struct db *db, struct arena *arena, const struct uuid *uuid,
                                   const struct placement_provider_change *change, struct placement_provider *out)
{
    (void)db;
    (void)arena;
    must_provider_name(change->name);
    must(!change->may_move || change->sets_parent || !change->parent);
    return find(uuid, out);
}

enum err placement_provider_delete(struct db *db, const struct uuid *uuid)
{
    struct placement_provider provider;
    (void)db;
    return find(uuid, &provider);
}

enum err placement_provider_list(struct db *db, struct arena *arena, const struct placement_provider_filter *filter,
                                 struct placement_providers *out)
{
    struct placement_provider *one = arena_alloc(arena, sizeof(*one));
    static const struct uuid uuid = {{1}};
    (void)db;
    must_query(&filter->query);
    *out = (struct placement_providers){one, 1};
    return find(filter->uuid ? filter->uuid : &uuid, one);
}

enum err placement_aggregates_get(struct db *db, struct arena *arena, const struct uuid *uuid,
                                  struct placement_provider *out_provider, struct placement_aggregates *out)
{
    static const struct uuid one = {{2}};
    (void)db;
    (void)arena;
    *out = (struct placement_aggregates){&one, 1};
    return find(uuid, out_provider);
}

enum err placement_aggregates_set(struct db *db, struct arena *arena, const struct uuid *uuid, const int64_t *generation,
                                  const struct uuid *aggregates, size_t count, struct placement_provider *out_provider)
{
    (void)db;
    (void)arena;
    must(count <= PLACEMENT_LIST_MOST);
    for (size_t i = 0; i < count && count < 64; i++) {
        for (size_t j = 0; j < i; j++)
            must(!uuid_equal(&aggregates[i], &aggregates[j]));
    }
    TRY(find(uuid, out_provider));
    return check_generation(generation);
}

static const struct placement_trait some_traits[] = {{"CUSTOM_X", 1}, {"HW_CPU_X86_AVX", 0}};

enum err placement_provider_traits_get(struct db *db, struct arena *arena, const struct uuid *uuid,
                                       struct placement_provider *out_provider, struct placement_traits *out)
{
    (void)db;
    (void)arena;
    *out = (struct placement_traits){some_traits, ARRAY_LEN(some_traits)};
    return find(uuid, out_provider);
}

enum err placement_provider_traits_set(struct db *db, struct arena *arena, const struct uuid *uuid, const int64_t *generation,
                                       const char *const *names, size_t count, struct placement_provider *out_provider,
                                       struct placement_traits *out)
{
    (void)db;
    (void)arena;
    must_names(names, count);
    TRY(find(uuid, out_provider));
    TRY(check_generation(generation));
    if (out)
        *out = (struct placement_traits){some_traits, ARRAY_LEN(some_traits)};
    return OK;
}

enum err placement_inventories_get(struct db *db, struct arena *arena, const struct uuid *uuid,
                                   struct placement_provider *out_provider, struct placement_inventories *out)
{
    (void)db;
    (void)arena;
    *out = some_inventories();
    return find(uuid, out_provider);
}

enum err placement_inventory_add(struct db *db, struct arena *arena, const struct uuid *uuid,
                                 const struct placement_inventory *inventory, const struct placement_inventory_rules *rules,
                                 struct placement_provider *out_provider)
{
    return placement_inventories_set(db, arena, uuid, inventory, 1, rules, out_provider);
}

enum err placement_inventories_set(struct db *db, struct arena *arena, const struct uuid *uuid,
                                   const struct placement_inventory *inventories, size_t count,
                                   const struct placement_inventory_rules *rules, struct placement_provider *out_provider)
{
    (void)db;
    (void)arena;
    must_inventories(inventories, count);
    TRY(find(uuid, out_provider));
    return check_generation(rules->generation);
}

enum err placement_inventory_update(struct db *db, struct arena *arena, const struct uuid *uuid,
                                    const struct placement_inventory *inventory, const struct placement_inventory_rules *rules,
                                    struct placement_provider *out_provider)
{
    return placement_inventories_set(db, arena, uuid, inventory, 1, rules, out_provider);
}

enum err placement_inventory_delete(struct db *db, struct arena *arena, const struct uuid *uuid, const char *resource_class)
{
    struct placement_provider provider;
    (void)db;
    (void)arena;
    must(resource_class != NULL);
    return find(uuid, &provider);
}

enum err placement_usages_of_provider(struct db *db, struct arena *arena, const struct uuid *uuid,
                                      struct placement_provider *out_provider, struct placement_usages *out)
{
    static const struct placement_usage one = {NULL, "VCPU", 3, 0};
    (void)db;
    (void)arena;
    *out = (struct placement_usages){&one, 1};
    return find(uuid, out_provider);
}

enum err placement_usages_get(struct db *db, struct arena *arena, const struct placement_usage_query *query,
                              struct placement_usages *out)
{
    static const struct placement_usage plain = {NULL, "VCPU", 3, 0};
    static const struct placement_usage typed = {"all", "VCPU", 3, 1};
    (void)db;
    (void)arena;
    must_name(query->project_id);
    *out = (struct placement_usages){query->by_type ? &typed : &plain, 1};
    return OK;
}

enum err placement_class_list(struct db *db, struct arena *arena, struct placement_classes *out)
{
    static const struct placement_class items[] = {{"VCPU", 1}, {"CUSTOM_X", 0}};
    (void)db;
    (void)arena;
    *out = (struct placement_classes){items, ARRAY_LEN(items)};
    return OK;
}

enum err placement_class_get(struct db *db, struct arena *arena, const char *name, struct placement_class *out)
{
    (void)db;
    must_name(name);
    *out = (struct placement_class){arena_strdup(arena, name), 1};
    return OK;
}

static enum err take_custom(const char *name)
{
    must_name(name);
    must(strncmp(name, "CUSTOM_", 7) == 0 && strlen(name) <= 255);
    return OK;
}

enum err placement_class_create(struct db *db, const char *name)
{
    (void)db;
    return take_custom(name);
}

enum err placement_class_rename(struct db *db, const char *name, const char *new_name)
{
    (void)db;
    must_name(name);
    return take_custom(new_name);
}

enum err placement_class_delete(struct db *db, const char *name)
{
    (void)db;
    must_name(name);
    return OK;
}

enum err placement_trait_list(struct db *db, struct arena *arena, const struct placement_trait_list_filter *filter,
                              struct placement_traits *out)
{
    (void)db;
    (void)arena;
    if (filter->names)
        must(filter->names->count <= PLACEMENT_LIST_MOST);
    *out = (struct placement_traits){some_traits, ARRAY_LEN(some_traits)};
    return OK;
}

enum err placement_trait_get(struct db *db, struct arena *arena, const char *name, struct placement_trait *out)
{
    (void)db;
    must_name(name);
    *out = (struct placement_trait){arena_strdup(arena, name), 1};
    return OK;
}

enum err placement_trait_create(struct db *db, struct arena *arena, const char *name, struct placement_trait *out,
                                bool *out_created)
{
    *out_created = true;
    TRY(take_custom(name));
    return placement_trait_get(db, arena, name, out);
}

enum err placement_trait_delete(struct db *db, const char *name)
{
    (void)db;
    must_name(name);
    return OK;
}

enum err placement_allocations_replace(struct db *db, const struct placement_claim_of *claims, size_t count)
{
    (void)db;
    placement_problem_set(PROBLEM_NONE);
    must_claims(claims, count);
    return OK;
}

enum err placement_reshape(struct db *db, const struct placement_reshaped *reshaped, size_t reshaped_count,
                           const struct placement_claim_of *claims, size_t claim_count)
{
    must(reshaped_count <= PLACEMENT_LIST_MOST);
    for (size_t i = 0; i < reshaped_count; i++) {
        must_inventories(reshaped[i].inventories, reshaped[i].count);
        for (size_t j = 0; j < i && reshaped_count < 64; j++)
            must(!uuid_equal(&reshaped[i].provider, &reshaped[j].provider));
    }
    return placement_allocations_replace(db, claims, claim_count);
}

static struct placement_allocations some_allocations(const struct uuid *provider, const struct uuid *consumer, struct arena *arena)
{
    struct placement_allocation *one = arena_alloc(arena, sizeof(*one));
    *one = (struct placement_allocation){*provider, GENERATION, *consumer, GENERATION, "VCPU", 2, 1};
    return (struct placement_allocations){one, 1};
}

enum err placement_allocations_of_consumer(struct db *db, struct arena *arena, const struct uuid *consumer,
                                           struct placement_consumer *out_consumer, struct placement_allocations *out)
{
    (void)db;
    *out_consumer = (struct placement_consumer){"p", "u", NULL, GENERATION};
    *out = some_allocations(consumer, consumer, arena);
    return OK;
}

enum err placement_allocations_of_provider(struct db *db, struct arena *arena, const struct uuid *provider,
                                           struct placement_provider *out_provider, struct placement_allocations *out)
{
    (void)db;
    *out = some_allocations(provider, provider, arena);
    return find(provider, out_provider);
}

enum err placement_allocations_delete(struct db *db, const struct uuid *consumer)
{
    struct placement_provider provider;
    (void)db;
    return find(consumer, &provider);
}

enum err candidates_find(struct db *db, struct arena *arena, const struct candidates_request *request, struct candidates *out)
{
    static const struct uuid uuid = {{3}};
    static const struct uuid *const providers[] = {&uuid};
    static const struct candidate_resource resource = {"VCPU", 8, 2};
    static const char *const traits[] = {"CUSTOM_X", "HW_CPU_X86_AVX"};
    static const struct candidate_summary summary = {&uuid, NULL, &uuid, &resource, 1, traits, ARRAY_LEN(traits)};
    static const struct candidate_allocation allocation = {&uuid, "VCPU", 1};
    (void)db;
    must_groups(request);
    must_subtrees(request);
    struct candidate_mapping *mappings = arena_alloc(arena, request->group_count * sizeof(*mappings));
    for (size_t i = 0; i < request->group_count; i++)
        mappings[i] = (struct candidate_mapping){request->groups[i].suffix, providers, 1};
    struct candidate *one = arena_alloc(arena, sizeof(*one));
    *one = (struct candidate){&allocation, 1, mappings, request->group_count};
    *out = (struct candidates){one, 1, &summary, 1, false};
    return OK;
}

/* --- one request */

static enum err authenticate(struct request *request)
{
    static const char *const roles[] = {"admin", "member", "reader"};
    request->caller = (struct caller){.user_id = "u",
                                      .user_name = "u",
                                      .system_scope = true,
                                      .roles = roles,
                                      .role_count = 3,
                                      .is_admin = true,
                                      .is_member = true};
    return OK;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    static const struct service *const services[] = {&placement_root_service, NULL};
    (void)argc;
    (void)argv;
    must(json_schemas_open() == OK);
    log_setup(LOG_LEVEL_ERROR + 1, "fuzz");
    gateway = calloc(1, sizeof(*gateway));
    must(gateway != NULL);
    config_init(&gateway->config);
    core = (struct http_core){.gateway = gateway,
                              .services = services,
                              .hooks = {.authenticate = authenticate},
                              .max_body = (size_t)gateway->config.placement.max_body,
                              .budget_ms = 1000};
    must(core_setup(&core) == OK);
    return 0;
}

/* "METHOD MINOR TARGET\nBODY" */
static bool read_request(struct arena *arena, char *text, size_t length, struct request *request)
{
    char *end = strchr(text, '\n');
    if (end)
        *end = '\0';
    char *rest = text;
    const char *method = strsep(&rest, " ");
    const char *minor = strsep(&rest, " ");
    if (!rest || *rest != '/' || !*method || strlen(minor) > 2)
        return false;
    const char *body = end ? end + 1 : text + length;
    *request = (struct request){.arena = arena,
                                .method = method,
                                .target = rest,
                                .base_url = "http://zone:8774",
                                .client_address = "192.0.2.1",
                                .body = body,
                                .body_length = (size_t)(text + length - body)};
    pairs_add(arena, &request->headers, "OpenStack-API-Version", arena_printf(arena, "placement 1.%s", minor));
    if (request->body_length)
        pairs_add(arena, &request->headers, "Content-Type", "application/json");
    return true;
}

static void look(const struct response *response)
{
    must(response->status >= 200 && response->status < 500);
    for (size_t i = 0; i < response->headers.count; i++) {
        for (const char *c = response->headers.items[i].value; *c; c++)
            must((unsigned char)*c >= 0x20 && *c != 0x7f);
    }
    if (response->body.length == 0 || (response->content_type && strcmp(response->content_type, "application/json") != 0))
        return;
    json_auto_t *value = json_loadb(response->body.bytes, response->body.length, JSON_DECODE_ANY, NULL);
    must(value != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    struct request request;
    struct response response;
    char *text = arena_alloc(&arena, size + 1);
    memcpy(text, data, size);
    text[size] = '\0';
    response_init(&response);
    if (read_request(&arena, text, size, &request)) {
        if (core_open(&core, &request, &response) == OK)
            core_run(&core, &request, &response);
        response_render(&response);
        look(&response);
    }
    response_clear(&response);
    arena_clear(&arena);
    return 0;
}
