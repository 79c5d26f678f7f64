/* Values that go into statements and cells that come out of them. Pure; knows no connection. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "schema/db.h"
#include "gateway/base/clock.h"

struct sql_value sql_null(void)
{
    return (struct sql_value){.type = SQL_NULL};
}

struct sql_value sql_int(int64_t number)
{
    return (struct sql_value){.type = SQL_INT, .number = number};
}

struct sql_value sql_bool(bool value)
{
    return sql_int(value ? 1 : 0);
}

struct sql_value sql_double(double number)
{
    return (struct sql_value){.type = SQL_DOUBLE, .real = number};
}

struct sql_value sql_text(const char *text)
{
    if (!text)
        return sql_null();
    return (struct sql_value){.type = SQL_TEXT, .bytes = text, .length = strlen(text)};
}

struct sql_value sql_bytes(const void *bytes, size_t length)
{
    if (!bytes)
        return sql_null();
    return (struct sql_value){.type = SQL_BYTES, .bytes = bytes, .length = length};
}

struct sql_value sql_uuid(const struct uuid *uuid)
{
    if (!uuid)
        return sql_null();
    struct sql_value value = {.type = SQL_BYTES, .length = sizeof(uuid->bytes)};
    memcpy(value.inline_bytes, uuid->bytes, sizeof(uuid->bytes));
    return value;
}

struct sql_value sql_time(int64_t us)
{
    if (us == 0)
        return sql_null();
    const struct time_text text = time_sql(us);
    struct sql_value value = {.type = SQL_TEXT, .length = strlen(text.text)};
    memcpy(value.inline_bytes, text.text, sizeof(text.text));
    return value;
}

struct sql_cell rows_bytes(const struct rows *rows, size_t row, size_t column)
{
    assert(row < rows->count && column < rows->columns);
    return rows->cells[row * rows->columns + column];
}

const char *rows_text(const struct rows *rows, size_t row, size_t column)
{
    return rows_bytes(rows, row, column).bytes;
}

bool rows_is_null(const struct rows *rows, size_t row, size_t column)
{
    return rows_text(rows, row, column) == NULL;
}

int64_t rows_int(const struct rows *rows, size_t row, size_t column)
{
    const char *text = rows_text(rows, row, column);
    return text ? strtoll(text, NULL, 10) : 0;
}

double rows_double(const struct rows *rows, size_t row, size_t column)
{
    const char *text = rows_text(rows, row, column);
    return text ? strtod(text, NULL) : 0;
}

struct uuid rows_uuid(const struct rows *rows, size_t row, size_t column)
{
    struct uuid uuid = {{0}};
    const struct sql_cell cell = rows_bytes(rows, row, column);
    if (!cell.bytes)
        return uuid;
    assert(cell.length == sizeof(uuid.bytes));
    memcpy(uuid.bytes, cell.bytes, sizeof(uuid.bytes));
    return uuid;
}

int64_t rows_time(const struct rows *rows, size_t row, size_t column)
{
    int64_t us = 0;
    const char *text = rows_text(rows, row, column);
    if (!text)
        return 0;
    const enum err parsed = time_parse_iso(text, &us);
    assert(parsed == OK);
    return parsed == OK ? us : 0;
}
