/* The order of a list of servers: sort_key and sort_dir (spec nova-api.md section 10); see server_filter.h. */
#include <string.h>

#include "gateway/api/server_filter.h"

/* Sort keys are database names (spec nova-api.md section 10). */
static const struct {
    const char *name;
    enum server_column column;
    bool admin;
    int min;
} sort_keys[] = {
    {"access_ip_v4", COLUMN_ACCESS_IP_V4, false, 1},
    {"access_ip_v6", COLUMN_ACCESS_IP_V6, false, 1},
    {"auto_disk_config", COLUMN_DISK_CONFIG, false, 1},
    {"availability_zone", COLUMN_AVAILABILITY_ZONE, false, 1},
    {"config_drive", COLUMN_CONFIG_DRIVE, false, 1},
    {"created_at", COLUMN_CREATED_AT, false, 1},
    {"display_description", COLUMN_DESCRIPTION, false, 1},
    {"display_name", COLUMN_NAME, false, 1},
    {"host", COLUMN_HOST, true, 1},
    {"hostname", COLUMN_HOSTNAME, false, 1},
    {"image_ref", COLUMN_IMAGE_REF, false, 1},
    {"instance_type_id", COLUMN_FLAVOR_ID, false, 1},
    {"kernel_id", COLUMN_KERNEL_ID, false, 1},
    {"key_name", COLUMN_KEY_NAME, false, 1},
    {"launch_index", COLUMN_LAUNCH_INDEX, false, 1},
    {"launched_at", COLUMN_LAUNCHED_AT, false, 1},
    {"locked_by", COLUMN_LOCKED_BY, false, 1},
    {"locked", COLUMN_LOCKED, false, 73},
    {"node", COLUMN_NODE, true, 1},
    {"power_state", COLUMN_POWER_STATE, false, 1},
    {"progress", COLUMN_PROGRESS, false, 1},
    {"project_id", COLUMN_PROJECT_ID, false, 1},
    {"ramdisk_id", COLUMN_RAMDISK_ID, false, 1},
    {"root_device_name", COLUMN_ROOT_DEVICE_NAME, false, 1},
    {"task_state", COLUMN_TASK_STATE, false, 1},
    {"terminated_at", COLUMN_TERMINATED_AT, false, 1},
    {"updated_at", COLUMN_UPDATED_AT, false, 1},
    {"user_id", COLUMN_USER_ID, false, 1},
    {"uuid", COLUMN_UUID, false, 1},
    {"vm_state", COLUMN_VM_STATE, false, 1},
};

/* Legacy keys that are dropped below 2.75. */
static const char *const ignored_sort_keys[] = {"architecture",
                                                "cell_name",
                                                "cleaned",
                                                "default_ephemeral_device",
                                                "default_swap_device",
                                                "deleted",
                                                "deleted_at",
                                                "disable_terminate",
                                                "ephemeral_gb",
                                                "ephemeral_key_uuid",
                                                "id",
                                                "key_data",
                                                "launched_on",
                                                "locked",
                                                "memory_mb",
                                                "os_type",
                                                "reservation_id",
                                                "root_gb",
                                                "shutdown_terminate",
                                                "user_data",
                                                "vcpus",
                                                "vm_mode"};

static bool is_ignored(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(ignored_sort_keys); i++) {
        if (strcmp(ignored_sort_keys[i], name) == 0)
            return true;
    }
    return false;
}

static enum err read_sort_key(const struct request *request, const char *name, enum server_column *out, bool *ignored)
{
    for (size_t i = 0; i < ARRAY_LEN(sort_keys); i++) {
        if (strcmp(sort_keys[i].name, name) != 0 || request->version < sort_keys[i].min)
            continue;
        if (sort_keys[i].admin && !request->caller.is_admin)
            return fail(E_FORBIDDEN, "Only administrators can sort servers by %s", name);
        *out = sort_keys[i].column;
        return OK;
    }
    if (request->version < SERVER_STRICT_QUERY && is_ignored(name)) {
        *ignored = true;
        return OK;
    }
    return fail(E_INVALID, "Invalid input for query parameters sort_key. Value: %s. '%s' is not one of the sort keys", name, name);
}

static enum err read_direction(const char *value, bool *out_descending)
{
    *out_descending = strcmp(value, "desc") == 0;
    if (!*out_descending && strcmp(value, "asc") != 0)
        return fail(E_INVALID, "Invalid input received: Unknown sort direction, must be 'desc' or 'asc'");
    return OK;
}

static void append_sort(struct server_filter *filter, enum server_column column, bool descending)
{
    for (size_t i = 0; i < filter->sort_count; i++) {
        if (filter->sort[i].column == column)
            return;
    }
    filter->sort[filter->sort_count++] = (struct sort_column){column, descending};
}

/* The directions belong to the keys by position; a missing one repeats the first (as Nova), by default descending. */
enum err server_filter_read_sort(struct request *request, struct server_filter *filter)
{
    const struct http_pairs *query = &request->query;
    filter->sort = arena_alloc(request->arena, (query->count + 2) * sizeof(*filter->sort));
    filter->sort_count = 0;
    const char *directions[64];
    size_t direction_count = 0;
    size_t keys = 0;
    bool descending = true;
    for (size_t i = 0; i < query->count && direction_count < ARRAY_LEN(directions); i++) {
        if (strcmp(query->items[i].name, "sort_dir") == 0)
            directions[direction_count++] = query->items[i].value;
    }
    for (size_t i = 0; i < query->count; i++) {
        if (strcmp(query->items[i].name, "sort_key") != 0)
            continue;
        enum server_column column = COLUMN_CREATED_AT;
        bool ignored = false;
        TRY(read_sort_key(request, query->items[i].value, &column, &ignored));
        if (direction_count)
            TRY(read_direction(directions[keys < direction_count ? keys : 0], &descending));
        keys++;
        if (!ignored)
            append_sort(filter, column, descending);
    }
    if (direction_count > (keys ? keys : 1))
        return fail(E_INVALID, "Invalid input received: Sort direction size exceeds sort key size");
    if (keys == 0 && direction_count) {
        TRY(read_direction(directions[0], &descending));
        if (!descending)
            append_sort(filter, COLUMN_CREATED_AT, false);
    }
    filter->requested_count = filter->sort_count;
    append_sort(filter, COLUMN_CREATED_AT, true);
    append_sort(filter, COLUMN_UUID, false);
    return OK;
}
