"""docs/testing-an-adapter.md says what the suite does."""

from __future__ import annotations

import inspect
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

from connector.testing import contract
from connector.testing.contract import AdapterContract, Sample, Trouble, expected
from connector.testing.contract.checking import of_sample, of_subject
from connector.testing.contract.lines import pools

PAGE = (Path(__file__).parents[2] / "docs" / "testing-an-adapter.md").read_text(encoding="utf-8")
EXAMPLE, SUBJECT, TROUBLES, LINES = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def test_the_table_of_troubles_is_the_one_the_suite_holds_adapters_to() -> None:
    rows = re.findall(r"^\| (.+?) \| (\w*Error.*?) \| (\w*Error.*?) \|$", PAGE, re.MULTILINE)
    wanted = [
        (trouble.value, *(" or ".join(kind.__name__ for kind in expected(trouble, write=w)) for w in (False, True)))
        for trouble in Trouble
    ]
    assert rows == wanted


def test_the_one_line_of_the_page_is_a_suite() -> None:
    names: dict[str, Any] = {}
    exec(EXAMPLE.replace("from my_subject import make_my_subject", "make_my_subject = object"), names)
    assert issubclass(names["TestMine"], AdapterContract)


def test_the_subject_of_the_page_can_be_built() -> None:
    names: dict[str, Any] = {}
    exec(SUBJECT, names)
    subject = names["MySubject"](client=None)
    subject.close()
    assert list(of_subject(subject)) == []
    (sample,) = subject.samples
    assert list(of_sample(sample)) == []


def test_the_troubles_of_the_page_stand_where_the_suite_looks() -> None:
    names: dict[str, Any] = {"AdapterContract": AdapterContract, "Trouble": Trouble, "make_my_subject": object}
    exec(TROUBLES, names)
    assert names["TestMine"].troubles == (Trouble.LOST, Trouble.BUSY)


def test_the_lines_of_the_page_are_enough() -> None:
    names: dict[str, Any] = {"Sample": Sample, "Decimal": Decimal}
    exec(LINES, names)
    assert list(of_sample(names["ORDERS"])) == []
    assert len(pools(names["ORDERS"])["positions"]) == 3


def test_the_figures_of_the_page_are_those_of_the_suite() -> None:
    tests = [getattr(AdapterContract, name) for name in dir(AdapterContract) if name.startswith("test_")]
    troubled = sum("trouble" in inspect.signature(test).parameters for test in tests)
    plain = len(tests) - troubled
    said = f"{plain + troubled * len(Trouble)} tests: {plain}, and {troubled} more for each of {len(Trouble)} troubles"
    assert said in PAGE


def test_every_name_the_page_imports_is_public() -> None:
    for names in re.findall(r"from connector\.testing\.contract import (.+)", PAGE):
        assert set(names.split(", ")) <= set(contract.__all__)
