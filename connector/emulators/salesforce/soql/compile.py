"""From a parsed query to SQL over the org's tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from connector.emulators.salesforce.errors import Refusal, refusal
from connector.emulators.salesforce.fields import NUMBERS, TEXTS, Field
from connector.emulators.salesforce.ids import full
from connector.emulators.salesforce.schema import Schema, SObject
from connector.emulators.salesforce.soql.nodes import (
    Among,
    Both,
    Compare,
    Condition,
    Either,
    Literal,
    Not,
    Order,
    Path,
    Query,
)
from connector.emulators.salesforce.soql.parse import located, plain
from connector.emulators.salesforce.times import parse_day, parse_instant, stamp

MAX_PARENTS = 5

_LITERALS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(TEXTS, ("text",)),
    **dict.fromkeys(NUMBERS, ("number",)),
    "int": ("number",),
    "id": ("text",),
    "reference": ("text",),
    "boolean": ("boolean",),
    "date": ("date",),
    "datetime": ("datetime",),
}
_VENDOR_TYPE = {"text": "string", "datetime": "dateTime"}


@dataclass
class Shape:
    """How one record of the answer is made from columns. fields: (name, field, column); parents: by relationship."""

    kind: SObject
    key: int
    fields: list[tuple[str, Field, int]] = field(default_factory=list)
    parents: dict[str, Shape] = field(default_factory=dict)
    children: dict[str, Compiled] = field(default_factory=dict)
    order: list[tuple[str, str]] = field(default_factory=list)


@dataclass
class Compiled:
    """SQL with its parameters, and the shape of a row. children_of: column that holds the parent's id."""

    kind: SObject
    sql: str
    parameters: list[Any]
    shape: Shape
    children_of: str | None = None
    limit: int | None = None


class Scope:
    """The tables of one query: the object itself and the parents it looks at."""

    def __init__(self, schema: Schema, kind: SObject, text: str, hidden: Callable[[SObject, str], bool]) -> None:
        self.schema = schema
        self.kind = kind
        self.text = text
        self.hidden = hidden
        self.aliases: dict[tuple[str, ...], tuple[str, SObject]] = {(): ("t", kind)}
        self.joins: list[str] = []

    def table(self, path: Path, parents: tuple[str, ...]) -> tuple[str, SObject]:
        """Alias and object at the end of a chain of relationships."""
        known = tuple(name.lower() for name in parents)
        if known in self.aliases:
            return self.aliases[known]
        alias, kind = self.table(path, parents[:-1])
        link = kind.parents.get(parents[-1].lower())
        if link is None or len(parents) > MAX_PARENTS or self.hidden(kind, link.name):
            raise located(
                "INVALID_FIELD",
                self.text,
                path.at,
                f"Didn't understand relationship '{parents[-1]}' in field path. If you are attempting to use a custom"
                " relationship, be sure to append the '__r' after the custom relationship name.",
            )
        target = self.schema.objects[link.refers or ""]
        joined = f"p{len(self.aliases)}"
        self.joins.append(f'LEFT JOIN "{target.name}" AS {joined} ON {joined}.Id = {alias}."{link.name}"')
        self.aliases[known] = (joined, target)
        return self.aliases[known]

    def column(self, path: Path) -> tuple[str, Field]:
        """SQL column and field of a path. Raises Refusal INVALID_FIELD."""
        names = path.names
        if len(names) > 1 and names[0].lower() == self.kind.name.lower() and names[0].lower() not in self.kind.parents:
            names = names[1:]
        alias, kind = self.table(path, names[:-1])
        found = kind.by_lower.get(names[-1].lower())
        if found is None or self.hidden(kind, found.name):
            raise located(
                "INVALID_FIELD",
                self.text,
                path.at,
                f"No such column '{names[-1]}' on entity '{kind.name}'. If you are attempting to use a custom field, be"
                " sure to append the '__c' after the custom field name. Please reference your WSDL or the describe"
                " call for the appropriate names.",
            )
        return f'{alias}."{found.name}"', found


def condition_sql(scope: Scope, condition: Condition, parameters: list[Any]) -> str:
    """A condition as SQL that is 1 or 0, never NULL. Appends to the parameters."""
    match condition:
        case Both(parts):
            return f"({' AND '.join(condition_sql(scope, part, parameters) for part in parts)})"
        case Either(parts):
            return f"({' OR '.join(condition_sql(scope, part, parameters) for part in parts)})"
        case Not(part):
            return f"(NOT {condition_sql(scope, part, parameters)})"
        case Among():
            return _among(scope, condition, parameters)
        case Compare():
            return _compare(scope, condition, parameters)


def _filtered(scope: Scope, path: Path) -> tuple[str, Field]:
    column, found = scope.column(path)
    if not found.filterable:
        raise located("INVALID_FIELD", scope.text, path.at, f"field '{path}' can not be filtered in a query call")
    return column, found


def _among(scope: Scope, condition: Among, parameters: list[Any]) -> str:
    column, found = _filtered(scope, condition.path)
    values = [_value(scope, condition.path, found, literal) for literal in condition.values]
    given = [value for value in values if value is not None]
    left, mark = _sides(found, column, given)
    parameters.extend(given)
    inside = f"coalesce({left} IN ({', '.join([mark] * len(given))}), 0)"
    if len(given) < len(values):
        inside = f"({inside} OR {column} IS NULL)"
    return f"(NOT {inside})" if condition.negated else inside


def _compare(scope: Scope, condition: Compare, parameters: list[Any]) -> str:
    column, found = _filtered(scope, condition.path)
    if condition.operator == "like":
        return _like(scope, condition, column, found, parameters)
    value = _value(scope, condition.path, found, condition.value)
    if value is None:
        if condition.operator not in ("=", "!="):
            raise refusal("INVALID_QUERY_FILTER_OPERATOR", f"operator {condition.operator} cannot be used with null")
        return f"({column} IS {'NOT ' if condition.operator == '!=' else ''}NULL)"
    if found.type in ("reference", "boolean") and condition.operator not in ("=", "!="):
        raise refusal("INVALID_QUERY_FILTER_OPERATOR", f"invalid operator on {found.type} field: {found.name}")
    parameters.append(value)
    left, mark = _sides(found, column, [value])
    if condition.operator == "!=":
        # In SOQL an empty field differs from every value.
        return f"coalesce({left} <> {mark}, 1)"
    return f"coalesce({left} {condition.operator} {mark}, 0)"


def _sides(found: Field, column: str, values: list[Any]) -> tuple[str, str]:
    """How a column and a parameter are compared: text without regard to case, unless the field is case-sensitive."""
    if found.type not in TEXTS or found.case_sensitive:
        return column, "?"
    if all(value.isascii() for value in values):
        return f"{column} COLLATE NOCASE", "?"
    return f"fold({column})", "fold(?)"


def _like(scope: Scope, condition: Compare, column: str, found: Field, parameters: list[Any]) -> str:
    if found.type not in TEXTS:
        raise refusal("INVALID_QUERY_FILTER_OPERATOR", f"invalid operator on {found.type} field: {found.name}")
    if condition.value.kind != "text":
        raise _wrong_literal(scope, condition.path, found, condition.value)
    pattern = condition.value.value
    parameters.append(pattern)
    if pattern.isascii():
        return f"coalesce({column} LIKE ? ESCAPE '\\', 0)"
    return f"coalesce(fold({column}) LIKE fold(?) ESCAPE '\\', 0)"


def _wrong_literal(scope: Scope, path: Path, found: Field, literal: Literal) -> Refusal:
    quotes = "should be enclosed in quotes" if "text" in _LITERALS[found.type] else "should not be enclosed in quotes"
    wanted = _VENDOR_TYPE.get(found.type, found.type)
    return located(
        "INVALID_FIELD",
        scope.text,
        literal.at,
        f"value of filter criterion for field '{path}' must be of type {wanted} and {quotes}",
    )


def _value(scope: Scope, path: Path, found: Field, literal: Literal) -> Any:
    """The stored form of a literal; None for null and the empty text. Raises Refusal INVALID_FIELD."""
    if literal.kind == "null":
        return None
    if literal.kind not in _LITERALS[found.type]:
        raise _wrong_literal(scope, path, found, literal)
    match literal.kind:
        case "boolean":
            return int(literal.value == "true")
        case "number":
            return float(literal.value) if "." in literal.value else int(literal.value)
        case "date":
            day = parse_day(literal.value)
        case "datetime":
            at = parse_instant(literal.value)
            day = None if at is None else stamp(at)
        case _:
            text = plain(literal.value)
            if found.type not in ("id", "reference"):
                return text or None
            key = full(text) if text else None
            if key is None and text:
                raise located("INVALID_QUERY_FILTER_OPERATOR", scope.text, literal.at, f"invalid ID field: {text}")
            return key
    if day is None:
        raise _wrong_literal(scope, path, found, literal)
    return day


def order_sql(scope: Scope, orders: tuple[Order, ...], shuffled: bool) -> str:
    parts = []
    for order in orders:
        column, found = scope.column(order.path)
        if not found.filterable:
            raise located(
                "INVALID_FIELD", scope.text, order.path.at, f"field '{order.path}' can not be sorted in a query call"
            )
        collation = " COLLATE NOCASE" if found.type in TEXTS and not found.case_sensitive else ""
        direction, nulls = "DESC" if order.descending else "ASC", "LAST" if order.nulls_last else "FIRST"
        parts.append(f"{column}{collation} {direction} NULLS {nulls}")
    # What the query leaves open is not in order of Id, so that nobody comes to rely on it.
    return ", ".join([*parts, *(["substr(t.Id, 15, 1) DESC"] if shuffled else []), "t.Id"])


def compile_query(
    schema: Schema, query: Query, hidden: Callable[[SObject, str], bool], *, deleted: bool, shuffled: bool
) -> Compiled:
    """The SQL of a query. deleted: rows in the recycle bin too. Raises Refusal."""
    kind = schema.find(query.source)
    if kind is None:
        raise located(
            "INVALID_TYPE",
            query.text,
            query.source_at,
            f"sObject type '{query.source}' is not supported. If you are attempting to use a custom object, be sure to"
            " append the '__c' after the entity name. Please reference your WSDL or the describe call for the"
            " appropriate names.",
        )
    compiled = _compile(schema, query, kind, hidden, deleted=deleted, shuffled=shuffled)
    for child in query.children:
        compiled.shape.children[child.source] = _child(schema, kind, child, hidden, deleted, shuffled)
        compiled.shape.order.append(("child", child.source))
    return compiled


def _child(
    schema: Schema, kind: SObject, query: Query, hidden: Callable[[SObject, str], bool], deleted: bool, shuffled: bool
) -> Compiled:
    found = kind.children.get(query.source.lower())
    if found is None:
        raise located(
            "INVALID_TYPE",
            query.text,
            query.source_at,
            f"Didn't understand relationship '{query.source}' in FROM part of query call.",
        )
    name, link = found
    child = schema.objects[name]
    return _compile(schema, query, child, hidden, deleted=deleted, shuffled=shuffled, link=link)


def _compile(
    schema: Schema,
    query: Query,
    kind: SObject,
    hidden: Callable[[SObject, str], bool],
    *,
    deleted: bool,
    shuffled: bool,
    link: Field | None = None,
) -> Compiled:
    scope = Scope(schema, kind, query.text, hidden)
    columns = ["t.Id"]
    shape = Shape(kind, 0)
    for path in query.fields:
        _place(scope, shape, path, columns)
    if link is not None:
        columns.append(f't."{link.name}"')
    parameters: list[Any] = []
    conditions = [] if deleted else ["t.IsDeleted = 0"]
    if query.where is not None:
        conditions.append(condition_sql(scope, query.where, parameters))
    if link is not None:
        conditions.append(f't."{link.name}" IN (%s)')
    order = order_sql(scope, query.order, shuffled)
    where = " AND ".join(conditions) or "1"
    joins = " ".join(scope.joins)
    shown = "count(*)" if query.count else ", ".join(columns)
    sql = f'SELECT {shown} FROM "{kind.name}" AS t {joins} WHERE {where}'
    if link is None:
        sql += "" if query.count else f" ORDER BY {order}"
        if not query.count and (query.limit is not None or query.offset):
            sql += f" LIMIT {-1 if query.limit is None else query.limit} OFFSET {query.offset}"
    else:
        sql += f" ORDER BY {order}"
    return Compiled(kind, sql, parameters, shape, link.name if link else None, query.limit)


def _place(scope: Scope, shape: Shape, path: Path, columns: list[str]) -> None:
    """Put a selected field where it belongs in the answer, below its parents."""
    column, found = scope.column(path)
    names = path.names
    if len(names) > 1 and names[0].lower() == scope.kind.name.lower() and names[0].lower() not in scope.kind.parents:
        names = names[1:]
    at = shape
    for depth, name in enumerate(names[:-1], 1):
        link = at.kind.parents[name.lower()]
        called = link.parent or name
        if called not in at.parents:
            alias, kind = scope.table(path, names[:depth])
            columns.append(f"{alias}.Id")
            at.parents[called] = Shape(kind, len(columns) - 1)
            at.order.append(("parent", called))
        at = at.parents[called]
    columns.append(column)
    at.fields.append((found.name, found, len(columns) - 1))
    at.order.append(("field", found.name))
