"""One full name in a system, first and last name in the canonical form."""

from __future__ import annotations

from typing import Any

from connector.errors import NoImageError
from connector.mapping.codecs import Split
from connector.mapping.located import Reader
from connector.mapping.numbers import shown
from connector.mapping.texts import check_text, read_text
from connector.model.entities import Field
from connector.model.values import Value

Name = tuple[str | None, str | None]


def _words(text: str) -> Name:
    """The last word is the last name, with the small words before it: Anna | van der Berg."""
    words = text.split()
    start = len(words) - 1
    while start > 1 and words[start - 1].islower():
        start -= 1
    return " ".join(words[:start]) or None, " ".join(words[start:]) or None


def _comma(text: str) -> Name:
    last, _, first = text.partition(",")
    return " ".join(first.split()) or None, " ".join(last.split()) or None


def _join(first: str | None, last: str | None, comma: bool) -> str | None:
    parts = [part for part in ((last, first) if comma else (first, last)) if part]
    return (", " if comma else " ").join(parts) or None


def person_name(options: Reader, field: Field) -> Split:
    """`first_name, last_name: {field: full_name, as: person_name}`. order: `first_last` or `last_first` (Berg, Anna).

    A name that would be split differently when read back is held, or written as it is with `lossy: true`.
    """
    comma = options.choice("order", ("first_last", "last_first"), "first_last") == "last_first"
    lossy = options.boolean("lossy")
    cut = _comma if comma else _words

    def decode(value: Any) -> tuple[Value, ...]:
        text = read_text(value)
        return (None, None) if text is None else cut(text)

    def encode(values: tuple[Value, ...]) -> str | None:
        first, last = (None if value is None else " ".join(check_text(value).split()) or None for value in values)
        text = _join(first, last, comma)
        if not lossy and decode(text or "") != (first, last):
            raise NoImageError(f"{shown(text)} would not be split into the same first and last name again")
        return text

    return Split(decode, encode, lossy=lossy)
