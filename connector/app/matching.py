"""First link: which records of both sides are the same thing. Proposes pairs for review and carries decisions out."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from connector.app.core import App
from connector.app.links import closed_link
from connector.app.live import label
from connector.clock import new_id
from connector.config import SyncConfig
from connector.engine.shape import Shape
from connector.engine.spec import SyncSpec
from connector.engine.work import plain
from connector.errors import ConfigError
from connector.mapping.located import listed, nearest
from connector.model.entities import FieldType
from connector.model.records import Key, Page
from connector.model.rows import HintRow, JournalRow, LinkRow, LinkState
from connector.model.values import Side, Sides
from connector.ports import Tx

LINK = "link"
APART = "keep-apart"
DECISIONS = (LINK, APART)
NEAR = 88.0
"""Score of two names from which they are shown to a person."""
BLOCK = 400
"""Names with one beginning compared with each other at most; beyond that only equal values are found."""

COLUMNS = ("left", "right", "rule", "score", "decision")


@dataclass(slots=True)
class Unlinked:
    """One record without a link. matches: one text per rule, empty where a field of the rule is."""

    key: Key
    label: str
    name: str
    matches: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Candidate:
    """Two records that may be the same. rule: what they share. decision: `link` where there is no doubt, else empty."""

    left: Key
    right: Key
    rule: str
    score: int
    decision: str
    labels: Sides[str]


@dataclass(slots=True)
class Matched:
    """What `match` found. alone: records per side that no candidate names."""

    sync: str
    systems: Sides[str]
    candidates: list[Candidate] = field(default_factory=list)
    unlinked: Sides[int] = field(default_factory=lambda: Sides(0, 0))
    alone: Sides[int] = field(default_factory=lambda: Sides(0, 0))


@dataclass(slots=True)
class Decided:
    """What reading a reviewed file did."""

    sync: str
    linked: int = 0
    apart: int = 0
    undecided: int = 0


# ------------------------------------------------------------------------------------------------- proposing


def propose(app: App, name: str) -> Matched:
    """Candidate pairs among the records that have no link yet: exact ones by each rule first, then near names.

    Reads both sides fully and writes nothing. Holds keys, labels and match values of unlinked records in memory.
    """
    sync, spec = app.sync_config(name), app.spec(name)
    if sync.entity.projects is not None:
        raise ConfigError(f"Sync `{name}` follows the links of `{sync.entity.projects}`; there is nothing to match.")
    both = Sides([*_unlinked(app, sync, spec, Side.LEFT)], [*_unlinked(app, sync, spec, Side.RIGHT)])
    found = Matched(name, sync.between, unlinked=both.map(len))
    left, right = ({record.key: record for record in records} for records in both)
    for number, rule in enumerate(sync.match):
        found.candidates += _exact(number, " + ".join(rule), left, right)
    found.candidates += _near(left, right)
    named = Sides({c.left for c in found.candidates}, {c.right for c in found.candidates})
    found.alone = Sides(len(both.left) - len(named.left), len(both.right) - len(named.right))
    return found


def _unlinked(app: App, sync: SyncConfig, spec: SyncSpec, side: Side) -> Iterator[Unlinked]:
    mapping = spec.systems[side].mapping
    first = next((n for n in sync.entity.label if sync.entity.fields[n].type is FieldType.TEXT), None)
    for page in _pages(app, sync, spec, side):
        with app.look() as tx:
            known = tx.links_by_key(spec.kind, side, [record.key for record in page.records])
        for record in page.records:
            if record.key in known or record.fields is None or record.deleted or record.merged_into:
                continue
            decoded = mapping.decode(record.fields)
            if decoded.in_scope:
                values = decoded.values
                parts = [[plain(values.get(name)) for name in rule] for rule in sync.match]
                matches = tuple("\x1f".join(texts) if all(texts) else "" for texts in parts)
                name = str(values.get(first) or "") if first else ""
                yield Unlinked(record.key, label(sync.entity, [values]), name, matches)


def _pages(app: App, sync: SyncConfig, spec: SyncSpec, side: Side) -> Iterator[Page]:
    adapter = app.adapter(sync.between[side], read_only=True)
    cursor, done = None, 0
    while True:
        page = adapter.scan(spec.systems[side].object, cursor)
        yield page
        done += len(page.records)
        app.tell(f"read {sync.between[side]}", done, None)
        cursor = page.cursor
        if not page.more:
            return


def _exact(number: int, rule: str, left: dict[Key, Unlinked], right: dict[Key, Unlinked]) -> Iterator[Candidate]:
    """Equal values of one rule. A pair that is the only one is settled; of several a person chooses."""
    groups: Sides[dict[str, list[Unlinked]]] = Sides(defaultdict(list), defaultdict(list))
    for side, records in ((Side.LEFT, left), (Side.RIGHT, right)):
        for record in records.values():
            if record.matches[number]:
                groups[side][record.matches[number]].append(record)
    for text, ours in groups.left.items():
        theirs = groups.right.get(text, [])
        only = len(ours) == len(theirs) == 1
        for one in ours:
            for other in theirs:
                yield Candidate(one.key, other.key, rule, 100, LINK if only else "", Sides(one.label, other.label))
        if theirs:
            for record in ours:
                left.pop(record.key)
            for record in theirs:
                right.pop(record.key)


def _near(left: Mapping[Key, Unlinked], right: Mapping[Key, Unlinked]) -> Iterator[Candidate]:
    """Names that are alike, compared where they begin alike; never settled without a person."""
    from rapidfuzz import fuzz, process

    blocks: dict[str, dict[Key, str]] = defaultdict(dict)
    for record in right.values():
        if record.name:
            blocks[plain(record.name)[:2]][record.key] = record.name.casefold()
    for record in left.values():
        block = blocks.get(plain(record.name)[:2], {}) if record.name else {}
        if 0 < len(block) <= BLOCK:
            best = process.extract(
                record.name.casefold(), block, scorer=fuzz.token_sort_ratio, score_cutoff=NEAR, limit=3
            )
            for _, score, key in best:
                yield Candidate(record.key, key, "name alike", int(score), "", Sides(record.label, right[key].label))


def write_review(path: str | Path, found: Matched) -> None:
    """The candidates as CSV: keys, rule, score and a column for the decision. No name of a record is in it."""
    try:
        with Path(path).open("x", encoding="utf-8", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(COLUMNS)
            rows.writerows((c.left, c.right, c.rule, c.score, c.decision) for c in found.candidates)
    except FileExistsError:
        raise ConfigError(f"{path} is there already; name another file, or move your review away.") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {(error.strerror or 'refused').lower()}.") from None


# -------------------------------------------------------------------------------------------------- deciding


def decide(app: App, name: str, path: str | Path) -> Decided:
    """Carry out a reviewed file: `link` rows become links, `keep-apart` rows are left alone by the sync for good.

    Rows without a decision stay as they are. Raises ConfigError, with the line, before anything is stored.
    """
    sync, spec = app.sync_config(name), app.spec(name)
    rows = list(_read(Path(path)))
    wanted = {decision: [(left, right) for left, right, d in rows if d == decision] for decision in DECISIONS}
    _check_once(Path(path), wanted[LINK])
    _check_there(app, sync, spec, wanted[LINK])
    decided = Decided(name, undecided=len(rows) - sum(len(pairs) for pairs in wanted.values()))
    with app.store.begin() as tx:
        links = _new_links(app, tx, spec, wanted[LINK])
        apart = _new_apart(tx, spec, wanted[APART], links)
        layout = tx.layout(spec.kind, Shape(spec, app.vault).layout)
        ids = iter(tx.reserve_ids(len(links) + len(apart))) if links or apart else iter(())
        for row in (*links, *apart):
            row.id, row.layout = next(ids), layout
        tx.insert_links([*links, *(closed_link(row) for row in apart)])
        _settle(app, tx, spec, links, apart)
    decided.linked, decided.apart = len(links), len(apart)
    return decided


def _new_links(app: App, tx: Tx, spec: SyncSpec, pairs: list[tuple[Key, Key]]) -> list[LinkRow]:
    """Links for pairs that have none; a pair that is linked already is done."""
    left = tx.links_by_key(spec.kind, Side.LEFT, [pair[0] for pair in pairs])
    right = tx.links_by_key(spec.kind, Side.RIGHT, [pair[1] for pair in pairs])
    found = []
    for one, other in pairs:
        mine, yours = left.get(one), right.get(other)
        if mine is None and yours is None:
            found.append(LinkRow(0, spec.kind, LinkState.LINKED, Sides(one, other)))
        elif mine is None or yours is None or mine.id != yours.id:
            taken = spec.names.left if mine is not None else spec.names.right
            key = one if mine is not None else other
            raise ConfigError(f"{key} in {taken} is linked to another record; end that link first (`connector links`).")
    return found


def _new_apart(tx: Tx, spec: SyncSpec, pairs: list[tuple[Key, Key]], links: list[LinkRow]) -> list[LinkRow]:
    """One ended link per record that has none, so that nothing ever takes it for something else."""
    found = []
    nobody: Sides[Key | None] = Sides(None, None)
    for side in Side:
        keys = list(dict.fromkeys(pair[0 if side is Side.LEFT else 1] for pair in pairs))
        known = {*tx.links_by_key(spec.kind, side, keys), *(row.keys[side] for row in links)}
        for key in keys:
            if key not in known:
                found.append(LinkRow(0, spec.kind, LinkState.CLOSED, nobody.with_(side, key)))
    return found


def _settle(app: App, tx: Tx, spec: SyncSpec, links: list[LinkRow], apart: list[LinkRow]) -> None:
    now, run = app.clock.now(), new_id()
    for side in Side:
        keys = [key for row in (*links, *apart) if (key := row.keys[side]) is not None]
        tx.drop_candidates(spec.kind, side, keys)
        tx.drop_dead(spec.kind, side, keys)
    tx.put_hints([HintRow(spec.kind, Side.LEFT, str(row.keys.left), None, "matched", now, first=now) for row in links])
    events = [*((row, "linked") for row in links), *((row, "kept apart") for row in apart)]
    tx.append_journal(
        [
            JournalRow(now, run, row.kind, row.id, None, row.keys.left, event, "match review", "", str(row.keys.right))
            for row, event in events
        ]
    )


def _read(path: Path) -> Iterator[tuple[Key, Key, str]]:
    try:
        text = path.read_text("utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(f"There is no {path}. Write one with `connector match SYNC --out {path}`.") from None
    except (OSError, UnicodeError) as error:
        reason = (getattr(error, "strerror", None) or "it is not plain UTF-8 text").lower()
        raise ConfigError(f"{path} cannot be read: {reason}.") from None
    lines = text.splitlines()
    rows = csv.DictReader(lines, delimiter=";" if lines and ";" in lines[0] else ",")  # as spreadsheets save it
    missing = [name for name in ("left", "right", "decision") if name not in (rows.fieldnames or ())]
    if missing:
        raise ConfigError(
            f"{path}:1 has no column {listed(missing)}; keep the first line as `connector match` wrote it."
        )
    for number, row in enumerate(rows, 2):
        left, right, decision = (str(row.get(name) or "").strip() for name in ("left", "right", "decision"))
        if decision and decision not in DECISIONS:
            near = nearest(decision, DECISIONS)
            hint = f" - did you mean `{near}`?" if near else ""
            raise ConfigError(f"{path}:{number}: found `{decision}`, expected {listed(DECISIONS)} or nothing{hint}")
        if decision and not (left and right):
            raise ConfigError(f"{path}:{number}: a decision needs both keys.")
        yield left, right, decision


def _check_once(path: Path, pairs: list[tuple[Key, Key]]) -> None:
    for place, column in ((0, "left"), (1, "right")):
        seen: set[Key] = set()
        for pair in dict.fromkeys(pairs):
            if pair[place] in seen:
                raise ConfigError(f"{path}: {column} {pair[place]} is to be linked twice; keep one of the rows.")
            seen.add(pair[place])


def _check_there(app: App, sync: SyncConfig, spec: SyncSpec, pairs: Iterable[tuple[Key, Key]]) -> None:
    """Both records of a link must be there: a mistyped key must not become one."""
    pairs = list(pairs)
    for side in Side:
        keys = list(dict.fromkeys(pair[0 if side is Side.LEFT else 1] for pair in pairs))
        if not keys:
            continue
        adapter = app.adapter(sync.between[side], read_only=True)
        records = adapter.read(spec.systems[side].object, keys)
        gone = [k for k in keys if k not in records or records[k].deleted or records[k].merged_into]
        if gone:
            raise ConfigError(f"{sync.between[side]} has no {sync.entity.name} {listed(gone)}; correct the file.")
