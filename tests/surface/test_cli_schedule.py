"""The loop behind `connector demo`: every sync runs at once and again, one at a time, until it is told to stop."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from connector.app.core import App, settings_models
from connector.config import SyncConfig, load_config
from connector.schedule import Schedule

ROOT = Path(__file__).parents[2]
ENV = {"CONNECTOR_KEY": "k", "CRM_TOKEN": "a", "ERP_TOKEN": "b"}


@pytest.fixture
def syncs() -> list[SyncConfig]:
    return App(load_config(ROOT / "config.example.yaml", settings_models(), ENV)).chosen(["orders", "accounts"])


def test_every_sync_runs_at_the_start_parents_first_and_again_after_the_interval(syncs: list[SyncConfig]) -> None:
    ran: list[str] = []
    enough = threading.Event()

    def run(name: str) -> None:
        ran.append(name)
        if len(ran) == 4:
            enough.set()

    schedule = Schedule(syncs, run, seconds=0.05, on_error=lambda name, error: pytest.fail(str(error)))
    schedule.start()
    assert enough.wait(10)
    schedule.stop()
    assert ran[:2] == ["accounts", "orders"]
    assert set(ran[2:4]) <= {"accounts", "orders"}


def test_a_run_that_fails_is_told_and_the_schedule_goes_on(syncs: list[SyncConfig]) -> None:
    told: list[str] = []
    enough = threading.Event()

    def on_error(name: str, error: Exception) -> None:
        told.append(f"{name}: {error}")
        if len(told) == 3:
            enough.set()

    def run(name: str) -> None:
        raise ValueError("broken")

    schedule = Schedule(syncs[:1], run, seconds=0.05, on_error=on_error)
    schedule.start()
    assert enough.wait(10)
    schedule.stop()
    assert set(told) == {"accounts: broken"}


def test_stop_waits_for_the_run_under_way_and_lets_none_begin(syncs: list[SyncConfig]) -> None:
    begun, release = threading.Event(), threading.Event()
    ended: list[str] = []

    def run(name: str) -> None:
        begun.set()
        release.wait(10)
        ended.append(name)

    schedule = Schedule(syncs, run, seconds=0.05, on_error=lambda name, error: None)
    schedule.start()
    assert begun.wait(10)
    stopper = threading.Thread(target=schedule.stop)
    stopper.start()
    assert schedule.wait(10)
    release.set()
    stopper.join(10)
    assert not stopper.is_alive()
    assert ended == ["accounts"]
