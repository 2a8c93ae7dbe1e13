"""No look-up of the record path reads a whole table, however large it grows (SQLite says how it would go about it)."""

from __future__ import annotations

import pytest

from connector.state import links, matching, people, runs, work
from connector.state.sql import Statement
from connector.state.store import SqliteStore, SqlTx, open_store
from connector.state.vault import KeyVault

# Small tables, tables read whole on purpose, and lists for people.
WHOLE = ("_HINTS", "_HINTS_OF", "_ALL_DEAD", "_DEAD_OF", "_ALL_KINDS", "work._COUNT", "work._COUNT_OF", "_CONFLICTS")

FOUND = {
    f"{module.__name__.rpartition('.')[2]}.{name}": statement
    for module in (links, work, people, matching, runs)
    for name, statement in vars(module).items()
    if isinstance(statement, Statement)
}
# An INSERT's plan also names scans that only a violated foreign key would start.
INSERTS = ("._PUT", "._ADD", "._INSERT", "._NEW", "._APPEND", "._TAKE")
HOT = {n: s for n, s in FOUND.items() if not n.endswith(WHOLE) and not any(verb in n for verb in INSERTS)}


@pytest.mark.parametrize("name", HOT)
def test_an_index_leads_to_the_rows(name: str, sqlite_url: str, vault: KeyVault) -> None:
    opened = open_store(sqlite_url, vault)
    assert isinstance(opened, SqliteStore)
    statement = opened.make.prepared(HOT[name])
    params = tuple("[]" for _ in range(statement.text.count("?")))
    with opened.begin() as tx:
        assert isinstance(tx, SqlTx)
        steps = tx.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement.text}", params).all()
    opened.close()
    scans = [step[-1] for step in steps if step[-1].startswith("SCAN") and "VIRTUAL TABLE" not in step[-1]]
    if name == "links._DROP":
        scans.remove("SCAN intent")  # for its foreign key; it holds open writes only
    assert set(scans) <= {"SCAN CONSTANT ROW", "SCAN run USING INDEX run_by_time"}  # newest first, to the limit
