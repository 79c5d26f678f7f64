"""The tools of these tests themselves: hosts, database, waiting. They fail first when the machine is the problem, not the daemon."""
import time

import pytest

from lib.process import Process
from lib.wait import wait_for


def test_wait_for_names_what_is_missing():
    with pytest.raises(AssertionError, match="the moon"):
        wait_for(lambda: None, 0.2, "the moon")


def test_process_line_and_end(here):
    process = Process(["bash", "-c", "echo ready; read -t 30 < <(:); exit 3"], here / "p.log")
    process.wait_line("ready", 10)
    assert process.wait(10) == 3
    with pytest.raises(AssertionError, match="it ended"):
        process.wait_line("never", 10)


def test_database_answers(mariadb):
    mariadb.sql("", "CREATE DATABASE lib_test")
    mariadb.sql("lib_test", "CREATE TABLE t (a INT PRIMARY KEY, b TEXT); INSERT INTO t VALUES (1, NULL), (2, 'x')")
    assert mariadb.sql("lib_test", "SELECT a, b FROM t ORDER BY a") == [["1", None], ["2", "x"]]
    mariadb.drop("lib_test")


def test_host_is_alone_and_empty(make_host):
    first, second = make_host("lib-a"), make_host("lib-b")
    assert first.domains() == [] and second.domains() == []
    first.virsh("pool-create-as", "p", "dir", "--target", "/tmp")
    assert "p" in first.pools() and "p" not in second.pools()


def test_paused_host_does_not_answer(make_host):
    host = make_host("lib-c")
    host.pause()
    begin = time.monotonic()
    try:
        with pytest.raises(Exception, match="timed out"):
            host.virsh("list", seconds=1)
    finally:
        host.resume()
    assert time.monotonic() - begin < 5
    wait_for(lambda: host.virsh("list", check=False)[0] == 0, 10, "the host to answer again")
