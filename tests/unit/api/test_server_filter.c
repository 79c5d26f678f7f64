/*
 * The query of GET /servers as conditions and order (spec nova-api.md section 10): what a query means for users and admins at each
 * version, written as text, and what is refused in which words.
 */
#include "gateway/api/server_filter.h"
#include "tests/unit/schema/store.h"

enum who { USER, ADMIN };

struct asked {
    struct arena arena;
    struct request request;
};

static void asked_clear(struct asked *asked)
{
    arena_clear(&asked->arena);
}

#define NO_BOOL(value)                                                                                                             \
    "Unrecognized value '" value "', acceptable values are: '0', '1', 'f', 'false', 'n', 'no', 'off', 'on', 't', 'true', 'y', "    \
    "'yes'"

/* The query's values are taken as they are: nothing is decoded. */
static const struct service compute = {.name = "compute", .last_parameter_counts = true};

static void ask(struct asked *asked, enum who who, int version, const char *query)
{
    char *rest = arena_strdup(&asked->arena, query);
    asked->request = (struct request){.arena = &asked->arena, .service = &compute, .version = version};
    asked->request.caller = (struct caller){.project_id = "P", .is_admin = who == ADMIN};
    for (char *pair = strsep(&rest, "&"); pair && *pair; pair = strsep(&rest, "&")) {
        char *value = pair;
        const char *name = strsep(&value, "=");
        pairs_add(&asked->arena, &asked->request.query, name, value ? value : "");
    }
}

static const char *const column_names[SERVER_COLUMN_COUNT + 1] = {
    [COLUMN_UUID] = "uuid",
    [COLUMN_PROJECT_ID] = "project",
    [COLUMN_USER_ID] = "user",
    [COLUMN_NAME] = "name",
    [COLUMN_DESCRIPTION] = "description",
    [COLUMN_HOSTNAME] = "hostname",
    [COLUMN_HOST] = "host",
    [COLUMN_NODE] = "node",
    [COLUMN_AVAILABILITY_ZONE] = "az",
    [COLUMN_VM_STATE] = "vm_state",
    [COLUMN_TASK_STATE] = "task_state",
    [COLUMN_POWER_STATE] = "power_state",
    [COLUMN_PROGRESS] = "progress",
    [COLUMN_LAUNCH_INDEX] = "launch_index",
    [COLUMN_RESERVATION_ID] = "reservation",
    [COLUMN_FLAVOR_ID] = "flavor",
    [COLUMN_IMAGE_REF] = "image",
    [COLUMN_KERNEL_ID] = "kernel",
    [COLUMN_RAMDISK_ID] = "ramdisk",
    [COLUMN_ROOT_DEVICE_NAME] = "root_device",
    [COLUMN_KEY_NAME] = "key",
    [COLUMN_CONFIG_DRIVE] = "config_drive",
    [COLUMN_ACCESS_IP_V4] = "ip4",
    [COLUMN_ACCESS_IP_V6] = "ip6",
    [COLUMN_DISK_CONFIG] = "disk_config",
    [COLUMN_LOCKED] = "locked",
    [COLUMN_LOCKED_BY] = "locked_by",
    [COLUMN_CREATED_AT] = "created",
    [COLUMN_UPDATED_AT] = "updated",
    [COLUMN_LAUNCHED_AT] = "launched",
    [COLUMN_TERMINATED_AT] = "terminated",
    [COLUMN_DELETED] = "deleted",
    [SERVER_COLUMN_COUNT] = "",
};

static const char *const operators[] = {
    [CONDITION_EQUAL] = "=",
    [CONDITION_IN] = " in ",
    [CONDITION_NULL] = " null",
    [CONDITION_NOT_NULL] = " set",
    [CONDITION_REGEXP] = "~",
    [CONDITION_AT_LEAST] = ">=",
    [CONDITION_AT_MOST] = "<=",
    [CONDITION_TAGS_ALL] = "all:",
    [CONDITION_TAGS_ANY] = "any:",
    [CONDITION_TAGS_NOT_ALL] = "-all:",
    [CONDITION_TAGS_NOT_ANY] = "-any:",
    [CONDITION_ADDRESS] = "address~",
    [CONDITION_STATES] = "states:",
    [CONDITION_CHANGED_SINCE] = "since ",
};

static void write_value(struct text *out, const struct sql_value *value)
{
    if (value->type == SQL_INT)
        text_add_int(out, value->number);
    else if (value->type == SQL_NULL)
        text_add_str(out, "NULL");
    else if (value->type == SQL_BYTES)
        text_add_str(out, "BYTES");
    else /* times are texts in the value itself */
        text_add(out, value->bytes ? value->bytes : value->inline_bytes, value->length);
}

static void write_conditions(struct text *out, const struct server_filter *filter)
{
    for (size_t i = 0; i < filter->condition_count; i++) {
        const struct condition *condition = &filter->conditions[i];
        const bool pairs = condition->kind >= CONDITION_TAGS_ALL;
        text_add_format(out, "%s%s%s", i ? "; " : "", pairs ? "" : column_names[condition->column], operators[condition->kind]);
        for (size_t j = 0; j < condition->count; j++) {
            text_add_str(out, j ? "," : "");
            write_value(out, &condition->values[j]);
        }
    }
    if (filter->nothing)
        text_add_str(out, "; nothing");
}

#define MINE "project=P; deleted=0"
#define T    "2026-01-01T00:00:00Z"
#define SQL  "2026-01-01 00:00:00.000000"

struct row {
    enum who who;
    int version;
    const char *query;
    const char *expected; /* NULL: refused */
    enum err kind;
    const char *message;
};

static const struct row filters[] = {
    {USER, 1, "", MINE, OK, NULL},
    {ADMIN, 1, "", MINE, OK, NULL},
    {ADMIN, 1, "all_tenants=1", "deleted=0", OK, NULL},
    {ADMIN, 1, "all_tenants=", "deleted=0", OK, NULL},
    {ADMIN, 79, "all_tenants=True", "deleted=0", OK, NULL},
    {ADMIN, 1, "all_tenants=0", MINE, OK, NULL},
    {ADMIN, 1, "all_tenants=1&all_tenants=0", MINE, OK, NULL},
    {USER, 1, "name=a&name=b", "name~b; " MINE, OK, NULL},
    {ADMIN, 1, "deleted=1&deleted=0&name=a", "name~a; " MINE, OK, NULL},
    {USER, 1, "all_tenants=0", MINE, OK, NULL},
    {USER, 1, "all_tenants=1", NULL, E_FORBIDDEN,
     "Policy doesn't allow os_compute_api:servers:index:get_all_tenants to be performed."},
    {USER, 1, "all_tenants", NULL, E_FORBIDDEN,
     "Policy doesn't allow os_compute_api:servers:index:get_all_tenants to be performed."},
    {ADMIN, 1, "all_tenants=maybe", NULL, E_INVALID, NO_BOOL("maybe")},
    {ADMIN, 1, "all_tenants=1&project_id=Q", "project=Q; deleted=0", OK, NULL},
    {ADMIN, 1, "tenant_id=Q&all_tenants=1", "project=Q; deleted=0", OK, NULL},
    {ADMIN, 1, "tenant_id=Q", MINE, OK, NULL}, /* without all_tenants the caller's project counts */
    {USER, 1, "project_id=Q", MINE, OK, NULL},
    {USER, 1, "name=^web", "name~^web; " MINE, OK, NULL},
    {USER, 1, "name=", NULL, E_INVALID, "Invalid filter: the value of name is empty."},
    {USER, 1, "image=i&flavor=f&reservation_id=r-1", "image=i; flavor=f; reservation=r-1; " MINE, OK, NULL},
    {USER, 1, "ip=10.", "address~10.; " MINE, OK, NULL},
    {USER, 1, "ip=(", NULL, E_INVALID, "Invalid input for query parameters ip. Value: (. '(' is not a 'regex'"},
    {USER, 4, "ip6=(", MINE, OK, NULL},
    {USER, 5, "ip6=(", NULL, E_INVALID, "Invalid input for query parameters ip6. Value: (. '(' is not a 'regex'"},
    {USER, 5, "ip6=fe80", MINE "; nothing", OK, NULL},
    {USER, 1, "changes-since=" T, "since " SQL "; project=P", OK, NULL},
    {USER, 1, "changes-since=yesterday", NULL, E_INVALID,
     "Invalid input for query parameters changes-since. Value: yesterday. 'yesterday' is not a 'date-time'"},
    {USER, 65, "changes-before=" T, MINE, OK, NULL},
    {USER, 66, "changes-before=" T, "updated<=" SQL "; project=P", OK, NULL},
    {USER, 66, "changes-before=x", NULL, E_INVALID,
     "Invalid input for query parameters changes-before. Value: x. 'x' is not a 'date-time'"},
    {USER, 66, "changes-since=" T "&changes-before=" T, "since " SQL "; updated<=" SQL "; project=P", OK, NULL},
    {USER, 66, "changes-since=2026-01-02&changes-before=2026-01-01", NULL, E_INVALID,
     "The value of changes-since must be less than or equal to changes-before."},
    {USER, 25, "tags=a", MINE, OK, NULL},
    {USER, 26, "tags=a,b", "all:a,b; " MINE, OK, NULL},
    {USER, 26, "tags-any=a&not-tags=b&not-tags-any=c,d", "any:a; -all:b; -any:c,d; " MINE, OK, NULL},
    {USER, 72, "locked=maybe", MINE, OK, NULL},
    {USER, 73, "locked=TRUE", "locked=1; " MINE, OK, NULL},
    {USER, 73, "locked=off", "locked=0; " MINE, OK, NULL},
    {USER, 73, "locked=maybe", NULL, E_INVALID, NO_BOOL("maybe")},
    {USER, 1, "host=h&node=n&uuid=x&vm_state=active&deleted=1&power_state=x", MINE, OK, NULL}, /* dropped for users */
    {USER, 79, "host=h&deleted=1", MINE, OK, NULL},
    {USER, 82, "vm_state=active&user_id=u&key_name=k&config_drive=maybe", MINE, OK, NULL},
    {USER, 83, "vm_state=active&user_id=u&key_name=k&availability_zone=az", "vm_state=active; user=u; key=k; az=az; " MINE, OK,
     NULL},
    {USER, 83, "task_state=spawning&progress=5&power_state=4", "task_state=spawning; progress=5; power_state=4; " MINE, OK, NULL},
    {USER, 83, "created_at=" T "&launched_at=" T "&terminated_at=" T,
     "created=" SQL "; launched=" SQL "; terminated=" SQL "; " MINE, OK, NULL},
    {USER, 83, "config_drive=maybe", NULL, E_INVALID, NO_BOOL("maybe")},
    {USER, 93, "host=h&node=n&deleted=1&locked_by=admin&image_ref=i", MINE, OK, NULL},
    {USER, 89, "hostname=web", MINE, OK, NULL},
    {USER, 90, "hostname=web", "hostname~web; " MINE, OK, NULL},
    {ADMIN, 1, "host=h&node=n&vm_state=active&task_state=spawning", "host=h; node=n; vm_state=active; task_state=spawning; " MINE,
     OK, NULL},
    {ADMIN, 1, "user_id=u&key_name=k&locked_by=admin&availability_zone=az", "user=u; key=k; locked_by=admin; az=az; " MINE, OK,
     NULL},
    {ADMIN, 1, "image_ref=i&kernel_id=k&ramdisk_id=r&root_device_name=/dev/vda",
     "image=i; kernel=k; ramdisk=r; root_device=/dev/vda; " MINE, OK, NULL},
    {ADMIN, 1, "display_name=a&description=b&display_description=c&hostname=d",
     "name~a; description~b; description~c; hostname~d; " MINE, OK, NULL},
    {ADMIN, 1, "access_ip_v4=1&access_ip_v6=2&auto_disk_config=AUTO", "ip4~1; ip6~2; disk_config=AUTO; " MINE, OK, NULL},
    {ADMIN, 1, "power_state=4&progress=50&launch_index=0", "power_state=4; progress=50; launch_index=0; " MINE, OK, NULL},
    {ADMIN, 1, "power_state=on", "power_state=0; " MINE "; nothing", OK, NULL},
    {ADMIN, 1, "created_at=" T "&launched_at=" T "&terminated_at=" T,
     "created=" SQL "; launched=" SQL "; terminated=" SQL "; " MINE, OK, NULL},
    {ADMIN, 1, "created_at=x", NULL, E_INVALID, "Invalid time 'x': ISO 8601 is expected."},
    {ADMIN, 1, "uuid=11111111-2222-4333-8444-555555555501", "uuid=BYTES; " MINE, OK, NULL},
    {ADMIN, 1, "config_drive=yes", "config_drive=1; " MINE, OK, NULL},
    {ADMIN, 1, "config_drive=", NULL, E_INVALID, NO_BOOL("")},
    {ADMIN, 1, "deleted=true", "project=P; deleted=1", OK, NULL},
    {ADMIN, 1, "deleted=0", MINE, OK, NULL},
    {ADMIN, 1, "deleted=", MINE, OK, NULL},
    {ADMIN, 1, "deleted=maybe", MINE, OK, NULL},
    {ADMIN, 1, "deleted=1&changes-since=" T, "since " SQL "; project=P; deleted=1", OK, NULL},
    {USER, 74, "color=red&usage=False", MINE, OK, NULL},
    {USER, 75, "color=red", NULL, E_INVALID, "Additional properties are not allowed ('color' was unexpected)"},
    {ADMIN, 79, "color=red", NULL, E_INVALID, "Additional properties are not allowed ('color' was unexpected)"},
    {USER, 79, "zone.strict=1&recurse_zones=1&local_zone_only=0&fresh=1&soft_deleted=1&marker=m", MINE, OK, NULL},
    {ADMIN, 1, "_sa_instance=1", NULL, E_INVALID, "Invalid filter field: _sa_instance."},
    {ADMIN, 79, "metadata=1", NULL, E_INVALID, "Invalid filter field: metadata."},
    {USER, 79, "_sa_instance=1&metadata=1&security_groups=1", MINE, OK, NULL},
    {ADMIN, 25, "tags=a&not-tags-any=b", MINE, OK, NULL},
    {ADMIN, 65, "changes-before=x", MINE, OK, NULL},
    {ADMIN, 72, "locked=perhaps", MINE, OK, NULL},
};

typedef void write_f(struct text *out, const struct server_filter *filter);

static void check_row(const struct row *row, write_f *write)
{
    CLEANUP(asked_clear) struct asked asked = {0};
    CLEANUP(text_clear) struct text text = {0};
    struct server_filter filter = {.limit = 77};
    ask(&asked, row->who, row->version, row->query);
    const enum err result = server_filter_read(&asked.request, 1000, &filter);
    if (result != row->kind)
        print_error("2.%d %s: %s %s\n", row->version, row->query, err_name(result), err_message());
    assert_int_equal(result, row->kind);
    if (result != OK) {
        assert_string_equal(err_message(), row->message);
        assert_int_equal(filter.limit, 77);
        return;
    }
    write(&text, &filter);
    if (strcmp(text_str(&text), row->expected) != 0)
        print_error("2.%d %s\n", row->version, row->query);
    assert_string_equal(text_str(&text), row->expected);
}

static void queries_become_conditions(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(filters); i++)
        check_row(&filters[i], write_conditions);
}

static const struct row statuses[] = {
    {USER, 1, "status=active", "states:active,*; " MINE, OK, NULL},
    {USER, 1, "status=Shutoff&name=a", "name~a; states:stopped,*; " MINE, OK, NULL},
    {USER, 1, "status=hard_reboot", "states:active,rebooting_hard,active,reboot_pending_hard,active,reboot_started_hard; " MINE, OK,
     NULL},
    {USER, 1, "status=error&status=build", "states:error,*,building,*; " MINE, OK, NULL},
    {USER, 37, "status=error&status=none", "states:error,*; " MINE, OK, NULL},
    {USER, 37, "status=none", "states:; " MINE, OK, NULL}, /* no pair: no row */
    {USER, 38, "status=none", NULL, E_INVALID, "Invalid status value"},
    {USER, 38, "status=error&status=none", NULL, E_INVALID, "Invalid status value"},
    {USER, 38, "status=", NULL, E_INVALID, "Invalid status value"},
    {USER, 1, "status=DELETED", NULL, E_FORBIDDEN, "Only administrators may list deleted instances"},
    {ADMIN, 1, "status=deleted", "states:deleted,*; project=P; deleted=1", OK, NULL},
};

static void statuses_become_states(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++)
        check_row(&statuses[i], write_conditions);
}

static void limits_are_digits_and_clamped(void **state)
{
    static const struct {
        const char *query;
        size_t limit;
        bool given;
    } good[] = {
        {"", 1000, false},          {"limit=5", 5, true},       {"limit=0", 0, true},   {"limit=3&limit=2", 2, true},
        {"limit=1000", 1000, true}, {"limit=5000", 1000, true}, {"limit=007", 7, true}, {"limit=99999999999999999999", 1000, true}};
    static const char *const bad[] = {"limit=-1", "limit=x", "limit=", "limit=1.5", "limit= 5", "limit=5x", "limit=x&limit=5"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good) + ARRAY_LEN(bad); i++) {
        CLEANUP(asked_clear) struct asked asked = {0};
        struct server_filter filter;
        const bool is_good = i < ARRAY_LEN(good);
        ask(&asked, USER, 79, is_good ? good[i].query : bad[i - ARRAY_LEN(good)]);
        assert_int_equal(server_filter_read(&asked.request, 1000, &filter), is_good ? OK : E_INVALID);
        if (is_good)
            assert_true(filter.limit == good[i].limit && filter.limit_given == good[i].given);
        else
            must_contain(err_message(), "Invalid input for query parameters limit.");
    }
}

static void the_marker_is_kept(void **state)
{
    CLEANUP(asked_clear) struct asked asked = {0};
    struct server_filter filter;
    (void)state;
    ask(&asked, USER, 1, "marker=abc&limit=1");
    must(server_filter_read(&asked.request, 1000, &filter));
    assert_string_equal(filter.marker, "abc");
    ask(&asked, USER, 1, "limit=1");
    must(server_filter_read(&asked.request, 1000, &filter));
    assert_null(filter.marker);
}

static void write_sort(struct text *out, const struct server_filter *filter)
{
    for (size_t i = 0; i < filter->sort_count; i++)
        text_add_format(out, "%s%s%s%s", i ? " " : "", i == filter->requested_count ? "| " : "",
                        column_names[filter->sort[i].column], filter->sort[i].descending ? "-" : "+");
}

#define LEGACY "Invalid input for query parameters sort_key. Value: id. 'id' is not one of the sort keys"

/* Before the bar: what was asked for. */
static const struct row sorts[] = {
    {USER, 1, "", "| created- uuid+", OK, NULL},
    {USER, 1, "sort_dir=desc", "| created- uuid+", OK, NULL},
    {USER, 1, "sort_dir=asc", "created+ | uuid+", OK, NULL},
    {USER, 1, "sort_key=display_name", "name- | created- uuid+", OK, NULL},
    {USER, 1, "sort_key=display_name&sort_dir=asc", "name+ | created- uuid+", OK, NULL},
    {USER, 1, "sort_dir=asc&sort_key=display_name&sort_key=vm_state", "name+ vm_state+ | created- uuid+", OK, NULL},
    {USER, 1, "sort_key=vm_state&sort_key=key_name&sort_dir=asc&sort_dir=desc", "vm_state+ key- | created- uuid+", OK, NULL},
    /* what is missing repeats the first direction (nova.db.api.process_sort_params) */
    {USER, 1, "sort_key=vm_state&sort_key=key_name&sort_key=hostname&sort_dir=asc&sort_dir=desc",
     "vm_state+ key- hostname+ | created- uuid+", OK, NULL},
    {USER, 1, "sort_key=created_at&sort_dir=asc", "created+ | uuid+", OK, NULL},
    {USER, 1, "sort_key=uuid", "uuid- | created-", OK, NULL},
    {USER, 1, "sort_key=uuid&sort_dir=asc", "uuid+ | created-", OK, NULL},
    {USER, 1, "sort_key=progress&sort_key=progress&sort_dir=asc&sort_dir=desc", "progress+ | created- uuid+", OK, NULL},
    {USER, 1, "sort_key=host", NULL, E_FORBIDDEN, "Only administrators can sort servers by host"},
    {USER, 79, "sort_key=node", NULL, E_FORBIDDEN, "Only administrators can sort servers by node"},
    {ADMIN, 1, "sort_key=host&sort_key=node", "host- node- | created- uuid+", OK, NULL},
    {USER, 72, "sort_key=locked", "| created- uuid+", OK, NULL},
    {USER, 73, "sort_key=locked", "locked- | created- uuid+", OK, NULL},
    {USER, 74, "sort_key=id", "| created- uuid+", OK, NULL},
    {USER, 74, "sort_key=id&sort_key=hostname&sort_dir=asc&sort_dir=desc", "hostname- | created- uuid+", OK, NULL},
    {USER, 75, "sort_key=id", NULL, E_INVALID, LEGACY},
    {USER, 1, "sort_key=name", NULL, E_INVALID,
     "Invalid input for query parameters sort_key. Value: name. 'name' is not one of the sort keys"},
    {USER, 1, "sort_key=", NULL, E_INVALID, "Invalid input for query parameters sort_key. Value: . '' is not one of the sort keys"},
    {USER, 1, "sort_dir=up", NULL, E_INVALID, "Invalid input received: Unknown sort direction, must be 'desc' or 'asc'"},
    {USER, 1, "sort_key=vm_state&sort_dir=ASC", NULL, E_INVALID,
     "Invalid input received: Unknown sort direction, must be 'desc' or 'asc'"},
    {USER, 1, "sort_key=vm_state&sort_dir=asc&sort_dir=asc", NULL, E_INVALID,
     "Invalid input received: Sort direction size exceeds sort key size"},
    {USER, 1, "sort_dir=asc&sort_dir=asc", NULL, E_INVALID, "Invalid input received: Sort direction size exceeds sort key size"},
};

static void sort_keys_become_columns(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sorts); i++)
        check_row(&sorts[i], write_sort);
}

/* Every key that the specification allows, for a user unless it says otherwise. */
static void every_allowed_key_sorts(void **state)
{
    static const char *const allowed[] = {"access_ip_v4",
                                          "access_ip_v6",
                                          "auto_disk_config",
                                          "availability_zone",
                                          "config_drive",
                                          "created_at",
                                          "display_description",
                                          "display_name",
                                          "hostname",
                                          "image_ref",
                                          "instance_type_id",
                                          "kernel_id",
                                          "key_name",
                                          "launch_index",
                                          "launched_at",
                                          "locked_by",
                                          "power_state",
                                          "progress",
                                          "project_id",
                                          "ramdisk_id",
                                          "root_device_name",
                                          "task_state",
                                          "terminated_at",
                                          "updated_at",
                                          "user_id",
                                          "uuid",
                                          "vm_state"};
    bool seen[SERVER_COLUMN_COUNT] = {false};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(allowed); i++) {
        CLEANUP(asked_clear) struct asked asked = {0};
        struct server_filter filter;
        ask(&asked, USER, i % 2 ? 1 : 79, arena_printf(&asked.arena, "sort_key=%s", allowed[i]));
        must(server_filter_read(&asked.request, 1000, &filter));
        assert_int_equal(filter.requested_count, 1);
        assert_false(seen[filter.sort[0].column]); /* each its own column */
        seen[filter.sort[0].column] = true;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(queries_become_conditions),     cmocka_unit_test(statuses_become_states),
        cmocka_unit_test(limits_are_digits_and_clamped), cmocka_unit_test(the_marker_is_kept),
        cmocka_unit_test(sort_keys_become_columns),      cmocka_unit_test(every_allowed_key_sorts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
