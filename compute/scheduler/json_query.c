/* Evaluating a query for one host; see json_query.h. Values are jansson's, so that lists, texts and numbers mix as in the query. */
#include "compute/scheduler/json_query.h"

#include <string.h>

#include "gateway/base/text.h"

struct fact {
    const char *name;
    json_t *(*read)(const struct host_state *host);
};

#define INTEGER_FACT(function, expression)                                                                                         \
    static json_t *function(const struct host_state *host)                                                                         \
    {                                                                                                                              \
        return json_integer(expression);                                                                                           \
    }

INTEGER_FACT(free_ram, host->free.ram_mib)
INTEGER_FACT(free_disk, host->free.disk_gib * 1024)
INTEGER_FACT(total_ram, host->total.ram_mib)
INTEGER_FACT(total_disk, host->total.disk_gib)
INTEGER_FACT(total_vcpus, host->total.vcpus)
INTEGER_FACT(used_vcpus, host->total.vcpus - host->free.vcpus)
INTEGER_FACT(io_ops, host->io_ops)
INTEGER_FACT(servers, host->servers)

static json_t *host_name(const struct host_state *host)
{
    return json_string(host->name);
}

static json_t *host_zone(const struct host_state *host)
{
    return json_string(host->availability_zone);
}

static json_t *host_ip(const struct host_state *host)
{
    return json_string(host->ip);
}

static json_t *capabilities(const struct host_state *host)
{
    return json_incref((json_t *)host->capabilities); /* counted, not changed */
}

/* Nova's names of what a host has. */
static const struct fact facts[] = {
    {"free_ram_mb", free_ram},
    {"free_disk_mb", free_disk},
    {"total_usable_ram_mb", total_ram},
    {"total_usable_disk_gb", total_disk},
    {"vcpus_total", total_vcpus},
    {"vcpus_used", used_vcpus},
    {"num_io_ops", io_ops},
    {"num_instances", servers},
    {"host", host_name},
    {"nodename", host_name},
    {"hypervisor_hostname", host_name},
    {"availability_zone", host_zone},
    {"host_ip", host_ip},
    {"capabilities", capabilities},
};

/* A new reference; NULL when the host has no such fact. */
static json_t *read_fact(const char *path, const struct host_state *host)
{
    const size_t length = strcspn(path, ".");
    json_t *value = NULL;
    for (size_t i = 0; i < ARRAY_LEN(facts) && !value; i++) {
        if (strlen(facts[i].name) == length && strncmp(facts[i].name, path, length) == 0)
            value = facts[i].read(host);
    }
    for (const char *at = path + length; value && *at == '.';) {
        const size_t part = strcspn(at + 1, ".");
        json_t *inner = json_incref(json_object_getn(value, at + 1, part));
        json_decref(value);
        value = inner;
        at += 1 + part;
    }
    return value;
}

/* A list (an answer of `not`) is true when any part of it is, within other operators as at the top. */
static bool is_true(const json_t *value) // NOLINT(misc-no-recursion): as deep as the parser allowed
{
    for (size_t i = 0; i < json_array_size(value); i++) {
        if (is_true(json_array_get(value, i)))
            return true;
    }
    if (json_is_object(value))
        return json_object_size(value) > 0;
    if (json_is_string(value))
        return json_string_length(value) > 0;
    return json_is_number(value) ? json_number_value(value) != 0 : json_is_true(value);
}

/* False when the two cannot be compared. */
static bool order(const json_t *a, const json_t *b, int *out)
{
    if (json_is_number(a) && json_is_number(b)) {
        const double left = json_number_value(a);
        const double right = json_number_value(b);
        *out = (left > right) - (left < right);
        return true;
    }
    if (json_is_string(a) && json_is_string(b)) {
        *out = strcmp(json_string_value(a), json_string_value(b));
        return true;
    }
    return false;
}

static bool equals(const json_t *a, const json_t *b)
{
    int way = 0;
    return order(a, b, &way) ? way == 0 : json_equal(a, b);
}

static bool is_less(const json_t *a, const json_t *b)
{
    int way = 0;
    return order(a, b, &way) && way < 0;
}

static bool is_more(const json_t *a, const json_t *b)
{
    return is_less(b, a);
}

static bool is_at_most(const json_t *a, const json_t *b)
{
    int way = 0;
    return order(a, b, &way) && way <= 0;
}

static bool is_at_least(const json_t *a, const json_t *b)
{
    return is_at_most(b, a);
}

/* The first operand stands in the relation to all others; with fewer than two it does not. */
static json_t *compare(const json_t *operands, bool (*holds)(const json_t *, const json_t *))
{
    bool result = json_array_size(operands) >= 2;
    for (size_t i = 1; i < json_array_size(operands) && result; i++)
        result = holds(json_array_get(operands, 0), json_array_get(operands, i));
    return json_boolean(result);
}

static json_t *run_in(const json_t *operands)
{
    bool result = false;
    for (size_t i = 1; i < json_array_size(operands) && !result; i++)
        result = equals(json_array_get(operands, 0), json_array_get(operands, i));
    return json_boolean(result);
}

static json_t *run_equal(const json_t *operands)
{
    return compare(operands, equals);
}

static json_t *run_less(const json_t *operands)
{
    return compare(operands, is_less);
}

static json_t *run_more(const json_t *operands)
{
    return compare(operands, is_more);
}

static json_t *run_at_most(const json_t *operands)
{
    return compare(operands, is_at_most);
}

static json_t *run_at_least(const json_t *operands)
{
    return compare(operands, is_at_least);
}

/* A list: each operand turned round. */
static json_t *run_not(const json_t *operands)
{
    json_t *list = json_array();
    for (size_t i = 0; i < json_array_size(operands); i++)
        (void)json_array_append_new(list, json_boolean(!is_true(json_array_get(operands, i))));
    return list;
}

static size_t count_true(const json_t *operands)
{
    size_t count = 0;
    for (size_t i = 0; i < json_array_size(operands); i++)
        count += is_true(json_array_get(operands, i));
    return count;
}

static json_t *run_or(const json_t *operands)
{
    return json_boolean(count_true(operands) > 0);
}

static json_t *run_and(const json_t *operands)
{
    return json_boolean(count_true(operands) == json_array_size(operands));
}

struct query_operator {
    const char *word;
    json_t *(*run)(const json_t *operands);
};

static const struct query_operator operators[] = {
    {"=", run_equal},     {"<", run_less},  {">", run_more}, {"in", run_in},   {"<=", run_at_most},
    {">=", run_at_least}, {"not", run_not}, {"or", run_or},  {"and", run_and},
};

static const struct query_operator *find_operator(const json_t *query)
{
    const char *word = json_string_value(json_array_get(query, 0));
    for (size_t i = 0; i < ARRAY_LEN(operators); i++) {
        if (str_equal(operators[i].word, word))
            return &operators[i];
    }
    return NULL;
}

enum err json_query_check(const json_t *query) // NOLINT(misc-no-recursion): as deep as the parser allowed
{
    if (!json_is_array(query))
        return fail(E_INVALID, "The scheduler hint query is not a list: [\"operator\", operand, …].");
    if (json_array_size(query) == 0)
        return OK;
    if (!find_operator(query))
        return fail(E_INVALID, "The scheduler hint query has an unknown operator; known are = < > in <= >= not or and.");
    for (size_t i = 1; i < json_array_size(query); i++) {
        const json_t *operand = json_array_get(query, i);
        if (json_is_object(operand))
            return fail(E_INVALID, "The scheduler hint query has an object among its operands.");
        if (json_is_array(operand))
            TRY(json_query_check(operand));
    }
    return OK;
}

/* A new reference. */
static json_t *evaluate(const json_t *query, const struct host_state *host) // NOLINT(misc-no-recursion): as deep as it was parsed
{
    const struct query_operator *op = find_operator(query);
    if (!op)
        return json_true();
    json_auto_t *operands = json_array();
    for (size_t i = 1; i < json_array_size(query); i++) {
        json_t *operand = json_array_get(query, i);
        const char *text = json_string_value(operand);
        json_t *value = json_is_array(operand)   ? evaluate(operand, host)
                        : text && text[0] == '$' ? read_fact(text + 1, host)
                                                 : json_incref(operand);
        if (value)
            (void)json_array_append_new(operands, value);
    }
    return op->run(operands);
}

bool json_query_matches(const json_t *query, const struct host_state *host)
{
    json_auto_t *result = evaluate(query, host);
    return is_true(result);
}
