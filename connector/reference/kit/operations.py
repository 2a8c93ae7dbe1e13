"""What can be done to one record inside a transaction: create, update, delete, merge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from connector.reference.kit.objects import Field, Fields, ObjectType
from connector.reference.kit.problems import ServiceError, conflict, invalid, malformed, unknown
from connector.reference.kit.records import DELETED, MERGED, Record
from connector.reference.kit.tx import Tx
from connector.reference.kit.values import check_required, clean, clean_lines, scale


def find_record(tx: Tx, kind: ObjectType, key: Any) -> Record:
    """The live record. Raises ServiceError 404, or 410 when it was deleted or merged."""
    n = kind.number(key)
    record = None if n is None else tx.get(kind, n)
    if record is None:
        raise unknown(kind.name, str(key)[:80])
    return must_live(record)


def must_live(record: Record) -> Record:
    """Raises ServiceError 410 for a record that was deleted or merged."""
    if record.live:
        return record
    became = f"was merged into {record.merged_into}" if record.merged_into else "was deleted"
    code = "merged" if record.merged_into else "deleted"
    raise ServiceError(410, code, f"{record.type.name} {record.id} {became}.", record=record)


def check_version(record: Record, version: int | None) -> None:
    """Raises ServiceError 412 with the current record when it moved."""
    if version is not None and record.version != version:
        message = f"{record.type.name} {record.id} is at version {record.version}, not {version}: read it again."
        raise ServiceError(412, "version", message, record=record)


def create(tx: Tx, kind: ObjectType, given: Any) -> Record:
    """A new record of a user. Raises ServiceError 409 or 422."""
    if not kind.creatable:
        raise conflict("not_creatable", f"{kind.name} are made by the application only.")
    return insert(tx, kind, clean(kind, given), user=True)


def insert(tx: Tx, kind: ObjectType, changes: Fields, *, user: bool = False) -> Record:
    """A new record from clean fields; `user` runs the checks that bind people but not the application."""
    kind.rules.prepare(tx, changes)
    after, last_line = _apply(tx, kind, kind.blank, changes, 0)
    check_required(kind, after)
    kind.rules.derive(tx, None, after)
    if user:
        kind.rules.check(tx, None, after)
    return kind.rules.saved(tx, None, tx.create(kind, after, last_line))


def update(tx: Tx, kind: ObjectType, key: Any, given: Any, version: int | None = None) -> Record:
    """The record with the given fields; the same record when nothing differs. Raises ServiceError 404-422."""
    record = find_record(tx, kind, key)
    check_version(record, version)
    if kind.read_only:
        raise conflict("read_only", f"{kind.name} are kept by the application only.")
    return revise(tx, record, clean(kind, given), user=True)


def revise(tx: Tx, record: Record, changes: Fields, *, user: bool = False) -> Record:
    """The record with clean fields; no new version when nothing differs."""
    kind = record.type
    after, last_line = _apply(tx, kind, record.fields, changes, record.last_line)
    kind.rules.derive(tx, record, after)
    if after == record.fields:
        return record
    if user:
        kind.rules.check(tx, record, after)
    return kind.rules.saved(tx, record, tx.change(record, fields=after, last_line=last_line))


def _apply(tx: Tx, kind: ObjectType, before: Fields, changes: Fields, last_line: int) -> tuple[Fields, int]:
    after = {**before, **changes}
    if "lines" in changes:
        after["lines"], last_line = clean_lines(kind, before["lines"], changes["lines"], last_line)
        if kind.line_ref is not None:
            _check_line_refs(tx, kind.line_ref, before["lines"], after["lines"])
    elif kind.lines:
        after["lines"] = [dict(line) for line in before["lines"]]
    for field in kind.refs:
        value = after[field.name]
        if value is not None and value != before[field.name]:
            check_reference(tx, field, field.name, value)
    scale(kind, after)
    return after, last_line


def _check_line_refs(tx: Tx, field: Field, before: Sequence[Fields], after: Sequence[Fields]) -> None:
    known = {line[field.name] for line in before}
    for index, line in enumerate(after):
        value = line[field.name]
        if value is not None and value not in known:
            check_reference(tx, field, f"lines[{index}].{field.name}", value)
            known.add(value)


def check_reference(tx: Tx, field: Field, where: str, key: str) -> None:
    """Raises ServiceError 422 unless the reference names a live record."""
    assert field.ref is not None
    target = tx.store.types[field.ref]
    n = target.number(key)
    record = None if n is None else tx.get(target, n)
    if record is None:
        raise invalid(where, f"{target.name} {key[:80]} does not exist.", "unknown_reference")
    if not record.live:
        became = f"was merged into {record.merged_into}" if record.merged_into else "was deleted"
        raise invalid(where, f"{target.name} {key} {became}.", "unknown_reference")


def delete(tx: Tx, kind: ObjectType, key: Any, version: int | None = None) -> Record:
    """Mark the record deleted. Raises ServiceError 404, 409, 410 or 412."""
    record = find_record(tx, kind, key)
    check_version(record, version)
    if not kind.deletable:
        raise conflict("not_deletable", f"{kind.name} cannot be deleted.")
    kind.rules.check_delete(tx, record)
    children = _children(tx, record)
    for child, fields in children:
        if any(field.holds for field in fields):
            message = f"{kind.name} {record.id} is used by {child.type.name} {child.id}: delete or change that first."
            raise conflict("has_children", message)
    for child, fields in children:
        tx.change(child, fields={**child.fields, **{field.name: None for field in fields}})
    return tx.change(record, state=DELETED)


def _children(tx: Tx, record: Record) -> list[tuple[Record, list[Field]]]:
    """Live records that refer to this one, each with the fields or the line field that do."""
    found: list[tuple[Record, list[Field]]] = []
    for kind in tx.store.types.values():
        fields = [field for field in kind.refs if field.ref == record.type.name]
        line = kind.line_ref if kind.line_ref is not None and kind.line_ref.ref == record.type.name else None
        if not fields and line is None:
            continue
        conditions = [f"x_{field.name} = ?" for field in fields]
        if line is not None:
            conditions.append(f"n IN (SELECT n FROM l_{kind.name} WHERE target = ?)")
        values = [record.id] * len(fields) + [record.n] * (line is not None)
        using = _Using(record.id, fields, line)
        children = tx.matching(kind, " OR ".join(conditions), values, using.used)
        found += [(child, using(child)) for child in children]
    return found


class _Using(NamedTuple):
    """Which fields of a child refer to the record."""

    key: str
    fields: Sequence[Field]
    line: Field | None

    def used(self, child: Record) -> bool:
        return bool(self(child))

    def __call__(self, child: Record) -> list[Field]:
        used = [field for field in self.fields if child.fields[field.name] == self.key]
        line = self.line
        if line is not None and any(item[line.name] == self.key for item in child.fields["lines"]):
            used.append(line)
        return used


def merge(tx: Tx, kind: ObjectType, given: Any) -> Record:
    """The loser becomes the winner's, its children move; returns the winner. Raises ServiceError 400-410."""
    if not isinstance(given, Mapping) or set(given) != {"winner", "loser"}:
        raise malformed('The body must be {"winner": ID, "loser": ID}.')
    if not kind.mergeable:
        raise conflict("not_mergeable", f"{kind.name} cannot be merged.")
    winner, loser = (find_record(tx, kind, given[name]) for name in ("winner", "loser"))
    if winner.n == loser.n:
        raise malformed("Winner and loser are the same record.")
    kind.rules.check_merge(tx, winner, loser)
    for child, fields in _children(tx, loser):
        tx.change(child, fields=_moved(child, fields, loser, winner))
    tx.change(find_record(tx, kind, loser.id), state=MERGED, merged=winner.n)
    kind.rules.merged(tx, winner, loser)
    return find_record(tx, kind, winner.id)


def _moved(child: Record, fields: Sequence[Field], loser: Record, winner: Record) -> Fields:
    after = dict(child.fields)
    for field in fields:
        if field.name in child.type.by_name:
            # A record is never its own parent.
            after[field.name] = None if child.type is winner.type and child.n == winner.n else winner.id
        else:
            after["lines"] = [
                {**line, field.name: winner.id} if line[field.name] == loser.id else line for line in after["lines"]
            ]
    return after
