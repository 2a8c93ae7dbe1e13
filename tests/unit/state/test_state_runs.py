"""Runs, raw webhooks and the lease: the same promises on both databases."""

from __future__ import annotations

import subprocess
import sys

from state_samples import run

from connector.ports import Store

_TAKE_IN_OTHER_PROCESS = """
import sys
from connector.state.store import open_store
from connector.state.vault import KeyVault
url, key, owner, rounds = sys.argv[1:]
store = open_store(url, KeyVault(key))
won = []
for number in range(int(rounds)):
    with store.begin(durable=False) as tx:
        epoch = tx.take_lease(f"lease{number}", owner, 0.0, 100.0)
    if epoch is not None:
        won.append(number)
store.close()
sys.stdout.write(",".join(map(str, won)))
"""


def test_a_run_is_updated_in_place_and_read_newest_first(store: Store) -> None:
    with store.begin() as tx:
        tx.put_run(run("a", 1.0))
        tx.put_run(run("b", 2.0))
        tx.put_run(run("c", 3.0, sync="orders"))
        done = run("a", 1.0, ended=9.0, status="done", counts='{"created": 1}', detail="clean")
        tx.put_run(done)
        assert [row.id for row in tx.runs()] == ["c", "b", "a"]
        assert [row.id for row in tx.runs("accounts", limit=1)] == ["b"]
        assert tx.runs("accounts")[1] == done


def test_a_webhook_is_kept_once(store: Store) -> None:
    with store.begin() as tx:
        assert tx.add_inbox("crm", "e1", b"sealed", 1.0)
        assert not tx.add_inbox("crm", "e1", b"sealed again", 2.0)
        assert tx.add_inbox("erp", "e1", b"sealed", 1.0)


def test_only_one_owner_holds_a_lease(store: Store) -> None:
    with store.begin() as tx:
        assert tx.take_lease("accounts", "a", now=0.0, seconds=10.0) == 1
        assert tx.take_lease("accounts", "b", now=9.9, seconds=10.0) is None
        assert tx.take_lease("orders", "b", now=9.9, seconds=10.0) == 1


def test_renewing_a_lease_keeps_its_epoch_and_moves_its_end(store: Store) -> None:
    with store.begin() as tx:
        assert tx.take_lease("accounts", "a", now=0.0, seconds=10.0) == 1
        assert tx.take_lease("accounts", "a", now=9.0, seconds=10.0) == 1
        assert tx.take_lease("accounts", "b", now=18.9, seconds=10.0) is None


def test_a_new_owner_gets_a_greater_epoch(store: Store) -> None:
    with store.begin() as tx:
        assert tx.take_lease("accounts", "a", now=0.0, seconds=10.0) == 1
        assert tx.take_lease("accounts", "b", now=10.0, seconds=10.0) == 2
        assert tx.take_lease("accounts", "a", now=11.0, seconds=10.0) is None
        tx.drop_lease("accounts", "a")
        assert tx.take_lease("accounts", "a", now=12.0, seconds=10.0) is None
        tx.drop_lease("accounts", "b")
        assert tx.take_lease("accounts", "b", now=13.0, seconds=10.0) == 3


def test_two_processes_never_hold_the_same_lease(url: str, key: str) -> None:
    rounds = 40
    commands = [[sys.executable, "-c", _TAKE_IN_OTHER_PROCESS, url, key, owner, str(rounds)] for owner in ("a", "b")]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for command in commands]
    won = [{int(number) for number in process.communicate(timeout=60)[0].split(",") if number} for process in started]
    assert [process.returncode for process in started] == [0, 0]
    assert won[0] & won[1] == set()
    assert won[0] | won[1] == set(range(rounds))
