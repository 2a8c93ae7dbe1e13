"""The suite as one class, for pytest to collect from a class that inherits it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import ClassVar

import pytest

from connector.testing.contract.asking import Answers
from connector.testing.contract.describing import Describes
from connector.testing.contract.failing import Fails
from connector.testing.contract.keeping import Keeps
from connector.testing.contract.leaving_out import leave_out
from connector.testing.contract.listing import Lists
from connector.testing.contract.looking import Looks
from connector.testing.contract.repeating import Repeats
from connector.testing.contract.sharing import Shares
from connector.testing.contract.subject import Subject
from connector.testing.contract.writing import Writes


class AdapterContract(Describes, Lists, Looks, Writes, Repeats, Keeps, Fails, Shares, Answers):
    """Every promise of `connector.ports.Adapter`, one test each.

    `class TestMine(AdapterContract): subject = staticmethod(make_my_subject)` runs it over an adapter.
    """

    subject: ClassVar[Callable[[], Subject]]

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        super().pytest_generate_tests(metafunc)
        leave_out(metafunc.config)

    @pytest.fixture(scope="class")
    @classmethod
    def contract_subject(cls) -> Iterator[Subject]:
        """One subject for all tests of the class. Override it to make the subject from fixtures of your own."""
        made = cls.subject()
        yield made
        made.close()
