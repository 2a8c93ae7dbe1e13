"""One emulated HubSpot for all tests of this folder, given the properties that the shipped mappings name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.app.core import App
from connector.app.preparing import prepare
from connector.config.mappings import packaged
from connector.model.records import Finding
from connector.ports import Adapter

from .servers import CONFIG, KEY, Portal, build, start


def prepared(folder: Path, portal: Portal, mappings: Path | None = None) -> list[Finding]:
    """What `connector setup` makes of a new portal."""
    folder.mkdir(parents=True)
    own = f"mappings: {mappings}, " if mappings else ""
    (folder / "config.yaml").write_text(CONFIG.format(url=portal.url, key=KEY, own=own), "utf-8")
    with App.open(folder / "config.yaml") as app:
        return [finding for _, finding in prepare(app, "crm", make=True)]


@pytest.fixture(scope="session")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    folder = tmp_path_factory.mktemp("hubspot")
    process, made = start(folder)
    try:
        findings = prepared(folder / "deals", made)
        findings += prepared(folder / "orders", made, packaged() / "hubspot" / "orders_object")
        assert all(finding.ok for finding in findings), [finding for finding in findings if not finding.ok]
        yield made
    finally:
        process.kill()
        process.wait(10)


@pytest.fixture
def crm(portal: Portal) -> Iterator[Adapter]:
    adapter = build(portal.url)
    yield adapter
    adapter.close()
