"""Access tokens, by one of three OAuth flows. A token has no stated end: it is used until it is refused.

Contract: 1. It is renewed once, under a lock, for all threads that were refused with it.
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

import msgspec

from connector.adapters.salesforce.soql import identity
from connector.errors import ConfigError, DeniedError
from connector.ports import Clock
from connector.rest.auth import Headers
from connector.rest.client import RestClient

if TYPE_CHECKING:
    from connector.adapters.salesforce import AuthSettings, SignedToken

PATH = "/services/oauth2/token"
LIFETIME = 180
"""Seconds a signed claim is good for: minutes at most."""

_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Token(msgspec.Struct):
    """What comes back: the token, where it is good, and the address that names its org and user."""

    access_token: str
    instance_url: str
    id: str = ""


class TokenAuth:
    """See `connector.rest.auth.Auth`. told: gets each new token, before the first call that carries it."""

    def __init__(self, rest: RestClient, settings: AuthSettings, clock: Clock, told: Callable[[Token], None]) -> None:
        self._rest = rest
        self._settings = settings
        self._clock = clock
        self._told = told
        self._lock = threading.Lock()
        self._headers: Headers = ()

    def headers(self) -> Headers:
        with self._lock:
            if not self._headers:
                self._fetch()
            return self._headers

    def renew(self, refused: Headers) -> bool:
        with self._lock:
            if self._headers == refused:
                self._fetch()
            return True

    def _fetch(self) -> None:
        form, basic = self._form()
        headers = {**_FORM, "Authorization": basic} if basic else _FORM
        body = urlencode(form).encode("ascii")
        answer = self._rest.call("POST", PATH, body=body, headers=headers)
        token = self._rest.decode(answer, Token, write=False)
        if not token.access_token or not token.access_token.isascii() or not token.access_token.isprintable():
            raise DeniedError(f"{self._rest.place} gives out a token no HTTP header can carry.")
        self._told(token)
        self._headers = ((b"Authorization", b"Bearer " + token.access_token.encode("ascii")),)

    def _form(self) -> tuple[dict[str, str], str | None]:
        """The fields of the request, and its own credentials."""
        settings = self._settings
        match settings.flow:
            case "client_credentials":
                pair = f"{settings.client_id}:{settings.client_secret.get_secret_value()}".encode()
                return {"grant_type": "client_credentials"}, f"Basic {base64.b64encode(pair).decode('ascii')}"
            case "refresh_token":
                return {
                    "grant_type": "refresh_token",
                    "client_id": settings.client_id,
                    "client_secret": settings.client_secret.get_secret_value(),
                    "refresh_token": settings.refresh_token.get_secret_value(),
                }, None
            case "jwt":
                return {
                    "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
                    "assertion": signed(settings, self._clock.now()),
                }, None


def signed(settings: SignedToken, now: float) -> str:
    """The claim of a user, signed with the app's key (RS256). Raises ConfigError for a key that is none."""
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    try:
        key = serialization.load_pem_private_key(settings.key.get_secret_value().encode(), password=None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, RSAPrivateKey):
        raise ConfigError("`auth.key` is no RSA private key without a password, in PEM.")
    claims = {"iss": settings.client_id, "sub": settings.username, "aud": settings.audience, "exp": int(now) + LIFETIME}
    content = b".".join(_packed(msgspec.json.encode(part)) for part in ({"alg": "RS256", "typ": "JWT"}, claims))
    return b".".join((content, _packed(key.sign(content, PKCS1v15(), hashes.SHA256())))).decode("ascii")


def _packed(value: bytes) -> bytes:
    return base64.urlsafe_b64encode(value).rstrip(b"=")


def who(token: Token) -> tuple[str | None, str | None]:
    """Org and user out of the token's identity address, `.../id/<org>/<user>`; None where it names none."""
    parts = urlsplit(token.id).path.split("/")
    found = [identity(part) for part in parts[-2:]]
    if len(found) != 2 or not (found[0] or "").startswith("00D") or found[1] is None:
        return None, None
    return found[0], found[1]
