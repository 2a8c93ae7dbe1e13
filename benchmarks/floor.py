"""The floor: the least CPU a record can cost. One straight line without engine, protocol or network.

Decode a page of JSON, map to canonical values, fingerprint both sides' units, write the state row, encode the body.
"""

from __future__ import annotations

import gc
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from connector.engine.draft import encode_body
from connector.engine.shape import Shape
from connector.engine.spec import SyncSpec, SystemSpec
from connector.mapping.translate import Mapping, load_mapping
from connector.merge.base import Base, LineBase, pack
from connector.merge.rules import Unit
from connector.model.entities import ENTITIES
from connector.model.rows import LinkRow, LinkState
from connector.model.values import Line, Ref, Side, Sides, Value
from connector.ports import Capabilities
from connector.state.store import open_store
from connector.state.vault import KeyVault, new_key

MAPPINGS = Path(__file__).resolve().parent.parent / "mappings"
COUNT = 4000
PAGE = 500
BATCH = 200


def floor() -> dict[str, float]:
    """Microseconds of CPU a record, for the benchmark's accounts and orders."""
    from benchmarks.scale import account, order

    gc.freeze()  # as the command line does
    gc.set_threshold(100_000, 50, 100)
    accounts = [_record(f"K-{n}", account(n)) for n in range(COUNT)]
    items = [f"I-{n}" for n in range(100)]
    orders = [_record(f"S-{n}", _with_line_ids(order(n, f"K-{n}", items))) for n in range(COUNT)]
    return {"accounts": _measure("account", accounts), "orders": _measure("order", orders)}


def _with_line_ids(fields: dict[str, Any]) -> dict[str, Any]:
    fields["lines"] = [{"id": f"L-{k}", "external_id": None, **line} for k, line in enumerate(fields["lines"])]
    return fields


def _record(key: str, fields: dict[str, Any]) -> dict[str, Any]:
    stamp = "2026-01-01T00:00:00.000Z"
    return {"id": key, "version": 1, "created": stamp, "modified": stamp, "created_by": "web", "modified_by": "web",
            "deleted": False, "merged_into": None, "fields": fields}  # fmt: skip


def _spec(entity: str) -> SyncSpec:
    def system(name: str) -> SystemSpec:
        path = MAPPINGS / name / f"{entity}.yaml"
        mapping = load_mapping(path.read_text(encoding="utf-8"), path.name)
        return SystemSpec(name, mapping.object, mapping, Capabilities(), None)

    systems = Sides(system("reference_crm"), system("reference_erp"))
    return SyncSpec(entity, ENTITIES[entity], systems, _units(entity, systems), frozenset())


def _units(entity: str, systems: Sides[SystemSpec]) -> tuple[Unit, ...]:
    """The units of the shipped mappings: addresses as one, lines as one, computed fields out."""
    groups: dict[str, list[str]] = {}
    for name, field in ENTITIES[entity].fields.items():
        if not field.computed and all(name in system.mapping.readable for system in systems):
            groups.setdefault(field.group or name, []).append(name)
    return tuple(Unit(name, tuple(fields)) for name, fields in groups.items())


def _measure(entity: str, records: Sequence[dict[str, Any]]) -> float:
    pages = [
        msgspec.json.encode({"items": records[start : start + PAGE], "cursor": "1", "more": True})
        for start in range(0, len(records), PAGE)
    ]
    spec = _spec(entity)
    vault = KeyVault(new_key())
    shape = Shape(spec, vault)
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(f"sqlite:///{folder}/floor.db", vault)
        began = time.process_time()
        _straight(pages, spec, shape, store)
        spent = time.process_time() - began
        store.close()
    return 1e6 * spent / len(records)


def _straight(pages: Sequence[bytes], spec: SyncSpec, shape: Shape, store: Any) -> None:
    source, target = spec.systems.right.mapping, spec.systems.left.mapping
    number = 0
    rows: list[LinkRow] = []
    for page in pages:
        for record in msgspec.json.decode(page)["items"]:
            number += 1
            values = source.decode(record["fields"]).values
            encode_body(target.encode(_carried(values), create=True), "string")
            rows.append(_row(shape, number, record["id"], values, target))
            if len(rows) == BATCH:
                with store.begin(durable=False) as tx:
                    tx.insert_links(rows)
                rows = []
    if rows:
        with store.begin(durable=False) as tx:
            tx.insert_links(rows)


def _carried(values: dict[str, Value]) -> dict[str, Value]:
    """References and lines in the target's terms."""
    found: dict[str, Value] = {}
    for name, value in values.items():
        if isinstance(value, Ref):
            found[name] = Ref(value.entity, value.key)
        elif isinstance(value, tuple) and value and isinstance(value[0], Line):
            found[name] = tuple(Line(None, line.key, line.values) for line in value if isinstance(line, Line))
        else:
            found[name] = value
    return found


def _row(shape: Shape, number: int, key: str, values: dict[str, Value], target: Mapping) -> LinkRow:
    encodings = shape.encodings(values)
    base = Base(
        {
            unit: (
                shape.print(unit, encoding, Side.LEFT, number),
                shape.print(unit, encoding, Side.RIGHT, number),
            )
            for unit, encoding in encodings.items()
        }
    )
    lines = values.get("lines")
    if isinstance(lines, tuple):
        base.lines = [_line(shape, line, number) for line in lines if isinstance(line, Line)]
    prints = Sides(shape.whole(encodings, Side.LEFT, number), shape.whole(encodings, Side.RIGHT, number))
    return LinkRow(
        number, "crm/erp/bench", LinkState.LINKED, Sides(f"C-{number}", key), 1, Sides("1", "1"), prints, 1, 1,
        pack(base, shape.layout),
    )  # fmt: skip


def _line(shape: Shape, line: Line, number: int) -> LineBase:
    left, right = shape.line_prints(line, Side.LEFT, number), shape.line_prints(line, Side.RIGHT, number)
    return LineBase(str(line.key), str(line.key), {name: (left[name], right[name]) for name in left})


if __name__ == "__main__":
    print(floor())
