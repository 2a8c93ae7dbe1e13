"""The suite as one class, for pytest to collect from a class that inherits it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import ClassVar

import pytest

from connector.testing.contract.asking import Answers
from connector.testing.contract.checking import mistake
from connector.testing.contract.describing import Describes
from connector.testing.contract.failing import Fails
from connector.testing.contract.keeping import Keeps
from connector.testing.contract.leaving_out import leave_out, stop
from connector.testing.contract.lines import HoldsLines
from connector.testing.contract.listing import Lists
from connector.testing.contract.looking import Looks
from connector.testing.contract.repeating import Repeats
from connector.testing.contract.sharing import Shares
from connector.testing.contract.subject import Subject
from connector.testing.contract.writing import Writes


class AdapterContract(Describes, Lists, Looks, Writes, Repeats, Keeps, HoldsLines, Fails, Shares, Answers):
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
        try:
            made = cls.subject()
        except Exception as error:
            stop(f"the subject of {cls.__name__} cannot be made: {error!r}", error)
        yield made
        made.close()

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def contract_checked(cls, contract_subject: Subject) -> None:
        """Stops the class with one sentence where the subject itself is wrong."""
        try:
            problem = mistake(contract_subject)
        except Exception as error:
            stop(f"{type(contract_subject).__name__} does not work: {error!r}", error)
        if problem is not None:
            stop(problem)
