/* Statements on `idempotency`; see idempotency.h. */
#include "schema/idempotency.h"

#include <string.h>

#include "gateway/base/clock.h"

#define KEPT_US (INT64_C(24) * 3600 * 1000000)

static enum err drop_old(struct db *db)
{
    static const char sql[] = "DELETE FROM idempotency WHERE created_at < ? ORDER BY created_at LIMIT 8";
    const struct sql_value values[] = {sql_time(clock_wall_us() - KEPT_US)};
    return db_exec(db, sql, values, ARRAY_LEN(values));
}

enum err idempotency_take(struct db *db, struct arena *arena, const uint8_t id[IDEMPOTENCY_HASH_SIZE],
                          const uint8_t question[IDEMPOTENCY_HASH_SIZE], bool *taken, struct idempotency_row *out)
{
    static const char insert[] = "INSERT INTO idempotency (id, question, created_at) VALUES (?, ?, ?)";
    static const char select[] = "SELECT question, answer FROM idempotency WHERE id = ?";
    const struct sql_value key = sql_bytes(id, IDEMPOTENCY_HASH_SIZE);
    const struct sql_value values[] = {key, sql_bytes(question, IDEMPOTENCY_HASH_SIZE), sql_time(clock_wall_us())};
    struct rows rows;
    *out = (struct idempotency_row){.answer = NULL};
    TRY(drop_old(db));
    const enum err result = db_exec(db, insert, values, ARRAY_LEN(values));
    *taken = result == OK;
    if (result != E_CONFLICT)
        return result;
    TRY(db_query_one(db, arena, select, &key, 1, "The idempotency key was given back this moment; try again.", &rows));
    const struct sql_cell hash = rows_bytes(&rows, 0, 0);
    const struct sql_cell answer = rows_bytes(&rows, 0, 1);
    if (hash.length == sizeof(out->question))
        memcpy(out->question, hash.bytes, sizeof(out->question));
    out->answer = answer.bytes;
    out->answer_length = answer.length;
    return OK;
}

enum err idempotency_answer(struct db *db, const uint8_t id[IDEMPOTENCY_HASH_SIZE], const void *answer, size_t length)
{
    static const char sql[] = "UPDATE idempotency SET answer = ? WHERE id = ?";
    const struct sql_value values[] = {sql_bytes(answer, length), sql_bytes(id, IDEMPOTENCY_HASH_SIZE)};
    return db_exec(db, sql, values, ARRAY_LEN(values));
}

enum err idempotency_forget(struct db *db, const uint8_t id[IDEMPOTENCY_HASH_SIZE])
{
    static const char sql[] = "DELETE FROM idempotency WHERE id = ?";
    const struct sql_value values[] = {sql_bytes(id, IDEMPOTENCY_HASH_SIZE)};
    return db_exec(db, sql, values, ARRAY_LEN(values));
}
