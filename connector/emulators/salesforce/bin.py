"""Deleting, bringing back, merging, and what becomes of deleted records (contract §2.3)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from connector.emulators.salesforce.errors import Refusal, refusal
from connector.emulators.salesforce.records import DELETED, Caller, Records
from connector.emulators.salesforce.rules import PLAIN, RULES
from connector.emulators.salesforce.schema import SObject
from connector.emulators.salesforce.store import Values
from connector.emulators.salesforce.times import stamp


class RecycleBin:
    """The way out of an org, and for 15 days the way back."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._store = records.store
        self._schema = records.schema
        self._org = records.org

    def delete(self, kind: SObject, row: Values, caller: Caller) -> None:
        """Into the recycle bin, with what belongs to it. Raises Refusal DELETE_FAILED."""
        self._records.allowed(kind, "delete")
        RULES.get(kind.name, PLAIN).before_delete(self._records, row)
        self._put_in(kind, row, caller, self._store.next_number("bin"))

    def _put_in(self, kind: SObject, row: Values, caller: Caller, batch: int) -> None:
        key = row["Id"]
        for other, field in self._schema.referring(kind):
            for child in self._store.select(other, f'"{field.name}" = ? AND IsDeleted = 0', (key,)):
                if field.on_delete == "restrict":
                    raise refusal(
                        "DELETE_FAILED",
                        f"Your attempt to delete {row.get('Name') or key} could not be completed because it is"
                        f" associated with the following {other.plural.lower()}: {child['Id'][:15]}",
                    )
                if field.on_delete == "cascade":
                    self._put_in(other, child, caller, batch)
                else:
                    self._records.system_change(other.name, child["Id"], {field.name: None})
        at = self._org.stamp()
        gone = {"IsDeleted": 1, "SystemModstamp": at, "LastModifiedDate": at, "LastModifiedById": caller.user}
        self._store.update(kind, key, {**gone, "_bin": batch, "_at": stamp(self._org.now())})
        self._store.execute("INSERT OR REPLACE INTO _deleted VALUES (?, ?, ?)", (key, kind.name, at))
        RULES.get(kind.name, PLAIN).after(self._records, row)

    def undelete(self, kind: SObject, row: Values, caller: Caller) -> None:
        """Out of the recycle bin under the same id, with what went in together. Raises Refusal."""
        self._records.allowed(kind, "undelete")
        if not row["IsDeleted"]:
            raise refusal("UNDELETE_FAILED", "Entity is not in the recycle bin")
        batch = self._store.rows(f'SELECT _bin FROM "{kind.name}" WHERE Id = ?', (row["Id"],))[0][0]
        at = self._org.stamp()
        for other in self._schema:
            for gone in self._store.select(other, "_bin = ? AND IsDeleted = 1", (batch,)):
                self._records.check_unique(other, gone, gone["Id"])
                back = {"IsDeleted": 0, "SystemModstamp": at, "LastModifiedDate": at, "LastModifiedById": caller.user}
                if other.mergeable:
                    back["MasterRecordId"] = None
                self._store.update(other, gone["Id"], {**back, "_bin": None, "_at": None})
                self._store.execute("DELETE FROM _deleted WHERE id = ?", (gone["Id"],))
                RULES.get(other.name, PLAIN).after(self._records, gone)

    def merge(self, kind: SObject, master: Values, losers: Sequence[Values], caller: Caller) -> None:
        """Delete the losers in favour of the master; what points to them points to the master then. Raises Refusal."""
        if not kind.mergeable or not 1 <= len(losers) <= 2 or any(loser["Id"] == master["Id"] for loser in losers):
            raise refusal("INVALID_OPERATION", "merge one or two other records of Account or Contact into a master")
        if master["IsDeleted"] or any(loser["IsDeleted"] for loser in losers):
            raise Refusal(DELETED)
        at = self._org.stamp()
        changed = {"SystemModstamp": at, "LastModifiedDate": at, "LastModifiedById": caller.user}
        for loser in losers:
            for other, field in self._schema.referring(kind):
                for child in self._store.select(other, f'"{field.name}" = ? AND IsDeleted = 0', (loser["Id"],)):
                    # Nobody becomes his own parent.
                    moved = None if child["Id"] == master["Id"] else master["Id"]
                    self._store.update(other, child["Id"], {field.name: moved, "SystemModstamp": at})
            self._store.update(kind, loser["Id"], {"MasterRecordId": master["Id"]})
            self._put_in(kind, loser, caller, self._store.next_number("bin"))
        self._store.update(kind, master["Id"], changed)

    def purge(self, days: int) -> None:
        """Forget for good what has been in the bin this long; its deletion is no longer told either."""
        cutoff = stamp(self._org.now() - timedelta(days=days))
        for kind in self._schema:
            self._store.execute(f'DELETE FROM "{kind.name}" WHERE IsDeleted = 1 AND _at <= ?', (cutoff,))
        self._store.execute("DELETE FROM _deleted WHERE at <= ?", (cutoff,))

    def empty(self) -> int:
        """Forget for good what is in the bin; its deletion is still told. Returns how many records went."""
        return sum(self._store.execute(f'DELETE FROM "{kind.name}" WHERE IsDeleted = 1') for kind in self._schema)
