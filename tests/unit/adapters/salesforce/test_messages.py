"""Outbound messages: whose are believed, and what they say."""

from __future__ import annotations

from hashlib import sha256

import pytest

from connector.adapters.salesforce.messages import MOST, PATH, hints_of, read_message
from connector.errors import DeniedError
from connector.model.records import Hint

TOKEN = "a-token-of-22-characters-or-more"
ORG = "00D5g0000048ABcEAM"
LINKS = {"Account": ("Account", "Id"), "OrderItem": ("Order", "OrderId")}
EXAMPLE = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" '
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body>'
    '<notifications xmlns="http://soap.sforce.com/2005/09/outbound"><OrganizationId>00D5g0000048ABcEAM</OrganizationId>'
    '<ActionId>04k5g0000004C92AAE</ActionId><SessionId xsi:nil="true"/>'
    "<EnterpriseUrl>https://acme.my.salesforce.com/services/Soap/c/68.0/00D5g0000048ABc</EnterpriseUrl>"
    "<PartnerUrl>https://acme.my.salesforce.com/services/Soap/u/68.0/00D5g0000048ABc</PartnerUrl>"
    "<Notification><Id>04l5g00000AbCdEAAV</Id>"
    '<sObject xsi:type="sf:Account" xmlns:sf="urn:sobject.enterprise.soap.sforce.com">'
    "<sf:Id>001D000000IRFmaIAH</sf:Id><sf:Name>Zoë GmbH</sf:Name></sObject></Notification></notifications>"
    "</soapenv:Body></soapenv:Envelope>"
).encode()


def hints(body: bytes = EXAMPLE, path: str = f"/hooks/crm/{TOKEN}", **changed: str | None) -> list[Hint]:
    given = {"token": TOKEN, "organization": ORG, **changed}
    return list(
        hints_of("crm", {PATH: path}, body, token=given["token"], organization=given["organization"], links=LINKS)
    )


def test_the_example_of_the_contract_names_its_record() -> None:
    assert sha256(EXAMPLE).hexdigest() == "7a66840c1327434cc18c413902fdbb89477b3940f690eaff2426eedfee22ddf2"
    assert hints() == [Hint("Account", "001D000000IRFmaIAH")]
    assert hints(organization=ORG[:15]) == hints()


def test_a_line_names_its_parent_where_the_message_does() -> None:
    line = EXAMPLE.replace(b"sf:Account", b"sf:OrderItem")
    assert hints(line) == []
    assert hints(line.replace(b"sf:Name>Zo\xc3\xab GmbH</sf:Name", b"sf:OrderId>8015g0000000001</sf:OrderId")) == [
        Hint("Order", "8015g0000000001AAA")
    ]
    assert hints(EXAMPLE.replace(b"sf:Account", b"sf:Case")) == []


@pytest.mark.parametrize("path", ["", "/hooks/crm", f"/hooks/crm/{TOKEN}x", f"/hooks/crm/{TOKEN[:-1]}", "/hooks/crm/ü"])
def test_a_message_to_another_path_is_refused(path: str) -> None:
    with pytest.raises(DeniedError, match="token"):
        hints(path=path)


def test_without_a_token_of_its_own_nothing_is_believed() -> None:
    with pytest.raises(DeniedError, match="webhook_token"):
        hints(token=None)


@pytest.mark.parametrize("organization", [None, "00D5g0000048ABd", "00d5g0000048abcEAM"])
def test_a_message_of_another_org_is_refused(organization: str | None) -> None:
    with pytest.raises(DeniedError, match="organization"):
        hints(organization=organization)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"<a>" * 40,
        EXAMPLE[:-5],
        EXAMPLE.replace(b"?>\n", b"?>\n<!DOCTYPE x [<!ENTITY y 'z'>]>\n", 1),
        EXAMPLE.replace(b"?>\n", b"?>\n<!DOCTYPE x SYSTEM 'file:///etc/passwd'>\n", 1),
        EXAMPLE.decode().replace("UTF-8", "UTF-16").replace("?>\n", "?>\n<!DOCTYPE x>\n", 1).encode("utf-16"),
        EXAMPLE.replace(b"Zo", b" " * MOST),
        EXAMPLE.replace(b"UTF-8", b"no-such-code"),
    ],
    ids=range(9),
)
def test_what_is_no_plain_message_is_refused(body: bytes) -> None:
    with pytest.raises(DeniedError, match="no outbound message"):
        hints(body)


def test_a_record_outside_the_notifications_says_nothing_of_the_org() -> None:
    forged = EXAMPLE.replace(b"<notifications ", b"<other ").replace(b"</notifications>", b"</other>")
    message = read_message(forged)
    assert message is not None
    assert message.organization == ""
