"""`values:` - a table of canonical choices and the words one system has for them."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from connector.errors import NoImageError
from connector.mapping.codecs import Plain
from connector.mapping.located import Node, Reader, listed, nearest
from connector.mapping.numbers import shown
from connector.model import canonical
from connector.model.entities import Field, FieldType

Word = str | bool | int | Decimal
Table = dict[Any, list[tuple[Word, Node]]]


def _as_word(value: Any) -> str:
    """How values of different JSON types compare when a system sends one for another: 1 and "1", true and "true"."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, Decimal)):
        return canonical.number(Decimal(value))
    return value.strip() if isinstance(value, str) else ""


def values(options: Reader, field: Field) -> Plain:
    """An enum, a boolean or a text by table. Every choice is mapped, or `unmapped: hold` or `unmapped: default`.

    `default: CHOICE` is what unknown words are read as with `unmapped: default` (and, as everywhere, what is written on
    create where there is no value). A list of words means that all are
    read and the first is written. Two choices with one word, or several words for one choice, need `lossy: true`.
    """
    table = _read_table(options, field)
    unmapped = options.choice("unmapped", ("hold", "default"))
    default = _read_default(options, table, unmapped)
    lossy = options.boolean("lossy")
    _check_total(options, field, table, unmapped)
    if not lossy:
        _check_injective(options, table)
    return _codec(field, table, default, lossy or default is not None)


def _codec(field: Field, table: Table, default: Any, lossy: bool) -> Plain:
    written: Mapping[Any, Word] = {choice: words[0][0] for choice, words in table.items() if words}
    by_word: dict[str, Any] = {}
    for choice, words in table.items():
        for word, _ in words:
            by_word.setdefault(_as_word(word), choice)
    # Read as sent first: the common case is the very text of the table.
    exact = {word: choice for choice, words in reversed(table.items()) for word, _ in words if isinstance(word, str)}
    known = listed(by_word, 8)

    def decode(value: Any) -> Any:
        if type(value) is str and value in exact:
            return exact[value]
        word = _as_word(value)
        if not word:
            if isinstance(value, str):
                return None
            raise NoImageError(f"{shown(value)} is none of {known}")
        found = by_word.get(word, default)
        if found is None:
            raise NoImageError(f"{shown(value)} is none of {known}; add it to `values:`")
        return found

    canonical_type = bool if field.type is FieldType.BOOLEAN else str

    def encode(value: Any) -> Word:
        found = written.get(value) if type(value) is canonical_type else None
        if found is None and type(value) is canonical_type and default is not None:
            found = written.get(default)
        if found is None:
            raise NoImageError(f"{shown(value)} has no counterpart here; it is not in `values:`")
        return found

    return Plain(decode, encode, lossy)


def _choices(field: Field) -> tuple[str, ...]:
    return ("true", "false") if field.type is FieldType.BOOLEAN else field.choices


def _read_table(options: Reader, field: Field) -> Table:
    table: Table = {}
    section = options.section("values")
    choices = _choices(field)
    for name, node in section or ():
        if choices and name not in choices:
            place = section.place(name) if section else node
            options.document.problem(place, f"`{name}`", f"{listed(choices)} for {field.name}", nearest(name, choices))
            continue
        items = node.value if isinstance(node.value, list) else [node]
        words: list[tuple[Word, Node]] = []
        for item in items:
            if isinstance(item.value, (str, bool, int, Decimal)) and item.raw.strip():
                words.append((item.value, item))
            else:
                options.document.problem(item, item.shown, f"the word this system has for `{name}`")
        table[name == "true" if field.type is FieldType.BOOLEAN else name] = words
    return table


def _read_default(options: Reader, table: Table, unmapped: str | None) -> Any:
    if unmapped != "default":
        return None
    name = options.text("default")
    if name is None:
        options.problem("unmapped", "`unmapped: default` without a default", "`default:` with a choice beside it")
    elif name not in table:
        options.problem("default", f"`{name}`", f"{listed(map(str, table))}", nearest(name, map(str, table)))
    else:
        return name
    return None


def _check_total(options: Reader, field: Field, table: Table, unmapped: str | None) -> None:
    present = {str(choice).lower() if isinstance(choice, bool) else choice for choice in table}
    missing = [choice for choice in _choices(field) if choice not in present]
    if missing and unmapped is None:
        expected = f"{listed(missing)} too, or `unmapped: hold` or `unmapped: default`"
        options.problem("values", f"no word for {listed(missing)}", expected)


def _check_injective(options: Reader, table: Table) -> None:
    seen: dict[str, Any] = {}
    for choice, words in table.items():
        for word, node in words:
            other = seen.setdefault(_as_word(word), choice)
            if other != choice:
                expected = f"one word per choice (it means `{other}` too), or `lossy: true`"
                options.document.problem(node, f"{node.shown} for `{choice}`", expected)
        if len(words) > 1:
            expected = "one word, or `lossy: true` (the first is written over the others)"
            options.document.problem(words[1][1], f"several words for `{choice}`", expected)


def same_words(options: Reader, field: Field) -> Plain:
    """An enum whose choices the system writes as the canonical ones."""
    table: Table = {choice: [(choice, options.node)] for choice in field.choices}
    return _codec(field, table, None, lossy=False)
