from __future__ import annotations

from collections.abc import Iterator

import pytest
from reference_calls import Caller, ManualClock

from connector.reference.crm import app as crm_app
from connector.reference.erp import app as erp_app
from connector.reference.kit.app import Settings

TOKENS = {"secret": "connector", "root": "admin"}


@pytest.fixture
def crm() -> Iterator[Caller]:
    clock = ManualClock()
    app = crm_app.create_app(Settings(":memory:", TOKENS, clock=clock))
    yield Caller(app, clock)
    app.close()


@pytest.fixture
def erp() -> Iterator[Caller]:
    clock = ManualClock()
    app = erp_app.create_app(Settings(":memory:", TOKENS, clock=clock))
    yield Caller(app, clock)
    app.close()
