"""For every test: a clean environment, examples that are the same each time, and no way out of this machine."""

from __future__ import annotations

import ipaddress
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, settings

settings.register_profile(
    "ci",
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=60,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("deep", settings.get_profile("ci"), derandomize=False, max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

_UNWANTED = re.compile(r"CONNECTOR_|XDG_|[a-z]+_proxy$|FORCE_COLOR$|PY_COLORS$|GITHUB_ACTIONS$", re.IGNORECASE)


@pytest.fixture(scope="session", autouse=True)
def _home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nothing of the person who runs the tests is read or written: no settings, no proxies, an empty home."""
    with pytest.MonkeyPatch.context() as patch:
        for name in filter(_UNWANTED.match, list(os.environ)):
            patch.delenv(name)
        home: Path = tmp_path_factory.mktemp("home")
        patch.setenv("HOME", str(home))
        patch.setenv("NO_COLOR", "1")
        patch.setenv("COLUMNS", "120")
        yield


@pytest.fixture(autouse=True)
def _environment() -> Iterator[None]:
    """What one test puts into the environment does not reach the next."""
    before = dict(os.environ)
    yield
    if dict(os.environ) != before:
        os.environ.clear()
        os.environ.update(before)


@pytest.fixture(autouse=True)
def _logs() -> Iterator[None]:
    """A command run in this process sets up its logs; the next test starts with none of that."""
    structlog.reset_defaults()
    yield
    structlog.reset_defaults()


# A test that speaks to another machine fails, even where the code under test swallows the error.

_escapes: list[str] = []
_WATCHED = {"socket.connect": 1, "socket.bind": 1, "socket.sendto": 1, "socket.getaddrinfo": 0}


def _is_local(host: Any) -> bool:
    """Loopback, or the name of it. A name that would need a lookup is not."""
    if host is None or host in ("localhost", b"localhost"):
        return True
    try:
        return ipaddress.ip_address(host.decode() if isinstance(host, bytes) else host).is_loopback
    except ValueError:
        return False


def _watch(event: str, args: tuple[Any, ...]) -> None:
    at = _WATCHED.get(event)
    if at is None:
        return
    address = args[at]
    if event != "socket.getaddrinfo":
        if not isinstance(address, tuple):
            return  # a socket of the file system
        address = address[0]
    if not _is_local(address):
        _escapes.append(f"{event} {address}")
        raise OSError(f"tests stay on this machine: {event} {address!r}")


sys.addaudithook(_watch)


@pytest.fixture(autouse=True)
def _stay_on_this_machine() -> Iterator[None]:
    """Fails the test during which something left, or tried to leave, this machine."""
    _escapes.clear()
    yield
    escapes, _escapes[:] = list(_escapes), []
    if escapes:
        pytest.fail(f"left this machine: {', '.join(sorted(set(escapes)))}")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Slow tests first: at the end of a run no worker waits for another's last one."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
