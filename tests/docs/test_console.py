"""The harness that runs documents notices what it is there to notice."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from .console import Session, blocks, missing_line

ECHO = "import os, sys; print(*sys.argv[1:], os.environ.get('COLOR', '')); sys.exit(int('fail' in sys.argv))"


def session(folder: Path) -> Session:
    return Session(folder, {"say": [sys.executable, "-c", ECHO]}, frozenset({"test"}))


def document(*lines: str, remark: str = "") -> str:
    return "\n".join(["Some text.", "", remark, "```console", *lines, "```"])


def test_a_command_that_prints_what_is_shown_is_fine(tmp_path: Path) -> None:
    assert session(tmp_path).problems(document("$ say 12 records", "7 records")) == []


def test_output_that_differs_is_reported_with_its_line(tmp_path: Path) -> None:
    (problem,) = session(tmp_path).problems(document("$ say hello", "goodbye"))
    assert problem.startswith("line 5: $ say hello: does not print `goodbye`")


def test_a_command_that_fails_is_reported(tmp_path: Path) -> None:
    (problem,) = session(tmp_path).problems(document("$ say fail"))
    assert "ended with 1, not 0" in problem


def test_an_exit_code_may_be_announced(tmp_path: Path) -> None:
    assert session(tmp_path).problems(document("$ say ok", "$ say fail", remark="<!-- exit code 1 -->")) == []


def test_a_block_that_is_not_run_needs_a_reason(tmp_path: Path) -> None:
    assert session(tmp_path).problems(document("$ rm x", remark="<!-- not run: it needs an account -->")) == []
    assert session(tmp_path).problems(document("$ rm x", remark="<!-- not run -->")) == [
        "line 4: `not run` needs a reason"
    ]


def test_a_remark_holds_for_the_next_block_only(tmp_path: Path) -> None:
    text = document("$ rm x", remark="<!-- not run: dangerous -->") + "\n" + document("$ rm y")
    (problem,) = session(tmp_path).problems(text)
    assert "$ rm y: no such program here" in problem


def test_variables_and_folders_last_until_the_end_of_the_document(tmp_path: Path) -> None:
    text = document("$ export COLOR=red") + "\n" + document("$ cd box", "$ say hello \\", "  there", "hello there red")
    assert session(tmp_path).problems(text) == []
    assert (tmp_path / "box").is_dir()


def test_a_task_of_make_has_to_exist(tmp_path: Path) -> None:
    (problem,) = session(tmp_path).problems(document("$ make test", "$ make tea"))
    assert problem.endswith("make has no task tea")


def test_other_blocks_are_left_alone() -> None:
    assert list(blocks("```yaml\n$ say\n```\n\n    $ say\n")) == []


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        (["created 3, read 1,204 in 0.4 s"], "created 12, read 9 in 11.2 s\n"),
        (["a", "...", "d"], "a\nb\nc\nd\n"),
        (["name   count", "----   -----", "acme       1"], "name  count\n━━━━━━━━━━━\nacme  22\n"),
    ],
)
def test_numbers_and_widths_may_differ(shown: list[str], printed: str) -> None:
    assert missing_line(shown, printed) is None


@pytest.mark.parametrize(("shown", "printed"), [(["a", "c"], "a\nb\nc\n"), (["b", "a"], "a\nb\n"), (["a"], "")])
def test_lines_left_out_need_an_ellipsis(shown: list[str], printed: str) -> None:
    assert missing_line(shown, printed) is not None
