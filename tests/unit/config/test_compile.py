"""Configuration and mappings compiled into the units, flows and rules the engine runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from connector.app.compile import compile_sync
from connector.config import Config
from connector.engine.spec import SyncSpec
from connector.errors import ConfigError
from connector.merge.rules import Drift, Flow, Policy
from connector.model.values import Side, Sides
from connector.ports import Capabilities, Description, ObjectSchema
from tests.unit.config.files import HEAD, load, sync

CAPABILITIES = Capabilities(conditional_write=True, versions="counter")
BOTH = {Side.LEFT, Side.RIGHT}


def compiled(config: Config, name: str = "s", *, creatable: bool = True) -> SyncSpec:
    found = config.syncs[name]
    descriptions = found.mappings.map(
        lambda m: Description({m.object: ObjectSchema(m.object, {}, CAPABILITIES, creatable)}, "connector")
    )
    return compile_sync(found, descriptions)


def spec_of(folder: Path, entity: str, rules: str = "") -> SyncSpec:
    return compiled(sync(folder, f"entity: {entity}\nbetween: [crm, erp]\n{rules}"))


def test_units_stand_in_the_order_of_the_entity_groups_as_one_and_lines_as_one(tmp_path: Path) -> None:
    spec = spec_of(tmp_path, "order")
    names = [unit.name for unit in spec.units]
    order = [f.group or f.name for f in spec.entity.fields.values()]
    assert names == [name for name in dict.fromkeys(order) if name in names]
    assert {"shipping_address", "lines", "status", "account"} <= set(names)
    address = spec.unit("shipping_address")
    assert address is not None
    assert address.fields == tuple(f for f in spec.entity.fields if f.startswith("shipping_address."))


def test_computed_fields_are_no_units(tmp_path: Path) -> None:
    assert not {"subtotal", "tax", "total"} & {unit.name for unit in spec_of(tmp_path, "order").units}


def test_a_group_that_is_not_atomic_is_a_unit_per_field(tmp_path: Path) -> None:
    rules = "fields: {billing_address: {atomic: false, conflicts: crm}, billing_address.city: {owner: erp}}"
    spec = spec_of(tmp_path, "account", rules)
    street, city = spec.unit("billing_address.street"), spec.unit("billing_address.city")
    assert spec.unit("billing_address") is None
    assert street is not None
    assert city is not None
    assert (street.policy, street.source) == (Policy.LEFT, "syncs.s.fields.billing_address")
    assert (city.flow, city.source) == (Flow.R2L, "syncs.s.fields.billing_address.city")


@pytest.mark.parametrize(
    ("rules", "flow"),
    [
        ("direction: both", Flow.BOTH),
        ("direction: crm -> erp", Flow.L2R),
        ("direction: erp -> crm", Flow.R2L),
        ("fields: {phone: {owner: erp}}", Flow.R2L),
        ("fields: {phone: {owner: crm}}", Flow.L2R),
    ],
)
def test_a_field_flows_from_its_owner_else_as_the_sync_does(tmp_path: Path, rules: str, flow: Flow) -> None:
    unit = spec_of(tmp_path, "account", rules).unit("phone")
    assert unit is not None
    assert unit.flow is flow


def test_what_a_mapping_cannot_write_flows_the_other_way_or_not_at_all(tmp_path: Path) -> None:
    spec = spec_of(tmp_path, "order")
    number = spec.unit("number")
    assert number is not None
    assert number.flow is Flow.R2L  # the ERP gives its own numbers
    assert spec_of(tmp_path, "order", "fields: {number: {owner: crm}}").unit("number") is None


@pytest.mark.parametrize(
    ("word", "policy"),
    [("manual", Policy.MANUAL), ("newest", Policy.NEWEST), ("crm", Policy.LEFT), ("erp", Policy.RIGHT)],
)
def test_a_policy_names_a_side_by_its_system(tmp_path: Path, word: str, policy: Policy) -> None:
    for rules, source in (
        (f"conflicts: {word}", "syncs.s.conflicts"),
        (f"fields: {{phone: {{conflicts: {word}}}}}", "syncs.s.fields.phone"),
    ):
        unit = spec_of(tmp_path, "account", rules).unit("phone")
        assert unit is not None
        assert (unit.policy, unit.initial, unit.source) == (policy, policy, source)


def test_the_first_link_may_have_a_policy_of_its_own(tmp_path: Path) -> None:
    unit = spec_of(tmp_path, "account", "conflicts: manual\ninitial: crm").unit("phone")
    assert unit is not None
    assert (unit.policy, unit.initial) == (Policy.MANUAL, Policy.LEFT)


def test_a_merge_function_seals_the_value_last_agreed_on(tmp_path: Path) -> None:
    rules = "fields: {credit_limit: {merge: add_changes}, phone: {base: sealed, drift: report, fill_empty: false}}"
    spec = spec_of(tmp_path, "account", rules)
    credit, phone, name = spec.unit("credit_limit"), spec.unit("phone"), spec.unit("name")
    assert credit is not None
    assert phone is not None
    assert name is not None
    assert (credit.function, credit.sealed) == ("add_changes", True)
    assert (phone.sealed, phone.drift, phone.fill_empty) == (True, Drift.REPORT, False)
    assert (name.sealed, name.drift, name.fill_empty) == (False, Drift.RESTORE, True)


@pytest.mark.parametrize(
    ("entity", "rules", "creates"),
    [
        ("account", "", BOTH),
        ("account", "direction: crm -> erp", {Side.RIGHT}),
        ("product", "direction: erp -> crm", {Side.LEFT}),
        ("invoice", "", {Side.LEFT}),
        ("balance", "direction: erp -> crm", set()),
    ],
)
def test_records_are_made_where_direction_mapping_and_entity_allow_it(
    tmp_path: Path, entity: str, rules: str, creates: set[Side]
) -> None:
    assert spec_of(tmp_path, entity, rules).creates == creates


def test_no_record_is_made_in_an_object_the_system_does_not_let_create(tmp_path: Path) -> None:
    config = sync(tmp_path, "entity: account\nbetween: [crm, erp]")
    assert compiled(config, creatable=False).creates == set()


def test_an_object_the_system_does_not_have_is_an_error_that_names_the_mapping(tmp_path: Path) -> None:
    config = sync(tmp_path, "entity: account\nbetween: [crm, erp]")
    empty = Description({}, None)
    with pytest.raises(ConfigError, match=r"account\.yaml: system `crm` has no object `companies`"):
        compile_sync(config.syncs["s"], Sides(empty, empty))


def test_the_kind_is_the_same_for_every_entity_of_a_pair(tmp_path: Path) -> None:
    text = HEAD + "  a: {entity: account, between: [crm, erp]}\n  o: {entity: order, between: [crm, erp]}\n"
    config = load(tmp_path, text)
    assert compiled(config, "o").kind_of("account") == compiled(config, "a").kind == "crm/erp/account"
