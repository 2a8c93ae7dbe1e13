"""The simulator itself: the same in every process, playable in any part, able to find what is broken."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from random import Random

import pytest

from connector.engine import send, units
from connector.engine.draft import Pending
from connector.engine.effects import Effects
from connector.engine.work import Work
from connector.merge.fields import Cell, Decision, Verb, decide
from connector.merge.rules import Unit
from connector.model.values import Sides
from connector.testing.simulator import campaign
from connector.testing.simulator.__main__ import main
from connector.testing.simulator.campaign import USER_VERBS, play_tasks, run_campaign, tasks
from connector.testing.simulator.driver import STORE_TRICKS
from connector.testing.simulator.people import ScriptError
from connector.testing.simulator.play import Setup, read_script
from connector.testing.simulator.profiles import POLICIES, PROFILES, Profile
from connector.testing.simulator.shrink import shrink
from connector.testing.simulator.systems import TRICKS

DAY = [
    "add crm account N1 phone=v1",
    "add erp account N2 phone=v2",
    "sync account",
    "edit crm account 0 phone=v3",
    "edit erp account 1 email=v4 ",
    "sync account crash=7 after ; 3 edit erp account 0 notes=v5",
    "wait 100",
]


def _logs_in_other_processes(play: str) -> set[bytes]:
    """What that code prints where sets are in one order, and where they are in another."""
    return {
        subprocess.run(
            [sys.executable, "-c", play], env={**os.environ, "PYTHONHASHSEED": seed}, check=True, capture_output=True
        ).stdout
        for seed in ("3", "5")
    }


def test_a_seed_gives_the_same_event_log_in_any_process() -> None:
    code = (
        "from connector.testing.simulator.play import Setup;"
        "setup = Setup('lagging', 'newest');"
        "print([setup.play(setup.seed(seed)).digest for seed in range(2)])"
    )
    assert len(_logs_in_other_processes(code)) == 1


def test_records_that_a_full_run_did_not_list_are_read_in_the_same_order_in_any_process() -> None:
    script = Path(__file__).parent / "found" / "order_of_customers_merged_crosswise.txt"
    code = (
        "from pathlib import Path; from connector.testing.simulator.play import read_script;"
        f"setup, lines = read_script(Path({str(script)!r})); print(setup.play(lines).digest)"
    )
    assert len(_logs_in_other_processes(code)) == 1


def test_a_seed_gives_the_same_event_log_whichever_store_keeps_the_state() -> None:
    memory, file = Setup("no-delete-feed", "manual"), Setup("no-delete-feed", "manual", sqlite=True)
    for seed in range(2):
        lines = memory.seed(seed)
        assert memory.play(lines).digest == file.play(lines).digest, seed


@pytest.mark.parametrize("seed", range(6))
def test_any_part_of_a_script_is_a_script(seed: int) -> None:
    chance = Random(seed)
    setup = Setup("small", "functions")
    lines = [line for line in setup.seed(seed) if chance.random() < 0.4]
    chance.shuffle(lines)
    setup.play(lines)


def test_a_script_in_a_file_plays_as_the_seed_it_came_from(tmp_path: Path) -> None:
    setup = Setup("c--s", "crm-wins")
    lines = setup.seed(5)
    path = tmp_path / "script.txt"
    path.write_text("\n".join(["# profile: c--s", "# policy: crm-wins", *lines]), encoding="utf-8")
    again, read = read_script(path)
    assert (again, read) == (setup, lines)


def test_a_day_without_faults_comes_to_rest_with_both_sides_alike_and_nothing_found() -> None:
    played = Setup("cuis", "manual").play(DAY, keep_log=True)
    assert played.findings == ()
    assert played.counts["crashes"] == 1
    assert any("by connector" in line for line in played.log)


def test_every_kind_of_fault_and_every_verb_comes_up_within_a_few_seeds() -> None:
    counts = play_tasks(tasks(range(25), ["rounding", "small"], ["manual"])).counts
    hit = {name.split()[-1] for name in counts if name.startswith("fault ")}
    assert hit >= {*TRICKS, "outage", "poison", "hidden", "workflow"}
    assert {f"fault store {kind}" for kind in STORE_TRICKS} <= counts.keys()
    assert all(counts[f"did {verb}"] for verb in USER_VERBS)
    assert {f"webhook {mode}" for mode in ("prompt", "twice", "late")} <= counts.keys()
    assert min(counts[name] for name in ("crashes", "did restore-store", "did remap")) > 0


def test_the_profiles_hold_every_combination_of_the_four_powers() -> None:
    combined = {
        (c.conditional_write, c.external_key == "unique", c.idempotency > 0, c.created_by)
        for profile in PROFILES.values()
        for c in profile.powers
    }
    assert combined == set(product((True, False), repeat=4))
    assert all(name == value.name for name, value in [*PROFILES.items(), *POLICIES.items()])


def test_an_engine_that_overwrites_conflicts_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def careless(unit: Unit, cell: Cell) -> Decision:
        decision = decide(unit, cell)
        return Decision(Verb.WRITE_RIGHT, 3) if decision.verb is Verb.CONFLICT and not cell.unlinked else decision

    monkeypatch.setattr(units, "decide", careless)
    lines = [*DAY[:3], "edit crm account 0 phone=v8", "edit erp account 1 phone=v9", "sync account"]
    rules = {rule for rule, _ in Setup("cuis", "manual").play(lines).findings}
    assert rules & {"I7", "I8"}


@pytest.mark.parametrize("careless", [False, True])
def test_an_engine_that_reads_a_whole_batch_again_before_its_first_call_is_found_out(
    monkeypatch: pytest.MonkeyPatch, careless: bool
) -> None:
    """A person edits the last of six records in turn before each step of the run that writes them, one by one."""
    look = send._look_again

    def all_at_once(work: Work, wave: Sequence[Pending], sent: send.Sent) -> Effects[None]:
        if not sent.outcomes:
            yield from look(work, whole, sent)

    def noted(work: Work, pending: Sequence[Pending]) -> list[list[Pending]]:
        whole[:] = pending
        return calls(work, pending)

    whole: list[Pending] = []
    calls = send._calls
    if careless:
        monkeypatch.setattr(send, "_look_again", all_at_once)
        monkeypatch.setattr(send, "_calls", noted)
    lines = [f"add crm account N{n} phone=a{n}" for n in range(6)] + ["sync account", "wait 30"]
    lines += [f"edit crm account {n} phone=b{n}" for n in range(6)]
    one = replace(PROFILES["-uis"].powers.left, batch_write=1, concurrency=1)
    monkeypatch.setitem(PROFILES, "one by one", Profile("one by one", Sides(one, one)))
    setup = Setup("one by one", "manual")
    steps = [setup.play([*lines, f"sync account ; {n} edit erp account 5 phone=c"]) for n in range(5, 30)]
    rules = {rule for played in steps for rule, _ in played.findings}
    assert rules == ({"I7"} if careless else set())
    assert careless or any(played.counts["narrowed window"] for played in steps)


def test_the_totals_of_a_campaign_do_not_depend_on_the_number_of_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(campaign, "CHUNK", 4)  # three parts for two processes
    chosen = tasks(range(9), spread=True)
    assert run_campaign(chosen).as_json() == run_campaign(chosen, workers=2).as_json()


# ---------------------------------------------------------------------------------------------------- shrinking


def test_shrinking_leaves_the_lines_and_words_that_matter() -> None:
    def fails(lines: Sequence[str]) -> bool:
        text = "\n".join(lines)
        return "sync account" in text and "edit crm account" in text and "phone" in text

    lines = [*DAY, "edit crm account 9 phone=v8 email=v9", "sync account full crash=3 after ; 2 wait 1"]
    found = shrink(lines, fails)
    assert len(found) == 2
    assert sorted(line.split()[0] for line in found) == ["edit", "sync"]
    assert not any(word in line for line in found for word in (";", "crash", "full"))


def test_shrinking_ends_when_it_has_played_often_enough() -> None:
    plays = 0

    def fails(lines: Sequence[str]) -> bool:
        nonlocal plays
        plays += 1
        return True

    assert shrink(DAY, fails, plays=2)
    assert plays == 2


# ---------------------------------------------------------------------------------------------- command line


def test_the_command_plays_a_seed_and_prints_its_script(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["--seed", "3", "--profile", "cuis", "--policy", "manual", "--print"])
    out = capsys.readouterr().out
    assert code in (0, 1)
    assert out.startswith("# profile: cuis\n# policy: manual\nadd ")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--profile", "nothing"], "no profile 'nothing'"),
        (["--policy", "nothing"], "no policy 'nothing'"),
        (["--seeds", "7"], "expected A:B"),
        (["--seeds", "0:1", "--profile", "nothing"], "no 'nothing'"),
        (["--seeds", "5:2"], "5:2 holds no seed; write 2:6"),
        (["--script", "/nowhere/script.txt"], "cannot be read: No such file or directory"),
        (["--script", "script.txt", "--seed", "3"], "a script is no seed"),
    ],
)
def test_wrong_words_are_named(capsys: pytest.CaptureFixture[str], words: list[str], said: str) -> None:
    assert main(words) == 2
    assert said in capsys.readouterr().err


def test_what_is_printed_with_a_script_is_a_script_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "script.txt"
    path.write_text("add crm account N1\nsync account\n")
    assert main(["--script", str(path)]) == 2
    assert f"{path} does not say its profile" in capsys.readouterr().err
    assert main(["--script", str(path), "--profile=----", "--policy=manual", "--print"]) == 0
    printed = capsys.readouterr().out
    path.write_text(printed)
    assert main(["--script", str(path), "--print"]) == 0
    assert capsys.readouterr().out == printed
    assert main(["--script", str(path), "--shrink"]) == 0
    assert capsys.readouterr().out == "nothing found in 2 lines, nothing to shrink\n"


def test_a_seed_is_played_as_a_campaign_plays_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--spread", "--seed", "300", "--print"]) == 0
    (task,) = tasks(range(300, 301), spread=True)
    assert capsys.readouterr().out.startswith(f"# profile: {task.profile}\n# policy: {task.policy}\n")
    assert f"--profile={task.profile} " in task.setup.command(300)


@pytest.mark.parametrize(
    "line",
    [
        "dance crm account 1",
        "edit crm account x phone=v1",
        "edit crm account 0 colour=red",
        "edit crm",
        "add",
        "sync nothing",
        "sync account quickly",
        "fault crm write omit",
        "fault crm write late loud=1",
        "fault store write busy",
        "fault store commit omit",
        "remap account nothing",
        "decide 0 middle",
        "wait",
        "webhooks crm sometimes",
        "line crm order 0 0 quantity=many",
    ],
)
def test_a_line_that_nobody_can_read_is_named(line: str) -> None:
    with pytest.raises(ScriptError):
        Setup("cuis", "manual").play(["add crm account N1", "add crm order O1 account=0 line=L1:1:1", line])
