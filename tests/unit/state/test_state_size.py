"""How much room a link takes."""

from __future__ import annotations

from pathlib import Path

from state_samples import linked

from connector.model.values import Sides
from connector.state.store import open_store
from connector.state.vault import KeyVault

LINKS = 4000
FIELDS = 30


def test_a_link_with_thirty_fields_takes_at_most_700_bytes(sqlite_url: str, vault: KeyVault) -> None:
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    empty = path.stat().st_size
    opened = open_store(sqlite_url, vault)
    for _ in range(LINKS // 200):
        with opened.begin(durable=False) as tx:
            rows = [
                linked(id_, f"L{id_:017}", f"R{id_:017}", seen=Sides("123456", "123456"), base=bytes(16 * FIELDS))
                for id_ in tx.reserve_ids(200)
            ]
            for row in rows:
                row.prints = Sides(bytes(8), bytes(8))
            tx.insert_links(rows)
    opened.close()
    assert (path.stat().st_size - empty) / LINKS <= 700
