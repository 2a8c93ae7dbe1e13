"""Deliveries from a process of its own: a thread that sends what is due, over HTTP."""

from __future__ import annotations

import threading
import urllib.error
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException

from connector.emulators.hubspot.webhooks import Webhooks

ANSWER_SECONDS = 5.0
PAUSE = 0.2

# Without proxies of the environment: who asked for events is told them directly.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def post(url: str, body: bytes, headers: Mapping[str, str]) -> int:
    """Send one request; the status of its answer, 0 when there was none within five seconds (contract 7)."""
    try:
        request = urllib.request.Request(url, body, dict(headers), method="POST")
        with _OPENER.open(request, timeout=ANSWER_SECONDS) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
    except (OSError, ValueError, HTTPException):
        return 0


class Sender:
    """Delivers in the background until it is stopped."""

    def __init__(self, webhooks: Webhooks) -> None:
        self._webhooks = webhooks
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="hubspot-webhooks", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Returns when nothing more is sent."""
        self._stopped.set()
        self._thread.join(ANSWER_SECONDS * 2)

    def _run(self) -> None:
        while not self._stopped.wait(PAUSE):
            self._webhooks.deliver()
