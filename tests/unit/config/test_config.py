"""config.yaml: what it means, and that every mistake is found at once and in its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from connector.app.core import settings_models
from connector.config import load_config
from connector.errors import ConfigError, Problem
from connector.merge.guards import Limit
from tests.unit.config.files import ACCOUNTS, ENV, HEAD, load, sync, write

ROOT = Path(__file__).parents[3]


def problems(folder: Path, text: str, environ: dict[str, str] | None = None) -> tuple[Problem, ...]:
    with pytest.raises(ConfigError) as caught:
        load(folder, text, ENV if environ is None else environ)
    return caught.value.problems


def test_the_example_configuration_loads_and_says_what_it_shows() -> None:
    config = load_config(ROOT / "config.example.yaml", settings_models(), ENV)
    assert list(config.syncs) == ["accounts", "contacts", "products", "orders", "invoices", "payments", "balances"]
    accounts = config.syncs["accounts"]
    assert accounts.pair == ("crm", "erp")
    assert accounts.match == (("tax_id",), ("name", "billing_address.postal_code"))
    assert accounts.limits.creates == Limit(count=5000)
    assert accounts.limits.updates == Limit(share=0.30)
    assert accounts.limits.deletes == Limit(share=0.02)
    assert accounts.fields["phone"].conflicts == "crm"
    assert config.syncs["products"].direction == "erp"
    assert config.syncs["orders"].every == 60.0
    assert config.systems["crm"].budget.calls_per_day == 40000
    assert config.systems["crm"].budget.reserve == 0.25


def test_every_mistake_of_every_part_is_reported_at_once(tmp_path: Path) -> None:
    text = """\
state: {url: "sqlite:///s.db", key: "${env:NOPE}"}
systems:
  crm: {adapter: reference_crn, url: "http://127.0.0.1:1"}
  erp: {adapter: reference_erp, ulr: "http://127.0.0.1:2", auth: {token: x}, budget: {rate: 0, reserve: 130%}}
  hub: {adapter: reference_crm, url: "http://127.0.0.1:3", auth: {token: x}}
syncs:
  accounts:
    entity: acount
    between: [hub, erq]
    direction: hub -> moon
    every: 5
    conflits: manual
  contacts:
    entity: contact
    between: [hub, erp]
    conflicts: erq
    fields:
      fist_name: {owner: hub}
      email: {owner: moon, drift: ignor}
    deletes: {policy: archiv}
    guards: {creates: lots}
other: 1
"""
    found = {(p.line, p.suggestion) for p in problems(tmp_path, text)}
    assert {line for line, _ in found} == {1, 3, 4, 8, 9, 11, 12, 16, 18, 19, 20, 21, 22}
    hints = {hint for _, hint in found if hint}
    assert {"reference_crm", "url", "account", "erp", "conflicts", "first_name", "ignore", "archive", "5s"} <= hints


def test_a_mistake_has_its_column_what_was_found_and_what_was_expected(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, HEAD + "  accounts: {entity: acount, between: [crm, erp]}\n")
    assert (problem.line, problem.column) == (6, 22)
    assert problem.found == "`acount`"
    assert problem.expected.startswith("`account`")
    assert problem.file.endswith("config.yaml")


def test_no_file_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="connector init"):
        load_config(tmp_path / "none.yaml", settings_models(), ENV)


@pytest.mark.parametrize("text", ["", "- a\n", "state: [\n", "\x00", "a: 1\na: 2\n", "7"])
def test_a_file_that_is_no_configuration_is_refused_with_a_place(tmp_path: Path, text: str) -> None:
    assert all(problem.line >= 1 for problem in problems(tmp_path, text))


# ------------------------------------------------------------------------------------------------- secrets


def test_secrets_come_from_the_environment_and_from_files_also_inside_a_text(tmp_path: Path) -> None:
    (tmp_path / "pw").write_text("p4ss\n")
    text = HEAD.replace('"sqlite:///state.db"', '"postgresql://me:${file:pw}@host/${env:CRM_TOKEN}"') + ACCOUNTS
    config = load(tmp_path, text)
    assert config.state.url == "postgresql://me:p4ss@host/crm-s3cret"
    assert config.systems["crm"].settings.auth.token.get_secret_value() == "crm-s3cret"  # type: ignore[attr-defined]


def test_a_missing_secret_is_a_problem_at_its_line(tmp_path: Path) -> None:
    text = HEAD.replace("${env:ERP_TOKEN}", "${file:none}") + ACCOUNTS
    found = problems(tmp_path, text, {"CRM_TOKEN": "x"})
    assert [(p.line, p.found) for p in found] == [(1, "`${env:CONNECTOR_KEY}`"), (4, "`${file:none}`")]


def test_an_unknown_kind_of_reference_is_refused(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, HEAD.replace("${env:CRM_TOKEN}", "${vault:x}") + ACCOUNTS)
    assert problem.expected == "`${env:NAME}` or `${file:PATH}`"


def test_no_secret_is_in_a_message_or_in_a_printed_configuration(tmp_path: Path) -> None:
    config = load(tmp_path, HEAD + ACCOUNTS)
    assert "s3cret" not in repr(config)
    assert ENV["CONNECTOR_KEY"] not in repr(config)
    bad = HEAD.replace('auth: {token: "${env:CRM_TOKEN}"}', "auth: {token: [hunter2], x: 1}").replace(
        "erp: {", "erp: {timeout: -1, "
    )
    found = problems(tmp_path, bad + ACCOUNTS)
    assert len(found) == 3
    assert "hunter2" not in " ".join(map(str, found))
    assert "s3cret" not in " ".join(map(str, found))


def test_a_relative_state_file_lies_beside_the_configuration(tmp_path: Path) -> None:
    assert load(tmp_path, HEAD + ACCOUNTS).state.url == f"sqlite:///{tmp_path / 'state.db'}"


# --------------------------------------------------------------------------------------------------- values


@pytest.mark.parametrize(
    ("text", "seconds"), [("5m", 300.0), ("2s", 2.0), ("1h", 3600.0), ("1.5m", 90.0), ("1d", 86400.0), ("1500 ms", 1.5)]
)
def test_durations_are_read_with_their_unit(tmp_path: Path, text: str, seconds: float) -> None:
    config = sync(tmp_path, f"entity: account\nbetween: [crm, erp]\nevery: {text}\nsettle: {text}")
    assert config.syncs["s"].every == seconds
    assert config.syncs["s"].settle == seconds


@pytest.mark.parametrize("text", ["5", "m", "-5m", "5 parsecs", "0s", "[1m]", "{}", "true"])
def test_other_durations_are_refused(tmp_path: Path, text: str) -> None:
    (problem,) = problems(tmp_path, HEAD + f"  s: {{entity: account, between: [crm, erp], every: {text}}}\n")
    assert "every" in problem.expected


@pytest.mark.parametrize(
    ("text", "limit"), [("500", Limit(count=500)), ("2%", Limit(share=0.02)), ("0", Limit(count=0)), ("off", None)]
)
def test_a_guard_is_a_number_a_share_or_off(tmp_path: Path, text: str, limit: Limit | None) -> None:
    config = sync(tmp_path, f"entity: account\nbetween: [crm, erp]\nguards: {{updates: {text}}}")
    assert config.syncs["s"].limits.updates == limit


@pytest.mark.parametrize("text", ["-1", "120%", "many", "1.5", "true", "[]"])
def test_other_guards_are_refused(tmp_path: Path, text: str) -> None:
    (problem,) = problems(
        tmp_path, HEAD + f"  s: {{entity: account, between: [crm, erp], guards: {{updates: {text}}}}}\n"
    )
    assert "`updates`" in problem.expected


def test_cron_and_every_exclude_each_other_and_cron_is_checked(tmp_path: Path) -> None:
    head = "entity: account\nbetween: [crm, erp]\n"
    config = sync(tmp_path, head + 'cron: "*/5 * * * *"')
    assert (config.syncs["s"].cron, config.syncs["s"].every) == ("*/5 * * * *", None)
    for body in ('cron: "* * *"', 'cron: "* * * * *"\nevery: 5m'):
        with pytest.raises(ConfigError):
            sync(tmp_path, head + body)


# ---------------------------------------------------------------------------------------------------- syncs


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("conflicts: hub", "`hub`"),
        ("fields: {phone: {owner: hub}}", "`hub`"),
        ("fields: {subtotal: {owner: crm}}", "`subtotal`"),
        ("fields: {phone: {atomic: true}}", "`atomic`"),
        ("fields: {billing_address.city: {owner: crm}}", "a rule for `billing_address.city`"),
        ("fields: {credit_limit: {merge: add_changes, base: fingerprint}}", "`base: fingerprint`"),
        ("fields: {billing_address: {merge: union}}", "`merge` on `billing_address`"),
        ("match: [nam]", "`nam`"),
        ("direction: erp -> crm\nfields: {phone: {owner: crm}}", "owner `crm`"),
        ("direction: erp -> erp", "`erp -> erp`"),
    ],
)
def test_a_rule_that_cannot_hold_is_refused(tmp_path: Path, body: str, found: str) -> None:
    with pytest.raises(ConfigError) as caught:
        sync(tmp_path, "entity: account\nbetween: [crm, erp]\n" + body)
    assert [problem.found for problem in caught.value.problems] == [found]


def test_a_part_of_a_group_may_have_its_own_rule_once_the_group_is_not_atomic(tmp_path: Path) -> None:
    rules = "fields: {billing_address: {atomic: false}, billing_address.city: {owner: crm}}"
    config = sync(tmp_path, "entity: account\nbetween: [crm, erp]\n" + rules)
    assert config.syncs["s"].fields["billing_address.city"].owner == "crm"


def test_an_entity_is_synced_once_per_pair_and_all_syncs_of_a_pair_have_one_order(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, HEAD + ACCOUNTS + ACCOUNTS.replace("accounts", "again"))
    assert "`accounts` has these" in problem.expected
    (problem,) = problems(tmp_path, HEAD + ACCOUNTS + "  contacts: {entity: contact, between: [erp, crm]}\n")
    assert problem.expected == "[crm, erp], the order `accounts` has"


def test_words_with_a_meaning_cannot_name_a_system(tmp_path: Path) -> None:
    (problem,) = problems(
        tmp_path, HEAD.replace("  erp: {", "  manual: {", 1) + "  s: {entity: account, between: [crm, manual]}\n"
    )
    assert problem.found == "`manual`"


# ------------------------------------------------------------------------------------------------- mappings


def own_mapping(folder: Path, text: str) -> None:
    place = folder / "mappings" / "reference_crm"
    place.mkdir(parents=True)
    (place / "account.yaml").write_text(text, "utf-8")


def test_a_mapping_of_the_installation_stands_before_the_packaged_one(tmp_path: Path) -> None:
    own_mapping(tmp_path, "entity: account\nobject: companies\nfields: {name: name}\n")
    config = load(tmp_path, HEAD + ACCOUNTS)
    assert config.syncs["accounts"].mappings.left.readable == {"name"}
    assert len(config.syncs["accounts"].mappings.right.readable) > 20


def test_a_folder_named_by_the_system_stands_before_both(tmp_path: Path) -> None:
    own_mapping(tmp_path, "entity: account\nobject: companies\nfields: {name: name}\n")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "account.yaml").write_text("entity: account\nobject: other\nfields: {name: n}\n")
    config = load(tmp_path, HEAD.replace("crm: {", "crm: {mappings: mine, ", 1) + ACCOUNTS)
    assert config.syncs["accounts"].mappings.left.object == "other"


def test_mistakes_of_mapping_files_are_reported_together_with_those_of_the_configuration(tmp_path: Path) -> None:
    own_mapping(tmp_path, "entity: account\nobject: companies\nfields: {nam: name, fax: {field: fax, as: phon}}\n")
    found = problems(tmp_path, HEAD + ACCOUNTS.replace("}", ", conflicts: hub}"))
    files = [problem.file.rpartition("/")[2] for problem in found]
    assert files[0] == "config.yaml"
    assert set(files[1:]) == {"account.yaml"}
    assert {problem.suggestion for problem in found} >= {"name", "phone"}


def test_a_mapping_that_is_not_there_is_a_problem_at_the_entity(tmp_path: Path) -> None:
    place = tmp_path / "mappings" / "reference_crm"
    place.mkdir(parents=True)
    (place / "account.yaml").write_text("entity: contact\nobject: c\nfields: {last_name: n}\n")
    (problem,) = problems(tmp_path, HEAD + ACCOUNTS)
    assert problem.found == "entity `contact`"


def test_custom_fields_of_a_mapping_may_have_rules(tmp_path: Path) -> None:
    custom = "custom: {region_code: {type: text, field: %s}}\n"
    for adapter, field in (("reference_crm", "industry"), ("reference_erp", "industry")):
        place = tmp_path / "mappings" / adapter
        place.mkdir(parents=True)
        object_ = "companies" if adapter.endswith("crm") else "customers"
        (place / "account.yaml").write_text(
            f"entity: account\nobject: {object_}\nfields: {{name: name}}\n" + custom % field
        )
    config = load(tmp_path, HEAD + ACCOUNTS.replace("}", ", fields: {region_code: {owner: erp}}}"))
    assert config.syncs["accounts"].fields["region_code"].owner == "erp"
    assert "region_code" in config.syncs["accounts"].entity.fields


def test_an_unquoted_number_for_a_text_is_refused_at_its_place(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, HEAD.replace('"http://127.0.0.1:1"', "17") + ACCOUNTS)
    assert (problem.line, problem.found) == (3, "`17`")
    assert write(tmp_path, "x").exists()
