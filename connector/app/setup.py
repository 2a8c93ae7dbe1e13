"""`init`: writes a configuration for a pair of systems, and the key of its state store."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel

from connector.config.mappings import MappingFiles
from connector.errors import ConfigError
from connector.model.entities import DEPENDENCY_ORDER

KEY_FILE = "connector.key"

_SYNCS: Mapping[str, str] = {
    "account": """\
  accounts:
    entity: account
    between: [{left}, {right}]
    match: [tax_id, [name, billing_address.postal_code]]
    conflicts: manual
    fields:
      number: {{owner: {right}}}
      payment_terms: {{owner: {right}}}
      credit_limit: {{owner: {right}}}
""",
    "contact": """\
  contacts:
    entity: contact
    between: [{left}, {right}]
    match: [email]
    conflicts: manual
""",
    "product": """\
  products:
    entity: product
    between: [{left}, {right}]
    direction: {right} -> {left}
    match: [sku]
""",
    "order": """\
  orders:
    entity: order
    between: [{left}, {right}]
    conflicts: manual
    fields:
      number: {{owner: {right}}}
      status: {{owner: {right}}}
      ship_date: {{owner: {right}}}
      tracking: {{owner: {right}}}
      carrier: {{owner: {right}}}
""",
    "invoice": """\
  invoices:
    entity: invoice
    between: [{left}, {right}]
    direction: {right} -> {left}
    match: [number]
""",
    "payment": """\
  payments:
    entity: payment
    between: [{left}, {right}]
    direction: {right} -> {left}
    match: [number]
""",
    "balance": """\
  balances:
    entity: balance
    between: [{left}, {right}]
    direction: {right} -> {left}
""",
}


@dataclass(frozen=True, slots=True)
class SystemPlan:
    """One system to be written: its name, its adapter and lines of settings as they go into the file."""

    name: str
    adapter: str
    settings: tuple[str, ...]


def settings_template(model: type[BaseModel], name: str) -> tuple[str, ...]:
    """Lines for every setting an adapter demands, secrets as references to the environment."""
    return tuple(_lines(model, f"{name.upper().replace('-', '_')}_", ""))


def _lines(model: type[BaseModel], prefix: str, indent: str) -> Iterable[str]:
    for field, info in model.model_fields.items():
        if not info.is_required():
            continue
        ways = get_args(info.annotation) or (info.annotation,)
        inner = ways[0]  # of several ways to sign in the first is the common one
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield f"{indent}{field}:"
            yield from _lines(inner, prefix, indent + "  ")
        else:
            yield f'{indent}{field}: "${{env:{prefix}{field.upper()}}}"'


def config_text(crm: SystemPlan, erp: SystemPlan, entities: Iterable[str]) -> str:
    """The text of a config.yaml: `crm` left, `erp` right, a sync for each entity."""
    lines = [
        "# Check with `connector check`, look with `connector plan`, then `connector sync`.",
        'state: {url: "sqlite:///connector.db", key: "${file:' + KEY_FILE + '}"}',
        "",
        "systems:",
    ]
    for system in (crm, erp):
        lines += [f"  {system.name}:", f"    adapter: {system.adapter}", *(f"    {line}" for line in system.settings)]
    lines += ["", "syncs:"]
    blocks = [_SYNCS[entity].format(left=crm.name, right=erp.name) for entity in entities]
    return "\n".join(lines) + "\n" + "\n".join(blocks)


def shared_entities(folder: Path, crm: SystemPlan, erp: SystemPlan) -> list[str]:
    """Entities both adapters have a mapping for, parents first. Raises ConfigError when there is none."""
    files = MappingFiles(folder)
    found = [set(files.entities(system.adapter)) for system in (crm, erp)]
    both = [entity for entity in DEPENDENCY_ORDER if entity in found[0] & found[1]]
    if not both:
        raise ConfigError(f"There are no mappings that both `{crm.adapter}` and `{erp.adapter}` have.")
    return both


def write_config(path: Path, text: str) -> Path:
    """Write config.yaml and a fresh key beside it (readable by its owner only); where the key is.

    Raises ConfigError when one of them is there already: a lost key cannot be made again.
    """
    from connector.state.vault import new_key

    key = path.parent / KEY_FILE
    for file in (path, key):
        if file.exists():
            raise ConfigError(f"{file} is there already and is left as it is; move it away, or choose another folder.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(key, new_key() + "\n")
        _write(path, text)
    except OSError as error:
        raise ConfigError(f"{path.parent} cannot be written to: {(error.strerror or 'refused').lower()}.") from None
    return key


def _write(path: Path, text: str) -> None:
    """A new file that only its owner reads; never through a link somebody put there."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)


def quoted(value: Any) -> str:
    """A value as a YAML text in quotes."""
    return '"' + re.sub(r'(["\\])', r"\\\1", str(value)) + '"'
