"""Running the `tests:` of a mapping. Each failure is a Problem at the line that expected something else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from connector.errors import NoImageError, Problem
from connector.mapping.codecs import ABSENT
from connector.mapping.literals import shown_value
from connector.mapping.located import Place
from connector.mapping.spec import Case
from connector.mapping.translate import Mapping as Translator
from connector.model import canonical
from connector.model.values import Line, Money, Ref, Value


def run_tests(mapping: Translator) -> list[Problem]:
    """Every failed expectation of the mapping's tests, in file order; empty when all hold."""
    file = mapping.spec.file
    return [
        Problem(file, place.line, place.column, found, expected)
        for case in mapping.spec.tests
        for place, found, expected in _failures(mapping, case)
    ]


def _failures(mapping: Translator, case: Case) -> Iterator[tuple[Place, str, str]]:
    if case.given is not None:
        yield from _read(mapping, case, case.given)
    if case.values is not None:
        yield from _write(mapping, case, case.values)


def _read(mapping: Translator, case: Case, given: Mapping[str, Any]) -> Iterator[tuple[Place, str, str]]:
    decoded = mapping.decode(given)
    for name, located in case.expect.items():
        found = decoded.values.get(name, ABSENT)
        if not _agrees(located.value, found):
            reason = f"`{name}` held ({decoded.held[name]})" if name in decoded.held else shown_value(found)
            yield located.place, reason, f"{shown_value(located.value)} for `{name}`"
    for name in case.held:
        if name not in decoded.held:
            yield case.place, f"`{name}` is {shown_value(decoded.values.get(name, ABSENT))}", f"`{name}` held"
    if case.in_scope is not None and decoded.in_scope != case.in_scope:
        yield case.place, f"in_scope {str(decoded.in_scope).lower()}", f"in_scope {str(case.in_scope).lower()}"


def _write(mapping: Translator, case: Case, values: Mapping[str, Value]) -> Iterator[tuple[Place, str, str]]:
    try:
        written = mapping.encode(values, create=case.create)
    except NoImageError as error:
        yield case.place, str(error), "values this system can hold"
        return
    for name, located in case.expect_fields.items():
        found = written.get(name, ABSENT)
        if not _written(located.value, found):
            yield located.place, shown_value(found), f"{shown_value(located.value)} for `{name}`"


def _agrees(expected: Value, found: Any) -> bool:
    """Lines agree when those expected agree in what they name."""
    if isinstance(expected, tuple) and not isinstance(expected, (Money, Ref)):
        if not isinstance(found, tuple) or len(found) != len(expected):
            return False
        return all(_line_agrees(a, b) for a, b in zip(expected, found, strict=True) if isinstance(a, Line))
    return type(expected) is type(found) and bool(expected == found)


def _line_agrees(expected: Line, found: Line) -> bool:
    named = all(found.values.get(name, ABSENT) == value for name, value in expected.values.items())
    return named and expected.key in (None, found.key) and expected.partner in (None, found.partner)


def _written(expected: Any, found: Any) -> bool:
    """System values agree: numbers with their text, lists item by item, mappings in what is expected of them."""
    if isinstance(expected, dict):
        return isinstance(found, dict) and all(_written(v, found.get(k, ABSENT)) for k, v in expected.items())
    if isinstance(expected, list):
        return (
            isinstance(found, list)
            and len(found) == len(expected)
            and all(_written(a, b) for a, b in zip(expected, found, strict=True))
        )
    return bool(_word(expected) == _word(found))


def _word(value: Any) -> Any:
    if isinstance(value, (int, Decimal)) and not isinstance(value, bool):
        return canonical.number(Decimal(value))
    if isinstance(value, str):
        try:
            return canonical.number(Decimal(value)) if value[:1] in "-0123456789" and "." in value else value
        except ArithmeticError:
            return value
    return value
