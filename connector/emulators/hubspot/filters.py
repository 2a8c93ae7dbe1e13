"""Search filters as SQL conditions over the records as the index knows them (contract 3.5)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from connector.emulators.hubspot.catalog import ObjectType
from connector.emulators.hubspot.definitions import Definition
from connector.emulators.hubspot.problems import HubSpotError, invalid
from connector.emulators.hubspot.shapes import Filter
from connector.emulators.hubspot.store import marks
from connector.emulators.hubspot.values import Refused, day_of, milliseconds, number, stamp_of

COMPARED = {"EQ": "=", "NEQ": "!=", "LT": "<", "LTE": "<=", "GT": ">", "GTE": ">="}
ORDERED = ("LT", "LTE", "GT", "GTE", "BETWEEN")
MEMBERS = {"IN": "IN", "NOT_IN": "NOT IN"}
PRESENT = {"HAS_PROPERTY": "IS NOT NULL", "NOT_HAS_PROPERTY": "IS NULL"}
TOKENS = {"CONTAINS_TOKEN": "", "NOT_CONTAINS_TOKEN": "NOT "}
OPERATORS = (*COMPARED, "BETWEEN", *MEMBERS, *PRESENT, *TOKENS)
_WORD = re.compile(r"[\w*]+")


class Condition(NamedTuple):
    sql: str
    values: Sequence[Any] = ()


class Column(NamedTuple):
    """Where a property is found and how a filter's value is brought into its form. ordered: has a before and after."""

    sql: str
    values: Sequence[Any]
    read: Callable[[str], Any]
    ordered: bool


def column(kind: ObjectType, known: Definition) -> Column:
    """The property as a column."""
    own = {"hs_object_id": "id", "createdate": "created", kind.modified: "updated"}.get(known.name)
    if own is not None:
        return Column(own, (), _whole if known.type == "number" else _instant, True)
    field = (f"$.{known.name}",)
    match known.type:
        case "number":
            return Column("CAST(json_extract(fields, ?) AS REAL)", field, _number, True)
        case "date":
            return Column("json_extract(fields, ?)", field, lambda text: day_of(_instant(text)), True)
        case "datetime":
            return Column("json_extract(fields, ?)", field, lambda text: stamp_of(_instant(text)), True)
        case "string":
            return Column("folded(json_extract(fields, ?))", field, str.casefold, False)
        case _:
            return Column("json_extract(fields, ?)", field, str, False)


def condition(kind: ObjectType, definitions: Mapping[str, Definition], given: Filter, in_lowercase: bool) -> Condition:
    """One filter. Raises HubSpotError 400 for what HubSpot would not search for."""
    known = definitions.get(given.property_name)
    if known is None:
        message = f"There was a problem with the request: property {given.property_name[:80]} does not exist."
        raise invalid(message, "PROPERTY_DOESNT_EXIST", propertyName=given.property_name[:80])
    if given.operator not in OPERATORS:
        raise _refused(given, f"{given.operator[:40]} is not an operator")
    where = column(kind, known)
    if given.operator in ORDERED and not where.ordered:
        raise _refused(given, f"{given.operator} does not go with a {known.type}")
    if given.operator in TOKENS and known.type != "string":
        raise _refused(given, f"{given.operator} does not go with a {known.type}")
    _check_operands(given)
    try:
        return _compiled(given, known, where, in_lowercase)
    except Refused as refused:
        raise _refused(given, refused.message) from None


def _check_operands(given: Filter) -> None:
    """Each operator has its own fields: another one, or one too few, is refused."""
    operator = given.operator
    wanted = {"value"}
    if operator in MEMBERS:
        wanted = {"values"}
    elif operator in PRESENT:
        wanted = set()
    elif operator == "BETWEEN":
        wanted = {"value", "highValue"}
    sent = {"value": given.value, "highValue": given.high_value, "values": given.values}
    if {name for name, value in sent.items() if value is not None} != wanted or given.values == []:
        raise _refused(given, f"{operator} takes {' and '.join(sorted(wanted)) or 'no value'}")


def _compiled(given: Filter, known: Definition, where: Column, in_lowercase: bool) -> Condition:
    operator, text = given.operator, given.value or ""
    if operator in COMPARED:
        return Condition(f"{where.sql} {COMPARED[operator]} ?", (*where.values, where.read(text)))
    if operator == "BETWEEN":
        high = where.read(given.high_value or "")
        return Condition(f"{where.sql} BETWEEN ? AND ?", (*where.values, where.read(text), high))
    if operator in PRESENT:
        return Condition(f"{where.sql} {PRESENT[operator]}", where.values)
    if operator in MEMBERS:
        # Text is kept folded for comparison; whoever sends capitals finds nothing.
        read = str if known.type == "string" and in_lowercase else where.read
        values = [read(value) for value in given.values or ()]
        return Condition(f"{where.sql} {MEMBERS[operator]} ({marks(values)})", (*where.values, *values))
    return Condition(f"{TOKENS[operator]}has_tokens({where.sql}, ?)", (*where.values, text))


def _whole(text: str) -> int:
    found = milliseconds(text)
    if found is None:
        raise Refused("INVALID_INTEGER", f"{text[:80]} is not a number")
    return found


def _instant(text: str) -> int:
    found = milliseconds(text)
    if found is None:
        raise Refused("INVALID_LONG", f"{text[:80]} is not epoch milliseconds")
    return found


def _number(text: str) -> float:
    found = number(text)
    if found is None:
        raise Refused("INVALID_INTEGER", f"{text[:80]} is not a number")
    return found


def _refused(given: Filter, why: str) -> HubSpotError:
    message = f"There was a problem with the request: filter on {given.property_name[:80]}: {why}."
    return invalid(message, "INVALID_FILTER", propertyName=given.property_name[:80])


def folded(value: str | None) -> str | None:
    """For SQL: text as it is compared."""
    return None if value is None else value.casefold()


def has_tokens(value: str | None, pattern: str) -> int:
    """For SQL: whether every word of the pattern, where `*` stands for anything, is a word of the value."""
    words = _WORD.findall((value or "").casefold())
    wanted = _WORD.findall(pattern.casefold())
    return int(bool(wanted) and all(any(fnmatchcase(word, token) for word in words) for token in wanted))


def has_words(fields: str, query: str) -> int:
    """For SQL: whether every word of a search box begins a word of some value."""
    words = set(_WORD.findall(fields.casefold()))
    return int(all(any(word.startswith(token) for word in words) for token in _WORD.findall(query.casefold())))
