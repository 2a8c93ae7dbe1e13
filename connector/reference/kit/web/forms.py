"""Forms without loss: what a person saw, what they typed, what is stored now. Pure.

A form carries the texts it was shown with (`was`), so that saving sends only what the person changed, and a record that
moved meanwhile is brought together with the input field by field instead of one overwriting the other.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as attribute

from connector.reference.kit.objects import Field, ObjectType
from connector.reference.kit.web.show import decimal, label, words

Texts = dict[str, str]
LineTexts = list[Texts]
# What a browser itself does to the value of a one-line field.
GROUPING = re.compile(r"(?<=\d)[\s,_'](?=\d{3}(?:\D|$))")
NEWLINES = re.compile(r"[\r\n]+")
# More than an order may have, so that a list that is too long is refused and never cut.
MAX_LINES = 1100


KINDS = {
    "decimal": "number", "amount": "money", "price": "money", "integer": "integer", "date": "date", "boolean": "bool",
    "choice": "choice", "reference": "ref", "currency": "code", "country": "code",
}  # fmt: skip
NAMED_KINDS = {"phone": "phone", "fax": "phone", "mobile": "phone", "email": "email"}
# A text that may be this long is written on several lines.
LONG_TEXT = 5000
NUMERIC = ("money", "number", "integer")


@dataclass(frozen=True, slots=True)
class Control:
    """One control of a form, made from a field of the object.

    `kind` is text, area, email, phone, code (capital letters), date, money, number, integer, choice, bool or ref.
    """

    name: str
    kind: str
    title: str
    required: bool = False
    choices: tuple[str, ...] = ()
    ref: str = ""
    max_length: int | None = None
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """Controls shown together under a heading."""

    title: str
    controls: tuple[Control, ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """The form of one object: its groups, and the controls of its lines where it has any."""

    groups: tuple[Group, ...]
    lines: tuple[Control, ...] = ()

    @property
    def controls(self) -> tuple[Control, ...]:
        return tuple(each for group in self.groups for each in group.controls)

    @property
    def names(self) -> frozenset[str]:
        return frozenset((*(each.name for each in self.controls), *(("lines",) if self.lines else ())))


def layout(type: ObjectType, groups: Mapping[str, Sequence[str]], lines: Sequence[str] = ()) -> Layout:  # noqa: A002
    """The form of an object from the names of its fields per heading; the rest comes from the object itself."""
    return Layout(
        tuple(
            Group(title, tuple(control(type.by_name[name], title) for name in names)) for title, names in groups.items()
        ),
        tuple(control(type.line_fields[name], "") for name in lines),
    )


def control(field: Field, group: str) -> Control:
    kind = NAMED_KINDS.get(field.name) or KINDS.get(field.type, "text")
    if kind == "text" and (field.max_length or 0) > LONG_TEXT:
        kind = "area"
    title = label(field.name, field.ref is not None)
    for prefix in ("Billing ", "Shipping ", "Ship "):
        if prefix.strip().lower() in group.lower() and title.startswith(prefix):
            title = words(title.removeprefix(prefix))
    return Control(
        field.name,
        kind,
        title,
        required=field.required,
        choices=field.choices,
        ref=field.ref or "",
        max_length=field.max_length,
        unit="%" if field.name.endswith("_percent") else field.currency if kind == "money" else "",
    )


@dataclass(slots=True)
class Input:
    """The texts of a form: its fields, and its lines (each with `id`; a removed line stays out)."""

    texts: Texts = attribute(default_factory=dict)
    lines: LineTexts = attribute(default_factory=list)

    def dump(self) -> str:
        return json.dumps({"texts": self.texts, "lines": self.lines}, ensure_ascii=False, sort_keys=True)


def to_text(kind: str, value: object) -> str:
    """The text a control shows for a stored value; null is the empty text."""
    if value is None or value is False:
        return ""
    if value is True:
        return "yes"
    return str(value).replace("\r\n", "\n")


def to_value(kind: str, text: str) -> object:
    """The value to store for the text of a control; blank is null. What is no valid value is left to the service."""
    if kind == "bool":
        return text == "yes"
    clean = text.strip() if kind != "area" else text.rstrip()
    if not clean:
        return None
    if kind == "ref":
        found = re.search(r"\(([^()\s]+)\)$", clean)
        return found[1] if found else clean
    if kind == "code":
        return clean.upper()
    if kind not in NUMERIC:
        return clean
    plain = GROUPING.sub("", clean)
    return int(plain) if kind == "integer" and re.fullmatch(r"-?[0-9]{1,15}", plain) else plain


def offered(layout: Layout, form: Mapping[str, object]) -> Layout:
    """The part of the form that was on the page when it was submitted."""
    was = shown(form)
    groups = tuple(
        Group(group.title, tuple(each for each in group.controls if was is None or each.name in was.texts))
        for group in layout.groups
    )
    return Layout(groups, layout.lines if layout.lines and _line_name(layout, 0) in form else ())


def stored(layout: Layout, values: Mapping[str, object]) -> Input:
    """The texts of a record as it is stored."""
    lines = values.get("lines")
    rows = [row for row in lines if isinstance(row, Mapping)] if isinstance(lines, Sequence) else []
    return Input(
        {each.name: to_text(each.kind, values.get(each.name)) for each in layout.controls},
        [
            {
                "id": str(row.get("id") or ""),
                **{each.name: to_text(each.kind, row.get(each.name)) for each in layout.lines},
            }
            for row in rows
        ]
        if layout.lines
        else [],
    )


def posted(layout: Layout, form: Mapping[str, object]) -> Input:
    """The texts of a submitted form; blank lines and lines marked as removed are left out."""
    texts = {each.name: _text(form, each.name) for each in layout.controls}
    lines: LineTexts = []
    for at in range(MAX_LINES if layout.lines else 0):
        if _line_name(layout, at) not in form:
            break
        row = {"id": _text(form, f"lines-{at}-id")}
        row |= {each.name: _text(form, f"lines-{at}-{each.name}") for each in layout.lines}
        if not _text(form, f"lines-{at}-remove") and any(text.strip() for text in row.values()):
            lines.append(row)
    return Input(texts, lines)


def shown(form: Mapping[str, object]) -> Input | None:
    """What the person was shown, from the hidden field; None when it is missing or damaged."""
    try:
        found = json.loads(_text(form, "was"))
        texts = {str(name): str(text) for name, text in found["texts"].items()}
        lines = [{str(name): str(text) for name, text in row.items()} for row in found["lines"]]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    return Input(texts, lines)


def changes(layout: Layout, typed: Input, was: Input | None) -> dict[str, object]:
    """The values to send: only fields whose text differs from what was shown; all of them when that is unknown."""
    result: dict[str, object] = {}
    for each in layout.controls:
        text = typed.texts[each.name]
        if was is None or not _same(each.kind, text, was.texts.get(each.name, "")):
            result[each.name] = to_value(each.kind, text)
    if layout.lines and (was is None or not same_lines(layout, typed.lines, was.lines)):
        result["lines"] = [_line(layout, row) for row in typed.lines]
    return result


def complete(
    layout: Layout, line: dict[str, object], fill: Mapping[str, str], target: Mapping[str, object], currency: str
) -> None:
    """Gives empty values of a line those of the record it refers to; amounts only in the currency of the document."""
    foreign = target.get("currency") not in (None, currency)
    for each in layout.lines:
        if each.name in fill and line[each.name] is None and not (foreign and each.kind == "money"):
            line[each.name] = target[fill[each.name]]


def bring_together(layout: Layout, typed: Input, was: Input, now: Input) -> tuple[Input, Texts]:
    """The input on top of what is stored now, and for each field that moved on both sides the text stored now."""
    result, clashes = Input(dict(now.texts), now.lines), {}
    for each in layout.controls:
        before, current = was.texts.get(each.name, ""), now.texts[each.name]
        mine = typed.texts.get(each.name, before)
        if _same(each.kind, mine, before) or _same(each.kind, mine, current):
            continue
        result.texts[each.name] = mine
        if not _same(each.kind, before, current):
            clashes[each.name] = current
    if layout.lines and not same_lines(layout, typed.lines, was.lines):
        result.lines = typed.lines
        if not same_lines(layout, was.lines, now.lines) and not same_lines(layout, typed.lines, now.lines):
            clashes["lines"] = str(len(now.lines))
    return result, clashes


def same_lines(layout: Layout, one: LineTexts, other: LineTexts) -> bool:
    """True when two lists of lines have the same lines, in the same order, with the same values."""
    names = [("id", "text"), *((each.name, each.kind) for each in layout.lines)]
    return len(one) == len(other) and all(
        _same(kind, row.get(name, ""), twin.get(name, ""))
        for row, twin in zip(one, other, strict=True)
        for name, kind in names
    )


def _line_name(layout: Layout, at: int) -> str:
    return f"lines-{at}-{layout.lines[0].name}"


def _line(layout: Layout, row: Texts) -> dict[str, object]:
    values = {each.name: to_value(each.kind, row[each.name]) for each in layout.lines}
    return {"id": row["id"], **values} if row["id"] else values


def _same(kind: str, one: str, other: str) -> bool:
    if one == other:
        return True
    if kind in NUMERIC:
        left, right = decimal(to_value(kind, one)), decimal(to_value(kind, other))
        return left is not None and left == right
    if kind == "area":
        return one.rstrip() == other.rstrip()
    return to_value(kind, NEWLINES.sub("", one)) == to_value(kind, NEWLINES.sub("", other))


def _text(form: Mapping[str, object], name: str) -> str:
    value = form.get(name, "")
    return value.replace("\r\n", "\n") if isinstance(value, str) else ""
