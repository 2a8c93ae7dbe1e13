"""The runner of mutants tells caught from survived, and takes no broken test for a catch."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, cast

import pytest

from . import bench, run, seeds
from .bench import BrokenError, Ran
from .catalogue import MUTANTS
from .mutant import ROOT, Mutant
from .run import Result, Unmutated, judge, main, report

MUTANT = replace(MUTANTS[0], name="a bug", hints=("hint a", "hint b"))


class Sound:
    """Stands for the unmutated copy; tests in `broken` fail there, too."""

    folder = ROOT

    def __init__(self, *broken: str) -> None:
        self.broken = broken

    def passes(self, test: str) -> bool:
        return test not in self.broken


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> dict[str, Ran]:
    """What each selection of tests answers, instead of running it."""
    found: dict[str, Ran] = {}

    @contextmanager
    def nowhere(mutant: Any, origin: Path) -> Any:
        yield Path()

    monkeypatch.setattr(run, "copied", nowhere)
    monkeypatch.setattr(run, "run_tests", lambda folder, selection, seconds: found.get(selection, Ran(None)))
    return found


def judged(*broken: str) -> Result:
    return judge(MUTANT, cast(Unmutated, Sound(*broken)), limit=60.0)


def test_the_first_test_that_fails_catches_a_mutant(answers: dict[str, Ran]) -> None:
    answers["hint b"] = Ran("tests/x.py::test_b")
    assert (judged().caught, judged().caught_by) == (True, "tests/x.py::test_b")


def test_the_other_tests_are_tried_when_the_hints_see_nothing(answers: dict[str, Ran]) -> None:
    answers[run.CATCHERS[-1]] = Ran("tests/x.py::test_last")
    assert judged().caught_by == "tests/x.py::test_last"


def test_a_mutant_no_test_notices_survives_and_is_listed(answers: dict[str, Ran]) -> None:
    result = judged()
    assert not result.caught
    assert "SURVIVED" in str(result)
    assert report([result])[-1] == "caught 0 of 1"
    assert "a bug" in report([result])[0]


def test_a_test_that_fails_without_the_mutant_too_catches_nothing(answers: dict[str, Ran]) -> None:
    answers["hint a"] = Ran("tests/x.py::test_a")
    result = judged("tests/x.py::test_a")
    assert not result.caught
    assert "without any mutant" in report([result])[0]


def test_a_mutant_that_takes_too_long_is_not_caught(answers: dict[str, Ran]) -> None:
    answers["hint a"] = Ran(None, ended=False)
    assert not judged().caught


@pytest.mark.parametrize(("says", "found"), [("row 6 in seed 7", 1), (None, 0)])
def test_what_the_simulator_finds_alone_is_a_column_of_its_own(
    monkeypatch: pytest.MonkeyPatch, answers: dict[str, Ran], says: str | None, found: int
) -> None:
    monkeypatch.setattr(run, "run_simulator", lambda folder, seeds, seconds: Ran(says))
    result = judge(MUTANT, cast(Unmutated, Sound()), limit=60.0, seeds=20)
    assert not result.caught
    assert str(result).endswith(f"simulator: {says or 'NOTHING'}")
    assert report([result])[-1] == f"the simulator found {found} of 1"
    assert judged().simulator is None


def test_the_simulator_is_asked_about_engine_and_merge_only(answers: dict[str, Ran]) -> None:
    other = replace(MUTANT, file="connector/state/work.py")
    assert judge(other, cast(Unmutated, Sound()), limit=60.0, seeds=20).simulator is None


def test_the_simulator_that_is_not_decided_has_found_nothing(
    monkeypatch: pytest.MonkeyPatch, answers: dict[str, Ran]
) -> None:
    monkeypatch.setattr(run, "run_simulator", lambda folder, seeds, seconds: Ran(None, ended=False))
    assert not judge(MUTANT, cast(Unmutated, Sound()), limit=60.0, seeds=20).found


@pytest.mark.parametrize(
    ("code", "output", "ran"),
    [(0, "nothing in 3 seeds", Ran(None)), (3, "warns\nI7 in seed 2\n", Ran("I7 in seed 2"))],
)
def test_the_finding_is_read_from_what_the_simulator_prints(
    monkeypatch: pytest.MonkeyPatch, code: int, output: str, ran: Ran
) -> None:
    monkeypatch.setattr(bench, "_run", lambda folder, command, seconds: (code, output))
    assert bench.run_simulator(ROOT, 3, 60.0) == ran
    monkeypatch.setattr(bench, "_run", lambda folder, command, seconds: (1, "Traceback"))
    with pytest.raises(BrokenError):
        bench.run_simulator(ROOT, 3, 60.0)


def test_the_seeds_of_the_program_as_it_is_find_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert seeds.main(2) == 0
    assert capsys.readouterr().out == "nothing in 2 seeds\n"


@pytest.mark.parametrize(
    ("code", "output", "failed"),
    [
        (0, "3 passed", None),
        (5, "no tests ran", None),
        (1, "FAILED tests/x.py::test_a - AssertionError: b - c\n1 failed", "tests/x.py::test_a"),
        (1, "FAILED tests/x.py::test_a[1, 2 3-left]\n1 failed", "tests/x.py::test_a[1, 2 3-left]"),
        (1, "ERROR tests/x.py::test_a - OSError\n1 error", "tests/x.py::test_a"),
    ],
)
def test_the_failed_test_is_read_from_what_pytest_prints(code: int, output: str, failed: str | None) -> None:
    assert bench._read(code, output) == Ran(failed)


@pytest.mark.parametrize("output", ["ERROR tests/x.py - ImportError: no", "INTERNALERROR> boom", ""])
def test_tests_that_cannot_be_run_are_no_catch(output: str) -> None:
    with pytest.raises(BrokenError):
        bench._read(2, output)


def test_the_copy_holds_the_mutant_and_the_original_does_not() -> None:
    mutant = MUTANTS[0]
    with bench.copied(mutant) as folder:
        assert mutant.apply((ROOT / mutant.file).read_text()) == (folder / mutant.file).read_text()
        assert (folder / "tests" / "conftest.py").exists()
    assert not folder.exists()


@pytest.mark.parametrize(("caught", "code"), [(True, 0), (False, 1)])
def test_the_exit_code_says_whether_every_mutant_was_caught(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caught: bool, code: int
) -> None:
    result = Result("n", "I1", "Says.", "a.py", "tests/x.py::test_a" if caught else "", 1.0)
    monkeypatch.setattr(run, "judge_all", lambda mutants, **how: [result])
    assert main(["--json", str(tmp_path / "r.json")]) == code
    assert '"caught_by"' in (tmp_path / "r.json").read_text()


def test_again_asks_for_those_alone_that_were_not_caught_and_tells_of_all(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second, third = MUTANTS[:3]

    def result(mutant: Mutant, caught_by: str, says: str = "") -> Result:
        return Result(mutant.name, mutant.rule, says or mutant.says, mutant.file, caught_by, 1.0)

    asked: list[str] = []

    def judged(mutants: Any, **how: Any) -> list[Result]:
        asked.extend(mutant.name for mutant in mutants)
        return [result(mutant, "tests/x.py::test_a") for mutant in mutants]

    kept = [result(first, "tests/y.py::test_b"), result(second, ""), result(third, "tests/y.py::test_c", "Other.")]
    path = tmp_path / "r.json"
    path.write_text(json.dumps([asdict(one) for one in kept]))
    monkeypatch.setattr(run, "judge_all", judged)
    monkeypatch.setattr(run, "MUTANTS", (first, second, third))
    assert main(["--again", "--json", str(path)]) == 0
    assert asked == [second.name, third.name]
    assert [entry["caught_by"][6] for entry in json.loads(path.read_text())] == ["y", "x", "x"]
    assert "caught 3 of 3" in capsys.readouterr().out


def test_unknown_names_and_a_program_that_does_not_work_are_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--only", "nobody knows"]) == 2

    def broken(mutants: Any, **how: Any) -> list[Result]:
        raise BrokenError("tests/x.py fails without any mutant.")

    monkeypatch.setattr(run, "judge_all", broken)
    assert main([]) == 2
    assert "nobody knows" in (said := capsys.readouterr().err)
    assert "without any mutant" in said
