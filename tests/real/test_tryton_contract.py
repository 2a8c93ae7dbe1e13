"""What every adapter promises, kept against a real Tryton."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from connector.testing.contract import AdapterContract, Subject, Trouble

from .conftest import KIND
from .tryton.server import Tryton
from .tryton_subject import TrytonSubject, place_of


class TestTryton(AdapterContract):
    # What can happen on the wire does not ask for the database behind it.
    troubles = tuple(Trouble) if KIND == "sqlite" else (Trouble.LOST,)

    @pytest.fixture(scope="class")
    @classmethod
    def contract_subject(cls, tryton: Tryton) -> Iterator[Subject]:
        tryton.reset()
        made = TrytonSubject(place_of(tryton, "Goods"), int(os.environ.get("REAL_MOST", "55")))
        yield made
        made.close()
