from __future__ import annotations

from collections.abc import Iterator

import pytest
from hubspot_calls import ADMIN, Caller, ManualClock

from connector.emulators.hubspot.app import create_app
from connector.emulators.hubspot.settings import Settings
from connector.emulators.hubspot.switches import Switches


@pytest.fixture
def portal() -> Iterator[Caller]:
    """A client with a service key; nothing limits how often it calls, and the search knows all at once."""
    clock = ManualClock()
    switches = Switches(search_lag=0, ten_seconds=0, search_per_second=0, payments=True)
    app = create_app(Settings(admin_token=ADMIN, clock=clock, switches=switches))
    yield Caller(app, clock, app.portal.settings.service_key)
    app.close()


@pytest.fixture
def harsh() -> Iterator[Caller]:
    """The same with every switch as the emulator starts."""
    clock = ManualClock()
    app = create_app(Settings(admin_token=ADMIN, clock=clock))
    yield Caller(app, clock, app.portal.settings.service_key)
    app.close()
