"""What nova_server.sh says: writes the configurations, starts the parts (nova_part.py) in order and fills them."""
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import requests

PASSWORD = "secret"
MEMBERS = [f"tempest{number}" for number in range(1, 9)]
ADMINS = [f"tempestadmin{number}" for number in range(1, 5)]
FLAVORS = [{"id": "1", "name": "m1.tiny", "vcpus": 1, "ram": 64, "disk": 1}, {"id": "2", "name": "m1.small", "vcpus": 2, "ram": 128, "disk": 2}]
IMAGES = ("cirros", "cirros-alt")
IMAGE_BYTES = 1 << 20
DATABASES = ("keystone", "glance", "placement", "nova_api", "nova_cell0", "nova")
PARTS = ("keystone", "glance", "placement", "nova")
START_SECONDS = 240
SERVICES = (("nova", "compute", 1, "/v2.1"), ("glance", "image", 2, ""), ("placement", "placement", 3, ""))

AUTH = """
[{section}]
www_authenticate_uri = {keystone}/v3
auth_url = {keystone}/v3
auth_type = password
username = service
password = {password}
project_name = service
user_domain_id = default
project_domain_id = default
region_name = RegionOne
"""

KEYSTONE = """[DEFAULT]
public_endpoint = {keystone}
[database]
connection = {database}
[token]
provider = fernet
expiration = 86400
[fernet_tokens]
key_repository = {directory}/fernet
[fernet_receipts]
key_repository = {directory}/fernet
[credential]
key_repository = {directory}/credential
[identity]
password_hash_rounds = 4
"""

GLANCE = """[DEFAULT]
enabled_backends = files:file
workers = 0
[database]
connection = {database}
[glance_store]
default_backend = files
[files]
filesystem_store_datadir = {directory}/images
[os_glance_staging_store]
filesystem_store_datadir = {directory}/staging
[os_glance_tasks_store]
filesystem_store_datadir = {directory}/tasks
[paste_deploy]
flavor = keystone
config_file = {directory}/glance-api-paste.ini
"""

GLANCE_PASTE = """[pipeline:glance-api-keystone]
pipeline = versionnegotiation authtoken context rootapp
[composite:rootapp]
paste.composite_factory = glance.api:root_app_factory
/: apiversions
/v2: apiv2app
[app:apiversions]
paste.app_factory = glance.api.versions:create_resource
[app:apiv2app]
paste.app_factory = glance.api.v2.router:API.factory
[filter:versionnegotiation]
paste.filter_factory = glance.api.middleware.version_negotiation:VersionNegotiationFilter.factory
[filter:context]
paste.filter_factory = glance.api.middleware.context:ContextMiddleware.factory
[filter:authtoken]
paste.filter_factory = keystonemiddleware.auth_token:filter_factory
delay_auth_decision = true
"""

PLACEMENT = """[placement_database]
connection = {database}
[api]
auth_strategy = keystone
"""

NOVA = """[DEFAULT]
state_path = {directory}
instances_path = {directory}/instances
compute_driver = fake.FakeDriver
transport_url = fake://
osapi_compute_listen = 127.0.0.1
osapi_compute_listen_port = {port}
osapi_compute_workers = 1
service_down_time = 600
allow_resize_to_same_host = true
max_concurrent_live_migrations = 1
rpc_response_timeout = 30
[api]
auth_strategy = keystone
[api_database]
connection = {database}_api
[database]
connection = {database}
[wsgi]
api_paste_config = {directory}/api-paste.ini
[oslo_concurrency]
lock_path = {directory}/locks
[key_manager]
backend = nova.keymgr.conf_key_mgr.ConfKeyManager
fixed_key = 0000000000000000000000000000000000000000000000000000000000000000
[scheduler]
workers = 1
[conductor]
workers = 1
[notifications]
notification_format = unversioned
"""

NOVA_PASTE = """[composite:osapi_compute]
use = call:nova.api.openstack.urlmap:urlmap_factory
/: oscomputeversions
/v2: oscomputeversion_legacy_v2
/v2.1: oscomputeversion_v2
/v2/+: openstack_compute_api_v21_legacy_v2_compatible
/v2.1/+: openstack_compute_api_v21
[composite:openstack_compute_api_v21]
use = call:nova.api.auth:pipeline_factory_v21
keystone = cors http_proxy_to_wsgi compute_req_id faultwrap request_log sizelimit authtoken keystonecontext osapi_compute_app_v21
[composite:openstack_compute_api_v21_legacy_v2_compatible]
use = call:nova.api.auth:pipeline_factory_v21
keystone = cors http_proxy_to_wsgi compute_req_id faultwrap request_log sizelimit authtoken keystonecontext legacy_v2_compatible osapi_compute_app_v21
[filter:request_log]
paste.filter_factory = nova.api.openstack.requestlog:RequestLog.factory
[filter:compute_req_id]
paste.filter_factory = nova.api.compute_req_id:ComputeReqIdMiddleware.factory
[filter:faultwrap]
paste.filter_factory = nova.api.openstack:FaultWrapper.factory
[filter:sizelimit]
paste.filter_factory = oslo_middleware:RequestBodySizeLimiter.factory
[filter:http_proxy_to_wsgi]
paste.filter_factory = oslo_middleware.http_proxy_to_wsgi:HTTPProxyToWSGI.factory
[filter:legacy_v2_compatible]
paste.filter_factory = nova.api.openstack:LegacyV2CompatibleWrapper.factory
[app:osapi_compute_app_v21]
paste.app_factory = nova.api.openstack.compute:APIRouterV21.factory
[pipeline:oscomputeversions]
pipeline = cors faultwrap request_log http_proxy_to_wsgi oscomputeversionapp
[pipeline:oscomputeversion_v2]
pipeline = cors compute_req_id faultwrap request_log http_proxy_to_wsgi oscomputeversionapp_v2
[pipeline:oscomputeversion_legacy_v2]
pipeline = cors compute_req_id faultwrap request_log http_proxy_to_wsgi legacy_v2_compatible oscomputeversionapp_v2
[app:oscomputeversionapp]
paste.app_factory = nova.api.openstack.compute.versions:Versions.factory
[app:oscomputeversionapp_v2]
paste.app_factory = nova.api.openstack.compute.versions:VersionsV2.factory
[filter:cors]
paste.filter_factory = oslo_middleware.cors:filter_factory
oslo_config_project = nova
[filter:keystonecontext]
paste.filter_factory = nova.api.auth:NovaKeystoneContext.factory
[filter:authtoken]
paste.filter_factory = keystonemiddleware.auth_token:filter_factory
"""


class Stopped(Exception):
    pass


def stop(number, _):
    raise Stopped(number)


class Part:
    """A program of the throw-away cloud; its words are in DIRECTORY/NAME.log."""

    def __init__(self, name, command, directory):
        self.name = name
        self.log = directory / f"{name}.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def wait_for(self, answers):
        """Until `answers()` is true; a part that ends or stays silent ends the program with its last words."""
        deadline = time.monotonic() + START_SECONDS
        while not answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"nova_server: {self.name} does not answer\n{self.tail()}")
            time.sleep(0.2)

    def tail(self):
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-25:])

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def listens(url):
    try:
        return requests.get(url, timeout=5).status_code in (200, 300, 401)
    except requests.RequestException:
        return False


class Cloud:
    def __init__(self, directory, port):
        self.directory = directory
        self.port = port
        self.parts = []
        self.keystone = f"http://127.0.0.1:{port}"
        self.token = None

    def database_url(self, name):
        return f"mysql+pymysql://root@localhost/{name}?unix_socket={self.directory}/sock"

    def start_database(self):
        at = self.directory
        subprocess.run(["mariadb-install-db", "--no-defaults", "--user=root", f"--datadir={at}/data", f"--tmpdir={at}",
                        "--auth-root-authentication-method=normal", "--skip-test-db"], check=True, capture_output=True)
        server = Part("mariadbd", ["mariadbd", "--no-defaults", "--user=root", f"--datadir={at}/data", f"--tmpdir={at}", f"--socket={at}/sock",
                                   "--skip-networking", "--innodb-flush-log-at-trx-commit=2", "--skip-log-bin", "--max-connections=400",
                                   "--performance-schema=OFF"], at)
        self.parts.append(server)
        statements = "".join(f"CREATE DATABASE {name} CHARACTER SET utf8mb3;" for name in DATABASES)
        command = ["mariadb", "--no-defaults", "--user=root", f"--socket={at}/sock", "-e"]
        server.wait_for(lambda: subprocess.run([*command, "SELECT 1"], capture_output=True, check=False).returncode == 0)
        subprocess.run([*command, statements], check=True)

    def write_configurations(self):
        at = self.directory
        auth = {"keystone": self.keystone, "password": PASSWORD}
        (at / "keystone.conf").write_text(KEYSTONE.format(database=self.database_url("keystone"), directory=at, keystone=self.keystone))
        (at / "glance-api.conf").write_text(GLANCE.format(database=self.database_url("glance"), directory=at)
                                            + AUTH.format(section="keystone_authtoken", **auth))
        (at / "glance-api-paste.ini").write_text(GLANCE_PASTE)
        (at / "placement.conf").write_text(PLACEMENT.format(database=self.database_url("placement"))
                                           + AUTH.format(section="keystone_authtoken", **auth))
        nova = NOVA.format(database="@", directory=at, port=self.port + 1)
        for name in ("nova_api", "nova"):
            nova = nova.replace(name.replace("nova", "@") + "\n", self.database_url(name) + "\n", 1)
        sections = ("keystone_authtoken", "placement", "glance", "neutron", "cinder", "service_user")
        (at / "nova.conf").write_text(nova + "".join(AUTH.format(section=section, **auth) for section in sections))
        (at / "api-paste.ini").write_text(NOVA_PASTE)
        for name in ("fernet", "credential", "images", "staging", "tasks", "instances", "locks"):
            (at / name).mkdir(mode=0o700)

    def start_part(self, name, url):
        here = pathlib.Path(__file__).parent
        part = Part(name, [sys.executable, str(here / "nova_part.py"), name, str(self.directory), str(self.port + PARTS_PORTS[name])], self.directory)
        self.parts.append(part)
        return part, url

    def call(self, method, url, body=None, **headers):
        answer = requests.request(method, url, json=body, headers={"X-Auth-Token": self.token or "", **headers}, timeout=60)
        if answer.status_code >= 300:
            sys.exit(f"nova_server: {method} {url}: {answer.status_code} {answer.text}")
        return answer

    def identity(self, method, path, body=None):
        answer = self.call(method, f"{self.keystone}/v3{path}", body)
        return answer.json() if answer.content else {}

    def login(self):
        scope = {"project": {"name": "admin", "domain": {"id": "default"}}}
        user = {"name": "admin", "password": PASSWORD, "domain": {"id": "default"}}
        body = {"auth": {"identity": {"methods": ["password"], "password": {"user": user}}, "scope": scope}}
        self.token = self.call("POST", f"{self.keystone}/v3/auth/tokens", body).headers["X-Subject-Token"]

    def make_user(self, name, roles):
        project = self.identity("POST", "/projects", {"project": {"name": name, "domain_id": "default"}})["project"]["id"]
        user = self.identity("POST", "/users", {"user": {"name": name, "domain_id": "default", "password": PASSWORD,
                                                         "default_project_id": project}})["user"]["id"]
        for role in roles:
            self.identity("PUT", f"/projects/{project}/users/{user}/roles/{role}")
        return user, project

    def make_identities(self):
        roles = {row["name"]: row["id"] for row in self.identity("GET", "/roles")["roles"]}
        for name in ("service",):
            self.make_user(name, [roles["admin"]])
        for name, kind, offset, path in SERVICES:
            service = self.identity("POST", "/services", {"service": {"name": name, "type": kind}})["service"]["id"]
            for interface in ("public", "internal", "admin"):
                endpoint = {"service_id": service, "interface": interface, "region_id": "RegionOne", "url": f"http://127.0.0.1:{self.port + offset}{path}"}
                self.identity("POST", "/endpoints", {"endpoint": endpoint})
        for name in MEMBERS + ADMINS:
            user, project = self.make_user(name, [roles["member"]] + ([roles["admin"]] if name in ADMINS else []))
            print(f"user {name} {user} project {project}", flush=True)

    def make_resources(self):
        for flavor in FLAVORS:
            self.call("POST", f"http://127.0.0.1:{self.port + 1}/v2.1/flavors", {"flavor": flavor})
            print(f"flavor {flavor['name']} {flavor['id']}", flush=True)
        images = f"http://127.0.0.1:{self.port + 2}/v2/images"
        for number, name in enumerate(IMAGES):
            image = self.call("POST", images, {"name": name, "disk_format": "raw", "container_format": "bare", "visibility": "public"}).json()["id"]
            sent = requests.put(f"{images}/{image}/file", data=bytes([number]) * IMAGE_BYTES, timeout=60,
                                headers={"X-Auth-Token": self.token, "Content-Type": "application/octet-stream"})
            if sent.status_code != 204:
                sys.exit(f"nova_server: no data for an image: {sent.status_code} {sent.text}")
            print(f"image {name} {image}", flush=True)

    def serve(self):
        self.write_configurations()
        self.start_database()
        waiting = [self.start_part(name, f"http://127.0.0.1:{self.port + PARTS_PORTS[name]}/") for name in PARTS[:3]]
        part, url = waiting.pop(0)
        part.wait_for(lambda: listens(url))
        self.login()
        self.make_identities()
        waiting.append(self.start_part("nova", f"http://127.0.0.1:{self.port + 1}/"))
        for part, url in waiting:
            part.wait_for(lambda url=url: listens(url))
        self.make_resources()
        print(f"admin admin {PASSWORD}\nauth {self.keystone}/v3\ncompute http://127.0.0.1:{self.port + 1}/v2.1\nready", flush=True)
        status = part.process.wait()
        sys.exit(f"nova_server: nova ended with {status}\n{part.tail()}")

    def stop(self):
        for part in reversed(self.parts):
            part.stop()


PARTS_PORTS = {"keystone": 0, "nova": 1, "glance": 2, "placement": 3}


def main():
    directory = pathlib.Path(tempfile.mkdtemp(prefix="zgn.", dir="/tmp"))
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    cloud = Cloud(directory, int(sys.argv[1]))
    try:
        cloud.serve()
    except Stopped:
        return 0
    finally:
        cloud.stop()
        shutil.rmtree(directory, ignore_errors=True)
    return 1


if __name__ == "__main__":
    sys.exit(main())
