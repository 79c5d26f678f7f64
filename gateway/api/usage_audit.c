/*
 * /os-instance_usage_audit_log: which hosts have counted what their servers used in the last month that is over. No zone runs such
 * audits, so all hosts, here and below, are among those that did not run, and nothing was counted.
 */
#include <string.h>
#include <time.h>

#include "gateway/api/api.h"
#include "gateway/api/gather.h"
#include "gateway/api/owner.h"
#include "schema/host.h"

#define SECOND_US 1000000

/* --- the month */

/* ".%f" of Python's strptime: one to six digits; nothing is none. */
static bool read_fraction(const char *text, int64_t *out_us)
{
    const size_t digits = *text == '.' ? strspn(text + 1, "0123456789") : 0;
    *out_us = 0;
    if (*text && (digits == 0 || digits > 6 || text[1 + digits]))
        return false;
    for (size_t i = 1; i <= 6 && digits; i++)
        *out_us = *out_us * 10 + (i <= digits ? text[i] - '0' : 0);
    return true;
}

/* As Python's strptime for "%Y-%m-%d %H:%M:%S", which wants four digits of a year and a day that is in the calendar. */
static bool read_moment(const char *text, int64_t *out_us)
{
    struct tm tm = {0};
    int64_t fraction = 0;
    const char *rest = strptime(text, "%Y-%m-%d %H:%M:%S", &tm);
    if (strspn(text, "0123456789") != 4 || !rest || tm.tm_year + 1900 < 2 || tm.tm_sec > 59 || !read_fraction(rest, &fraction))
        return false;
    struct tm real = tm;
    *out_us = (int64_t)timegm(&real) * SECOND_US + fraction;
    return real.tm_mday == tm.tm_mday && real.tm_mon == tm.tm_mon;
}

static int64_t month_start(int years, int months)
{
    struct tm month = {.tm_year = years, .tm_mon = months, .tm_mday = 1};
    return (int64_t)timegm(&month) * SECOND_US;
}

static json_t *moment_text(int64_t us)
{
    const struct time_text text = time_sql(us);
    return json_stringn(text.text, strcspn(text.text, "."));
}

/* The last month that is over before this moment: at its own end it is not yet. */
static void add_period(json_t *log, int64_t before_us)
{
    const time_t seconds = (time_t)(before_us / SECOND_US - (before_us % SECOND_US < 0));
    struct tm before;
    (void)gmtime_r(&seconds, &before);
    const int early = month_start(before.tm_year, before.tm_mon) == before_us;
    (void)json_object_set_new(log, "period_beginning", moment_text(month_start(before.tm_year, before.tm_mon - 1 - early)));
    (void)json_object_set_new(log, "period_ending", moment_text(month_start(before.tm_year, before.tm_mon - early)));
}

/* --- hosts */

/* Those of all nova-compute services, disabled or silent ones too, each once. */
static enum err list_hosts(struct request *request, struct response *response, json_t *names)
{
    struct hosts hosts;
    json_auto_t *known = json_object();
    json_auto_t *services = json_array();
    TRY(host_list(request->db, request->arena, &hosts));
    for (size_t i = 0; i < hosts.count; i++)
        (void)json_object_set_new(known, hosts.items[i].name, json_true());
    TRY(gather_lists(owner_question(request, "/os-services?binary=nova-compute"), response, "services", services));
    for (size_t i = 0; i < json_array_size(services); i++) {
        const char *host = json_string_value(json_object_get(json_array_get(services, i), "host"));
        if (host)
            (void)json_object_set_new(known, host, json_true());
    }
    const char *host = NULL;
    json_t *unused = NULL;
    json_object_foreach(known, host, unused)
    {
        (void)json_array_append_new(names, json_string(host));
    }
    return OK;
}

/* --- handlers */

static enum err answer(struct request *request, struct response *response, const char *key, int64_t before_us)
{
    json_auto_t *hosts = json_array();
    TRY(list_hosts(request, response, hosts));
    const size_t count = json_array_size(hosts);
    const char *status =
        count ? arena_printf(request->arena, "0 of %zu hosts done. 0 errors.", count) : "ALL hosts done. 0 errors.";
    json_t *log = json_pack("{s:I, s:i, s:i, s:I, s:O, s:i, s:i, s:s, s:{}}", "num_hosts", (json_int_t)count, "num_hosts_done", 0,
                            "num_hosts_running", 0, "num_hosts_not_run", (json_int_t)count, "hosts_not_run", hosts,
                            "total_instances", 0, "total_errors", 0, "overall_status", status, "log");
    add_period(log, before_us);
    response->json = json_pack("{s:o}", key, log);
    return OK;
}

static enum err audit_index(struct request *request, struct response *response)
{
    return answer(request, response, "instance_usage_audit_logs", clock_wall_us());
}

static enum err audit_show(struct request *request, struct response *response)
{
    const char *text = request_param(request, "before");
    int64_t before_us = 0;
    if (!read_moment(text, &before_us))
        return fail(E_INVALID, "Invalid timestamp for date %.100s", text);
    return answer(request, response, "instance_usage_audit_log", before_us);
}

const struct route usage_audit_routes[] = {
    {.method = "GET",
     .path = "/os-instance_usage_audit_log",
     .access = ACCESS_ADMIN,
     .policy = "os_compute_api:os-instance-usage-audit-log:list",
     .handler = audit_index},
    {.method = "GET",
     .path = "/os-instance_usage_audit_log/{before}",
     .access = ACCESS_ADMIN,
     .policy = "os_compute_api:os-instance-usage-audit-log:show",
     .handler = audit_show},
    {.method = NULL},
};
