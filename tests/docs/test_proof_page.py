"""The proof's page shows what was counted, the README its figures, and promises name the tests that hold them."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import msgspec
import pytest

from connector.errors import ConfigError
from connector.testing import proof_page, proof_sums
from connector.testing.proof_journal import put
from connector.testing.proof_limits import LIMITS
from connector.testing.proof_page import BEGIN, END, FAULTS, figures, page, with_figures
from connector.testing.proof_sums import Mutants, Proof, Wanted, kind_of, operations_of, read_mutants
from connector.testing.proof_units import (
    ROUND,
    Result,
    Seeds,
    Tally,
    command_of,
    play,
    rounds,
)
from connector.testing.simulator.__main__ import main as again
from connector.testing.simulator.campaign import Task, play_tasks
from connector.testing.simulator.play import Setup
from connector.testing.simulator.profiles import POLICIES, PROFILES
from connector.testing.simulator.simulation import Simulation
from connector.testing.simulator.systems import TRICKS

from .pages import README, ROOT
from .proofs import MADE, NOTHING, cells_of, failing, marked, number

PAGE = ROOT / "docs" / "proof.md"
INVARIANTS = ROOT / "tests" / "invariants"


# ------------------------------------------------------------------------------------------ what is published


def test_the_readme_shows_the_figures_of_the_page() -> None:
    shown = marked(README.read_text("utf-8"))
    assert shown == marked(PAGE.read_text("utf-8"))
    whole = r"[\d,]+ operations \(.* by people, .* written by syncs\), .*: [\d,]+ findings?\."
    assert re.fullmatch(rf"{whole}( \*\*Only a part of a proof\.\*\* .+)?", shown)


def test_the_published_figures_add_up() -> None:
    text = PAGE.read_text("utf-8")
    operations, people, syncs = (
        number(found) for found in re.findall(r"[\d,]+(?= oper| by people| records)", marked(text).split(": ")[0])
    )
    assert operations == people + syncs
    rows = cells_of(text, "Per capability profile")
    assert sum(number(row[7]) for row in rows) == operations
    assert f", {sum(number(row[8]) for row in rows):,} crashes, " in marked(text)
    assert [row[0].strip("`") for row in rows] == list(PROFILES)
    kinds = cells_of(text, "Findings")
    assert marked(text).split(": ")[1].split(" ")[0] == f"{sum(number(row[2]) for row in kinds):,}"


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
    assert {name: tally.counts.get(name, 0) for name in ("runs", "effects", "crashes")} == {
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


# ---------------------------------------------------------------------------------------------------- the page


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
    command = 'python -m connector.testing.crash --step 3 --scenario sync --profile "p, q"'
    assert f"* `{command}`<br>I11: step 3: x; y" in text
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
