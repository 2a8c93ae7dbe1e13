"""A fresh world with its judge for each test of the judge."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from judge_world import Court, opened


@pytest.fixture
def court() -> Iterator[Court]:
    with opened() as made:
        yield made
