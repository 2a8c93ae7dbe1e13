"""Orders, opportunities and invoices: a row with its lines, written as one graph. Contract: 3.3, 7.

A line of an order or an opportunity names its product through the entry of a price book, once and for all. When an
order is activated its lines and its price book are frozen. Lines come in the order they were made in, those of an
invoice by their number.

Keys of lines in another system often count within their document, and the fields that hold them are unique in the whole
org: such a field holds `document|line`, as the contract has it for entries of price books, and shows the line's part.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote, unquote

from connector.adapters.salesforce.client import Node, Row, SalesforceClient
from connector.adapters.salesforce.entries import CURRENCY, Entries
from connector.adapters.salesforce.kinds import MOST_NODES, Change, Inner, Kind, World, written
from connector.adapters.salesforce.prices import same_currency
from connector.adapters.salesforce.soql import identity
from connector.adapters.salesforce.table import Table
from connector.errors import RejectedError
from connector.ports import FieldSchema

LINES = "lines"
PRODUCT = "Product2Id"
ENTRY_ID = "PricebookEntryId"
BOOK = "Pricebook2Id"
STATUS = "Status"
NUMBER = "Line_Number__c"
SHORT = 40
"""Characters of a document's key that are taken as they are into the keys of its lines, which have 80."""


class Document(Kind):
    """A row with lines. priced: lines name their product through a price book."""

    inner: Inner

    def __init__(self, table: Table, world: World, lines: Table, link: str) -> None:
        self.inner = Inner(lines, link)
        self.priced = lines.has(ENTRY_ID)
        self.numbered = NUMBER in lines.columns
        columns = lines.columns.values()
        self.keys = frozenset(one.name for one in columns if one.unique and one.external_id and one.kind == "text")
        hidden = {link, ENTRY_ID}
        self.line_columns = [name for name in lines.columns if name not in hidden]
        super().__init__(table, world)

    def described(self) -> Sequence[FieldSchema]:
        lines = {name: self.inner.table.columns[name].schema() for name in self.line_columns}
        lines["id"] = FieldSchema("id", "text")
        if self.priced:
            lines[PRODUCT] = FieldSchema(PRODUCT, "text", required=True)
        found = list(super().described())
        if self.priced and CURRENCY not in self.table.columns and self.world.currency is not None:
            found.append(FieldSchema(CURRENCY, "text", max_length=3))
        return [*found, FieldSchema(LINES, "lines", lines=lines)]

    # ------------------------------------------------------------------------------------------------ reading

    def shown(self, row: Row, inside: Sequence[Row]) -> dict[str, Any]:
        fields = super().shown(row, inside)
        if CURRENCY in self.fields and CURRENCY not in fields:
            fields[CURRENCY] = self.world.currency
        return {**fields, LINES: [self.line(one) for one in self.ordered(inside)]}

    def line(self, row: Row) -> dict[str, Any]:
        fields = self.inner.table.shown(row, self.line_columns)
        own = {name: line_key(fields[name]) for name in self.keys if fields[name] is not None}
        return {"id": identity(row["Id"]), **fields, **own}

    def ordered(self, inside: Sequence[Row]) -> list[Row]:
        """A line without a number comes last."""
        if not self.numbered:
            return sorted(inside, key=lambda row: str(row["Id"]))
        return sorted(inside, key=lambda row: (row[NUMBER] is None, row[NUMBER] or 0, str(row["Id"])))

    # ------------------------------------------------------------------------------------------------ writing

    def parted(self, body: dict[str, Any], *, create: bool) -> tuple[dict[str, Any], Mapping[str, Any]]:
        root = {name: value for name, value in body.items() if name != LINES}
        if CURRENCY in root and CURRENCY not in self.table.columns and self.world.currency is not None:
            same_currency(root.pop(CURRENCY), self.world.currency)
        if LINES not in body or (create and not body[LINES]):
            return root, {}
        lines = body[LINES] or []
        if not isinstance(lines, list) or not all(isinstance(line, dict) for line in lines):
            raise RejectedError(f"`{LINES}` takes a list of lines.")
        if create and any(line.get("id") for line in lines):
            raise RejectedError("a new record cannot have lines that are there already.")
        return root, {LINES: [self._checked(line) for line in lines]}

    def _checked(self, line: Mapping[str, Any]) -> dict[str, Any]:
        """A line of a body: its id, if it is there already, and its fields."""
        key = line.get("id")
        fields = {name: value for name, value in line.items() if name not in ("id", PRODUCT)}
        done = {
            name: written(self.inner.table, name, value, create=key is None, above="lines.")
            for name, value in fields.items()
        }
        if PRODUCT in line and self.priced:
            done[PRODUCT] = self.inner.table.columns[PRODUCT].written(line[PRODUCT], f"lines.{PRODUCT}")
        elif PRODUCT in line:
            done[PRODUCT] = written(self.inner.table, PRODUCT, line[PRODUCT], create=key is None, above="lines.")
        if key is None and self.priced and not done.get(PRODUCT):
            raise RejectedError(f"`lines.{PRODUCT}` is required; a line sells a product here.")
        return {**done, "id": identity(key)} if key is not None else done

    def needs(self, change: Change) -> set[str]:
        if not self.priced:
            return set()
        return {line[PRODUCT] for line in change.inside.get(LINES, ()) if line.get("id") is None}

    def nodes(
        self, client: SalesforceClient, change: Change, row: Row, inside: Sequence[Row], prices: Entries
    ) -> list[Node]:
        change = self._with_book(change, row)
        made = super().nodes(client, change, row, inside, prices)
        lines = list(self._lines(client, change, row, inside, prices)) if LINES in change.inside else []
        if len(made) + len(lines) >= MOST_NODES:
            raise RejectedError(f"{self.name}: {len(lines)} lines are more than one call may write ({MOST_NODES}).")
        return [*made, *lines]

    def _with_book(self, change: Change, row: Row) -> Change:
        """With the price book its lines will be from."""
        if not self.priced or row.get(BOOK) or change.root.get(BOOK) or not change.inside.get(LINES):
            return change
        if self.world.book is None:
            raise RejectedError(f"{self.name}: this user sees no price book, and a line needs one: see `price_book`.")
        return replace(change, root={**change.root, BOOK: self.world.book})

    def _lines(
        self, client: SalesforceClient, change: Change, row: Row, inside: Sequence[Row], prices: Entries
    ) -> Iterator[Node]:
        table = self.inner.table.name
        there = {str(identity(one["Id"])): one for one in inside}
        wanted = list(self._with_numbers(change.inside[LINES], there))
        kept = [line["id"] for line in wanted if "id" in line]
        if len(kept) != len(set(kept)) or not there.keys() >= set(kept):
            raise RejectedError(f"{self.name}: `lines` names a line twice or one that is not there; read it again.")
        for number, key in enumerate(key for key in there if key not in kept):
            yield client.node("DELETE", table, key, None, f"gone{number}")
        link = {self.inner.link: "@{root.id}" if change.create else str(row["Id"])}
        document = str(row["Id"]) if not change.create else _named(change)
        for number, line in enumerate(wanted):
            if "id" not in line:
                body = {**link, **self._entered(line, {**row, **change.root}, prices)}
                yield client.node("POST", table, None, self._keyed(body, document), f"line{number}")
            elif body := self._differing(line, self.line(there[line["id"]])):
                yield client.node("PATCH", table, line["id"], self._keyed(body, document), f"line{number}")

    def _keyed(self, body: dict[str, Any], document: str) -> dict[str, Any]:
        """With keys of lines that no other document's lines have. Raises RejectedError."""
        columns = self.inner.table.columns
        keys = {name: f"{document}|{quote(body[name], safe=' /')}" for name in self.keys if body.get(name)}
        return {**body, **{name: columns[name].written(key, f"lines.{name}") for name, key in keys.items()}}

    def _entered(self, line: Mapping[str, Any], row: Mapping[str, Any], prices: Entries) -> dict[str, Any]:
        """A new line, its product named as Salesforce wants it. row: the record as it will be."""
        if not self.priced:
            return dict(line)
        book = identity(row.get(BOOK)) or ""
        rest = {name: value for name, value in line.items() if name != PRODUCT}
        try:
            return {ENTRY_ID: prices.pick(line[PRODUCT], book, row.get(CURRENCY)), **rest}
        except RejectedError as error:
            raise RejectedError(f"{self.name}: {error}") from None

    def _differing(self, line: Mapping[str, Any], shown: Mapping[str, Any]) -> dict[str, Any]:
        """What of a line is to change. A quantity takes its price along: alone, it would move the price."""
        body = {name: value for name, value in line.items() if name != "id" and shown.get(name) != value}
        if self.priced and PRODUCT in body:
            raise RejectedError(f"{self.name}: a line cannot change its product in Salesforce; replace the line.")
        if self.priced and "Quantity" in body and "UnitPrice" not in body:
            body["UnitPrice"] = shown["UnitPrice"]
        return body

    def _with_numbers(
        self, lines: Sequence[Mapping[str, Any]], there: Mapping[str, Row]
    ) -> Iterator[Mapping[str, Any]]:
        """The lines with numbers that rise, where they have numbers; one that fits is left."""
        last = 0
        for line in lines:
            now = there.get(line.get("id", ""), {}).get(NUMBER)
            if not self.numbered or NUMBER in line:
                yield line
            elif now is not None and now > last:
                last = now
                yield line
            else:
                last = int(last) + 1
                yield {**line, NUMBER: last}


def _named(change: Change) -> str:
    """What a new document is called in the keys of its lines: as its own key, if that is short."""
    name = quote(change.external[1] if change.external else change.token, safe=" /")
    return name if len(name) <= SHORT else hashlib.blake2b(name.encode(), digest_size=10).hexdigest()


def line_key(value: str) -> str:
    """The line's part of a key. One without a document's part is whole."""
    return unquote(value.rpartition("|")[2]) if "|" in value else value


class Order(Document):
    """`Order`: made as a draft, and activated by an update that says nothing but its status. draft: the label of the
    draft. activates: whether another status may be written."""

    def __init__(self, table: Table, world: World, lines: Table, *, draft: str, activates: bool) -> None:
        self._draft = draft
        self._activates = activates
        super().__init__(table, world, lines, "OrderId")

    def described(self) -> Sequence[FieldSchema]:
        # What is not said of the status is said here.
        return [replace(one, required=False) if one.name == STATUS else one for one in super().described()]

    def parted(self, body: dict[str, Any], *, create: bool) -> tuple[dict[str, Any], Mapping[str, Any]]:
        root, inside = super().parted(body, create=create)
        status = root.get(STATUS)
        if status not in (None, self._draft) and not self._activates:
            raise RejectedError(f"`{STATUS}` {status}: the configuration does not let orders be activated from here.")
        if create and status in (None, self._draft):
            return {**root, STATUS: self._draft}, inside
        if status is None or (len(root) == 1 and not inside):
            return root, inside
        # Beside other changes the status goes alone, in a request of its own.
        rest = {name: value for name, value in root.items() if name != STATUS}
        return ({**rest, STATUS: self._draft} if create else rest), {**inside, STATUS: status}

    def nodes(
        self, client: SalesforceClient, change: Change, row: Row, inside: Sequence[Row], prices: Entries
    ) -> list[Node]:
        active = row.get("StatusCode", row.get(STATUS)) not in (None, "Draft", self._draft)
        opened = active and change.inside.get(STATUS) == self._draft
        if active and not opened and (LINES in change.inside or BOOK in change.root) and self._touched(change, inside):
            raise RejectedError(f"{self.name}: the order is activated, which freezes its lines and its price book.")
        made = super().nodes(client, change, row, inside, prices)
        if STATUS not in change.inside:
            return made
        key = "@{root.id}" if change.create else str(row["Id"])
        status = client.node("PATCH", self.name, key, {STATUS: change.inside[STATUS]}, "status")
        return [status, *made] if opened else [*made, status]

    def _touched(self, change: Change, inside: Sequence[Row]) -> bool:
        """Whether a change is one of the lines, or names them as they are."""
        if BOOK in change.root:
            return True
        there = {line["id"]: line for line in map(self.line, inside)}
        wanted = change.inside[LINES]
        same = [line.get("id") for line in wanted] == [line["id"] for line in map(self.line, self.ordered(inside))]
        return not same or any(self._differing(line, there[line["id"]]) for line in wanted)
