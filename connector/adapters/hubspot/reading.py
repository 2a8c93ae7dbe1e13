"""How one object is listed and read. Contract: sections 3.5 and 3.6.

Search only says which records may have changed: it lags, and what it shows may be old. What a record holds is always
read from the record itself.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from connector.adapters.hubspot.client import BATCH, SEARCH
from connector.adapters.hubspot.feed import START, Walk, read_cursor
from connector.adapters.hubspot.kinds import LINE, LINES, Kind, is_key
from connector.adapters.hubspot.lines import LineReader
from connector.adapters.hubspot.pipelines import Pipelines
from connector.adapters.hubspot.properties import millis, shown, stamp_of, stamp_text
from connector.adapters.hubspot.references import References, keys_of
from connector.adapters.hubspot.wire import WireObject, WireProperty
from connector.model.records import Key, Page, Record
from connector.rest.paging import chunks

if TYPE_CHECKING:
    from connector.adapters.hubspot import HubSpotSettings
    from connector.adapters.hubspot.client import HubSpotClient

MERGED = "hs_merged_object_ids"
NAMES = 7500
"""Letters of property names, escaped, that an address holds beside the rest: beyond 8,000 HubSpot answers 414."""
HOUR = 3_600_000


class Reader:
    """Records of one kind. known: the properties they show. currency: the account's."""

    def __init__(
        self,
        client: HubSpotClient,
        kind: Kind,
        known: Mapping[str, WireProperty],
        references: References,
        lines: LineReader | None,
        pipelines: Pipelines | None,
        currency: str | None,
        settings: HubSpotSettings,
    ) -> None:
        self._client = client
        self._settings = settings
        self.kind = kind
        self.known = known
        self.references = references
        self.lines = lines
        self.pipelines = pipelines
        self.currency = currency
        self._names = list(dict.fromkeys([*known, kind.stamp, *([MERGED] if kind.merges else [])]))
        self._fits = len(quote(",".join(self._names), safe="")) <= NAMES

    # ------------------------------------------------------------------------------------------------- listing

    def changes(self, cursor: str | None) -> Page:
        """See feed.py. Oldest first within a page; across pages by id, the one order of search that has no end."""
        walk = read_cursor(cursor).begun(int(self._client.now() * 1000), int(self._settings.search_lag * 1000))
        records: dict[Key, Record] = {}
        while True:
            found, walk, more = self._part(walk)
            for record in found:
                records.setdefault(record.key, record)
            if more:
                return Page(list(records.values()), str(walk), True)
            following = self._following(walk)
            if following is None:
                return Page(list(records.values()), str(walk.rest()), False)
            walk = walk.next(following)

    def scan(self, cursor: str | None) -> Page:
        """Live records in the order of ids, from the plain list."""
        rows, after = self._listed(cursor)
        return Page(self._records(rows), after, after is not None)

    def _part(self, walk: Walk) -> tuple[Sequence[Record], Walk, bool]:
        """A page of the part the walk is in, the walk behind it, and whether the part has another page."""
        if walk.part == "gone":
            return self._gone(walk)
        if walk.part in ("own", "lines"):
            return self._window(walk)
        rows, after = self._listed(None if walk.after == START else walk.after)
        if walk.part == "swept":  # what changed by itself was told before
            rows = [row for row in rows if self._stamp(row) < self._from(walk)]
        return self._records(rows), walk.behind(after or START), after is not None

    def _following(self, walk: Walk) -> str | None:
        """The next part of this pass."""
        parts = ("own", "lines", "swept", "gone")
        has = {
            "lines": self.lines is not None,
            "swept": (self.lines is not None or bool(self.references.own))
            and walk.until - walk.swept >= self._settings.sweep_every * HOUR,
            "gone": walk.until - walk.gone >= self._settings.archived_every * HOUR,
        }
        rest = parts[parts.index(walk.part) + 1 :] if walk.part in parts else ()
        return next((part for part in rest if has[part]), None)

    def _window(self, walk: Walk) -> tuple[Sequence[Record], Walk, bool]:
        """What search shows as changed in the window, or whose lines it does."""
        kind = self.kind if walk.part == "own" else LINE
        filters = [
            {"propertyName": kind.stamp, "operator": "GTE", "value": str(self._from(walk))},
            {"propertyName": kind.stamp, "operator": "LT", "value": str(walk.until)},
        ]
        hits = self._client.search(kind.name, filters, int(walk.after), [kind.stamp])
        stamps = [stamp for hit in hits if (stamp := stamp_of(hit.properties, kind.stamp)) is not None]
        keys = [hit.id for hit in hits]
        if walk.part == "own":
            records = self._told(self._rows(keys))
        else:
            assert self.lines is not None
            rows = self._rows(self.lines.documents(keys)) if keys else []
            records = self._records([row for row in rows if self._stamp(row) < self._from(walk)])
        met = [stamp for stamp in stamps if stamp < walk.until]
        return records, walk.behind(keys[-1] if keys else START, met), len(hits) == SEARCH

    def _from(self, walk: Walk) -> int:
        return max(0, walk.since - int(self._settings.look_back * 1000))

    def _told(self, rows: Sequence[WireObject]) -> list[Record]:
        """Oldest first; before a survivor the records that were merged into it."""
        records: list[Record] = []
        for record, row in sorted(
            zip(self._records(rows), rows, strict=True), key=lambda one: (self._stamp(one[1]), int(one[1].id))
        ):
            records += [_merged(key, record) for key in merged_into(row) if key != record.key]
            records.append(record)
        return records

    def _gone(self, walk: Walk) -> tuple[Sequence[Record], Walk, bool]:
        """Of the recycle bin what came into it since this was last asked; it knows no order by time."""
        page = self._client.page(
            self.kind.name, ["hs_object_id"], None if walk.after == START else walk.after, gone=True
        )
        first = walk.gone - int(self._settings.look_back * 1000)
        fresh = [row for row in page.results if row.removed is None or millis(row.removed) >= first]
        return [deleted(row) for row in fresh], walk.behind(page.after or START), page.after is not None

    def _listed(self, after: str | None) -> tuple[Sequence[WireObject], str | None]:
        """A page of the plain list, whole."""
        page = self._client.page(self.kind.name, self._names if self._fits else ["hs_object_id"], after)
        rows = page.results if self._fits else self._rows([row.id for row in page.results])
        return rows, page.after

    # ------------------------------------------------------------------------------------------------- reading

    def read(self, keys: Sequence[Key]) -> Mapping[Key, Record]:
        """Fresh. What is not there is looked for in the recycle bin, and where its id leads to if it was merged."""
        found: dict[Key, Record] = {}
        for part in chunks([key for key in dict.fromkeys(keys) if key and is_key(key)], BATCH):
            rows = [row for row in self._client.read(self.kind.name, part, self._names) if row.id in part]
            found.update((record.key, record) for record in self._records(rows))
            missing = [key for key in part if key not in found]
            found.update(self._missing(missing) if missing else {})
        return found

    def by(self, name: str, values: Sequence[str]) -> list[Record]:
        """Live records by a unique property: from the records themselves, not from search."""
        rows: list[WireObject] = []
        for part in chunks(list(dict.fromkeys(values)), BATCH):
            rows += self._client.read(self.kind.name, part, self._names, by=name)
        return self._records([row for row in rows if not row.gone])

    def fresh(self, keys: Iterable[Key]) -> list[Record]:
        """Those of these records that are live, as they are now."""
        return self._records(self._rows(list(keys)))

    def _missing(self, keys: Sequence[Key]) -> dict[Key, Record]:
        rows = self._client.read(self.kind.name, keys, ["hs_object_id"], gone=True)
        found = {row.id: deleted(row) for row in rows if row.id in keys}
        for key in keys:
            if key not in found and (row := self._client.one(self.kind.name, key)) is not None and row.id != key:
                found[key] = Record(key, f"merged-{row.id}", None, row.updated, merged_into=row.id)
        return found

    def _rows(self, keys: Sequence[Key]) -> list[WireObject]:
        """These rows as they are now, in this order; those that are not there are left out."""
        rows: dict[Key, WireObject] = {}
        for part in chunks(keys, BATCH):
            rows.update((row.id, row) for row in self._client.read(self.kind.name, part, self._names))
        return [rows[key] for key in keys if key in rows]

    def _records(self, rows: Sequence[WireObject]) -> list[Record]:
        """These rows, with what belongs to them."""
        keys = [row.id for row in rows]
        linked = self.references.of(keys) if keys else {}
        lines = self.lines.of(keys) if self.lines is not None and keys else {}
        records = []
        for row in rows:
            fields = {**shown(self.known, row.properties), **keys_of(linked[row.id], list(self.references.own))}
            if self.kind.currency is not None and fields.get(self.kind.currency) is None:
                fields[self.kind.currency] = self.currency
            if self.pipelines is not None:
                fields.update(self.pipelines.shown(fields))
            if self.lines is not None:
                fields[LINES] = lines[row.id]
            version = f"{stamp_text(row.updated)}-{self._digest(fields)}"
            records.append(Record(row.id, version, fields, row.updated, created=row.created))
        return records

    def _digest(self, fields: Mapping[str, Any]) -> str:
        """Of all that is shown but what HubSpot computes: some of that moves with the clock alone."""
        settled = {name: value for name, value in fields.items() if not self._is_computed(self.known, name)}
        if self.lines is not None:
            known = self.lines.known
            settled[LINES] = [
                {name: value for name, value in line.items() if not self._is_computed(known, name)}
                for line in fields[LINES]
            ]
        text = json.dumps(settled, sort_keys=True, separators=(",", ":"))
        return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()

    def _is_computed(self, known: Mapping[str, WireProperty], name: str) -> bool:
        one = known.get(name)
        return one is not None and one.calculated

    def _stamp(self, row: WireObject) -> int:
        stamp = stamp_of(row.properties, self.kind.stamp)
        return millis(row.updated) if stamp is None else stamp


def deleted(row: WireObject) -> Record:
    at = row.removed or row.updated
    return Record(row.id, f"deleted-{stamp_text(at)}", None, at, deleted=True)


def merged_into(row: WireObject) -> list[str]:
    """The ids that this record has taken over."""
    return [key for key in (row.properties.get(MERGED) or "").split(";") if key and is_key(key)]


def _merged(key: Key, survivor: Record) -> Record:
    return Record(key, f"merged-{survivor.key}", None, survivor.modified, merged_into=survivor.key)
