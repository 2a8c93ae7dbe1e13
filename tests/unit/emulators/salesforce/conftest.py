from __future__ import annotations

from collections.abc import Iterator

import pytest
from salesforce_org import ManualClock, OrgClient, Shop

from connector.emulators.salesforce import Settings, create_app
from connector.emulators.salesforce.serve import setup_of


def _open(settings: Settings, clock: ManualClock) -> Iterator[OrgClient]:
    client = OrgClient(create_app(settings), clock)
    form = {"grant_type": "client_credentials"}
    answer = client.form("/services/oauth2/token", form, authorization="Basic Y29uc3VtZXIta2V5OmNvbnN1bWVyLXNlY3JldA==")
    client.token = answer.json["access_token"]
    yield client
    client.app.close()


@pytest.fixture
def org() -> Iterator[OrgClient]:
    clock = ManualClock()
    yield from _open(Settings(setup=setup_of("erp"), clock=clock), clock)


@pytest.fixture
def euro_org() -> Iterator[OrgClient]:
    """An org of several currencies, the euro first."""
    clock = ManualClock()
    yield from _open(Settings(setup=setup_of("erp"), clock=clock, currencies=("EUR", "USD")), clock)


@pytest.fixture
def shop(org: OrgClient) -> Shop:
    return Shop(org)
