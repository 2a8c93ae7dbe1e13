"""A subject whose adapter speaks HTTP: the proxy stands in between and makes the trouble."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager

from connector.ports import Adapter
from connector.testing.contract.proxy import FaultProxy, Request
from connector.testing.contract.subject import Subject
from connector.testing.contract.trouble import Trouble


class HttpSubject(Subject):
    """See `Subject`. The person acts on the system's own address, the adapter through the proxy.

    Build the adapter with a time-out below `proxy`'s `seconds`, or `SLOW` is not slow.
    """

    def __init__(self, proxy: FaultProxy) -> None:
        self.proxy = proxy

    @abstractmethod
    def build(self, url: str) -> Adapter:
        """A new adapter for the system at this address."""

    def writes(self, request: Request) -> bool:
        """Whether a request writes. Override it where reads travel as POST."""
        return request.method in ("POST", "PUT", "PATCH", "DELETE")

    def open(self) -> Adapter:
        return self.build(self.proxy.url)

    @contextmanager
    def trouble(self, kind: Trouble, *, write: bool, after: int = 0) -> Iterator[None]:
        passing = iter(range(after))

        def is_hit(request: Request) -> bool:
            return (self.writes(request) or not write) and next(passing, None) is None

        with self.proxy.trouble(kind, is_hit):
            yield
        assert not self.proxy.elsewhere, "a redirect was followed: requests and credentials went to another address"

    def drop(self) -> None:
        self.proxy.drop()

    def strikes(self) -> int | None:
        """Requests that met trouble; nobody hears those that met nothing at all."""
        return None if self.proxy.deaf else self.proxy.strikes

    def calls(self) -> int | None:
        return len(self.proxy.requests)

    def close(self) -> None:
        self.proxy.close()
