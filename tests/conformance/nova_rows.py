"""The rows of nova_compare.py: what both clouds are asked, in this order, and the differences that stay.

A row is method, path and optional: `body` (a JSON value), `data` (raw text), `headers` (None leaves one out), `who` (member, other,
admin, or a name without a token), `versions` (microversions; None is no header), `keep` (name: the way to a value in the answer),
`until` (words of the body to wait for). {name} in paths and bodies is that side's own value.
"""
EVERY = [f"2.{minor}" for minor in range(1, 94)]
LAST = ["2.93"]
FIRST = ["2.1"]
ENDS = ["2.1", "2.93"]
NO_NETWORK = {"networks": "none"}
ZERO = "00000000-0000-0000-0000-000000000000"

# row, place, words (all regular expressions), why it stays
EXPECTED = (
    (r"GET /(v3|nothing|v2.1/versions/v2.1) *$", "status", "", "what is no route at the root answers 404, not 300 or 401"),
    (r"GET /flavors", r"header (Vary|.*Version)", "^None", "a version that is no version is answered with the headers of 2.1"),
    (r"(HEAD|OPTIONS) /servers|GET /(servers/|flavors/1/|/servers)$", "status", "", "HEAD is GET without its body; a slash at the end is forgiven"),
    (r"quota|limits", r"value .*(cores|instances|ram|maxTotal\w+)(\.limit)?$", r"-1\b", "compute_server.sh gives its projects no limits"),
    (r"hypervisors", r"value .*(disk|ram|memory|local|vcpus|running_vms|cpu_info|version|type|host_ip|workload)|\.features", "", "other machines"),
    (r"os-services|os-hypervisors|os-availability-zone|os-aggregates|by (uuid|number)", r"value .*(host|hosts\[\]|id|hypervisor_hostname|zone|zoneName|href|hosts\.\w+)$", "", "other hosts"),
    (r"os-availability-zone", r"key .*\.hosts\.(compute\d|control|h\d|conformance)", "", "other hosts"),
    (r"", r"value .*message$", r"^str \"Invalid uuid \d+", "other numbers"),
    (r"", r"value \.(\w+_links|links)\[\]\.href", "", "the order of parameters in links to next pages"),
    (r"os-keypairs", r"value .*(private_key|public_key|fingerprint)", "", "keys that are made are of type ed25519"),
    (r"servers|locked|stopped|paused|suspended|error|reset|changes", r"value .*(adminPass|availability_zone|instance_name|:host|hypervisor_hostname)$", "", "passwords are made up; other hosts"),
    (r"POST /servers", r"message", r"\*\*\*", "an error never repeats a secret"),
    (r"user_data': '§'", "status", "^500", "Nova fails on it"),
    (r"os-flavor-access|TenantAccess", r"message", r"flavor \d+ and|for \d+ /", "the flavor's number inside of Nova"),
    (r"", r"message", r"does not match( any of the regexes:)? '", "another notation of the same pattern"),
)


def row(method, path, versions=LAST, title=None, who="member", **more):
    shown = str(more.get("body", more.get("data", ""))) if more.keys() & {"body", "data"} else ""
    return {"method": method, "path": path, "versions": versions, "who": who, "title": title or f"{who} {method} {path} {shown}".strip()[:160], **more}


def get(path, versions=EVERY, **more):
    return row("GET", path, versions, **more)


def action(body, versions=LAST, server="{server}", **more):
    return row("POST", f"/servers/{server}/action", versions, body=body, **more)


def until(words, server="{server}"):
    return row("GET", f"/servers/{server}", until=words)


CLEAN = row("DELETE", "/servers", title="all servers of the member, between rows", clean=True)


def create(**members):
    return {"server": {"name": "compared", "flavorRef": "1", "imageRef": "{image}", **NO_NETWORK, **members}}


def without(*names, **members):
    return {"server": {key: value for key, value in create(**members)["server"].items() if key not in names}}


VERSIONS = [
    *[get(path, [None], root="", who=who) for path in ("/", "/v2.1", "/v2.1/", "/v2", "/v2/", "/v3", "/nothing", "/v2.1/versions/v2.1") for who in ("nobody", "member")],
    get("/", EVERY[::46]),
    *[get("/flavors", [version]) for version in ("2.0", "2.94", "2.999", "3.1", "1.1", "abc", "2", "2.01", "latest", "2.1.1", "")],
    *[get("/flavors", [None], headers=headers, title=f"GET /flavors {headers}") for headers in (
        {}, {"X-OpenStack-Nova-API-Version": "2.10"}, {"X-OpenStack-Nova-API-Version": "2.999"}, {"X-OpenStack-Nova-API-Version": "latest"},
        {"OpenStack-API-Version": "volume 3.1"}, {"OpenStack-API-Version": "volume 3.1, compute 2.20"}, {"OpenStack-API-Version": "compute"},
        {"OpenStack-API-Version": "compute 2.20", "X-OpenStack-Nova-API-Version": "2.10"}, {"OpenStack-API-Version": "nova 2.20"},
        {"Accept": "text/html"}, {"Accept": "application/xml"}, {"Accept": "application/json;q=0.1"}, {"X-Auth-Token": "none"}, {"X-Auth-Token": None})],
]

FORMS = [
    *[row(method, path, ENDS) for method, path in (
        ("PATCH", "/servers"), ("PUT", "/servers"), ("DELETE", "/servers"), ("HEAD", "/servers"), ("OPTIONS", "/servers"), ("POST", "/servers/detail"),
        ("GET", "/nothing"), ("POST", "/nothing"), ("PUT", "/flavors"), ("DELETE", "/flavors/detail"), ("PATCH", "/flavors/1"), ("GET", "/servers/{nobody}/nothing"),
        ("POST", "/servers/{nobody}"), ("GET", "/servers/{nobody}/action"), ("GET", "/servers/"), ("GET", "/flavors/1/"), ("GET", "//servers"),
        ("GET", "/{nobody}/servers"), ("GET", "/{member_project}/servers"), ("GET", "/{other_project}/servers"), ("GET", "/servers.json"))],
    *[row("POST", "/servers", [version], data=data, headers=headers, title=f"POST /servers {data!r} {headers}") for version in ENDS for data, headers in (
        ("", {}), ("{", {}), ("[]", {}), ("null", {}), ("7", {}), ("{}", {}), ('{"server": null}', {}), ('{"server": []}', {}), ('{"server": {}}', {}),
        ('{"server": {}, "more": 1}', {}), ("{}", {"Content-Type": "text/plain"}), ("{}", {"Content-Type": "application/xml"}),
        ("{}", {"Content-Type": "application/json; charset=utf-8"}), ("{}", {"Content-Type": None}), ("<a/>", {"Content-Type": "application/xml"}))],
    row("POST", "/servers", data='{"server": {"name": "' + "x" * 120000 + '"}}', title="POST /servers of 120 kB"),
    row("POST", "/flavors/1/action", data="{}", who="admin"),
    row("GET", "/servers", data='{"a": 1}', title="GET /servers with a body"),
    row("DELETE", "/servers/{nobody}", data='{"a": 1}', title="DELETE /servers/none with a body"),
]

FLAVORS = [
    *[get(path, who=who) for path in ("/flavors", "/flavors/detail", "/flavors/1", "/flavors/nothing", "/flavors/1/os-extra_specs", "/flavors/1/os-flavor-access")
      for who in ("member", "admin")],
    *[get(f"/flavors?{query}", ENDS, who=who) for who in ("member", "admin") for query in (
        "limit=1", "limit=0", "limit=-1", "limit=a", "limit=1&limit=2", "limit=", "marker=1", "marker=nothing", "minRam=100", "minRam=a", "minDisk=2", "minDisk=-1",
        "is_public=None", "is_public=false", "is_public=maybe", "sort_key=name&sort_dir=desc", "sort_key=nothing", "sort_dir=sideways", "sort_key=memory_mb", "unknown=1",
        "sort_key=vcpus&sort_key=name", "limit=1&sort_key=name&sort_dir=desc")],
    *[row("POST", "/flavors", ENDS, who="admin", body={"flavor": flavor}) for flavor in (
        {}, {"name": "f"}, {"name": "f", "ram": 1}, {"name": "f", "ram": 1, "vcpus": 1}, {"name": "", "ram": 1, "vcpus": 1, "disk": 1},
        {"name": "f", "ram": 0, "vcpus": 1, "disk": 1}, {"name": "f", "ram": "a", "vcpus": 1, "disk": 1}, {"name": "f", "ram": 1, "vcpus": -1, "disk": 1},
        {"name": "f", "ram": 1, "vcpus": 1, "disk": 99999999999}, {"name": "f", "ram": 1, "vcpus": 1, "disk": 1, "id": "a/b"}, {"name": " f", "ram": 1, "vcpus": 1, "disk": 1},
        {"name": "f" * 256, "ram": 1, "vcpus": 1, "disk": 1}, {"name": "f", "ram": 1, "vcpus": 1, "disk": 1, "rxtx_factor": 0},
        {"name": "f", "ram": 1, "vcpus": 1, "disk": 1, "swap": -1}, {"name": "f", "ram": 1, "vcpus": 1, "disk": 1, "unknown": 1},
        {"name": "f", "ram": 1, "vcpus": 1, "disk": 1, "os-flavor-access:is_public": "perhaps"}, {"name": "f", "ram": 1.5, "vcpus": 1, "disk": 1},
        {"name": "f", "ram": None, "vcpus": 1, "disk": 1}, {"name": "m1.tiny", "ram": 1, "vcpus": 1, "disk": 1}, {"name": "g", "ram": 1, "vcpus": 1, "disk": 1, "id": "1"})],
    row("POST", "/flavors", ENDS, body={"flavor": {"name": "f", "ram": 1, "vcpus": 1, "disk": 1}}),
    row("POST", "/flavors", ["2.54"], who="admin", body={"flavor": {"name": "f", "ram": 1, "vcpus": 1, "disk": 1, "description": "d"}}),
    row("POST", "/flavors", who="admin", body={"flavor": {"name": "compared", "ram": "64", "vcpus": "1", "disk": 0, "swap": 5, "OS-FLV-EXT-DATA:ephemeral": 1, "id": "compared",
                                                          "rxtx_factor": 1.5, "os-flavor-access:is_public": False, "description": "d"}}, keep={"flavor": ["flavor", "id"]}),
    row("POST", "/flavors", FIRST, who="admin", body={"flavor": {"name": "compared2", "ram": 64, "vcpus": 1, "disk": 1, "id": None}}, keep={"flavor2": ["flavor", "id"]}),
    get("/flavors/{flavor}", ENDS), get("/flavors/{flavor}", ENDS, who="admin"), get("/flavors/{flavor}/os-flavor-access", ENDS, who="admin"),
    row("PUT", "/flavors/{flavor}", ["2.1", "2.54", "2.55", "2.93"], who="admin", body={"flavor": {"description": "new"}}),
    row("PUT", "/flavors/{flavor}", who="admin", body={"flavor": {"name": "new"}}),
    row("PUT", "/flavors/{flavor}", who="member", body={"flavor": {"description": "new"}}),
    row("PUT", "/flavors/nothing", who="admin", body={"flavor": {"description": "new"}}),
    *[row("POST", "/flavors/{flavor}/os-extra_specs", ENDS, who="admin", body=body) for body in (
        {"extra_specs": {"hw:cpu_policy": "shared", "own": "1"}}, {"extra_specs": {"hw:cpu_policy": "nonsense"}}, {"extra_specs": {"hw:nothing": "1"}}, {"extra_specs": {}},
        {"extra_specs": {"a": None}}, {"extra_specs": {"a": 1}}, {"extra_specs": {"a b/c": "1"}}, {}, {"extra_specs": {"a": "x" * 256}}, {"extra_specs": {"": "1"}},
        {"extra_specs": {"a": {"b": 1}}}, {"extra_specs": []})],
    *[row("PUT", "/flavors/{flavor}/os-extra_specs/own", ENDS, who="admin", body=body) for body in ({"own": "2"}, {"other": "2"}, {"own": None}, {}, {"own": "1", "b": "1"})],
    *[get(f"/flavors/{{flavor}}/os-extra_specs{path}", ENDS, who=who) for path in ("", "/own", "/nothing") for who in ("member", "admin")],
    row("DELETE", "/flavors/{flavor}/os-extra_specs/own", ENDS, who="admin"),
    row("DELETE", "/flavors/nothing/os-extra_specs/own", ENDS, who="admin"),
    row("DELETE", "/flavors/{flavor}/os-extra_specs/own", ENDS),
    *[row("POST", f"/flavors/{flavor}/action", ["2.1", "2.7", "2.93"], who=who, body=body) for flavor, who, body in (
        ("{flavor}", "admin", {"addTenantAccess": {"tenant": "{member_project}"}}), ("{flavor}", "admin", {"addTenantAccess": {"tenant": "{nobody}"}}),
        ("{flavor}", "admin", {"addTenantAccess": {}}), ("1", "admin", {"addTenantAccess": {"tenant": "{member_project}"}}), ("{flavor}", "admin", {"unknown": {}}),
        ("{flavor}", "member", {"addTenantAccess": {"tenant": "{member_project}"}}), ("nothing", "admin", {"addTenantAccess": {"tenant": "{member_project}"}}),
        ("{flavor}", "admin", {"removeTenantAccess": {"tenant": "{other_project}"}}), ("{flavor}", "admin", {"removeTenantAccess": {"tenant": "{member_project}"}}))],
    row("DELETE", "/flavors/{flavor}", who="member"), row("DELETE", "/flavors/{flavor}", who="admin"), row("DELETE", "/flavors/{flavor}", who="admin"),
    row("DELETE", "/flavors/{flavor2}", FIRST, who="admin"),
]

KEY = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQDx8nkQv/zgGgB4rMYmIf+6A4l6Rr+o/6lHBQdW5aYd44bd8JttDCE/F/pNRr0lRE+PiqSPO8nDPHw0010JeMH9gYgnnFlyY3/OcJ02RhIPyyxYpv9FhY" \
      "+2YiUkpwFOcLImyrxEsYXpD/0d3ac30bNH6Sw9JD9UZHYcpSxsIbECHw== Generated-by-Nova"
KEYPAIRS = [
    get("/os-keypairs"), get("/os-keypairs/nothing"),
    *[row("POST", "/os-keypairs", ["2.1", "2.2", "2.10", "2.91", "2.92"], body={"keypair": keypair}) for keypair in (
        {}, {"name": ""}, {"name": "a/b", "public_key": KEY}, {"name": "k", "public_key": "nonsense"}, {"name": "k", "public_key": ""}, {"name": "k" * 256, "public_key": KEY},
        {"name": "k", "type": "other", "public_key": KEY}, {"name": "k", "public_key": KEY, "unknown": 1}, {"name": " k", "public_key": KEY}, {"name": 1, "public_key": KEY},
        {"name": "k", "public_key": "ssh-rsa AAAA"}, {"name": "k", "public_key": KEY, "user_id": "{other_user}"})],
    row("POST", "/os-keypairs", FIRST, body={"keypair": {"name": "one", "public_key": KEY}}),
    row("POST", "/os-keypairs", FIRST, body={"keypair": {"name": "made"}}),
    row("POST", "/os-keypairs", LAST, body={"keypair": {"name": "two@x.y", "public_key": KEY}}),
    row("POST", "/os-keypairs", ENDS, body={"keypair": {"name": "one", "public_key": KEY}}),
    get("/os-keypairs"), get("/os-keypairs/one"),
    *[get(f"/os-keypairs?{query}", ["2.1", "2.34", "2.35", "2.74", "2.93"]) for query in ("limit=1", "limit=0", "limit=a", "limit=-1", "marker=nothing", "marker=one", "user_id={other_user}",
                                                                                          "unknown=1", "limit=1&unknown=1", "user_id={member_user}")],
    get("/os-keypairs?user_id={member_user}", ENDS, who="admin"), get("/os-keypairs/one?user_id={member_user}", ENDS, who="admin"), get("/os-keypairs/one", ENDS, who="other"),
    row("DELETE", "/os-keypairs/nothing", ENDS), row("DELETE", "/os-keypairs/one", FIRST), row("DELETE", "/os-keypairs/made", LAST),
    row("DELETE", "/os-keypairs/two@x.y", LAST),
]

QUOTAS = [
    get("/limits"), get("/limits?tenant_id={other_project}", ENDS), get("/limits?tenant_id={member_project}", ENDS, who="admin"), get("/limits?reserved=1", ENDS), get("/limits?unknown=1", ENDS),
    *[get(f"/os-quota-sets/{{member_project}}{path}") for path in ("", "/detail", "/defaults")],
    *[get(f"/os-quota-sets/{path}", ENDS, who=who) for path in ("{other_project}", "{nobody}", "nothing", "{member_project}?user_id={member_user}", "{member_project}?user_id=nothing",
                                                                 "{member_project}?unknown=1", "{nobody}/defaults", "{other_project}/detail") for who in ("member", "admin")],
    *[row("PUT", "/os-quota-sets/{member_project}", ["2.1", "2.35", "2.36", "2.56", "2.57", "2.93"], who="admin", body={"quota_set": quota}) for quota in (
        {}, {"cores": 21}, {"cores": "22"}, {"cores": -2}, {"cores": "a"}, {"cores": None}, {"unknown": 1}, {"cores": 2147483648}, {"floating_ips": 1}, {"injected_files": 3},
        {"cores": 20, "force": True}, {"cores": 1.5}, {"instances": -1}, {"instances": 10, "force": "perhaps"}, {"tenant_id": "a", "cores": 20})],
    row("PUT", "/os-quota-sets/{member_project}", ENDS, body={"quota_set": {"cores": 1}}), row("PUT", "/os-quota-sets/{member_project}", ENDS, who="admin", body={}),
    row("PUT", "/os-quota-sets/{nobody}", ENDS, who="admin", body={"quota_set": {"cores": 1}}),
    row("PUT", "/os-quota-sets/{member_project}?user_id={member_user}", ENDS, who="admin", body={"quota_set": {"cores": 20}}),
    row("DELETE", "/os-quota-sets/{member_project}?user_id={member_user}", FIRST, who="admin"),
    row("DELETE", "/os-quota-sets/{member_project}", ENDS), row("DELETE", "/os-quota-sets/{member_project}", ENDS, who="admin"),
    get("/os-quota-class-sets/default", who="admin"), get("/os-quota-class-sets/other", ENDS, who="admin"), get("/os-quota-class-sets/default", ENDS),
    row("PUT", "/os-quota-class-sets/default", ENDS, who="admin", body={"quota_class_set": {"unknown": 1}}),
    row("PUT", "/os-quota-class-sets/default", ENDS, who="admin", body={"quota_class_set": {"key_pairs": 100}}),
]

GROUPS = [
    get("/os-server-groups"), get("/os-server-groups/{nobody}"), get("/os-server-groups/nothing", ENDS), get("/os-server-groups?all_projects=1", ENDS), get("/os-server-groups?limit=a", ENDS),
    get("/os-server-groups?unknown=1", ENDS), get("/os-server-groups?offset=-1", ENDS), get("/os-server-groups?all_projects=1", ENDS, who="admin"),
    *[row("POST", "/os-server-groups", ["2.1", "2.14", "2.15", "2.63", "2.64", "2.93"], body={"server_group": group}) for group in (
        {}, {"name": "g"}, {"name": "", "policies": ["affinity"]}, {"name": "g", "policies": []}, {"name": "g", "policies": ["nonsense"]}, {"name": "g", "policies": ["affinity", "anti-affinity"]},
        {"name": "g", "policy": "nonsense"}, {"name": "g", "policies": ["soft-nonsense"]}, {"name": "g", "policy": "affinity", "rules": {"max_server_per_host": 2}},
        {"name": "g", "policy": "anti-affinity", "rules": {"max_server_per_host": 0}}, {"name": "g", "policy": "anti-affinity", "rules": {"unknown": 1}}, {"name": "g" * 256, "policy": "affinity"},
        {"name": "g", "policies": ["affinity"], "unknown": 1})],
    row("POST", "/os-server-groups", FIRST, body={"server_group": {"name": "old", "policies": ["anti-affinity"]}}, keep={"group": ["server_group", "id"]}),
    row("POST", "/os-server-groups", LAST, body={"server_group": {"name": "new", "policy": "anti-affinity", "rules": {"max_server_per_host": 3}}}, keep={"group2": ["server_group", "id"]}),
    get("/os-server-groups"), get("/os-server-groups/{group}"), get("/os-server-groups/{group2}"), get("/os-server-groups/{group}", ENDS, who="other"), get("/os-server-groups?limit=1&offset=1", ENDS),
    row("DELETE", "/os-server-groups/{group}", ENDS, who="other"), row("DELETE", "/os-server-groups/{group}", FIRST), row("DELETE", "/os-server-groups/{group}", ENDS), row("DELETE", "/os-server-groups/{group2}"),
]

HOSTS = [
    *[get(path, who=who) for path in ("/os-services", "/os-hypervisors", "/os-hypervisors/detail", "/os-hypervisors/statistics", "/os-availability-zone", "/os-availability-zone/detail",
                                     "/os-aggregates", "/os-hosts") for who in ("admin",)],
    *[get(path, ENDS) for path in ("/os-services", "/os-hypervisors", "/os-hypervisors/detail", "/os-hypervisors/statistics", "/os-availability-zone", "/os-availability-zone/detail", "/os-aggregates",
                                   "/os-migrations", "/os-simple-tenant-usage", "/os-hypervisors/1", "/os-aggregates/1", "/os-hosts")],
    get("/os-hypervisors", FIRST, who="admin", keep={"hypervisor_id": ["hypervisors", 0, "id"]}, title="hypervisors by number"),
    get("/os-hypervisors", LAST, who="admin", keep={"hypervisor": ["hypervisors", 0, "id"], "hypervisor_name": ["hypervisors", 0, "hypervisor_hostname"]}, title="hypervisors by uuid"),
    get("/os-services?binary=nova-compute", LAST, who="admin", keep={"service": ["services", 0, "id"], "service_host": ["services", 0, "host"]}, title="services by uuid"),
    *[get(f"/os-hypervisors/{path}", ["2.1", "2.27", "2.28", "2.52", "2.53", "2.74", "2.75", "2.87", "2.88", "2.93"], who="admin") for path in (
        "{hypervisor}", "{hypervisor_id}", "nothing", "{nobody}", "{hypervisor}/uptime", "{hypervisor_id}/uptime", "{hypervisor_name}/search", "{hypervisor_name}/servers", "nothing/search",
        "nothing/servers", "{hypervisor}?with_servers=1", "{hypervisor}?with_servers=perhaps", "{hypervisor}?unknown=1", "99999")],
    *[get(f"/os-hypervisors?{query}", ["2.1", "2.32", "2.33", "2.52", "2.53", "2.93"], who="admin") for query in (
        "limit=1", "limit=0", "limit=a", "limit=-1", "marker={nobody}", "marker=99999", "hypervisor_hostname_pattern={hypervisor_name}", "hypervisor_hostname_pattern=nothing", "with_servers=true",
        "hypervisor_hostname_pattern=a&limit=1", "unknown=1")],
    *[get(f"/os-services?{query}", ["2.1", "2.74", "2.75", "2.93"], who="admin") for query in ("binary=nova-compute", "binary=nothing", "host={service_host}", "host=nothing", "unknown=1", "binary=")],
    *[row("PUT", f"/os-services/{path}", ["2.1", "2.10", "2.11", "2.52", "2.53", "2.93"], who="admin", body=body) for path, body in (
        ("disable", {"host": "{service_host}", "binary": "nova-compute"}), ("disable-log-reason", {"host": "{service_host}", "binary": "nova-compute", "disabled_reason": "why"}),
        ("enable", {"host": "{service_host}", "binary": "nova-compute"}), ("enable", {"host": "nothing", "binary": "nova-compute"}), ("enable", {"host": "{service_host}", "binary": "nothing"}),
        ("enable", {"host": "{service_host}"}), ("enable", {}), ("nothing", {"host": "{service_host}", "binary": "nova-compute"}),
        ("disable-log-reason", {"host": "{service_host}", "binary": "nova-compute"}), ("force-down", {"host": "{service_host}", "binary": "nova-compute", "forced_down": False}),
        ("{service}", {"status": "disabled", "disabled_reason": "why"}), ("{service}", {"status": "enabled"}), ("{service}", {"status": "nonsense"}), ("{service}", {}),
        ("{service}", {"forced_down": False}), ("{service}", {"disabled_reason": "alone"}), ("{service}", {"status": "enabled", "disabled_reason": "why"}), ("{nobody}", {"status": "enabled"}),
        ("1", {"status": "enabled"}))],
    row("PUT", "/os-services/{service}", ENDS, body={"status": "enabled"}),
    row("DELETE", "/os-services/{nobody}", ENDS, who="admin"), row("DELETE", "/os-services/nothing", ENDS, who="admin"), row("DELETE", "/os-services/{service}", ENDS),
    *[get(f"/os-aggregates/{path}", ENDS, who="admin") for path in ("99999", "nothing", "0", "-1")],
    *[row("POST", "/os-aggregates", ENDS, who="admin", body={"aggregate": body}) for body in (
        {}, {"name": ""}, {"name": "a" * 256}, {"name": "a", "availability_zone": ""}, {"name": "a", "availability_zone": "a:b"}, {"name": "a", "unknown": 1}, {"name": " a"}, {"name": 1})],
    row("POST", "/os-aggregates", ENDS, body={"aggregate": {"name": "a"}}),
    row("POST", "/os-aggregates", LAST, who="admin", body={"aggregate": {"name": "compared", "availability_zone": "az1"}}, keep={"aggregate": ["aggregate", "id"]}),
    row("POST", "/os-aggregates", FIRST, who="admin", body={"aggregate": {"name": "compared2"}}, keep={"aggregate2": ["aggregate", "id"]}),
    row("POST", "/os-aggregates", ENDS, who="admin", body={"aggregate": {"name": "compared"}}),
    get("/os-aggregates", ["2.1", "2.40", "2.41", "2.93"], who="admin"), get("/os-aggregates/{aggregate}", ["2.1", "2.40", "2.41", "2.93"], who="admin"),
    *[row("PUT", "/os-aggregates/{aggregate}", ENDS, who="admin", body={"aggregate": body}) for body in ({}, {"name": "compared2"}, {"availability_zone": "az2"}, {"name": "renamed"}, {"unknown": 1},
                                                                                                           {"availability_zone": None}, {"name": None})],
    row("PUT", "/os-aggregates/99999", ENDS, who="admin", body={"aggregate": {"name": "n"}}),
    *[row("POST", "/os-aggregates/{aggregate}/action", ENDS, who="admin", body=body) for body in (
        {"add_host": {"host": "{service_host}"}}, {"add_host": {"host": "nothing"}}, {"add_host": {}}, {"unknown": {}}, {"set_metadata": {"metadata": {"a": "b", "ssd": None}}},
        {"set_metadata": {"metadata": {"a": None}}}, {"set_metadata": {"metadata": {"a": 1}}}, {"set_metadata": {}}, {"remove_host": {"host": "nothing"}}, {"add_host": {"host": "{service_host}"}, "b": 1}, {})],
    row("DELETE", "/os-aggregates/{aggregate}", ENDS, who="admin"),
    get("/os-aggregates/{aggregate}", ENDS, who="admin"), get("/os-availability-zone", ENDS), get("/os-availability-zone/detail", ENDS, who="admin"),
    row("POST", "/os-aggregates/{aggregate}/images", ["2.80", "2.81", "2.93"], who="admin", body={"cache": [{"id": "nothing"}]}),
    row("POST", "/os-aggregates/{aggregate}/images", ["2.80", "2.81", "2.93"], who="admin", body={"cache": []}),
    row("POST", "/os-aggregates/{aggregate}/action", FIRST, who="admin", body={"remove_host": {"host": "{service_host}"}}),
    row("DELETE", "/os-aggregates/{aggregate}", FIRST, who="admin"), row("DELETE", "/os-aggregates/{aggregate2}", LAST, who="admin"), row("DELETE", "/os-aggregates/{aggregate2}", ENDS, who="admin"),
    *[get(f"/os-simple-tenant-usage{path}", ["2.1", "2.39", "2.40", "2.74", "2.75", "2.93"], who="admin") for path in (
        "", "/{member_project}", "/{nobody}", "?detailed=1", "?start=nonsense", "?start=2030-01-01T00:00:00&end=2020-01-01T00:00:00", "?limit=a", "?unknown=1", "?marker={nobody}", "?detailed=x")],
    get("/os-simple-tenant-usage/{member_project}", ENDS), get("/os-simple-tenant-usage/{other_project}", ENDS),
    get("/os-migrations", who="admin"),
    *[get(f"/os-migrations?{query}", ["2.1", "2.58", "2.59", "2.65", "2.66", "2.79", "2.80", "2.93"], who="admin") for query in (
        "limit=1", "limit=a", "marker={nobody}", "changes-since=nonsense", "changes-since=2020-01-01T00:00:00Z", "changes-before=2020-01-01T00:00:00Z", "user_id=a", "project_id=a", "unknown=1",
        "status=done", "host=h", "instance_uuid={nobody}", "migration_type=resize", "hidden=x")],
    get("/extensions", ENDS), get("/extensions/os-keypairs", ENDS), get("/extensions/nothing", ENDS),
    *[get(path, ["2.1", "2.35", "2.36", "2.93"]) for path in ("/images", "/images/detail", "/os-networks", "/os-tenant-networks", "/os-volumes", "/os-snapshots", "/os-fixed-ips/1", "/os-floating-ips",
      "/os-floating-ip-pools", "/os-floating-ips-bulk", "/os-floating-ip-dns", "/os-security-groups", "/os-security-group-default-rules", "/os-cells", "/os-certificates/root", "/os-cloudpipe", "/os-fping",
      "/os-agents", "/os-baremetal-nodes", "/os-instance_usage_audit_log", "/os-assisted-volume-snapshots", "/os-console-auth-tokens/x", "/os-server-external-events", "/os-virtual-interfaces")],
]

BAD_CREATES = (
    without("name"), without("flavorRef"), without("imageRef"), without("networks"), create(name=""), create(name=" "), create(name="a" * 256), create(name=1), create(name=" a "), create(name=None),
    create(flavorRef="nothing"), create(flavorRef=""), create(flavorRef=None), create(flavorRef=1), create(imageRef="nothing"), create(imageRef=ZERO), create(imageRef=""), create(imageRef=None), create(imageRef=7),
    create(metadata={"a": 1}), create(metadata={"": "1"}), create(metadata={"a": "x" * 256}), create(metadata={"a" * 256: "x"}), create(metadata=[]), create(metadata={"a/b": "1"}), create(metadata={str(n): "1" for n in range(129)}),
    create(key_name="nothing"), create(key_name=""), create(key_name=1), create(min_count=0), create(min_count=2, max_count=1), create(min_count="a"), create(max_count=-1), create(min_count=1.5), create(min_count=""),
    create(availability_zone="nothing"), create(availability_zone="a:b:c:d"), create(availability_zone=""), create(availability_zone=1), create(user_data="§"), create(user_data="a" * 70000), create(config_drive="perhaps"),
    create(accessIPv4="1.2.3"), create(accessIPv6="1.2.3.4"), create(unknown=1), create(tags=["a", "a"]), create(tags=["a/b"]), create(tags=["a" * 61]), create(tags=[""]), create(tags=[str(n) for n in range(51)]), create(tags="a"),
    create(description="d" * 256), create(description=None), create(trusted_image_certificates=[]), create(trusted_image_certificates=["a", "a"]), create(host="nothing"), create(hypervisor_hostname="nothing"), create(hostname="a b"), create(hostname=""),
    create(hostname="a.b"), create(hostname="ok", min_count=2), create(networks=[]), create(networks="nonsense"), create(networks=7), create(networks=[{"uuid": "nothing"}]), create(networks=[{"unknown": 1}]), create(security_groups=[{}]),
    create(security_groups=[{"name": ""}]), create(security_groups="default"), create(personality=[{"path": "/a", "contents": "YQ=="}]), create(personality=[{"path": "/a"}]), create(personality=[{"path": "/a", "contents": "?"}]),
    create(personality=[{"path": f"/{n}", "contents": "YQ=="} for n in range(6)]), create(block_device_mapping_v2=[{"boot_index": 0, "source_type": "nonsense"}]), create(block_device_mapping_v2={}),
    create(block_device_mapping_v2=[{"boot_index": 0, "source_type": "image", "uuid": "{image}", "destination_type": "volume", "volume_size": 0}]), create(adminPass=1), create(adminPass=""), create(return_reservation_id="perhaps"),
    create(block_device_mapping_v2=[{"source_type": "blank", "destination_type": "local", "boot_index": -1, "guest_format": "swap", "volume_size": 999}]),
    {**create(), "os:scheduler_hints": {"group": "nothing"}}, {**create(), "os:scheduler_hints": {"group": ZERO}}, {**create(), "os:scheduler_hints": {"same_host": "nothing"}}, {**create(), "os:scheduler_hints": []},
    {**create(), "unknown": 1}, {**create(), "os:scheduler_hints": {"build_near_host_ip": "x"}}, {**create(), "os:scheduler_hints": {"query": []}},
    {"server": create(), "more": {}}, create(**{"OS-DCF:diskConfig": "SOMETIMES"}), create(min_count=11), create(min_count=1, max_count=11, return_reservation_id=True, name="never", flavorRef="nothing"))

NO_LIMITS = row("PUT", "/os-quota-sets/{member_project}", who="admin", always=True, body={"quota_set": {"cores": -1, "instances": -1, "ram": -1}})
CREATES = [
    NO_LIMITS,
    *[row("POST", "/servers", LAST, body=body) for body in BAD_CREATES],
    *[row("POST", "/servers", FIRST, body={**body, "server": {key: value for key, value in body["server"].items() if key != "networks"}}) for body in BAD_CREATES[3:] if body["server"].keys() & {"name"}
      and body["server"].get("flavorRef") == "1" and body["server"]["name"] == "compared" and body.keys() == {"server"} and len(body["server"]) > 4 and "description" not in body["server"]
      and body["server"].get("adminPass") != "" and body["server"].get("description") is None and "trusted_image_certificates" not in body["server"] and body["server"].get("config_drive") != ""
      and "personality" not in body["server"]],
    row("POST", "/servers", ["2.56", "2.57"], body=create(personality=[{"path": f"/{n}", "contents": "YQ=="} for n in range(6)])),
    row("POST", "/servers", ["2.56"], body=create(personality=[{"path": "/a", "contents": "?"}])),
    row("POST", "/servers", ["2.36"], body=create()), row("POST", "/servers", ["2.18"], body=without("networks", description="d")),
    row("POST", "/servers", ["2.51"], body=create(tags=["a"])), row("POST", "/servers", ["2.73"], who="admin", body=create(host="nothing")), row("POST", "/servers", LAST, who="admin", body=create(host="nothing")),
    row("POST", "/servers", LAST, who="admin", body=create(availability_zone="nova:nothing")), row("POST", "/servers", LAST, who="admin", body=create(host="a", availability_zone="nova:b")),
    row("POST", "/servers", LAST, body=create(availability_zone="nova:nothing")),
    CLEAN,
    row("POST", "/servers", LAST, body=create(name="one", metadata={"a": "b"}, tags=["t1", "t2"], description="d", accessIPv4="1.2.3.4", hostname="own", adminPass="secret"), keep={"server": ["server", "id"]}),
    row("POST", "/servers", FIRST, body=without("networks", name="two"), keep={"server2": ["server", "id"]}),
    until(["ACTIVE", "ERROR"]), until(["ACTIVE", "ERROR"], "{server2}"),
]

SERVERS = [
    *[get(path, who=who) for path in ("/servers/{server}", "/servers/{server2}", "/servers", "/servers/detail") for who in ("member", "admin")],
    *[get(f"/servers/{{server}}/{path}") for path in ("metadata", "tags", "os-instance-actions", "ips", "os-interface", "os-volume_attachments", "diagnostics", "os-security-groups", "os-server-password", "topology", "migrations",
                                                   "os-virtual-interfaces", "consoles", "remote-consoles")],
    *[get(f"/servers/{{server}}/{path}", who="admin") for path in ("diagnostics", "topology", "migrations", "os-instance-actions")],
    get("/servers/{server}", ENDS, who="other"), get("/servers/{nobody}", ENDS), get("/servers/nothing", ENDS), get("/servers/detail?all_tenants=1", ENDS, who="admin"), get("/servers?all_tenants=1", ENDS),
    get("/servers?all_tenants=perhaps", ENDS, who="admin"),
    *[get(f"/servers{detail}?{query}", ["2.1", "2.25", "2.26", "2.37", "2.38", "2.65", "2.66", "2.72", "2.73", "2.74", "2.75", "2.82", "2.83", "2.89", "2.90", "2.93"], who=who) for who in ("member", "admin") for detail in ("", "/detail") for query in (
        ("limit=1", "limit=0", "limit=-1", "limit=a", "marker={nobody}", "marker=nothing", "marker={server}", "limit=1&sort_key=display_name", "sort_key=nothing", "sort_key=uuid&sort_dir=asc", "sort_dir=sideways",
         "sort_key=host", "sort_key=locked", "sort_key=id", "sort_key=created_at&sort_dir=desc&sort_dir=asc", "status=active", "status=nonsense", "status=deleted", "status=ACTIVE&status=ERROR", "name=one", "name=%5B",
         "name=(", "flavor=1", "flavor=nothing", "image={image}", "ip=1.2", "ip=(", "changes-since=nonsense", "changes-since=2020-01-01T00:00:00Z", "changes-before=2020-01-01T00:00:00Z", "changes-since=2030-01-01T00:00:00Z",
         "changes-since=2030-01-01T00:00:00Z&changes-before=2020-01-01T00:00:00Z", "tags=t1", "tags=t1,t9", "tags-any=t1,t9", "not-tags=t1", "not-tags-any=t9", "locked=true", "locked=perhaps", "deleted=true", "unknown=1",
         "metadata=%7B%7D", "_private=1", "host=compute1", "tenant_id={other_project}", "project_id=x", "uuid={server}", "vm_state=active", "power_state=1", "power_state=a", "task_state=none", "availability_zone=nova",
         "config_drive=true", "key_name=x", "reservation_id=r-x", "hostname=own", "description=d", "user_id={member_user}", "ip6=fe", "node=x", "progress=0", "created_at=2020-01-01", "all_tenants=")
        if detail == "" or who == "member" else ("limit=1", "deleted=true", "host=compute1", "status=deleted"))],
    *[row("PUT", "/servers/{server2}", ["2.1", "2.18", "2.19", "2.89", "2.90", "2.93"], body={"server": body}) for body in (
        {}, {"name": ""}, {"name": "a" * 256}, {"name": " renamed "}, {"name": "renamed"}, {"description": "d"}, {"description": None}, {"description": "d" * 256}, {"accessIPv4": "nonsense"}, {"accessIPv4": "1.2.3.4"}, {"accessIPv6": "::1"},
        {"unknown": 1}, {"hostname": "new"}, {"hostname": "a b"}, {"OS-DCF:diskConfig": "AUTO"}, {"OS-DCF:diskConfig": "x"}, {"name": None})],
    row("PUT", "/servers/{server2}", ["2.74", "2.75", "2.93"], body={"server": {"name": "two"}}), row("PUT", "/servers/{server2}", ENDS, body={}), row("PUT", "/servers/{nobody}", ENDS, body={"server": {"name": "a"}}),
    *[row(method, f"/servers/{{server2}}/metadata{path}", ENDS, body=body) for method, path, body in (
        ("POST", "", {}), ("POST", "", {"metadata": {"a": 1}}), ("POST", "", {"metadata": {}}), ("POST", "", {"metadata": {"a": "b", "c": "d"}}), ("PUT", "", {"metadata": {"e": "f"}}), ("PUT", "", {"metadata": {"": "f"}}),
        ("PUT", "", {}), ("PUT", "/e", {"meta": {"e": "g"}}), ("PUT", "/e", {"meta": {"x": "g"}}), ("PUT", "/e", {"meta": {}}), ("PUT", "/e", {"meta": {"e": 1}}), ("PUT", "/e", {}), ("POST", "", {"metadata": {"a" * 256: "b"}}),
        ("POST", "", {"metadata": {str(n): "1" for n in range(129)}}), ("PUT", "/e", {"meta": {"e": "1", "f": "2"}}))],
    get("/servers/{server2}/metadata/e", ENDS), get("/servers/{server2}/metadata/nothing", ENDS), row("DELETE", "/servers/{server2}/metadata/e"), row("DELETE", "/servers/{server2}/metadata/e", ENDS), get("/servers/{nobody}/metadata", ENDS),
    *[row(method, f"/servers/{{server2}}/tags{path}", ["2.25", "2.26", "2.93"], **more) for method, path, more in (
        ("PUT", "", {"body": {}}), ("PUT", "", {"body": {"tags": ["a", "b"]}}), ("PUT", "", {"body": {"tags": ["a/b"]}}), ("PUT", "", {"body": {"tags": [str(n) for n in range(51)]}}), ("PUT", "", {"body": {"tags": ["a" * 61]}}),
        ("PUT", "", {"body": {"tags": [1]}}), ("PUT", "/new", {}), ("PUT", "/new", {}), ("PUT", "/a,b", {}), ("PUT", "/" + "a" * 61, {}), ("GET", "/new", {}), ("GET", "/nothing", {}), ("DELETE", "/nothing", {}), ("GET", "", {}), ("DELETE", "", {}))],
    row("PUT", "/servers/{server2}/tags/one"), row("DELETE", "/servers/{server2}/tags/one"), get("/servers/{nobody}/tags", ["2.26", "2.93"]),
    *[get(f"/servers/{{server}}/os-instance-actions{path}", ["2.1", "2.20", "2.21", "2.50", "2.51", "2.57", "2.58", "2.65", "2.66", "2.93"]) for path in (
        "/req-{nobody}", "/nothing", "?limit=1", "?limit=a", "?marker=nothing", "?changes-since=x", "?changes-since=2020-01-01T00:00:00Z", "?changes-before=2020-01-01T00:00:00Z", "?unknown=1")],
    get("/servers/{server}/os-instance-actions", LAST, keep={"action_request": ["instanceActions", 0, "request_id"]}, title="actions of a server"),
    get("/servers/{server}/os-instance-actions/{action_request}", ["2.1", "2.50", "2.51", "2.58", "2.62", "2.83", "2.84", "2.93"]), get("/servers/{server}/os-instance-actions/{action_request}", ["2.1", "2.51", "2.62", "2.84", "2.93"], who="admin"),
    get("/servers/{nobody}/os-instance-actions", ENDS), get("/servers/{server}/ips/nothing", ENDS), get("/servers/{nobody}/ips", ENDS), get("/servers/{nobody}/diagnostics", ENDS), get("/servers/{nobody}/os-interface", ENDS),
    get("/servers/{nobody}/os-volume_attachments", ENDS), get("/servers/{nobody}/topology", LAST), get("/servers/{nobody}/migrations", LAST, who="admin"), get("/servers/{server}/migrations/1", LAST, who="admin"),
    get("/servers/{server}/os-volume_attachments/{nobody}", ENDS), get("/servers/{server}/os-interface/{nobody}", ENDS),
    row("POST", "/servers/{server}/remote-consoles", ["2.5", "2.6", "2.93"], body={"remote_console": {"protocol": "nonsense", "type": "x"}}), row("POST", "/servers/{server}/remote-consoles", ["2.6", "2.93"], body={}),
    row("DELETE", "/servers/{server}/os-server-password"),
]

WRONG_STATES = [{"os-start": None}, {"unpause": None}, {"resume": None}, {"confirmResize": None}, {"revertResize": None}, {"unrescue": None}, {"unshelve": None}, {"shelveOffload": None}, {"restore": None}]
ACTIONS = [
    *[action(body, ["2.1", "2.93"], who=who) for who in ("member", "admin") for body in (
        {}, {"nonsense": None}, {"os-start": None, "os-stop": None}, *WRONG_STATES, {"os-start": {}}, {"os-start": "x"}, {"pause": {"a": 1}}, {"reboot": {}}, {"reboot": {"type": "nonsense"}}, {"reboot": None}, {"reboot": {"type": "SOFT", "x": 1}},
        {"resize": {}}, {"resize": {"flavorRef": "nothing"}}, {"resize": {"flavorRef": "1"}}, {"resize": None}, {"rebuild": {}}, {"rebuild": {"imageRef": "nothing"}}, {"rebuild": {"imageRef": ZERO}}, {"rebuild": {"imageRef": "{image}", "unknown": 1}},
        {"createImage": {}}, {"createImage": {"name": ""}}, {"createBackup": {}}, {"createBackup": {"name": "b", "backup_type": "d", "rotation": -1}}, {"changePassword": {}}, {"changePassword": {"adminPass": 1}}, {"os-resetState": {}},
        {"os-resetState": {"state": "nonsense"}}, {"os-getConsoleOutput": {"length": "a"}}, {"os-getConsoleOutput": {"length": -2}}, {"os-getConsoleOutput": {"x": 1}}, {"os-getVNCConsole": {}}, {"os-getVNCConsole": {"type": "nonsense"}},
        {"os-getVNCConsole": {"type": "novnc"}}, {"addSecurityGroup": {}}, {"addFixedIp": {}}, {"removeFixedIp": {}}, {"addFloatingIp": {}}, {"migrate": {}}, {"migrate": {"host": "nothing"}}, {"os-migrateLive": {}},
        {"os-migrateLive": {"host": "nothing", "block_migration": "auto"}}, {"evacuate": {}}, {"evacuate": {"host": "nothing"}}, {"lock": {"locked_reason": ""}}, {"lock": {"locked_reason": "x" * 256}}, {"lock": {"unknown": 1}}, {"rescue": {"unknown": 1}},
        {"trigger_crash_dump": {}}, {"unshelve": {"availability_zone": "nova"}}, {"unshelve": {}}, {"resetNetwork": None}, {"injectNetworkInfo": None}, {"forceDelete": {}}, {"os-getSerialConsole": {"type": "serial"}}, {"os-getSPICEConsole": {"type": "spice-html5"}},
        {"os-getRDPConsole": {"type": "rdp-html5"}})],
    action({"pause": None}, server="{nobody}"), action({"nonsense": None}, server="{nobody}"), action({"pause": None}, who="other"), action({"pause": None}, server="nothing"),
    row("POST", "/servers/{server}/action", data="", title="POST action with no body"), row("POST", "/servers/{server}/action", data="[]"), row("POST", "/servers/{server}/action", data='"pause"'),
    action({"os-getConsoleOutput": {}}, ENDS, title="console"), action({"os-getConsoleOutput": {"length": 5}}, ENDS, title="console 5"), action({"os-getConsoleOutput": {"length": "5"}}, ENDS, title="console '5'"),
    action({"lock": None}, ENDS), action({"os-stop": None}, ENDS), action({"os-stop": None}, who="admin", title="admin stops a locked one"), until(["SHUTOFF"]), action({"unlock": None}, ENDS), action({"unlock": None}, ENDS),
    action({"lock": {"locked_reason": "why"}}, ["2.72", "2.73"]), get("/servers/{server}", ENDS, title="a locked one"), row("DELETE", "/servers/{server}", ENDS), row("PUT", "/servers/{server}", ENDS, body={"server": {"name": "x"}}, title="rename a locked one"),
    action({"unlock": None}), get("/servers/{server}", ENDS, title="a stopped one"),
    *[action(body, ENDS, title=f"while stopped {body}") for body in ({"os-stop": None}, {"pause": None}, {"suspend": None}, {"unpause": None}, {"reboot": {"type": "SOFT"}}, {"resume": None}, {"os-getConsoleOutput": {}}, {"changePassword": {"adminPass": "x"}})],
    get("/servers/{server}/diagnostics", ENDS, who="admin", title="diagnostics of a stopped one"),
    action({"os-start": None}), until(["ACTIVE"]), action({"pause": None}), until(["PAUSED"]), get("/servers/{server}", ENDS, title="a paused one"),
    *[action(body, ENDS, title=f"while paused {body}") for body in ({"os-stop": None}, {"pause": None}, {"suspend": None}, {"os-start": None}, {"reboot": {"type": "SOFT"}})],
    action({"unpause": None}), until(["ACTIVE"]), action({"suspend": None}), until(["SUSPENDED"]), get("/servers/{server}", ENDS, title="a suspended one"),
    *[action(body, ENDS, title=f"while suspended {body}") for body in ({"os-stop": None}, {"pause": None}, {"suspend": None}, {"os-start": None}, {"unpause": None})],
    action({"resume": None}), until(["ACTIVE"]), action({"reboot": {"type": "hard"}}), until(["ACTIVE"]),
    action({"os-resetState": {"state": "error"}}, who="member"), action({"os-resetState": {"state": "error"}}, who="admin"), get("/servers/{server}", ["2.1", "2.69", "2.93"], title="one in error"),
    action({"os-start": None}, title="start in error"), action({"os-resetState": {"state": "active"}}, who="admin"), get("/servers/{server}", ENDS, title="one reset"),
    action({"nonsense": None}, root="/v2", title="v2 nonsense"), get("/servers/{server}", ["2.93"], root="/v2"), get("/servers/detail?unknown=1", [None], root="/v2"), row("PUT", "/servers/{server}", [None], root="/v2", body={"server": {"name": "one", "unknown": 1}}),
    row("POST", "/servers", [None], root="/v2", body={"server": {"name": "x", "flavorRef": "nothing", "imageRef": "{image}", "unknown": 1}}),
]

DELETES = [
    row("DELETE", "/servers/{nobody}", ENDS), row("DELETE", "/servers/nothing", ENDS), row("DELETE", "/servers/{server}", ENDS, who="other"),
    row("DELETE", "/servers/{server}"), action({"forceDelete": None}, server="{server2}"), row("GET", "/servers/{server}", until=["itemNotFound"]), row("GET", "/servers/{server2}", until=["itemNotFound"]),
    get("/servers/{server}", ENDS, title="a deleted one"), action({"pause": None}, title="an action on a deleted one"), row("DELETE", "/servers/{server}", title="delete a deleted one"),
    get("/servers/detail?deleted=1", ENDS, title="deleted ones", who="admin"), get("/servers/detail?changes-since=2020-01-01T00:00:00Z", ENDS, title="changes with deleted ones"),
    get("/servers/{server}/os-instance-actions", ENDS, who="admin", title="actions of a deleted one"),
    get("/servers/{server}/os-instance-actions", ENDS, title="actions of a deleted one, member"),
]

ROWS = VERSIONS + FORMS + FLAVORS + KEYPAIRS + QUOTAS + GROUPS + HOSTS + CREATES + SERVERS + ACTIONS + DELETES
