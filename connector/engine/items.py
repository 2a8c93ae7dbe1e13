"""Hands the spool's contents out as items, batch by batch: links first, then matched pairs, then single records."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from connector.engine.apply import take_ids
from connector.engine.effects import Effects, look
from connector.engine.item import Item
from connector.engine.lease import fenced
from connector.engine.read import read_keys
from connector.engine.work import Work, links_of, released_by
from connector.model.records import Key, Record
from connector.model.rows import CandidateRow, LinkRow, LinkState
from connector.model.values import SIDES, Side, Sides, only
from connector.ports import Found, Tx

Handler = Callable[[list[Item]], Effects[None]]


def each_batch(work: Work, size: int, handle: Handler, *, dry: bool) -> Effects[None]:
    """Call `handle` with every item of the spool, `size` at a time. dry: ids of new links are made up."""
    after = 0
    while True:
        linked = work.spool.linked(after, size)
        if not linked:
            break
        after = linked[-1][0]
        links = yield from links_of(work, [link for link, _ in linked])
        yield from handle([_linked_item(links[number], both) for number, both in linked])
    after = 0
    while True:
        pairs = work.spool.pairs(after, size)
        if not pairs:
            break
        after = pairs[-1][0].seq
        if not dry:
            yield from take_ids(work, len(pairs))
        yield from handle([_pair_item(work, left, right, dry=dry) for left, right in pairs])
    for side in SIDES:
        after = 0
        while True:
            singles = work.spool.singles(side, after, size)
            if not singles:
                break
            after = singles[-1].seq
            yield from handle([_single_item(side, found) for found in singles])


def _linked_item(link: LinkRow, both: Sides[tuple[Key, Record | None] | None]) -> Item:
    records = both.map(lambda pair: pair[1] if pair is not None else None)
    return Item(link, records, link.keys)


def _pair_item(work: Work, left: Found, right: Found, *, dry: bool) -> Item:
    number = next(work.made_up) if dry else work.ids.pop()
    keys: Sides[Key | None] = Sides(left.record.key, right.record.key)
    link = LinkRow(number, work.spec.kind, LinkState.LINKED, keys, 0, layout=work.layout)
    return Item(link, Sides(left.record, right.record), keys, fresh=True)


def _single_item(side: Side, found: Found) -> Item:
    none: Sides[None] = Sides(None, None)
    return Item(
        None,
        none.with_(side, found.record),  # type: ignore[arg-type]  # widened from None
        none.with_(side, found.record.key),  # type: ignore[arg-type]  # widened from None
        doubt=found.doubt,
        own=found.own,
    )


def recall(work: Work) -> Effects[None]:
    """Read again the unlinked records of earlier runs that share a match print with one of this run.

    So matching sees all that are alike, whenever they came: a partner this sync would not create is found, and nothing
    that fits several is linked or created. What carries a key of ours shows what it was made of.
    """
    yield from _recall_named(work)
    if not work.spec.match:
        return
    kind, rules = work.spec.kind, range(len(work.spec.match))
    work.reviewing = yield from look(lambda tx: any(tx.page_candidates(kind, side, "", 1) for side in SIDES))
    wanted: dict[Side, set[Key]] = {side: set() for side in SIDES}
    for side in SIDES if work.reviewing else ():
        after = 0
        while singles := work.spool.singles(side, after, 500):
            after = singles[-1].seq
            prints = [_prints(work, side, found) for found in singles]
            alike: list[CandidateRow] = yield from look(_alike(kind, [[p[rule] for p in prints] for rule in rules]))
            for row in alike:
                wanted[row.side].add(row.key)
            for found in singles:
                wanted[side].discard(found.record.key)
    for side in SIDES:
        keys = sorted(wanted[side])
        for start in range(0, len(keys), 200):
            yield from read_keys(work, side, keys[start : start + 200])
    yield from _recall_suspects(work)


def _recall_suspects(work: Work) -> Effects[None]:
    """Read whatever else one create without answer may have made, where one such record is here."""
    for side in SIDES:
        here = {source: [found.record.key for found in alike] for source, alike in _suspects(work, side).items()}
        rest: list[Key] = []
        if here:
            rows: list[CandidateRow] = yield from look(_made_of(work.spec.kind, side, sorted(here)))
            rest = [row.key for row in rows if row.partner is not None and row.key not in here[row.partner]]
        if rest:
            yield from read_keys(work, side, rest)


def _doubt_suspects(work: Work) -> None:
    """Of several that one create without answer may have made, none is made a record of: it may be ours (I9).

    Also when what that create was made of has ended. Where people have ended all but one, that one is theirs.
    """
    for side in SIDES:
        for alike in _suspects(work, side).values():
            free = [found.record.key for found in alike if found.doubt is None]
            if len(alike) > 1 and free:
                work.spool.doubt(side, free, f"one of {len(alike)} records that this connection may have made")


def _suspects(work: Work, side: Side) -> dict[Key, list[Found]]:
    """Those that are there, and matched with nothing, by what they may have been made of."""
    found: dict[Key, list[Found]] = {}
    for singles in _pages_of(work, side) if work.suspects else ():
        for single in singles:
            source = work.suspects.get((side, single.record.key))
            if source is not None and single.record.merged_into is None:
                found.setdefault(source, []).append(single)
    return found


def _made_of(kind: str, side: Side, sources: Sequence[Key]) -> Callable[[Tx], list[CandidateRow]]:
    return lambda tx: tx.candidates_by_partner(kind, side, sources)


def _recall_named(work: Work) -> Effects[None]:
    """Read what the unlinked records we made say they were made of, where no link knows that either.

    An older store was put back: its feed is past the one, and told of the other only now. Left for later, when nothing
    tells of this one any more, it would be made again.
    """
    for side in SIDES:
        wanted: set[Key] = set()
        for singles in _pages_of(work, side):
            keys = sorted({found.partner for found in singles if found.own and found.partner is not None})
            known: Mapping[Key, LinkRow] = yield from look(_links_of_keys(work.spec.kind, side.other, keys))
            wanted.update(key for key in keys if key not in known)
        for singles in _pages_of(work, side.other) if wanted else ():
            wanted.difference_update(found.record.key for found in singles)  # what a feed showed stands
        rest = sorted(wanted)
        for start in range(0, len(rest), 200):
            yield from read_keys(work, side.other, rest[start : start + 200])


def _pages_of(work: Work, side: Side) -> Iterator[list[Found]]:
    after = 0
    while singles := work.spool.singles(side, after, 500):
        after = singles[-1].seq
        yield singles


def _links_of_keys(kind: str, side: Side, keys: Sequence[Key]) -> Callable[[Tx], dict[Key, LinkRow]]:
    return lambda tx: tx.links_by_key(kind, side, keys)


def _alike(kind: str, prints: Sequence[Sequence[bytes]]) -> Callable[[Tx], list[CandidateRow]]:
    def find(tx: Tx) -> list[CandidateRow]:
        return [
            row
            for side in SIDES
            for rule, values in enumerate(prints)
            for row in tx.candidates(kind, side, rule, values)
        ]

    return find


def match(work: Work) -> None:
    """Mate unlinked records of both sides: by the key one carries of the other, then rule by rule."""
    _, lone = work.spool.counts()
    if lone.left and lone.right:
        work.spool.match_partners()
        for side in SIDES if work.spec.match else ():
            _print_singles(work, side)
        for rule in range(len(work.spec.match)):
            work.spool.match(rule)
        _match_own(work)
    _doubt_suspects(work)


def _match_own(work: Work) -> None:
    """Mate what we made and no link knows (an older store was put back) with the only record of its name over there.

    Where several could be meant, all of them wait: made again, it would be there twice.
    """
    first = len(work.spec.match)
    for number, side in enumerate(SIDES, first):
        if not work.unlinked_own[side]:
            continue
        for where in SIDES:
            after = 0
            while singles := work.spool.singles(where, after, 500):
                after = singles[-1].seq
                wanted = [found for found in singles if where is not side or (found.own and found.partner is None)]
                empty = (b"",) * number
                prints = [(f.seq, (*empty, work.name_print(work.decode(where, f.record)))) for f in wanted]
                work.spool.add_prints(prints)
        work.spool.match(number)


def _print_singles(work: Work, side: Side) -> None:
    after = 0
    while singles := work.spool.singles(side, after, 500):
        after = singles[-1].seq
        # While a create is open there, what carries a key of ours is that one's: alike or not, it is nobody else's.
        free = [f for f in singles if not (f.own and f.partner is not None and work.open_creates[side])]
        work.spool.add_prints([(f.seq, _prints(work, side, f)) for f in free])


def _prints(work: Work, side: Side, found: Found) -> tuple[bytes, ...]:
    """The prints an unlinked record is matched by: those of its newest version that is known."""
    known = work.outrun.get((side, found.record.key))
    return known if known is not None else work.match_prints(side, work.decode(side, found.record))


def project(work: Work, *, dry: bool) -> Effects[None]:
    """Link records of a projected entity (balance) through the links of the entity they are projected onto."""
    parent = work.spec.entity.projects
    if parent is None:
        return
    for side in SIDES:
        if not any(unit.flow.allows(side.other) for unit in work.spec.units):
            continue
        after = 0
        while singles := work.spool.singles(side, after, 500):
            after = singles[-1].seq
            keys = [found.record.key for found in singles]
            partners, owners = yield from look(_partners(work.spec.kind_of(parent), side, keys))
            own = {key for key, (link, _) in partners.items() if owners[link].keys[side] == key}
            # Two records cannot be projected onto one: the image of a merged record has its figures to itself.
            work.spool.doubt(side, partners.keys() - own, f"its {parent} was merged into another one")
            ready = {key: other for key, (_, other) in partners.items() if other is not None and key in own}
            if not ready:
                continue
            links = yield from _project(work, side, ready, dry=dry)
            work.spool.promote(side, links)


Owned = tuple[Mapping[Key, tuple[int, Key | None]], Mapping[int, LinkRow]]


def _partners(kind: str, side: Side, keys: Sequence[Key]) -> Callable[[Tx], Owned]:
    """Partners of these keys, and the links that say so: in one look, the sync of the other entity goes on beside."""

    def find(tx: Tx) -> Owned:
        partners = tx.partners(kind, side, keys)
        return partners, tx.links_by_id([link for link, _ in partners.values()])

    return find


def _project(work: Work, side: Side, ready: Mapping[Key, Key], *, dry: bool) -> Effects[dict[Key, tuple[int, Key]]]:
    if dry:
        work.ids.extend(next(work.made_up) for _ in ready)
    else:
        yield from take_ids(work, len(ready))
    rows = []
    links: dict[Key, tuple[int, Key]] = {}
    for key, other in ready.items():
        number = work.ids.pop()
        keys = only(side, key).with_(side.other, other)
        rows.append(LinkRow(number, work.spec.kind, LinkState.LINKED, keys, 0, layout=work.layout))
        links[key] = (number, other)
    if dry:
        work.made.update({row.id: row for row in rows})
    else:
        yield from fenced(work, lambda tx: _insert(tx, rows))
    return links


def _insert(tx: Tx, rows: Sequence[LinkRow]) -> None:
    tx.insert_links(rows)
    tx.release_hints(released_by(rows))
