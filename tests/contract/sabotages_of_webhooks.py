"""A system in memory that signs its webhooks, and some that believe what they should not."""

from __future__ import annotations

import hmac
import time
from collections.abc import Sequence

import msgspec

from connector.errors import DeniedError
from connector.model.records import Hint, Key
from connector.ports import WebhookRequest
from connector.testing.memory import MemorySystem

from .sabotages import caught_by

SECRET = b"hook"
REPLAY = 300.0


class Signing(MemorySystem):
    """A system that signs its webhooks, rightly."""

    def signed(self, request: WebhookRequest) -> tuple[str, bool]:
        headers = {name.lower(): value for name, value in request.headers.items()}
        stamp = headers.get("x-at", "")
        wanted = hmac.new(SECRET, stamp.encode() + b"." + request.body, "sha256").hexdigest()
        return stamp, hmac.compare_digest(wanted.encode(), headers.get("x-signed", "").encode())

    def fresh(self, stamp: str) -> bool:
        return abs(time.time() - float(stamp)) < REPLAY

    def hints(self, request: WebhookRequest) -> Sequence[Hint]:
        stamp, fine = self.signed(request)
        if not fine or not self.fresh(stamp):
            raise DeniedError("memory: a webhook's signature is wrong or old")
        data = msgspec.json.decode(request.body)
        return [Hint(data["object"], data["key"])]


_FORGED = "a_webhook_that_is_forged_in_any_part_is_refused"
_OLD = "an_old_webhook_sent_again_is_refused"


@caught_by(_OLD)
class BelievesOldWebhooks(Signing):
    def fresh(self, stamp: str) -> bool:
        return True


@caught_by(_FORGED, "a_webhook_without_its_signature_is_refused", _OLD)
class BelievesUnsignedWebhooks(Signing):
    def signed(self, request: WebhookRequest) -> tuple[str, bool]:
        return {name.lower(): value for name, value in request.headers.items()}.get("x-at", "0"), True


@caught_by("names_of_headers_may_come_in_any_case")
class ReadsHeadersLetterByLetter(Signing):
    def signed(self, request: WebhookRequest) -> tuple[str, bool]:
        return super().signed(request) if "X-At" in request.headers else ("", False)


@caught_by(_FORGED)
class SignsTheBodyAlone(Signing):
    def signed(self, request: WebhookRequest) -> tuple[str, bool]:
        headers = {name.lower(): value for name, value in request.headers.items()}
        wanted = hmac.new(SECRET, request.body, "sha256").hexdigest()
        return headers.get("x-at", "0"), hmac.compare_digest(wanted, headers.get("x-signed", ""))


def sign(kind: type[MemorySystem], key: Key, age: float) -> WebhookRequest:
    """What such a system sends."""
    stamp = str(time.time() - age)
    body = msgspec.json.encode({"object": "things", "key": key})
    covered = body if kind is SignsTheBodyAlone else stamp.encode() + b"." + body
    return WebhookRequest({"X-At": stamp, "X-Signed": hmac.new(SECRET, covered, "sha256").hexdigest()}, body)
