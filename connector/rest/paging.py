"""Walking lists: chunks of what is sent, pages of what comes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar
from urllib.parse import quote_plus

from connector.errors import DeniedError

T = TypeVar("T")

QUERY_BYTES = 6000
"""Common servers and proxies refuse a request line above 8 kB."""


def chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """The items in order, `size` at a time."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def query_chunks(
    name: str, values: Sequence[str], size: int, limit: int = QUERY_BYTES
) -> Iterator[list[tuple[str, str]]]:
    """`name=value` pairs, at most `size` and `limit` bytes of query at a time; one longer than that goes alone."""
    pairs: list[tuple[str, str]] = []
    length = 0
    for value in values:
        cost = len(name) + len(quote_plus(value)) + 2
        if pairs and (len(pairs) == size or length + cost > limit):
            yield pairs
            pairs, length = [], 0
        pairs.append((name, value))
        length += cost
    if pairs:
        yield pairs


def pages(
    fetch: Callable[[str | None], tuple[Sequence[T], str | None]], first: str | None = None
) -> Iterator[Sequence[T]]:
    """Page after page: `fetch(cursor)` gives items and the next cursor, None after the last.

    Raises DeniedError when a page points at itself: ending there would leave records out without a word.
    """
    cursor = first
    while True:
        items, following = fetch(cursor)
        yield items
        if following is None:
            return
        if following == cursor:
            raise DeniedError("A list of pages points back at the page just read; its end cannot be reached.")
        cursor = following
