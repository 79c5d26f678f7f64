/*
 * The statement of a claim; see placement_claim.h.
 *
 * It is a compound statement, prepared once for each number of classes: a claim costs one round trip, and its provider is locked no
 * longer than the server needs. What it finds wrong it does not say: it ends itself, and who wants to know why looks.
 */
#include "schema/placement_claim.h"

#include <assert.h>

#include "gateway/base/text.h"

/* k… are the ids of the classes, a… the amounts. */
static void write_names(struct text *sql, char letter, const char *before, size_t count, const char *behind)
{
    text_add_str(sql, before);
    for (size_t i = 0; i < count; i++)
        text_add_format(sql, "%s%c%zu", i ? ", " : "", letter, i);
    text_add_str(sql, behind);
}

static void write_head(struct text *sql, size_t count)
{
    write_names(sql, 'k', "BEGIN NOT ATOMIC DECLARE p, c BIGINT; DECLARE ", count, ", t INT;");
    for (size_t i = 0; i < count; i++)
        text_add_format(sql, " DECLARE a%zu BIGINT DEFAULT ?;", i);
    text_add_str(sql, " START TRANSACTION;"
                      " UPDATE resource_providers SET generation = generation + 1, updated_at = UTC_TIMESTAMP(6) WHERE uuid = ?;"
                      " SELECT id, (SELECT id FROM consumer_types WHERE name = ?)");
    for (size_t i = 0; i < count; i++)
        text_add_str(sql, ", (SELECT id FROM resource_classes WHERE name = ?)");
    write_names(sql, 'k', " INTO p, t, ", count, " FROM resource_providers WHERE uuid = ?;");
}

static void write_room(struct text *sql, size_t count)
{
    text_add_str(sql, " UPDATE inventories SET used = used + CASE resource_class_id");
    for (size_t i = 0; i < count; i++)
        text_add_format(sql, " WHEN k%zu THEN a%zu", i, i);
    write_names(sql, 'k', " END WHERE resource_provider_id = p AND resource_class_id IN (", count, ") AND CASE resource_class_id");
    for (size_t i = 0; i < count; i++)
        text_add_format(sql,
                        " WHEN k%zu THEN a%zu BETWEEN min_unit AND max_unit AND a%zu %% step_size = 0"
                        " AND used + a%zu <= (total - reserved) * allocation_ratio",
                        i, i, i, i);
    text_add_format(sql,
                    " END; IF ROW_COUNT() <> %zu OR (t IS NULL AND ?) THEN"
                    " SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'The claim is not simple.'; END IF;",
                    count);
}

static void write_rows(struct text *sql, size_t count)
{
    text_add_str(sql, " INSERT INTO consumers (uuid, project_id, user_id, consumer_type_id, generation, updated_at)"
                      " VALUES (?, ?, ?, t, 1, UTC_TIMESTAMP(6)); SET c = LAST_INSERT_ID();"
                      " INSERT INTO allocations (consumer_id, resource_provider_id, resource_class_id, used, updated_at, counted)"
                      " VALUES ");
    for (size_t i = 0; i < count; i++)
        text_add_format(sql, "%s(c, p, k%zu, a%zu, UTC_TIMESTAMP(6), 1)", i ? ", " : "", i, i);
    text_add_str(sql, "; COMMIT; END");
}

enum err claim_insert(struct db *db, struct arena *arena, const struct claim_row *claim)
{
    enum { OTHERS = 7 };
    CLEANUP(text_clear) struct text sql = {0};
    struct sql_value *values = arena_alloc(arena, (2 * claim->count + OTHERS) * sizeof(*values));
    size_t used = 0;
    assert(claim->count > 0 && claim->count <= CLAIM_CLASSES_MOST);
    write_head(&sql, claim->count);
    write_room(&sql, claim->count);
    write_rows(&sql, claim->count);
    for (size_t i = 0; i < claim->count; i++)
        values[used++] = sql_int(claim->amounts[i]);
    values[used++] = sql_uuid(&claim->provider);
    values[used++] = sql_text(claim->type);
    for (size_t i = 0; i < claim->count; i++)
        values[used++] = sql_text(claim->classes[i]);
    values[used++] = sql_uuid(&claim->provider);
    values[used++] = sql_bool(claim->type != NULL);
    values[used++] = sql_uuid(&claim->consumer);
    values[used++] = sql_text(claim->project_id);
    values[used++] = sql_text(claim->user_id);
    return db_exec_transaction(db, text_str(&sql), values, used);
}
