"""Backups of the state store."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from state_samples import KIND, LEFT, hint, linked

from connector.errors import ConfigError
from connector.state.backup import backup
from connector.state.store import open_store
from connector.state.vault import KeyVault


def test_a_backup_opens_as_the_store_it_was(sqlite_url: str, vault: KeyVault, tmp_path: Path) -> None:
    opened = open_store(sqlite_url, vault)
    with opened.begin() as tx:
        tx.insert_links([linked(id_) for id_ in tx.reserve_ids(500)])
    backup(opened, tmp_path / "copy.db")
    with opened.begin() as tx:
        tx.put_hints([hint("after the backup")])
    opened.close()
    copy = open_store(f"sqlite:///{tmp_path}/copy.db", vault)
    with copy.look() as tx:
        assert len(tx.links_by_key(KIND, LEFT, [f"L{i}" for i in range(1, 501)])) == 500
        assert tx.hints() == []
    copy.close()
    assert sorted(path.name for path in tmp_path.glob("copy*")) == ["copy.db"]


def test_a_backup_taken_while_others_write_is_one_consistent_state(
    sqlite_url: str, vault: KeyVault, tmp_path: Path
) -> None:
    opened = open_store(sqlite_url, vault)
    stop = threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set() and number < 2000:
            number += 1
            with opened.begin(durable=False) as tx:
                tx.put_hints([hint(f"a{number}"), hint(f"b{number}")])

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(3):
            backup(opened, tmp_path / f"copy{number}.db")
    finally:
        stop.set()
        writer.join(timeout=30)
    opened.close()
    for number in range(3):
        copy = open_store(f"sqlite:///{tmp_path}/copy{number}.db", vault)
        with copy.look() as tx:
            assert len(tx.hints()) % 2 == 0
        copy.close()


def test_a_backup_never_replaces_a_file(sqlite_url: str, vault: KeyVault, tmp_path: Path) -> None:
    (tmp_path / "copy.db").write_text("precious")
    opened = open_store(sqlite_url, vault)
    with pytest.raises(ConfigError, match="exists already"):
        backup(opened, tmp_path / "copy.db")
    opened.close()
    assert (tmp_path / "copy.db").read_text() == "precious"


def test_a_backup_that_cannot_be_written_is_explained(sqlite_url: str, vault: KeyVault, tmp_path: Path) -> None:
    opened = open_store(sqlite_url, vault)
    with pytest.raises(ConfigError, match="cannot be written"):
        backup(opened, tmp_path / "no folder" / "copy.db")
    opened.close()


def test_a_store_in_postgresql_is_left_to_its_own_tools(postgres_url: str, vault: KeyVault, tmp_path: Path) -> None:
    opened = open_store(postgres_url, vault)
    with pytest.raises(ConfigError, match="pg_dump"):
        backup(opened, tmp_path / "copy.db")
    opened.close()
    assert list(tmp_path.glob("copy*")) == []
