"""Promises about lines: none is lost, none comes twice, each stays in its place and keeps its id."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from connector.errors import RejectedError
from connector.testing.contract.case import Case, each_object, failure, next_number
from connector.testing.contract.subject import Cannot, Fields, Sample

_PLAIN = re.compile(r"-?(0|[1-9][0-9]*)([.][0-9]+)?")
MOST = 5
"""Lines one record is given."""


class HoldsLines:
    """Tests of lines. They compare what was written line by line; what a system shows beside that is its own matter."""

    @each_object
    def test_lines_are_created_each_once_and_in_order(self, case: Case) -> None:
        for name, pool in _pools(case).items():
            lists = [pool, pool[::-1], pool[:1]]
            records = case.create_each([{name: lines} for lines in lists])
            for record, lines in zip(records, lists, strict=True):
                _Lines(case, name, record.key).look("a create", lines)

    @each_object
    def test_one_line_is_changed_and_the_others_stay(self, case: Case) -> None:
        for name, pool in _pools(case).items():
            lines = _Lines.created(case, name, pool[:-1])
            lines.write("the change of one line", *lines.now[:-1], (lines.now[-1][0], pool[-1]))
            lines.write("changing it back", *lines.now[:-1], (lines.now[-1][0], pool[-2]))

    @each_object
    def test_a_line_is_added_and_the_others_stay(self, case: Case) -> None:
        for name, pool in _pools(case).items():
            lines = _Lines.created(case, name, pool[:-1])
            lines.write("adding one line", *lines.now, (None, pool[-1]))

    @each_object
    def test_a_line_is_dropped_and_the_others_stay(self, case: Case) -> None:
        for name, pool in _pools(case).items():
            lines = _Lines.created(case, name, pool)
            lines.write("dropping the first line", *lines.now[1:])
            lines.write("adding it again", *lines.now, (None, pool[0]))

    @each_object
    def test_all_lines_are_dropped_or_that_is_refused(self, case: Case) -> None:
        for name, pool in _pools(case).items():
            lines = _Lines.created(case, name, pool)
            error = failure(case, case.updating(lines.key, {name: []}))
            assert error is None or isinstance(error, RejectedError), f"an empty `{name}`: {error!r}"
            lines.look("an empty list", [] if error is None else pool)

    @each_object
    def test_a_line_keeps_what_an_update_does_not_name(self, case: Case) -> None:
        asked = False
        for name, pool in _pools(case).items():
            lines = _Lines.created(case, name, pool)
            known = case.schema.fields[name].lines
            for field, value in pool[0].items():
                if not lines.ids or value is None or (field in known and known[field].required):
                    continue
                asked = True
                (key, first), *others = lines.now
                lines.write(f"a write without `{field}`", (key, without(first, field)), *others, kept=pool)
        if not asked:
            raise Cannot(f"{case.object}: lines have no ids, or no field that may be left out")


class _Lines:
    """The lines of one record. now: id and fields of each, as they have to be. used: every id a line ever had."""

    def __init__(self, case: Case, name: str, key: str) -> None:
        self.case = case
        self.name = name
        self.key = key
        self.now: list[tuple[Any, Fields]] = []
        self.used: set[str] = set()

    @classmethod
    def created(cls, case: Case, name: str, lines: Sequence[Fields]) -> _Lines:
        made = cls(case, name, case.created(**{name: lines}).key)
        made.look("a create", lines)
        return made

    @property
    def ids(self) -> bool:
        """Whether the system gives lines ids."""
        return bool(self.used)

    def write(self, what: str, *lines: tuple[Any, Fields], kept: Sequence[Fields] = ()) -> None:
        """These lines instead of those before, by id where they have one. kept: what they are then, if not this."""
        id_ = self.case.sample.line_key
        body = [fields if key is None else {id_: key, **fields} for key, fields in lines]
        outcome = self.case.done(self.case.updating(self.key, {self.name: body}))
        self.look(what, kept or [fields for _, fields in lines], [key for key, _ in lines])
        if outcome.record is not None and outcome.record.fields is not None:
            now = self.case.shown(self.key).get(self.name)
            assert outcome.record.fields.get(self.name) == now, f"`{self.name}`: the answer to {what} shows others"

    def look(self, what: str, wanted: Sequence[Fields], ids: Sequence[Any] = ()) -> None:
        """The record has these lines now. ids: those of the lines that were there before, None for a new one."""
        shown = self.case.shown(self.key).get(self.name) or []
        problem = difference(shown, wanted, alike)
        assert problem is None, f"`{self.name}` after {what}: {problem}"
        keys = [line.get(self.case.sample.line_key) for line in shown]
        if any(key is not None for key in keys):
            self._ids(what, keys, ids or [None] * len(keys))
        elif keys:
            id_ = self.case.sample.line_key
            assert not self.ids, f"`{self.name}` after {what}: the lines show no ids any more"
            known = self.case.schema.fields[self.name].lines
            assert id_ not in known, f"`{self.name}`: the `{id_}` of a line is described, and no line shows it"
        self.now = list(zip(keys, wanted, strict=True))

    def _ids(self, what: str, keys: Sequence[Any], before: Sequence[Any]) -> None:
        where = f"`{self.name}` after {what}"
        assert None not in keys, f"{where}: some lines have an id and some have none"
        assert len(set(map(str, keys))) == len(keys), f"{where}: two lines have one id: {keys}"
        for number, (key, old) in enumerate(zip(keys, before, strict=True), 1):
            if old is None:
                assert str(key) not in self.used, f"{where}: the new line {number} got the id of another, {key}"
            else:
                assert key == old, f"{where}: line {number} has the id {key} and had {old}; a line keeps its id"
        self.used.update(map(str, keys))


def lines_in(value: Any) -> bool:
    """Whether a value is a list of lines."""
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(line, Mapping) for line in value)


def pools(sample: Sample) -> dict[str, list[Fields]]:
    """Different lines for each field that holds lines, from what the sample creates and keeps."""
    found: dict[str, list[Fields]] = {}
    given = [item for _ in range(3) for item in sample.create(next_number()).items()]
    for name, value in [*given, *((name, value) for name, values in sample.kept.items() for value in values)]:
        for line in value if lines_in(value) else ():
            bare = without(line, sample.line_key)
            some = found.setdefault(name, [])
            if bare not in some and len(some) < MOST:
                some.append(bare)
    return found


def difference(shown: Any, wanted: Sequence[Fields], same: Callable[[Any, Any], bool]) -> str | None:
    """What is wrong with the lines shown, compared by the fields that were written; None if nothing is."""
    if not isinstance(shown, list | tuple) or not all(isinstance(line, Mapping) for line in shown):
        return f"{shown!r:.200} is no list of lines"

    def fits(line: Fields, given: Fields) -> bool:
        return all(same(line.get(name), value) for name, value in given.items())

    if len(shown) == len(wanted) and all(map(fits, shown, wanted)):
        return None
    left, lost = list(shown), []
    for given in wanted:
        match = next((line for line in left if fits(line, given)), None)
        if match is None:
            lost.append(given)
        else:
            left.remove(match)
    if not lost and not left:
        return f"the lines came in another order: {list(shown)!r:.300}"
    said = [f"lines written: {len(wanted)}, shown: {len(shown)}"]
    said += [f"lost or changed: {lost!r:.300}"] if lost else []
    said += [f"not written so: {left!r:.300}"] if left else []
    return "; ".join(said)


def alike(shown: Any, value: Any) -> bool:
    """Equal; an amount may come with fewer or more zeros at its end, also where it travels as text."""
    amounts = [_amount(shown), _amount(value)]
    return bool(shown == value) if None in amounts else amounts[0] == amounts[1]


def _amount(value: Any) -> Decimal | None:
    """The number, unless it is a text that may be a code: 007, 1e5."""
    plain = _PLAIN.fullmatch(value) if isinstance(value, str) else isinstance(value, int | Decimal)
    return Decimal(value) if plain and not isinstance(value, bool) else None


def too_few(sample: Sample, pool: Mapping[str, Sequence[Fields]]) -> str | None:
    """What to give where nobody would notice a line that is lost or moved; None where the lines do."""
    for name, lines in pool.items():
        if len(lines) < 2:
            return (
                f"`{sample.object}.{name}` holds lines and the sample knows {len(lines)} of them; give `create` or "
                "`kept` at least two that differ, better three, or nobody notices one that is lost or moved"
            )
    return None


def _pools(case: Case) -> dict[str, list[Fields]]:
    found = pools(case.sample)
    if not found:
        raise Cannot(f"{case.object} has no lines")
    few = too_few(case.sample, found)
    assert few is None, few
    return found


def without(fields: Fields, name: str) -> Fields:
    """The fields but one."""
    return {inner: value for inner, value in fields.items() if inner != name}
