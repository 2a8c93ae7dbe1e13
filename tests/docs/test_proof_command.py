"""A campaign to break the sync: it can be stopped and gone on with, and its command says how it ended."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import connector
from connector.errors import ConfigError
from connector.testing import proof as command
from connector.testing.crash_matrix import Depth
from connector.testing.proof import Work, main, version_of
from connector.testing.proof_journal import codes, fingerprint, imported, stands_on
from connector.testing.proof_page import BEGIN, END, figures, page
from connector.testing.proof_sums import Proof, Wanted
from connector.testing.proof_units import (
    Cell,
    Days,
    Result,
    Seeds,
    do,
)

from .proofs import CELL, MADE, HereAndNow, counted, failing, journal, marked, proved


def test_a_small_proof_fills_every_part_of_the_page(tmp_path: Path) -> None:
    proof = proved(tmp_path, Work(0, cells=[CELL]), HereAndNow())
    proof.add(do(Seeds(0, 2)))
    text = page(proof, MADE)
    assert proof.matrix.cells == 1
    assert proof.matrix.points > 0
    assert f"| `cuis` | yes | yes | yes | yes | yes | - | {proof.operations:,} |" in text
    assert figures(proof) in text


def test_what_was_not_reached_is_said(tmp_path: Path) -> None:
    proof = proved(tmp_path, Work(1000, last=100))
    assert proof.operations == 300
    text = page(proof, MADE)
    part = "**Only a part of a proof.** 1,000 operations were asked for; the seeds asked for were played at 300."
    assert part in marked(text)
    assert "The crash matrix was left out. No process was killed." in marked(text)
    assert "0 crash points" not in text
    assert "0 processes" not in text
    whole = Proof(Wanted(300, 1, Depth(), 5), profiles=proof.profiles)
    whole.matrix.cells, whole.kills.kills = 1, 5
    assert whole.lacks == []
    assert "Only a part" not in page(whole, MADE)
    whole.wanted.depth = Depth(kills=7)
    assert "Of the crash matrix one step in 7 was tried." in marked(page(whole, MADE))


def test_a_proof_that_was_stopped_goes_on_and_ends_as_one_that_was_not(tmp_path: Path) -> None:
    (tmp_path / "calm").mkdir()
    whole = proved(tmp_path / "calm", Work(900))
    stopped = HereAndNow(3, counted)
    with pytest.raises(KeyboardInterrupt):
        proved(tmp_path, Work(900), stopped)
    rest = HereAndNow(play=counted)
    found = proved(tmp_path, Work(900), rest, resume=True)
    assert not set(stopped.done) & set(rest.done)
    assert page(found, MADE) == page(whole, MADE)


def test_a_line_cut_off_in_the_journal_is_done_again(tmp_path: Path) -> None:
    proved(tmp_path, Work(0, last=44))
    proved(tmp_path, Work(900, last=44))
    path = tmp_path / "journal"
    path.write_bytes(path.read_bytes()[:-20])
    rest = HereAndNow(play=counted)
    proved(tmp_path, Work(900, last=44), rest, resume=True)
    assert rest.done == ["22:44"]


def test_results_of_other_code_are_not_gone_on_with(tmp_path: Path) -> None:
    journal(tmp_path).close()
    with pytest.raises(ConfigError, match="the code has changed since"):
        journal(tmp_path, resume=True, seeds="other", program="other")
    (tmp_path / "journal").write_text("cut off")
    with pytest.raises(ConfigError, match="the code has changed since"):
        journal(tmp_path, resume=True)


def test_of_a_journal_only_the_parts_are_gone_on_with_whose_code_is_the_same(tmp_path: Path) -> None:
    kept = journal(tmp_path)
    seeds, cell = do(Seeds(0, 1)), Result(CELL.part, CELL.name, 1.0)
    kept.keep(seeds)
    kept.keep(cell)
    kept.close()
    judged = journal(tmp_path, resume=True, seeds="a judge that was mended")
    assert (judged.known(Seeds(0, 1)), judged.known(CELL)) == (None, cell)
    judged.close()


def test_kills_do_not_stand_on_the_simulator() -> None:
    loaded = "import sys, connector.testing.kill_days; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True).stdout.split()
    assert "connector.testing.kill_days" in modules
    assert not [name for name in modules if name.startswith("connector.testing.simulator")]
    assert len({codes()[part] for part in (Seeds.part, Cell.part, Days.part)}) == 3


PLAYS = {
    Cell.part: "from connector.testing.crash import one; from connector.testing.crash_matrix import Depth; "
    "one('sync', 'created-by only', Depth(9), 'memory')",
    Seeds.part: "from connector.testing.simulator.campaign import tasks; "
    "[task.setup.play(task.setup.seed(task.seed)) for task in tasks(range(80, 101), spread=True)]",
}


@pytest.mark.parametrize(("part", "play"), PLAYS.items(), ids=PLAYS)
def test_what_is_loaded_while_a_part_is_played_is_what_it_stands_on(part: str, play: str) -> None:
    """What is loaded by its name only would be missing from the fingerprint."""
    words = [sys.executable, "-c", f"import sys; {play}; print(*sys.modules)"]
    ran = subprocess.run(words, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    root = Path(connector.__file__).parent
    known = {".".join(path.relative_to(root.parent).with_suffix("").parts) for path in stands_on(root)[part]}
    known = {name.removesuffix(".__init__") for name in known}
    assert {name for name in ran.stdout.split() if name.split(".")[0] == "connector"} <= known


def test_two_proofs_do_not_write_one_journal(tmp_path: Path) -> None:
    first = journal(tmp_path)
    with pytest.raises(ConfigError, match="another proof writes it"):
        journal(tmp_path)
    first.close()
    journal(tmp_path).close()


def test_the_fingerprint_of_the_code_changes_with_any_file(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("1")
    both = [tmp_path / "a.py", tmp_path / "b.py"]
    one = fingerprint(tmp_path, both[:1])
    both[1].write_text("")
    two = fingerprint(tmp_path, both)
    both[0].write_text("2")
    assert len({one, two, fingerprint(tmp_path, both)}) == 3
    both[0].write_text("1")
    assert fingerprint(tmp_path, both[:1]) == one


def test_what_a_file_imports_counts_however_it_does_so(tmp_path: Path) -> None:
    root = tmp_path / "made"
    texts = {
        "__init__.py": "",
        "a.py": "import os\nfrom made.b import x, y\ndef f():\n    import made.c.d\n",
        "b/__init__.py": "from made import e\n",
        "b/y.py": "import a, made.a\n",
        "c/__init__.py": "",
        "c/d.py": "",
        "e.py": "",
        "other.py": "",
    }
    for name, text in texts.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    found = {path.relative_to(root).as_posix() for path in imported(root, "a.py")}
    assert found == texts.keys() - {"other.py"}


# ---------------------------------------------------------------------------------------------- command line


def line(folder: Path, *words: str) -> list[str]:
    named = ("journal", "page", "readme", "mutants")
    return [
        *words,
        "--no-crash",
        "--kills",
        "0",
        *(part for name in named for part in (f"--{name}", str(folder / name))),
    ]


def test_the_command_plays_seeds_in_processes_and_writes_page_and_figures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "readme").write_text(f"{BEGIN}\n{END}\n")
    code = main(line(tmp_path, "--seeds", "0:2", "--operations", "10", "--workers", "2"))
    text = (tmp_path / "page").read_text("utf-8")
    assert code == (0 if "No seed, no crash point and no day failed" in text else 1)
    assert marked((tmp_path / "readme").read_text("utf-8")) == marked(text)
    assert "2 seeds: 0 to 1." in text
    assert "see " in capsys.readouterr().out


def test_only_a_whole_proof_is_published_unless_places_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "docs").mkdir()
    (tmp_path / "README.md").write_text(f"{BEGIN}\nold\n{END}\n")
    whole = Proof(Wanted(0, 1, Depth(), 1))
    whole.matrix.cells = whole.kills.kills = 1
    for proof, page_, shown in ((Proof(Wanted(1)), "build/proof.md", "old"), (whole, "docs/proof.md", "0 operations")):
        monkeypatch.setattr(command, "prove", lambda *given, proof=proof: proof)
        assert main(["--journal", "journal"]) == 0
        assert f"see {page_}" in capsys.readouterr().out
        assert "| made by | `python -m connector.testing.proof --journal journal` |" in Path(page_).read_text("utf-8")
        assert marked((tmp_path / "README.md").read_text("utf-8")).startswith(shown)


def test_the_page_names_the_commit_that_was_proved(tmp_path: Path) -> None:
    assert version_of(tmp_path) == f"{connector.__version__}, of no known commit"

    def git(*words: str) -> str:
        person = ["-c", "user.name=Somebody", "-c", "user.email=somebody@test.example"]
        return subprocess.run(["git", *person, *words], cwd=tmp_path, check=True, capture_output=True, text=True).stdout

    git("init", "-q")
    (tmp_path / "file").write_text("one")
    git("add", "file")
    git("commit", "-q", "-m", "One")
    commit = git("rev-parse", "HEAD")[:12]
    assert version_of(tmp_path) == f"{connector.__version__}, commit {commit}"
    (tmp_path / "file").write_text("two")
    assert version_of(tmp_path) == f"{connector.__version__}, commit {commit}-dirty"


def test_a_finding_makes_the_command_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "prove", lambda *given: failing())
    assert main(line(tmp_path)) == 1
    assert "--seed 9" in (tmp_path / "page").read_text("utf-8")
    assert "The first: I7: a | b <c>\n    python -m x --seed 0\n" in capsys.readouterr().out


def test_a_command_that_is_stopped_writes_no_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stopped(*given: object) -> Proof:
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "prove", stopped)
    assert main(line(tmp_path)) == 130
    assert not (tmp_path / "page").exists()
    assert "--resume" in capsys.readouterr().err


def test_when_time_is_up_nothing_new_is_begun_and_the_page_says_so(tmp_path: Path) -> None:
    assert main(line(tmp_path, "--minutes", "0", "--operations", "10", "--workers", "1")) == 0
    assert "10 operations were asked for; time was up at 0." in (tmp_path / "page").read_text("utf-8")


@pytest.mark.parametrize(
    "words",
    [
        ["--seeds", "x"],
        ["--seeds", "1:"],
        ["--operations", "-1"],
        ["--kills", "²"],
        ["--seeds", "5:2"],
        ["--operations", "0"],
        ["--minutes", "-1"],
        ["--minutes", "nan"],
        ["--resum"],
    ],
)
def test_arguments_nobody_can_read_are_refused(tmp_path: Path, words: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*line(tmp_path), *words])
    assert ended.value.code == 2


def test_a_place_that_cannot_be_written_to_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert main([*line(tmp_path, "--minutes", "0"), "--journal", str(tmp_path / "file" / "journal")]) == 2
    assert main([*line(tmp_path, "--minutes", "0"), "--page", str(tmp_path / "none" / "page")]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_days_of_the_kill_runs_are_at_least_the_kills_asked_for() -> None:
    assert sum(days.kills for days in command.all_days(12)) >= 12
    assert command.all_days(0) == []
    assert Days(3).command == "python -m connector.testing.kill_days --kills 5 --servers 1 --seed 3"
