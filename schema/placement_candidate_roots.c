/*
 * The search for roots whose trees may fit; see placement_candidates.h.
 *
 * The statement walks roots by id from a given one and stops at the limit. Each condition is a scalar subquery that stops at its
 * first row: the optimizer must neither turn it into a join over the whole table nor change the order, as either would look at
 * every provider there is for ten rows. Its text depends on the shape of the request only; all values are bound.
 */
#include <string.h>

#include "gateway/base/text.h"
#include "schema/placement_candidates.h"

struct draft {
    struct arena *arena;
    struct text sql;
    struct sql_value *values;
    size_t count;
    size_t capacity;
};

static void add_value(struct draft *draft, int64_t number)
{
    if (draft->count == draft->capacity) {
        struct sql_value *values = arena_alloc(draft->arena, (2 * draft->capacity + 64) * sizeof(*values));
        if (draft->count > 0)
            memcpy(values, draft->values, draft->count * sizeof(*values));
        draft->values = values;
        draft->capacity = 2 * draft->capacity + 64;
    }
    draft->values[draft->count++] = sql_int(number);
}

static void add_sql(struct draft *draft, const char *sql)
{
    text_add_str(&draft->sql, sql);
}

/* "(?, ?, ?)" */
static void add_list(struct draft *draft, const struct id_list *ids)
{
    for (size_t i = 0; i < ids->count; i++) {
        add_sql(draft, i == 0 ? "(?" : ", ?");
        add_value(draft, ids->items[i]);
    }
    add_sql(draft, ids->count > 0 ? ")" : "(NULL)");
}

/* 1 when the provider (alias `provider`) has one of the traits, else NULL. */
static void add_trait_test(struct draft *draft, const char *provider, const struct id_list *traits)
{
    text_add_format(&draft->sql,
                    "(SELECT 1 FROM resource_provider_traits t WHERE t.resource_provider_id = %s.id AND t.trait_id IN ", provider);
    add_list(draft, traits);
    add_sql(draft, " LIMIT 1)");
}

static void add_traits(struct draft *draft, const char *provider, const struct id_list *sets, size_t set_count,
                       const struct id_list *forbidden)
{
    for (size_t i = 0; i < set_count; i++) {
        add_sql(draft, " AND 1 = ");
        add_trait_test(draft, provider, &sets[i]);
    }
    if (forbidden->count > 0) {
        add_sql(draft, " AND ");
        add_trait_test(draft, provider, forbidden);
        add_sql(draft, " IS NULL");
    }
}

static void add_aggregate_test(struct draft *draft, const char *provider, const struct id_list *aggregates)
{
    text_add_format(&draft->sql,
                    "(SELECT 1 FROM resource_provider_aggregates g WHERE g.resource_provider_id = %s.id AND g.aggregate_id IN ",
                    provider);
    add_list(draft, aggregates);
    add_sql(draft, " LIMIT 1)");
}

static void add_membership(struct draft *draft, const char *provider, const struct tree_condition *condition)
{
    for (size_t i = 0; i < condition->aggregate_set_count; i++) {
        add_sql(draft, i == 0 ? "1 = " : " AND 1 = ");
        add_aggregate_test(draft, provider, &condition->aggregates[i]);
    }
}

static void add_aggregates(struct draft *draft, const struct tree_condition *condition)
{
    if (condition->aggregate_set_count > 0) {
        add_sql(draft, " AND (");
        add_membership(draft, "p", condition);
        if (condition->root_counts) {
            add_sql(draft, " OR ");
            add_membership(draft, "r", condition);
        }
        add_sql(draft, ")");
    }
    if (condition->forbidden_aggregates.count > 0) {
        add_sql(draft, " AND ");
        add_aggregate_test(draft, "p", &condition->forbidden_aggregates);
        add_sql(draft, " IS NULL");
    }
}

static void add_amount(struct draft *draft, const struct class_amount *amount)
{
    add_sql(draft, " AND 1 = (SELECT 1 FROM inventories i WHERE i.resource_provider_id = p.id AND i.resource_class_id = ?"
                   " AND i.min_unit <= ? AND i.max_unit >= ? AND ? % i.step_size = 0"
                   " AND (i.total - i.reserved) * CAST(i.allocation_ratio AS CHAR) >= ? + i.used)");
    add_value(draft, amount->class_id);
    for (int i = 0; i < 4; i++)
        add_value(draft, amount->amount);
}

static void add_sharing(struct draft *draft, const struct id_list *aggregates)
{
    add_sql(draft, " OR 1 = (SELECT 1 FROM resource_providers q STRAIGHT_JOIN resource_provider_aggregates g"
                   " ON g.resource_provider_id = q.id WHERE q.root_provider_id = r.id AND g.aggregate_id IN ");
    add_list(draft, aggregates);
    add_sql(draft, " LIMIT 1)");
}

static void add_condition(struct draft *draft, const struct tree_condition *condition)
{
    add_sql(draft, " AND (1 = (SELECT 1 FROM resource_providers p WHERE p.root_provider_id = r.id");
    if (condition->root_id) {
        add_sql(draft, " AND p.root_provider_id = ?");
        add_value(draft, condition->root_id);
    }
    add_traits(draft, "p", condition->traits, condition->trait_set_count, &condition->forbidden_traits);
    add_aggregates(draft, condition);
    for (size_t i = 0; i < condition->amount_count; i++)
        add_amount(draft, &condition->amounts[i]);
    add_sql(draft, " LIMIT 1)");
    if (condition->sharing_aggregates.count > 0)
        add_sharing(draft, &condition->sharing_aggregates);
    add_sql(draft, ")");
}

static void add_root(struct draft *draft, const struct root_search *search)
{
    add_sql(draft, "SELECT r.id FROM resource_providers r WHERE r.parent_provider_id IS NULL AND r.id > ? AND r.id <= ?");
    add_value(draft, search->after);
    add_value(draft, search->up_to);
    if (search->root_id) {
        add_sql(draft, " AND r.id = ?");
        add_value(draft, search->root_id);
    }
    add_traits(draft, "r", search->root_traits, search->root_trait_set_count, &search->root_forbidden_traits);
}

enum err tree_roots_find(struct db *db, struct arena *arena, const struct root_search *search, struct id_list *out)
{
    struct draft draft = {.arena = arena};
    add_root(&draft, search);
    for (size_t i = 0; i < search->condition_count; i++)
        add_condition(&draft, &search->conditions[i]);
    add_sql(&draft, " ORDER BY r.id LIMIT ?");
    add_value(&draft, (int64_t)search->limit);
    struct rows rows;
    const enum err queried = db_query(db, arena, text_str(&draft.sql), draft.values, draft.count, &rows);
    text_clear(&draft.sql);
    TRY(queried);
    int64_t *items = arena_alloc(arena, (rows.count + 1) * sizeof(*items));
    for (size_t i = 0; i < rows.count; i++)
        items[i] = rows_int(&rows, i, 0);
    *out = (struct id_list){items, rows.count};
    return OK;
}

enum err tree_roots_last(struct db *db, int64_t *out)
{
    static const char sql[] = "SELECT id FROM resource_providers WHERE parent_provider_id IS NULL ORDER BY id DESC LIMIT 1";
    CLEANUP(arena_clear) struct arena arena = {0};
    struct rows rows;
    TRY(db_query(db, &arena, sql, NULL, 0, &rows));
    *out = rows.count ? rows_int(&rows, 0, 0) : 0;
    return OK;
}
