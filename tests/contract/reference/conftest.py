"""One running CRM and ERP for all tests of this folder."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping

import pytest

from connector.ports import Adapter

from .servers import Server, build, start


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Server]]:
    folder = tmp_path_factory.mktemp("reference")
    running = [start(kind, folder) for kind in ("crm", "erp")]
    yield {server.kind: server for _, server in running}
    for process, _ in running:
        process.terminate()
    for process, _ in running:
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


@pytest.fixture
def crm(servers: Mapping[str, Server]) -> Iterator[Adapter]:
    adapter = build("reference_crm", servers["crm"].url)
    yield adapter
    adapter.close()
    servers["crm"].switches(external_key="unique", idempotency="on", conditional="on", rate=None, fault=[])


@pytest.fixture
def erp(servers: Mapping[str, Server]) -> Iterator[Adapter]:
    adapter = build("reference_erp", servers["erp"].url)
    yield adapter
    adapter.close()
