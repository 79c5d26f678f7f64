"""nova_compare.py NOVA_AUTH ZONEGATE_AUTH [PATTERN]: asks a real Nova and a zone the same, and prints where the answers differ.

NOVA_AUTH and ZONEGATE_AUTH are identity URLs: those that nova_server.sh and compute_server.sh print as `auth`. PATTERN (a regular
expression) picks rows by their titles. Ids, times, hosts and addresses are made the same first. What is compared is the status, the
texts of errors, the keys and types of bodies, their plain values and the headers that clients read. A row that is asked with many
microversions is one line per difference, with the versions. Where Nova's routing answers in HTML, or its Keystone middleware with 401,
only the status is compared: a zone always answers in the API's JSON. The exit code is 1 when a difference is left that is not in EXPECTED.
"""
import collections
import json
import re
import sys
import time

import requests

from nova_rows import EXPECTED, ROWS

HEADERS = ("Vary", "OpenStack-API-Version", "X-OpenStack-Nova-API-Version", "Location", "Content-Type", "Retry-After", "Allow")
NAMED_ONLY = ("x-openstack-request-id", "x-compute-request-id", "WWW-Authenticate", "Content-Length")
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
SUBSTITUTES = ((re.compile(r"ssh-(rsa|ed25519) [A-Za-z0-9+/=]{20,} Generated-by-[a-z]+"), "KEY"), (re.compile(r"\b([0-9a-f]{2}:){15}[0-9a-f]{2}\b"), "FINGERPRINT"),
               (re.compile(r"req-" + UUID.pattern), "REQ"), (UUID, "UUID"), (re.compile(r"\b[0-9a-f]{56}\b"), "HOSTID"),
               (re.compile(r"\b[0-9a-f]{32}\b"), "HEX32"), (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d"), "TIME"),
               (re.compile(r"(?<=TIME)\.\d+"), ".MICROS"), (re.compile(r"\br-[0-9a-z]{8}\b"), "RESERVATION"),
               (re.compile(r"http://127\.0\.0\.1:\d+(/compute)?(?=/|$)"), "BASE"), (re.compile(r"instance-[0-9a-f]{8}"), "INSTANCE"))
WAIT_SECONDS = 60


class Cloud:
    """One side: who may ask, where, and the names of what the rows made there."""

    def __init__(self, auth):
        self.auth = auth
        self.http = requests.Session()
        self.tokens = {}
        self.names = {"nobody": "11111111-2222-3333-4444-555555555555"}
        for who, user in (("member", "tempest1"), ("other", "tempest2"), ("admin", "tempestadmin1")):
            self.login(who, user)

    def login(self, who, user):
        domain = {"id": "default"}
        identity = {"methods": ["password"], "password": {"user": {"name": user, "password": "secret", "domain": domain}}}
        answer = self.http.post(f"{self.auth}/auth/tokens", json={"auth": {"identity": identity, "scope": {"project": {"name": user, "domain": domain}}}})
        answer.raise_for_status()
        token = answer.json()["token"]
        self.tokens[who] = answer.headers["X-Subject-Token"]
        self.names[f"{who}_project"] = token["project"]["id"]
        self.names[f"{who}_user"] = token["user"]["id"]
        self.url = {service["type"]: [end["url"] for end in service["endpoints"] if end["interface"] == "public"][0] for service in token["catalog"]}
        self.url["compute"] = re.sub(r"/v2\.1.*", "", self.url["compute"])
        if "image" not in self.names:
            images = self.http.get(re.sub(r"/v2/?$", "", self.url["image"]) + "/v2/images?name=cirros", headers={"X-Auth-Token": self.tokens[who]})
            self.names["image"] = images.json()["images"][0]["id"]

    def filled(self, value):
        """The text or body with {names} of this side."""
        if isinstance(value, str):
            if value.startswith("{{") and value.endswith("}}"):
                return value
            return re.sub(r"\{(\w+)\}", lambda match: str(self.names.get(match[1], match[0])), value)
        if isinstance(value, dict):
            return {self.filled(key): self.filled(item) for key, item in value.items()}
        return [self.filled(item) for item in value] if isinstance(value, list) else value

    def ask(self, row, version):
        headers = {"X-Auth-Token": self.tokens[row["who"]]} if row["who"] in self.tokens else {}
        if version:
            headers["OpenStack-API-Version"] = f"compute {version}"
        data = row.get("data")
        if row.get("body", Cloud) is not Cloud:
            data = json.dumps(self.filled(row["body"]))
        if data is not None:
            headers["Content-Type"] = "application/json"
        headers.update(row.get("headers", {}))
        headers = {key: value for key, value in headers.items() if value is not None}
        url = self.url["compute"] + row.get("root", "/v2.1") + self.filled(row["path"])
        return self.http.request(row["method"], url, data=data, headers=headers, timeout=60, allow_redirects=False)

    def wait(self, row):
        """Until the path's answer holds one of the words; the last answer if it never does."""
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            answer = self.ask({**row, "method": "GET"}, row["versions"][0])
            if answer.status_code == row.get("until_status") or any(f'"{word}"' in answer.text for word in row["until"]):
                return
            if time.monotonic() > deadline:
                print(f"!! {row['title']}: not {row['until']} at {self.auth}: {answer.text[:300]}")
                return
            time.sleep(0.1)

    def clean(self, row):
        """Deletes all servers of row's user and waits until they are gone."""
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline:
            servers = self.ask({**row, "method": "GET"}, "2.1").json()["servers"]
            if not servers:
                return
            for server in servers:
                self.ask({**row, "path": f"/servers/{server['id']}"}, "2.1")
            time.sleep(0.3)
        print(f"!! servers stay at {self.auth}: {servers}")

    def keep(self, row, answer):
        for name, path in row.get("keep", {}).items():
            value = answer.json() if answer.content and answer.status_code < 300 else None
            for step in path:
                value = value[step] if isinstance(value, (dict, list)) else None
            if value is None:
                print(f"!! {row['title']}: no {name} from {self.auth}: {answer.status_code} {answer.text[:300]}")
            else:
                self.names[name] = value

    def plain(self, text):
        """The text without what must differ between two clouds."""
        for name, value in self.names.items():
            if isinstance(value, str) and len(value) > 8:
                text = text.replace(value, f"<{name}>")
        for pattern, word in SUBSTITUTES:
            text = pattern.sub(word, text)
        return text


def leaves(value, path, found):
    """Every place of a document with its type and plain value; the items of a list share a place."""
    if isinstance(value, dict):
        found.setdefault(path, set()).add(("object", None))
        for key, item in value.items():
            leaves(item, f"{path}.{key}", found)
    elif isinstance(value, list):
        found.setdefault(path, set()).add(("list" if value else "empty list", None))
        for item in value:
            leaves(item, f"{path}[]", found)
    else:
        found.setdefault(path, set()).add((type(value).__name__, value))


def body_of(cloud, answer):
    found = {}
    try:
        leaves(json.loads(cloud.plain(answer.text)), "", found)
    except ValueError:
        found[""] = {("text", cloud.plain(answer.text))}
    return found


def differences(sides, answers):
    """Pairs (kind and place, nova's, zonegate's) in which two answers differ."""
    nova, zone = answers
    if nova.status_code != zone.status_code:
        texts = [side.plain(answer.text)[:220] for side, answer in zip(sides, answers)]
        yield "status", f"{nova.status_code} {texts[0]}", f"{zone.status_code} {texts[1]}"
        return
    if nova.headers.get("Content-Type", "").startswith("text/html") or nova.status_code == 401:
        return
    for name in HEADERS:
        values = [side.plain(answer.headers[name]) if name in answer.headers else None for side, answer in zip(sides, answers)]
        if values[0] != values[1]:
            yield f"header {name}", *values
    for name in NAMED_ONLY:
        if (name in nova.headers) != (name in zone.headers):
            yield f"header {name}", name in nova.headers, name in zone.headers
    bodies = [body_of(side, answer) for side, answer in zip(sides, answers)]
    for place in sorted(bodies[0].keys() | bodies[1].keys()):
        mine, theirs = bodies[0].get(place), bodies[1].get(place)
        if mine is None or theirs is None:
            if place.rpartition(".")[0] in bodies[0] and place.rpartition(".")[0] in bodies[1]:
                yield f"key {place}", shown(mine), shown(theirs)
        elif {kind for kind, _ in mine} != {kind for kind, _ in theirs}:
            yield f"type {place}", shown(mine), shown(theirs)
        elif mine != theirs:
            yield f"value {place}", shown(mine), shown(theirs)


def shown(leaf):
    return "absent" if leaf is None else ", ".join(sorted(f"{kind} {json.dumps(value)}"[:200] if value is not None else kind for kind, value in leaf))


def ranges(versions, asked):
    """`2.1-2.15 2.19`: consecutive ones among those that were asked."""
    groups = []
    for version in versions:
        if groups and asked.index(version) == asked.index(groups[-1][1]) + 1:
            groups[-1][1] = version
        else:
            groups.append([version, version])
    return " ".join(str(first) if first == last else f"{first}-{last}" for first, last in groups)


def expected(title, kind, nova, zone):
    return any(re.search(row, title) and re.search(place, kind) and re.search(words, f"{nova} | {zone}") for row, place, words, _ in EXPECTED)


def compare(sides, row):
    """Runs a row on both sides; the number of differences that were not expected."""
    if "until" in row or "clean" in row:
        for side in sides:
            (side.wait if "until" in row else side.clean)(row)
        return 0
    found = collections.OrderedDict()
    for version in row["versions"]:
        answers = [side.ask(row, version) for side in sides]
        for side, answer in zip(sides, answers):
            side.keep(row, answer)
        for kind, nova, zone in differences(sides, answers):
            if not expected(row["title"], kind, str(nova), str(zone)):
                found.setdefault((kind, str(nova), str(zone)), []).append(version)
    for (kind, nova, zone), versions in found.items():
        print(f"{row['title']} [{ranges(versions, row['versions'])}] {kind}\n    nova     {nova}\n    zonegate {zone}")
    return len(found)


def main():
    sides = [Cloud(auth) for auth in sys.argv[1:3]]
    pattern = re.compile(sys.argv[3]) if len(sys.argv) > 3 else None
    count = asked = 0
    for row in ROWS:
        if row.get("keep") or row.keys() & {"always", "clean", "until"} or not pattern or pattern.search(row["title"]):
            count += compare(sides, row)
            asked += len(row["versions"])
    print(f"{asked} requests of {len(ROWS)} rows, {count} differences that were not expected")
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
