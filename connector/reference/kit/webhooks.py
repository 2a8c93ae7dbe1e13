"""Webhooks: each committed change is posted, signed, to every address that asked; best effort, in the background."""

from __future__ import annotations

import hmac
import secrets
import threading
from collections import deque
from collections.abc import Sequence
from typing import Any

import httpx
import msgspec

from connector.reference.kit.problems import invalid, unknown
from connector.reference.kit.store import Store
from connector.reference.kit.tx import Change

DDL = ("CREATE TABLE IF NOT EXISTS webhooks (n INTEGER PRIMARY KEY, url TEXT NOT NULL, secret TEXT NOT NULL)",)
MAX_WAITING = 10_000
TIMEOUT = 5.0


class Hook(msgspec.Struct):
    id: str
    url: str
    secret: str


class Webhooks:
    """Knows the hooks and delivers; what does not fit the queue is dropped, oldest first."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: deque[Change] = deque(maxlen=MAX_WAITING)
        self._ready = threading.Condition()
        self._closed = False
        self._thread: threading.Thread | None = None
        self._hooks = self._read()

    def list(self) -> Sequence[Hook]:
        return self._hooks

    def add(self, given: Any) -> Hook:
        """Raises ServiceError 422."""
        if not isinstance(given, dict) or set(given) != {"url", "secret"}:
            raise invalid("url", 'the body must be {"url": URL, "secret": TEXT}.')
        url, secret = given["url"], given["secret"]
        if not isinstance(url, str) or not url.startswith(("http://", "https://")) or len(url) > 2000:
            raise invalid("url", "must be an http or https address.")
        if not isinstance(secret, str) or not secret:
            raise invalid("secret", "must be a text that is not empty.")
        with self._store.transaction():
            self._store.execute("INSERT INTO webhooks (url, secret) VALUES (?, ?)", (url, secret))
        self._hooks = self._read()
        return self._hooks[-1]

    def remove(self, key: str) -> None:
        """Raises ServiceError 404."""
        if not any(hook.id == key for hook in self._hooks):
            raise unknown("webhooks", key[:80])
        with self._store.transaction():
            self._store.execute("DELETE FROM webhooks WHERE n = ?", (int(key),))
        self._hooks = self._read()

    def send(self, changes: Sequence[Change]) -> None:
        """Put committed changes in the queue; never waits."""
        if not self._hooks or not changes:
            return
        with self._ready:
            self._waiting.extend(changes)
            if self._thread is None:
                self._thread = threading.Thread(target=self._deliver, name="webhooks", daemon=True)
                self._thread.start()
            self._ready.notify()

    def close(self) -> None:
        with self._ready:
            self._closed = True
            self._ready.notify()
        if self._thread is not None:
            self._thread.join(TIMEOUT * 2)

    def _read(self) -> Sequence[Hook]:
        rows = self._store.rows("SELECT n, url, secret FROM webhooks ORDER BY n")
        return [Hook(str(n), url, secret) for n, url, secret in rows]

    def _deliver(self) -> None:
        with httpx.Client(timeout=TIMEOUT, trust_env=False) as client:
            while True:
                with self._ready:
                    self._ready.wait_for(lambda: self._closed or self._waiting)
                    if self._closed:
                        return
                    change = self._waiting.popleft()
                for hook in self._hooks:
                    self._post(client, hook, change)

    def _post(self, client: httpx.Client, hook: Hook, change: Change) -> None:
        body = msgspec.json.encode({"id": secrets.token_hex(16), **change._asdict()})
        at = str(int(self._store.clock().timestamp()))
        signature = hmac.new(hook.secret.encode(), at.encode() + b"." + body, "sha256").hexdigest()
        headers = {
            "Content-Type": "application/json",
            "X-Timestamp": at,
            "X-Signature": f"sha256={signature}",
        }
        try:
            client.post(hook.url, content=body, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL):
            # Best effort: whoever misses a hint finds the change in the feed.
            return
