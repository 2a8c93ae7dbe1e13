"""Opening, transactions, threads and crashes: the same promises on both databases."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import psycopg
import pytest
from state_samples import KIND, LEFT, OTHER, hint, linked, run

from connector.errors import ConfigError, TransientError
from connector.ports import Store
from connector.state.errors import StoreError
from connector.state.store import SqliteStore, open_store
from connector.state.vault import KeyVault, new_key


class Crash(BaseException):
    """Nothing that any code would catch."""


# ------------------------------------------------------------------------------------------ transactions


@pytest.mark.parametrize("durable", [True, False])
def test_leaving_the_block_commits(store: Store, durable: bool) -> None:
    with store.begin(durable=durable) as tx:
        tx.insert_links([linked(1)])
    with store.look() as tx:
        assert tx.links_by_id([1]) == {1: linked(1)}


def test_an_exception_inside_the_block_leaves_nothing(store: Store) -> None:
    with pytest.raises(Crash), store.begin() as tx:  # noqa: PT012
        tx.insert_links([linked(1)])
        tx.put_hints([hint("a", kind="a/kind/never seen")])
        tx.layout(KIND, ["name"])
        tx.set_cursor(KIND, LEFT, "10")
        raise Crash
    with store.look() as tx:
        assert tx.links_by_id([1]) == {}
        assert tx.hints() == []
        assert tx.layouts(KIND) == {}
        assert tx.cursor(KIND, LEFT) is None


def test_a_kind_first_named_in_a_transaction_that_failed_can_be_named_again(store: Store) -> None:
    for attempt in range(2):
        try:
            with store.begin() as tx:
                tx.put_hints([hint("a", kind=OTHER if attempt else "first/one/fails"), hint("b")])
                if not attempt:
                    raise Crash
        except Crash:
            pass
    with store.begin() as tx:
        tx.put_hints([hint("c", kind="first/one/fails")])
        assert {(row.kind, row.key) for row in tx.hints()} == {(OTHER, "a"), (KIND, "b"), ("first/one/fails", "c")}


def test_a_look_cannot_write(store: Store) -> None:
    with pytest.raises(StoreError), store.look() as tx:
        tx.put_hints([hint("a")])
    with store.look() as tx:
        assert tx.hints() == []


def test_a_look_sees_one_state_while_others_write(store: Store) -> None:
    with store.begin() as tx:
        tx.put_hints([hint("a")])
    with store.look() as looking:
        assert len(looking.hints()) == 1
        with store.begin() as tx:
            tx.put_hints([hint("b")])
        assert len(looking.hints()) == 1
    with store.look() as tx:
        assert len(tx.hints()) == 2


def test_a_transaction_is_of_no_use_after_its_end(store: Store) -> None:
    with store.begin() as tx:
        pass
    with pytest.raises(StoreError, match="ended"):
        tx.put_hints([hint("a")])


def test_a_transaction_inside_another_of_the_same_thread_is_a_mistake_that_is_named(
    sqlite_url: str, vault: KeyVault
) -> None:
    opened = open_store(sqlite_url, vault)
    with pytest.raises(RuntimeError, match="inside another"), opened.begin(), opened.begin():
        pass
    with opened.begin() as tx:
        tx.put_hints([hint("still usable")])
    opened.close()


def test_a_durable_commit_is_synced_and_another_is_not(sqlite_url: str, vault: KeyVault) -> None:
    opened = open_store(sqlite_url, vault)
    levels = []
    for durable in (True, False, True):
        with opened.begin(durable=durable) as tx:
            levels.append(tx.connection.exec_driver_sql("PRAGMA synchronous").scalar())  # type: ignore[attr-defined]
    assert levels == [2, 1, 2]
    with opened.begin() as tx:
        assert tx.connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"  # type: ignore[attr-defined]
    opened.close()


def test_a_commit_that_may_be_lost_is_asynchronous_on_postgresql(postgres_url: str, vault: KeyVault) -> None:
    opened = open_store(postgres_url, vault)
    levels = []
    for durable in (True, False, True):
        with opened.begin(durable=durable) as tx:
            levels.append(tx.connection.exec_driver_sql("SHOW synchronous_commit").scalar())  # type: ignore[attr-defined]
    assert levels == ["on", "off", "on"]
    opened.close()


# --------------------------------------------------------------------------------------------- threads


def test_four_writing_threads_lose_no_update(store: Store) -> None:
    rounds, failures = 25, []
    ids: list[int] = []

    def work(name: str) -> None:
        try:
            for number in range(rounds):
                with store.begin(durable=False) as tx:
                    taken = tx.reserve_ids(2)
                    tx.insert_links([linked(id_) for id_ in taken])
                    tx.put_hints([hint(f"{name}-{number}"), hint("shared", attempts=1)])
                    tx.put_run(run(f"{name}-{number}"))
                    ids.extend(taken)
                with store.look() as tx:
                    assert len(tx.links_by_id(list(taken))) == 2
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert failures == []
    assert len(set(ids)) == len(ids) == 4 * rounds * 2
    with store.look() as tx:
        assert sum(tx.count_links(KIND).values()) == len(ids)
        assert len(tx.hints()) == 4 * rounds + 1
        assert len(tx.runs(limit=1000)) == 4 * rounds


def test_two_threads_that_meet_a_new_kind_agree_on_it(store: Store) -> None:
    both, failures = threading.Barrier(2), []

    def work(key: str) -> None:
        try:
            both.wait(timeout=20)
            with store.begin() as tx:
                tx.put_hints([hint(key, kind="met/by/both")])
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(key,)) for key in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
    assert failures == []
    with store.look() as tx:
        assert [row.key for row in tx.hints("met/by/both")] == ["a", "b"]


def test_a_store_that_stays_busy_is_a_reason_to_try_again_later(
    store: Store, url: str, vault: KeyVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connector.state.connect.BUSY_SECONDS", 1)
    second = open_store(url, vault)
    with store.begin() as tx:
        tx.put_hints([hint("shared")])
        with pytest.raises(TransientError, match="busy"), second.begin() as other:
            other.put_hints([hint("shared")])
    with second.begin() as other:
        other.put_hints([hint("shared", attempts=7)])
    second.close()
    with store.look() as tx:
        assert [row.attempts for row in tx.hints()] == [7]


def test_a_database_that_went_away_is_an_error_of_the_store(
    empty_postgres: str, postgres_server: str, vault: KeyVault
) -> None:
    opened = open_store(empty_postgres, vault)
    name = empty_postgres.partition("?")[0].rpartition("/")[2]
    with pytest.raises(StoreError, match="cannot be used"), opened.begin() as tx:  # noqa: PT012
        with psycopg.connect(postgres_server, autocommit=True) as admin:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
        tx.put_hints([hint("a")])
    for transaction in (opened.begin, opened.look):
        with pytest.raises(StoreError, match="does not exist"), transaction():
            pass
    opened.close()


# --------------------------------------------------------------------------------------------- opening


def test_a_store_opened_again_knows_everything(url: str, vault: KeyVault) -> None:
    for number in range(1, 4):
        opened = open_store(url, vault)
        with opened.begin() as tx:
            (id_,) = tx.reserve_ids(1)
            tx.insert_links([linked(id_)])
            assert tx.count_links(KIND)[linked(1).state] == number
        opened.close()


def test_another_key_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match=r"state\.key: .* another key"):
        open_store(url, KeyVault(new_key()))


def test_a_store_of_a_newer_program_is_refused(own_url: str, vault: KeyVault) -> None:
    opened = open_store(own_url, vault)
    with opened.begin() as tx:
        tx.connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")  # type: ignore[attr-defined]
    opened.close()
    with pytest.raises(ConfigError, match=r"newer version of the program \(store version 9999"):
        open_store(own_url, vault)


def test_a_database_of_another_program_is_left_alone(own_url: str, vault: KeyVault) -> None:
    opened = open_store(own_url, vault)
    with opened.begin() as tx:
        tx.connection.exec_driver_sql("DROP TABLE alembic_version")  # type: ignore[attr-defined]
    opened.close()
    with pytest.raises(ConfigError, match="tables of another program"):
        open_store(own_url, vault)


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("", "is not a database address"),
        ("connector.db", "is not a database address"),
        ("mysql://host/db", "mysql is not supported"),
        ("sqlite:////no/such/folder/connector.db", "the folder /no/such/folder does not exist"),
        ("postgresql://user:secret@127.0.0.1:1/db", "cannot be opened"),
    ],
)
def test_an_address_that_cannot_be_used_is_explained(address: str, message: str, vault: KeyVault) -> None:
    with pytest.raises(ConfigError, match=r"state\.url: ") as caught:
        open_store(address, vault)
    assert message in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_file_that_is_no_database_is_explained(tmp_path: Path, vault: KeyVault) -> None:
    (tmp_path / "notes.db").write_text("shopping list, and quite a long one" * 100)
    with pytest.raises(ConfigError, match=r"notes\.db cannot be opened: file is not a database"):
        open_store(f"sqlite:///{tmp_path}/notes.db", vault)


def test_a_store_in_memory_keeps_nothing_on_disk(vault: KeyVault) -> None:
    opened = open_store("sqlite://", vault)
    with opened.begin() as tx:
        tx.put_hints([hint("a")])
    with opened.look() as tx:
        assert len(tx.hints()) == 1
    with pytest.raises(StoreError), opened.look() as tx:
        tx.put_hints([hint("b")])
    with opened.begin() as tx:
        tx.put_hints([hint("b")])
    opened.close()


def test_opening_a_store_that_is_up_to_date_does_not_import_the_migration_tool(url: str, key: str) -> None:
    program = (
        "import sys; from connector.state.store import open_store; from connector.state.vault import KeyVault;"
        "open_store(sys.argv[1], KeyVault(sys.argv[2])).close();"
        "sys.exit(any(name.partition('.')[0] in ('alembic', 'mako') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", program, url, key], timeout=60, check=False).returncode == 0


def test_two_processes_may_create_one_store_at_the_same_time(tmp_path: Path, empty_postgres: str, key: str) -> None:
    program = (
        "import sys; from connector.state.store import open_store; from connector.state.vault import KeyVault;"
        "open_store(sys.argv[1], KeyVault(sys.argv[2])).close()"
    )
    for address in (f"sqlite:///{tmp_path}/both.db", empty_postgres):
        started = [subprocess.Popen([sys.executable, "-c", program, address, key]) for _ in range(2)]
        assert [process.wait(timeout=60) for process in started] == [0, 0]


def test_a_killed_writer_leaves_the_committed_and_nothing_else(sqlite_url: str, vault: KeyVault, key: str) -> None:
    program = (
        "import os, signal, sys; sys.path.insert(0, sys.argv[3]);"
        "from state_samples import hint, linked;"
        "from connector.state.store import open_store; from connector.state.vault import KeyVault\n"
        "store = open_store(sys.argv[1], KeyVault(sys.argv[2]))\n"
        "with store.begin() as tx: tx.put_hints([hint('committed')])\n"
        "with store.begin() as tx:\n"
        "    tx.put_hints([hint('open')]); tx.insert_links([linked(1)])\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    folder = str(Path(__file__).parent)
    killed = subprocess.run([sys.executable, "-c", program, sqlite_url, key, folder], timeout=60, check=False)
    assert killed.returncode == -9
    opened = open_store(sqlite_url, vault)
    assert isinstance(opened, SqliteStore)
    with opened.begin() as tx:
        assert [row.key for row in tx.hints()] == ["committed"]
        assert tx.links_by_id([1]) == {}
    opened.close()


def test_a_new_state_file_is_its_owners_alone_and_one_that_is_there_keeps_its_rights(tmp_path: Path) -> None:
    vault = KeyVault(new_key())
    open_store(f"sqlite:///{tmp_path}/new.db", vault).close()
    assert {file.stat().st_mode & 0o777 for file in tmp_path.iterdir()} == {0o600}
    shared = tmp_path / "shared.db"
    shared.touch(0o660)
    shared.chmod(0o660)
    open_store(f"sqlite:///{shared}", vault).close()
    assert shared.stat().st_mode & 0o777 == 0o660
