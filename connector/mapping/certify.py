"""The laws a mapping must keep, tried on sample records and on values chosen to break it.

| law | statement |
|---|---|
| M1 | decode and encode answer or refuse with NoImageError, and answer the same every time |
| M2 | the image of an image is that image |
| M3 | what is written into a whole record is read back as its image |
| M4 | encode . decode . encode = encode, and decode . encode . decode = decode |
| M6 | a value that reads back different is declared lossy |

M5, one writer per system field, is checked when the file is parsed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from connector.errors import NoImageError
from connector.mapping.literals import shown_value
from connector.mapping.translate import Mapping as Translator
from connector.model.entities import Field, FieldType
from connector.model.values import Line, Money, Ref, Value, Values

LAWS = ("M1", "M2", "M3", "M4", "M6")


@dataclass(frozen=True, slots=True)
class BrokenLaw:
    """One law one field breaks, with the smallest example found."""

    law: str
    field: str
    example: Any
    detail: str

    def __str__(self) -> str:
        return f"{self.law} {self.field}: {self.detail}"


_TEXTS: Sequence[Value] = (
    *("A", "DE", "EUR", "US", "01234", "Acme & Söhne", "Straße 7a", "O'Neil", "東京都", "a  b", "+4930123456"),
    *("+14155550123;ext=7", "030 123", "é", "Anna van der Berg", "x" * 300, "true", "0"),
)
_MONEY: Sequence[Value] = tuple(
    Money(Decimal(amount), code)
    for amount, code in [("0.00", "EUR"), ("12.34", "EUR"), ("-5.00", "USD"), ("100", "JPY"), ("1.234", "KWD")]
)
_DATES: Sequence[Value] = (date(1999, 12, 31), date(2024, 2, 29), date(2026, 10, 25), date(1900, 1, 1))
_INSTANTS: Sequence[Value] = (
    datetime(2026, 1, 31, 23, 59, 59, 999000, tzinfo=UTC),
    datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
    datetime(2026, 10, 25, 1, 30, tzinfo=UTC),
    datetime(2026, 3, 29, 1, 30, tzinfo=UTC),
)
_VALUES: Mapping[FieldType, Sequence[Value]] = {
    FieldType.TEXT: _TEXTS,
    FieldType.NOTE: (*_TEXTS, "two\nlines", "blank\n\nline"),
    FieldType.BOOLEAN: (True, False),
    FieldType.INTEGER: (0, 1, -7, 1_000_000_000),
    FieldType.DECIMAL: (Decimal(0), Decimal("0.5"), Decimal("12.25"), Decimal("0.333333"), Decimal(-3)),
    FieldType.MONEY: _MONEY,
    FieldType.PRICE: (*_MONEY, Money(Decimal("0.123456"), "EUR")),
    FieldType.DATE: _DATES,
    FieldType.INSTANT: _INSTANTS,
}


def values_of(field: Field) -> Sequence[Value]:
    """Canonical values worth trying for a field of this type."""
    if field.type is FieldType.ENUM:
        return field.choices
    if field.type is FieldType.REF:
        return (Ref(field.ref or "", "1"), Ref(field.ref or "", "ä/0 01"))
    return _VALUES.get(field.type, ())


def certify(mapping: Translator, records: Iterable[Mapping[str, Any]] = ()) -> list[BrokenLaw]:
    """The laws this mapping breaks, one per field and law. records: real ones of the system, to try as well."""
    found: dict[tuple[str, str], BrokenLaw] = {}
    for broken in _all(mapping, list(records)):
        known = found.get((broken.law, broken.field))
        if known is None or len(repr(broken.example)) < len(repr(known.example)):
            found[broken.law, broken.field] = broken
    return sorted(found.values(), key=lambda b: (b.field, b.law))


def _all(mapping: Translator, records: Sequence[Mapping[str, Any]]) -> Iterator[BrokenLaw]:
    seen: dict[str, list[Value]] = {}
    for record in records:
        yield from _record(mapping, record)
        for name, value in mapping.decode(record).values.items():
            if value is not None:
                seen.setdefault(name, []).append(value)
    for name in sorted(mapping.readable & mapping.writable):
        field = mapping.entity.fields[name]
        for value in (*values_of(field), *seen.get(name, ())):
            if field.type is not FieldType.LINES:
                yield from _value(mapping, name, value)
        if field.type is FieldType.LINES:
            yield from _lines(mapping, field, seen.get(name, ()))


def _record(mapping: Translator, record: Mapping[str, Any]) -> Iterator[BrokenLaw]:
    first = mapping.decode(record)
    if first != mapping.decode(record):
        yield BrokenLaw("M1", "*", record, "the same record reads differently the second time")
    try:
        written = mapping.encode(first.values, create=False)
    except NoImageError:
        return
    again = mapping.decode({**record, **written}).values
    for name in mapping.readable & mapping.writable & set(first.values):
        old, new = first.values[name], again.get(name)
        if not _same(old, new):
            detail = f"{shown_value(old)} is {shown_value(new)} after it was written back unchanged"
            yield BrokenLaw("M4", name, old, detail)


def _same(one: Value, other: Value) -> bool:
    """Lines are compared in what is written; what each system computes may be missing from a written line."""
    if not isinstance(one, tuple) or not isinstance(other, tuple) or isinstance(one, (Money, Ref)):
        return one == other
    return len(one) == len(other) and all(
        not (isinstance(a, Line) and isinstance(b, Line)) or all(b.values[n] == a.values.get(n) for n in b.values)
        for a, b in zip(one, other, strict=True)
    )


def _beside(mapping: Translator, name: str, value: Value) -> dict[str, Value]:
    """The value, with plausible ones for the fields it cannot be written without."""
    code = value.currency if isinstance(value, Money) else "DE"
    return {**dict.fromkeys(mapping.together.get(name, ()), code), name: value}


def _value(mapping: Translator, name: str, value: Value) -> Iterator[BrokenLaw]:
    def write(candidate: Value) -> Values:
        return mapping.encode({**values, name: candidate}, create=False)

    values = _beside(mapping, name, value)
    yield from _laws(
        name,
        value,
        lossy=name in mapping.lossy,
        image=lambda candidate: mapping.image(name, candidate, values),
        write=write,
        read=lambda fields: mapping.decode(fields).values.get(name),
    )


def _lines(mapping: Translator, field: Field, seen: Sequence[Value]) -> Iterator[BrokenLaw]:
    for name, line_field in field.lines.items():
        samples = [line.values[name] for lines in seen if isinstance(lines, tuple) for line in _named(lines, name)]
        for value in (*values_of(line_field), *(v for v in samples if v is not None)):
            if name in mapping.line_writable(field.name):
                yield from _line_value(mapping, field.name, name, value)


def _named(lines: Iterable[Any], name: str) -> Iterator[Line]:
    return (line for line in lines if isinstance(line, Line) and name in line.values)


def _line_value(mapping: Translator, lines: str, name: str, value: Value) -> Iterator[BrokenLaw]:
    context: dict[str, Value] = {}
    if isinstance(value, Money):
        context = dict.fromkeys(mapping.line_together(lines), value.currency)

    def write(candidate: Value) -> Values:
        return mapping.encode({**context, lines: (Line(None, None, {name: candidate}),)}, create=False)

    def read(fields: Values) -> Value:
        found = mapping.decode(fields).values.get(lines)
        return found[0].values.get(name) if isinstance(found, tuple) and isinstance(found[0], Line) else None

    yield from _laws(
        f"{lines}.{name}",
        value,
        lossy=name in mapping.line_lossy(lines),
        image=lambda candidate: mapping.image_line(Line(None, None, {name: candidate}), context, lines).values[name],
        write=write,
        read=read,
    )


def _laws(
    name: str,
    value: Value,
    *,
    lossy: bool,
    image: Callable[[Value], Value],
    write: Callable[[Value], Values],
    read: Callable[[Values], Value],
) -> Iterator[BrokenLaw]:
    """The laws for one value, given how it is written, read and imagined."""
    try:
        shown, written = image(value), write(value)
    except NoImageError:
        return  # an explicit refusal keeps every law
    except Exception as error:  # any other refusal is itself the broken law
        yield _failure(name, value, error)
        return
    try:
        if image(value) != shown or write(value) != written:
            yield BrokenLaw("M1", name, value, f"{shown_value(value)} is written differently the second time")
        if image(shown) != shown:
            yield BrokenLaw("M2", name, value, f"{shown_value(shown)} is shown as {shown_value(image(shown))}")
        back = read(written)
        if back != shown:
            yield BrokenLaw("M3", name, value, f"{shown_value(value)} reads back as {shown_value(back)}")
        if write(back) != written:
            yield BrokenLaw("M4", name, value, f"{shown_value(value)}, read back and written again, is written anew")
    except NoImageError as error:
        yield BrokenLaw("M4", name, value, f"{shown_value(value)} shows what cannot be written back: {error}")
    except Exception as error:
        yield _failure(name, value, error)
    if not lossy and shown != value:
        detail = f"{shown_value(value)} reads back as {shown_value(shown)}; `lossy: true` allows that"
        yield BrokenLaw("M6", name, value, detail)


def _failure(name: str, value: Value, error: Exception) -> BrokenLaw:
    return BrokenLaw("M1", name, value, f"{shown_value(value)} fails with {type(error).__name__}: {error}")
