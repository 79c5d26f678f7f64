/*
 * Results of queries on what seldom changes, kept in memory and shared by all connections of one program.
 *
 * A result is used as long as the counter of its tables stands (`change_counters`, kept by triggers of migration 0022), so that a
 * change by anyone, also by another gateway of the zone, is seen by the next request. The counters are read once per request, with
 * one statement; a connection asks again after 20 ms, after any change of its own, and in a new request (db_cache_forget).
 * Inside a transaction nothing is taken from here. At most 512 results and 2 MiB are kept; longer results than 64 KiB never are.
 */
#pragma once

#include "schema/db.h"

enum counted {
    COUNTED_FAILURES,
    COUNTED_FLAVORS,
    COUNTED_HOSTS,
    COUNTED_IMAGES,
    COUNTED_NAMES,
    COUNTED_QUOTAS,
    COUNTED_TRAITS,
    COUNTED_END
};

struct db_cache;

/* NULL when memory is out. For `cache` of a db_target; must outlive its connections. */
struct db_cache *db_cache_new(void);
void db_cache_free(struct db_cache *cache); /* NULL is fine */

/* As db_query, for a statement that reads tables of one counter only and whose values say all it depends on. */
MUST_CHECK enum err db_query_counted(struct db *db, struct arena *arena, enum counted counted, const char *sql,
                                     const struct sql_value *values, size_t count, struct rows *out);
/* A new request begins on this connection: the next counted query asks for the counters. NULL is fine. */
void db_cache_forget(struct db *db);
