"""One object of one subject in one test, and the words tests are written in."""

from __future__ import annotations

import functools
import inspect
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Any

import msgspec

from connector.clock import new_id
from connector.errors import ConnectorError
from connector.model.records import Key, Op, Outcome, Page, Record, Version, Write, WriteResult
from connector.ports import Capabilities, ObjectSchema
from connector.rest.paging import chunks
from connector.testing.contract.leaving_out import LeftOut
from connector.testing.contract.subject import Cannot, Sample, Subject
from connector.testing.contract.watched import Watched, is_one_of

_ENCODERS = {
    "string": msgspec.json.Encoder(decimal_format="string"),
    "number": msgspec.json.Encoder(decimal_format="number"),
}
_numbers = count(1)
_run = new_id()
LONGEST_WALK = 10_000


def next_number() -> int:
    """A number no other record of this process gets."""
    return next(_numbers)


@dataclass
class Case:
    """What a test works with. `adapter` is new and warm: it has described the system.

    Texts given to `tagged` are unlike any other record's, so that tests may share one system.
    """

    subject: Subject
    sample: Sample
    opened: list[Watched] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.adapter = self.open()
        self.adapter.describe()

    def open(self) -> Watched:
        """A further adapter, as another process would have it."""
        adapter = Watched(self.subject.open(), self.subject.secrets)
        self.opened.append(adapter)
        return adapter

    def close(self) -> None:
        for adapter in self.opened:
            adapter.close()

    @property
    def object(self) -> str:
        return self.sample.object

    @property
    def schema(self) -> ObjectSchema:
        return self.adapter.describe().objects[self.object]

    @property
    def can(self) -> Capabilities:
        return self.schema.capabilities

    # ------------------------------------------------------------------------------------------------ writes

    def fields(self, **more: Any) -> dict[str, Any]:
        """Valid fields of a new record, different from all others."""
        return {**self.sample.create(next_number()), **more}

    def body(self, fields: Mapping[str, Any]) -> bytes:
        return _ENCODERS[self.can.decimals].encode(fields)

    def token(self) -> str:
        return f"contract-{_run}-{next_number()}"

    def creating(
        self, fields: Mapping[str, Any] | None = None, *, token: str = "", external: tuple[str, str] | None = None
    ) -> Write:
        body = self.body(self.fields() if fields is None else fields)
        return Write(Op.CREATE, None, body, None, token or self.token(), external)

    def updating(
        self, key: Key, fields: Mapping[str, Any], version: Version | None = None, *, token: str = ""
    ) -> Write:
        return Write(Op.UPDATE, key, self.body(fields), version, token or self.token())

    def deleting(self, key: Key, version: Version | None = None, *, token: str = "") -> Write:
        return Write(Op.DELETE, key, b"", version, token or self.token())

    def write(self, *writes: Write) -> WriteResult:
        """One call through the port."""
        return self.adapter.write(self.object, writes)

    def one(self, write: Write) -> Outcome:
        return self.write(write).outcomes[0]

    def done(self, write: Write) -> Outcome:
        """The outcome of a write that has to be applied."""
        outcome = self.one(write)
        assert outcome.error is None, f"the {write.op} of a valid record was refused: {outcome.error!r}"
        return outcome

    def race(self, writes: Sequence[Write]) -> list[Outcome | Exception]:
        """Each write by a process of its own, all at once; outcomes or what was raised, in order."""
        others = [self.open() for _ in writes]
        for adapter in others:
            adapter.describe()
        calls = [partial(adapter.write, self.object, [write]) for adapter, write in zip(others, writes, strict=True)]
        return [result.outcomes[0] if isinstance(result, WriteResult) else result for result in at_once(calls)]

    def create(self, howmany: int = 1, **more: Any) -> list[Record]:
        """New records as the system shows them, written by the adapter."""
        return self.create_each([more] * howmany)

    def create_each(self, fields: Sequence[Mapping[str, Any]]) -> list[Record]:
        """A new record for each of these, in order."""
        keys: list[Key] = []
        for some in chunks(fields, self.can.batch_write):
            for outcome in self.write(*(self.creating(self.fields(**more)) for more in some)).outcomes:
                assert outcome.error is None, f"a create was refused: {outcome.error!r}"
                keys.append(str(outcome.key))
        found = self.adapter.read(self.object, keys)
        missing = [key for key in keys if key not in found]
        assert not missing, f"created and not readable: {missing}"
        return [found[key] for key in keys]

    def created(self, **more: Any) -> Record:
        return self.create(1, **more)[0]

    def change(self, number: int = 0) -> dict[str, Any]:
        """A change of the sample's second field; different numbers, different values."""
        name, values = self.sample.change
        return {name: values[number % len(values)]}

    # ------------------------------------------------------------------------------------------------- reads

    def read(self, key: Key) -> Record | None:
        return self.adapter.read(self.object, [key]).get(key)

    def shown(self, key: Key) -> Mapping[str, Any]:
        """The fields of a record that has to be live."""
        record = self.read(key)
        assert record is not None, f"{key} cannot be read"
        assert record.fields is not None, f"{key} shows no fields"
        return record.fields

    def is_live(self, key: Key) -> bool:
        record = self.read(key)
        return record is not None and not record.deleted and record.merged_into is None

    def named(self, *texts: str) -> list[Record]:
        """Live records with this text, asked through an adapter of its own."""
        return list(self.open().find(self.object, self.sample.text, texts))

    def walk(self, cursor: str | None, adapter: Watched | None = None) -> tuple[list[Record], str]:
        """The feed from the cursor to its end, and where to start next time."""
        pages = list(self.pages(cursor, adapter))
        return [record for page in pages for record in page.records], str(pages[-1].cursor)

    def pages(self, cursor: str | None, adapter: Watched | None = None) -> Iterator[Page]:
        for _ in range(LONGEST_WALK):
            page = (adapter or self.adapter).changes(self.object, cursor)
            yield page
            cursor = page.cursor
            if not page.more:
                return
        raise AssertionError(f"changes: no end after {LONGEST_WALK} pages")

    def cursor(self) -> str:
        """Where the feed is now."""
        return self.walk(None)[1]

    def scanned(self, adapter: Watched | None = None) -> list[Record]:
        records: list[Record] = []
        cursor: str | None = None
        for _ in range(LONGEST_WALK):
            page = (adapter or self.adapter).scan(self.object, cursor)
            records.extend(page.records)
            cursor = page.cursor
            if cursor is None:
                return records
        raise AssertionError(f"scan: no end after {LONGEST_WALK} pages")

    # ------------------------------------------------------------------------------------------------ others

    def needs(self, declared: bool, what: str) -> None:
        """Leaves an object out of the test that does not declare this."""
        if not declared:
            raise Cannot(f"{self.object} does not declare {what}")

    def may_create(self, howmany: int) -> None:
        if howmany > self.subject.most:
            raise Cannot(f"create {howmany} records of {self.object}; the subject allows {self.subject.most}")

    @contextmanager
    def counted(self, wanted: int | None, what: str) -> Iterator[None]:
        """The block makes that many calls to the system, where somebody counts; None: as many as it takes."""
        before = self.subject.calls()
        yield
        after = self.subject.calls()
        if wanted is not None and before is not None and after is not None:
            assert after - before == wanted, f"{what}: {after - before} calls, not {wanted}"


def only(records: Iterable[Record], key: Key, where: str) -> Record:
    """The one record of that key among those."""
    found = [record for record in records if record.key == key]
    assert len(found) == 1, f"{key} came {len(found)} times in {where}, not once"
    return found[0]


def sent(write: Write, name: str) -> Any:
    """What a write says of a field."""
    return msgspec.json.decode(write.body)[name]


def raised(go: Callable[[], Any]) -> ConnectorError | None:
    """The error of a call; None if it returned."""
    try:
        go()
    except ConnectorError as error:
        return error
    return None


def must_raise(go: Callable[[], Any], *errors: type[Exception], what: str = "the call") -> Exception:
    """The error of a call that has to raise one of these, and exactly one of these. what: the call, in words."""
    try:
        answer = go()
    except Exception as error:
        if is_one_of(error, errors):
            return error
        raise AssertionError(f"{what} raised {error!r}; {_names(errors)} was expected") from error
    raise AssertionError(f"{what} was answered; {_names(errors)} was expected. It gave {answer!r:.200}")


def _names(errors: Sequence[type[Exception]]) -> str:
    return " or ".join(error.__name__ for error in errors)


def failure(case: Case, write: Write, name: str = "") -> ConnectorError | None:
    """The error of one write, of the call or of its outcome. name: another object than the case's."""
    try:
        return case.adapter.write(name or case.object, [write]).outcomes[0].error
    except ConnectorError as error:
        return error


def fits(what: str, error: Exception | None, wanted: type[Exception] | None) -> None:
    """The error of a write is what it has to be; None: it was taken."""
    expected = f"{wanted.__name__} was expected" if wanted else "it has to be taken"
    right = error is None if wanted is None else is_one_of(error, (wanted,))
    assert right, f"{what} {'was taken' if error is None else f'got {error!r}'}; {expected}"


def twice(keys: Iterable[Key]) -> list[Key]:
    """Keys that came more than once, some of them."""
    return [key for key, count in Counter(keys).items() if count > 1][:5]


def at_once(actions: Sequence[Callable[[], Any]]) -> list[Any]:
    """Runs them in parallel, as close together as threads allow; results or exceptions in order."""
    results: list[Any] = [None] * len(actions)
    gate = threading.Barrier(len(actions))

    def run(number: int) -> None:
        gate.wait(30)
        try:
            results[number] = actions[number]()
        except Exception as error:
            results[number] = error

    threads = [threading.Thread(target=run, args=(n,), daemon=True) for n in range(len(actions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
        assert not thread.is_alive(), "a call did not come back within two minutes"
    return results


def each_object(test: Callable[..., None]) -> Callable[..., None]:
    """Runs a test for every sample of the subject. The test takes a Case where pytest gives the subject.

    Left out when no object can do what the test needs.
    """

    @functools.wraps(test)
    def run(self: Any, contract_subject: Subject, **given: Any) -> None:
        problems: list[Exception] = []
        cannot: list[str] = []
        for sample in contract_subject.samples:
            try:
                with contract_subject.quiet():
                    _run_one(test, self, Case(contract_subject, sample), given)
            except Cannot as reason:
                cannot.append(str(reason))
            except Exception as problem:
                problem.add_note(f"object: {sample.object}")
                problems.append(problem)
        if len(problems) == 1:
            raise problems[0]
        if problems:
            raise ExceptionGroup(f"{len(problems)} objects", problems)
        if len(cannot) == len(contract_subject.samples):
            raise LeftOut("; ".join(sorted(set(cannot))))

    _, _, *more = inspect.signature(test).parameters.values()
    first = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in ("self", "contract_subject")]
    run.__signature__ = inspect.Signature([*first, *more])  # type: ignore[attr-defined]
    return run


def _run_one(test: Callable[..., None], suite: Any, case: Case, given: Mapping[str, Any]) -> None:
    try:
        test(suite, case, **given)
    finally:
        case.close()
