"""Candidates: unlinked records seen so far, found by the prints of their match values."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from sqlalchemy import and_, bindparam, delete, select

from connector.model.records import Key
from connector.model.rows import CandidateRow
from connector.model.values import Side
from connector.state.session import Session
from connector.state.sql import Make, Statement, limited
from connector.state.tables import SIDES, candidate, candidate_print

_CANDIDATE = [column.name for column in candidate.c]
_PRINT = [column.name for column in candidate_print.c]
_FIELDS = (candidate.c.key, candidate.c.version, candidate.c.partner, candidate.c.own)


def _of_side(make: Make, *fields: Any, table: Any = candidate) -> Any:
    return select(*fields).where(table.c.kind == bindparam("kind"), table.c.side == bindparam("side"))


def _by_print(make: Make) -> Any:
    same = and_(*(candidate.c[name] == candidate_print.c[name] for name in ("kind", "side", "key")))
    return (
        _of_side(make, *_FIELDS, table=candidate_print)
        .select_from(candidate_print.join(candidate, same))
        .where(candidate_print.c.rule == bindparam("rule"), make.among(candidate_print.c.print, "prints"))
        .order_by(candidate.c.key)
    )


def _page(make: Make) -> Any:
    return limited(_of_side(make, *_FIELDS).where(candidate.c.key > bindparam("after")).order_by(candidate.c.key))


def _prints(make: Make) -> Any:
    fields = (candidate_print.c.key, candidate_print.c.print)
    found = _of_side(make, *fields, table=candidate_print).where(make.among(candidate_print.c.key, "keys"))
    return found.order_by(candidate_print.c.key, candidate_print.c.rule)


_PUT = Statement(_CANDIDATE, lambda make: make.put(candidate, _CANDIDATE))
_PUT_PRINTS = Statement(_PRINT, lambda make: make.insert(candidate_print, _PRINT))
_DROP = Statement(
    ["kind", "side", "keys"],
    lambda make: (
        delete(candidate)
        .where(candidate.c.kind == bindparam("kind"), candidate.c.side == bindparam("side"))
        .where(make.among(candidate.c.key, "keys"))
    ),
)
_BY_PRINT = Statement(["kind", "side", "rule", "prints"], _by_print)
_BY_PARTNER = Statement(
    ["kind", "side", "partners"],
    lambda make: _of_side(make, *_FIELDS).where(make.among(candidate.c.partner, "partners")).order_by(candidate.c.key),
)
_BY_KEY = Statement(
    ["kind", "side", "keys"],
    lambda make: _of_side(make, *_FIELDS).where(make.among(candidate.c.key, "keys")),
)
_PAGE = Statement(["kind", "side", "after", "limit"], _page)
_PRINTS = Statement(["kind", "side", "keys"], _prints)


class Matching(Session):
    """The part of a transaction that finds partners for records without a link."""

    def put_candidates(self, rows: Sequence[CandidateRow]) -> None:
        """Insert or replace by (kind, side, key), prints included."""
        kinds = {name: self._own_kind(name) for name in {row.kind for row in rows}}
        rows = list({(row.kind, row.side, row.key): row for row in rows}.values())
        for kind, side in sorted({(row.kind, row.side) for row in rows}):
            self.drop_candidates(kind, side, [row.key for row in rows if (row.kind, row.side) == (kind, side)])
        places = [((kinds[row.kind], SIDES[row.side], row.key), row) for row in rows]
        values = [(*place, row.version, row.partner, int(row.own)) for place, row in places]
        prints = [(*place, rule, print_.hex()) for place, row in places for rule, print_ in enumerate(row.prints)]
        self._many(_PUT, sorted(values, key=lambda value: value[:3]))
        self._many(_PUT_PRINTS, prints)

    def drop_candidates(self, kind: str, side: Side, keys: Collection[Key]) -> None:
        """These records are no candidates any more; unknown ones are ignored."""
        self._run_each(_DROP, keys, self._kind(kind), SIDES[side])

    def candidates(self, kind: str, side: Side, rule: int, prints: Collection[bytes]) -> list[CandidateRow]:
        """Known unlinked records of that side whose print of match rule number `rule` is one of these.

        Rules count from 0. An empty print matches nothing.
        """
        wanted = [value.hex() for value in prints if value]
        return self._gather(_BY_PRINT, wanted, kind, side, rule)

    def candidates_by_partner(self, kind: str, side: Side, partners: Collection[Key]) -> list[CandidateRow]:
        """Known unlinked records of that side that carry one of these keys of the other side."""
        return self._gather(_BY_PARTNER, partners, kind, side)

    def candidates_by_key(self, kind: str, side: Side, keys: Collection[Key]) -> dict[Key, CandidateRow]:
        """Candidates of these keys; keys without one are left out."""
        return {row.key: row for row in self._gather(_BY_KEY, keys, kind, side)}

    def page_candidates(self, kind: str, side: Side, after: Key, limit: int) -> list[CandidateRow]:
        """Candidates of a side with a key above `after` ("" to start), by key, at most `limit`."""
        rows = self._all(_PAGE, self._kind(kind), SIDES[side], after, limit)
        return list(self._with_prints(rows, kind, side))

    def _gather(
        self, statement: Statement, values: Collection[str], kind: str, side: Side, *params: int
    ) -> list[CandidateRow]:
        parts = self._each(statement, values, self._kind(kind), SIDES[side], *params)
        rows = [row for part in parts for row in part]
        return list(self._with_prints(rows, kind, side))

    def _with_prints(self, rows: Sequence[Any], kind: str, side: Side) -> Iterator[CandidateRow]:
        prints: dict[Key, list[bytes]] = {}
        for part in self._each(_PRINTS, [row[0] for row in rows], self._kind(kind), SIDES[side]):
            for key, value in part:
                prints.setdefault(key, []).append(bytes.fromhex(value))
        for key, version, partner, own in rows:
            yield CandidateRow(kind, side, key, version, tuple(prints.get(key, ())), partner, bool(own))
