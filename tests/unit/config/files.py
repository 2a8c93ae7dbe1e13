"""Configurations on disk for the tests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from connector.app.core import settings_models
from connector.config import Config, load_config

ENV = {"CONNECTOR_KEY": "k" * 43 + "=", "CRM_TOKEN": "crm-s3cret", "ERP_TOKEN": "erp-s3cret"}

HEAD = """\
state: {url: "sqlite:///state.db", key: "${env:CONNECTOR_KEY}"}
systems:
  crm: {adapter: reference_crm, url: "http://127.0.0.1:1", auth: {token: "${env:CRM_TOKEN}"}}
  erp: {adapter: reference_erp, url: "http://127.0.0.1:2", auth: {token: "${env:ERP_TOKEN}"}}
syncs:
"""

ACCOUNTS = "  accounts: {entity: account, between: [crm, erp]}\n"


def write(folder: Path, text: str) -> Path:
    path = folder / "config.yaml"
    path.write_text(text, "utf-8")
    return path


def load(folder: Path, text: str, environ: Mapping[str, str] = ENV) -> Config:
    return load_config(write(folder, text), settings_models(), environ)


def sync(folder: Path, body: str) -> Config:
    """A configuration with one sync `s` of these lines."""
    lines = "".join(f"    {line}\n" for line in body.strip().splitlines())
    return load(folder, HEAD + "  s:\n" + lines)
