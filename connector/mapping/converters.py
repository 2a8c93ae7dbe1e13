"""The list of converters by name: `as: NAME` in a mapping. Adding one is one function and one row here.

Heavy data (phone rules, country and currency names) is loaded when first used, not when this is imported.
"""

from __future__ import annotations

from collections.abc import Mapping

from connector.mapping import choices, countries, currencies, persons, phones, texts, times
from connector.mapping.codecs import Codec, Converter
from connector.mapping.located import Reader, listed, nearest
from connector.model.entities import Field, FieldType

_TEXTS = frozenset({FieldType.TEXT, FieldType.NOTE})


def _types(*types: FieldType) -> frozenset[FieldType]:
    return frozenset(types)


def _reference(options: Reader, field: Field) -> Codec:
    named = options.text("ref")
    if named is not None and named != field.ref:
        options.problem("ref", f"`{named}`", f"`{field.ref}`, the entity {field.name} refers to", field.ref)
    return texts.reference(field.ref or "")


CONVERTERS: Mapping[str, Converter] = {
    converter.name: converter
    for converter in [
        Converter("text", _TEXTS, texts.text),
        Converter("note", _TEXTS, texts.note),
        Converter("choice", _types(FieldType.ENUM), choices.same_words),
        Converter("boolean", _types(FieldType.BOOLEAN), texts.boolean),
        Converter("integer", _types(FieldType.INTEGER), texts.integer),
        Converter("decimal", _types(FieldType.DECIMAL), texts.decimal),
        Converter("money", _types(FieldType.MONEY), currencies.money),
        Converter("price", _types(FieldType.PRICE), currencies.money),
        Converter("currency", _types(FieldType.TEXT), currencies.currency),
        Converter("date", _types(FieldType.DATE), times.date_),
        Converter("instant", _types(FieldType.INSTANT), times.instant),
        Converter("phone", _types(FieldType.TEXT), phones.phone),
        Converter("country", _types(FieldType.TEXT), countries.country),
        Converter("person_name", _types(FieldType.TEXT), persons.person_name, parts=2),
        Converter("ref", _types(FieldType.REF), _reference),
    ]
}

VALUES = Converter("values", _types(FieldType.ENUM, FieldType.BOOLEAN, FieldType.TEXT), choices.values)
"""Chosen by `values:`, not by name."""

DEFAULTS: Mapping[FieldType, str] = {
    FieldType.TEXT: "text",
    FieldType.NOTE: "note",
    FieldType.ENUM: "choice",
    FieldType.BOOLEAN: "boolean",
    FieldType.INTEGER: "integer",
    FieldType.DECIMAL: "decimal",
    FieldType.MONEY: "money",
    FieldType.PRICE: "price",
    FieldType.DATE: "date",
    FieldType.INSTANT: "instant",
    FieldType.REF: "ref",
}


def fitting(type_: FieldType, parts: int = 1) -> list[str]:
    """Names of the converters that serve a field of this type."""
    return [c.name for c in CONVERTERS.values() if type_ in c.types and c.parts == parts]


def read_codec(options: Reader, fields: tuple[Field, ...]) -> Codec | None:
    """The converter an entry asks for (`as:`, `values:` or the field's own), with its options read.

    None, with the problem noted, when there is no such converter or it does not serve these fields.
    """
    field = fields[0]
    fits = fitting(field.type, len(fields))
    name = options.text("as", DEFAULTS.get(field.type) if len(fields) == 1 else None)
    if "values" in options and field.type in VALUES.types and len(fields) == 1:
        return VALUES.build(options, field)
    if name is None:
        options.problem("as", "several fields without a converter", f"`as:` with {listed(fits)}")
        return None
    converter = CONVERTERS.get(name)
    if converter is None:
        options.problem("as", f"`{name}`", f"a converter for {field.type}: {listed(fits)}", nearest(name, CONVERTERS))
        return None
    if any(f.type not in converter.types for f in fields) or converter.parts != len(fields):
        hint = fits[0] if fits else None
        found = f"`{name}`, which does not serve {'several fields' if len(fields) > 1 else f'a {field.type} field'}"
        options.problem("as", found, f"a converter for {field.type}: {listed(fits)}", hint)
        return None
    return converter.build(options, field)
