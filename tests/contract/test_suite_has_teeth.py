"""The suite notices: whoever breaks one promise fails the test of that promise, and whoever keeps all fails none."""

from __future__ import annotations

from typing import Any

import pytest

from connector.model.records import Key
from connector.ports import WebhookRequest
from connector.testing.contract import AdapterContract, Cannot, Trouble
from connector.testing.memory import MemorySystem

from . import sabotages_of_lines, sabotages_of_reading  # noqa: F401  (they add to the list)
from .memory.subjects import FULL, LINES, MemorySubject
from .sabotages import SABOTAGES
from .sabotages_of_lines import WITHOUT_IDS
from .sabotages_of_webhooks import Signing, sign

SIGNED = {test for kind, test in SABOTAGES if issubclass(kind, Signing)}
# They need what the system in memory does not describe: the built-in CRM and ERP pass them.
DESCRIBED = {
    "test_a_create_without_a_required_field_is_refused",
    "test_a_field_that_is_not_writable_keeps_its_value",
    "test_a_text_as_long_as_described_is_kept_whole_and_a_longer_one_is_refused",
    "test_of_a_choice_each_described_value_is_taken_and_no_other",
}


class Sabotaged(MemorySubject):
    """A subject over one kind of system in memory."""

    secrets = ("SECRET-7",)

    def __init__(self, kind: type[Any]) -> None:
        super().__init__(FULL, make=kind, line_id="" if kind.__name__.endswith(WITHOUT_IDS) else "id")
        self.system.add("things", {"name": "first", "lines": list(LINES)})

    def webhook(self, object: str, key: Key, age: float) -> WebhookRequest:  # noqa: A002
        if not isinstance(self.system, Signing):
            raise Cannot("send webhooks")
        return sign(type(self.system), key, age)


def run(test: str, kind: type[Any]) -> None:
    """One test of the suite over that kind of system. `name[trouble]` gives it the trouble."""
    name, _, trouble = test.partition("[")
    given = {"trouble": Trouble[trouble.rstrip("]").upper()]} if trouble else {}
    getattr(AdapterContract(), name)(Sabotaged(kind), **given)


@pytest.mark.parametrize(("kind", "test"), SABOTAGES, ids=lambda value: getattr(value, "__name__", None))
def test_a_broken_promise_is_noticed(kind: type[Any], test: str) -> None:
    try:
        run(test, kind)
    except Exception:
        return
    pytest.fail(f"{kind.__name__} passes {test}")


@pytest.mark.parametrize("test", sorted({test for _, test in SABOTAGES} - DESCRIBED))
def test_what_notices_it_passes_where_the_promise_is_kept(test: str) -> None:
    run(test, Signing if test in SIGNED else MemorySystem)


class SystemWithoutIds(MemorySystem):
    """Its lines have no ids, and nothing is wrong with that."""


@pytest.mark.parametrize("test", sorted({test for kind, test in SABOTAGES if kind.__name__.endswith(WITHOUT_IDS)}))
def test_lines_without_ids_are_fine(test: str) -> None:
    run(test, SystemWithoutIds)


def test_every_promise_of_the_suite_has_a_sabotage_or_is_run_over_real_servers() -> None:
    tests = {name for name in dir(AdapterContract) if name.startswith("test_")}
    sabotaged = {test.partition("[")[0] for _, test in SABOTAGES}
    assert sabotaged <= tests
    assert len(sabotaged) >= 2 * len(tests) // 3, sorted(tests - sabotaged)
