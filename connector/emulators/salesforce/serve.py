"""Start-up of an emulated org as a process of its own, on loopback only."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from connector.emulators.salesforce.app import create_app
from connector.emulators.salesforce.errors import Refusal
from connector.emulators.salesforce.settings import Settings, Switches, changed
from connector.reference.kit.serve import add_listening, listen

ENVIRONMENT = {
    "client_id": "SALESFORCE_EMULATOR_CLIENT_ID",
    "client_secret": "SALESFORCE_EMULATOR_CLIENT_SECRET",
    "admin_token": "SALESFORCE_EMULATOR_ADMIN_TOKEN",
    "refresh_token": "SALESFORCE_EMULATOR_REFRESH_TOKEN",
}
"""Where a credential comes from when no option gives it."""

ERP_FIELDS = Path(__file__).with_name("erp_fields.json")
"""The custom objects and fields that contract §7 asks an operator for."""


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m connector.emulators.salesforce", description="Serves an emulated Salesforce org."
    )
    parser.add_argument("--db", default=":memory:", help="file of the records (default: none, all in memory)")
    for name, variable in ENVIRONMENT.items():
        parser.add_argument(f"--{name.replace('_', '-')}", help=f"or in the environment as {variable}")
    parser.add_argument("--username", help="the integration user, the subject of JWT assertions")
    parser.add_argument("--public-key", help="PEM file of the key or certificate for JWT assertions")
    parser.add_argument("--currencies", help="several codes, the corporate one first, make it a multi-currency org")
    parser.add_argument("--order-status", action="append", metavar="LABEL=CODE", help="Draft or Activated; repeatable")
    parser.add_argument("--production", action="store_true", help="the org says that it is no sandbox")
    parser.add_argument("--setup", action="append", help="file of custom objects and fields; `erp` for the usual ones")
    parser.add_argument("--switches", help="file of switches, JSON")
    add_listening(parser)
    return parser


def setup_of(name: str) -> list[Mapping[str, Any]]:
    """The metadata of a set-up file; `erp` is the one that comes along. Raises OSError, msgspec.MsgspecError."""
    path = ERP_FIELDS if name == "erp" else Path(name)
    return msgspec.json.decode(path.read_bytes(), type=list[Mapping[str, Any]])


def settings_of(options: argparse.Namespace) -> Settings:
    """Raises OSError or msgspec.MsgspecError for a file that cannot be used."""
    given: dict[str, Any] = {"db": options.db, "sandbox": not options.production}
    for name, variable in ENVIRONMENT.items():
        value = getattr(options, name) or os.environ.get(variable)
        if value:
            given[name] = value
    if options.username:
        given["username"] = options.username
    if options.public_key:
        given["public_key"] = Path(options.public_key).read_text(encoding="ascii")
    if options.currencies:
        given["currencies"] = tuple(options.currencies.split(","))
    if options.order_status:
        given["order_statuses"] = dict(pair.split("=", 1) for pair in options.order_status)
    if options.setup:
        given["setup"] = [one for name in options.setup for one in setup_of(name)]
    if options.switches:
        given["switches"] = changed(Switches(), msgspec.json.decode(Path(options.switches).read_bytes()))
    return Settings(**given)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until stopped. Returns the exit code."""
    options = parser().parse_args(arguments)
    try:
        app = create_app(settings_of(options))
    except (OSError, ValueError, Refusal, msgspec.MsgspecError) as error:
        sys.stderr.write(f"salesforce: {error}\n")
        return 1
    app.outbox.start()
    return listen(app, "salesforce", options, date_header=False)
