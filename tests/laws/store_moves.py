"""Every method of a transaction with arguments that meet each other, and answers that can be compared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass, replace
from math import inf
from typing import Any

from hypothesis import strategies as st

from connector.errors import ConnectorError
from connector.model.rows import (
    CandidateRow,
    ConflictRow,
    DeadRow,
    HintRow,
    IntentRow,
    IntentState,
    JournalRow,
    LinkRow,
    LinkState,
    RunRow,
)
from connector.model.values import SIDES, Side, Sides, maybe
from connector.ports import Tx

KIND, OTHER = "crm/erp/account", "crm/erp/order"
KINDS = (KIND, OTHER)
IDS = range(1, 7)
KEYS = (*(f"k{number}" for number in IDS), "Z", "é")
TOKENS = ("t1", "t2")
UNITS = ("name", "phone", "*")
RULES = range(2)
PRINTS = (b"", b"\x00p", b"q")
OWNERS = ("one", "two")
TIMES = (0.0, 1.0, 2.5)
WAITS = ("account/left/k1", "account/left/k2")

kinds = st.sampled_from((*(KIND,) * 7, OTHER))
sides = st.sampled_from((*(Side.LEFT,) * 4, Side.RIGHT))
"""Mostly one side of one kind: moves have to meet each other."""
ids = st.sampled_from(IDS)
keys = st.sampled_from(KEYS)
few = st.sampled_from(("k1", "é"))
key_lists = st.lists(few, max_size=3)
versions = st.sampled_from((None, "1", "10", "2", "é"))
times = st.sampled_from(TIMES)
numbers = st.integers(0, 2)
bodies = st.sampled_from((b"", b"\x00body", b"other"))
maybe_bodies = st.none() | bodies
texts = st.sampled_from(("", "some words", "name, phöne"))
limits = st.sampled_from((1, 2, 100))


@st.composite
def link_keys(draw: st.DrawFn, id_: int, state: LinkState) -> Sides[str | None]:
    """Mostly what the state asks for, and mostly the link's own keys; now and then neither."""
    wild = draw(st.integers(0, 19)) == 0
    own = st.just(f"k{id_}")
    some = st.none() | keys | st.just("") if wild else own | own | keys
    left, right = draw(some), draw(some)
    if wild or state is LinkState.LINKED:
        return maybe(left, right)
    lost = draw(st.sampled_from((None, *SIDES)))
    if state is LinkState.HALF:
        lost = lost or Side.RIGHT
    return maybe(left, right) if lost is None else maybe(left, right).with_(lost, None)


@st.composite
def links(draw: st.DrawFn) -> LinkRow:
    id_, state = draw(ids), draw(st.sampled_from((*LinkState, LinkState.LINKED, LinkState.CLOSED)))
    seen, prints = maybe(draw(versions), draw(versions)), maybe(draw(maybe_bodies), draw(maybe_bodies))
    kind = KIND if draw(st.integers(0, 9)) else OTHER
    rest = (draw(numbers), seen, prints, draw(numbers), draw(numbers), draw(maybe_bodies))
    return LinkRow(id_, kind, state, draw(link_keys(id_, state)), *rest)


def _rows(row: st.SearchStrategy[Any], unique: Callable[[Any], Any] | None = None) -> st.SearchStrategy[Any]:
    return st.tuples(st.lists(row, max_size=3, unique_by=unique))


hints = st.builds(
    *(HintRow, kinds, sides, few, versions, texts, times, numbers),
    st.none() | st.sampled_from(WAITS),
    st.sampled_from((0.0, 0.0, 5.0, 7.0)),
)
intents = st.builds(
    *(IntentRow, st.sampled_from(TOKENS), kinds, st.sampled_from((1, 1, 1, 2, 6)), sides),
    st.sampled_from(("create", "create", "create", "update", "delete")),
    *(st.sampled_from((None, "k1", "k2", "k3")), st.none() | texts, bodies, bodies, texts, versions),
    st.sampled_from((*IntentState, IntentState.PLANNED)),
    *(st.sampled_from((None, *TIMES)), st.sampled_from((None, *TIMES)), numbers, numbers),
)
conflicts = st.builds(
    *(ConflictRow, st.sampled_from((1, 1, 1, 2, 6)), st.sampled_from((*UNITS, *UNITS, *UNITS, "")), kinds, texts),
    *(st.builds(maybe, st.sampled_from((None, b"l")), st.sampled_from((b"r", b"r", None))), times),
    *(st.sampled_from((None, *SIDES)), maybe_bodies),
)
dead = st.builds(
    DeadRow, kinds, sides, few, texts, texts, texts, times, numbers, versions, st.none() | ids, maybe_bodies
)
lines = st.builds(
    *(
        JournalRow,
        times,
        st.sampled_from(("run1", "run2")),
        kinds,
        st.none() | ids,
        st.none() | sides,
        st.none() | keys,
    ),
    *(st.sampled_from(("write", "delete", "lost")), texts, texts, texts, maybe_bodies),
)
candidates = st.builds(
    *(CandidateRow, kinds, sides, few, versions, st.lists(st.sampled_from(PRINTS), max_size=2).map(tuple)),
    *(st.none() | few, st.booleans()),
)
runs = st.builds(
    *(RunRow, st.sampled_from(("run1", "run2", "run3")), st.sampled_from(("accounts", "orders")), kinds, times),
    *(st.none() | times, texts, texts, texts),
)
of_side = st.tuples(kinds, sides, key_lists)

MOVES: dict[str, st.SearchStrategy[tuple[Any, ...]]] = {
    "reserve_ids": st.tuples(st.integers(0, 3)),
    "links_by_key": of_side,
    "links_by_id": st.tuples(st.lists(ids, max_size=3)),
    "partners": of_side,
    "insert_links": _rows(links()),
    "update_links": _rows(links(), lambda row: row.id),
    "drop_links": st.tuples(st.lists(st.integers(1, 6), max_size=3)),
    "page_links": st.tuples(kinds, st.integers(0, 4), limits, st.lists(st.sampled_from(LinkState), max_size=4)),
    "count_links": st.tuples(kinds),
    "add_aliases": st.tuples(st.just(KIND), sides, st.dictionaries(keys, ids, max_size=2)),
    "aliases_of": st.tuples(kinds, st.lists(ids, max_size=3)),
    "layout": st.tuples(kinds, st.lists(st.sampled_from(UNITS), max_size=2)),
    "layouts": st.tuples(kinds),
    "add_tombstones": st.tuples(kinds, sides, key_lists, times),
    "tombstones": of_side,
    "count_deletes": st.tuples(kinds, times),
    "cursor": st.tuples(kinds, sides) | st.tuples(kinds, sides, st.just("full")),
    "set_cursor": st.tuples(kinds, sides, st.none() | texts)
    | st.tuples(kinds, sides, st.none() | texts, st.just("full")),
    "put_hints": _rows(hints),
    "due_hints": st.tuples(
        kinds, times, st.just(("", "")) | st.tuples(st.sampled_from(("left", "right")), keys), limits
    ),
    "drop_hints": st.tuples(kinds, sides, key_lists, st.sampled_from((*TIMES, inf)), st.sampled_from((*TIMES, inf)))
    | of_side,
    "release_hints": st.tuples(st.lists(st.sampled_from(WAITS), max_size=2)),
    "hints": st.tuples() | st.tuples(kinds),
    "put_intents": _rows(intents),
    "mark_intents": st.tuples(
        st.sampled_from((["t1"], ["t1"], ["t1"], ["t2"], ["t2", "t1"], ["t1", "t1"], [])),
        st.sampled_from((*IntentState, *(IntentState.SENT,) * 4)),
        st.sampled_from((None, *TIMES, *TIMES)),
    ),
    "drop_intents": st.tuples(st.sampled_from(([], [], ["never"], ["t2"], ["t1", "t2"]))),
    "open_intents": st.tuples(kinds, st.sampled_from(("", "t1")), limits),
    "count_intents": st.tuples() | st.tuples(kinds),
    "put_conflicts": _rows(conflicts),
    "drop_conflicts": st.tuples(st.lists(st.tuples(ids, st.sampled_from(UNITS)), max_size=3)),
    "conflicts": st.tuples(st.none() | kinds, st.none() | st.lists(ids, max_size=3)),
    "choose": st.tuples(ids, st.sampled_from(UNITS), sides),
    "put_dead": _rows(dead),
    "drop_dead": of_side,
    "dead": st.tuples() | st.tuples(kinds),
    "dead_by_key": of_side,
    "append_journal": _rows(lines),
    "journal": st.tuples(st.none() | kinds, st.none() | ids, st.none() | st.sampled_from(("run1", "run2")), limits),
    "expire_bodies": st.tuples(times),
    "put_candidates": _rows(candidates),
    "drop_candidates": of_side,
    "candidates": st.tuples(kinds, sides, st.sampled_from(RULES), st.lists(st.sampled_from(PRINTS), max_size=2)),
    "candidates_by_partner": of_side,
    "candidates_by_key": of_side,
    "page_candidates": st.tuples(kinds, sides, few | st.just(""), limits),
    "put_run": st.tuples(runs),
    "runs": st.tuples(st.none() | st.sampled_from(("accounts", "orders")), limits),
    "add_inbox": st.tuples(sides.map(str), st.sampled_from(("e1", "e2")), bodies, times),
    "take_lease": st.tuples(kinds, st.sampled_from(OWNERS), times, st.sampled_from((0.0, 1.0, 100.0))),
    "drop_lease": st.tuples(kinds, st.sampled_from(OWNERS)),
    "end_lease": st.tuples(kinds),
}


@dataclass(frozen=True, slots=True)
class Move:
    method: str
    args: tuple[Any, ...]


def _with_args(method: str) -> st.SearchStrategy[Move]:
    return st.builds(Move, st.just(method), MOVES[method])


moves = st.one_of(*(_with_args(method) for method in MOVES))
GROUPS = {
    "keys": ("link", "alias", "partners"),
    "marks": ("layout", "tombstone", "cursor"),
    "leases": ("lease",),
    "runs": ("run", "inbox"),
    "hints": ("hint",),
    "intents": ("intent",),
    "conflicts": ("conflict", "choose"),
    "dead letters": ("dead",),
    "journal": ("journal", "deletes", "bodies", "inbox"),
    "candidates": ("candidate",),
}
"""Parts of the names of methods that have to do with each other."""


def of_group(group: str) -> st.SearchStrategy[list[Move]]:
    """Many moves of one group."""
    methods = [method for method in MOVES if any(part in method for part in GROUPS[group])]
    methods += [method for method in methods if method.startswith(("put", "mark"))]
    return st.lists(st.one_of(*(_with_args(method) for method in methods)), min_size=15, max_size=40)


acts = st.tuples(
    st.sampled_from(("close", "open", "take", "take", "lead", "lead", "see")),
    st.integers(1, 3),
    sides,
    st.sampled_from(KEYS[:3]),
    versions,
)
"""What happens to keys: a link ends, lives again, takes a key, a key comes to lead to it, or a version is seen."""


def act_on(row: LinkRow, act: str, side: Side, key: str, version: str | None) -> Move:
    """The act as a move, on a link as it is now."""
    if act == "lead":
        return Move("add_aliases", (row.kind, side, {key: row.id}))
    if act in ("take", "see"):
        keys = row.keys.with_(side, key) if act == "take" else row.keys
        return Move("update_links", ([replace(row, keys=keys, seen=row.seen.with_(side, version))],))
    state = LinkState.CLOSED if act == "close" else LinkState.HELD if None in row.keys else LinkState.LINKED
    return Move("update_links", ([replace(row, state=state)],))


def made(tx: Tx, move: Move) -> Any:
    """The answer, in a form that is the same for every store that keeps the promises; errors are raised."""
    return comparable(move.method, getattr(tx, move.method)(*move.args))


def comparable(method: str, answer: Any) -> Any:
    """Numbers of dead letters and of the journal are the store's own. The order of aliases, of dead letters, and of
    hints of all kinds, is nobody's promise."""
    match method:
        case "journal":
            seen = [row.seq for row in answer]
            assert seen == sorted(set(seen), reverse=True)
            return [_unnumbered(row) for row in answer]
        case "dead":
            assert len({row.id for row in answer}) == len(answer)
            return sorted((_unnumbered(row) for row in answer), key=_place)
        case "dead_by_key":
            return {key: _unnumbered(row) for key, row in answer.items()}
        case "reserve_ids":
            return len(answer)
        case "aliases_of":
            return sorted(answer)
        case "hints":
            return sorted((replace(row) for row in answer), key=_place)
        case _:
            return _copied(answer)


def _place(row: Any) -> tuple[str, ...]:
    return row.kind, row.side, row.key


def _unnumbered(row: Any) -> Any:
    return replace(row, id=None) if isinstance(row, DeadRow) else replace(row, seq=None)


def _copied(answer: Any) -> Any:
    """A copy that does not change with the rows that were handed out."""
    if isinstance(answer, dict):
        return {key: _copied(value) for key, value in answer.items()}
    if isinstance(answer, list):
        return [_copied(value) for value in answer]
    return replace(answer) if is_dataclass(answer) and not isinstance(answer, type) else answer


def spoil(given: Any) -> None:
    """Change every row in here, as a caller may with what is its own."""
    for row in given.values() if isinstance(given, dict) else given if isinstance(given, list | tuple) else ():
        if is_dataclass(row) and not isinstance(row, type):
            for field in fields(row):
                setattr(row, field.name, "spoilt")
        elif isinstance(row, list):
            spoil(row)


def _of_sides(*methods: str) -> list[Move]:
    return [Move(method, (kind, side, KEYS)) for method in methods for kind in KINDS for side in SIDES]


def _of_kinds(*methods: str) -> list[Move]:
    return [Move(method, (kind,)) for method in methods for kind in KINDS]


_LINKS = [
    *_of_sides("links_by_key", "partners"),
    *_of_kinds("count_links"),
    *(Move("aliases_of", (kind, IDS)) for kind in KINDS),
    Move("links_by_id", (IDS,)),
]
_INTENTS = [*_of_kinds("count_intents"), *(Move("open_intents", (kind, "", 100)) for kind in KINDS)]
_CANDIDATES = [
    *_of_sides("candidates_by_key"),
    *(Move("candidates", (KIND, side, rule, PRINTS)) for side in SIDES for rule in RULES),
]
LOOKS = {
    "link": _LINKS,
    "alias": _LINKS,
    "layout": _of_kinds("layouts"),
    "tombstone": _of_sides("tombstones"),
    "cursor": [Move("cursor", (kind, side, feed)) for kind in KINDS for side in SIDES for feed in ("changes", "full")],
    "hint": [Move("hints", ())],
    "intent": _INTENTS,
    "conflict": [Move("conflicts", ())],
    "choose": [Move("conflicts", ())],
    "dead": [Move("dead", ())],
    "journal": [Move("journal", ())],
    "bodies": [Move("journal", ())],
    "candidate": _CANDIDATES,
    "run": [Move("runs", ())],
}
"""What to look at after a move, by a part of its name."""

EVERYTHING = tuple(LOOKS)


def parts_of(asked: list[Move]) -> tuple[str, ...]:
    return tuple(part for part in LOOKS if any(part in move.method for move in asked))


def picture(tx: Tx, parts: tuple[str, ...] = EVERYTHING) -> dict[str, Any]:
    """What the store shows of these parts, by what was asked."""
    asked = {id(look): look for part in parts for look in LOOKS[part]}
    return {f"{move.method}{move.args}": made(tx, move) for move in asked.values()}


def name_of(error: ConnectorError) -> str:
    return type(error).__name__
