"""Outbound messages: changes posted as SOAP until they are acknowledged (contract §6)."""

from __future__ import annotations

import threading
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from connector.emulators.salesforce.ids import numbered
from connector.emulators.salesforce.org import VERSION, Org
from connector.emulators.salesforce.settings import OutboundMessage
from connector.emulators.salesforce.store import Change
from connector.emulators.salesforce.times import stamp
from connector.emulators.salesforce.values import as_text

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
OUTBOUND = "http://soap.sforce.com/2005/09/outbound"
MOST = 100
KEPT = timedelta(hours=24)
FIRST_WAIT = timedelta(seconds=15)
LONGEST_WAIT = timedelta(hours=2)
TIMEOUT = 10.0
PAUSE = 0.2

_ACK = f"{{{SOAP}}}Body/{{{OUTBOUND}}}notificationsResponse/{{{OUTBOUND}}}Ack"
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass
class Notification:
    """One change on its way. repeat: it was acknowledged, and is posted once more all the same."""

    key: str
    action: str
    url: str
    body: str
    made: datetime
    due: datetime
    attempts: int = 0
    repeat: bool = False


def notification_xml(key: str, name: str, fields: Sequence[tuple[str, str]]) -> str:
    """One `Notification` element; a field without a value is left out."""
    inside = "".join(f"<sf:{field}>{escape(text)}</sf:{field}>" for field, text in fields if text)
    return (
        f'<Notification><Id>{key}</Id><sObject xsi:type="sf:{name}"'
        f' xmlns:sf="urn:sobject.enterprise.soap.sforce.com">{inside}</sObject></Notification>'
    )


def envelope(org: str, action: str, url: str, notifications: Sequence[str]) -> bytes:
    """The message that is posted. url: where the org is served."""
    soap = f"{url}/services/Soap"
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<soapenv:Envelope xmlns:soapenv="{SOAP}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
        f'<soapenv:Body><notifications xmlns="{OUTBOUND}"><OrganizationId>{org}</OrganizationId>'
        f'<ActionId>{action}</ActionId><SessionId xsi:nil="true"/>'
        f"<EnterpriseUrl>{soap}/c/{VERSION}.0/{org[:15]}</EnterpriseUrl>"
        f"<PartnerUrl>{soap}/u/{VERSION}.0/{org[:15]}</PartnerUrl>{''.join(notifications)}"
        "</notifications></soapenv:Body></soapenv:Envelope>"
    ).encode()


def acknowledged(status: int, body: bytes) -> bool:
    """Whether an answer is an Ack; anything else is a reason to try again."""
    try:
        ack = ElementTree.fromstring(body).findtext(_ACK)
    except ElementTree.ParseError:
        return False
    return status == 200 and ack == "true"


class Outbox:
    """Notes what changed in configured objects, and posts it. url: where the org is served."""

    def __init__(self, org: Org) -> None:
        self.url = "http://127.0.0.1"
        self._org = org
        self._waiting: list[Notification] = []
        self._lock = threading.Lock()
        self._drawn = 0
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None
        org.listeners.append(self.add)

    def add(self, changes: Sequence[Change]) -> None:
        """Note the changes of one transaction: created and changed records, never deleted ones."""
        rules = self._org.switches.outbound
        if not rules:
            return
        for change in dict.fromkeys(changes):
            for place, rule in enumerate(rules, 1):
                if rule.object == change.object:
                    self._add(rule, numbered("04k", place), change.key)

    def _add(self, rule: OutboundMessage, action: str, key: str) -> None:
        kind = self._org.kind(rule.object)
        row = self._org.store.get(kind, key)
        if row is None or row["IsDeleted"]:
            return
        self._drawn += 1
        own = numbered("04l", self._drawn)
        names = ["Id", *(name for name in rule.fields if name != "Id")]
        fields = [(name, as_text(kind.fields[name], row[name])) for name in names]
        now = self._org.now()
        with self._lock:
            self._waiting.append(
                Notification(own, action, rule.url, notification_xml(own, kind.name, fields), now, now)
            )

    def waiting(self) -> list[dict[str, Any]]:
        """What has not been acknowledged yet."""
        with self._lock:
            shown = list(self._waiting)
        return [{"id": one.key, "url": one.url, "attempts": one.attempts, "due": stamp(one.due)} for one in shown]

    def deliver(self) -> int:
        """Post what is due, up to a hundred notifications a message; how many were acknowledged."""
        now = self._org.now()
        with self._lock:
            self._waiting = [one for one in self._waiting if now - one.made < KEPT]
            due = [one for one in self._waiting if one.due <= now]
        delivered = 0
        for place in dict.fromkeys((one.url, one.action) for one in due):
            same = [one for one in due if (one.url, one.action) == place]
            for start in range(0, len(same), MOST):
                delivered += self._post(same[start : start + MOST], now)
        return delivered

    def _post(self, notifications: Sequence[Notification], now: datetime) -> int:
        first = notifications[0]
        message = envelope(self._org.id, first.action, self.url, [one.body for one in notifications])
        well = _posted(first.url, message)
        with self._lock:
            for one in notifications:
                one.attempts += 1
                if well and (one.repeat or not self._org.switches.outbound_twice):
                    self._waiting.remove(one)
                    continue
                one.repeat = one.repeat or well
                one.due = now + min(FIRST_WAIT * 2 ** min(one.attempts - 1, 12), LONGEST_WAIT)
        return len(notifications) if well else 0

    def start(self) -> None:
        """Post in the background from now on."""
        self._thread = threading.Thread(target=self._run, name="outbound", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._closed.wait(PAUSE):
            self.deliver()

    def close(self) -> None:
        self._closed.set()
        if self._thread is not None:
            self._thread.join(TIMEOUT)


def _posted(url: str, message: bytes) -> bool:
    """Whether the message was taken."""
    headers = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": '""'}
    try:
        with _opener.open(urllib.request.Request(url, message, headers), timeout=TIMEOUT) as answer:
            return acknowledged(answer.status, answer.read())
    except (OSError, ValueError, urllib.error.URLError):
        return False
