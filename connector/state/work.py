"""What is under way: cursors, hints and intents."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from math import inf
from typing import Any

from sqlalchemy import and_, bindparam, case, delete, func, null, or_, select, tuple_, update

from connector.model.records import Key
from connector.model.rows import HintRow, IntentRow, IntentState
from connector.model.values import Side
from connector.state.session import Session, side_of, storable
from connector.state.sql import Make, Statement, constant, limited
from connector.state.tables import INTENT_STATES, OPS, SIDES, cursor, hint, intent

_OPEN = [INTENT_STATES[state] for state in (IntentState.PLANNED, IntentState.SENT, IntentState.ACKED)]
_STATE_OF = {code: state for state, code in INTENT_STATES.items()}
_OP_OF = {code: op for op, code in OPS.items()}
_NO_OP = -1
_NO_SIDE = -1
_HINT = [column.name for column in hint.c]
_INTENT = [column.name for column in intent.c]
_PLACE = ["kind", "side", "feed"]


def greater(old: Any, new: Any) -> Any:
    """The greater of two versions; None knows nothing."""
    return case((or_(new.is_(None), old > new), old), else_=new)


def _put_hints(make: Make) -> Any:
    return make.put(
        hint,
        _HINT,
        version=lambda old, new: greater(old.version, new.version),
        attempts=lambda old, new: case((new.attempts == constant(0), old.attempts), else_=new.attempts),
        # Of a wait that goes on, the time when it began counts.
        first=lambda old, new: case(
            (or_(new.first == constant(0), and_(old.first > constant(0), old.reason == new.reason)), old.first),
            else_=new.first,
        ),
    )


def _due_hints(make: Make) -> Any:
    start = tuple_(bindparam("side", type_=hint.c.side.type), bindparam("key", type_=hint.c.key.type))
    due = select(hint).where(hint.c.kind == bindparam("kind"), hint.c.due <= bindparam("now"))
    return limited(due.where(tuple_(hint.c.side, hint.c.key) > start).order_by(hint.c.side, hint.c.key))


def _put_intents(make: Make) -> Any:
    return make.put(
        intent,
        _INTENT,
        first_sent=lambda old, new: func.coalesce(old.first_sent, new.first_sent),
    )


def _mark_sent(make: Make) -> Any:
    at = bindparam("at", type_=intent.c.sent.type)
    return (
        update(intent)
        .values(
            state=bindparam("new_state"),
            first_sent=func.coalesce(intent.c.first_sent, at),
            sent=at,
            attempts=intent.c.attempts + bindparam("count", type_=intent.c.attempts.type),
        )
        .where(make.among(intent.c.token, "tokens"))
    )


def _open_intents(make: Make) -> Any:
    place = (intent.c.kind == bindparam("kind"), intent.c.token > bindparam("after"))
    is_open = intent.c.state.in_([constant(state) for state in _OPEN])
    return limited(select(intent).where(*place, is_open).order_by(intent.c.token))


_CURSOR = Statement(
    _PLACE, lambda make: select(cursor.c.value).where(*(cursor.c[name] == bindparam(name) for name in _PLACE))
)
_PUT_CURSOR = Statement([*_PLACE, "value"], lambda make: make.put(cursor, [*_PLACE, "value"]))
_DROP_CURSOR = Statement(_PLACE, lambda make: delete(cursor).where(*(cursor.c[n] == bindparam(n) for n in _PLACE)))

_PUT_HINTS = Statement(_HINT, _put_hints)
_DUE_HINTS = Statement(["kind", "side", "key", "now", "limit"], _due_hints)
_DROP_HINTS = Statement(
    ["kind", "side", "read", "now", "keys"],
    lambda make: (
        delete(hint)
        .where(hint.c.kind == bindparam("kind"), hint.c.side == bindparam("side"))
        .where(or_(hint.c.due <= bindparam("read"), hint.c.due > bindparam("now")))
        .where(make.among(hint.c.key, "keys"))
    ),
)
_RELEASE = Statement(
    ["waits"], lambda make: update(hint).values(due=constant(0), waits=null()).where(make.among(hint.c.waits, "waits"))
)
_HINTS = Statement([], lambda make: select(hint).order_by(hint.c.kind, hint.c.side, hint.c.key))
_HINTS_OF = Statement(
    ["kind"], lambda make: select(hint).where(hint.c.kind == bindparam("kind")).order_by(hint.c.side, hint.c.key)
)

_PUT_INTENTS = Statement(_INTENT, _put_intents)
_MARK_SENT = Statement(["new_state", "at", "count", "tokens"], _mark_sent)
_MARK = Statement(
    ["new_state", "tokens"],
    lambda make: update(intent).values(state=bindparam("new_state")).where(make.among(intent.c.token, "tokens")),
)
_DROP_INTENTS = Statement(["tokens"], lambda make: delete(intent).where(make.among(intent.c.token, "tokens")))
_OPEN_INTENTS = Statement(["kind", "after", "limit"], _open_intents)
_COUNT = Statement([], lambda make: select(intent.c.state, func.count()).group_by(intent.c.state))
_COUNT_OF = Statement(
    ["kind"],
    lambda make: (
        select(intent.c.state, func.count()).where(intent.c.kind == bindparam("kind")).group_by(intent.c.state)
    ),
)


class Work(Session):
    """The part of a transaction that knows what to look at and what is being written."""

    # cursors
    def cursor(self, kind: str, side: Side, feed: str = "changes") -> str | None:
        """Where to go on reading; None when reading starts at the beginning."""
        row = self._one(_CURSOR, self._kind(kind), SIDES[side], feed)
        return None if row is None else str(row[0])

    def set_cursor(self, kind: str, side: Side, value: str | None, feed: str = "changes") -> None:
        """None forgets the place."""
        if value is None:
            self._run(_DROP_CURSOR, self._kind(kind), SIDES[side], feed)
        else:
            self._run(_PUT_CURSOR, self._own_kind(kind), SIDES[side], feed, value)

    # hints
    def put_hints(self, rows: Sequence[HintRow]) -> None:
        """Insert or replace by (kind, side, key); of several for one key the last counts.

        An existing row keeps its first-seen time when the new row gives the same reason, or none of its own (zero); its
        attempts when the new row carries zero; and the greater version: announcements that arrive out of order must not
        let an older state pass.
        """
        kinds = {name: self._own_kind(name) for name in {row.kind for row in rows}}
        values = [
            (kinds[r.kind], SIDES[r.side], r.key, r.version, storable(r.reason), r.due, r.attempts, r.waits, r.first)
            for r in rows
        ]
        self._many(_PUT_HINTS, sorted(values, key=lambda value: value[:3]))

    def due_hints(self, kind: str, now: float, after: tuple[str, str], limit: int) -> list[HintRow]:
        """Due hints ordered by (side, key), strictly after the pair given (("", "") to start)."""
        side = SIDES[Side(after[0])] if after[0] else _NO_SIDE
        return self._hints(self._all(_DUE_HINTS, self._kind(kind), side, after[1], now, limit))

    def drop_hints(self, kind: str, side: Side, keys: Collection[Key], read: float = inf, now: float = inf) -> None:
        """These keys need no look any more; unknown ones are ignored. Hints due after `read` up to `now` stay."""
        self._run_each(_DROP_HINTS, keys, self._kind(kind), SIDES[side], read, now)

    def release_hints(self, waits: Collection[str]) -> int:
        """Make hints that wait for one of these due now; how many."""
        return self._run_each(_RELEASE, waits)

    def hints(self, kind: str | None = None) -> list[HintRow]:
        """Every hint, of one kind or of all, ordered by kind, side and key."""
        return self._hints(self._all(_HINTS) if kind is None else self._all(_HINTS_OF, self._kind(kind)))

    def _hints(self, rows: Sequence[Any]) -> list[HintRow]:
        names = self._kind_names({row[0] for row in rows})
        return [HintRow(names[kind], side_of(side), *rest) for kind, side, *rest in rows]

    # intents
    def put_intents(self, rows: Sequence[IntentRow]) -> None:
        """Insert or replace by token; the time of a first sending, once known, is kept."""
        kinds = {name: self._own_kind(name) for name in {row.kind for row in rows}}
        values = [
            (
                *(
                    r.token,
                    kinds[r.kind],
                    r.link,
                    SIDES[r.side],
                    OPS.get(r.op, _NO_OP),
                    r.target,
                    r.external,
                    r.body,
                    r.context,
                ),
                *(r.fields, r.pre_version, INTENT_STATES[r.state], r.first_sent, r.sent, r.epoch, r.attempts),
            )
            for r in rows
        ]
        self._many(_PUT_INTENTS, sorted(values, key=lambda value: str(value[0])))

    def mark_intents(
        self, tokens: Collection[str], state: IntentState, at: float | None = None, *, refused: bool = False
    ) -> None:
        """Move intents to a state. SENT needs `at`: it sets the sending times. refused: count one attempt.

        Raises ImpossibleState when one is not in the store: a write must never go out without its note.
        """
        if state is IntentState.SENT:
            count = self._run_each(_MARK_SENT, tokens, INTENT_STATES[state], at, int(refused))
        else:
            count = self._run_each(_MARK, tokens, INTENT_STATES[state])
        if count != len(set(tokens)):
            raise self._refuse("an intent to mark is not in the store")

    def drop_intents(self, tokens: Collection[str]) -> None:
        """Settled: body and context are gone with the row."""
        self._run_each(_DROP_INTENTS, tokens)

    def open_intents(self, kind: str, after: str, limit: int) -> list[IntentRow]:
        """Planned, sent and acknowledged intents with a token above `after`, by token, at most `limit`."""
        rows = self._all(_OPEN_INTENTS, self._kind(kind), after, limit)
        return [_intent(row, kind) for row in rows]

    def count_intents(self, kind: str | None = None) -> dict[IntentState, int]:
        """Intents per state, of one kind or of all; every state is named."""
        rows = self._all(_COUNT) if kind is None else self._all(_COUNT_OF, self._kind(kind))
        counts = dict.fromkeys(IntentState, 0)
        counts.update((_STATE_OF[state], count) for state, count in rows)
        return counts


def _intent(row: Any, name: str) -> IntentRow:
    token, _, link, side, op, *plain = row
    plain[6] = _STATE_OF[plain[6]]
    return IntentRow(token, name, link, side_of(side), _OP_OF[op], *plain)
