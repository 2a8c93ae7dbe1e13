"""Runs syncs again and again until told to stop: APScheduler fires, one run of a sync at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from connector.clock import SystemClock
from connector.config import SyncConfig


class Schedule:
    """Calls `run(name)` for each sync on its own interval or cron line; runs never overlap.

    seconds: one interval for all of them instead. on_error: told what a run raised; the schedule goes on.
    """

    def __init__(
        self,
        syncs: list[SyncConfig],
        run: Callable[[str], None],
        *,
        seconds: float | None = None,
        on_error: Callable[[str, Exception], None],
    ) -> None:
        self._syncs = syncs
        self._run = run
        self._seconds = seconds
        self._on_error = on_error
        self._stop = threading.Event()
        self._turn = threading.Lock()

    def start(self) -> None:
        """Fire in the background until `stop`. Each sync runs once at the start, parents first."""
        from apscheduler.executors.pool import ThreadPoolExecutor
        from apscheduler.schedulers.background import BackgroundScheduler

        self._scheduler = BackgroundScheduler(
            timezone="UTC",
            executors={"default": ThreadPoolExecutor(1)},  # one at a time, in the order they are added
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )
        now = datetime.fromtimestamp(SystemClock().now(), UTC)
        for number, sync in enumerate(self._syncs):
            # The first time at once, in this order. Not as entries of their own: one that is over and removed while the
            # scheduler is being stopped makes its thread fail.
            first = now + timedelta(microseconds=number)
            self._scheduler.add_job(
                self._fire, self._trigger(sync), args=[sync.name], id=sync.name, next_run_time=first
            )
        self._scheduler.start()

    def _trigger(self, sync: SyncConfig) -> object:
        from apscheduler.triggers.cron import CronTrigger
        from apscheduler.triggers.interval import IntervalTrigger

        if self._seconds is None and sync.cron is not None:
            return CronTrigger.from_crontab(sync.cron, timezone="UTC")
        return IntervalTrigger(seconds=self._seconds or sync.every or 300.0, timezone="UTC")

    def _fire(self, name: str) -> None:
        with self._turn:
            if self._stop.is_set():
                return
            try:
                self._run(name)
            except Exception as error:
                self._on_error(name, error)

    def wait(self, seconds: float | None = None) -> bool:
        """Until `stop` is called, or so many seconds have passed; whether it was stopped."""
        return self._stop.wait(seconds)

    def stop(self) -> None:
        """No further run; waits for the one under way."""
        self._stop.set()
        self._scheduler.shutdown(wait=True)
