"""What people look at: conflicts, dead letters and the journal."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from sqlalchemy import and_, bindparam, case, delete, func, null, select, update

from connector.model.records import Key, Op
from connector.model.rows import ConflictRow, DeadRow, JournalRow
from connector.model.values import Side, Sides
from connector.state.session import SIDE_OF, Session, side_of, storable
from connector.state.sql import Make, Statement, constant, limited
from connector.state.tables import SIDES, conflict, dead, inbox_raw, journal

_CONFLICT = [column.name for column in conflict.c]
_DEAD = [column.name for column in dead.c if column.name != "id"]
_DEAD_KEY = ["kind", "side", "key"]
_JOURNAL = [column.name for column in journal.c if column.name != "seq"]


def _put_conflicts(make: Make) -> Any:
    def choice(old: Any, new: Any) -> Any:
        same = and_(
            new.choice.is_(None),
            old.l_print.is_not_distinct_from(new.l_print),
            old.r_print.is_not_distinct_from(new.r_print),
        )
        return case((same, old.choice), else_=new.choice)

    return make.put(conflict, _CONFLICT, since=lambda old, new: old.since, choice=choice)


def _put_dead(make: Make) -> Any:
    statement = make.insert(dead, _DEAD)
    new = statement.excluded
    changed = {name: new[name] for name in _DEAD if name not in (*_DEAD_KEY, "since")}
    changed["attempts"] = dead.c.attempts + new.attempts
    return statement.on_conflict_do_update(index_elements=_DEAD_KEY, set_=changed)


def _conflicts(*wheres: str) -> Statement:
    def build(make: Make) -> Any:
        statement = select(conflict).order_by(conflict.c.link, conflict.c.unit)
        if "kind" in wheres:
            statement = statement.where(conflict.c.kind == bindparam("kind"))
        if "links" in wheres:
            statement = statement.where(make.among(conflict.c.link, "links"))
        return statement

    return Statement(wheres, build)


def _journal(*wheres: str) -> Statement:
    def build(make: Make) -> Any:
        statement = select(journal).where(*(journal.c[name] == bindparam(name) for name in wheres))
        return limited(statement.order_by(journal.c.seq.desc()))

    return Statement([*wheres, "limit"], build)


_PUT_CONFLICTS = Statement(_CONFLICT, _put_conflicts)
_DROP_CONFLICTS = Statement(
    ["link", "unit"],
    lambda make: delete(conflict).where(conflict.c.link == bindparam("link"), conflict.c.unit == bindparam("unit")),
)
_CONFLICTS: dict[tuple[str, ...], Statement] = {
    wheres: _conflicts(*wheres) for wheres in ((), ("kind",), ("links",), ("kind", "links"))
}
_CHOOSE = Statement(
    ["new_choice", "link", "unit"],
    lambda make: (
        update(conflict)
        .values(choice=bindparam("new_choice"))
        .where(conflict.c.link == bindparam("link"), conflict.c.unit == bindparam("unit"))
    ),
)

_PUT_DEAD = Statement(_DEAD, _put_dead)
_DROP_DEAD = Statement(
    [*_DEAD_KEY[:2], "keys"],
    lambda make: (
        delete(dead)
        .where(dead.c.kind == bindparam("kind"), dead.c.side == bindparam("side"))
        .where(make.among(dead.c.key, "keys"))
    ),
)
_ALL_DEAD = Statement([], lambda make: select(dead).order_by(dead.c.id))
_DEAD_OF = Statement(["kind"], lambda make: select(dead).where(dead.c.kind == bindparam("kind")).order_by(dead.c.id))
_DEAD_BY_KEY = Statement(
    [*_DEAD_KEY[:2], "keys"],
    lambda make: (
        select(dead)
        .where(dead.c.kind == bindparam("kind"), dead.c.side == bindparam("side"))
        .where(make.among(dead.c.key, "keys"))
    ),
)

_APPEND = Statement(_JOURNAL, lambda make: make.insert(journal, _JOURNAL))
_READ_JOURNAL: dict[tuple[str, ...], Statement] = {
    wheres: _journal(*wheres)
    for wheres in (
        *((), ("kind",), ("link",), ("run",), ("kind", "link"), ("kind", "run"), ("link", "run")),
        ("kind", "link", "run"),
    )
}
_COUNT_DELETES = Statement(
    ["kind", "since"],
    lambda make: (
        select(func.count())
        .select_from(journal)
        .where(journal.c.kind == bindparam("kind"), journal.c.event == constant(Op.DELETE.value))
        .where(journal.c.at >= bindparam("since"))
    ),
)
_EXPIRE_JOURNAL = Statement(
    ["before"],
    lambda make: (
        update(journal).values(body=null()).where(journal.c.at < bindparam("before"), journal.c.body.is_not(None))
    ),
)
_EXPIRE_INBOX = Statement(
    ["before"],
    lambda make: (
        update(inbox_raw).values(body=null()).where(inbox_raw.c.at < bindparam("before"), inbox_raw.c.body.is_not(None))
    ),
)


class People(Session):
    """The part of a transaction that knows what waits for a person, and what was done."""

    # conflicts
    def put_conflicts(self, rows: Sequence[ConflictRow]) -> None:
        """By (link, unit); `since` of an existing row is kept.

        A choice a person made stays while the row put carries none and both prints are what they were: it may have
        been made after the caller read the row.
        """
        kinds = {name: self._own_kind(name) for name in {row.kind for row in rows}}
        values = [
            (
                *(r.link, r.unit, kinds[r.kind], storable(r.reason), r.prints.left, r.prints.right, r.since),
                *(None if r.choice is None else SIDES[r.choice], r.body),
            )
            for r in rows
        ]
        self._many(_PUT_CONFLICTS, sorted(values, key=lambda value: value[:2]))

    def drop_conflicts(self, pairs: Collection[tuple[int, str]]) -> None:
        """These units of these links wait for nobody any more; unknown ones are ignored."""
        self._many(_DROP_CONFLICTS, sorted(set(pairs)))

    def conflicts(self, kind: str | None = None, links: Collection[int] | None = None) -> list[ConflictRow]:
        """Every conflict, of one kind or of these links if given, by link and unit."""
        wheres = tuple(name for name, given in (("kind", kind), ("links", links)) if given is not None)
        params = [] if kind is None else [self._kind(kind)]
        statement = _CONFLICTS[wheres]
        if links is None:
            return self._conflicts(self._all(statement, *params))
        return [row for rows in self._each(statement, sorted(links), *params) for row in self._conflicts(rows)]

    def _conflicts(self, rows: Sequence[Any]) -> list[ConflictRow]:
        names = self._kind_names({row[2] for row in rows})
        return [
            ConflictRow(link, unit, names[kind], reason, Sides(left, right), since, SIDE_OF[choice], body)
            for link, unit, kind, reason, left, right, since, choice, body in rows
        ]

    def choose(self, link: int, unit: str, choice: Side) -> bool:
        """Note the side whose value a person chose; False when there is no such conflict."""
        return self._run(_CHOOSE, SIDES[choice], link, unit) > 0

    # dead letters
    def put_dead(self, rows: Sequence[DeadRow]) -> None:
        """By (kind, side, key): replaces, keeps `since`, adds attempts. `id` is given by the store."""
        kinds = {name: self._own_kind(name) for name in {row.kind for row in rows}}
        values = [
            (
                *(kinds[r.kind], SIDES[r.side], r.key, r.op, storable(r.reason), r.code, r.since),
                *(r.attempts, r.version, r.link, r.body),
            )
            for r in rows
        ]
        self._many(_PUT_DEAD, sorted(values, key=lambda value: value[:3]))

    def drop_dead(self, kind: str, side: Side, keys: Collection[Key]) -> None:
        """These dead letters are released; unknown ones are ignored."""
        self._run_each(_DROP_DEAD, keys, self._kind(kind), SIDES[side])

    def dead(self, kind: str | None = None) -> list[DeadRow]:
        """Every dead letter, of one kind or of all, oldest first."""
        return self._dead(self._all(_ALL_DEAD) if kind is None else self._all(_DEAD_OF, self._kind(kind)))

    def dead_by_key(self, kind: str, side: Side, keys: Collection[Key]) -> dict[Key, DeadRow]:
        """Dead letters of these keys; keys without one are left out."""
        parts = self._each(_DEAD_BY_KEY, keys, self._kind(kind), SIDES[side])
        return {row.key: row for rows in parts for row in self._dead(rows)}

    def _dead(self, rows: Sequence[Any]) -> list[DeadRow]:
        names = self._kind_names({row[1] for row in rows})
        return [_dead(row, names) for row in rows]

    # journal
    def append_journal(self, rows: Sequence[JournalRow]) -> None:
        """Add lines; `seq` is given by the store. No line is ever changed, only its body removed by retention."""
        kinds = {name: self._own_kind(name) for name in {row.kind for row in rows}}
        values = [
            (
                *(r.at, r.run, kinds[r.kind], r.link, None if r.side is None else SIDES[r.side], r.key),
                *(r.event, r.rule, r.fields, storable(r.detail), r.body),
            )
            for r in rows
        ]
        self._many(_APPEND, values)

    def journal(
        self, kind: str | None = None, link: int | None = None, run: str | None = None, limit: int = 200
    ) -> list[JournalRow]:
        """Newest first, at most `limit`."""
        number = None if kind is None else self._kind(kind)
        given = [(name, value) for name, value in (("kind", number), ("link", link), ("run", run)) if value is not None]
        statement = _READ_JOURNAL[tuple(name for name, _ in given)]
        rows = self._all(statement, *(value for _, value in given), limit)
        return list(self._lines(rows))

    def _lines(self, rows: Sequence[Any]) -> Iterable[JournalRow]:
        names = self._kind_names({row[3] for row in rows})
        for seq, at, run, kind, link, side, *rest in rows:
            rest.append(seq)
            yield JournalRow(at, run, names[kind], link, SIDE_OF[side], *rest)

    def count_deletes(self, kind: str, since: float) -> int:
        """Deletes sent for the kind since that time: lines of the journal whose event is `delete`."""
        return int(self._one(_COUNT_DELETES, self._kind(kind), since)[0])

    def expire_bodies(self, before: float) -> int:
        """Remove the sealed bodies of journal rows and of raw webhooks older than that; how many."""
        return self._run(_EXPIRE_JOURNAL, before) + self._run(_EXPIRE_INBOX, before)


def _dead(row: Any, names: dict[int, str]) -> DeadRow:
    id_, kind, side, *rest = row
    rest.append(id_)
    return DeadRow(names[kind], side_of(side), *rest)
