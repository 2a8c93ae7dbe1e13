"""Links, their bases and aliases, the layouts of bases, and tombstones."""

from __future__ import annotations

import heapq
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import and_, bindparam, case, delete, func, null, or_, select, update

from connector.model.records import Key
from connector.model.rows import LinkRow, LinkState
from connector.model.values import Side, Sides
from connector.state.session import Session, side_of
from connector.state.sql import Make, Row, Statement, constant, limited
from connector.state.tables import SIDES, STATES, base, counter, identity, kind, layout, link, tombstone

_STATE_OF = {code: state for state, code in STATES.items()}
_CLOSED = STATES[LinkState.CLOSED]
LINK_COUNTER = "link"

_COLUMNS = [column.name for column in link.c]
_CHANGING = [name for name in _COLUMNS if name not in ("id", "kind")]
_WITH_BASE = (*link.c, base.c.body)
_LINKS_FROM = link.outerjoin(base, base.c.link == link.c.id)


def _update(make: Make) -> Any:
    values: dict[str, Any] = {name: bindparam(f"new_{name}", type_=link.c[name].type) for name in _CHANGING}
    for side in ("l", "r"):
        key, seen = link.c[f"{side}_id"], link.c[f"{side}_seen"]
        new_key, new_seen = values[f"{side}_id"], values[f"{side}_seen"]
        older = and_(key.is_not_distinct_from(new_key), or_(new_seen.is_(None), seen > new_seen))
        values[f"{side}_seen"] = case((older, seen), else_=new_seen)
    return update(link).where(link.c.id == bindparam("link")).values(values)


def _by_key(make: Make) -> Any:
    return (
        select(*_WITH_BASE, identity.c.key)
        .select_from(identity.join(link, link.c.id == identity.c.link).outerjoin(base, base.c.link == link.c.id))
        .where(identity.c.kind == bindparam("kind"), identity.c.side == bindparam("side"))
        .where(make.among(identity.c.key, "keys"))
    )


def _partners(make: Make) -> Any:
    return (
        select(identity.c.key, link.c.id, link.c.l_id, link.c.r_id)
        .select_from(identity.join(link, link.c.id == identity.c.link))
        .where(identity.c.kind == bindparam("kind"), identity.c.side == bindparam("side"))
        .where(link.c.state != constant(_CLOSED), make.among(identity.c.key, "keys"))
    )


def _add_alias(make: Make) -> Any:
    names = ["kind", "side", "key", "link", "alias"]
    statement = make.insert(identity, names)
    new = statement.excluded
    changed = {"link": new.link, "alias": new.alias}
    other = or_(identity.c.link != new.link, identity.c.alias == constant(1))  # a link's own key leads to it as it is
    return statement.on_conflict_do_update(index_elements=names[:3], set_=changed, where=other)


def _page_of_state(make: Make) -> Any:
    place = (link.c.kind == bindparam("kind"), link.c.state == bindparam("state"), link.c.id > bindparam("after"))
    return limited(select(link.c.id).where(*place).order_by(link.c.id))


def _new_layout(make: Make) -> Any:
    names = ["kind", "number", "units"]
    following = select(func.coalesce(func.max(layout.c.number), constant(0)) + constant(1))
    following = following.where(layout.c.kind == bindparam("same_kind"))
    return make.insert(layout, names).values(number=following.scalar_subquery()).on_conflict_do_nothing()


_RESERVE = Statement(
    ["count", "name"],
    lambda make: (
        update(counter)
        .values(value=counter.c.value + bindparam("count"))
        .where(counter.c.name == bindparam("name"))
        .returning(counter.c.value)
    ),
)
_INSERT = Statement(_COLUMNS, lambda make: make.insert(link, _COLUMNS))
_UPDATE = Statement([*(f"new_{name}" for name in _CHANGING), "link"], _update)
_PUT_BASE = Statement(["link", "body"], lambda make: make.put(base, ["link", "body"]))
_DROP_BASE = Statement(["links"], lambda make: delete(base).where(make.among(base.c.link, "links")))
_FREE = Statement(
    ["links"],
    lambda make: (
        update(link)
        .values(state=constant(_CLOSED), l_id=null(), r_id=null())
        .where(make.among(link.c.id, "links"), link.c.state == constant(STATES[LinkState.HALF]))
    ),
)
_DROP = Statement(["links"], lambda make: delete(link).where(make.among(link.c.id, "links")))
_BY_KEY = Statement(["kind", "side", "keys"], _by_key)
_BY_ID = Statement(
    ["ids"], lambda make: select(*_WITH_BASE).select_from(_LINKS_FROM).where(make.among(link.c.id, "ids"))
)
_PARTNERS = Statement(["kind", "side", "keys"], _partners)
_PAGE = Statement(["kind", "state", "after", "limit"], _page_of_state)
_COUNT = Statement(
    ["kind"],
    lambda make: select(link.c.state, func.count()).where(link.c.kind == bindparam("kind")).group_by(link.c.state),
)
_ADD_ALIAS = Statement(["kind", "side", "key", "link", "alias"], _add_alias)
_ALIASES = Statement(
    ["kind", "links"],
    lambda make: (
        select(identity.c.side, identity.c.key, identity.c.link)
        .where(identity.c.kind == bindparam("kind"), identity.c.alias == constant(1))
        .where(make.among(identity.c.link, "links"))
    ),
)
_LOCK_KIND = Statement(["kind"], lambda make: select(kind.c.id).where(kind.c.id == bindparam("kind")).with_for_update())
_LAYOUTS = Statement(
    ["kind"], lambda make: select(layout.c.number, layout.c.units).where(layout.c.kind == bindparam("kind"))
)
_NEW_LAYOUT = Statement(["kind", "units", "same_kind"], _new_layout)
_ADD_TOMBSTONE = Statement(
    ["kind", "side", "key", "at"],
    lambda make: make.insert(tombstone, ["kind", "side", "key", "at"]).on_conflict_do_nothing(),
)
_TOMBSTONES = Statement(
    ["kind", "side", "keys"],
    lambda make: (
        select(tombstone.c.key)
        .where(tombstone.c.kind == bindparam("kind"), tombstone.c.side == bindparam("side"))
        .where(make.among(tombstone.c.key, "keys"))
    ),
)


def _link(row: Any, name: str) -> LinkRow:
    id_, _, state, l_id, r_id, gen, l_seen, r_seen, l_print, r_print, layout_, canon, body = row[:13]
    return LinkRow(
        id_,
        name,
        _STATE_OF[state],
        Sides(l_id, r_id),
        gen,
        Sides(l_seen, r_seen),
        Sides(l_print, r_print),
        layout_,
        canon,
        body,
    )


def _changing(row: LinkRow) -> Row:
    keys, seen, prints = row.keys, row.seen, row.prints
    return (
        STATES[row.state],
        keys.left,
        keys.right,
        row.gen,
        seen.left,
        seen.right,
        prints.left,
        prints.right,
        row.layout,
        row.canon,
    )


class Links(Session):
    """The part of a transaction that knows which keys belong together."""

    def reserve_ids(self, count: int) -> range:
        """That many link ids, never handed out before.

        On PostgreSQL they are drawn at once and for good: held to the commit, the counter would make writers queue.
        """
        if self._ids is None:
            ((end,),) = self._all(_RESERVE, count, LINK_COUNTER)
        else:
            with self._ids.begin() as connection:
                ((end,),) = Session(connection, self._make, {}, None)._all(_RESERVE, count, LINK_COUNTER)
        return range(end - count + 1, end + 1)

    def links_by_key(self, kind: str, side: Side, keys: Collection[Key]) -> dict[Key, LinkRow]:
        """Links of these keys, reached through an alias too; keys without a link are left out. Base included.

        Two keys of one link give the same row object. Closed links are returned: their keys are still theirs.
        """
        found: dict[Key, LinkRow] = {}
        seen: dict[int, LinkRow] = {}
        for rows in self._each(_BY_KEY, keys, self._kind(kind), SIDES[side]):
            for row in rows:
                link_ = seen.get(row[0])
                if link_ is None:
                    link_ = seen[row[0]] = _link(row, kind)
                found[row[-1]] = link_
        return found

    def links_by_id(self, ids: Collection[int]) -> dict[int, LinkRow]:
        """Links by id, base included; unknown ids are left out."""
        found: dict[int, LinkRow] = {}
        for rows in self._each(_BY_ID, ids):
            names = self._kind_names(row[1] for row in rows)
            found.update((row[0], _link(row, names[row[1]])) for row in rows)
        return found

    def partners(self, kind: str, side: Side, keys: Collection[Key]) -> dict[Key, tuple[int, Key | None]]:
        """Link id and the other side's key (None while half) of live links only, through aliases too."""
        other = 3 if side is Side.LEFT else 2
        parts = self._each(_PARTNERS, keys, self._kind(kind), SIDES[side])
        return {row[0]: (row[1], row[other]) for rows in parts for row in rows}

    def insert_links(self, rows: Sequence[LinkRow]) -> None:
        """Raises ImpossibleState when a key already belongs to a link or an alias, or the id is taken."""
        kinds = {name: self._own_kind(name) for name in {row.kind for row in rows}}
        self._many(_INSERT, [(row.id, kinds[row.kind], *_changing(row)) for row in rows])
        self._many(_PUT_BASE, [(row.id, row.base) for row in rows if row.base is not None])

    def update_links(self, rows: Sequence[LinkRow]) -> None:
        """Write state, keys, gen, seen, prints, layout, canon and base (None removes it) of existing links.

        `seen` keeps the greater of old and new while the key stays the same; with another key it starts anew.
        Raises ImpossibleState when a link does not exist or a key belongs to another one.
        """
        ordered = sorted(rows, key=lambda row: row.id)
        if self._many(_UPDATE, [(*_changing(row), row.id) for row in ordered]) != len(rows):
            raise self._refuse("a link to update is not in the store")
        self._many(_PUT_BASE, [(row.id, row.base) for row in ordered if row.base is not None])
        self._run_each(_DROP_BASE, [row.id for row in ordered if row.base is None])

    def drop_links(self, ids: Collection[int]) -> None:
        """Forget these half links. Raises ImpossibleState for a link in another state or one that is still needed."""
        if self._run_each(_FREE, ids) != len(set(ids)):
            raise self._refuse("only a half link can be dropped")
        for statement in (_DROP_BASE, _DROP):
            self._run_each(statement, ids)

    def page_links(self, kind: str, after: int, limit: int, states: Collection[LinkState]) -> list[LinkRow]:
        """Links in these states with id above `after`, by id, at most `limit`; base included."""
        parts: list[Iterable[int]] = [
            [id_ for (id_,) in self._all(_PAGE, self._kind(kind), STATES[state], after, limit)]
            for state in sorted(set(states))
        ]
        ids = list(heapq.merge(*parts))[:limit]
        found = self.links_by_id(ids)
        return [found[id_] for id_ in ids]

    def count_links(self, kind: str) -> dict[LinkState, int]:
        """Links per state; every state is named."""
        counts = dict.fromkeys(LinkState, 0)
        counts.update((_STATE_OF[state], count) for state, count in self._all(_COUNT, self._kind(kind)))
        return counts

    def add_aliases(self, kind: str, side: Side, aliases: Mapping[Key, int]) -> None:
        """These keys now lead to these links. The link that had the key must be closed first: ImpossibleState else."""
        kind_, side_ = self._own_kind(kind), SIDES[side]
        self._many(_ADD_ALIAS, [(kind_, side_, key, aliases[key], 1) for key in sorted(aliases)])

    def aliases_of(self, kind: str, links: Collection[int]) -> list[tuple[Side, Key, int]]:
        """Side, key and link of every alias of these links. Reads every key of the kind once."""
        parts = self._each(_ALIASES, links, self._kind(kind))
        return [(side_of(side), key, link_) for rows in parts for side, key, link_ in rows]

    def layout(self, kind: str, units: Sequence[str]) -> int:
        """Number of this order of units for the kind, from 1; registered on first use."""
        kind_, text = self._kind(kind), json.dumps(list(units))
        found = self._layout_number(kind_, text)
        if found is None:
            kind_ = self._own_kind(kind)
            self._all(_LOCK_KIND, kind_)
            self._run(_NEW_LAYOUT, kind_, text, kind_)
            found = self._layout_number(kind_, text)
            assert found is not None
        return found

    def _layout_number(self, kind: int, text: str) -> int | None:
        return next((number_ for number_, units in self._all(_LAYOUTS, kind) if units == text), None)

    def layouts(self, kind: str) -> dict[int, tuple[str, ...]]:
        """Every layout of the kind by number."""
        return {number_: tuple(json.loads(units)) for number_, units in self._all(_LAYOUTS, self._kind(kind))}

    def add_tombstones(self, kind: str, side: Side, keys: Collection[Key], at: float) -> None:
        """These keys ended at that time; one that ended before keeps its first time. Kept for ever."""
        kind_, side_ = self._own_kind(kind), SIDES[side]
        self._many(_ADD_TOMBSTONE, [(kind_, side_, key, at) for key in sorted(set(keys))])

    def tombstones(self, kind: str, side: Side, keys: Collection[Key]) -> set[Key]:
        """Those of the keys that ended."""
        parts = self._each(_TOMBSTONES, keys, self._kind(kind), SIDES[side])
        return {key for rows in parts for (key,) in rows}
