"""What a subject has no way to do is left out of its tests, and the summary says what that was."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any, NoReturn

import pytest
from _pytest.outcomes import Failed, Skipped
from _pytest.runner import runtestprotocol

from connector.testing.contract.trouble import Trouble

NAME = "adapter-contract"
MATTERS: Mapping[Trouble, str] = {Trouble.LOST: "lost answer", Trouble.BUSY: "busy system"}
"""What every system meets one day: who has not tried it knows little."""

_WHY = pytest.StashKey[str]()
_STOPPED = pytest.StashKey[bool]()


class LeftOut(Skipped):
    """No object of the subject can do what the test needs. Only a run tells: it is the system that says what it can."""


class Stopped(Failed):
    """The subject itself is wrong: no test of the class can tell anything."""


def leave_out(config: pytest.Config) -> None:
    """From now on such tests count as deselected, not as skipped."""
    if not config.pluginmanager.has_plugin(NAME):
        config.pluginmanager.register(LeavingOut(), NAME)


def stop(problem: str, cause: Exception | None = None) -> NoReturn:
    """Fails the first test of a class; the others are left out."""
    raise Stopped(problem, pytrace=cause is not None) from cause


class LeavingOut:
    """The hooks for it. They act on tests of `AdapterContract` and leave all others alone.

    ran: how many tests of a class did. tried: troubles a class was put into.
    """

    def __init__(self) -> None:
        self.left: Counter[tuple[str, str]] = Counter()
        self.ran: Counter[str] = Counter()
        self.tried: defaultdict[str, set[Trouble]] = defaultdict(set)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
        """Runs a test of the suite; a test that is left out is reported to nobody."""
        if "contract_subject" not in getattr(item, "fixturenames", ()):
            return None
        reports = runtestprotocol(item, log=False, nextitem=nextitem)
        why = item.stash.get(_WHY, None)
        if why is not None and not any(report.failed for report in reports if report.when != "setup"):
            self._leave_out(item, why)
            return True
        self.ran[_who(item)] += 1
        self.tried[_who(item)].update(_troubles(item))
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        for report in reports:
            item.ihook.pytest_runtest_logreport(report=report)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[Any]) -> Any:
        error = call.excinfo.value if call.excinfo is not None else None
        if isinstance(error, LeftOut):
            item.stash[_WHY] = str(error)
        if isinstance(error, Stopped) and item.parent is not None:
            if item.parent.stash.get(_STOPPED, False):
                item.stash[_WHY] = "stopped: see the first test"
            item.parent.stash[_STOPPED] = True
        return (yield)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        verbose = _verbose(terminalreporter.config)
        for who in sorted({who for who, _ in self.left} | set(self.ran)):
            whys = {why: count for (one, why), count in sorted(self.left.items()) if one == who}
            untried = [f"no {name}" for trouble, name in MATTERS.items() if trouble not in self.tried[who]]
            if not whys and not untried:
                continue
            said = f"{who}: {self.ran[who]} run, {sum(whys.values())} left out"
            said += f"; {', '.join(untried)} was tried" if untried else ""
            terminalreporter.write_line(said + ("" if verbose or not whys else "; -v says why"))
            for why, count in whys.items() if verbose else ():
                terminalreporter.write_line(f"  {count} {why}")

    def _leave_out(self, item: pytest.Item, why: str) -> None:
        self.left[_who(item), why] += 1
        item.session.testscollected -= 1  # else progress ends below 100%
        item.config.hook.pytest_deselected(items=[item])


def _who(item: pytest.Item) -> str:
    return item.parent.name if item.parent else item.name


def _troubles(item: pytest.Item) -> set[Trouble]:
    """The trouble a test is about, by its parameter."""
    spec = getattr(item, "callspec", None)
    return {value for value in spec.params.values() if isinstance(value, Trouble)} if spec is not None else set()


def _verbose(config: pytest.Config) -> bool:
    """Whether -v was asked for: on the command line it counts also where a setting of the project takes it back."""
    asked = any(re.fullmatch(r"-[lqsx]*v[lqsvx]*|--verbose", str(word)) for word in config.invocation_params.args)
    return asked or config.get_verbosity() > 0
