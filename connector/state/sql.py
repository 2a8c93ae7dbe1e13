"""One statement, two databases: statements are built from the tables once per dialect and run with positional rows.

Compiling ahead keeps the cost per record near that of the driver; building the same constructs on every call and
converting each parameter costs several times as much as SQLite itself.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import cached_property
from operator import itemgetter
from typing import Any

from sqlalchemy import Column, Dialect, Executable, Select, Table, bindparam, func, literal_column, select
from sqlalchemy.sql.elements import ColumnElement

Row = tuple[Any, ...]


class Make:
    """What differs between the two dialects: ON CONFLICT, and a list as one parameter."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self._prepared: dict[Statement, Prepared] = {}

    @cached_property
    def postgres(self) -> bool:
        return self.dialect.name == "postgresql"

    def insert(self, table: Table, names: Sequence[str]) -> Any:
        """INSERT of these columns, one parameter each, with `on_conflict_do_...` on both dialects."""
        if self.postgres:
            from sqlalchemy.dialects.postgresql import insert as postgres_insert

            statement: Any = postgres_insert(table)
        else:
            from sqlalchemy.dialects.sqlite import insert as sqlite_insert

            statement = sqlite_insert(table)
        return statement.values({name: bindparam(name) for name in names}).inline()

    def put(self, table: Table, names: Sequence[str], **special: Callable[[Any, Any], Any]) -> Any:
        """Insert, or replace the row with the same primary key. special: column -> f(old table, new row)."""
        keys = [column.name for column in table.primary_key]
        statement = self.insert(table, names)
        new = statement.excluded
        changed = {name: special[name](table.c, new) if name in special else new[name] for name in names}
        return statement.on_conflict_do_update(
            index_elements=keys, set_={name: value for name, value in changed.items() if name not in keys}
        )

    def among(self, column: Column[Any], name: str) -> ColumnElement[bool]:
        """`column` is one of a list given as ONE parameter (see `listed`): same text whatever the length."""
        if self.postgres:
            from sqlalchemy import any_
            from sqlalchemy.dialects.postgresql import ARRAY

            values: Any = any_(bindparam(name, type_=ARRAY(column.type)))
            found: ColumnElement[bool] = column == values
            return found
        each = func.json_each(bindparam(name)).table_valued("value")
        return column.in_(select(each.c.value))

    def listed(self, values: Collection[Any]) -> Any:
        """The parameter of `among`: an array for PostgreSQL, a JSON text for SQLite. Values: text or integers."""
        return list(values) if self.postgres else json.dumps(list(values))

    def prepared(self, statement: Statement) -> Prepared:
        found = self._prepared.get(statement)
        if found is None:
            found = self._prepared[statement] = Prepared(statement, self)
        return found


class Statement:
    """A statement by its builder; rows given to it follow `names`."""

    __slots__ = ("build", "names")

    def __init__(self, names: Sequence[str], build: Callable[[Make], Executable]) -> None:
        self.names = tuple(names)
        self.build = build


class Prepared:
    """Text for one dialect, and how a row in the order of `names` becomes one in the order of its parameters."""

    __slots__ = ("_pick", "text")

    def __init__(self, statement: Statement, make: Make) -> None:
        compiled: Any = statement.build(make).compile(dialect=make.dialect)  # type: ignore[attr-defined]
        order = tuple(compiled.positiontup or ())
        self.text = str(compiled)
        self._pick: Callable[[Row], Any] | None = None
        if order != statement.names:
            places = [statement.names.index(name) for name in order]
            self._pick = itemgetter(*places) if len(places) > 1 else _single(places)

    def row(self, row: Row) -> Row:
        return row if self._pick is None else self._pick(row)

    def rows(self, rows: Iterable[Row]) -> list[Row]:
        return list(rows) if self._pick is None else list(map(self._pick, rows))


def _single(places: Sequence[int]) -> Callable[[Row], Row]:
    return lambda row: tuple(row[place] for place in places)


def constant(value: int | str) -> ColumnElement[Any]:
    """A constant of our own inside a statement (a bound one would become a parameter)."""
    return literal_column(repr(value))


def limited(statement: Select[Any]) -> Select[Any]:
    """At most `limit` rows. (Without an offset of our own SQLite gets one as a parameter nobody fills.)"""
    return statement.limit(bindparam("limit")).offset(constant(0))
