"""docs/testing-an-adapter.md says what the suite does."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from connector.testing import contract
from connector.testing.contract import AdapterContract, Trouble, expected

PAGE = (Path(__file__).parents[2] / "docs" / "testing-an-adapter.md").read_text(encoding="utf-8")
EXAMPLE, SUBJECT = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


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
    (sample,) = subject.samples
    assert sample.text in sample.create(1)
    assert len(set(sample.change[1]) | {sample.create(1)[sample.change[0]]}) == 8


def test_every_name_the_page_imports_is_public() -> None:
    for names in re.findall(r"from connector\.testing\.contract import (.+)", PAGE):
        assert set(names.split(", ")) <= set(contract.__all__)
