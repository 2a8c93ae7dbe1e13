"""The Salesforce adapter keeps every promise of the port, over an emulated org and through trouble."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from connector.testing.contract import AdapterContract, Subject, Trouble

from .org import Org, priced
from .subjects import SalesforceSubject, accounts, invoices, opportunities, orders, products


class TestRows(AdapterContract):
    @pytest.fixture(scope="class")
    @classmethod
    def contract_subject(cls, org: Org) -> Iterator[Subject]:
        made = SalesforceSubject(org, [accounts()])
        yield made
        made.close()


class TestDocuments(AdapterContract):
    """What is made of several rows. What the wire does to one call was tried above."""

    troubles = (Trouble.LOST, Trouble.BUSY)

    @pytest.fixture(scope="class")
    @classmethod
    def contract_subject(cls, org: Org) -> Iterator[Subject]:
        goods, account = [priced(org, "Bolt"), priced(org, "Nut")], org.create("Account", Name="The account of all")
        samples = [products(), opportunities(goods), orders(account, goods), invoices(account)]
        made = SalesforceSubject(org, samples, most=60)
        yield made
        made.close()
