"""The commands around the work: init, check, setup, mapping, reference, demo."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from connector.cli.common import CONFIG, DIFFERENT, DONE, ERROR, ConfigOption, JsonOption, opened
from connector.cli.output import emit, say, table
from connector.errors import ConfigError
from connector.model.records import Finding
from connector.ports import Need

mapping = typer.Typer(help="Mapping files: how one kind of system shows one entity.", no_args_is_help=True)


class Builtin(StrEnum):
    CRM = "crm"
    ERP = "erp"


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(demo)
    app.command()(init)
    app.command()(check)
    app.command()(setup)
    app.add_typer(mapping, name="mapping")
    app.command()(reference)


# ----------------------------------------------------------------------------------------------------- demo


def demo(
    once: Annotated[bool, typer.Option("--once", help="Run the closed loop step by step, check it, and end.")] = False,
    keep: Annotated[Path | None, typer.Option("--keep", help="Work in this folder and keep it.", metavar="DIR")] = None,
    json: JsonOption = False,
) -> int:
    """Start the built-in CRM and ERP with generated companies and keep them in step, until Ctrl-C."""
    from connector.cli.demo import run

    return run(once=once, keep=keep, json=json)


# ----------------------------------------------------------------------------------------------------- init


def init(
    crm: Annotated[str | None, typer.Option("--crm", help="Adapter of the CRM.", metavar="ADAPTER")] = None,
    erp: Annotated[str | None, typer.Option("--erp", help="Adapter of the ERP.", metavar="ADAPTER")] = None,
    crm_name: Annotated[str, typer.Option("--crm-name", help="What to call the CRM.")] = "crm",
    erp_name: Annotated[str, typer.Option("--erp-name", help="What to call the ERP.")] = "erp",
    config: ConfigOption = CONFIG,
    json: JsonOption = False,
) -> int:
    """Write a configuration for a pair of systems, and the key of its state. Overwrites nothing."""
    from connector.adapters import discover, get
    from connector.app.setup import SystemPlan, config_text, settings_template, shared_entities, write_config
    from connector.config.systems import is_name

    known = ", ".join(discover())
    plans = []
    for word, adapter, name in (("CRM", crm, crm_name), ("ERP", erp, erp_name)):
        chosen = adapter or _asked(word, known)
        if not is_name(name):
            raise ConfigError(f"`{name}` cannot be a system's name; use letters, digits, `-` and `_`, a letter first.")
        plans.append(SystemPlan(name, chosen, settings_template(get(chosen).settings, name)))
    if crm_name == erp_name:
        raise ConfigError(f"Both systems cannot be called `{crm_name}`; choose with --crm-name and --erp-name.")
    left, right = plans
    entities = shared_entities(config.resolve().parent, left, right)
    key = write_config(config, config_text(left, right, entities))
    if json:
        emit({"config": config, "key": key, "entities": entities})
        return DONE
    say(f"Wrote {config} for {', '.join(entities)}, and {key}. Keep the key: without it the state cannot be read.")
    say(f"Next: set the variables named in {config}, then connector check")
    return DONE


def _asked(word: str, known: str) -> str:
    if not sys.stdin.isatty():
        raise ConfigError(f"Name the adapters with --crm and --erp; there are {known}.")
    return str(typer.prompt(f"Adapter of the {word} ({known})", err=True))


# ---------------------------------------------------------------------------------------------------- check


def check(config: ConfigOption = CONFIG, json: JsonOption = False) -> int:
    """Configuration, mappings and their tests, then each system: credentials, rights, schema, promises."""
    from connector.app.checking import check as run_check
    from connector.app.promises import promises

    with opened(config, quiet=True) as app:
        findings = list(run_check(app))
        failed = [finding.subject for finding in findings if not finding.ok]
        usable = [name for name in app.config.systems if not any(s.startswith(f"{name}: ") for s in failed)]
        held = promises(app, usable)
    if json:
        emit({"ok": not failed, "findings": findings, "promises": held})
        return ERROR if failed else DONE
    _show_findings(findings)
    for promise in held:
        say(str(promise))
    _say_whether(failed)
    return ERROR if failed else DONE


def _show_findings(rows: list[Finding]) -> None:
    table(["", "what", "finding"], [["ok" if f.ok else "FIX", f.subject, f.detail] for f in rows])


def _say_whether(failed: list[str]) -> None:
    say("All is well." if not failed else f"{len(failed)} to fix.")


# ---------------------------------------------------------------------------------------------------- setup


def setup(
    system: Annotated[str, typer.Argument(help="Which system, by its name in the configuration.")],
    yes: Annotated[bool, typer.Option("--yes", help="Make them without asking.")] = False,
    config: ConfigOption = CONFIG,
    json: JsonOption = False,
) -> int:
    """Make the fields there that the mappings name and the system lacks; what is there is left as it is."""
    from connector.app.preparing import prepare

    with opened(config, quiet=True) as app:
        found = prepare(app, system, make=False)
        made = bool(found) and (yes or _agreed(system, found, json=json))
        if made:
            found = prepare(app, system, make=True)
    ok = all(finding.ok for _, finding in found)
    if json:
        emit({"ok": ok, "made": made, "needs": [{"need": need, "finding": finding} for need, finding in found]})
    elif made:
        _show_findings([finding for _, finding in found])
    elif not found:
        say(f"Every field that the mappings name is there in {system}.")
    if not ok:
        return ERROR
    return DONE if made or not found else DIFFERENT


def _agreed(system: str, found: list[tuple[Need, Finding]], *, json: bool) -> bool:
    """Shows what is missing and asks; never where nobody can answer."""
    if json:
        return False
    rows = [[need.object, need.name, need.type, finding.detail] for need, finding in found]
    table(["object", "field", "type", "finding"], rows)
    if not sys.stdin.isatty():
        say("Nothing was made. Make them with --yes.")
        return False
    return bool(typer.confirm(f"Make them in {system}?", err=True))


# -------------------------------------------------------------------------------------------------- mapping


@mapping.command("check")
def mapping_check(
    files: Annotated[list[Path] | None, typer.Argument(help="Mapping files; all packaged ones when none.")] = None,
    json: JsonOption = False,
) -> int:
    """Check mapping files by themselves: they parse, hold their own tests and keep the laws."""
    from connector.app.checking import check_mappings
    from connector.config.mappings import packaged

    found = files or sorted(packaged().glob("*/*.yaml"))
    findings = list(check_mappings(found))
    failed = [finding.subject for finding in findings if not finding.ok]
    if json:
        emit({"ok": not failed, "findings": findings})
    else:
        _show_findings(findings)
        _say_whether(failed)
    return ERROR if failed else DONE


# ------------------------------------------------------------------------------------------------ reference


def reference(
    system: Annotated[Builtin, typer.Argument(help="Which of the two.")],
    db: Annotated[Path | None, typer.Option("--db", help="Its database; made when it is not there.")] = None,
    port: Annotated[int, typer.Option("--port", help="0 picks a free one.", min=0, max=65535)] = 0,
    token: Annotated[
        list[str] | None, typer.Option("--token", help="Who may call, as PRINCIPAL=SECRET.", metavar="TOKEN")
    ] = None,
) -> int:
    """Serve the built-in CRM or ERP alone, on this machine only, until Ctrl-C."""
    import importlib

    from connector.reference.kit.serve import main as serve

    create = importlib.import_module(f"connector.reference.{system}.app").create_app
    arguments = ["--db", str(db or f"{system}.db"), "--port", str(port)]
    for entry in token or ():
        arguments += ["--token", entry]
    if not token:
        say("No --token was given: only the pages can be used, not the API.")
    return serve(system.value, create, arguments)
