"""The adapters of the built-in CRM and ERP keep every promise of the port, over real servers and through trouble."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from connector.testing.contract import AdapterContract, Subject, Trouble

from .servers import Server
from .subjects import ReferenceSubject, companies, customers, deals, items


class TestCrm(AdapterContract):
    @pytest.fixture(scope="class")
    @classmethod
    def contract_subject(cls, servers: Mapping[str, Server]) -> Iterator[Subject]:
        made = ReferenceSubject(servers["crm"], [companies(), deals(servers["crm"])])
        yield made
        made.close()


class TestCrmOfFewPowers(AdapterContract):
    """No conditions, no idempotency, and an external id that can only be searched."""

    troubles = (Trouble.LOST, Trouble.CLOSED)

    @pytest.fixture(scope="class")
    @classmethod
    def contract_subject(cls, servers: Mapping[str, Server]) -> Iterator[Subject]:
        powers = {"external_key": "search", "idempotency": "off", "conditional": "off"}
        made = ReferenceSubject(servers["crm"], [companies()], **powers)
        made.most = 250  # long lists are the same with all powers
        yield made
        made.close()


class TestErp(AdapterContract):
    @pytest.fixture(scope="class")
    @classmethod
    def contract_subject(cls, servers: Mapping[str, Server]) -> Iterator[Subject]:
        made = ReferenceSubject(servers["erp"], [customers(), items()])
        yield made
        made.close()


class TestCrmByTime(AdapterContract):
    """No feed with positions: only the time of the last change, shown without the milliseconds that are kept."""

    troubles = (Trouble.LOST,)

    @pytest.fixture(scope="class")
    @classmethod
    def contract_subject(cls, servers: Mapping[str, Server]) -> Iterator[Subject]:
        made = ReferenceSubject(servers["crm"], [companies()], feed="modified", stamps="seconds")
        made.most = 250
        yield made
        made.close()
