"""The unmodified clients: the openstack command, openstacksdk, novaclient, and plain HTTP for what those would never send."""
import json
import os
import pathlib

import requests
import yaml

from .process import run
from .zone import ADMIN, DOMAIN, PROJECT

NEWEST = "2.93"  # the declared maximum
CLIENTS_NEWEST = "2.92"  # of Debian 12's openstack command and novaclient
REGION = "RegionOne"


def auth(zone, username=ADMIN, password=None, project=PROJECT):
    return {"auth_url": f"{zone.url}/identity/v3", "username": username, "password": password or zone.password,
            "project_name": project, "user_domain_name": DOMAIN, "project_domain_name": DOMAIN}


def write_clouds(path, zones, password=None):
    """One cloud per zone, named after it. With one authority all have its admin's password."""
    clouds = {zone.name: {"auth": auth(zone, password=password), "region_name": REGION, "identity_api_version": 3} for zone in zones}
    path.write_text(yaml.safe_dump({"clouds": clouds}))
    return path


class CommandLine:
    """The openstack command for one user at one zone."""

    def __init__(self, zone, version=None, **user):
        self.version = version
        names = {key: value for key, value in os.environ.items() if not key.startswith("OS_")}
        self.environment = {**{key: "" for key in os.environ if key.startswith("OS_")}, "HOME": names.get("HOME", "/root"),
                            "OS_IDENTITY_API_VERSION": "3", "OS_REGION_NAME": REGION, "PYTHONWARNINGS": "ignore",
                            **{"OS_" + key.upper(): value for key, value in auth(zone, **user).items()}}

    def run(self, *words, check=True, seconds=180):
        """(status, stdout, stderr)"""
        version = ["--os-compute-api-version", self.version] if self.version else []
        return run(["/usr/bin/openstack", *version, *words], seconds=seconds, check=check, environment=self.environment)

    def json(self, *words, seconds=180):
        """The parsed answer of a list, show or create command."""
        _, out, err = self.run(*words, "-f", "json", seconds=seconds)
        start = min((at for at in (out.find("{"), out.find("[")) if at >= 0), default=None)  # --wait prints its progress before
        # a server that ends in ERROR is an exit status of 0 to it, with words on stderr only
        assert start is not None, f"openstack {' '.join(words)}: {out}{err}"
        return json.loads(out[start:])

    def text(self, *words):
        return self.run(*words)[1]

    def create_server(self, name, *words, flavor="m1.tiny", image="tiny", wait=True):
        nic = ["--nic", "none"] if self.version and float(self.version[2:]) >= 37 else []
        command = ["server", "create", "--flavor", flavor, "--image", image, *nic, *(["--wait"] if wait else []), *words, name]
        try:
            return self.json(*command)
        except AssertionError as problem:
            raise AssertionError(f"{problem}\n{self.run('server', 'show', name, check=False)[1]}") from None


class Http:
    """Plain requests at one zone; the token is fetched once per object. With a network (netns.Network) they are made inside it."""

    def __init__(self, zone, version=None, network=None, **user):
        self.zone = zone
        self.send = network.call if network else lambda function, *arguments, **named: function(*arguments, **named)
        self.version = version
        self.session = requests.Session()
        self.session.trust_env = False
        self.token, self.body = self.login(**user)

    def login(self, **user):
        values = auth(self.zone, **user)
        domain = {"name": DOMAIN}
        body = {"auth": {"identity": {"methods": ["password"], "password": {"user": {
            "name": values["username"], "password": values["password"], "domain": domain}}},
            "scope": {"project": {"name": values["project_name"], "domain": domain}}}}
        answer = self.send(self.session.post, f"{self.zone.url}/identity/v3/auth/tokens", json=body, timeout=30)
        assert answer.status_code == 201, f"login: {answer.status_code} {answer.text}"
        return answer.headers["X-Subject-Token"], answer.json()["token"]

    @property
    def project(self):
        return self.body["project"]["id"]

    def request(self, method, path, version=None, token=None, headers=None, timeout=30, **arguments):
        """`path` below the zone's root URL, or below /compute/v2.1 when it does not start with a service's name."""
        if not path.startswith(("/compute", "/identity", "/image", "/placement", "/metrics", "/healthcheck")) and path != "/":
            path = "/compute/v2.1" + path
        all_headers = {"X-Auth-Token": self.token if token is None else token}
        version = version or self.version
        if version:
            all_headers["OpenStack-API-Version"] = f"compute {version}"
        all_headers.update(headers or {})
        return self.send(self.session.request, method, self.zone.url + path, headers=all_headers, timeout=timeout, allow_redirects=False,
                         **arguments)

    def get(self, path, **arguments):
        return self.request("GET", path, **arguments)

    def post(self, path, json=None, **arguments):  # pylint: disable=redefined-outer-name
        return self.request("POST", path, json=json, **arguments)

    def put(self, path, json=None, **arguments):  # pylint: disable=redefined-outer-name
        return self.request("PUT", path, json=json, **arguments)

    def delete(self, path, **arguments):
        return self.request("DELETE", path, **arguments)

    def fetch(self, path, **arguments):
        """The document of a GET that must succeed."""
        answer = self.get(path, **arguments)
        assert answer.status_code == 200, f"GET {path}: {answer.status_code} {answer.text}"
        return answer.json()


def sdk(zone, **user):
    """An openstacksdk connection; nothing of the caller's environment or files takes part."""
    import openstack
    return openstack.connection.Connection(auth=auth(zone, **user), region_name=REGION, identity_api_version="3",
                                           app_name="zonegate-tests")


def nova(zone, version=CLIENTS_NEWEST, **user):
    """A novaclient client with a session of its own."""
    import keystoneauth1.identity
    import keystoneauth1.session
    import novaclient.client
    plugin = keystoneauth1.identity.Password(**auth(zone, **user))
    return novaclient.client.Client(version, session=keystoneauth1.session.Session(auth=plugin), region_name=REGION)


def image_file(directory, name="tiny.img", size=1 << 20):
    """A small raw disk whose bytes are not all the same."""
    path = pathlib.Path(directory) / name
    path.write_bytes(bytes(range(256)) * (size // 256))
    return path
