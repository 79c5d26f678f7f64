"""A token that was revoked at the authority is void in every zone below, though they verify tokens by themselves."""
import pytest

from lib.wait import wait_for

PLAN = {"root": {"children": {"east": {"children": {"east-1": {}}}}}}


@pytest.fixture(scope="module")
def tree(make_tree):
    return make_tree(PLAN)


def test_a_token_revoked_at_root_is_void_in_the_leaf(tree):
    token = tree.http("root").token
    doors = {name: tree.http(name) for name in tree.zones}
    for door in doors.values():
        assert door.get("/servers", token=token).status_code == 200
    answer = doors["root"].delete("/identity/v3/auth/tokens", headers={"X-Subject-Token": token})
    assert answer.status_code == 204
    for name, door in doors.items():
        wait_for(lambda d=door: d.get("/servers", token=token).status_code == 401, 20, f"{name} to refuse the token")
