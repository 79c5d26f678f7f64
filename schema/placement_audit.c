/* Statements of the audit; see placement_audit.h. */
#include "schema/placement_audit.h"

#define RESOURCES "GROUP_CONCAT(CONCAT(k.name, ' ', a.used) ORDER BY k.id SEPARATOR ', ')"
#define PROVIDERS "GROUP_CONCAT(DISTINCT p.name ORDER BY p.name SEPARATOR ', ')"
/* The provider p lies in a tree that has a host. */
#define IN_HOST_TREE                                                                                                               \
    "EXISTS (SELECT 1 FROM hosts h JOIN resource_providers hp ON hp.uuid = h.uuid"                                                 \
    " WHERE COALESCE(hp.root_provider_id, hp.id) = COALESCE(p.root_provider_id, p.id))"

static enum err read_consumers(struct db *db, struct arena *arena, const char *sql, const struct uuid *only,
                               struct audit_consumers *out)
{
    const struct sql_value values[] = {sql_uuid(only), sql_uuid(only)};
    struct rows rows;
    TRY(db_query(db, arena, sql, values, ARRAY_LEN(values), &rows));
    struct audit_consumer *items = arena_alloc(arena, (rows.count + 1) * sizeof(*items));
    for (size_t i = 0; i < rows.count; i++)
        items[i] = (struct audit_consumer){rows_int(&rows, i, 0), rows_uuid(&rows, i, 1), rows_text(&rows, i, 2),
                                           rows_text(&rows, i, 3), rows_int(&rows, i, 4) != 0};
    *out = (struct audit_consumers){items, rows.count};
    return OK;
}

enum err audit_orphans(struct db *db, struct arena *arena, const struct uuid *only, struct audit_consumers *out)
{
    static const char sql[] =
        "SELECT c.id, c.uuid, " PROVIDERS ", " RESOURCES ", MAX(" IN_HOST_TREE ")"
        " FROM consumers c JOIN consumer_types t ON t.id = c.consumer_type_id AND t.name = 'INSTANCE'"
        " JOIN allocations a ON a.consumer_id = c.id"
        " JOIN resource_providers p ON p.id = a.resource_provider_id"
        " LEFT JOIN resource_classes k ON k.id = a.resource_class_id"
        " WHERE (? IS NULL OR c.uuid = ?)"
        " AND NOT EXISTS (SELECT 1 FROM servers s WHERE s.uuid = c.uuid AND s.deleted = FALSE)"
        " AND NOT EXISTS (SELECT 1 FROM holds o WHERE o.server = c.uuid)"
        " AND NOT EXISTS (SELECT 1 FROM tasks w WHERE w.subject = c.uuid) GROUP BY c.id, c.uuid ORDER BY c.uuid";
    return read_consumers(db, arena, sql, only, out);
}

enum err audit_empty(struct db *db, struct arena *arena, const struct uuid *only, struct audit_consumers *out)
{
    static const char sql[] = "SELECT c.id, c.uuid, NULL, NULL, 0 FROM consumers c WHERE (? IS NULL OR c.uuid = ?)"
                              " AND NOT EXISTS (SELECT 1 FROM allocations a WHERE a.consumer_id = c.id) ORDER BY c.uuid";
    return read_consumers(db, arena, sql, only, out);
}

static struct audit_server read_server(const struct rows *rows, size_t i)
{
    return (struct audit_server){
        .uuid = rows_uuid(rows, i, 0),
        .name = rows_text(rows, i, 1),
        .project_id = rows_text(rows, i, 2),
        .user_id = rows_text(rows, i, 3),
        .host = rows_text(rows, i, 4),
        .host_known = !rows_is_null(rows, i, 5),
        .provider = rows_uuid(rows, i, 5),
        .vcpus = rows_int(rows, i, 6),
        .ram_mib = rows_int(rows, i, 7),
        .disk_gib = rows_int(rows, i, 8),
        .claimed_vcpus = rows_int(rows, i, 9),
        .claimed_ram_mib = rows_int(rows, i, 10),
        .claimed_disk_gib = rows_int(rows, i, 11),
        .allocations = rows_int(rows, i, 12),
        .elsewhere = rows_int(rows, i, 13),
        .own_resources = rows_int(rows, i, 14) != 0,
        .providers = rows_text(rows, i, 15),
    };
}

#define SUM_OF(class) "COALESCE(SUM(IF(p.id IS NOT NULL AND k.name = '" class "', a.used, 0)), 0)"
/* Not in the host's tree (or another host's own provider in it), and not shared by aggregate. */
#define ELSEWHERE                                                                                                                  \
    "SUM(p.id IS NOT NULL AND (NOT COALESCE(COALESCE(p.root_provider_id, p.id) = COALESCE(hp.root_provider_id, hp.id), FALSE)"     \
    " OR EXISTS (SELECT 1 FROM hosts o WHERE o.uuid = p.uuid AND o.uuid <> h.uuid))"                                               \
    " AND NOT EXISTS (SELECT 1 FROM resource_provider_traits m JOIN traits t ON t.id = m.trait_id"                                 \
    " WHERE m.resource_provider_id = p.id AND t.name = 'MISC_SHARES_VIA_AGGREGATE'))"

enum err audit_servers(struct db *db, struct arena *arena, const struct uuid *only, struct audit_servers *out)
{
    static const char sql[] =
        "SELECT s.uuid, s.display_name, s.project_id, s.user_id, s.host, h.uuid, s.vcpus, s.ram_mib, s.disk_gib,"
        " " SUM_OF("VCPU") " AS vcpu, " SUM_OF("MEMORY_MB") " AS ram, " SUM_OF(
            "DISK_GB") " AS disk, COUNT(p.id) AS held,"
                       " COALESCE(" ELSEWHERE ", 0) AS elsewhere,"
                       " COALESCE(JSON_KEYS(s.flavor, '$.extra_specs') LIKE '%\"resources%:%', FALSE) AS own, " PROVIDERS
                       " FROM servers s LEFT JOIN hosts h ON h.name = s.host LEFT JOIN resource_providers hp ON hp.uuid = h.uuid"
                       " LEFT JOIN consumers c ON c.uuid = s.uuid LEFT JOIN allocations a ON a.consumer_id = c.id"
                       " LEFT JOIN resource_providers p ON p.id = a.resource_provider_id"
                       " LEFT JOIN resource_classes k ON k.id = a.resource_class_id"
                       " WHERE s.deleted = FALSE AND (? IS NULL OR s.uuid = ?)"
                       " AND NOT EXISTS (SELECT 1 FROM tasks w WHERE w.subject = s.uuid) GROUP BY s.uuid"
                       " HAVING (s.host IS NULL AND held > 0) OR (s.host IS NOT NULL AND (held = 0 OR elsewhere > 0"
                       " OR (NOT own AND (vcpu <> s.vcpus OR ram <> s.ram_mib OR disk <> s.disk_gib)))) ORDER BY s.uuid";
    const struct sql_value values[] = {sql_uuid(only), sql_uuid(only)};
    struct rows rows;
    TRY(db_query(db, arena, sql, values, ARRAY_LEN(values), &rows));
    struct audit_server *items = arena_alloc(arena, (rows.count + 1) * sizeof(*items));
    for (size_t i = 0; i < rows.count; i++)
        items[i] = read_server(&rows, i);
    *out = (struct audit_servers){items, rows.count};
    return OK;
}

enum err audit_dangling(struct db *db, struct arena *arena, struct audit_danglings *out)
{
    static const char sql[] = "SELECT a.consumer_id, c.uuid, a.resource_provider_id, p.name, " RESOURCES
                              " FROM allocations a LEFT JOIN resource_providers p ON p.id = a.resource_provider_id"
                              " LEFT JOIN consumers c ON c.id = a.consumer_id"
                              " LEFT JOIN resource_classes k ON k.id = a.resource_class_id WHERE p.id IS NULL OR c.id IS NULL"
                              " GROUP BY a.consumer_id, a.resource_provider_id, c.uuid, p.name ORDER BY 1, 3";
    struct rows rows;
    TRY(db_query(db, arena, sql, NULL, 0, &rows));
    struct audit_dangling *items = arena_alloc(arena, (rows.count + 1) * sizeof(*items));
    for (size_t i = 0; i < rows.count; i++)
        items[i] = (struct audit_dangling){rows_int(&rows, i, 0), rows_uuid(&rows, i, 1), rows_int(&rows, i, 2),
                                           rows_text(&rows, i, 3), rows_text(&rows, i, 4)};
    *out = (struct audit_danglings){items, rows.count};
    return OK;
}

enum err audit_dangling_delete(struct db *db, int64_t consumer_id, int64_t provider_id)
{
    static const char sql[] = "DELETE FROM allocations WHERE consumer_id = ? AND resource_provider_id = ?"
                              " AND NOT (EXISTS (SELECT 1 FROM consumers c WHERE c.id = ?)"
                              " AND EXISTS (SELECT 1 FROM resource_providers p WHERE p.id = ?))";
    const struct sql_value values[] = {sql_int(consumer_id), sql_int(provider_id), sql_int(consumer_id), sql_int(provider_id)};
    return db_exec(db, sql, values, ARRAY_LEN(values));
}
