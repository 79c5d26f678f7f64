/* Statements on networks, host_networks and ports; see network.h. */
#include "schema/network.h"

#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>

#include "schema/sql_list.h"

#define NETWORK_COLUMNS "n.uuid, n.name, n.bridge, n.gateway, n.prefix, n.dhcp_first, n.dhcp_last"

struct address_text address_to_text(uint32_t address)
{
    struct address_text out = {""};
    const struct in_addr bytes = {htonl(address)};
    (void)inet_ntop(AF_INET, &bytes, out.text, sizeof(out.text));
    return out;
}

bool address_from_text(const char *text, uint32_t *out)
{
    struct in_addr bytes;
    if (!text || inet_pton(AF_INET, text, &bytes) != 1)
        return false;
    *out = ntohl(bytes.s_addr);
    return true;
}

bool network_holds(const struct network *network, uint32_t address)
{
    if (!network->gateway || network->prefix < 1 || network->prefix > 30)
        return false;
    const uint32_t hosts = UINT32_MAX >> network->prefix;
    const uint32_t base = network->gateway & ~hosts;
    return (address & ~hosts) == base && address != base && address != (base | hosts) && address != network->gateway;
}

static void read_network(const struct rows *rows, size_t row, struct network *out)
{
    *out = (struct network){
        .uuid = rows_uuid(rows, row, 0),
        .name = rows_text(rows, row, 1),
        .bridge = rows_text(rows, row, 2),
        .gateway = (uint32_t)rows_int(rows, row, 3),
        .prefix = (int)rows_int(rows, row, 4),
        .dhcp_first = (uint32_t)rows_int(rows, row, 5),
        .dhcp_last = (uint32_t)rows_int(rows, row, 6),
    };
}

enum err network_list(struct db *db, struct arena *arena, struct networks *out)
{
    static const char sql[] =
        "SELECT " NETWORK_COLUMNS
        " FROM networks n WHERE EXISTS (SELECT 1 FROM host_networks h WHERE h.network = n.uuid) ORDER BY n.name";
    struct rows rows;
    TRY(db_query(db, arena, sql, NULL, 0, &rows));
    struct network *items = arena_alloc(arena, (rows.count + 1) * sizeof(*items));
    for (size_t i = 0; i < rows.count; i++)
        read_network(&rows, i, &items[i]);
    *out = (struct networks){items, rows.count};
    return OK;
}

enum err network_get(struct db *db, struct arena *arena, const struct uuid *uuid, struct network *out)
{
    static const char sql[] = "SELECT " NETWORK_COLUMNS " FROM networks n WHERE n.uuid = ?"
                              " AND EXISTS (SELECT 1 FROM host_networks h WHERE h.network = n.uuid)";
    const struct sql_value value = sql_uuid(uuid);
    struct rows rows;
    TRY(db_query(db, arena, sql, &value, 1, &rows));
    if (!rows.count)
        return fail(E_NOT_FOUND, "Network %s could not be found.", uuid_to_text(uuid).text);
    read_network(&rows, 0, out);
    return OK;
}

static int compare_uuids(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct uuid));
}

/* Each once. */
static size_t sort_uuids(struct uuid *items, size_t count)
{
    size_t kept = 0;
    if (count)
        qsort(items, count, sizeof(*items), compare_uuids);
    for (size_t i = 0; i < count; i++) {
        if (!kept || !uuid_equal(&items[kept - 1], &items[i]))
            items[kept++] = items[i];
    }
    return kept;
}

enum err network_hosts(struct db *db, struct arena *arena, const struct uuid *networks, size_t count, const struct uuid **out,
                       size_t *out_count)
{
    CLEANUP(text_clear) struct text sql = {0};
    *out_count = 0;
    if (!count)
        return OK;
    struct uuid *wanted = arena_copy(arena, networks, count * sizeof(*networks));
    const size_t different = sort_uuids(wanted, count);
    struct sql_list list = sql_list_uuids(arena, wanted, different);
    text_add_str(&sql, "SELECT host FROM host_networks WHERE network IN (");
    sql_list_write(&sql, list.count);
    text_add_str(&sql, ") GROUP BY host HAVING COUNT(*) = ? ORDER BY host");
    sql_list_add(&list, sql_int((int64_t)different));
    struct rows rows;
    TRY(db_query(db, arena, text_str(&sql), list.values, list.count, &rows));
    struct uuid *hosts = arena_alloc(arena, (rows.count + 1) * sizeof(*hosts));
    for (size_t i = 0; i < rows.count; i++)
        hosts[i] = rows_uuid(&rows, i, 0);
    *out = hosts;
    *out_count = rows.count;
    return OK;
}

enum err network_has_room(struct db *db, const struct network *network, uint32_t fixed, bool *out)
{
    static const char sql[] = "SELECT COUNT(*) FROM ports WHERE network = ? AND address BETWEEN ? AND ? AND address <> ?";
    const uint32_t first = fixed ? fixed : network->dhcp_first;
    const uint32_t last = fixed ? fixed : network->dhcp_last;
    const struct sql_value values[] = {sql_uuid(&network->uuid), sql_int(first), sql_int(last), sql_int(network->gateway)};
    CLEANUP(arena_clear) struct arena arena = {0};
    struct rows rows;
    *out = true;
    if (!network->dhcp_first)
        return OK;
    TRY(db_query(db, &arena, sql, values, ARRAY_LEN(values), &rows));
    const int64_t own = network->gateway >= first && network->gateway <= last;
    *out = rows_int(&rows, 0, 0) + own < (int64_t)last - first + 1;
    return OK;
}

/* --- what hosts report */

static struct sql_value number_or_null(uint32_t number)
{
    return number ? sql_int(number) : sql_null();
}

static enum err write_network(struct db *db, const struct network *network)
{
    static const char sql[] = "INSERT INTO networks (uuid, name, bridge, gateway, prefix, dhcp_first, dhcp_last, created_at)"
                              " VALUES (?, ?, ?, ?, ?, ?, ?, UTC_TIMESTAMP(6)) ON DUPLICATE KEY UPDATE bridge = VALUES(bridge), "
                              "gateway = VALUES(gateway),"
                              " prefix = VALUES(prefix), dhcp_first = VALUES(dhcp_first), dhcp_last = VALUES(dhcp_last)";
    const struct sql_value values[] = {sql_uuid(&network->uuid),          sql_text(network->name),
                                       sql_text(network->bridge),         number_or_null(network->gateway),
                                       sql_int(network->prefix),          number_or_null(network->dhcp_first),
                                       number_or_null(network->dhcp_last)};
    return db_exec(db, sql, values, ARRAY_LEN(values));
}

static enum err join_host(struct db *db, const struct uuid *host, const char *name)
{
    static const char sql[] = "INSERT IGNORE INTO host_networks (host, network) SELECT ?, uuid FROM networks WHERE name = ?";
    const struct sql_value values[] = {sql_uuid(host), sql_text(name)};
    return db_exec(db, sql, values, ARRAY_LEN(values));
}

static enum err leave_host(struct db *db, const struct uuid *host, const struct uuid *network)
{
    static const char sql[] = "DELETE FROM host_networks WHERE host = ? AND network = ?";
    const struct sql_value values[] = {sql_uuid(host), sql_uuid(network)};
    return db_exec(db, sql, values, ARRAY_LEN(values));
}

static enum err networks_of_host(struct db *db, struct arena *arena, const struct uuid *host, struct networks *out)
{
    static const char sql[] =
        "SELECT " NETWORK_COLUMNS " FROM networks n JOIN host_networks h ON h.network = n.uuid WHERE h.host = ?";
    const struct sql_value value = sql_uuid(host);
    struct rows rows;
    TRY(db_query(db, arena, sql, &value, 1, &rows));
    struct network *items = arena_alloc(arena, (rows.count + 1) * sizeof(*items));
    for (size_t i = 0; i < rows.count; i++)
        read_network(&rows, i, &items[i]);
    *out = (struct networks){items, rows.count};
    return OK;
}

static const struct network *find_name(const struct network *items, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(items[i].name, name) == 0)
            return &items[i];
    }
    return NULL;
}

static bool is_same(const struct network *known, const struct network *seen)
{
    return known && known->gateway == seen->gateway && known->prefix == seen->prefix && known->dhcp_first == seen->dhcp_first &&
           known->dhcp_last == seen->dhcp_last;
}

enum err network_report(struct db *db, const struct uuid *host, const struct network *items, size_t count)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    struct networks known;
    TRY(networks_of_host(db, &arena, host, &known));
    for (size_t i = 0; i < count; i++) {
        if (is_same(find_name(known.items, known.count, items[i].name), &items[i]))
            continue;
        TRY(write_network(db, &items[i]));
        TRY(join_host(db, host, items[i].name));
    }
    for (size_t i = 0; i < known.count; i++) {
        if (!find_name(items, count, known.items[i].name))
            TRY(leave_host(db, host, &known.items[i].uuid));
    }
    return OK;
}

/* --- ports */

enum err port_add(struct db *db, const struct port *port)
{
    static const char sql[] = "INSERT INTO ports (uuid, server, network, mac, address, created_at)"
                              " VALUES (?, ?, ?, ?, ?, UTC_TIMESTAMP(6))";
    const struct sql_value values[] = {sql_uuid(&port->uuid), sql_uuid(&port->server), sql_uuid(&port->network),
                                       sql_text(port->mac), number_or_null(port->address)};
    const enum err result = db_exec(db, sql, values, ARRAY_LEN(values));
    return result == E_CONFLICT ? fail(E_CONFLICT, "Fixed IP address %s is already in use.", address_to_text(port->address).text)
                                : result;
}

enum err port_addresses(struct db *db, struct arena *arena, const struct uuid *network, const uint32_t **out, size_t *out_count)
{
    static const char sql[] = "SELECT address FROM ports WHERE network = ? AND address IS NOT NULL ORDER BY address";
    const struct sql_value value = sql_uuid(network);
    struct rows rows;
    TRY(db_query(db, arena, sql, &value, 1, &rows));
    uint32_t *addresses = arena_alloc(arena, (rows.count + 1) * sizeof(*addresses));
    for (size_t i = 0; i < rows.count; i++)
        addresses[i] = (uint32_t)rows_int(&rows, i, 0);
    *out = addresses;
    *out_count = rows.count;
    return OK;
}

enum err port_delete(struct db *db, const struct uuid *port)
{
    static const char sql[] = "DELETE FROM ports WHERE uuid = ?";
    const struct sql_value value = sql_uuid(port);
    return db_exec(db, sql, &value, 1);
}

enum err port_delete_of_server(struct db *db, const struct uuid *server)
{
    static const char sql[] = "DELETE FROM ports WHERE server = ?";
    const struct sql_value value = sql_uuid(server);
    return db_exec(db, sql, &value, 1);
}
