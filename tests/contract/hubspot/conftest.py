"""One emulated HubSpot for all tests of this folder, with the properties that the shipped mappings name."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from connector.ports import Need

from .servers import Portal, build, start

NEEDS = (
    *(Need(kind, "erp_id", "text", unique=True) for kind in ("companies", "contacts", "products", "deals", "orders")),
    Need("companies", "erp_balance", "money"),
    Need("companies", "erp_balance_as_of", "date"),
)


@pytest.fixture(scope="session")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    process, made = start(tmp_path_factory.mktemp("hubspot"))
    adapter = build(made.url)
    findings = adapter.prepare(NEEDS, make=True)
    adapter.close()
    assert all(finding.ok for finding in findings), findings
    yield made
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(10)
