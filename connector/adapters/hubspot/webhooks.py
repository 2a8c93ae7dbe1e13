"""Webhooks: signatures over the bytes as they came, and the records their events name. No I/O. Contract: section 7.

Nothing in an event is data: it says which record to look at. A line item's own events name no document and are left to
the feed; what associates or parts one names it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Collection, Iterator, Sequence

import msgspec

from connector.adapters.hubspot.kinds import BY_NAME, BY_NUMBER
from connector.errors import DeniedError
from connector.model.records import Hint
from connector.ports import WebhookRequest

REPLAY = 300_000
"""Milliseconds a request may be old, or ahead."""

_CODES = ("3A", "2F", "3F", "40", "21", "24", "27", "28", "29", "2A", "2C", "3B")
_DECODED = {"%" + code: chr(int(code, 16)) for code in _CODES}
_ENCODED = re.compile("|".join(_DECODED), re.IGNORECASE)
_SINGULAR = {"company": "companies"}


class Event(msgspec.Struct):
    """What an event may say; all but the ids of records is left unread."""

    object: int | None = msgspec.field(name="objectId", default=None)
    type: str = msgspec.field(name="subscriptionType", default="")
    older: str = msgspec.field(name="eventType", default="")
    number: str | None = msgspec.field(name="objectTypeId", default=None)
    primary: int | None = msgspec.field(name="primaryObjectId", default=None)
    merged: list[int] = msgspec.field(name="mergedObjectIds", default_factory=list)
    new: int | None = msgspec.field(name="newObjectId", default=None)
    association: str = msgspec.field(name="associationType", default="")
    start: int | None = msgspec.field(name="fromObjectId", default=None)
    end: int | None = msgspec.field(name="toObjectId", default=None)


_events = msgspec.json.Decoder(list[Event])


class Signatures:
    """Believes a request by its signature. url: the public address, as HubSpot has it. older: v1, v2, where allowed."""

    def __init__(self, system: str, secret: bytes | None, url: str | None, older: Collection[str]) -> None:
        self._system = system
        self._secret = secret
        self._url = url
        self._older = older

    def verify(self, request: WebhookRequest, now: float) -> None:
        """Raises DeniedError for a request that is not HubSpot's, or not of now."""
        if self._secret is None or self._url is None:
            raise DeniedError(f"{self._system}: webhooks need `app_secret` and `webhook_url` in the configuration.")
        headers = {name.lower(): value for name, value in request.headers.items()}
        signature = headers.get("x-hubspot-signature-v3")
        if signature is not None:
            stamp = headers.get("x-hubspot-request-timestamp", "")
            wanted = signed_v3(self._secret, "POST", self._url, request.body, stamp)
            self._compare(wanted, signature)
            self._check_time(stamp, now)
            return
        version = headers.get("x-hubspot-signature-version", "").lower()
        if version not in self._older:
            raise DeniedError(f"{self._system}: a webhook without a signature of version 3 is not believed.")
        wanted = signed_older(version, self._secret, "POST", self._url, request.body)
        self._compare(wanted, headers.get("x-hubspot-signature", ""))

    def _compare(self, wanted: str, signature: str) -> None:
        if not hmac.compare_digest(wanted.encode(), signature.encode("utf-8", "replace")):
            raise DeniedError(f"{self._system}: a webhook's signature is wrong; check `app_secret` and `webhook_url`.")

    def _check_time(self, stamp: str, now: float) -> None:
        if not stamp.isdecimal() or len(stamp) > 15 or abs(now * 1000 - int(stamp)) > REPLAY:
            raise DeniedError(f"{self._system}: a webhook is more than five minutes old, or ahead; check both clocks.")


def signed_v3(secret: bytes, method: str, url: str, body: bytes, stamp: str) -> str:
    """Base64 of the HMAC over method, address, body and time, one after the other."""
    source = (method + decoded(url)).encode() + body + stamp.encode()
    return base64.b64encode(hmac.new(secret, source, hashlib.sha256).digest()).decode("ascii")


def signed_older(version: str, secret: bytes, method: str, url: str, body: bytes) -> str:
    """The digest of v1 and of v2, which has the address as it is."""
    middle = b"" if version == "v1" else (method + url).encode()
    return hashlib.sha256(secret + middle + body).hexdigest()


def decoded(url: str) -> str:
    """The address as it is signed: without its fragment, and a few signs not escaped."""
    return _ENCODED.sub(lambda match: _DECODED[match.group(0).upper()], url.partition("#")[0])


def hints(body: bytes, objects: Collection[str]) -> list[Hint]:
    """The records a request names, each once. objects: those that take part. Raises DeniedError."""
    try:
        events = _events.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise DeniedError("A webhook is signed by HubSpot and holds no list of events; it is left out.") from None
    found = [hint for event in events for hint in _of(event) if hint.object in objects]
    return list(dict.fromkeys(found))


def _of(event: Event) -> Iterator[Hint]:
    what, _, happened = (event.type or event.older).partition(".")
    if happened.lower() == "associationchange" or event.association:
        yield from _of_association(event)
    kind = BY_NUMBER.get(event.number or "") if what == "object" else BY_NAME.get(_plural(what))
    if kind is not None:
        for key in dict.fromkeys((event.object, event.primary, *event.merged, event.new)):
            if key is not None:
                yield Hint(kind.name, str(key))


def _of_association(event: Event) -> Iterator[Hint]:
    """Both ends: `DEAL_TO_LINE_ITEM` from one to the other."""
    names = event.association.lower().split("_to_")
    ends: Sequence[tuple[str, int | None]] = list(zip(names, (event.start, event.end), strict=False))
    for name, key in ends if len(names) == 2 else ():
        if key is not None and (kind := BY_NAME.get(_plural(name))) is not None:
            yield Hint(kind.name, str(key))


def _plural(name: str) -> str:
    return _SINGULAR.get(name, name + "s")
