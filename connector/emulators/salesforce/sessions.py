"""OAuth: tokens given out, and how long they live (contract §1)."""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from connector.emulators.salesforce.errors import TokenRefusal, refusal
from connector.emulators.salesforce.org import Org

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
LOGIN_HOSTS = ("https://login.salesforce.com", "https://test.salesforce.com")


@dataclass
class Session:
    """One access token. calls: made with it so far."""

    opened: datetime
    calls: int = 0


class Sessions:
    """Gives tokens out and knows which of them still hold."""

    def __init__(self, org: Org) -> None:
        self._org = org
        self._open: dict[str, Session] = {}
        self._revoked: set[str] = set()

    def expire(self) -> None:
        """End every session now."""
        self._open.clear()

    def check(self, authorization: str | None) -> None:
        """Count a call with this header. Raises Refusal INVALID_SESSION_ID or INVALID_AUTH_HEADER."""
        scheme, _, token = (authorization or "").partition(" ")
        if authorization is not None and scheme not in ("Bearer", "OAuth"):
            raise refusal("INVALID_AUTH_HEADER", "INVALID_HEADER_TYPE")
        session = self._open.get(token.strip())
        if session is not None and self._ended(session):
            del self._open[token.strip()]
            session = None
        if session is None:
            raise refusal("INVALID_SESSION_ID", "Session expired or invalid")
        session.calls += 1

    def _ended(self, session: Session) -> bool:
        switches = self._org.switches
        if switches.session_calls is not None and session.calls >= switches.session_calls:
            return True
        age = (self._org.now() - session.opened).total_seconds()
        return switches.session_seconds is not None and age >= switches.session_seconds

    def revoke(self, token: str) -> None:
        """End a session, or a refresh token for good. Raises TokenRefusal."""
        if token == self._org.settings.refresh_token:
            self._revoked.add(token)
        elif self._open.pop(token, None) is None:
            raise TokenRefusal("invalid_token", "the token is unknown")

    def token(self, form: Mapping[str, str], authorization: str | None, url: str, own_host: bool) -> dict[str, Any]:
        """The answer to a token request. url: where the org is served. Raises TokenRefusal."""
        grants: Mapping[str, Callable[[], None]] = {
            "client_credentials": lambda: self._client_credentials(authorization, own_host),
            JWT_BEARER: lambda: self._jwt(form.get("assertion", ""), url),
            "refresh_token": lambda: self._refresh(form),
        }
        grant = grants.get(form.get("grant_type", ""))
        if grant is None:
            raise TokenRefusal("unsupported_grant_type", "grant type not supported")
        grant()
        now = self._org.now()
        token = f"{self._org.id[:15]}!AQ{secrets.token_urlsafe(48)}"
        self._open[token] = Session(now)
        return {
            "access_token": token,
            "instance_url": url,
            "id": f"{url}/id/{self._org.id}/{self._org.user}",
            "token_type": "Bearer",
            "issued_at": str(int(now.timestamp() * 1000)),
            "scope": "api",
            "signature": base64.b64encode(secrets.token_bytes(32)).decode(),
        }

    def _check_client(self, key: str, secret: str) -> None:
        settings = self._org.settings
        if not hmac.compare_digest(key.encode(), settings.client_id.encode()):
            raise TokenRefusal("invalid_client_id", "client identifier invalid")
        if not hmac.compare_digest(secret.encode(), settings.client_secret.encode()):
            raise TokenRefusal("invalid_client", "invalid client credentials")

    def _client_credentials(self, authorization: str | None, own_host: bool) -> None:
        scheme, _, given = (authorization or "").partition(" ")
        if scheme.lower() != "basic":
            raise TokenRefusal("invalid_client", "client credentials are expected as HTTP Basic")
        try:
            key, _, secret = base64.b64decode(given, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            raise TokenRefusal("invalid_client", "invalid client credentials") from None
        if not own_host:
            raise TokenRefusal("invalid_grant", "request not supported on this domain")
        self._check_client(key, secret)

    def _refresh(self, form: Mapping[str, str]) -> None:
        self._check_client(form.get("client_id", ""), form.get("client_secret", ""))
        given = form.get("refresh_token", "")
        known = hmac.compare_digest(given.encode(), self._org.settings.refresh_token.encode())
        if not known or given in self._revoked:
            raise TokenRefusal("invalid_grant", "expired access/refresh token")

    def _jwt(self, assertion: str, url: str) -> None:
        header, claims = self._verified(assertion)
        if header.get("alg") != "RS256":
            raise TokenRefusal("invalid_grant", "invalid assertion")
        settings, now = self._org.settings, self._org.now().timestamp()
        if claims.get("iss") != settings.client_id:
            raise TokenRefusal("invalid_client_id", "client identifier invalid")
        if claims.get("aud") not in (*LOGIN_HOSTS, url):
            raise TokenRefusal("invalid_grant", "audience is invalid")
        if claims.get("sub") != settings.username:
            raise TokenRefusal("invalid_grant", "user hasn't approved this consumer")
        expires = claims.get("exp")
        if isinstance(expires, bool) or not isinstance(expires, int | float) or expires <= now:
            raise TokenRefusal("invalid_grant", "expired authorization code")
        if expires > now + self._org.switches.jwt_max_seconds:
            raise TokenRefusal("invalid_grant", "expiry time of the assertion is too far ahead")

    def _verified(self, assertion: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Header and claims of an assertion whose signature holds."""
        key = _public_key(self._org.settings.public_key)
        try:
            signed, _, signature = assertion.rpartition(".")
            key.verify(_unpadded(signature), signed.encode("ascii"), padding.PKCS1v15(), hashes.SHA256())
            header, claims = (msgspec.json.decode(_unpadded(part), type=dict) for part in signed.split("."))
        except (InvalidSignature, binascii.Error, ValueError, msgspec.DecodeError):
            raise TokenRefusal("invalid_grant", "invalid assertion") from None
        return header, claims


def _unpadded(part: str) -> bytes:
    return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)


def _public_key(pem: str | None) -> rsa.RSAPublicKey:
    if pem is None:
        raise TokenRefusal("invalid_client", "the app has no certificate")
    data = pem.encode()
    key = x509.load_pem_x509_certificate(data).public_key() if b"CERTIFICATE" in data else load_pem_public_key(data)
    if not isinstance(key, rsa.RSAPublicKey):
        raise TokenRefusal("invalid_client", "the app's certificate is not of an RSA key")
    return key
