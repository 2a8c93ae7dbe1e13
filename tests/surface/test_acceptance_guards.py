"""Guards: a run that would do too much stops before its first write, says how much, and can be let through."""

from __future__ import annotations

from pathlib import Path

import pytest
from acceptance import ACCOUNTS, company, fill, installed, remove

SENTENCE = {
    "propagate": "would remove 28 in erp",
    "archive": "would retire 28 in erp",
    "ask": "would put 28 in erp before a person",
    "ignore": "would end the links of 28 in erp",
}


@pytest.mark.parametrize("policy", SENTENCE)
def test_thirty_percent_deleted_in_one_go_stop_the_run_until_a_person_lets_it_through(
    tmp_path: Path, policy: str
) -> None:
    with installed(tmp_path, ACCOUNTS + f"    deletes: {{policy: {policy}}}\n") as world:
        keys = fill(world.crm, "companies", [company(n) for n in range(93)])
        assert world.run("sync").code == 0
        remove(world.crm, "companies", keys[:28])
        world.crm.edit("companies", keys[50], website="https://waits.example")
        before = world.erp.versions("customers")
        planned = world.run("plan")
        assert planned.code == 2
        assert "A run would be halted. accounts: 28 of 93 records were deleted in crm" in planned.out
        assert world.json("plan")["syncs"][0]["halted"]
        for words in (["sync"], ["sync", "--full"]):
            halted = world.run(*words)
            assert halted.code == 3
            assert halted.said == (
                f"accounts: 28 of 93 records were deleted in crm; carrying that over {SENTENCE[policy]} "
                "(0 already in 24 hours), at most 25. Nothing of this plan was written. "
                "Look with `connector plan accounts`; if it is right, run `connector sync accounts --allow deletes`, "
                "or raise `deletes` in the configuration.\n"
            )
            assert world.json("runs", "--limit", "1")["runs"][0]["status"] == "halted"
        assert world.erp.versions("customers") == before
        assert world.json("conflicts", "list")["conflicts"] == []
        assert world.run("sync", "--allow", "deletes").code == (4 if policy == "ask" else 0)
        customers = world.erp.all("customers")
        assert len(customers) == (65 if policy == "propagate" else 93)
        assert sum(f["blocked"] for f in customers.values()) == (28 if policy == "archive" else 0)
        assert len(world.json("conflicts", "list")["conflicts"]) == (28 if policy == "ask" else 0)
        assert "https://waits.example" in {f["website"] for f in customers.values()}
        assert world.run("sync", "--full").code == (4 if policy == "ask" else 0)
        assert len(world.crm.all("companies")) == 65


@pytest.mark.parametrize(("guard", "setting"), [("creates", "creates: 10"), ("updates", "updates: 5")])
def test_too_many_creates_or_updates_stop_the_run(tmp_path: Path, guard: str, setting: str) -> None:
    with installed(tmp_path) as world:
        keys = fill(world.crm, "companies", [company(n) for n in range(10)])
        assert world.run("sync").code == 0
        world.configure(ACCOUNTS + f"    guards: {{{setting}}}\n")
        if guard == "creates":
            fill(world.crm, "companies", [company(n) for n in range(100, 111)])
            told = "would create 11 records in erp, limit 10"
        else:
            for key in keys[:6]:
                world.crm.edit("companies", key, website="https://many.example")
            told = "would change 6 of 10 records in erp, at most 5"
        before = world.erp.versions("customers")
        halted = world.run("sync")
        assert halted.code == 3
        assert told in halted.said
        assert f"--allow {guard}" in halted.said
        assert world.erp.versions("customers") == before
        assert world.run("sync", "--allow", guard).code == 0
        assert world.erp.versions("customers") != before
        assert world.run("verify").code == 0


def test_a_name_that_is_no_guard_is_refused_before_anything_is_contacted(tmp_path: Path) -> None:
    with installed(tmp_path) as world:
        ended = world.run("sync", "--allow", "delete")
        assert ended.code == 1
        assert ended.said == "There is no guard `delete`; there are creates, updates, deletes, shrank.\n"
        assert not (world.folder / "state.db").exists()
