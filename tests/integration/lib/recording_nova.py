"""A plain OpenStack that answers as spec/client-calls.md shows: Keystone v3 (password logins, a catalog, tokens that end) and Nova
(version document, limits, servers in pages, show, actions, metadata, delete). All that it is asked is recorded."""
import calendar
import copy
import http.server
import json
import re
import threading
import time
import urllib.parse
import uuid

MAX_VERSION = "2.93"
DOMAIN = {"id": "default", "name": "Default"}


def iso(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


class Call:
    def __init__(self, handler, body):
        self.method = handler.command
        self.path, _, self.query = handler.path.partition("?")
        self.headers = {name.lower(): value for name, value in handler.headers.items()}
        self.body = body

    def __repr__(self):
        return f"{self.method} {self.path}?{self.query}"


class RecordingNova:
    """`projects` is {name: id}; the user `user` may use them all. Ports of its own; `identity_url` is Keystone's."""

    def __init__(self, projects, user="zonegate", password="s3cr3t-of-the-link", roles=("member", "reader")):
        self.projects = dict(projects)
        self.user, self.password, self.roles = user, password, list(roles)
        self.lock = threading.RLock()
        self.calls = []
        self.servers = {}  # id → its JSON, in detail
        self.deleted = {}
        self.tokens = {}  # token → (project id, end)
        self.lifetime = 3600.0
        self.page = 1000  # max_limit
        self.max_version = MAX_VERSION
        self.catalog_has_compute = True
        self.extra_headers = {}
        self.hold = threading.Event()  # cleared: it accepts, and stays silent
        self.hold.set()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self):
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(length) if length else b""
                outer.answer(self, Call(self, body))

            do_GET = do_POST = do_PUT = do_DELETE = handle_any

            def log_message(self, *_):  # what a test wants to know is in `calls`
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.root = f"http://127.0.0.1:{self.http.server_port}"
        self.identity_url = f"{self.root}/identity/v3"
        self.endpoint = f"{self.root}/compute/v2.1"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def close(self):
        self.hold.set()
        self.http.shutdown()
        self.http.server_close()

    # --- what a test says
    def add_server(self, name, project, created, **values):
        """`project` is a name; `created` seconds since 1970."""
        server_id = values.pop("id", None) or str(uuid.uuid4())
        server = {
            "id": server_id, "name": name, "status": "ACTIVE", "tenant_id": self.projects[project],
            "user_id": "ef8a18bc92f6450ebe90a84d2f8e16cb", "metadata": {}, "hostId": "c062876f06258b482305ed16ad628375",
            "image": {"id": "d4d60f38-88ee-40a0-91c7-2eef3d9cc00d",
                      "links": [{"rel": "bookmark", "href": f"{self.root}/compute/images/d4d60f38-88ee-40a0-91c7-2eef3d9cc00d"}]},
            "flavor": {"id": "42", "links": [{"rel": "bookmark", "href": f"{self.root}/compute/flavors/42"}]},
            "created": iso(created), "updated": iso(created), "addresses": {}, "accessIPv4": "", "accessIPv6": "",
            "links": [{"rel": "self", "href": f"{self.endpoint}/servers/{server_id}"},
                      {"rel": "bookmark", "href": f"{self.root}/compute/servers/{server_id}"}],
            "OS-DCF:diskConfig": "MANUAL", "progress": 0, "OS-EXT-AZ:availability_zone": "nova", "config_drive": "",
            "key_name": None, "OS-SRV-USG:launched_at": "2026-11-22T21:44:28.000000", "OS-SRV-USG:terminated_at": None,
            "OS-EXT-STS:task_state": None, "OS-EXT-STS:vm_state": "active", "OS-EXT-STS:power_state": 1,
            "os-extended-volumes:volumes_attached": [], **values}
        with self.lock:
            self.servers[server_id] = server
            self.touch(server)
        return server_id

    def touch(self, server):
        server["_changed"] = time.time()

    def expire_tokens(self):
        """Every token that was given out is refused from now on."""
        with self.lock:
            self.tokens.clear()

    def asked(self, method=None, path=None):
        """Calls so far whose path matches the regex."""
        with self.lock:
            return [call for call in self.calls if (not method or call.method == method) and (not path or re.search(path, call.path))]

    def forget_calls(self):
        with self.lock:
            self.calls.clear()

    # --- answering
    def answer(self, handler, call):
        with self.lock:
            self.calls.append(call)
        self.hold.wait(60)
        with self.lock:
            status, body, headers = self.route(call)
        data = b"" if body is None else json.dumps(body).encode()
        try:
            handler.send_response(status)
            for name, value in {**headers, **self.extra_headers}.items():
                handler.send_header(name, value)
            if body is not None:
                handler.send_header("Content-Type", "application/json")
            if status != 204:
                handler.send_header("Content-Length", str(len(data)))
            handler.end_headers()
            handler.wfile.write(data)
        except OSError:
            pass  # the asker went away

    def route(self, call):
        if call.path == "/identity/v3" and call.method == "GET":
            return 200, {"version": {"id": "v3.14", "status": "stable", "links": [{"rel": "self", "href": self.identity_url + "/"}]}}, {}
        if call.path == "/identity/v3/auth/tokens" and call.method == "POST":
            return self.login(json.loads(call.body))
        if call.path in ("/compute/v2.1", "/compute/v2.1/") and call.method == "GET":
            return 200, {"version": {"id": "v2.1", "status": "CURRENT", "version": self.max_version, "min_version": "2.1",
                                     "updated": "2013-07-23T11:33:21Z",
                                     "links": [{"rel": "self", "href": self.endpoint + "/"}]}}, {}
        if not call.path.startswith("/compute/v2.1/"):
            return 404, {"itemNotFound": {"code": 404, "message": "The resource could not be found."}}, {}
        return self.compute(call, call.path.removeprefix("/compute/v2.1"))

    def login(self, body):
        user = body["auth"]["identity"]["password"]["user"]
        scope = body["auth"]["scope"]["project"]
        project = scope.get("id") or self.projects.get(scope.get("name"))
        if (user["name"], user["password"]) != (self.user, self.password) or project not in self.projects.values():
            return 401, {"error": {"code": 401, "title": "Unauthorized",
                                   "message": "The request you have made requires authentication."}}, {}
        token = "gAAAAA" + uuid.uuid4().hex
        end = time.time() + self.lifetime
        self.tokens[token] = (project, end)
        name = next(name for name, known in self.projects.items() if known == project)
        catalog = [{"id": "i", "type": "identity", "name": "keystone", "endpoints": [
            {"id": "1", "interface": "public", "region": "RegionOne", "region_id": "RegionOne", "url": self.root + "/identity"}]}]
        if self.catalog_has_compute:
            catalog.append({"id": "c", "type": "compute", "name": "nova", "endpoints": [
                {"id": "2", "interface": "internal", "region": "RegionOne", "region_id": "RegionOne", "url": "http://10.0.0.1/inside"},
                {"id": "3", "interface": "public", "region": "RegionOne", "region_id": "RegionOne", "url": self.endpoint}]})
        return 201, {"token": {"methods": ["password"], "user": {"domain": DOMAIN, "id": "u1", "name": self.user},
                               "expires_at": time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime(end)),
                               "issued_at": iso(time.time()), "project": {"domain": DOMAIN, "id": project, "name": name},
                               "is_domain": False, "roles": [{"id": role, "name": role} for role in self.roles],
                               "catalog": catalog}}, {"X-Subject-Token": token}

    def compute(self, call, path):
        project, end = self.tokens.get(call.headers.get("x-auth-token"), (None, 0))
        if not project or time.time() >= end:
            return 401, {"error": {"code": 401, "title": "Unauthorized", "message": "The request you have made requires authentication."}}, {}
        asked = call.headers.get("openstack-api-version", "").removeprefix("compute ") or call.headers.get("x-openstack-nova-api-version")
        version = asked or "2.1"
        if [int(part) for part in version.split(".")] > [int(part) for part in self.max_version.split(".")]:
            message = f"Version {version} is not supported by the API. Minimum is 2.1 and maximum is {self.max_version}."
            return 406, {"computeFault": {"code": 406, "message": message}}, {}
        headers = {"OpenStack-API-Version": f"compute {version}", "X-OpenStack-Nova-API-Version": version,
                   "x-compute-request-id": "req-" + str(uuid.uuid4())}
        if path == "/limits":
            return 200, {"limits": {"rate": [], "absolute": {"maxTotalInstances": 10, "totalInstancesUsed": len(self.servers)}}}, headers
        if path in ("/servers", "/servers/detail") and call.method == "GET":
            return self.list(call, path, project, headers)
        match = re.fullmatch(r"/servers/([^/]+)(/.*)?", path)
        if not match:
            return 404, {"itemNotFound": {"code": 404, "message": "The resource could not be found."}}, headers
        server = self.servers.get(match[1])
        if not server or (server["tenant_id"] != project and "admin" not in self.roles):
            return 404, {"itemNotFound": {"code": 404, "message": f"Instance {match[1]} could not be found."}}, headers
        return self.one(call, server, match[2] or "", headers)

    def list(self, call, path, project, headers):
        query = urllib.parse.parse_qs(call.query, keep_blank_values=True)
        since = query.get("changes-since", [None])[0]
        rows = [server for server in self.servers.values() if server["tenant_id"] == project]
        if since:
            rows += [server for server in self.deleted.values() if server["tenant_id"] == project]
            rows = [server for server in rows if server["_changed"] >= self.seconds(since)]
        for key in ("name", "status"):
            if key in query:
                rows = [server for server in rows if re.search(query[key][0], server[key])]
        rows.sort(key=lambda server: (-self.seconds(server["created"]), server["id"]))
        if "marker" in query:
            known = [server["id"] for server in rows]
            if query["marker"][0] not in known:
                return 400, {"badRequest": {"code": 400, "message": f"marker [{query['marker'][0]}] not found"}}, headers
            rows = rows[known.index(query["marker"][0]) + 1:]
        limit = min(int(query.get("limit", [self.page])[0]), self.page)
        body = {"servers": [self.shown(server, path.endswith("detail")) for server in rows[:limit]]}
        if len(rows) > limit or (limit and len(rows[:limit]) == limit):
            body["servers_links"] = [{"rel": "next", "href": f"{self.endpoint}{path}?marker={rows[limit - 1]['id']}"}]
        return 200, body, headers

    @staticmethod
    def seconds(text):
        return calendar.timegm(time.strptime(text[:19], "%Y-%m-%dT%H:%M:%S"))

    @staticmethod
    def shown(server, detail=True):
        shown = copy.deepcopy(server)
        shown.pop("_changed", None)
        return shown if detail else {key: shown[key] for key in ("id", "name", "links")}

    def one(self, call, server, rest, headers):
        if not rest and call.method == "GET":
            return 200, {"server": self.shown(server)}, headers
        if not rest and call.method == "PUT":
            server.update(json.loads(call.body)["server"])
            self.touch(server)
            return 200, {"server": self.shown(server)}, headers
        if not rest and call.method == "DELETE":
            self.deleted[server["id"]] = {**server, "status": "DELETED"}
            del self.servers[server["id"]]
            self.touch(self.deleted[server["id"]])
            return 204, None, headers
        if rest == "/action" and call.method == "POST":
            if b"os-getConsoleOutput" in call.body:
                return 200, {"output": "a line\n"}, headers
            self.touch(server)
            return 202, None, headers
        if rest == "/metadata" and call.method == "GET":
            return 200, {"metadata": server["metadata"]}, headers
        if rest == "/metadata" and call.method == "POST":
            server["metadata"].update(json.loads(call.body)["metadata"])
            return 200, {"metadata": server["metadata"]}, headers
        return 404, {"itemNotFound": {"code": 404, "message": "The resource could not be found."}}, headers
