/* Limits, usage and refusals; see quota.h. What is over after a creation is undone in quota_recheck.c. */
#include "gateway/conductor/quota.h"

#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "gateway/conductor/quota_usage.h"
#include "gateway/conductor/relay.h"
#include "gateway/gateway.h"
#include "schema/security_group.h"

#define UNLIMITED (-1)

_Static_assert((int)USAGE_INSTANCES == Q_INSTANCES && (int)USAGE_CORES == Q_CORES && (int)USAGE_RAM_MIB == Q_RAM,
               "usage and quotas count in one order");

/* The settings behind the limits; what is not here has none (nova-network's, of old versions' replies). */
static const struct {
    enum quota quota;
    size_t setting;
} standards[] = {
    {Q_INSTANCES, offsetof(struct config, quota.instances)},
    {Q_CORES, offsetof(struct config, quota.cores)},
    {Q_RAM, offsetof(struct config, quota.ram_mib)},
    {Q_METADATA_ITEMS, offsetof(struct config, quota.metadata_items)},
    {Q_INJECTED_FILES, offsetof(struct config, quota.injected_files)},
    {Q_INJECTED_FILE_CONTENT_BYTES, offsetof(struct config, quota.injected_file_content_bytes)},
    {Q_INJECTED_FILE_PATH_BYTES, offsetof(struct config, quota.injected_file_path_bytes)},
    {Q_KEY_PAIRS, offsetof(struct config, quota.key_pairs)},
    {Q_SERVER_GROUPS, offsetof(struct config, quota.server_groups)},
    {Q_SERVER_GROUP_MEMBERS, offsetof(struct config, quota.server_group_members)},
};

static void read_standards(const struct config *config, struct quota_limits *out)
{
    for (size_t i = 0; i < QUOTA_COUNT; i++)
        out->of[i] = UNLIMITED;
    for (size_t i = 0; i < ARRAY_LEN(standards); i++)
        out->of[standards[i].quota] = *(const int64_t *)(const void *)((const char *)config + standards[i].setting);
}

static void overlay(const struct quota_rows *rows, struct quota_limits *out)
{
    for (size_t i = 0; i < QUOTA_COUNT; i++) {
        if (rows->known[i])
            out->of[i] = rows->limit[i];
    }
}

enum err quota_of_class(const struct request *request, const char *class_name, struct quota_limits *out)
{
    struct quota_rows rows;
    read_standards(&request->gateway->config, out);
    TRY(quota_class_get(request->db, class_name, &rows));
    overlay(&rows, out);
    return OK;
}

enum err quota_defaults(const struct request *request, struct quota_limits *out)
{
    return quota_of_class(request, "default", out);
}

enum err quota_limits_get(const struct request *request, const char *project_id, const char *user_id, struct quota_limits *out)
{
    struct quota_rows rows;
    TRY(quota_defaults(request, out));
    TRY(quota_rows_get(request->db, project_id, NULL, &rows));
    overlay(&rows, out);
    if (!user_id)
        return OK;
    TRY(quota_rows_get(request->db, project_id, user_id, &rows));
    overlay(&rows, out);
    return OK;
}

static enum err count_used(struct request *request, const char *project_id, const char *user_id, struct quota_scope *out)
{
    struct quota_usage usage;
    TRY(quota_usage_get(request, project_id, out->user_counts ? user_id : NULL, &usage));
    for (size_t i = 0; i <= Q_RAM; i++) {
        out->used.project[i] = usage.project[i];
        out->used.user[i] = usage.user[i];
    }
    return OK;
}

enum err quota_scope_get(struct request *request, const char *project_id, const char *user_id, struct quota_scope *out)
{
    static const enum quota counted_here[] = {Q_INSTANCES, Q_CORES, Q_RAM};
    struct quota_layers layers;
    bool limited = false;
    *out = (struct quota_scope){0};
    TRY(quota_layers_get(request->db, "default", project_id, user_id, &layers));
    read_standards(&request->gateway->config, &out->project);
    overlay(&layers.of_class, &out->project);
    overlay(&layers.project, &out->project);
    out->user = out->project;
    overlay(&layers.user, &out->user);
    out->user_counts = layers.user.known[Q_INSTANCES] || layers.user.known[Q_CORES] || layers.user.known[Q_RAM];
    for (size_t i = 0; i < ARRAY_LEN(counted_here); i++)
        limited = limited || out->project.of[counted_here[i]] >= 0 || out->user.of[counted_here[i]] >= 0;
    return limited ? count_used(request, project_id, user_id, out) : OK;
}

enum err quota_used(struct request *request, struct response *response, const char *project_id, const char *user_id,
                    struct quota_limits *out)
{
    const char *strict = request_query(request, "zone.strict");
    struct quota_usage usage;
    *out = (struct quota_limits){{0}};
    TRY(quota_usage_get(request, project_id, user_id, &usage));
    if (usage.missing.count)
        relay_missing(request, response, &usage.missing);
    if (usage.missing.count && str_equal(strict, "1"))
        return fail(E_UNAVAILABLE, "The usage would be incomplete: %zu zones do not answer.", usage.missing.count);
    const int64_t *used = user_id ? usage.user : usage.project;
    for (size_t i = 0; i <= Q_RAM; i++)
        out->of[i] = used[i];
    out->of[Q_SERVER_GROUPS] = used[USAGE_SERVER_GROUPS];
    return request->version <= 35 ? security_group_count(request->db, project_id, &out->of[Q_SECURITY_GROUPS]) : OK;
}

enum err quota_of_caller(const struct request *request, enum quota quota, int64_t *out)
{
    struct quota_limits limits;
    TRY(quota_limits_get(request, request->caller.project_id, request->caller.user_id, &limits));
    *out = limits.of[quota] < 0 ? INT64_MAX : limits.of[quota];
    return OK;
}

/* In the order of their names, which is the order of refusals. */
static const enum quota counted[] = {Q_CORES, Q_INSTANCES, Q_RAM};

struct verdict {
    bool over[Q_RAM + 1];
    const struct quota_limits *limits; /* those that are broken; NULL: none */
    const int64_t *used;
};

static int64_t amount_of(enum quota quota, const struct quota_order *order)
{
    const int64_t amounts[] = {[Q_INSTANCES] = 1, [Q_CORES] = order->vcpus, [Q_RAM] = order->ram_mib};
    return amounts[quota];
}

static bool breaks(const struct quota_limits *limits, const int64_t *used, enum quota quota, int64_t more)
{
    return limits->of[quota] >= 0 && used[quota] + more > limits->of[quota];
}

/* Of the project's and the user's limits, as Nova: the user's are named once one of them is broken alone. */
static void find_broken(const struct quota_scope *scope, const struct quota_order *order, int64_t count, struct verdict *out)
{
    *out = (struct verdict){0};
    for (size_t i = 0; i < ARRAY_LEN(counted); i++) {
        const enum quota quota = counted[i];
        const int64_t more = count * amount_of(quota, order);
        const bool project = breaks(&scope->project, scope->used.project, quota, more);
        const bool user = !project && scope->user_counts && breaks(&scope->user, scope->used.user, quota, more);
        out->over[quota] = project || user;
        if (user || (project && !out->limits)) {
            out->limits = user ? &scope->user : &scope->project;
            out->used = user ? scope->used.user : scope->used.project;
        }
    }
}

static int64_t room(const struct verdict *verdict, const struct quota_order *order)
{
    int64_t fits = order->max_count;
    for (size_t i = 0; i < ARRAY_LEN(counted); i++) {
        const int64_t limit = verdict->limits->of[counted[i]];
        const int64_t amount = amount_of(counted[i], order);
        if (limit < 0 || amount <= 0)
            continue;
        const int64_t here = (limit - verdict->used[counted[i]]) / amount;
        fits = here < fits ? here : fits;
    }
    return fits;
}

static void add_number(struct text *out, int64_t number)
{
    text_add_format(out, "%s%" PRId64, out->length ? ", " : "", number);
}

static enum err refuse(const struct verdict *verdict, const struct quota_order *order)
{
    CLEANUP(text_clear) struct text overs = {0};
    CLEANUP(text_clear) struct text requested = {0};
    CLEANUP(text_clear) struct text used = {0};
    CLEANUP(text_clear) struct text allowed = {0};
    for (size_t i = 0; i < ARRAY_LEN(counted); i++) {
        const enum quota quota = counted[i];
        if (!verdict->over[quota])
            continue;
        text_add_format(&overs, "%s%s", overs.length ? ", " : "", quota_name(quota));
        if (quota == Q_INSTANCES && order->min_count != order->max_count)
            text_add_format(&requested, "%s%" PRId64 "-%" PRId64, requested.length ? ", " : "", order->min_count, order->max_count);
        else
            add_number(&requested, order->max_count * amount_of(quota, order));
        add_number(&used, verdict->used[quota]);
        add_number(&allowed, verdict->limits->of[quota]);
    }
    return fail(E_FORBIDDEN, "Quota exceeded for %s: Requested %s, but already used %s of %s %s", text_str(&overs),
                text_str(&requested), text_str(&used), text_str(&allowed), text_str(&overs));
}

enum err quota_judge(const struct quota_scope *scope, const struct quota_order *order, int64_t *out_count)
{
    struct quota_order rest = *order;
    struct verdict verdict;
    find_broken(scope, &rest, rest.max_count, &verdict);
    while (verdict.limits) {
        const int64_t fits = room(&verdict, &rest);
        if (fits <= 0 || fits < rest.min_count || fits >= rest.max_count)
            return refuse(&verdict, &rest);
        rest.max_count = fits;
        find_broken(scope, &rest, rest.max_count, &verdict);
    }
    *out_count = rest.max_count;
    return OK;
}

enum err quota_rejudge(const struct quota_scope *scope, const struct quota_order *order)
{
    struct verdict verdict;
    find_broken(scope, order, 0, &verdict);
    return verdict.limits ? refuse(&verdict, order) : OK;
}

enum err quota_check_metadata(const struct request *request, size_t count)
{
    int64_t most = 0;
    if (!count)
        return OK;
    TRY(quota_of_caller(request, Q_METADATA_ITEMS, &most));
    if ((int64_t)count > most)
        return fail(E_FORBIDDEN, "Maximum number of metadata items exceeds %" PRId64, most);
    return OK;
}

static bool is_longer(const char *text, int64_t most)
{
    return most >= 0 && text && (int64_t)strlen(text) > most;
}

enum err quota_check_files(const struct request *request, const json_t *personality)
{
    struct quota_limits limits;
    const size_t count = json_array_size(personality);
    if (!count)
        return OK;
    TRY(quota_limits_get(request, request->caller.project_id, request->caller.user_id, &limits));
    if (limits.of[Q_INJECTED_FILES] >= 0 && (int64_t)count > limits.of[Q_INJECTED_FILES])
        return fail(E_FORBIDDEN, "Personality file limit exceeded");
    const int64_t path_most = limits.of[Q_INJECTED_FILE_PATH_BYTES];
    const int64_t content_most = limits.of[Q_INJECTED_FILE_CONTENT_BYTES];
    for (size_t i = 0; i < count; i++) { /* paths before contents, as Nova reports them */
        if (is_longer(json_string_value(json_object_get(json_array_get(personality, i), "path")), path_most))
            return fail(E_FORBIDDEN, "Personality file path exceeds maximum %" PRId64, path_most);
    }
    for (size_t i = 0; i < count; i++) {
        if (is_longer(json_string_value(json_object_get(json_array_get(personality, i), "contents")), content_most))
            return fail(E_FORBIDDEN, "Personality file content exceeds maximum %" PRId64, content_most);
    }
    return OK;
}
