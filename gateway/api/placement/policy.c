/*
 * Who may do what, as Placement's policy says: until the new defaults are enforced the role admin may do all, and a reader of the
 * system may read; then the system's admins write and its readers read. The role service counts as admin (Nova's own calls).
 */
#include <string.h>

#include "gateway/api/placement/inside.h"

enum need { NEED_READER, NEED_ADMIN, NEED_PROJECT_READER };

static const struct rule {
    enum need need;
    const char *name;
} rules[] = {
#define RULE_ROW(rule, need, name) [rule] = {need, name},
    PLACEMENT_RULES(RULE_ROW)
#undef RULE_ROW
};
_Static_assert(ARRAY_LEN(rules) == RULE_COUNT, "a row per rule");

static bool is_admin(const struct caller *caller)
{
    return caller_has_role(caller, "admin") || caller_has_role(caller, "service");
}

/* Keystone's implied roles: who administers or is a member also reads. */
static bool is_reader(const struct caller *caller)
{
    return caller_has_role(caller, "reader") || caller_has_role(caller, "member") || is_admin(caller);
}

/* A project's reader may see the usages of that project. */
static bool reads_own_project(const struct request *request)
{
    const char *project = request_query(request, "project_id");
    return is_reader(&request->caller) && project && str_equal(project, request->caller.project_id);
}

static bool fits_new_defaults(const struct request *request, enum need need)
{
    const struct caller *caller = &request->caller;
    if (need == NEED_ADMIN)
        return caller->system_scope && is_admin(caller);
    if (need == NEED_PROJECT_READER && reads_own_project(request))
        return true;
    return caller->system_scope && is_reader(caller);
}

static bool fits_scope(const struct request *request, enum need need)
{
    return request->caller.system_scope || (need == NEED_PROJECT_READER && request->caller.project_id);
}

static bool allows(const struct request *request, enum need need)
{
    const struct config *config = &request->gateway->config;
    if (config->placement.open_policy)
        return true;
    if (config->placement.enforce_scope && !fits_scope(request, need))
        return false;
    return fits_new_defaults(request, need) || (!config->placement.new_defaults && is_admin(&request->caller));
}

enum err placement_policy_check(const struct request *request, enum placement_rule rule)
{
    if (allows(request, rules[rule].need))
        return OK;
    return fail(E_FORBIDDEN, "Policy does not allow %s to be performed.", rules[rule].name);
}
