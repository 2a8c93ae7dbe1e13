"""Mistakes in the files: every one with its place, what was found and expected; nothing is contacted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from acceptance import Fake, command

CONFIG = """\
state: {{url: "sqlite:///state.db", key: "${{env:NO_SUCH_KEY}}"}}
systems:
  crm: {{adapter: reference_crm, url: "{url}", auth: {{token: t0ken}}, mappings: mine}}
  erp: {{adapter: reference_erp, url: "{url}", auth: {{token: t0ken}}, colour: red}}
syncs:
  accounts:
    entity: account
    between: [crm, epr]
    every: 5 minutes
    conflcts: manual
    fields:
      phone: {{conflicts: crm}}
      phone: {{conflicts: erp}}
  contacts:
    entity: contact
    between: [crm, erp]
    match: [emial]
  products:
    entity: product
    between: [crm, erp]
    deletes: {{policy: archive, max: lots}}
"""
MAPPING = """\
entity: contact
object: contacts
fields:
  last_nam: last_name
  status: {field: status, values: {active: active}}
  phone: {field: phone, as: fone}
"""
COMMANDS = (["check"], ["sync"], ["match", "accounts"], ["status"])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "contact.yaml").write_text(MAPPING)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_mistake_is_told_with_its_place_and_nothing_is_contacted(folder: Path, words: list[str]) -> None:
    with Fake(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}") as bomb:
        (folder / "config.yaml").write_text(CONFIG.format(url=bomb.url))
        ended = command(*words)
        assert ended.code == 1
        assert bomb.touched == 0
    text = ended.text
    for place, found, expected in (
        ("config.yaml:1:", "NO_SUCH_KEY", ""),
        ("config.yaml:4:", "colour", ""),
        ("config.yaml:8:", "epr", "`erp`"),
        ("config.yaml:9:", "5 minutes", "30s, 5m or 1h"),
        ("config.yaml:10:", "conflcts", "`conflicts`"),
        ("config.yaml:13:", "phone", ""),
        ("config.yaml:17:", "emial", "`email`"),
        ("config.yaml:21:", "lots", ""),
        ("contact.yaml:4:", "last_nam", "`last_name`"),
        ("contact.yaml:5:", "inactive", ""),
        ("contact.yaml:6:", "fone", "`phone`"),
    ):
        lines = [line for line in text.splitlines() if place in line and found in line and expected in line]
        assert lines, f"{place} {found}: not in\n{text}"
    assert "t0ken" not in text
    assert "Traceback" not in text
    assert not (folder / "state.db").exists()


def test_the_mistakes_can_be_read_by_a_program(folder: Path) -> None:
    (folder / "config.yaml").write_text(CONFIG.format(url="http://127.0.0.1:9"))
    ended = command("check", "--json")
    assert ended.code == 1
    if ended.out:
        json.loads(ended.out)
    else:
        assert ended.said.count("found ") >= 11
