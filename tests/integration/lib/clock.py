"""A daemon whose clock is off: libfaketime for wall time only, so that its timers go on as they are."""
import pathlib

from .zone import SANITIZER_OPTIONS

LIBRARIES = ("/usr/lib/*/faketime/libfaketimeMT.so.1",)


def library():
    """Its path, or None where it is not installed."""
    return next((str(path) for pattern in LIBRARIES for path in pathlib.Path("/").glob(pattern.lstrip("/"))), None)


def off_by(seconds):
    """The environment of a process whose wall clock is `seconds` ahead (behind, when negative)."""
    assert library(), "not installed: faketime"
    return {"LD_PRELOAD": library(), "FAKETIME": f"{seconds:+d}", "FAKETIME_DONT_FAKE_MONOTONIC": "1", "NO_FAKE_STAT": "1",
            "ASAN_OPTIONS": SANITIZER_OPTIONS["ASAN_OPTIONS"] + ":verify_asan_link_order=0"}
