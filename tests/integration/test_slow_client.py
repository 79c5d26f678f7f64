"""Clients that send a byte now and then hold no connection: [api] request_s bounds the whole of a request's head and body."""
import socket

import pytest
import requests

from lib.wait import wait_for


@pytest.fixture(scope="module")
def zone(make_zone):
    zone = make_zone("slow", {"api": {"request_s": 1}})
    zone.upgrade()
    return zone.start()


@pytest.mark.parametrize("start", [
    b"GET /healthch", b"GET /healthcheck HTTP/1.1\r\nHost: a\r\nX-Slow: ",
    b"POST /identity/v3/auth/tokens HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n{",
], ids=["line", "headers", "body"])
def test_dripping_is_cut_off(zone, start):
    before = zone.metrics().get("zonegate_http_slow_total", 0)
    with socket.create_connection((zone.address, zone.port), 30) as slow:
        slow.sendall(start)
        slow.setblocking(False)

        def is_cut_off():
            try:
                slow.send(b"x")
                return slow.recv(1) == b""
            except BlockingIOError:
                return False
            except OSError:
                return True
        wait_for(is_cut_off, 30, "the connection to be closed")
    assert requests.get(f"{zone.url}/healthcheck", timeout=10).status_code == 200
    wait_for(lambda: zone.metrics().get("zonegate_http_slow_total", 0) > before, 10, "it to be counted")
