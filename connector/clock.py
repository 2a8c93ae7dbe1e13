"""The real clock, and names never used before. The only place that asks the machine for either."""

from __future__ import annotations

import time
import uuid


class SystemClock:
    """See `ports.Clock`."""

    def now(self) -> float:
        """Seconds since the epoch, UTC."""
        return time.time()  # noqa: TID251

    def sleep(self, seconds: float) -> None:
        if seconds > 0:
            time.sleep(seconds)  # noqa: TID251


def new_id() -> str:
    """12 letters and digits that no other run has."""
    return uuid.uuid4().hex[:12]  # noqa: TID251
