"""One mapping file, text in, checked spec out. Every mistake is reported at once, with line and column.

    entity: order
    object: deals
    external_key: external_id            # the system's field for the other system's key (optional)
    filter: "stage == 'won'"             # which records take part (optional; see `expressions`)
    read_only: false                     # true: nothing is ever written here
    fields:
      name: name                                             # canonical field: system field
      status: {field: stage, values: {confirmed: won, cancelled: lost}, unmapped: hold}
      total: {field: amount, as: money, currency: currency, direction: read}
      shipping_address: {street: ship_street, country: {field: ship_country, as: country, format: name}}
      first_name, last_name: {field: full_name, as: person_name}      # several canonical fields in one of the system's
      payment_terms: {field: terms, default: "30 days"}      # written on create where there is no value
      currency: {constant: EUR}                              # the system has no such field: always this, never written
      notes: {expr: "concat(a, ' ', b)"}                     # derived, one way
      lines: {field: lines, id: id, external_key: external_id, fields: {...}}
    constants: {source: web}             # system fields that get a fixed value on create
    custom:
      region_code: {type: text, field: region_code_c}        # canonical fields of this installation
    tests:
      - {given: {...system fields...}, expect: {...canonical values...}, held: [...], in_scope: true}
      - {values: {...canonical...}, expect_fields: {...system fields...}, create: true}

`direction` is both, read (system to canonical) or write. `currency` and `country` name a system field of the same
record, `^field` of the record a line belongs to, or `=VALUE`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from connector.mapping.codecs import ABSENT
from connector.mapping.entries import EntryParser, read_expression
from connector.mapping.literals import canonical_value, system_value
from connector.mapping.located import Document, Node, Place, Reader, listed, nearest, parse_yaml
from connector.mapping.spec import Case, Entry, Located, MappingSpec
from connector.model.entities import ENTITIES, Entity, Field
from connector.model.values import Value


def parse_mapping(text: str, file: str) -> MappingSpec:
    """The checked spec of one file. Raises ConfigError with every problem found. file: name used in messages."""
    document = parse_yaml(text, file)
    spec = read_mapping(document)
    document.raise_problems(f"{file} cannot be used")
    assert spec is not None
    return spec


def read_mapping(document: Document) -> MappingSpec | None:
    """As `parse_mapping`, with the problems left in the document; None when there are any."""
    if document.root is None and document.found:
        return None
    top = document.reader()
    name = top.choice("entity", ENTITIES, required=True)
    object_ = top.text("object", required=True)
    external_key = top.text("external_key")
    read_only = top.boolean("read_only")
    condition = read_expression(document, top.get("filter"))
    fields, custom, tests = top.section("fields", required=True), top.section("custom"), top.items("tests")
    constants = _constants(document, top.section("constants"))
    top.finish()
    if name is None or fields is None:
        return None
    entity = ENTITIES[name]
    parser = EntryParser(document, entity.name, entity.fields, read_only=read_only)
    parser.read(fields, fields.place)
    added = parser.custom(custom, custom.place) if custom else {}
    entity = replace(entity, fields={**entity.fields, **added})
    _check_writers(parser, top, external_key)
    parser.check_required(top.place("fields"))
    cases = tuple(_case(document, node, entity) for node in tests)
    if document.found or object_ is None:
        return None
    entries = tuple(_one_way(entry) if read_only else entry for entry in parser.entries)
    return MappingSpec(document.file, entity, object_, external_key, condition, read_only, entries, constants, cases)


def _one_way(entry: Entry) -> Entry:
    return replace(entry, write=False)


def _check_writers(parser: EntryParser, top: Reader, external_key: str | None) -> None:
    others: dict[str, Place] = {}
    if external_key is not None:
        others[external_key] = top.place("external_key")
    constants = top.section("constants")
    for name, node in constants or ():
        if name in others:
            parser.document.problem(node, f"`{name}` written twice", "one writer per system field")
        others[name] = node.place
    parser.check_writers(others)


def _constants(document: Document, section: Reader | None) -> Mapping[str, Any]:
    found: dict[str, Any] = {}
    for name, node in section or ():
        if isinstance(node.value, (dict, list)) or node.value is None:
            document.problem(node, node.shown, f"one value for `{name}`")
        else:
            found[name] = node.value
    return found


# ------------------------------------------------------------------------------------------------ tests


def _case(document: Document, node: Node, entity: Entity) -> Case:
    reader = document.reader_of(node, "a test")
    given, values = reader.section("given"), reader.section("values")
    held = _held(reader, entity.fields)
    expect, expect_fields = reader.section("expect"), reader.section("expect_fields")
    in_scope = reader.boolean("in_scope") if "in_scope" in reader else None
    create = reader.boolean("create", default=True)
    reader.finish()
    if given is None and values is None:
        document.problem(node, "a test with neither `given` nor `values`", "`given:` with `expect:`")
    elif given is None and (expect is not None or held or in_scope is not None):
        document.problem(node, "`expect` without `given`", "the system fields it comes from")
    elif values is None and expect_fields is not None:
        document.problem(node, "`expect_fields` without `values`", "the canonical values it comes from")
    elif expect is None and expect_fields is None and not held and in_scope is None:
        document.problem(node, "a test that expects nothing", "`expect:`, `held:`, `in_scope:` or `expect_fields:`")
    return Case(
        node.place,
        {name: system_value(item) for name, item in given} if given else None,
        _canonical(document, expect, entity.fields),
        held,
        in_scope,
        {name: item.value for name, item in _canonical(document, values, entity.fields).items()} if values else None,
        create,
        {name: Located(system_value(item), item.place) for name, item in expect_fields or ()},
    )


def _held(reader: Reader, fields: Mapping[str, Field]) -> tuple[str, ...]:
    names = reader.texts("held")
    for name in names:
        if name not in fields:
            reader.problem("held", f"`{name}`", f"fields of the entity: {listed(fields, 40)}", nearest(name, fields))
    return names


def _canonical(document: Document, section: Reader | None, fields: Mapping[str, Field]) -> dict[str, Located]:
    """Canonical values by field; a group may be written as a nested mapping."""
    found: dict[str, Located] = {}
    if section is None:
        return found
    groups = {f.group for f in fields.values() if f.group}
    for name, node in section:
        if name in groups and isinstance(node.value, dict):
            inner = document.reader_of(node, f"`{name}`")
            for part, item in inner:
                _add(document, found, f"{name}.{part}", item, inner.place(part), fields)
        else:
            _add(document, found, name, node, section.place(name), fields)
    return found


def _add(
    document: Document, found: dict[str, Located], name: str, node: Node, place: Place, fields: Mapping[str, Field]
) -> None:
    field = fields.get(name)
    if field is None:
        document.problem(place, f"`{name}`", f"a field of the entity: {listed(fields, 40)}", nearest(name, fields))
        return
    value: Value | Any = canonical_value(document, node, field)
    if value is not ABSENT:
        found[name] = Located(value, place)
