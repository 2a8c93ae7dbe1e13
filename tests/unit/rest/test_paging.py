"""Lists are walked to their end or the walk says so."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.errors import DeniedError
from connector.rest.paging import chunks, pages, query_chunks


@given(items=st.lists(st.integers()), size=st.integers(1, 10))
def test_chunks_hold_every_item_in_order_and_never_too_many(items: list[int], size: int) -> None:
    parts = list(chunks(items, size))
    assert [item for part in parts for item in part] == items
    assert all(1 <= len(part) <= size for part in parts)


@given(values=st.lists(st.text(max_size=30)), size=st.integers(1, 10), limit=st.integers(20, 400))
def test_query_chunks_hold_every_value_within_both_limits(values: list[str], size: int, limit: int) -> None:
    parts = list(query_chunks("f", values, size, limit))
    assert [value for part in parts for _, value in part] == values
    for part in parts:
        assert len(part) <= size
        assert len(part) == 1 or len(urlencode(part)) <= limit


def test_pages_go_on_until_there_is_no_cursor() -> None:
    table = {None: ([1], "a"), "a": ([2], "b"), "b": ([3], None)}
    assert list(pages(lambda cursor: table[cursor])) == [[1], [2], [3]]


def test_a_page_that_points_at_itself_is_an_error_not_an_end() -> None:
    with pytest.raises(DeniedError, match="points back"):
        list(pages(lambda cursor: ([1], "a")))
