"""Credentials of one connection: which headers a call carries, and what to do when they are refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeAlias

from connector.errors import ConfigError

Headers: TypeAlias = Sequence[tuple[bytes, bytes]]


class Auth(Protocol):
    """Thread-safe. A kind that fetches tokens keeps the current one and its own client for the token address."""

    def headers(self) -> Headers:
        """Headers that identify this connection; fetches or refreshes a token when the current one runs out.

        Raises DeniedError when no token is given out, TransientError when the token address cannot be reached.
        """

    def renew(self, refused: Headers) -> bool:
        """The system answered 401 to these headers. True: others are ready now and the call is worth one repeat.

        Called by several threads at once; a token that another thread has renewed meanwhile also answers True.
        """


class Bearer:
    """A fixed bearer token. Nothing to renew: a refusal needs a person."""

    def __init__(self, token: str) -> None:
        """Raises ConfigError for a token no HTTP header can carry (the token itself is never shown)."""
        if not token or not token.isascii() or not token.isprintable() or " " in token:
            raise ConfigError("The token is empty or holds blanks, line ends or other signs no HTTP header can carry.")
        self._headers = ((b"Authorization", b"Bearer " + token.encode("ascii")),)

    def headers(self) -> Headers:
        return self._headers

    def renew(self, refused: Headers) -> bool:
        return False


class Anonymous:
    """No credentials."""

    def headers(self) -> Headers:
        return ()

    def renew(self, refused: Headers) -> bool:
        return False
