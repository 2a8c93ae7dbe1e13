"""Single records: what is kept, how it comes back, what a delete leaves (contract 3.1, 3.6, 8)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hubspot_calls import Caller, link

from connector.emulators.hubspot.app import create_app

DEAL = {"dealname": "Deal", "pipeline": "default", "dealstage": "appointmentscheduled"}


def test_a_record_comes_back_as_texts_with_what_every_record_has(portal: Caller) -> None:
    answer = portal.post("companies", {"properties": {"name": "Acme", "phone": ""}})
    record = answer.json
    assert answer.status == 201
    assert record == {
        "id": "91",
        "properties": {
            "name": "Acme",
            "phone": None,
            "hs_object_id": "91",
            "createdate": "2026-11-01T09:00:00.000Z",
            "hs_lastmodifieddate": "2026-11-01T09:00:00.000Z",
        },
        "createdAt": "2026-11-01T09:00:00.000Z",
        "updatedAt": "2026-11-01T09:00:00.000Z",
        "archived": False,
    }


def test_the_modified_date_of_contacts_has_another_name(portal: Caller) -> None:
    key = portal.make("contacts", email="ann@acme.com")
    portal.clock.advance(seconds=5)
    portal.patch(f"contacts/{key}", {"phone": "1"})
    fields = portal.fields("contacts", key)
    assert fields["lastmodifieddate"] == "2026-11-01T09:00:05.000Z"
    assert "hs_lastmodifieddate" not in fields


def test_ids_are_unique_per_type_only(portal: Caller) -> None:
    assert portal.make("companies", name="Acme") == portal.make("contacts", lastname="Ash") == "91"
    assert [portal.make("companies", name=f"C{n}") for n in range(10)][-1] == "101"


def test_properties_are_shown_on_request_null_when_unset_and_dropped_when_unknown(portal: Caller) -> None:
    key = portal.make("companies", name="Acme")
    assert set(portal.fields("companies", key)) == {"hs_object_id", "createdate", "hs_lastmodifieddate"}
    fields = portal.get(f"companies/{key}", properties=["name,city", "nonsense"]).json["properties"]
    assert (fields["name"], fields["city"], "nonsense" in fields) == ("Acme", None, False)


@pytest.mark.parametrize("cleared", ["", None])
def test_an_empty_value_clears(portal: Caller, cleared: str | None) -> None:
    key = portal.make("companies", name="Acme", city="Bonn")
    assert portal.patch(f"companies/{key}", {"city": cleared}).json["properties"]["city"] is None
    assert portal.fields("companies", key, "city", "name")["city"] is None


@pytest.mark.parametrize(
    ("kind", "name", "given", "kept"),
    [
        ("products", "price", "10.50", "10.5"),
        ("products", "price", 10, "10"),
        ("products", "price", "-0.0", "0"),
        ("products", "price", "+007.10", "7.1"),
        ("products", "price", "123456789012345678.25", "123456789012345678.25"),
        ("invoices", "hs_due_date", "2026-02-03", "2026-02-03"),
        ("invoices", "hs_due_date", "1770076800000", "2026-02-03"),
        ("invoices", "hs_due_date", 1770076800000, "2026-02-03"),
        ("invoices", "hs_invoice_billable", False, "false"),
        ("deals", "closedate", "2026-02-03T10:00:00+02:00", "2026-02-03T08:00:00.000Z"),
        ("deals", "closedate", "1770076800001", "2026-02-03T00:00:00.001Z"),
        ("contacts", "email", "Ann@Acme.COM", "ann@acme.com"),
        ("companies", "description", "  two\n lines ", "  two\n lines "),
    ],
)
def test_a_value_is_kept_in_the_form_of_its_property(
    portal: Caller, kind: str, name: str, given: Any, kept: str
) -> None:
    needed = {"deals": DEAL, "invoices": {"hs_currency": "EUR"}}.get(kind, {"name": "N"} if kind != "contacts" else {})
    key = portal.make(kind, **{**needed, name: given})
    assert portal.fields(kind, key, name)[name] == kept


def test_switches_leave_numbers_and_addresses_as_they_were_given(portal: Caller) -> None:
    portal.switch(numbers="as_given", lowercase_emails=False)
    assert portal.fields("products", portal.make("products", name="N", price="10.50"), "price")["price"] == "10.50"
    assert portal.fields("contacts", portal.make("contacts", email="A@b.de"), "email")["email"] == "A@b.de"


def test_a_refused_write_changes_nothing(portal: Caller) -> None:
    key = portal.make("companies", name="Acme")
    portal.clock.advance(seconds=5)
    assert portal.patch(f"companies/{key}", {"name": "Beta", "foo": "x"}).status == 400
    fields = portal.fields("companies", key, "name")
    assert (fields["name"], fields["hs_lastmodifieddate"]) == ("Acme", "2026-11-01T09:00:00.000Z")


def test_a_write_of_the_same_values_moves_the_modified_date(portal: Caller) -> None:
    key = portal.make("companies", name="Acme")
    portal.clock.advance(seconds=5)
    portal.patch(f"companies/{key}", {"name": "Acme"})
    assert portal.fields("companies", key)["hs_lastmodifieddate"] == "2026-11-01T09:00:05.000Z"


def test_a_record_is_found_by_a_unique_property_and_by_no_other(portal: Caller) -> None:
    portal.define("companies", "erp_id", hasUniqueValue=True)
    key = portal.make("companies", name="Acme", erp_id="1001")
    assert portal.get("companies/1001", idProperty="erp_id").json["id"] == key
    assert portal.patch("companies/1001", {"city": "Bonn"}, idProperty="erp_id").json["id"] == key
    assert portal.get("companies/1002", idProperty="erp_id").status == 404
    assert portal.get("companies/Acme", idProperty="name").codes == ["INVALID_ID_PROPERTY"]
    assert portal.get("contacts/x@y.de", idProperty="email").status == 404


def test_a_unique_value_is_free_again_when_it_is_changed_or_its_record_is_gone(portal: Caller) -> None:
    portal.define("companies", "erp_id", hasUniqueValue=True)
    first = portal.make("companies", name="Acme", erp_id="1")
    portal.patch(f"companies/{first}", {"erp_id": "2"})
    second = portal.make("companies", name="Beta", erp_id="1")
    assert portal.patch(f"companies/{first}", {"erp_id": "1"}).status == 409
    portal.delete(f"companies/{second}")
    assert portal.patch(f"companies/{first}", {"erp_id": "1"}).status == 200
    assert portal.admin("POST", f"records/companies/{second}/restore").status == 409


def test_an_address_is_the_same_in_any_case_and_its_own_record_may_rewrite_it(portal: Caller) -> None:
    portal.switch(lowercase_emails=False)
    key = portal.make("contacts", email="ann@acme.com")
    assert portal.patch(f"contacts/{key}", {"email": "Ann@Acme.com"}).json["properties"]["email"] == "Ann@Acme.com"
    assert portal.get("contacts/ANN@acme.com", idProperty="email").json["id"] == key
    assert portal.post("contacts", {"properties": {"email": "ann@acme.com"}}).status == 409


def test_the_number_of_an_invoice_can_be_written_where_it_is_switched(portal: Caller) -> None:
    portal.switch(invoice_number_read_only=False)
    assert portal.post("invoices", {"properties": {"hs_currency": "EUR", "hs_number": "R-1"}}).status == 201


def test_numbers_of_products_and_orders_are_unique_unless_switched(portal: Caller) -> None:
    portal.make("products", name="Nut", hs_sku="N-1")
    portal.make("orders", hs_order_name="O", hs_external_order_id="7")
    assert portal.post("products", {"properties": {"name": "Nut", "hs_sku": "N-1"}}).status == 409
    assert portal.post("orders", {"properties": {"hs_order_name": "O", "hs_external_order_id": "7"}}).status == 409
    assert portal.post("line_items", {"properties": {"hs_sku": "N-1"}}).status == 201
    portal.switch(reported_unique=False)
    assert portal.post("products", {"properties": {"name": "Nut", "hs_sku": "N-1"}}).status == 201


def test_a_list_goes_page_by_page_in_the_order_of_ids(portal: Caller) -> None:
    keys = [portal.make("companies", name=f"C{n}") for n in range(12)]
    first = portal.get("companies", limit=10, properties="name").json
    assert [record["id"] for record in first["results"]] == keys[:10]
    after = first["paging"]["next"]["after"]
    assert first["paging"]["next"]["link"].startswith("http://hubspot.test/crm/objects/2026-09/companies?limit=10")
    rest = portal.get("companies", limit=10, after=after).json
    assert [record["id"] for record in rest["results"]] == keys[10:]
    assert "paging" not in rest


def test_a_delete_goes_to_the_recycle_bin_for_ninety_days(portal: Caller) -> None:
    key = portal.make("companies", name="Acme")
    assert portal.delete(f"companies/{key}").status == 204
    assert portal.delete(f"companies/{key}").status == 204
    assert portal.delete("companies/999").status == 404
    assert portal.get("companies").json["results"] == []
    (record,) = portal.get("companies", archived="true").json["results"]
    assert (record["id"], record["archived"], record["archivedAt"]) == (key, True, "2026-11-01T09:00:00.000Z")
    assert portal.get(f"companies/{key}", archived="true", properties="name").json["properties"]["name"] == "Acme"
    portal.clock.advance(days=90)
    assert portal.get("companies", archived="true").json["results"] == []
    assert portal.get(f"companies/{key}", archived="true").status == 404


def test_a_restored_record_has_its_id_and_its_values_again(portal: Caller) -> None:
    key = portal.make("contacts", email="ann@acme.com")
    portal.delete(f"contacts/{key}")
    portal.clock.advance(minutes=1)
    assert portal.admin("POST", f"records/contacts/{key}/restore").status == 204
    record = portal.get("contacts/ann@acme.com", idProperty="email").json
    assert (record["id"], record["archived"], "archivedAt" in record) == (key, False, False)
    assert record["updatedAt"] == "2026-11-01T09:01:00.000Z"
    assert portal.admin("POST", f"records/contacts/{key}/restore").status == 404


def test_a_record_forgotten_for_privacy_is_nowhere(portal: Caller) -> None:
    key = portal.make("contacts", email="ann@acme.com")
    assert portal.admin("POST", f"records/contacts/{key}/forget").status == 204
    assert portal.get(f"contacts/{key}").status == 404
    assert portal.get(f"contacts/{key}", archived="true").status == 404
    assert portal.make("contacts", email="ann@acme.com") != key


def test_a_type_has_a_name_and_an_id(portal: Caller) -> None:
    key = portal.make("0-2", name="Acme")
    assert portal.get(f"companies/{key}").json["id"] == key


def test_the_amount_of_a_line_item_follows_from_price_and_quantity(portal: Caller) -> None:
    key = portal.make("line_items", name="Nut", price="0.10", quantity="3")
    assert portal.fields("line_items", key, "amount")["amount"] == "0.3"
    portal.patch(f"line_items/{key}", {"quantity": ""})
    assert portal.fields("line_items", key, "amount")["amount"] is None


def test_a_stage_belongs_to_its_pipeline(portal: Caller) -> None:
    key = portal.make("deals", **DEAL)
    assert portal.patch(f"deals/{key}", {"pipeline": "75481062"}).codes == ["INVALID_OPTION"]
    moved = {"pipeline": "75481062", "dealstage": "142930662"}
    assert portal.patch(f"deals/{key}", moved).status == 200
    assert portal.patch(f"deals/{key}", {"dealname": "Other"}).status == 200


def test_a_stage_of_life_goes_back_only_after_it_was_cleared_and_nothing_says_so(portal: Caller) -> None:
    key = portal.make("companies", name="Acme", lifecyclestage="customer")
    answer = portal.patch(f"companies/{key}", {"lifecyclestage": "lead"})
    assert (answer.status, answer.json["properties"]["lifecyclestage"]) == (200, "customer")
    portal.patch(f"companies/{key}", {"lifecyclestage": ""})
    assert portal.patch(f"companies/{key}", {"lifecyclestage": "lead"}).json["properties"]["lifecyclestage"] == "lead"


def test_a_billable_invoice_needs_a_contact_and_a_line_to_leave_draft(portal: Caller) -> None:
    contact, line = portal.make("contacts", email="a@b.de"), portal.make("line_items", name="Nut")
    key = portal.make("invoices", hs_currency="EUR")
    assert portal.fields("invoices", key, "hs_invoice_status")["hs_invoice_status"] == "draft"
    assert portal.patch(f"invoices/{key}", {"hs_invoice_status": "open"}).codes == ["INVALID_INVOICE_STATUS"]
    free = {"hs_currency": "EUR", "hs_invoice_billable": "false", "hs_invoice_status": "open"}
    assert portal.post("invoices", {"properties": free}).status == 201
    given = {"hs_currency": "EUR", "hs_invoice_status": "open"}
    body = {"properties": given, "associations": [link(contact, 177), link(line, 409)]}
    assert portal.post("invoices", body).status == 201


def test_only_draft_and_open_invoices_can_be_deleted(portal: Caller) -> None:
    given = {"hs_currency": "EUR", "hs_invoice_billable": "false"}
    paid = portal.make("invoices", **given, hs_invoice_status="paid")
    drafted = portal.make("invoices", **given)
    assert portal.delete(f"invoices/{paid}").codes == ["INVALID_INVOICE_STATUS"]
    assert portal.delete(f"invoices/{drafted}").status == 204


def test_a_payment_that_a_processor_made_is_read_only(portal: Caller) -> None:
    given = {"hs_initial_amount": "10", "hs_initiated_date": "2026-11-01T00:00:00Z"}
    ours, theirs = (
        portal.make("commerce_payments", **given),
        portal.make("commerce_payments", **given, hs_processor_type="stripe"),
    )
    assert portal.patch(f"commerce_payments/{ours}", {"hs_latest_status": "succeeded"}).status == 200
    assert portal.patch(f"commerce_payments/{theirs}", {"hs_latest_status": "failed"}).codes == ["READ_ONLY_OBJECT"]


@pytest.mark.parametrize("version", ["2026-09", "2026-03", "v3"])
def test_every_version_speaks_of_the_same_records(portal: Caller, version: str) -> None:
    portal.version = version
    key = portal.make("companies", name="Acme")
    assert portal.fields("companies", key, "name")["name"] == "Acme"
    portal.switch(versions_off=[version])
    assert portal.get(f"companies/{key}").status == 404


def test_a_file_keeps_records_and_definitions(tmp_path: Any, portal: Caller) -> None:
    settings = replace(portal.app.portal.settings, db=str(tmp_path / "portal.db"))
    first = Caller(create_app(settings), portal.clock, portal.token)
    first.define("companies", "erp_id", hasUniqueValue=True)
    key = first.make("companies", name="Acme", erp_id="1")
    first.app.close()
    second = Caller(create_app(settings), portal.clock, portal.token)
    assert second.get("companies/1", idProperty="erp_id").json["id"] == key
    assert second.make("companies", name="Beta") == "92"
    second.app.close()
