"""A token that lasts half an hour, fetched anew before it runs out. Contract: section 2."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import msgspec

from connector.errors import DeniedError, NotFoundError, RejectedError
from connector.ports import Clock
from connector.rest.auth import Bearer, Headers
from connector.rest.client import RestClient

if TYPE_CHECKING:
    from connector.adapters.hubspot import OAuthAuth

EARLY = 120.0
"""Seconds before its end at which a token is no longer used: HubSpot calls a 401 no sign that one ran out."""

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class _Token(msgspec.Struct):
    access: str = msgspec.field(name="access_token")
    seconds: float = msgspec.field(name="expires_in")
    refresh: str | None = msgspec.field(name="refresh_token", default=None)
    scopes: list[str] = []


class Refreshed:
    """Credentials of an OAuth app. scopes: what the installation grants, once a token was given.

    replaced: whether HubSpot gave another refresh token than the configured one; only this process keeps it.
    """

    def __init__(self, rest: RestClient, path: str, auth: OAuthAuth, clock: Clock) -> None:
        self._rest = rest
        self._path = path
        self._auth = auth
        self._clock = clock
        self._lock = threading.Lock()
        self._refresh = auth.refresh_token.get_secret_value()
        self._headers: Headers = ()
        self._until = 0.0
        self.scopes: frozenset[str] = frozenset()
        self.replaced = False

    def headers(self) -> Headers:
        with self._lock:
            if not self._headers or self._clock.now() >= self._until:
                self._fetch()
            return self._headers

    def renew(self, refused: Headers) -> bool:
        with self._lock:
            if self._headers == refused:
                self._fetch()
            return True

    def _fetch(self) -> None:
        form = {
            "grant_type": "refresh_token",
            "client_id": self._auth.client_id,
            "client_secret": self._auth.client_secret.get_secret_value(),
            "refresh_token": self._refresh,
        }
        began = self._clock.now()
        try:
            answer = self._rest.call("POST", self._path, body=urlencode(form).encode("ascii"), headers=FORM)
        except (RejectedError, DeniedError, NotFoundError):
            raise DeniedError(f"{self._rest.place} gives no token for this app: check `auth`.") from None
        token = self._rest.decode(answer, _Token, write=False)
        self._headers = Bearer(token.access).headers()
        self._until = began + token.seconds - EARLY
        self.scopes = frozenset(token.scopes)
        if token.refresh and token.refresh != self._refresh:
            self._refresh = token.refresh
            self.replaced = True
