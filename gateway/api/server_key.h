/*
 * Where a page of servers begins: sort keys of rows, and back to values; the marker's key, wherever the marker lives (DESIGN
 * section 6).
 */
#pragma once

#include "gateway/api/server_filter.h"
#include "gateway/base/text.h"
#include "gateway/http/core/core.h"

/* Appends the row's key: the requested columns, then created_at and uuid, always. */
MUST_CHECK enum err server_key_add(struct text *keys, const struct server *server, const struct server_filter *filter);

/* The values of `filter->sort` in a key, for "rows after this tuple". In the arena. E_INVALID: not a key of this order. */
MUST_CHECK enum err server_key_values(struct arena *arena, const struct text *key, const struct server_filter *filter,
                                      const struct sql_value **out);

/* The key after which rows are wanted: zone.after (over a link), or that of the marker; empty without either. E_INVALID "marker [x]
 * not found". */
MUST_CHECK enum err server_key_after(struct request *request, const struct server_filter *filter, struct text *out);

/* name=value& with percent-encoding. */
void query_add(struct text *out, const char *name, const char *value);
