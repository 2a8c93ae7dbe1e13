"""The part of a transaction in memory that knows which keys belong together."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from connector.model.records import Key, Version
from connector.model.rows import LinkRow, LinkState
from connector.model.values import SIDES, Side, Sides
from connector.testing.store_tables import Owner, Place, Session, copier

_like = copier(LinkRow)


def greater(old: Version | None, new: Version | None) -> Version | None:
    """The greater of two versions; None knows nothing."""
    return old if new is None or (old is not None and old > new) else new


def flaw(row: LinkRow) -> str | None:
    """What makes this link one that cannot be."""
    left, right = row.keys.left, row.keys.right
    if left == "" or right == "":
        return "a key is empty"
    count = (left is not None) + (right is not None)
    if row.state is LinkState.HALF and count != 1:
        return "a half link has one key"
    if row.state is LinkState.LINKED and count != 2:
        return "a linked link has both keys"
    if row.state is LinkState.HELD and count == 0:
        return "a held link has a key"
    return None


class Links(Session):
    """Links, their bases and aliases, layouts and tombstones; see `ports.Tx`."""

    __slots__ = ()

    def reserve_ids(self, count: int) -> range:
        end = self._number("link", count)
        return range(end - count + 1, end + 1)

    def links_by_key(self, kind: str, side: Side, keys: Collection[Key]) -> dict[Key, LinkRow]:
        owners, links = self._now.owners, self._now.links
        found: dict[Key, LinkRow] = {}
        given: dict[int, LinkRow] = {}
        for key in keys:
            owner = owners.get((kind, side, key))
            if owner is not None:
                row = given.get(owner.link)
                if row is None:
                    row = given[owner.link] = _like(links[owner.link])
                found[key] = row
        return found

    def links_by_id(self, ids: Collection[int]) -> dict[int, LinkRow]:
        links = self._now.links
        return {id_: _like(links[id_]) for id_ in ids if id_ in links}

    def partners(self, kind: str, side: Side, keys: Collection[Key]) -> dict[Key, tuple[int, Key | None]]:
        owners, links, other = self._now.owners, self._now.links, side.other
        found: dict[Key, tuple[int, Key | None]] = {}
        for key in keys:
            owner = owners.get((kind, side, key))
            if owner is not None and links[owner.link].state is not LinkState.CLOSED:
                found[key] = (owner.link, links[owner.link].keys[other])
        return found

    def insert_links(self, rows: Sequence[LinkRow]) -> None:
        if not rows:
            return
        links: dict[int, LinkRow] = self._own("links")
        for row in rows:
            if row.id in links:
                raise self._refuse(f"link {row.id} is there already")
            links[row.id] = _like(row)
            self._take_keys(row, row.kind, Sides(None, None))

    def update_links(self, rows: Sequence[LinkRow]) -> None:
        if not rows:
            return
        links: dict[int, LinkRow] = self._own("links")
        for row in sorted(rows, key=lambda row: row.id):
            old = links.get(row.id)
            if old is None:
                raise self._refuse(f"link {row.id} to update is not in the store")
            left, right = row.seen.left, row.seen.right
            if row.keys.left == old.keys.left:
                left = greater(old.seen.left, left)
            if row.keys.right == old.keys.right:
                right = greater(old.seen.right, right)
            made = _like(row)
            made.kind, made.seen = old.kind, Sides(left, right)
            links[row.id] = made
            if made.keys != old.keys or made.state is not old.state:
                self._take_keys(made, old.kind, old.keys)

    def _take_keys(self, row: LinkRow, kind: str, old: Sides[Key | None]) -> None:
        """Give up the keys the link had, take those it has now. A live link has its keys; a closed one may have lost
        them to an alias meanwhile."""
        reason = flaw(row)
        if reason is not None:
            raise self._refuse(f"link {row.id}: {reason}")
        owners: dict[Place, Owner] = self._own("owners")
        for side in SIDES:
            before, key = old[side], row.keys[side]
            if before is not None and before != key and owners.get((kind, side, before)) == (row.id, False):
                del owners[kind, side, before]
            if key is None or (row.state is LinkState.CLOSED and before == key):
                continue
            owner = owners.get((kind, side, key))
            if owner is not None and owner.link != row.id:
                raise self._refuse(f"the {side} key of link {row.id} belongs to link {owner.link}")
            owners[kind, side, key] = Owner(row.id, False)

    def drop_links(self, ids: Collection[int]) -> None:
        links: dict[int, LinkRow] = self._own("links")
        owners: dict[Place, Owner] = self._own("owners")
        gone = set(ids)
        if any(id_ not in links or links[id_].state is not LinkState.HALF for id_ in gone):
            raise self._refuse("only a half link can be dropped")
        named = {row.link for row in self._now.intents.values()} | {row.link for row in self._now.conflicts.values()}
        if named & gone:
            raise self._refuse("a half link to drop is still named by an intent or a conflict")
        for place in [place for place, owner in owners.items() if owner.link in gone]:
            del owners[place]
        for id_ in gone:
            del links[id_]

    def page_links(self, kind: str, after: int, limit: int, states: Collection[LinkState]) -> list[LinkRow]:
        links = self._now.links
        ids = sorted(id_ for id_, row in links.items() if id_ > after and row.kind == kind and row.state in states)
        return [_like(links[id_]) for id_ in ids[:limit]]

    def count_links(self, kind: str) -> dict[LinkState, int]:
        counts = dict.fromkeys(LinkState, 0)
        for row in self._now.links.values():
            if row.kind == kind:
                counts[row.state] += 1
        return counts

    # aliases
    def add_aliases(self, kind: str, side: Side, aliases: Mapping[Key, int]) -> None:
        if not aliases:
            return
        owners: dict[Place, Owner] = self._own("owners")
        links = self._now.links
        for key, link in sorted(aliases.items()):
            if link not in links:
                raise self._refuse(f"an alias of link {link}, which is not in the store")
            owner = owners.get((kind, side, key))
            if owner == (link, False):
                continue  # a link's own key leads to it as it is
            if owner is not None and not owner.alias and links[owner.link].state is not LinkState.CLOSED:
                raise self._refuse(f"the {side} key of live link {owner.link} cannot become an alias")
            owners[kind, side, key] = Owner(link, True)

    def aliases_of(self, kind: str, links: Collection[int]) -> list[tuple[Side, Key, int]]:
        wanted = set(links)
        return [
            (side, key, owner.link)
            for (of, side, key), owner in self._now.owners.items()
            if owner.alias and of == kind and owner.link in wanted
        ]

    # layouts
    def layout(self, kind: str, units: Sequence[str]) -> int:
        wanted, known = tuple(units), self._now.layouts.get(kind, ())
        if wanted in known:
            return known.index(wanted) + 1
        self._own("layouts")[kind] = (*known, wanted)
        return len(known) + 1

    def layouts(self, kind: str) -> dict[int, tuple[str, ...]]:
        return dict(enumerate(self._now.layouts.get(kind, ()), start=1))

    # tombstones
    def add_tombstones(self, kind: str, side: Side, keys: Collection[Key], at: float) -> None:
        if keys:
            tombstones: dict[Place, float] = self._own("tombstones")
            for key in keys:
                tombstones.setdefault((kind, side, key), at)

    def tombstones(self, kind: str, side: Side, keys: Collection[Key]) -> set[Key]:
        known = self._now.tombstones
        return {key for key in keys if (kind, side, key) in known}
