"""The part of a transaction in memory that knows what is under way: cursors, hints, intents, runs and leases."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from math import inf

from connector.model.records import Key, Op
from connector.model.rows import HintRow, IntentRow, IntentState, RunRow
from connector.model.values import Side
from connector.testing.store_links import greater
from connector.testing.store_tables import Lease, Place, Session, copier

_hint = copier(HintRow)
_intent = copier(IntentRow)
_run = copier(RunRow)
_OPEN = frozenset({IntentState.PLANNED, IntentState.SENT, IntentState.ACKED})
_OUT = frozenset({IntentState.SENT, IntentState.ACKED})
_OPS = frozenset(op.value for op in Op)


class Work(Session):
    """See `ports.Tx`."""

    __slots__ = ()

    # cursors
    def cursor(self, kind: str, side: Side, feed: str = "changes") -> str | None:
        return self._now.cursors.get((kind, side, feed))

    def set_cursor(self, kind: str, side: Side, value: str | None, feed: str = "changes") -> None:
        cursors: dict[tuple[str, Side, str], str] = self._own("cursors")
        if value is None:
            cursors.pop((kind, side, feed), None)
        else:
            cursors[kind, side, feed] = value

    # hints
    def put_hints(self, rows: Sequence[HintRow]) -> None:
        if not rows:
            return
        hints: dict[Place, HintRow] = self._own("hints")
        for row in rows:
            place = (row.kind, row.side, row.key)
            old, new = hints.get(place), _hint(row)
            if old is not None:
                new.version = greater(old.version, new.version)
                new.attempts = new.attempts or old.attempts
                new.first = old.first if old.first and old.reason == new.reason else new.first or old.first
            hints[place] = new

    def due_hints(self, kind: str, now: float, after: tuple[str, str], limit: int) -> list[HintRow]:
        hints = self._now.hints
        due = sorted(p for p, row in hints.items() if row.due <= now and p[0] == kind and p[1:] > after)
        return [_hint(hints[place]) for place in due[:limit]]

    def drop_hints(self, kind: str, side: Side, keys: Collection[Key], read: float = inf, now: float = inf) -> None:
        if not keys:
            return
        hints: dict[Place, HintRow] = self._own("hints")
        for key in keys:
            row = hints.get((kind, side, key))
            if row is not None and not read < row.due <= now:
                del hints[kind, side, key]

    def release_hints(self, waits: Collection[str]) -> int:
        if not waits:
            return 0
        hints: dict[Place, HintRow] = self._own("hints")
        wanted = set(waits)
        waiting = [place for place, row in hints.items() if row.waits in wanted]
        for place in waiting:
            row = hints[place] = _hint(hints[place])
            row.due, row.waits = 0.0, None
        return len(waiting)

    def hints(self, kind: str | None = None) -> list[HintRow]:
        hints = self._now.hints
        return [_hint(hints[place]) for place in sorted(hints) if kind is None or place[0] == kind]

    # intents
    def put_intents(self, rows: Sequence[IntentRow]) -> None:
        if not rows:
            return
        intents: dict[str, IntentRow] = self._own("intents")
        for row in rows:
            self._check_intent(row)
            old, new = intents.get(row.token), _intent(row)
            if old is not None and old.first_sent is not None:
                new.first_sent = old.first_sent
            intents[row.token] = new

    def _check_intent(self, row: IntentRow) -> None:
        if row.link not in self._now.links:
            raise self._refuse(f"an intent for link {row.link}, which is not in the store")
        if row.op not in _OPS:
            raise self._refuse(f"an intent to {row.op}")
        if row.op != Op.CREATE and row.target is None:
            raise self._refuse(f"an intent to {row.op} nothing")
        if row.state in _OUT and (row.first_sent is None or row.sent is None):
            raise self._refuse("an intent was sent at no time")

    def mark_intents(
        self, tokens: Collection[str], state: IntentState, at: float | None = None, *, refused: bool = False
    ) -> None:
        if not tokens:
            return
        intents: dict[str, IntentRow] = self._own("intents")
        for token in set(tokens):
            if token not in intents:
                raise self._refuse("an intent to mark is not in the store")
            row = intents[token] = _intent(intents[token])
            row.state = state
            if state is IntentState.SENT:
                row.first_sent = at if row.first_sent is None else row.first_sent
                row.sent = at
                row.attempts += refused
            self._check_intent(row)

    def drop_intents(self, tokens: Collection[str]) -> None:
        if tokens:
            intents: dict[str, IntentRow] = self._own("intents")
            for token in tokens:
                intents.pop(token, None)

    def open_intents(self, kind: str, after: str, limit: int) -> list[IntentRow]:
        intents = self._now.intents
        tokens = sorted(t for t, row in intents.items() if t > after and row.state in _OPEN and row.kind == kind)
        return [_intent(intents[token]) for token in tokens[:limit]]

    def count_intents(self, kind: str | None = None) -> dict[IntentState, int]:
        counts = dict.fromkeys(IntentState, 0)
        for row in self._now.intents.values():
            if kind is None or row.kind == kind:
                counts[row.state] += 1
        return counts

    # runs, raw webhooks, leases
    def put_run(self, row: RunRow) -> None:
        self._own("runs")[row.id] = _run(row)

    def runs(self, sync: str | None = None, limit: int = 50) -> list[RunRow]:
        found = [row for row in self._now.runs.values() if sync is None or row.sync == sync]
        found.sort(key=lambda row: (row.started, row.id), reverse=True)
        return [_run(row) for row in found[:limit]]

    def add_inbox(self, side: str, event: str, body: bytes, at: float) -> bool:
        inbox: dict[tuple[str, str], tuple[bytes | None, float]] = self._own("inbox")
        if (side, event) in inbox:
            return False
        inbox[side, event] = (body, at)
        return True

    def take_lease(self, name: str, owner: str, now: float, seconds: float) -> int | None:
        leases: dict[str, Lease] = self._own("leases")
        held = leases.get(name)
        if held is not None and held.owner not in (None, owner) and held.expires > now:
            return None
        epoch = 1 if held is None else held.epoch + (held.owner != owner)
        leases[name] = Lease(owner, epoch, now + seconds)
        return epoch

    def drop_lease(self, name: str, owner: str) -> None:
        self._free(name, owner)

    def end_lease(self, name: str) -> None:
        self._free(name, None)

    def _free(self, name: str, owner: str | None) -> None:
        leases: dict[str, Lease] = self._own("leases")
        held = leases.get(name)
        if held is not None and owner in (None, held.owner):
            leases[name] = Lease(None, held.epoch, 0.0)
