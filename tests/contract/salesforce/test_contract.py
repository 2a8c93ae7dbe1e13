"""The Salesforce adapter keeps every promise of the port, over an emulated org and through trouble."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from connector.testing.contract import AdapterContract, Subject, Trouble

from .org import Org
from .subjects import SalesforceSubject, accounts, contacts, invoices, opportunities, orders, products


class TestRows(AdapterContract):
    @pytest.fixture(scope="class")
    @classmethod
    def contract_subject(cls, org: Org) -> Iterator[Subject]:
        made = SalesforceSubject(org, [accounts(), contacts()])
        yield made
        made.close()


class TestDocuments(AdapterContract):
    """What is made of several rows. What the wire does to one call was tried above."""

    troubles = (Trouble.LOST, Trouble.CLOSED, Trouble.BUSY)

    @pytest.fixture(scope="class")
    @classmethod
    def contract_subject(cls, org: Org) -> Iterator[Subject]:
        goods, account = [priced(org, "Bolt"), priced(org, "Nut")], org.create("Account", Name="The account of all")
        samples = [products(), opportunities(goods), orders(account, goods), invoices(account)]
        made = SalesforceSubject(org, samples, most=250)
        yield made
        made.close()


def priced(org: Org, name: str) -> str:
    """A product with a price."""
    book = org.rows("SELECT Id FROM Pricebook2 WHERE IsStandard = true")[0]["Id"]
    key = org.create("Product2", Name=name, IsActive=True)
    org.create("PricebookEntry", Product2Id=key, Pricebook2Id=book, UnitPrice=1, IsActive=True)
    return key
