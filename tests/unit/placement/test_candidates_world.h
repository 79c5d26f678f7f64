/* A small world of providers, in memory and in the database, for the tests of allocation candidates. */
#pragma once

#include "compute/placement/candidates.h"
#include "gateway/base/text.h"
#include "tests/unit/schema/store.h"

#define LAB_PROVIDERS  200
#define LAB_CLASSES    6
#define LAB_TRAITS     6
#define LAB_AGGREGATES 4

static const char *const lab_classes[LAB_CLASSES] = {"VCPU", "MEMORY_MB", "DISK_GB", "CUSTOM_VF", "CUSTOM_BW", "CUSTOM_NONE"};
static const char *const lab_traits[LAB_TRAITS] = {"MISC_SHARES_VIA_AGGREGATE", "A", "B", "C", "D", "NOBODY"};
static const char *const lab_aggregates[LAB_AGGREGATES] = {"g0", "g1", "g2", "g3"};

struct lab_stock {
    int64_t total; /* 0: the provider does not have the class */
    int64_t reserved;
    int64_t min_unit;
    int64_t max_unit;
    int64_t step_size;
    double ratio;
    int64_t used;
};

struct lab_provider {
    const char *name;
    struct uuid uuid;
    int64_t id; /* 1 + index when 0 */
    int parent; /* index, or -1 */
    int root;
    struct lab_stock stocks[LAB_CLASSES];
    unsigned traits;     /* bits */
    unsigned aggregates; /* bits */
};

struct lab {
    struct store *store;
    struct lab_provider providers[LAB_PROVIDERS];
    int count;
};

static inline int lab_number(const char *const *names, int count, const char *name, size_t length)
{
    for (int i = 0; i < count; i++) {
        if (strlen(names[i]) == length && strncmp(names[i], name, length) == 0)
            return i;
    }
    return -1;
}

static inline int lab_class(const char *name, size_t length)
{
    return lab_number(lab_classes, LAB_CLASSES, name, length);
}

static inline struct lab_provider *lab_find(struct lab *lab, const char *name)
{
    for (int i = 0; i < lab->count; i++) {
        if (strcmp(lab->providers[i].name, name) == 0)
            return &lab->providers[i];
    }
    return NULL;
}

static inline struct lab_provider *lab_find_uuid(struct lab *lab, const struct uuid *uuid)
{
    for (int i = 0; i < lab->count; i++) {
        if (uuid_equal(&lab->providers[i].uuid, uuid))
            return &lab->providers[i];
    }
    return NULL;
}

static inline struct uuid lab_uuid(uint8_t kind, int number)
{
    struct uuid uuid = uuid_of((uint8_t)number);
    uuid.bytes[0] = kind;
    uuid.bytes[1] = (uint8_t)(number >> 8);
    return uuid;
}

/* "VCPU:8 DISK_GB:100 A g1": stocks (all free, no bounds), traits, aggregates. */
static inline void lab_describe(struct lab_provider *provider, const char *words)
{
    for (const char *at = words; *at;) {
        const size_t length = strcspn(at, " ");
        const size_t name = strcspn(at, " :");
        const int trait = lab_number(lab_traits, LAB_TRAITS, at, name);
        const int aggregate = lab_number(lab_aggregates, LAB_AGGREGATES, at, name);
        if (trait >= 0)
            provider->traits |= 1U << trait;
        else if (aggregate >= 0)
            provider->aggregates |= 1U << aggregate;
        else
            provider->stocks[lab_class(at, name)] = (struct lab_stock){
                .total = strtoll(at + name + 1, NULL, 10), .min_unit = 1, .max_unit = INT32_MAX, .step_size = 1, .ratio = 1.0};
        at += length + (at[length] == ' ');
    }
}

/* `parent` NULL: a root. */
static inline struct lab_provider *lab_add(struct lab *lab, const char *name, const char *parent, const char *words)
{
    assert_true(lab->count < LAB_PROVIDERS);
    struct lab_provider *provider = &lab->providers[lab->count];
    *provider = (struct lab_provider){.name = name, .uuid = lab_uuid(0xaa, lab->count), .parent = -1, .root = lab->count};
    if (parent) {
        provider->parent = (int)(lab_find(lab, parent) - lab->providers);
        provider->root = lab->providers[provider->parent].root;
    }
    lab_describe(provider, words);
    lab->count++;
    return provider;
}

static inline int64_t lab_id(const struct lab *lab, int number)
{
    return lab->providers[number].id ? lab->providers[number].id : number + 1;
}

static inline void lab_write_use(struct text *sql, int consumer, long long id, int class, long long used)
{
    if (used > 0)
        text_add_format(sql,
                        "INSERT INTO allocations (consumer_id, resource_provider_id, resource_class_id, used, updated_at)"
                        " VALUES (%d, %lld, %d, %lld, NOW());",
                        consumer, id, class + 1, used);
}

static inline void lab_write_stock(struct text *sql, const struct lab *lab, int number, int class)
{
    const struct lab_stock *stock = &lab->providers[number].stocks[class];
    const long long id = lab_id(lab, number);
    if (stock->total == 0)
        return;
    text_add_format(sql,
                    "INSERT INTO inventories (resource_provider_id, resource_class_id, total, reserved, min_unit, max_unit,"
                    " step_size, allocation_ratio, updated_at) VALUES (%lld, %d, %lld, %lld, %lld, %lld, %lld, %.6g, NOW());",
                    id, class + 1, (long long)stock->total, (long long)stock->reserved, (long long)stock->min_unit,
                    (long long)stock->max_unit, (long long)stock->step_size, stock->ratio);
    lab_write_use(sql, 1, id, class, stock->used / 2); /* two consumers: uses are added up */
    lab_write_use(sql, 2, id, class, stock->used - stock->used / 2);
}

static inline void lab_write_provider(struct text *sql, const struct lab *lab, int number)
{
    const struct lab_provider *provider = &lab->providers[number];
    const long long id = lab_id(lab, number);
    text_add_format(sql,
                    "INSERT INTO resource_providers (id, uuid, name, root_provider_id, parent_provider_id, updated_at)"
                    " VALUES (%lld, UNHEX('%s'), '%s', %lld, ",
                    id, uuid_to_hex(&provider->uuid).text, provider->name, (long long)lab_id(lab, provider->root));
    if (provider->parent >= 0)
        text_add_format(sql, "%lld, NOW());", (long long)lab_id(lab, provider->parent));
    else
        text_add_str(sql, "NULL, NOW());");
    for (int i = 0; i < LAB_CLASSES; i++)
        lab_write_stock(sql, lab, number, i);
    for (int i = 0; i < LAB_TRAITS; i++) {
        if (provider->traits >> i & 1)
            text_add_format(sql, "INSERT INTO resource_provider_traits VALUES (%lld, %d);", id, i + 1);
    }
    for (int i = 0; i < LAB_AGGREGATES; i++) {
        if (provider->aggregates >> i & 1)
            text_add_format(sql, "INSERT INTO resource_provider_aggregates VALUES (%lld, %d);", id, i + 1);
    }
}

/* The database holds this world and nothing else. */
static inline void lab_write(struct lab *lab)
{
    CLEANUP(text_clear) struct text sql = {0};
    text_add_str(&sql,
                 "DELETE FROM allocations; DELETE FROM consumers; DELETE FROM inventories; DELETE FROM resource_provider_traits;"
                 "DELETE FROM resource_provider_aggregates; DELETE FROM resource_providers; DELETE FROM placement_aggregates;"
                 "DELETE FROM traits; DELETE FROM resource_classes;"
                 "INSERT INTO consumers (id, uuid, project_id, user_id, updated_at) VALUES (1, UNHEX(MD5(1)), 'p', 'u', NOW()),"
                 " (2, UNHEX(MD5(2)), 'p', 'u', NOW());");
    for (int i = 0; i < LAB_CLASSES; i++)
        text_add_format(&sql, "INSERT INTO resource_classes (id, name, updated_at) VALUES (%d, '%s', NOW());", i + 1,
                        lab_classes[i]);
    for (int i = 0; i < LAB_TRAITS; i++)
        text_add_format(&sql, "INSERT INTO traits (id, name, updated_at) VALUES (%d, '%s', NOW());", i + 1, lab_traits[i]);
    for (int i = 0; i < LAB_AGGREGATES; i++) {
        const struct uuid uuid = lab_uuid(0xbb, i);
        text_add_format(&sql, "INSERT INTO placement_aggregates (id, uuid) VALUES (%d, UNHEX('%s'));", i + 1,
                        uuid_to_hex(&uuid).text);
    }
    for (int i = 0; i < lab->count; i++)
        lab_write_provider(&sql, lab, i);
    text_add_str(&sql, "COMMIT");
    run_sql(lab->store, text_str(&sql));
}
