"""What every adapter has to keep, as a suite anybody can run over theirs; docs/testing-an-adapter.md shows how."""

from __future__ import annotations

import pytest

# Before the modules are loaded, so that a failed assertion in them shows its values.
_MODULES = "asking describing failing keeping lines listing looking repeating sharing writing"
pytest.register_assert_rewrite(*(f"{__name__}.{name}" for name in _MODULES.split()))

from connector.testing.contract.http import HttpSubject  # noqa: E402
from connector.testing.contract.proxy import FaultProxy, Request  # noqa: E402
from connector.testing.contract.subject import Cannot, Fields, Sample, Subject  # noqa: E402
from connector.testing.contract.suite import AdapterContract  # noqa: E402
from connector.testing.contract.trouble import Trouble, expected  # noqa: E402

__all__ = [
    "AdapterContract",
    "Cannot",
    "FaultProxy",
    "Fields",
    "HttpSubject",
    "Request",
    "Sample",
    "Subject",
    "Trouble",
    "expected",
]
