/* Query results by change counters; see db_cache.h. */
#include "schema/db_cache.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "schema/db_inside.h"
#include "gateway/base/clock.h"
#include "gateway/base/text.h"

#define ENTRIES_MOST 512
#define BYTES_MOST   ((size_t)2 << 20)
#define RESULT_MOST  ((size_t)64 << 10)
#define FRESH_MS     20

/* One result: the cells, then the bytes they point to, in one piece of memory behind the key. */
struct entry {
    UT_hash_handle hh;
    int64_t version;
    size_t count;
    size_t columns;
    size_t size; /* of this allocation */
    size_t key_length;
    const char *key;
    const struct sql_cell *cells;
};

struct db_cache {
    pthread_mutex_t lock;
    struct entry *entries; /* in the order of their insertion */
    size_t count;
    size_t bytes;
};

struct db_cache *db_cache_new(void)
{
    struct db_cache *cache = calloc(1, sizeof(*cache));
    if (cache)
        (void)pthread_mutex_init(&cache->lock, NULL);
    return cache;
}

static void drop(struct db_cache *cache, struct entry *entry)
{
    /* The analyzer does not know that uthash never leaves a deleted element reachable. */
    HASH_DEL(cache->entries, entry); /* NOLINT(clang-analyzer-unix.Malloc) */
    cache->count--;
    cache->bytes -= entry->size;
    free(entry);
}

/* Drops the oldest until there is room for one more of `size` bytes. */
static void make_room(struct db_cache *cache, size_t size)
{
    struct entry *entry;
    struct entry *next;
    HASH_ITER(hh, cache->entries, entry, next)
    {
        if (cache->count < ENTRIES_MOST && cache->bytes + size <= BYTES_MOST)
            return;
        drop(cache, entry);
    }
}

void db_cache_free(struct db_cache *cache)
{
    if (!cache)
        return;
    make_room(cache, BYTES_MOST);
    (void)pthread_mutex_destroy(&cache->lock);
    free(cache);
}

void db_cache_forget(struct db *db)
{
    if (db)
        db->counters_ms = 0;
}

/* Counters */

static enum err read_counters(struct db *db)
{
    static const char sql[] = "SELECT name, version FROM change_counters";
    static const char *const names[COUNTED_END] = {
        [COUNTED_FAILURES] = "failures", [COUNTED_FLAVORS] = "flavors", [COUNTED_HOSTS] = "hosts",   [COUNTED_IMAGES] = "images",
        [COUNTED_NAMES] = "names",       [COUNTED_QUOTAS] = "quotas",   [COUNTED_TRAITS] = "traits",
    };
    CLEANUP(arena_clear) struct arena arena = {0};
    struct rows rows;
    const int64_t now = clock_mono_ms();
    memset(db->counters, 0, sizeof(db->counters));
    TRY(db_query(db, &arena, sql, NULL, 0, &rows));
    for (size_t row = 0; row < rows.count; row++) {
        for (size_t i = 0; i < COUNTED_END; i++) {
            if (str_equal(rows_text(&rows, row, 0), names[i]))
                db->counters[i] = rows_int(&rows, row, 1);
        }
    }
    db->counters_ms = now;
    return OK;
}

static bool counters_are_fresh(const struct db *db)
{
    return db->counters_ms && clock_mono_ms() - db->counters_ms < FRESH_MS;
}

/* Keys */

static void add_value(struct text *key, const struct sql_value *value)
{
    const char type = (char)value->type;
    text_add(key, &type, 1);
    if (value->type == SQL_INT)
        text_add(key, &value->number, sizeof(value->number));
    else if (value->type == SQL_DOUBLE)
        text_add(key, &value->real, sizeof(value->real));
    else if (value->type != SQL_NULL) {
        text_add(key, &value->length, sizeof(value->length));
        text_add(key, value->bytes ? value->bytes : value->inline_bytes, value->length);
    }
}

static void write_key(struct text *key, const char *sql, const struct sql_value *values, size_t count)
{
    text_add(key, sql, strlen(sql) + 1);
    for (size_t i = 0; i < count; i++)
        add_value(key, &values[i]);
}

/* Entries */

/* A copy of `count` cells at `to`, their bytes from `bytes` on. */
static void copy_cells(const struct sql_cell *from, size_t count, struct sql_cell *to, char *bytes)
{
    for (size_t i = 0; i < count; i++) {
        to[i] = (struct sql_cell){NULL, 0};
        if (!from[i].bytes)
            continue;
        memcpy(bytes, from[i].bytes, from[i].length);
        bytes[from[i].length] = '\0';
        to[i] = (struct sql_cell){bytes, from[i].length};
        bytes += from[i].length + 1;
    }
}

static size_t count_bytes(const struct sql_cell *cells, size_t count)
{
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += cells[i].bytes ? cells[i].length + 1 : 0;
    return bytes;
}

static bool find(struct db_cache *cache, const struct text *key, int64_t version, struct arena *arena, struct rows *out)
{
    struct entry *entry;
    (void)pthread_mutex_lock(&cache->lock);
    HASH_FIND(hh, cache->entries, key->bytes, key->length, entry);
    const bool found = entry && entry->version >= version;
    if (found) {
        const size_t cells = entry->count * entry->columns;
        struct sql_cell *copy = arena_alloc(arena, (cells + 1) * sizeof(*copy));
        copy_cells(entry->cells, cells, copy, arena_alloc(arena, count_bytes(entry->cells, cells) + 1));
        *out = (struct rows){.count = entry->count, .columns = entry->columns, .cells = copy};
    }
    (void)pthread_mutex_unlock(&cache->lock);
    return found;
}

static struct entry *entry_new(const struct text *key, int64_t version, const struct rows *rows)
{
    const size_t cells = rows->count * rows->columns;
    const size_t bytes = count_bytes(rows->cells, cells);
    const size_t size = sizeof(struct entry) + cells * sizeof(struct sql_cell) + bytes + key->length;
    if (size > RESULT_MOST)
        return NULL;
    struct entry *entry = malloc(size);
    if (!entry)
        return NULL;
    struct sql_cell *copy = (struct sql_cell *)(entry + 1);
    char *text = (char *)(copy + cells);
    copy_cells(rows->cells, cells, copy, text);
    memcpy(text + bytes, key->bytes, key->length);
    *entry = (struct entry){.version = version,
                            .count = rows->count,
                            .columns = rows->columns,
                            .size = size,
                            .key_length = key->length,
                            .key = text + bytes,
                            .cells = copy};
    return entry;
}

/* Not keeping a result is no error: it is asked for again. */
static void keep(struct db_cache *cache, const struct text *key, int64_t version, const struct rows *rows)
{
    struct entry *entry = entry_new(key, version, rows);
    struct entry *old;
    if (!entry)
        return;
    (void)pthread_mutex_lock(&cache->lock);
    HASH_FIND(hh, cache->entries, key->bytes, key->length, old);
    if (old)
        drop(cache, old);
    make_room(cache, entry->size);
    HASH_ADD_KEYPTR(hh, cache->entries, entry->key, entry->key_length, entry); /* NOLINT(clang-analyzer-unix.Malloc) */
    cache->count++;
    cache->bytes += entry->size;
    (void)pthread_mutex_unlock(&cache->lock);
}

enum err db_query_counted(struct db *db, struct arena *arena, enum counted counted, const char *sql, const struct sql_value *values,
                          size_t count, struct rows *out)
{
    struct db_cache *cache = db->target->cache;
    if (!cache || db->in_transaction)
        return db_query(db, arena, sql, values, count, out);
    if (!counters_are_fresh(db))
        TRY(read_counters(db));
    const int64_t version = db->counters[counted];
    CLEANUP(text_clear) struct text key = {0};
    write_key(&key, sql, values, count);
    if (version && find(cache, &key, version, arena, out))
        return OK;
    TRY(db_query(db, arena, sql, values, count, out));
    if (version)
        keep(cache, &key, version, out);
    return OK;
}
