"""The adapter of HubSpot keeps every promise of the port, against an emulated portal and through trouble."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from connector.testing.contract import AdapterContract, Subject, Trouble

from .servers import Portal
from .subjects import HubSpotSubject, companies, contacts, deals, products


class TestCompanies(AdapterContract):
    @pytest.fixture(scope="class")
    @classmethod
    def contract_subject(cls, portal: Portal) -> Iterator[Subject]:
        made = HubSpotSubject(portal, [companies()])
        made.most = 450
        yield made
        made.close()


class TestDocuments(AdapterContract):
    """Deals with their lines, contacts, and products, whose key no portal makes unique."""

    troubles = (Trouble.LOST, Trouble.BUSY, Trouble.BAD_REQUEST)

    @pytest.fixture(scope="class")
    @classmethod
    def contract_subject(cls, portal: Portal) -> Iterator[Subject]:
        made = HubSpotSubject(portal, [deals(portal), contacts(), products()])
        made.most = 60  # full batches and long lists are those of companies
        yield made
        made.close()
