/*
 * Networks of a host: which there are, and DHCP reservations on them, so that a guest gets the address that it was promised.
 *
 * Reservations go into the live and the stored network at once. Not here: making networks; that is the host's administrator.
 */
#include <string.h>
#include <arpa/inet.h>

#include "compute/hypervisor/host.h"

struct lease_job {
    struct host_job base;
    const char *network;
    const char *mac;
    const char *address;
};

static void network_drop(virNetworkPtr *network)
{
    if (*network)
        (void)virNetworkFree(*network);
}

/* --- which there are */

/* `list`: "A, B" or "*". */
static bool is_offered(const char *list, const char *name)
{
    const size_t length = strlen(name);
    for (const char *at = list; *at;) {
        at += strspn(at, ", \t");
        const size_t word = strcspn(at, ",");
        size_t end = word;
        while (end && (at[end - 1] == ' ' || at[end - 1] == '\t'))
            end--;
        if ((end == 1 && *at == '*') || (end == length && strncmp(at, name, length) == 0))
            return true;
        at += word;
    }
    return false;
}

static uint32_t read_address(const char *text)
{
    struct in_addr bytes;
    return text && inet_pton(AF_INET, text, &bytes) == 1 ? ntohl(bytes.s_addr) : 0;
}

static int read_prefix(struct arena *arena, struct xml_span ip)
{
    const char *prefix = xml_attribute(arena, ip, "ip", "prefix");
    int64_t number = 0;
    if (prefix && str_to_int(prefix, &number) && number >= 0 && number <= 32)
        return (int)number;
    const uint32_t mask = read_address(xml_attribute(arena, ip, "ip", "netmask"));
    return mask ? __builtin_popcount(mask) : 24;
}

/* The first IPv4 subnet. */
static void read_subnet(struct arena *arena, struct xml_span network, struct hypervisor_network *out)
{
    struct xml_span rest = network;
    struct xml_span ip;
    while (!out->gateway && xml_find(rest, "ip", &ip)) {
        rest = xml_after(rest, ip);
        out->gateway = read_address(xml_attribute(arena, ip, "ip", "address"));
        if (!out->gateway)
            continue;
        out->prefix = read_prefix(arena, ip);
        out->dhcp_first = read_address(xml_attribute(arena, ip, "range", "start"));
        out->dhcp_last = out->dhcp_first ? read_address(xml_attribute(arena, ip, "range", "end")) : 0;
    }
}

static enum err read_network(struct arena *arena, virNetworkPtr network, struct hypervisor_network *out)
{
    unsigned char uuid[VIR_UUID_BUFLEN];
    CLEANUP(string_drop) char *xml = virNetworkGetXMLDesc(network, 0);
    if (!xml || virNetworkGetUUID(network, uuid) < 0)
        return fail_libvirt("virNetworkGetXMLDesc");
    *out = (struct hypervisor_network){.name = arena_strdup(arena, virNetworkGetName(network)),
                                       .bridge = xml_attribute(arena, xml_document(xml), "bridge", "name")};
    memcpy(out->uuid.bytes, uuid, sizeof(out->uuid.bytes));
    read_subnet(arena, xml_document(xml), out);
    return OK;
}

static void list_drop(virNetworkPtr **list)
{
    for (virNetworkPtr *at = *list; at && *at; at++)
        (void)virNetworkFree(*at);
    free(*list);
}

enum err networks_read(struct host *host, virConnectPtr connection, struct arena *arena, const struct hypervisor_network **out,
                       size_t *out_count)
{
    CLEANUP(list_drop) virNetworkPtr *list = NULL;
    *out = NULL;
    *out_count = 0;
    if (!*host->networks)
        return OK;
    const int count = virConnectListAllNetworks(connection, &list, VIR_CONNECT_LIST_NETWORKS_ACTIVE);
    if (count < 0)
        return fail_libvirt("virConnectListAllNetworks");
    struct hypervisor_network *items = arena_alloc(arena, ((size_t)count + 1) * sizeof(*items));
    for (int i = 0; i < count; i++) {
        if (is_offered(host->networks, virNetworkGetName(list[i])))
            TRY(read_network(arena, list[i], &items[(*out_count)++]));
    }
    *out = items;
    return OK;
}

/* --- reservations */

static const char *entry_xml(struct arena *arena, const char *mac, const char *address)
{
    return arena_printf(arena, "<host mac='%s' ip='%s'/>", mac, address);
}

static enum err change(virNetworkPtr network, unsigned command, const char *xml)
{
    unsigned flags = virNetworkIsActive(network) == 1 ? VIR_NETWORK_UPDATE_AFFECT_LIVE : 0;
    if (virNetworkIsPersistent(network) == 1)
        flags |= VIR_NETWORK_UPDATE_AFFECT_CONFIG;
    return virNetworkUpdate(network, command, VIR_NETWORK_SECTION_IP_DHCP_HOST, -1, xml, flags) == 0
               ? OK
               : fail_libvirt("virNetworkUpdate");
}

/* Takes away what stands for this MAC or address and is not both. `*out_there`: both stand there already. */
static enum err clear_way(virNetworkPtr network, const struct lease_job *job, struct arena *arena, bool *out_there)
{
    CLEANUP(string_drop) char *xml = virNetworkGetXMLDesc(network, 0);
    if (!xml)
        return fail_libvirt("virNetworkGetXMLDesc");
    struct xml_span rest = xml_document(xml);
    struct xml_span entry;
    *out_there = false;
    while (xml_find(rest, "host", &entry)) {
        const char *mac = xml_attribute(arena, entry, "host", "mac");
        const char *address = xml_attribute(arena, entry, "host", "ip");
        rest = xml_after(rest, entry);
        const bool same_mac = str_equal_nocase(mac, job->mac);
        const bool same_address = str_equal(address, job->address);
        *out_there = *out_there || (same_mac && same_address);
        if (same_mac != same_address)
            TRY(change(network, VIR_NETWORK_UPDATE_COMMAND_DELETE, arena_strndup(arena, entry.start, entry.length)));
    }
    return OK;
}

static enum err open_network(virConnectPtr connection, const char *name, virNetworkPtr *out)
{
    *out = virNetworkLookupByName(connection, name);
    return *out ? OK : fail_libvirt("virNetworkLookupByName");
}

static enum err run_add(struct host *host, virConnectPtr connection, struct host_job *base)
{
    const struct lease_job *job = (struct lease_job *)base;
    struct arena *arena = &base->job.arena;
    CLEANUP(network_drop) virNetworkPtr network = NULL;
    bool there = false;
    (void)host;
    TRY(open_network(connection, job->network, &network));
    TRY(clear_way(network, job, arena, &there));
    if (there)
        return OK;
    const enum err result = change(network, VIR_NETWORK_UPDATE_COMMAND_ADD_LAST, entry_xml(arena, job->mac, job->address));
    if (result == OK)
        return OK;
    const char *message = arena_strdup(arena, err_message());
    TRY(clear_way(network, job, arena, &there)); /* somebody else may have been faster */
    return there ? OK : fail(result, "%s", message);
}

static enum err run_remove(struct host *host, virConnectPtr connection, struct host_job *base)
{
    const struct lease_job *job = (struct lease_job *)base;
    CLEANUP(network_drop) virNetworkPtr network = NULL;
    bool there = false;
    (void)host;
    const enum err opened = open_network(connection, job->network, &network);
    if (opened == E_NOT_FOUND)
        return OK;
    TRY(opened);
    TRY(clear_way(network, job, &base->job.arena, &there));
    return there ? change(network, VIR_NETWORK_UPDATE_COMMAND_DELETE, entry_xml(&base->job.arena, job->mac, job->address)) : OK;
}

static enum err call_with(struct hypervisors *all, const char *host, const struct guest_nic *nic, const char *what,
                          host_call_f *call, struct budget budget)
{
    CLEANUP(host_job_drop) struct lease_job *job = host_job_new(sizeof(*job), what, call);
    job->network = arena_strdup(&job->base.job.arena, nic->network);
    job->mac = arena_strdup(&job->base.job.arena, nic->mac);
    job->address = arena_strdup(&job->base.job.arena, nic->address);
    return host_call(all, host, job, budget);
}

enum err hypervisor_lease_add(struct hypervisors *all, const char *host, const struct guest_nic *nic, struct budget budget)
{
    return nic->address ? call_with(all, host, nic, "lease add", run_add, budget) : OK;
}

enum err hypervisor_lease_remove(struct hypervisors *all, const char *host, const struct guest_nic *nic, struct budget budget)
{
    return nic->address ? call_with(all, host, nic, "lease remove", run_remove, budget) : OK;
}
