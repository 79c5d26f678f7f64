"""What is really there, told by virsh and SQL and never by our own API: domains, volumes, claims, rows and tasks of a zone."""
import collections

from .wait import wait_for


def claims(zone, mariadb):
    """Consumers that hold something, as uuids."""
    rows = mariadb.sql(zone.schema, "SELECT DISTINCT HEX(c.uuid) FROM consumers c JOIN allocations a ON a.consumer_id = c.id")
    return {dashed(row[0]) for row in rows}


def tasks(zone, mariadb):
    """[subject uuid, kind] of everything that is not finished."""
    return [(dashed(subject), kind) for subject, kind in mariadb.sql(zone.schema, "SELECT HEX(subject), kind FROM tasks")]


def servers(zone, mariadb):
    """{uuid: (vm_state, task_state, host)} of the rows that are not deleted."""
    rows = mariadb.sql(zone.schema, "SELECT HEX(uuid), vm_state, task_state, host FROM servers WHERE NOT deleted")
    return {dashed(row[0]): tuple(row[1:]) for row in rows}


def overcommitted(zone, mariadb):
    """[provider, class, used, capacity] of what is claimed beyond its capacity."""
    return mariadb.sql(zone.schema, """
        SELECT HEX(p.uuid), i.resource_class_id, SUM(a.used), (i.total - i.reserved) * i.allocation_ratio
        FROM resource_providers p JOIN inventories i ON i.resource_provider_id = p.id
        JOIN allocations a ON a.resource_provider_id = p.id AND a.resource_class_id = i.resource_class_id
        GROUP BY p.uuid, i.resource_class_id, i.total, i.reserved, i.allocation_ratio
        HAVING SUM(a.used) > (i.total - i.reserved) * i.allocation_ratio""")


def dashed(digits):
    digits = digits.lower()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def left_of(zone, mariadb, hosts, server_id):
    """In words, what is left of a server that should be gone."""
    pool = f"pool-{zone.name}"
    found = [f"domain on {host.name}" for host in hosts if server_id in host.domain_uuids()]
    found += [f"volume {name} on {host.name}" for host in hosts for name in host.volumes(pool) if server_id in name]
    found += ["claim"] if server_id in claims(zone, mariadb) else []
    found += ["row"] if server_id in servers(zone, mariadb) else []
    found += [f"task {kind}" for subject, kind in tasks(zone, mariadb) if subject == server_id]
    return found


def assert_nothing_left(zone, mariadb, hosts, server_id, seconds=30):
    wait_for(lambda: not left_of(zone, mariadb, hosts, server_id), seconds,
             lambda: f"everything of {server_id} to go; left: {left_of(zone, mariadb, hosts, server_id)}")


def disagreements(zone, mariadb, hosts):
    """In words, where rows, claims, domains and volumes of a quiet zone contradict each other."""
    rows, held = servers(zone, mariadb), claims(zone, mariadb)
    everywhere = [uuid for host in hosts for uuid in host.domain_uuids()]
    domains = set(everywhere)
    running = {uuid for host in hosts for uuid in host.running_uuids()}
    volumes = [name for host in hosts for name in host.volumes(f"pool-{zone.name}")]
    placed = {uuid for uuid, (_, _, host) in rows.items() if host}
    found = [f"domain {uuid} without a row" for uuid in domains - rows.keys()]
    found += [f"claim of {uuid} without a row" for uuid in held - rows.keys()]
    found += [f"{uuid} is {rows[uuid][0]} on a host without a claim" for uuid in placed - held]
    found += [f"{uuid} is active without a running domain" for uuid, row in rows.items() if row[0] == "active" and uuid not in running]
    found += [f"{uuid} is {row[0]}/{row[1]}: not finished" for uuid, row in rows.items() if row[0] == "building" or row[1]]
    found += [f"task {kind} of {subject}" for subject, kind in tasks(zone, mariadb)]
    found += [f"two domains of {uuid}" for uuid, count in collections.Counter(everywhere).items() if count > 1]
    found += [f"volume {name} without a row" for name in volumes if not any(uuid in name for uuid in rows) and looks_like_a_servers(name)]
    return found


def looks_like_a_servers(name):
    """Disks, config drives and consoles carry their server's uuid; an image's copy carries another."""
    return not name.startswith("image-") and name.count("-") >= 4
