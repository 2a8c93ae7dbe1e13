"""Outbound messages: posted as SOAP, again and again until they are acknowledged."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from xml.etree import ElementTree

import pytest
from salesforce_org import OrgClient, Shop, record

from connector.emulators.salesforce.outbound import acknowledged, envelope, notification_xml

NS = {"o": "http://soap.sforce.com/2005/09/outbound", "s": "urn:sobject.enterprise.soap.sforce.com"}
ACK = (
    b'<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>'
    b'<notificationsResponse xmlns="http://soap.sforce.com/2005/09/outbound"><Ack>true</Ack></notificationsResponse>'
    b"</soapenv:Body></soapenv:Envelope>"
)


def test_a_message_is_written_as_in_the_contracts_example() -> None:
    body = notification_xml(
        "04l5g00000AbCdEAAV", "Account", [("Id", "001D000000IRFmaIAH"), ("Name", "Zoë GmbH"), ("Phone", "")]
    )
    message = envelope("00D5g0000048ABcEAM", "04k5g0000004C92AAE", "https://acme.my.salesforce.com", [body])
    assert len(message) == 811
    assert hashlib.sha256(message).hexdigest() == "7a66840c1327434cc18c413902fdbb89477b3940f690eaff2426eedfee22ddf2"


@pytest.mark.parametrize(
    ("status", "body", "taken"),
    [
        (200, ACK, True),
        (201, ACK, False),
        (200, ACK.replace(b"true", b"false"), False),
        (200, b"<Ack>true</Ack>", False),
        (200, b"OK", False),
        (200, b"", False),
    ],
)
def test_only_an_ack_is_an_ack(status: int, body: bytes, taken: bool) -> None:
    assert acknowledged(status, body) is taken


class Receiver(HTTPServer):
    """Takes messages and answers what the test says."""

    def __init__(self) -> None:
        self.got: list[bytes] = []
        self.answer: tuple[int, bytes] = (200, ACK)
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        self.server.got.append(self.rfile.read(int(self.headers["content-length"])))
        status, body = self.server.answer
        self.send_response(status)
        self.send_header("content-type", "text/xml")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing on the screen of the tests."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def posting(org: OrgClient, receiver: Receiver) -> OrgClient:
    org.switch(outbound=[{"object": "Account", "url": receiver.url, "fields": ["Name", "ERP_Id__c"]}])
    return org


def deliver(org: OrgClient) -> int:
    return int(org.control("POST", "outbound/deliver").json["delivered"])


def names(message: bytes) -> list[str | None]:
    return [one.text for one in ElementTree.fromstring(message).iterfind(".//s:Name", NS)]


def ids(message: bytes) -> list[str | None]:
    return [one.text for one in ElementTree.fromstring(message).iterfind(".//o:Notification/o:Id", NS)]


def test_what_is_created_or_changed_is_posted(posting: OrgClient, receiver: Receiver) -> None:
    key = posting.make("Account", Name="A & B")
    posting.make("Contact", LastName="Nobody asked for")
    assert deliver(posting) == 1
    posting.patch(f"sobjects/Account/{key}", {"Name": "C"})
    posting.delete(f"sobjects/Account/{key}")
    assert deliver(posting) == 1
    assert [names(message) for message in receiver.got] == [["A & B"], ["C"]]
    assert key.encode() in receiver.got[0]
    assert posting.control("GET", "outbound").json == []


def test_what_was_refused_is_not_posted(posting: OrgClient, receiver: Receiver) -> None:
    rows = (record("Account", Name="A"), record("Account", Name=""))
    posting.collection("POST", "composite/sobjects", *rows, all_or_none=True)
    posting.post("sobjects/Account", {"Name": ""})
    assert (deliver(posting), receiver.got) == (0, [])


def test_a_change_that_was_taken_back_is_not_posted(posting: OrgClient, receiver: Receiver) -> None:
    key = posting.make("Account", Name="A", BillingCity="Berlin")
    assert deliver(posting) == 1
    posting.switch(validation_rules=[{"object": "Account", "condition": "BillingCity = null", "message": "Where?"}])
    assert posting.patch(f"sobjects/Account/{key}", {"BillingCity": None}).status == 400
    assert deliver(posting) == 0


def test_a_persons_refused_delete_posts_nothing(posting: OrgClient, receiver: Receiver) -> None:
    shop = Shop(posting)
    shop.order()
    posting.make("Account", Name="Child", ParentId=shop.account)
    deliver(posting)
    posting.host = "127.0.0.1:80"
    headers = {"content_type": "application/x-www-form-urlencoded", "origin": "http://127.0.0.1:80"}
    assert posting.call("POST", f"/ui/Account/{shop.account}/delete", b"", **headers).status == 400
    posting.host = "acme.example"
    posting.make("Contact", LastName="Nobody asked for")
    assert deliver(posting) == 0


def test_a_record_that_a_call_changes_twice_is_posted_once(posting: OrgClient, receiver: Receiver) -> None:
    shop = Shop(posting)
    order = shop.order()
    deliver(posting)
    posting.switch(outbound=[{"object": "Order", "url": receiver.url, "fields": ["TotalAmount"]}])
    line = {"OrderId": order, "PricebookEntryId": shop.entry, "Quantity": 1, "UnitPrice": 2.5}
    posting.collection("POST", "composite/sobjects", *[record("OrderItem", **line)] * 2)
    assert deliver(posting) == 1
    assert b"<sf:TotalAmount>5.0</sf:TotalAmount>" in receiver.got[-1]


def test_a_message_carries_a_hundred_notifications_at_most(posting: OrgClient, receiver: Receiver) -> None:
    posting.collection("POST", "composite/sobjects", *(record("Account", Name=str(n)) for n in range(101)))
    assert deliver(posting) == 101
    assert [len(ids(message)) for message in receiver.got] == [100, 1]


@pytest.mark.parametrize("answer", [(500, b""), (200, b"OK"), (200, ACK.replace(b"true", b"false"))])
def test_a_message_is_posted_again_until_it_is_acknowledged(
    posting: OrgClient, receiver: Receiver, answer: tuple[int, bytes]
) -> None:
    receiver.answer = answer
    posting.make("Account", Name="A")
    assert deliver(posting) == 0
    assert posting.control("GET", "outbound").json[0]["attempts"] == 1
    assert deliver(posting) == 0
    assert len(receiver.got) == 1
    receiver.answer = (200, ACK)
    posting.clock.advance(seconds=15)
    assert deliver(posting) == 1
    assert ids(receiver.got[0]) == ids(receiver.got[1])


def test_a_message_is_given_up_after_a_day(posting: OrgClient, receiver: Receiver) -> None:
    receiver.answer = (500, b"")
    posting.make("Account", Name="A")
    deliver(posting)
    posting.clock.advance(hours=24)
    receiver.answer = (200, ACK)
    assert (deliver(posting), len(receiver.got)) == (0, 1)


def test_a_message_can_come_twice_although_it_was_acknowledged(posting: OrgClient, receiver: Receiver) -> None:
    posting.switch(outbound_twice=True)
    posting.make("Account", Name="A")
    deliver(posting)
    posting.clock.advance(minutes=1)
    deliver(posting)
    posting.clock.advance(minutes=10)
    assert deliver(posting) == 0
    assert ids(receiver.got[0]) == ids(receiver.got[1])


def test_a_server_posts_by_itself(posting: OrgClient, receiver: Receiver) -> None:
    posting.app.outbox.start()
    posting.make("Account", Name="A")
    end = time.monotonic() + 10
    while not receiver.got and time.monotonic() < end:
        time.sleep(0.02)
    assert [names(message) for message in receiver.got] == [["A"]]


def test_nobody_there_to_take_it_is_no_reason_to_fail(org: OrgClient) -> None:
    org.switch(outbound=[{"object": "Account", "url": "http://127.0.0.1:9/", "fields": ["Name"]}])
    org.make("Account", Name="A")
    assert deliver(org) == 0
