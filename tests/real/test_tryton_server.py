"""The server of the tests: as seeded after a reset, and gone with whoever started it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from .conftest import KIND
from .tryton.install import ROOT
from .tryton.server import Tryton


def test_a_reset_takes_back_what_was_made(seeded: Tryton) -> None:
    parties = "model/party.party?f=name"
    before = seeded.ask("GET", parties)
    seeded.ask("POST", "model/party.party?f=id", {"name": "Gone soon"})
    assert seeded.ask("GET", parties) != before
    seeded.reset()
    assert seeded.ask("GET", parties) == before


def test_the_seed_holds_no_customer(seeded: Tryton) -> None:
    _, parties = seeded.ask("GET", "model/party.party?f=name")
    assert [party["name"] for party in parties] == ["Example Trading"]


@pytest.mark.skipif(KIND != "sqlite", reason="one kind is enough: what ends the server knows no database")
def test_the_server_ends_when_its_starter_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.real.tryton", "serve", KIND]
    place = {**os.environ, "TMPDIR": str(tmp_path)}  # nobody tidies up behind what was killed
    with subprocess.Popen(command, cwd=ROOT, env=place, stdout=subprocess.PIPE) as starter:
        assert starter.stdout
        text = ""
        while not text.endswith("}\n"):
            text += starter.stdout.readline().decode()
        url = json.loads(text)["url"]
        assert _answers(url)
        starter.kill()
        starter.wait(10)
        end = time.monotonic() + 10
        while _answers(url) and time.monotonic() < end:
            time.sleep(0.1)
        assert not _answers(url)


def _answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=5).close()
    except urllib.error.HTTPError as error:
        error.close()  # 404: nothing is shown at that address, but somebody says so
    except OSError:
        return False
    return True
