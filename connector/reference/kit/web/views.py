"""Forms as templates show them: each control with its text, its choices, its error and what is stored now."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from connector.reference.kit.problems import ServiceError
from connector.reference.kit.web import show
from connector.reference.kit.web.forms import NUMERIC, Control, Input, Layout, Texts, to_text
from connector.reference.kit.web.tables import Fact

Option = tuple[str, str]
# The choices of a reference, or None when there are too many to list; and the text that stands for one of them.
Options = Callable[[str], Sequence[Option] | None]
Names = Callable[[str, str], str]
SPARE_LINES = 1


@dataclass(frozen=True, slots=True)
class FieldView:
    name: str
    kind: str
    label: str
    text: str
    required: bool = False
    options: Sequence[Option] | None = None
    lookup: str = ""
    unit: str = ""
    max_length: int | None = None
    error: str = ""
    note: str = ""
    css: str = ""
    wide: bool = False


@dataclass(frozen=True, slots=True)
class GroupView:
    title: str
    fields: tuple[FieldView, ...]


@dataclass(frozen=True, slots=True)
class LineView:
    number: int
    id: str
    id_name: str
    remove_name: str
    fields: tuple[FieldView, ...]
    total: str


@dataclass(frozen=True, slots=True)
class LinesView:
    heads: tuple[FieldView, ...]
    rows: tuple[LineView, ...]
    totals: tuple[Fact, ...]
    error: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class FormView:
    """A form: where it goes, the version and texts it was made from, its groups and lines."""

    action: str
    groups: tuple[GroupView, ...]
    version: str = ""
    was: str = ""
    button: str = "Save"
    cancel: str = ""
    dirty: bool = False
    lines: LinesView | None = None
    hint: str = ""


@dataclass(frozen=True, slots=True)
class State:
    """What stands in a form: its texts, the error per field, and what is stored now where that moved meanwhile."""

    input: Input
    errors: Mapping[str, str] = field(default_factory=dict)
    clashes: Texts = field(default_factory=dict)
    dirty: bool = False


class FormBuilder:
    """Makes the view of a form; `options` and `names` look into the other objects."""

    def __init__(self, options: Options, names: Names) -> None:
        self._options = options
        self._names = names

    def groups(self, form: Layout, state: State, fields: Mapping[str, object]) -> tuple[GroupView, ...]:
        """The groups of a form; `fields` are the stored values of the record, empty for a new one."""
        return tuple(
            GroupView(group.title, tuple(self._field(each, state, fields) for each in group.controls))
            for group in form.groups
        )

    def lines(self, form: Layout, state: State, fields: Mapping[str, object], totals: Sequence[Fact]) -> LinesView:
        """The rows of the lines with spare blank ones at the end; `totals` stand below."""
        stored = fields.get("lines")
        amounts = _line_totals(stored if isinstance(stored, Sequence) else ())
        rows: list[Texts] = [*state.input.lines]
        rows += [{"id": "", **{each.name: "" for each in form.lines}} for _ in range(SPARE_LINES)]
        views = tuple(self._line(form, at, row, state, amounts.get(row["id"], "")) for at, row in enumerate(rows))
        heads = tuple(FieldView(each.name, each.kind, each.title, "", css=_css(each)) for each in form.lines)
        clash = state.clashes.get("lines")
        note = (
            f"The lines have changed meanwhile ({clash} now). Yours are shown; saving replaces them." if clash else ""
        )
        return LinesView(heads, views, tuple(totals), state.errors.get("lines", ""), note)

    def _line(self, form: Layout, at: int, row: Texts, state: State, amount: str) -> LineView:
        views = []
        for each in form.lines:
            text = row.get(each.name, "")
            views.append(
                FieldView(
                    f"lines-{at}-{each.name}", each.kind, each.title, self._text(each, text),
                    options=self._choices(each, text), lookup=_lookup(each), max_length=each.max_length,
                    error=state.errors.get(f"lines[{at}].{each.name}", ""), css=_css(each),
                )
            )  # fmt: skip
        return LineView(at + 1, row["id"], f"lines-{at}-id", f"lines-{at}-remove", tuple(views), amount)

    def _field(self, each: Control, state: State, fields: Mapping[str, object]) -> FieldView:
        text = state.input.texts.get(each.name, "")
        note = ""
        if each.name in state.clashes:
            now = state.clashes[each.name]
            if each.kind == "ref" and now:
                now = self._names(each.ref, now)
            note = f"Stored now: {now}" if now else "Stored now: empty"
        unit = state.input.texts.get(each.unit) or to_text("text", fields.get(each.unit)) if each.unit != "%" else "%"
        return FieldView(
            each.name, each.kind, each.title, self._text(each, text), each.required, self._choices(each, text),
            _lookup(each), unit, each.max_length, state.errors.get(each.name, ""), note,
        )  # fmt: skip

    def _choices(self, each: Control, text: str) -> Sequence[Option] | None:
        if each.kind == "choice":
            return [(code, show.words(code)) for code in each.choices]
        if each.kind != "ref":
            return None
        found = self._options(each.ref)
        if found is None or not text or any(code == text for code, _ in found):
            return found
        return [*found, (text, self._names(each.ref, text))]

    def _text(self, each: Control, text: str) -> str:
        listed = each.kind != "ref" or not text or self._options(each.ref) is not None
        name = text if listed else self._names(each.ref, text)
        return text if listed or name == text else f"{name} ({text})"


def errors(error: ServiceError, form: Layout) -> tuple[dict[str, str], str]:
    """The sentence at its field, or the sentence for the whole page when the form does not show that field."""
    name = error.field or ""
    sentence = error.message.removeprefix(f"{name}: ")
    sentence = sentence[:1].upper() + sentence[1:]
    column = name.partition("].")[2]
    control = next((each for each in form.controls if each.name == name), None)
    control = control or next((each for each in form.lines if each.name == column), None)
    if control is None:
        return ({"lines": sentence}, "") if name.startswith("lines") and form.lines else ({}, error.message)
    if control.kind in NUMERIC and error.code == "invalid" and "between" not in sentence:
        sentence = "Must be a number, such as 12.50." if control.kind != "integer" else "Must be a whole number."
    return {name: sentence}, ""


def _css(each: Control) -> str:
    if each.name == "quantity":
        return "c-qty r"
    if each.unit == "%":
        return "c-pct r"
    return {"money": "c-money r", "ref": "c-ref"}.get(each.kind, "c-text")


def _lookup(each: Control) -> str:
    return f"/ui/options/{each.ref}" if each.kind == "ref" else ""


def _line_totals(lines: Sequence[object]) -> dict[str, str]:
    return {
        str(row["id"]): show.money(row.get("amount", row.get("total"))) for row in lines if isinstance(row, Mapping)
    }
