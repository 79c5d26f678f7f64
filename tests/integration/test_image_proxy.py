"""/compute/v2.1/images of the compute API, up to 2.35: what the image service has, in Nova's old words."""
import pytest

from lib.clients import Http
from lib.servers import stock

UNKNOWN = "11111111-2222-4333-8444-555555555555"


@pytest.fixture(scope="module")
def http(make_zone):
    zone = make_zone("proxy")
    zone.bootstrap()
    return Http(zone.start())


@pytest.fixture(scope="module")
def image(http, here):
    return stock(http, here)


def queued(http, name, **more):
    answer = http.post("/image/v2/images", {"name": name, "disk_format": "raw", "container_format": "bare", **more})
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


def test_lists(http, image):
    brief, = [found for found in http.fetch("/compute/v2.1/images")["images"] if found["id"] == image]
    assert set(brief) == {"id", "name", "links"} and [link["rel"] for link in brief["links"]] == ["self", "bookmark", "alternate"]
    detail, = [found for found in http.fetch("/compute/v2.1/images/detail")["images"] if found["id"] == image]
    assert (detail["status"], detail["progress"], detail["minDisk"], detail["OS-EXT-IMG-SIZE:size"]) == ("ACTIVE", 100, 0, 1 << 20)
    assert http.fetch(f"/compute/v2.1/images/{image}") == {"image": detail}


def test_filters_and_pages(http, image):
    saving = queued(http, "late", instance_uuid=UNKNOWN)
    shown = http.fetch(f"/compute/v2.1/images/{saving}")["image"]
    assert shown["status"] == "SAVING" and shown["server"]["id"] == UNKNOWN and shown["metadata"] == {"instance_uuid": UNKNOWN}

    def ids(query):
        return [found["id"] for found in http.fetch(f"/compute/v2.1/images?{query}")["images"]]
    assert ids("status=ACTIVE") == [image] and ids("name=late") == [saving] and ids(f"server={UNKNOWN}") == [saving]
    assert ids(f"server=http://any/v2.1/servers/{UNKNOWN}") == [saving] and ids("name=nobody%26x") == []
    first = http.fetch("/compute/v2.1/images?limit=1")
    path = first["images_links"][0]["href"][len(http.zone.url):]
    assert {first["images"][0]["id"], http.fetch(path)["images"][0]["id"]} == {image, saving}
    assert http.delete(f"/compute/v2.1/images/{saving}").status_code == 204
    assert http.get(f"/compute/v2.1/images/{saving}").status_code == 404


def test_metadata(http):
    path = f"/compute/v2.1/images/{queued(http, 'meta')}/metadata"
    assert http.fetch(path) == {"metadata": {}}
    assert http.post(path, {"metadata": {"a": "1", "b": "2"}}).json() == {"metadata": {"a": "1", "b": "2"}}
    assert http.post(path, {"metadata": {"b": "3"}}).json() == {"metadata": {"a": "1", "b": "3"}}
    assert http.put(path, {"metadata": {"c": "4"}}).json() == {"metadata": {"c": "4"}}
    assert http.put(f"{path}/d", {"meta": {"d": "5"}}).json() == {"meta": {"d": "5"}}
    assert http.put(f"{path}/d", {"meta": {"e": "5"}}).status_code == 400
    assert http.fetch(f"{path}/d") == {"meta": {"d": "5"}} and http.get(f"{path}/e").status_code == 404
    assert http.delete(f"{path}/d").status_code == 204 and http.delete(f"{path}/d").status_code == 404
    assert http.post(path, {"metadata": {"status": "active"}}).status_code == 400
    assert http.fetch(path) == {"metadata": {"c": "4"}}


@pytest.mark.parametrize("path, last", [("/compute/v2.1/images", 35), ("/compute/v2.1/images/detail", 35), ("/compute/v2.1/images/{}", 35), ("/compute/v2.1/images/{}/metadata", 38)])
def test_they_end(http, image, path, last):
    assert http.get(path.format(image), version=f"2.{last}").status_code == 200
    assert http.get(path.format(image), version=f"2.{last + 1}").status_code == 404


@pytest.mark.parametrize("name", [UNKNOWN, "a-name", UNKNOWN + "x"])
def test_what_is_not_there(http, name):
    assert http.get(f"/compute/v2.1/images/{name}").status_code == 404 and http.delete(f"/compute/v2.1/images/{name}").status_code == 404
    assert http.get(f"/compute/v2.1/images/{name}/metadata").status_code == 404


def test_usage_of_a_project_without_a_name(http):
    assert http.get("/os-simple-tenant-usage/").status_code == 404 and http.get("/os-simple-tenant-usage").status_code == 200
    assert http.fetch(f"/os-simple-tenant-usage/{http.project}") == {"tenant_usage": {}}
