"""Four zones in a row, root -> a -> b -> c, and a host at c only: what root offers is seen and used below, and nothing is given out
without a grant."""
import base64
import concurrent.futures
import hashlib
import json
import re
import secrets
import uuid

import pytest
import requests

from lib.clients import NEWEST, Http, image_file
from lib.observe import assert_nothing_left, tasks
from lib.wait import wait_for

PLAN = {"root": {"children": {"a": {"children": {"b": {"children": {"c": {"hosts": 1}}}}}}}}
BELOW = ("a", "b", "c")
BUILDS = 8


def add_image(door, name, data, **more):
    body = {"name": name, "disk_format": "raw", "container_format": "bare", "visibility": "public", **more}
    image = door.post("/image/v2/images", body)
    assert image.status_code == 201, image.text
    sent = door.put(f"/image/v2/images/{image.json()['id']}/file", data=data, headers={"Content-Type": "application/octet-stream"})
    assert sent.status_code == 204, sent.text
    return image.json()["id"]


def add_flavor(door, flavor_id, name, **more):
    answer = door.post("/flavors", {"flavor": {"id": flavor_id, "name": name, "ram": 96, "disk": 1, "vcpus": 1, **more}}, version=NEWEST)
    assert answer.status_code == 200, answer.text


@pytest.fixture(scope="module")
def tree(make_tree):
    return make_tree(PLAN, capacity={"vcpus": 64, "ram_mib": 65536, "disk_gib": 1000})


@pytest.fixture(scope="module")
def stock(tree, here):
    """What only root has: flavors 1 to 3, some images; the id of the image `tiny`."""
    door = tree.http("root")
    add_flavor(door, "1", "m1.tiny")
    add_flavor(door, "2", "m1.small", description="words", swap=64)
    add_flavor(door, "x y", "odd", **{"OS-FLV-EXT-DATA:ephemeral": 3, "rxtx_factor": 1.5})
    assert door.post("/flavors/2/os-extra_specs", {"extra_specs": {"hw:a": "b"}}).status_code == 200
    add_image(door, "other", b"\1" * 4096, os_distro="none", tags=["t"])
    assert door.post("/image/v2/images", {"name": "empty", "visibility": "public"}).status_code == 201
    return add_image(door, "tiny", image_file(here).read_bytes())


@pytest.fixture(scope="module")
def doors(tree, stock):
    return {name: tree.http(name) for name in tree.zones}


@pytest.fixture(scope="module")
def stranger(tree, doors):
    """A member of another project, at any zone."""
    identity = "/identity/v3"
    made = doors["root"].post(f"{identity}/projects", {"project": {"name": "other", "domain_id": "default"}}).json()["project"]["id"]
    password = secrets.token_urlsafe(12)
    user = doors["root"].post(f"{identity}/users", {"user": {"name": "bob", "domain_id": "default", "password": password}}).json()["user"]["id"]
    roles = {role["name"]: role["id"] for role in doors["root"].fetch(f"{identity}/roles")["roles"]}
    assert doors["root"].put(f"{identity}/projects/{made}/users/{user}/roles/{roles['member']}").status_code == 204
    return lambda name: Http(tree[name], username="bob", password=password, project="other")


def without_links(rows):
    return [{key: value for key, value in row.items() if key != "links"} for row in rows]


def boot(door, name, image, flavor="1"):
    answer = door.post("/servers", {"server": {"name": name, "imageRef": image, "flavorRef": flavor}})
    assert answer.status_code == 202, answer.text
    return answer.json()["server"]["id"]


def wait_active(door, server):
    def status():
        found = door.fetch(f"/servers/{server}")["server"]
        assert found["status"] != "ERROR", found["fault"]
        return found["status"] == "ACTIVE"
    wait_for(status, 90, f"server {server} to be ACTIVE")


def remove(tree, mariadb, door, *servers):
    for server in servers:
        assert door.delete(f"/servers/{server}").status_code == 204
    for server in servers:
        assert_nothing_left(tree["c"], mariadb, tree.hosts["c"], server)


def pulled(zone):
    """{sha512: bytes} of what a zone has brought."""
    folder = zone.directory / "state/pulled/images"
    return {hashlib.sha512(path.read_bytes()).hexdigest(): path.stat().st_size for path in folder.iterdir()} if folder.exists() else {}


def log_of(zone, pattern):
    return re.findall(pattern, (zone.directory / "zonegate.log").read_text(errors="replace"))


# --- lists and single ones
@pytest.mark.parametrize("version", ["2.1", "2.60", NEWEST])
@pytest.mark.parametrize("path", ["/flavors", "/flavors/detail", "/flavors/detail?sort_key=name&sort_dir=desc", "/flavors?minRam=97"])
def test_flavors_are_those_of_root(doors, path, version):
    wanted = without_links(doors["root"].fetch(path, version=version)["flavors"])
    for name in BELOW:
        assert without_links(doors[name].fetch(path, version=version)["flavors"]) == wanted


@pytest.mark.parametrize("flavor", ["1", "2", "x%20y"])
def test_one_flavor_is_that_of_root(doors, flavor):
    for path in (f"/flavors/{flavor}", f"/flavors/{flavor}/os-extra_specs"):
        wanted = doors["root"].fetch(path, version=NEWEST)
        for name in BELOW:
            seen = doors[name].fetch(path, version=NEWEST)
            seen.get("flavor", {})["links"] = wanted.get("flavor", {}).get("links")
            wanted.setdefault("flavor", {}).setdefault("links", None)
            seen.setdefault("flavor", {"links": None})
            assert seen == wanted


def test_links_are_those_of_the_zone_that_was_asked(tree, doors):
    for name in BELOW:
        for row in doors[name].fetch("/flavors")["flavors"]:
            assert all(link["href"].startswith(tree[name].url) for link in row["links"])


def test_pages_of_flavors_are_the_list(doors):
    for name in BELOW:
        whole = [row["id"] for row in doors[name].fetch("/flavors?sort_key=name")["flavors"]]
        pages, marker = [], ""
        while True:
            page = doors[name].fetch(f"/flavors?sort_key=name&limit=1{marker}")["flavors"]
            if not page:
                break
            pages += [row["id"] for row in page]
            marker = f"&marker={page[-1]['id']}"
        assert pages == whole and len(whole) == 3


@pytest.mark.parametrize("query", ["", "?sort=name:asc", "?name=tiny", "?tag=t", "?os_distro=none", "?size_min=4097", "?status=queued",
                                   "?name=in:tiny,other&sort=size:desc", "?visibility=private"])
def test_images_are_those_of_root(doors, query):
    wanted = doors["root"].fetch(f"/image/v2/images{query}")["images"]
    for name in BELOW:
        assert doors[name].fetch(f"/image/v2/images{query}")["images"] == wanted


def test_one_image_is_that_of_root(doors, stock):
    wanted = doors["root"].fetch(f"/image/v2/images/{stock}")
    for name in BELOW:
        assert doors[name].fetch(f"/image/v2/images/{stock}") == wanted


def test_pages_of_images_are_the_list(doors):
    for name in BELOW:
        whole = [row["id"] for row in doors[name].fetch("/image/v2/images")["images"]]
        pages, path = [], "/v2/images?limit=1"
        while path:
            page = doors[name].fetch("/image" + path)
            pages += [row["id"] for row in page["images"]]
            path = page.get("next")
        assert pages == whole and len(whole) == 3


def test_unknown_ones_are_not_found(doors):
    for name in BELOW:
        assert doors[name].get(f"/flavors/{uuid.uuid4()}").status_code == 404
        assert doors[name].get(f"/image/v2/images/{uuid.uuid4()}").status_code == 404
        assert doors[name].get("/flavors?marker=none").status_code == 400
        assert doors[name].get(f"/image/v2/images?marker={uuid.uuid4()}").status_code == 400


# --- own ones and inherited ones
def test_own_ones_come_first(doors):
    add_flavor(doors["b"], "2", "b.small")
    add_flavor(doors["b"], "4", "b.four")
    assert doors["a"].fetch("/flavors/2")["flavor"]["name"] == "m1.small"
    assert doors["b"].fetch("/flavors/2")["flavor"]["name"] == "b.small"
    assert [row["name"] for row in doors["b"].fetch("/flavors")["flavors"]] == ["m1.tiny", "b.small", "b.four", "odd"]
    for flavor in ("2", "4"):
        assert doors["b"].delete(f"/flavors/{flavor}").status_code == 202
    assert doors["b"].fetch("/flavors/2")["flavor"]["name"] == "m1.small"


def test_inherited_ones_are_read_only(doors, stock):
    for name in BELOW:
        door = doors[name]
        assert door.delete("/flavors/1").status_code == 404
        assert door.put("/flavors/1", {"flavor": {"description": "x"}}, version=NEWEST).status_code == 404
        assert door.post("/flavors/1/os-extra_specs", {"extra_specs": {"a": "b"}}).status_code == 404
        assert door.delete(f"/image/v2/images/{stock}").status_code == 403
        assert door.put(f"/image/v2/images/{stock}/tags/x").status_code == 403
        patch = door.request("PATCH", f"/image/v2/images/{stock}", data='[{"op":"replace","path":"/name","value":"x"}]',
                             headers={"Content-Type": "application/openstack-images-v2.1-json-patch"})
        assert patch.status_code == 403
        assert door.get(f"/image/v2/images/{stock}/file").status_code == 403
    assert doors["root"].fetch(f"/image/v2/images/{stock}")["name"] == "tiny"


def test_nobody_hides_an_inherited_image(doors, stranger, stock):
    """An own image goes before a parent's of the same id, so a member must not choose ids here."""
    wanted = {"name": "mine", "id": stock, "disk_format": "raw", "container_format": "bare", "visibility": "community"}
    bob = stranger("c")
    assert bob.post("/image/v2/images", wanted).status_code == 403
    assert bob.post("/image/v2/images", {**wanted, "id": str(uuid.uuid4())}).status_code == 403
    del wanted["id"]
    made = bob.post("/image/v2/images", wanted)
    assert made.status_code == 201 and bob.delete(f"/image/v2/images/{made.json()['id']}").status_code == 204
    assert doors["c"].fetch(f"/image/v2/images/{stock}")["name"] == "tiny"


def test_an_own_image_is_never_taken_for_an_inherited_one(tree, doors, mariadb):
    """An admin at c may choose the id of root's image; a server that root asks for with it gets root's bytes or none at all."""
    image = add_image(doors["root"], "twice", b"\3" * 4096)
    twin = doors["c"].post("/image/v2/images", {"name": "twin", "id": image, "disk_format": "raw", "container_format": "bare"})
    assert twin.status_code == 201, twin.text
    server = boot(doors["root"], "twice", image)
    wait_for(lambda: doors["root"].fetch(f"/servers/{server}")["server"]["status"] == "ERROR", 60, "the build to be refused")
    assert "this zone has an image with that id" in doors["root"].fetch(f"/servers/{server}")["server"]["fault"]["message"]
    assert doors["c"].delete(f"/image/v2/images/{image}").status_code == 204
    remove(tree, mariadb, doors["root"], server)


def test_private_ones_are_seen_by_their_project_only(doors, stranger):
    add_flavor(doors["root"], "p", "private", **{"os-flavor-access:is_public": False})
    image = add_image(doors["root"], "secret", b"\2" * 512, visibility="private")
    assert doors["c"].fetch(f"/image/v2/images/{image}")["name"] == "secret"
    other = stranger("c")
    assert other.get(f"/image/v2/images/{image}").status_code == 404
    assert other.get("/flavors/p").status_code == 404
    assert "secret" not in {row["name"] for row in other.fetch("/image/v2/images")["images"]}
    answer = other.post("/servers", {"server": {"name": "thief", "imageRef": image, "flavorRef": "1"}})
    assert answer.status_code == 400, answer.text
    assert doors["root"].delete("/flavors/p").status_code == 202
    assert doors["root"].delete(f"/image/v2/images/{image}").status_code == 204


# --- bytes
def test_server_of_an_image_that_only_root_has(tree, doors, stock, mariadb, here):
    digest = hashlib.sha512(image_file(here).read_bytes()).hexdigest()
    server = boot(doors["c"], "inherited", stock)
    wait_active(doors["c"], server)
    assert digest in pulled(tree["c"]) and digest in pulled(tree["a"])
    assert doors["c"].fetch(f"/servers/{server}")["server"]["image"]["id"] == stock
    remove(tree, mariadb, doors["c"], server)


def test_server_asked_for_at_root(tree, doors, stock, mariadb):
    server = boot(doors["root"], "from-root", stock)
    wait_active(doors["root"], server)
    remove(tree, mariadb, doors["root"], server)


def test_kernel_and_ramdisk_come_too(tree, doors, mariadb):
    kernel = add_image(doors["root"], "kernel", b"K" * 5000, disk_format="aki", container_format="aki")
    ramdisk = add_image(doors["root"], "ramdisk", b"R" * 5000, disk_format="ari", container_format="ari")
    image = add_image(doors["root"], "split", b"I" * 4096, kernel_id=kernel, ramdisk_id=ramdisk)
    server = boot(doors["c"], "split", image)
    wait_active(doors["c"], server)
    remove(tree, mariadb, doors["c"], server)


def test_many_builds_pull_once(tree, doors, mariadb):
    data = secrets.token_bytes(4 << 20)
    image = add_image(doors["root"], "popular", data)
    with concurrent.futures.ThreadPoolExecutor(BUILDS) as pool:
        servers = list(pool.map(lambda number: boot(doors["c"], f"many-{number}", image), range(BUILDS)))
    for server in servers:
        wait_active(doors["c"], server)
    for name in BELOW:
        assert hashlib.sha512(data).hexdigest() in pulled(tree[name])
        assert len(log_of(tree[name], rf"event=image\.pull .*image={image} parent=\w+ result=OK")) == 1, name
    remove(tree, mariadb, doors["c"], *servers)


def test_pull_survives_a_kill(tree, doors, mariadb):
    image = add_image(doors["root"], "killed", secrets.token_bytes(1 << 20))
    tree["c"].restart({"debug": {"stop_after": "image_pull:download:begin"}})
    server = boot(doors["c"], "killed", image)
    tree["c"].wait_killed()
    tree["c"].start()
    wait_active(doors["c"], server)
    remove(tree, mariadb, doors["c"], server)


# --- grants
def embedded_grant(tree, mariadb, server):
    text = mariadb.sql(tree["c"].schema, f"SELECT image FROM servers WHERE uuid = UNHEX('{server.replace('-', '')}')")[0][0]
    return json.loads(text)["grant"]


def plant_pull(tree, mariadb, grant, image):
    """A pull with that grant at c, as if a build had wanted it; waits for its end."""
    subject = uuid.uuid4()
    data = json.dumps({"grant": grant, "image": image, "user": "u", "project": "p"})
    mariadb.sql(tree["c"].schema, "INSERT INTO tasks (id, kind, subject, request_id, state, not_before, data, created_at, updated_at) VALUES"
                f" (UNHEX('{uuid.uuid4().hex}'), 'image_pull', UNHEX('{subject.hex}'), '', 'ready', UTC_TIMESTAMP(6), '{data}',"
                " UTC_TIMESTAMP(6), UTC_TIMESTAMP(6))")
    wait_for(lambda: (str(subject), "image_pull") not in tasks(tree["c"], mariadb), 60, "the pull to end")


def claims_of(grant):
    payload = grant.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


def forget(zone, digest):
    """Takes the brought file away, as if it had never come."""
    path = zone.directory / f"state/pulled/images/{uuid.UUID(digest[:32])}"
    path.unlink(missing_ok=True)


def forge(grant, **claims):
    """The same signature over other claims."""
    head, _, signature = grant.split(".")
    new = base64.urlsafe_b64encode(json.dumps({**claims_of(grant), **claims}).encode()).decode().rstrip("=")
    return f"{head}.{new}.{signature}"


@pytest.fixture(scope="module")
def secret(tree, doors, mariadb):
    """An image of root that no zone below has brought, its bytes, and a good grant for another image."""
    data = secrets.token_bytes(1 << 16)
    tiny = doors["root"].fetch("/image/v2/images?name=tiny")["images"][0]["id"]
    server = boot(doors["c"], "granted", tiny)
    wait_active(doors["c"], server)
    grant = embedded_grant(tree, mariadb, server)
    remove(tree, mariadb, doors["c"], server)
    return add_image(doors["root"], "unseen", data), data, grant


def test_a_forged_grant_is_refused(tree, mariadb, secret):
    image, data, grant = secret
    digest = hashlib.sha512(data).hexdigest()
    plant_pull(tree, mariadb, forge(grant, image=image, sha512=digest, size=len(data)), image)
    assert log_of(tree["c"], rf"event=image\.pull_failed .*image={image} kind=E_FORBIDDEN")
    assert all(digest not in pulled(tree[name]) for name in BELOW)


def test_a_grant_in_another_zones_name_is_refused(tree, mariadb, secret):
    """Nobody above has that zone: it is asked upward, and refused at the top."""
    image, data, grant = secret
    digest = hashlib.sha512(data).hexdigest()
    before = len(log_of(tree["c"], r"event=image\.pull_failed .*kind=E_FORBIDDEN"))
    plant_pull(tree, mariadb, forge(grant, image=image, sha512=digest, size=len(data), zone=str(uuid.uuid4())), image)
    assert len(log_of(tree["c"], r"event=image\.pull_failed .*kind=E_FORBIDDEN")) == before + 1
    assert all(digest not in pulled(tree[name]) for name in BELOW)


def test_a_forged_grant_for_bytes_that_are_there_is_refused(tree, mariadb, secret):
    """b has the bytes: it gives them on a proved grant only. c has them too, so its file is taken away first."""
    _, _, grant = secret
    digest = claims_of(grant)["sha512"]
    assert digest in pulled(tree["b"])
    forget(tree["c"], digest)
    other = str(uuid.uuid4())
    before = len(log_of(tree["c"], r"event=image\.pull_failed .*kind=E_FORBIDDEN"))
    plant_pull(tree, mariadb, forge(grant, image=other), other)
    assert len(log_of(tree["c"], r"event=image\.pull_failed .*kind=E_FORBIDDEN")) == before + 1


def test_a_good_grant_is_good(tree, mariadb, secret):
    """The same way with nothing forged: what the tests above refuse is the forgery."""
    _, _, grant = secret
    claims = claims_of(grant)
    forget(tree["c"], claims["sha512"])
    plant_pull(tree, mariadb, grant, claims["image"])
    assert claims["sha512"] in pulled(tree["c"])


def test_only_a_link_may_ask(doors, stock, secret):
    for name in doors:
        for what in ("file", "grant", "embedded"):
            answer = doors[name].get(f"/os-zones/images/{stock}/{what}", headers={"X-Zone-Grant": secret[2]})
            assert answer.status_code == 403, f"{what} at {name}: {answer.text}"


# --- silence (last: root does not come back)
def test_catalog_is_still_seen_while_root_is_silent(tree, doors, stock):
    before = {name: (doors[name].fetch("/flavors")["flavors"], doors[name].fetch("/image/v2/images")["images"]) for name in BELOW}
    tree.root.kill()
    for name in BELOW:
        assert (doors[name].fetch("/flavors")["flavors"], doors[name].fetch("/image/v2/images")["images"]) == before[name]
        assert doors[name].fetch(f"/image/v2/images/{stock}")["name"] == "tiny"
        assert doors[name].get("/flavors/no-such").status_code == 404


def test_server_of_what_is_known_is_built_while_root_is_silent(tree, doors, stock, mariadb):
    with pytest.raises(requests.ConnectionError):
        doors["root"].get("/flavors")
    server = boot(doors["c"], "alone", stock)
    wait_active(doors["c"], server)
    remove(tree, mariadb, doors["c"], server)


def test_who_knows_nothing_yet_denies_nothing(tree, doors, stock):
    """Restarted while root is silent: what only root offers is not "not found", two and three zones below it neither."""
    for name in BELOW:
        tree[name].restart()
    for name in BELOW:
        answer = doors[name].get("/flavors/1")
        assert answer.status_code == 503, f"{name}: {answer.text}"
        answer = doors[name].post("/servers", {"server": {"name": "early", "imageRef": stock, "flavorRef": "1"}})
        assert answer.status_code == 503, f"{name}: {answer.text}"
        assert doors[name].fetch("/flavors")["flavors"] == []
