"""Rules of records that have a parent of their own kind."""

from __future__ import annotations

from connector.reference.kit.objects import Fields, Rules
from connector.reference.kit.problems import invalid
from connector.reference.kit.records import Record
from connector.reference.kit.tx import Tx


class TreeRules(Rules):
    """No record is above itself."""

    def __init__(self, parent: str) -> None:
        self.parent = parent

    def check(self, tx: Tx, before: Record | None, after: Fields) -> None:
        if before is None or after[self.parent] == before.fields[self.parent]:
            return
        kind, seen = before.type, {before.id}
        key = after[self.parent]
        while key is not None:
            if key in seen:
                raise invalid(self.parent, f"{before.id} would be above itself.", "circular")
            seen.add(key)
            n = kind.number(key)
            record = None if n is None else tx.get(kind, n)
            key = None if record is None else record.fields[self.parent]
