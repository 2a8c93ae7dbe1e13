"""Batches of writes: rows as collections of 200, records with something beside their row as graphs. Contract: 3.

A collection answers each row by itself. A graph is done whole or not at all, and stands beside others in one call. A
call that is refused as a whole did nothing; it is halved until the refusal is about one write. A create that meets its
external key finds the record that has it, and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from connector.adapters.salesforce.client import GraphResult, Node, RowResult, SalesforceClient
from connector.adapters.salesforce.entries import Entries, entries
from connector.adapters.salesforce.failures import DUPLICATE, Problem, row_error
from connector.adapters.salesforce.kinds import MOST_NODES, ROOT, Change, Kind
from connector.adapters.salesforce.reading import Rows, Whole
from connector.adapters.salesforce.soql import identity, is_key
from connector.adapters.salesforce.table import DELETED, MASTER, Table
from connector.errors import ConnectorError, NotFoundError, RejectedError, TransientError, UncertainError
from connector.model.records import Key, Op, Outcome, Write

MOST_GRAPHS = 75
MOST_REFUSALS = 16
"""Whole calls that may be refused before a batch is left for another time: each costs a call."""


@dataclass(slots=True)
class Item:
    """One write of a batch. number: its place there. nodes: its requests, where it takes several."""

    number: int
    write: Write
    change: Change | None = None
    nodes: Sequence[Node] = ()


@dataclass(slots=True)
class _Done:
    """outcomes: by place. taken: creates that may have been done before, with what they are refused for if not. twins:
    creates whose external key is that of an earlier one, by place."""

    outcomes: dict[int, Outcome] = field(default_factory=dict)
    taken: list[tuple[Item, ConnectorError]] = field(default_factory=list)
    twins: dict[int, int] = field(default_factory=dict)


_Send: TypeAlias = Callable[[Sequence[Item]], None]


class Writer:
    """Writes of one object. rows: how it is read. prices: the entries of price books, where there are any."""

    def __init__(self, client: SalesforceClient, rows: Rows, prices: Table | None) -> None:
        self._client = client
        self._rows = rows
        self._prices = prices

    @property
    def _kind(self) -> Kind:
        return self._rows.kind

    def write(self, writes: Sequence[Write]) -> list[Outcome]:
        """One outcome each. Raises what befell the only call there was."""
        done = _Done()
        items = self._checked(writes, done)
        if writes[0].op is Op.DELETE:
            self._deal([(items, lambda some: self._delete(some, done))], done)
        else:
            plain = [item for item in items if item.change and not item.change.inside]
            large = [item for item in items if item.change and item.change.inside]
            large = self._planned(large, done)
            parts: list[tuple[Sequence[Item], _Send]] = [(plain, lambda some: self._collection(some, done))]
            parts += [(part, lambda some: self._graphs(some, done)) for part in _payloads(large)]
            self._deal(parts, done)
        self._found_again(done)
        for number, first in done.twins.items():
            one = done.outcomes[first]
            done.outcomes[number] = Outcome(one.key, one.record, one.error, existed=one.error is None)
        return [done.outcomes[number] for number in range(len(writes))]

    # ------------------------------------------------------------------------------------------------ before

    def _checked(self, writes: Sequence[Write], done: _Done) -> list[Item]:
        """The writes that can be sent. Of two creates with one external key the first is."""
        items: list[Item] = []
        seen: dict[tuple[str, str], int] = {}
        for number, write in enumerate(writes):
            try:
                if write.op is not Op.CREATE and not is_key(write.key or ""):
                    raise NotFoundError(f"{self._client.place} has no {self._kind.name} {write.key}.")
                change = self._kind.checked(write, create=write.op is Op.CREATE) if write.op is not Op.DELETE else None
            except (RejectedError, NotFoundError) as error:
                done.outcomes[number] = Outcome(write.key, None, error)
                continue
            external = change.external if change else None
            if external in seen:
                done.twins[number] = seen[external]
                continue
            if external is not None:
                seen[external] = number
            items.append(Item(number, write, change))
        return items

    def _planned(self, items: Sequence[Item], done: _Done) -> list[Item]:
        """With the requests of each, for which the records are read as they are now."""
        there = self._rows.wholes([str(item.write.key) for item in items if item.write.key is not None])
        needed = {product for item in items if item.change for product in self._kind.needs(item.change)}
        prices = entries(self._client, self._prices, needed) if needed and self._prices else Entries([])
        ready: list[Item] = []
        for item in items:
            try:
                item.nodes = self._nodes(item, there.get(item.write.key or ""), prices)
            except (RejectedError, NotFoundError) as error:
                self._refused(item, error, done)
                continue
            if item.nodes:
                ready.append(item)
            else:
                done.outcomes[item.number] = Outcome(item.write.key, None)
        return ready

    def _nodes(self, item: Item, whole: Whole | None, prices: Entries) -> Sequence[Node]:
        assert item.change is not None
        if item.change.create:
            return self._kind.nodes(self._client, item.change, {}, (), prices)
        if whole is None or whole.row.get(DELETED) or whole.row.get(MASTER):
            raise NotFoundError(f"{self._client.place} does not have {self._kind.name} {item.write.key}.")
        return self._kind.nodes(self._client, item.change, whole.row, whole.inside, prices)

    # ------------------------------------------------------------------------------------------------ sending

    def _deal(self, parts: Sequence[tuple[Sequence[Item], _Send]], done: _Done) -> None:
        """Sends each part. What befalls a part is raised where nothing else was sent, and else its items' outcome."""
        parts = [(items, send) for items, send in parts if items]
        for items, send in parts:
            try:
                if len(items) == 1:
                    send(items)
                else:
                    self._halving(items, send, done, MOST_REFUSALS)
            except ConnectorError as error:
                if not done.outcomes and not done.taken and len(parts) == 1:
                    raise
                for item in items:
                    done.outcomes.setdefault(item.number, Outcome(item.write.key, None, error))

    def _halving(self, items: Sequence[Item], send: _Send, done: _Done, left: int) -> int:
        """Sends all at once; where that is refused nothing was done, and each half goes by itself.

        left: how many refusals may yet be looked into; gives what is left of it.
        """
        try:
            send(items)
            return left
        except RejectedError as error:
            refusal = error
        if len(items) == 1:
            done.outcomes[items[0].number] = Outcome(items[0].write.key, None, refusal)
        elif not left:
            put_off = TransientError(f"{refusal} It is about one of {len(items)} writes, which go alone next time.")
            done.outcomes.update((item.number, Outcome(item.write.key, None, put_off)) for item in items)
        else:
            middle = len(items) // 2
            left = self._halving(items[:middle], send, done, left - 1)
            left = self._halving(items[middle:], send, done, left)
        return left

    def _collection(self, items: Sequence[Item], done: _Done) -> None:
        records = [self._record(item) for item in items]
        create = items[0].write.op is Op.CREATE
        results = self._client.create(records) if create else self._client.update(records)
        for item, result in zip(items, results, strict=True):
            self._result(item, result, done)

    def _record(self, item: Item) -> Mapping[str, Any]:
        assert item.change is not None
        key = {"id": item.write.key} if item.write.key is not None else {}
        return {"attributes": {"type": self._kind.name}, **key, **item.change.root}

    def _delete(self, items: Sequence[Item], done: _Done) -> None:
        results = self._client.delete([str(item.write.key) for item in items])
        for item, result in zip(items, results, strict=True):
            self._result(item, result, done)

    def _result(self, item: Item, result: RowResult, done: _Done) -> None:
        if not result.success:
            self._failed(item, result.errors, done)
            return
        key = item.write.key or identity(result.id)
        unnamed = UncertainError(f"{self._client.place} made a record and did not say which; it is looked for.")
        done.outcomes[item.number] = Outcome(key, None, unnamed if key is None else None)

    def _graphs(self, items: Sequence[Item], done: _Done) -> None:
        results = self._client.graphs([item.nodes for item in items])
        for item, result in zip(items, results, strict=True):
            if result.problems:
                self._failed(item, result.problems, done, ref=result.ref)
            else:
                self._result(item, _as_row(item, result), done)

    def _failed(self, item: Item, problems: Sequence[Problem], done: _Done, *, ref: str = ROOT) -> None:
        """ref: the node that was refused. What is gone beside the record itself is a refusal, not its end."""
        create = item.write.op is Op.CREATE
        error = row_error(self._client.place, problems, create=create or ref != ROOT)
        if ref == ROOT and any(problem.code == DUPLICATE for problem in problems):
            self._refused(item, error, done)
        else:
            done.outcomes[item.number] = Outcome(item.write.key, None, error)

    def _refused(self, item: Item, error: ConnectorError, done: _Done) -> None:
        """A create that has been done before is refused for that, or for what has changed since."""
        if item.change and item.change.external:
            done.taken.append((item, error))
        else:
            done.outcomes[item.number] = Outcome(item.write.key, None, error)

    # ------------------------------------------------------------------------------------------------ afterwards

    def _found_again(self, done: _Done) -> None:
        """Creates that were done before are those of the record that has their external key."""
        wanted: dict[str, list[tuple[Item, ConnectorError, str]]] = {}
        for item, refusal in done.taken:
            if item.change and item.change.external:
                name, value = item.change.external
                wanted.setdefault(name, []).append((item, refusal, value))
        for name, some in wanted.items():
            try:
                found = {str((one.fields or {})[name]): one for one in self._rows.find(name, [one[2] for one in some])}
            except ConnectorError as error:
                done.outcomes.update((item.number, Outcome(None, None, error)) for item, _, _ in some)
                continue
            for item, refusal, value in some:
                there = found.get(value)
                done.outcomes[item.number] = (
                    Outcome(there.key, there, existed=True) if there else Outcome(None, None, refusal)
                )


def _payloads(items: Sequence[Item]) -> Iterator[list[Item]]:
    """As many graphs at a time as one call takes."""
    part: list[Item] = []
    nodes = 0
    for item in items:
        if part and (len(part) == MOST_GRAPHS or nodes + len(item.nodes) > MOST_NODES):
            yield part
            part, nodes = [], 0
        part.append(item)
        nodes += len(item.nodes)
    if part:
        yield part


def _as_row(item: Item, result: GraphResult) -> RowResult:
    key: Key | None = item.write.key or result.ids.get(ROOT)
    return RowResult(True, [], key)
