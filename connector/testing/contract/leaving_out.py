"""What a subject has no way to do is left out of its tests, and the summary says what that was."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from _pytest.outcomes import Skipped
from _pytest.runner import runtestprotocol

NAME = "adapter-contract"
_WHY = pytest.StashKey[str]()


class LeftOut(Skipped):
    """No object of the subject can do what the test needs. Only a run tells: it is the system that says what it can."""


def leave_out(config: pytest.Config) -> None:
    """From now on such tests count as deselected, not as skipped."""
    if not config.pluginmanager.has_plugin(NAME):
        config.pluginmanager.register(LeavingOut(), NAME)


class LeavingOut:
    """The hooks for it. They act on tests of `AdapterContract` and leave all others alone."""

    def __init__(self) -> None:
        self.left: Counter[tuple[str, str]] = Counter()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
        """Runs a test of the suite; a test that is left out is reported to nobody."""
        if "contract_subject" not in getattr(item, "fixturenames", ()):
            return None
        reports = runtestprotocol(item, log=False, nextitem=nextitem)
        why = item.stash.get(_WHY, None)
        if why is not None and not any(report.failed for report in reports):
            self._leave_out(item, why)
            return True
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        for report in reports:
            item.ihook.pytest_runtest_logreport(report=report)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[Any]) -> Any:
        if call.excinfo is not None and isinstance(call.excinfo.value, LeftOut):
            item.stash[_WHY] = str(call.excinfo.value)
        return (yield)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        verbose = terminalreporter.config.get_verbosity() > 0
        for who in sorted({who for who, _ in self.left}):
            whys = {why: count for (one, why), count in sorted(self.left.items()) if one == who}
            terminalreporter.write_line(f"{who}: {sum(whys.values())} left out" + ("" if verbose else "; -v says why"))
            for why, count in whys.items() if verbose else ():
                terminalreporter.write_line(f"  {count} {why}")

    def _leave_out(self, item: pytest.Item, why: str) -> None:
        who = item.parent.name if item.parent else item.name
        self.left[who, why] += 1
        item.session.testscollected -= 1  # else progress ends below 100%
        item.config.hook.pytest_deselected(items=[item])
