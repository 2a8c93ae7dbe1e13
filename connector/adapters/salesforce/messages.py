"""Outbound messages: which records to look at soon. Contract: 6, outbound message.

They carry no signature. What stands for one is the unguessable last part of the path they are sent to, and the id of
the org inside; nothing in them is data. Deletions are not sent. The same notification may come again, which does no
harm to a hint.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from xml.parsers import expat

from connector.adapters.salesforce.soql import identity
from connector.errors import DeniedError
from connector.model.records import Hint

MOST = 1_000_000
"""Bytes of a message."""

PATH = ":path"
"""The name under which the path of the request stands among its headers, as HTTP/2 has it."""

ACK = (
    b'<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>'
    b'<notificationsResponse xmlns="http://soap.sforce.com/2005/09/outbound"><Ack>true</Ack></notificationsResponse>'
    b"</soapenv:Body></soapenv:Envelope>"
)
"""What the endpoint has to answer, with 200 and `text/xml`, once the hints are kept. Anything else is sent again."""

_OUTBOUND = "http://soap.sforce.com/2005/09/outbound "
_TYPE = "http://www.w3.org/2001/XMLSchema-instance type"
_RECORDS = ("urn:sobject.enterprise.soap.sforce.com ", "urn:sobject.partner.soap.sforce.com ")


@dataclass(slots=True)
class Message:
    """What a message says: the org, and of each record its object and its fields."""

    organization: str = ""
    records: list[tuple[str, dict[str, str]]] = field(default_factory=list)


class _Refused(Exception):  # noqa: N818  (stops the parser)
    pass


class _Reader:
    """Collects a message while it is parsed. path: the names of the elements that are open."""

    def __init__(self) -> None:
        self.message = Message()
        self._path: list[str] = []
        self._text = ""

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        self._path.append(name)
        self._text = ""
        if len(self._path) > 16:
            raise _Refused
        if name == f"{_OUTBOUND}sObject":
            self.message.records.append((attributes.get(_TYPE, "").rpartition(":")[2], {}))

    def data(self, data: str) -> None:
        self._text += data

    def end(self, name: str) -> None:
        self._path.pop()
        inside = self._path[-1] if self._path else ""
        if name == f"{_OUTBOUND}OrganizationId" and inside == f"{_OUTBOUND}notifications":
            self.message.organization = self._text.strip()
        elif inside == f"{_OUTBOUND}sObject" and name.startswith(_RECORDS):
            self.message.records[-1][1][name.rpartition(" ")[2]] = self._text.strip()
        self._text = ""


def refuse(*_: object) -> None:
    """No document type, hence no entities: nothing in a message can grow or reach out."""
    raise _Refused


def read_message(body: bytes) -> Message | None:
    """None for what is no outbound message."""
    if len(body) > MOST:
        return None
    parser = expat.ParserCreate(namespace_separator=" ")
    reader = _Reader()
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.data
    try:
        parser.Parse(body, True)
    except (expat.ExpatError, _Refused, ValueError, LookupError):
        return None
    return reader.message


def hints_of(
    system: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    token: str | None,
    organization: str | None,
    links: Mapping[str, tuple[str, str]],
) -> Sequence[Hint]:
    """links: by object, whose record is to be looked at: the object and the field that names it. Raises DeniedError."""
    if token is None:
        raise DeniedError(f"{system}: outbound messages need `webhook_token` in the configuration; none is set.")
    path = next((value for name, value in headers.items() if name.lower() == PATH), "")
    shown = path.partition("?")[0].rstrip("/").rpartition("/")[2]
    if not hmac.compare_digest(token.encode(), shown.encode()):
        raise DeniedError(f"{system}: a message came to a path without the right token; check `webhook_token`.")
    message = read_message(body)
    if message is None:
        raise DeniedError(f"{system}: what came is no outbound message.")
    wanted = (identity(organization) or "")[:15]
    if not wanted or not hmac.compare_digest(wanted.encode(), message.organization[:15].encode()):
        raise DeniedError(f"{system}: a message comes from another org; check `organization`.")
    found: dict[Hint, None] = {}
    for name, fields in message.records:
        target, link = links.get(name, (name, ""))
        key = identity(fields.get(link))
        if link and key is not None:
            found[Hint(target, key)] = None
    return list(found)
