"""Waiting for something that will be: the one place where tests wait, always with a deadline and the name of what is missing."""
import socket
import time

PAUSE_S = 0.05


def wait_for(condition, seconds, what):
    """The first true value of condition(), asked again and again; AssertionError after `seconds`.

    `what` says in words what was waited for (text, or a function that makes it when the time is over)."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise AssertionError(f"not within {seconds} s: {what() if callable(what) else what}; last seen: {value!r}")
        time.sleep(PAUSE_S)


def free_port(address="127.0.0.1"):
    """A port nobody listened on a moment ago; whoever uses it must cope with having lost it meanwhile."""
    with socket.socket() as probe:
        probe.bind((address, 0))
        return probe.getsockname()[1]
