"""The proof's page shows what was counted, the README its figures, and promises name the tests that hold them."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec
import pytest

from connector.errors import ConfigError
from connector.testing import proof as command
from connector.testing import proof_page, proof_sums
from connector.testing.crash_matrix import Depth
from connector.testing.proof import Work, main, prove
from connector.testing.proof_journal import Journal, fingerprint, put
from connector.testing.proof_limits import LIMITS
from connector.testing.proof_page import BEGIN, END, FAULTS, Circumstances, figures, page, with_figures
from connector.testing.proof_sums import Mutants, Proof, Wanted, kind_of, operations_of, read_mutants
from connector.testing.proof_units import (
    ROUND,
    Cell,
    Days,
    Failure,
    Result,
    Seeds,
    Tally,
    Unit,
    command_of,
    do,
    play,
    rounds,
)
from connector.testing.simulator.__main__ import main as again
from connector.testing.simulator.campaign import Task, play_tasks
from connector.testing.simulator.play import Played, Setup
from connector.testing.simulator.profiles import POLICIES, PROFILES
from connector.testing.simulator.simulation import Simulation
from connector.testing.simulator.systems import TRICKS

from .pages import README, ROOT

PAGE = ROOT / "docs" / "proof.md"
INVARIANTS = ROOT / "tests" / "invariants"
MADE = Circumstances("2026-01-02", "0.1.0", "2 cores", 2)
NOTHING = Played((), Counter(), "", ())
CELL = Cell("sync", "created-by only", Depth(kills=40, pairs=0, faults=0))


class HereAndNow:
    """Stands for the worker processes: does each piece at once. stop: after so many it is Ctrl-C."""

    def __init__(self, stop: int | None = None, play: Callable[[Unit], Result] = do) -> None:
        self.done: list[str] = []
        self.is_late = False
        self._stop = stop
        self._play = play

    def work(self, units: Iterable[Unit], far: Callable[[], str]) -> Iterable[Result]:
        for unit in units:
            if len(self.done) == self._stop:
                raise KeyboardInterrupt
            self.done.append(unit.name)
            yield self._play(unit)


def counted(unit: Unit) -> Result:
    """A piece in which every seed did one edit and wrote two records, in the first profile."""
    assert isinstance(unit, Seeds)
    seeds = unit.last - unit.first
    tally = Tally(seeds, 0, {"did edit": seeds, "wrote edit": 2 * seeds})
    return Result(unit.part, unit.name, 1.0, {next(iter(PROFILES)): tally})


def journal(folder: Path, *, resume: bool = False, code: str = "code") -> Journal:
    return Journal(folder / "journal", code, resume=resume)


def proved(folder: Path, work: Work, crew: HereAndNow | None = None, *, resume: bool = False) -> Proof:
    kept = journal(folder, resume=resume)
    try:
        return prove(work, kept, crew or HereAndNow(play=counted))  # type: ignore[arg-type]
    finally:
        kept.close()


def cells_of(text: str, heading: str) -> list[list[str]]:
    """The rows of the last table below a heading, without its head."""
    part = text.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    table = [line for line in part.splitlines() if line.startswith("|")]
    start = max(number for number, line in enumerate(table) if line.startswith("|---"))
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in table[start + 1 :]]


def number(text: str) -> int:
    return int(text.replace(",", ""))


def marked(text: str) -> str:
    return text.split(BEGIN)[1].split(END)[0].strip()


# ------------------------------------------------------------------------------------------ what is published


def test_the_readme_shows_the_figures_of_the_page() -> None:
    shown = marked(README.read_text("utf-8"))
    assert shown == marked(PAGE.read_text("utf-8"))
    assert re.fullmatch(r"[\d,]+ operations \(.* by people, .* written by syncs\), .*: [\d,]+ findings?\.", shown)


def test_the_published_figures_add_up() -> None:
    text = PAGE.read_text("utf-8")
    operations, people, syncs = (
        number(found) for found in re.findall(r"[\d,]+(?= oper| by people| records)", marked(text))
    )
    assert operations == people + syncs
    rows = cells_of(text, "Per capability profile")
    assert sum(number(row[7]) for row in rows) == operations
    assert f", {sum(number(row[8]) for row in rows):,} crashes, " in marked(text)
    assert [row[0].strip("`") for row in rows] == list(PROFILES)
    kinds = cells_of(text, "Findings")
    assert marked(text).split(": ")[-1].split(" ")[0] == f"{sum(number(row[2]) for row in kinds):,}"


def test_the_published_proof_found_nothing() -> None:
    found = {kind: count for kind, _, count in cells_of(PAGE.read_text("utf-8"), "Findings")}
    assert set(found.values()) == {"0"}, found


def test_every_invariant_that_the_readme_names_is_tested_in_the_file_it_links_to() -> None:
    links = re.findall(r"\[((?:I\d+[-, ]*)+)\]\((tests/[^)]+)\)", README.read_text("utf-8"))
    assert len(links) > 10
    for names, target in links:
        tests = (ROOT / target).read_text("utf-8")
        for first, last in re.findall(r"I(\d+)(?:-I(\d+))?", names):
            wanted = range(int(first), int(last or first) + 1)
            assert [i for i in wanted if f"def test_i{i:02}_" not in tests] == [], f"{names} in {target}"


def test_every_invariant_of_the_protocol_has_a_test_with_its_number() -> None:
    tests = "".join(path.read_text("utf-8") for path in sorted(INVARIANTS.glob("test_*.py")))
    assert {int(number) for number in re.findall(r"def test_i(\d+)_", tests)} == set(range(1, 45))


# --------------------------------------------------------------------------------------------- what is counted


def test_operations_are_what_people_did_and_what_syncs_wrote_and_nothing_else() -> None:
    counts = {"did edit": 3, "did add": 2, "did wait": 90, "did fault": 90, "wrote create": 4, "wrote edit": 1}
    counts |= {"effects": 900, "runs": 90, "crashes": 90, "fault crm busy": 90, "webhook twice": 90}
    assert operations_of(Tally(1, 0, counts)) == 3 + 2 + 4 + 1


def test_a_seed_counts_as_the_campaign_counts_it_and_its_writes_as_the_systems_saw_them() -> None:
    task = Task("cuis", "manual", 5)
    tally, totals = play(task), play_tasks([task])
    assert proof_sums.by_people(tally) == sum(totals.operations.values()) > 0
    assert {name: tally.counts[name] for name in ("runs", "effects", "crashes")} == {
        name: totals.counts[name] for name in ("runs", "effects", "crashes")
    }
    seen: Counter[str] = Counter()
    simulation = Simulation(PROFILES[task.profile], POLICIES[task.policy])
    for system in simulation.systems.values():
        system.watchers.append(lambda touch: seen.update([touch.by] if touch.before != touch.after else []))
    simulation.play(task.setup.seed(task.seed))
    simulation.close()
    assert proof_sums.by_syncs(tally) == seen["connector"] > 0


@pytest.mark.parametrize("task", [Task("-u-s", "manual", 5), Task("cuis", "newest", 99)], ids=str)
def test_the_command_of_a_seed_plays_it_again(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    played = []
    monkeypatch.setattr(Setup, "play", lambda setup, lines, **how: played.append((setup, lines)) or NOTHING)
    again(shlex.split(command_of(task))[3:])
    assert played == [(task.setup, task.setup.seed(task.seed))]


def test_what_a_seed_raises_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(simulation: Simulation, script: Iterable[str]) -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(Simulation, "play", broken)
    tally = play(Task("cuis", "manual", 5))
    assert [(f.rule, f.what) for f in tally.failures] == [("error", "ZeroDivisionError: oh")]
    assert tally.failed == 1


@pytest.mark.parametrize(
    "path", sorted((ROOT / "connector/testing/simulator").glob("*.py")), ids=lambda path: path.name
)
def test_every_rule_the_judge_knows_is_of_a_kind_of_finding_and_every_limit_has_words(path: Path) -> None:
    text = path.read_text("utf-8")
    rules = re.findall(r'find\(\s*"(\w+)"', text) + re.findall(r'rule = "(\w+)"', text)
    assert [rule for rule in rules if kind_of(rule) == proof_sums.OTHER] == []
    limits = {f"limit {rule}" for rule in re.findall(r'\blimit\(\s*"(\w+)"', text)}
    assert (limits | {f"gap {rule}" for rule in re.findall(r'\bnarrow\(\s*"(\w+)"', text)}) <= LIMITS.keys()


def test_every_fault_has_words() -> None:
    assert TRICKS.keys() <= FAULTS.keys()


def test_rounds_go_on_until_it_is_enough_and_give_every_pair_of_profile_and_policy_the_same() -> None:
    done: list[Seeds] = []
    for unit in rounds(7, None, lambda: sum(u.last - u.first for u in done) > ROUND):
        done.append(unit)
    assert sum(unit.last - unit.first for unit in done) == 2 * ROUND
    assert [unit.first for unit in done] == [7, *(unit.last for unit in done[:-1])]
    assert [*rounds(3, 30, lambda: False)] == [Seeds(3, 25), Seeds(25, 30)]


# -------------------------------------------------------------------------------------------------- a campaign


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
    assert "**Not whole.** 1,000 operations were asked for; the seeds asked for were played at 300." in text
    assert "0 of 0 kills were done" in text
    whole = Proof(Wanted(300, 1, Depth(), 5), profiles=proof.profiles)
    whole.matrix.cells, whole.kills.kills = 1, 5
    assert "Not whole" not in page(whole, MADE)


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
        journal(tmp_path, resume=True, code="other")


def test_the_fingerprint_of_the_code_changes_with_any_file(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("1")
    one = fingerprint(tmp_path)
    (tmp_path / "b.py").write_text("")
    two = fingerprint(tmp_path)
    (tmp_path / "a.py").write_text("2")
    assert len({one, two, fingerprint(tmp_path)}) == 3


# ---------------------------------------------------------------------------------------------------- the page


def failing() -> Proof:
    proof = Proof(Wanted(1))
    for seed, rule in enumerate(["I7", "I9", "I8", "I6", "I15", "I16", "I1", "I44", "error", "I99"]):
        tally = Tally(1, 1, {"did edit": 1}, [Failure(f"python -m x --seed {seed}", rule, "a | b <c>")])
        proof.add(Result("simulator", f"{seed}:{seed + 1}", 0.0, {"cuis": tally}))
    return proof


def test_every_finding_is_counted_by_its_kind_and_listed_with_its_command() -> None:
    proof = failing()
    text = page(proof, MADE)
    assert {kind: number(count) for kind, _, count in cells_of(text, "Findings")} == dict.fromkeys(
        [*proof_sums.KINDS, "other"], 1
    )
    assert all(f"* `python -m x --seed {seed}`<br>" in text for seed in range(10))
    assert ": 10 findings." in figures(proof)


def test_crash_points_and_days_that_end_wrong_are_findings() -> None:
    proof = Proof(Wanted(1))
    cell = {"scenario": "sync", "profile": "p, q", "points": 9, "differences": [{"at": "step 3", "what": ["x", "y"]}]}
    proof.add(Result("crash matrix", "c", cell=cell))
    proof.add(
        Result("kill runs", "d", days={"days": 2, "kills": 2, "command": "run it", "differences": {"day 2": ["z"]}})
    )
    assert proof.findings["diverged"] == 2
    text = page(proof, MADE)
    assert '* `python -m connector.testing.crash --all --scenario sync --profile "p, q"`<br>I11: step 3: x; y' in text
    assert "* `run it`<br>I11: day 2: z" in text


def test_limits_met_are_named_and_counted_in_their_profile() -> None:
    proof = Proof(Wanted(1), profiles={"----": Tally(1, 0, {"limit I9": 2, "gap I7": 3, "did edit": 1})})
    text = page(proof, MADE)
    assert cells_of(text, "Per capability profile")[0][-1] == "created twice: 2; overwritten in the gap: 3"
    assert re.search(r"\*\*Created twice\.\*\* .*`----`.* Hit here: 2\.", text)


def test_figures_are_put_between_the_marks_and_nowhere_else() -> None:
    proof = failing()
    text = f"a\n{BEGIN}\nold\n{END}\nb\n"
    assert with_figures(text, proof) == f"a\n{BEGIN}\n{figures(proof)}\n{END}\nb\n"
    assert with_figures("a\nb\n", proof) == "a\nb\n"


@pytest.mark.parametrize(
    ("of", "words"),
    [(0, "no"), (1, "every"), (2, "every 2nd"), (7, "every 7th"), (11, "every 11th"), (61, "every 61st")],
)
def test_a_part_of_the_matrix_is_said_in_words(of: int, words: str) -> None:
    assert proof_page._every(of) == words


# ---------------------------------------------------------------------------------------------- the other files


def test_the_result_of_the_mutation_check_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "mutants.json"
    assert read_mutants(path) is None
    rows = [("a", "tests/x", ""), ("b", "", ""), ("c", "tests/x", "does not apply")]
    shown = [{"name": name, "caught_by": caught, "problem": problem} for name, caught, problem in rows]
    path.write_bytes(msgspec.json.encode(shown))
    assert read_mutants(path) == Mutants(1, ["b", "c"])
    assert "1 of 3 were caught. Not caught: b, c." in page(Proof(Wanted(1), mutants=read_mutants(path)), MADE)


@pytest.mark.parametrize("text", ["", "{}", "[3]", '[{"name": ""}]', '[{"name": "a", "problem": ""}]'])
def test_a_file_that_is_no_result_of_the_mutation_check_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "mutants.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match=re.escape(str(path))):
        read_mutants(path)


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "page.md"
    put(path, b"old")

    def full(self: Path, text: bytes) -> int:
        with self.open("wb") as file:
            file.write(text[:1])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space"):
        put(path, b"new")
    monkeypatch.undo()
    assert path.read_bytes() == b"old"


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
    assert code == (0 if "No seed, no crash point and no day failed." in text else 1)
    assert marked((tmp_path / "readme").read_text("utf-8")) == marked(text)
    assert "2 seeds: 0 to 1." in text
    assert "see " in capsys.readouterr().out


def test_a_finding_makes_the_command_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "prove", lambda *given: failing())
    assert main(line(tmp_path)) == 1
    assert "--seed 9" in (tmp_path / "page").read_text("utf-8")


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


@pytest.mark.parametrize("words", [["--seeds", "x"], ["--seeds", "1:"], ["--operations", "-1"], ["--kills", "²"]])
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
