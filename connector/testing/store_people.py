"""The part of a transaction in memory that people look at, and the candidates for a first link."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from connector.model.records import Key, Op
from connector.model.rows import CandidateRow, ConflictRow, DeadRow, JournalRow
from connector.model.values import Side
from connector.testing.store_tables import Place, Session, copier

_conflict = copier(ConflictRow)
_dead = copier(DeadRow)
_line = copier(JournalRow)
_candidate = copier(CandidateRow)


class People(Session):
    """Conflicts, dead letters and the journal; see `ports.Tx`."""

    __slots__ = ()

    # conflicts
    def put_conflicts(self, rows: Sequence[ConflictRow]) -> None:
        if not rows:
            return
        conflicts: dict[tuple[int, str], ConflictRow] = self._own("conflicts")
        for row in rows:
            if row.link not in self._now.links:
                raise self._refuse(f"a conflict of link {row.link}, which is not in the store")
            if not row.unit:
                raise self._refuse("a conflict about nothing")
            old, new = conflicts.get((row.link, row.unit)), _conflict(row)
            if old is not None:
                new.since = old.since
                if new.choice is None and new.prints == old.prints:
                    new.choice = old.choice
            conflicts[row.link, row.unit] = new

    def drop_conflicts(self, pairs: Collection[tuple[int, str]]) -> None:
        if pairs:
            conflicts: dict[tuple[int, str], ConflictRow] = self._own("conflicts")
            for pair in pairs:
                conflicts.pop(pair, None)

    def conflicts(self, kind: str | None = None, links: Collection[int] | None = None) -> list[ConflictRow]:
        known, wanted = self._now.conflicts, None if links is None else set(links)
        rows = (known[pair] for pair in sorted(known) if wanted is None or pair[0] in wanted)
        return [_conflict(row) for row in rows if kind is None or row.kind == kind]

    def choose(self, link: int, unit: str, choice: Side) -> bool:
        conflicts: dict[tuple[int, str], ConflictRow] = self._own("conflicts")
        old = conflicts.get((link, unit))
        if old is None:
            return False
        row = conflicts[link, unit] = _conflict(old)
        row.choice = choice
        return True

    # dead letters
    def put_dead(self, rows: Sequence[DeadRow]) -> None:
        if not rows:
            return
        dead: dict[Place, DeadRow] = self._own("dead")
        for row in rows:
            place = (row.kind, row.side, row.key)
            old, new = dead.get(place), _dead(row)
            if old is None:
                new.id = self._number("dead")
            else:
                new.id, new.since, new.attempts = old.id, old.since, old.attempts + row.attempts
            dead[place] = new

    def drop_dead(self, kind: str, side: Side, keys: Collection[Key]) -> None:
        if keys:
            dead: dict[Place, DeadRow] = self._own("dead")
            for key in keys:
                dead.pop((kind, side, key), None)

    def dead(self, kind: str | None = None) -> list[DeadRow]:
        rows = [_dead(row) for row in self._now.dead.values() if kind is None or row.kind == kind]
        return sorted(rows, key=lambda row: row.id or 0)

    def dead_by_key(self, kind: str, side: Side, keys: Collection[Key]) -> dict[Key, DeadRow]:
        dead = self._now.dead
        return {key: _dead(dead[kind, side, key]) for key in keys if (kind, side, key) in dead}

    # journal
    def append_journal(self, rows: Sequence[JournalRow]) -> None:
        if rows:
            journal: list[JournalRow] = self._own("journal")
            for seq, row in enumerate(rows, start=len(journal) + 1):
                new = _line(row)
                new.seq = seq
                journal.append(new)

    def journal(
        self, kind: str | None = None, link: int | None = None, run: str | None = None, limit: int = 200
    ) -> list[JournalRow]:
        found: list[JournalRow] = []
        for row in reversed(self._now.journal):
            if len(found) >= limit:
                break
            if (kind is None or row.kind == kind) and (link is None or row.link == link) and run in (None, row.run):
                found.append(_line(row))
        return found

    def count_deletes(self, kind: str, since: float) -> int:
        rows = self._now.journal
        return sum(1 for row in rows if row.event == Op.DELETE and row.at >= since and row.kind == kind)

    def expire_bodies(self, before: float) -> int:
        journal: list[JournalRow] = self._own("journal")
        old = [place for place, row in enumerate(journal) if row.body is not None and row.at < before]
        for place in old:
            row = journal[place] = _line(journal[place])
            row.body = None
        inbox: dict[tuple[str, str], tuple[bytes | None, float]] = self._own("inbox")
        events = [event for event, (body, at) in inbox.items() if body is not None and at < before]
        inbox.update((event, (None, inbox[event][1])) for event in events)
        return len(old) + len(events)


class Matching(Session):
    """Unlinked records seen so far; see `ports.Tx`."""

    __slots__ = ()

    def put_candidates(self, rows: Sequence[CandidateRow]) -> None:
        if rows:
            candidates: dict[Place, CandidateRow] = self._own("candidates")
            candidates.update(((row.kind, row.side, row.key), _candidate(row)) for row in rows)

    def drop_candidates(self, kind: str, side: Side, keys: Collection[Key]) -> None:
        if keys:
            candidates: dict[Place, CandidateRow] = self._own("candidates")
            for key in keys:
                candidates.pop((kind, side, key), None)

    def candidates(self, kind: str, side: Side, rule: int, prints: Collection[bytes]) -> list[CandidateRow]:
        wanted = set(prints) - {b""}
        return self._where(kind, side, lambda row: rule < len(row.prints) and row.prints[rule] in wanted)

    def candidates_by_partner(self, kind: str, side: Side, partners: Collection[Key]) -> list[CandidateRow]:
        wanted = set(partners)
        return self._where(kind, side, lambda row: row.partner in wanted)

    def candidates_by_key(self, kind: str, side: Side, keys: Collection[Key]) -> dict[Key, CandidateRow]:
        known = self._now.candidates
        return {key: _candidate(known[kind, side, key]) for key in keys if (kind, side, key) in known}

    def page_candidates(self, kind: str, side: Side, after: Key, limit: int) -> list[CandidateRow]:
        return self._where(kind, side, lambda row: row.key > after)[:limit]

    def _where(self, kind: str, side: Side, wanted: Callable[[CandidateRow], bool]) -> list[CandidateRow]:
        """Candidates of a side that fit, by key."""
        found = [
            _candidate(row)
            for row in self._now.candidates.values()
            if row.kind == kind and row.side is side and wanted(row)
        ]
        return sorted(found, key=lambda row: row.key)
