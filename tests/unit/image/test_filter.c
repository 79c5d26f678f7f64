/* List parameters to conditions: one row per query string, good and bad. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#undef fail /* err.h has a function of that name */

#include "compute/image/filter.h"
#include "gateway/base/text.h"

#define ID "11111111-2222-4333-8444-555555555555"

static const struct caller member = {.project_id = "p1"};
static const struct caller admin = {.project_id = "p0", .is_admin = true};

static void describe_value(struct text *out, const struct sql_value *value)
{
    if (value->type == SQL_INT)
        text_add_int(out, value->number);
    else
        text_add(out, value->bytes ? value->bytes : "(inline)", value->bytes ? value->length : 8);
}

static void describe_condition(struct text *out, const struct image_condition *condition)
{
    static const char *const signs[] = {"=", "!=", "<", "<=", ">", ">=", "property", "tag"};
    text_add_format(out, " %s%s",
                    condition->column     ? condition->column->name
                    : condition->property ? condition->property
                                          : "",
                    signs[condition->compare]);
    for (size_t i = 0; i < condition->count; i++) {
        text_add_str(out, i ? "|" : "");
        describe_value(out, &condition->values[i]);
    }
}

static void describe(struct text *out, const struct image_query *query)
{
    text_add_format(out, "%s%s limit=%d", query->everything ? "all " : "", query->project_id, (int)query->limit);
    if (query->visibility)
        text_add_format(out, " visibility=%s", query->visibility);
    if (query->member_status)
        text_add_format(out, " member_status=%s", query->member_status);
    if (query->marker)
        text_add_format(out, " marker=%s", query->marker);
    for (size_t i = 0; i < query->condition_count; i++)
        describe_condition(out, &query->conditions[i]);
    for (size_t i = 0; i < query->sort_count; i++)
        text_add_format(out, " %s%s", query->sorts[i].descending ? "-" : "+", query->sorts[i].column->name);
}

/* A query as "name=value&name=value", not encoded. `expected` NULL: E_INVALID with `message` in it. */
static const struct {
    const struct caller *caller;
    const char *query;
    const char *expected;
    const char *message;
} cases[] = {
    {&member, "", "p1 limit=25 os_hidden=0", NULL},
    {&admin, "", "all p0 limit=25 os_hidden=0", NULL},
    {&member, "limit=3&marker=" ID, "p1 limit=3 marker=" ID " os_hidden=0", NULL},
    {&member, "limit=0", "p1 limit=0 os_hidden=0", NULL},
    {&member, "limit=100000", "p1 limit=1000 os_hidden=0", NULL},
    {&member, "limit=-1", NULL, "limit"},
    {&member, "limit=x", NULL, "limit"},
    {&member, "limit=", NULL, "limit"},
    {&member, "name=a&status=active&owner=p9", "p1 limit=25 name=a status=active owner=p9 os_hidden=0", NULL},
    {&member, "name=in:a,\"b,c\",d", "p1 limit=25 name=a|b,c|d os_hidden=0", NULL},
    {&member, "name=in:", "p1 limit=25 name= os_hidden=0", NULL},
    {&member, "name=in:\"a", NULL, "quote"},
    {&member, "name=in:\"a\"b", NULL, "quote"},
    {&member, "owner=in:a,b", "p1 limit=25 owner=in:a,b os_hidden=0", NULL},
    {&member, "id=" ID, "p1 limit=25 id=(inline) os_hidden=0", NULL},
    {&member, "id=in:" ID ",junk", "p1 limit=25 id=(inline) os_hidden=0", NULL},
    {&member, "id=junk", "p1 limit=25 id= os_hidden=0", NULL},
    {&member, "disk_format=raw&container_format=in:bare,aki", "p1 limit=25 disk_format=raw container_format=bare|aki os_hidden=0",
     NULL},
    {&member, "size_min=5&size_max=9", "p1 limit=25 size>=5 size>=0 size<=9 os_hidden=0", NULL},
    {&member, "size_min=-5", NULL, "size_min"},
    {&member, "size_max=x", NULL, "size_max"},
    {&member, "min_ram=64&min_disk=1&size=0", "p1 limit=25 min_ram=64 min_disk=1 size=0 os_hidden=0", NULL},
    {&member, "protected=True", "p1 limit=25 protected=1 os_hidden=0", NULL},
    {&member, "protected=perhaps", NULL, "protected"},
    {&member, "os_hidden=true", "p1 limit=25 os_hidden=1", NULL},
    {&member, "tag=a&tag=b", "p1 limit=25 taga tagb os_hidden=0", NULL},
    {&member, "os_distro=debian", "p1 limit=25 os_distropropertydebian os_hidden=0", NULL},
    {&member, "visibility=shared&member_status=pending", "p1 limit=25 visibility=shared member_status=pending os_hidden=0", NULL},
    {&member, "visibility=all&member_status=all", "p1 limit=25 visibility=all member_status=all os_hidden=0", NULL},
    {&member, "visibility=secret", NULL, "visibility"},
    {&member, "member_status=perhaps", NULL, "member_status"},
    {&member, "created_at=gt:2026-01-02T03:04:05Z", "p1 limit=25 created_at>(inline) os_hidden=0", NULL},
    {&member, "updated_at=lte:2026-01-02", "p1 limit=25 updated_at<=(inline) os_hidden=0", NULL},
    {&member, "created_at=2026-01-02T03:04:05Z", "p1 limit=25 created_at=(inline) os_hidden=0", NULL},
    {&member, "created_at=neq:2026-01-02T03:04:05Z", "p1 limit=25 created_at!=(inline) os_hidden=0", NULL},
    {&member, "created_at=about:2026-01-02T03:04:05Z", NULL, "operator"},
    {&member, "created_at=gt:yesterday", NULL, "ISO 8601"},
    {&member, "sort=name:asc,size", "p1 limit=25 os_hidden=0 +name -size", NULL},
    {&member, "sort=created_at:up", NULL, "direction"},
    {&member, "sort=owner", NULL, "sort key"},
    {&member, "sort=nonsense", NULL, "sort key"},
    {&member, "sort_key=name&sort_dir=asc", "p1 limit=25 os_hidden=0 +name", NULL},
    {&member, "sort_key=name&sort_key=id&sort_dir=asc", "p1 limit=25 os_hidden=0 +name +id", NULL},
    {&member, "sort_key=name&sort_key=id&sort_dir=asc&sort_dir=desc", "p1 limit=25 os_hidden=0 +name -id", NULL},
    {&member, "sort_key=name&sort_dir=asc&sort_dir=desc", NULL, "Number of sort dirs"},
    {&member, "sort_dir=asc", "p1 limit=25 os_hidden=0 +created_at", NULL},
    {&member, "sort=name&sort_key=name", NULL, "cannot be combined"},
    {&member, "sort=id,id,id,id,id,id,id,id,id", NULL, "at most"},
};

static enum err parse(const char *query, struct arena *arena, struct image_filter *filter)
{
    char *text = arena_strdup(arena, query);
    while (*text) {
        char *next = text + strcspn(text, "&");
        const bool more = *next == '&';
        *next = '\0';
        char *equals = strchr(text, '=');
        assert_non_null(equals);
        *equals = '\0';
        TRY(image_filter_add(filter, text, equals + 1));
        text = next + more;
    }
    return image_filter_end(filter);
}

static void check_case(size_t i)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    CLEANUP(text_clear) struct text text = {0};
    struct image_filter filter;
    image_filter_begin(&filter, &arena, cases[i].caller);
    const enum err result = parse(cases[i].query, &arena, &filter);
    if (result == OK)
        describe(&text, &filter.query);
    else
        text_add_str(&text, err_message());
    if (cases[i].expected && result == OK) {
        assert_string_equal(text_str(&text), cases[i].expected);
        return;
    }
    if (cases[i].expected || result != E_INVALID || !strstr(text_str(&text), cases[i].message))
        print_error("%s: %s %s\n", cases[i].query, err_name(result), text_str(&text));
    assert_null(cases[i].expected);
    assert_int_equal(result, E_INVALID);
    assert_non_null(strstr(text_str(&text), cases[i].message));
}

static void test_queries(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        check_case(i);
}

static void test_too_many_conditions(void **state)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    struct image_filter filter;
    (void)state;
    image_filter_begin(&filter, &arena, &member);
    for (int i = 0; i < IMAGE_CONDITION_MAX; i++)
        assert_int_equal(image_filter_add(&filter, "tag", "x"), OK);
    assert_int_equal(image_filter_add(&filter, "tag", "x"), E_INVALID);
    assert_int_equal(image_filter_end(&filter), E_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_queries),
        cmocka_unit_test(test_too_many_conditions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
