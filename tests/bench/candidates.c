/*
 * Allocation candidates, below HTTP: what a call costs in a world of N providers.
 *
 *   candidates [N...]          (10 100 1000 10000)
 *
 * Fills a database of its own on the server that ZONEGATE_TEST_DATABASE names, and drops it at the end. Two worlds: `flat`, N hosts
 * with VCPU, MEMORY_MB and DISK_GB; `nested`, N hosts with two NUMA nodes each that have the VCPU and MEMORY_MB, and a disk that 50
 * hosts share. Every provider has 40 traits, every inventory five allocations; `full` is `flat` with room on one host of 50 only.
 * Per world and limit it prints CPU milliseconds of this process and wall milliseconds, the median of several calls, and fails when
 * a call does not find what there is.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "compute/placement/candidates.h"
#include "gateway/base/text.h"
#include "schema/migrate.h"

#define CALLS 7

static void must(enum err result)
{
    if (result == OK)
        return;
    fprintf(stderr, "%s: %s\n", err_name(result), err_message());
    exit(1);
}

static void run_sql(struct db *db, const char *sql)
{
    must(db_script(db, sql, strlen(sql)));
}

static void clear_world(struct db *db)
{
    run_sql(db, "DELETE FROM allocations; DELETE FROM consumers; DELETE FROM inventories; DELETE FROM resource_provider_traits;"
                "DELETE FROM resource_provider_aggregates; DELETE FROM placement_aggregates; DELETE FROM resource_providers;"
                "INSERT IGNORE INTO traits (name, updated_at) VALUES ('MISC_SHARES_VIA_AGGREGATE', NOW());"
                "INSERT IGNORE INTO traits (name, updated_at) SELECT CONCAT('CUSTOM_BENCH_', seq), NOW() FROM seq_1_to_40;"
                "INSERT IGNORE INTO traits (name, updated_at) VALUES ('CUSTOM_RARE', NOW())");
}

static void add_hosts(struct db *db, int count)
{
    CLEANUP(text_clear) struct text sql = {0};
    text_add_format(&sql,
                    "INSERT INTO resource_providers (id, uuid, name, root_provider_id, updated_at)"
                    " SELECT seq, UNHEX(MD5(seq)), CONCAT('host', seq), seq, NOW() FROM seq_1_to_%d",
                    count);
    run_sql(db, text_str(&sql));
}

static void add_stock(struct db *db, const char *class, const char *providers, int total)
{
    CLEANUP(text_clear) struct text sql = {0};
    text_add_format(&sql,
                    "INSERT INTO inventories (resource_provider_id, resource_class_id, total, allocation_ratio, updated_at)"
                    " SELECT p.id, c.id, %d, 1.5, NOW() FROM resource_providers p JOIN resource_classes c"
                    " WHERE c.name = '%s' AND %s",
                    total, class, providers);
    run_sql(db, text_str(&sql));
}

/* What every provider of every world has. */
static void finish_world(struct db *db)
{
    run_sql(db, "INSERT INTO consumers (id, uuid, project_id, user_id, updated_at)"
                " SELECT seq, UNHEX(MD5(seq)), 'p', 'u', NOW() FROM seq_1_to_5;"
                /* through a table of its own, as what writes allocations cannot read inventories (migration 0014) */
                "CREATE TEMPORARY TABLE stock AS SELECT resource_provider_id, resource_class_id FROM inventories;"
                "INSERT INTO allocations (consumer_id, resource_provider_id, resource_class_id, used, updated_at)"
                " SELECT c.id, s.resource_provider_id, s.resource_class_id, 1, NOW() FROM consumers c JOIN stock s;"
                "DROP TEMPORARY TABLE stock;"
                "INSERT INTO resource_provider_traits SELECT p.id, t.id FROM resource_providers p JOIN traits t"
                " WHERE t.name LIKE 'CUSTOM_BENCH%';"
                "INSERT INTO resource_provider_traits SELECT p.id, t.id FROM resource_providers p JOIN traits t"
                " WHERE t.name = 'CUSTOM_RARE' AND p.id MOD 50 = 7;"
                "ANALYZE TABLE resource_providers, inventories, allocations, resource_provider_traits,"
                " resource_provider_aggregates");
}

static void make_flat(struct db *db, int count)
{
    add_hosts(db, count);
    add_stock(db, "VCPU", "TRUE", 1000);
    add_stock(db, "MEMORY_MB", "TRUE", 100000);
    add_stock(db, "DISK_GB", "TRUE", 10000);
}

static void make_full(struct db *db, int count)
{
    make_flat(db, count);
    run_sql(db, "UPDATE inventories SET total = 10 WHERE resource_provider_id MOD 50 <> 7 AND resource_class_id ="
                " (SELECT id FROM resource_classes WHERE name = 'MEMORY_MB')");
}

static void make_nested(struct db *db, int count)
{
    add_hosts(db, count);
    run_sql(db, "INSERT INTO resource_providers (id, uuid, name, root_provider_id, parent_provider_id, updated_at)"
                " SELECT 1000000 + 2 * id + seq, UNHEX(MD5(CONCAT(id, 'n', seq))), CONCAT('host', id, 'n', seq), id, id, NOW()"
                " FROM resource_providers JOIN seq_0_to_1;"
                "INSERT INTO resource_providers (id, uuid, name, root_provider_id, updated_at)"
                " SELECT 2000000 + id, UNHEX(MD5(CONCAT(id, 's'))), CONCAT('disk', id), 2000000 + id, NOW()"
                " FROM resource_providers WHERE id < 1000000 AND id MOD 50 = 1;"
                "INSERT INTO placement_aggregates (id, uuid) SELECT id - 2000000, uuid FROM resource_providers WHERE id > 2000000;"
                "INSERT INTO resource_provider_aggregates SELECT id, id - 2000000 FROM resource_providers WHERE id > 2000000;"
                "INSERT INTO resource_provider_aggregates SELECT id, 50 * FLOOR((id - 1) / 50) + 1 FROM resource_providers"
                " WHERE id < 1000000;"
                "INSERT INTO resource_provider_traits SELECT p.id, t.id FROM resource_providers p JOIN traits t"
                " WHERE p.id > 2000000 AND t.name = 'MISC_SHARES_VIA_AGGREGATE'");
    add_stock(db, "VCPU", "p.parent_provider_id IS NOT NULL", 1000);
    add_stock(db, "MEMORY_MB", "p.parent_provider_id IS NOT NULL", 100000);
    add_stock(db, "DISK_GB", "p.id > 2000000", 10000);
}

static int64_t clock_us(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int compare_times(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a;
    const int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static double median_ms(int64_t *times)
{
    qsort(times, CALLS, sizeof(*times), compare_times);
    const size_t middle = CALLS / 2;
    return (double)times[middle] / 1000;
}

/* The figures that have names of their own are CPU milliseconds: candidates_N_limit_L_ms, candidates_nested_1000_ms. */
static void print_figure(const char *world, int hosts, size_t limit, const char *unit, double value)
{
    if (strcmp(world, "flat") == 0)
        printf("figure candidates_%d_limit_%zu_%s %.3f ms\n", hosts, limit, unit, value);
    else if (limit == 1000)
        printf("figure candidates_%s_%d_%s %.3f ms\n", world, hosts, unit, value);
    else
        printf("figure candidates_%s_%d_limit_%zu_%s %.3f ms\n", world, hosts, limit, unit, value);
}

static void measure(struct db *db, const char *name, int hosts, size_t expected, const struct candidates_request *request)
{
    int64_t cpu[CALLS];
    int64_t wall[CALLS];
    for (int i = 0; i < CALLS; i++) {
        CLEANUP(arena_clear) struct arena arena = {0};
        struct candidates found;
        const int64_t cpu_before = clock_us(CLOCK_PROCESS_CPUTIME_ID);
        const int64_t wall_before = clock_us(CLOCK_MONOTONIC);
        must(candidates_find(db, &arena, request, &found));
        arena_clear(&arena);
        wall[i] = clock_us(CLOCK_MONOTONIC) - wall_before;
        cpu[i] = clock_us(CLOCK_PROCESS_CPUTIME_ID) - cpu_before;
        if (found.count != (expected < request->limit ? expected : request->limit)) {
            fprintf(stderr, "%s %d: %zu candidates instead of %zu\n", name, hosts, found.count, expected);
            exit(1);
        }
    }
    print_figure(name, hosts, request->limit, "ms", median_ms(cpu));
    print_figure(name, hosts, request->limit, "wall_ms", median_ms(wall));
}

struct world {
    const char *name;
    void (*make)(struct db *db, int count);
    const char *required; /* NULL: none */
    size_t per_host;
    size_t one_of; /* hosts that fit */
};

/* nested: VCPU and MEMORY_MB from either node each. */
static const struct world worlds[] = {
    {"flat", make_flat, NULL, 1, 1},
    {"rare", make_flat, "CUSTOM_RARE", 1, 50},
    {"full", make_full, NULL, 1, 50},
    {"nested", make_nested, NULL, 4, 1},
};

static void run_world(struct db *db, const struct world *world, int hosts)
{
    static const struct resource_amount amounts[] = {{"VCPU", 2}, {"MEMORY_MB", 2048}, {"DISK_GB", 20}};
    const struct placement_names required = {&world->required, 1};
    const struct candidates_group group = {
        .suffix = "",
        .query = {.resources = {amounts, ARRAY_LEN(amounts)}, .traits = {&required, world->required != NULL, {0}}},
    };
    struct candidates_request request = {
        .groups = &group, .group_count = 1, .nested_aware = true, .all_classes = true, .want_traits = true};
    const size_t fitting = ((size_t)hosts + world->one_of - (world->one_of > 1 ? 7 : 1)) / world->one_of;
    clear_world(db);
    world->make(db, hosts);
    finish_world(db);
    request.limit = 1000;
    measure(db, world->name, hosts, fitting * world->per_host, &request);
    request.limit = 10;
    measure(db, world->name, hosts, fitting * world->per_host, &request);
    (void)fflush(stdout);
}

int main(int argc, char **argv)
{
    static const int sizes[] = {10, 100, 1000, 10000};
    const char *url = getenv("ZONEGATE_TEST_DATABASE");
    struct db_target target;
    struct db *db;
    int from;
    int to;
    if (!url) {
        fprintf(stderr, "ZONEGATE_TEST_DATABASE is not set\n");
        return 2;
    }
    must(db_target_parse(url, &target));
    free(target.name);
    target.name = strdup("bench_candidates");
    must(db_create_database(&target));
    must(db_open(&target, &db));
    must(db_upgrade(db, &from, &to));
    for (size_t i = 0; i < ARRAY_LEN(worlds); i++) {
        for (size_t j = 0; argc < 2 && j < ARRAY_LEN(sizes); j++)
            run_world(db, &worlds[i], sizes[j]);
        for (int j = 1; j < argc; j++)
            run_world(db, &worlds[i], (int)strtol(argv[j], NULL, 10));
    }
    run_sql(db, "DROP DATABASE bench_candidates");
    db_close(db);
    db_target_clear(&target);
    return 0;
}
