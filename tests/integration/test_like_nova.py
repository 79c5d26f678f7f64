"""What a zone answers word for word as a Nova of release 26 does; the texts were read from one (tests/conformance/nova_compare.py)."""
import pytest

OTHER = "11111111222233334444555555555555"
FAULTS = {400: "badRequest"}


@pytest.mark.parametrize("method, path, body, status, message", [
    ("GET", f"/{OTHER}/servers", None, 400, f"Malformed request URL: URL's project_id '{OTHER}' doesn't match Context's project_id '{{project}}'"),
    ("POST", "/flavors/like/os-extra_specs", {"extra_specs": {"hw:cpu_policy": "nonsense"}}, 400, "Validation failed; 'nonsense' is not one of: dedicated, shared, mixed."),
])
def test_error_texts(http, method, path, body, status, message):
    http.post("/flavors", {"flavor": {"name": "like", "id": "like", "ram": 64, "vcpus": 1, "disk": 1}})
    answer = http.request(method, path, json=body, version="2.93")
    assert answer.status_code == status
    assert answer.json() == {FAULTS[status]: {"code": status, "message": message.format(project=http.project.replace("-", ""))}}
