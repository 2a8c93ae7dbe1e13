"""Associations: type ids, primary flags, line items with one parent (contract 4, 8)."""

from __future__ import annotations

from typing import Any

import pytest
from hubspot_calls import Answer, Caller, link

DEAL = {"dealname": "Deal", "pipeline": "default", "dealstage": "closedwon"}
NEEDED: dict[str, dict[str, str]] = {
    "companies": {"name": "Acme"},
    "contacts": {"lastname": "Ash"},
    "deals": DEAL,
    "orders": {"hs_order_name": "O"},
    "invoices": {"hs_currency": "EUR"},
    "line_items": {},
    "commerce_payments": {"hs_initial_amount": "1", "hs_initiated_date": "2026-11-01T00:00:00Z"},
}
# The contract's own table.
TABLE = [
    ("contacts", "companies", 279, 1),
    ("companies", "contacts", 280, 2),
    ("deals", "companies", 341, 5),
    ("companies", "deals", 342, 6),
    ("deals", "contacts", 3, None),
    ("contacts", "deals", 4, None),
    ("deals", "line_items", 19, None),
    ("line_items", "deals", 20, None),
    ("orders", "line_items", 513, None),
    ("line_items", "orders", 514, None),
    ("orders", "companies", 934, 509),
    ("companies", "orders", 935, 510),
    ("orders", "contacts", 507, None),
    ("orders", "deals", 512, None),
    ("orders", "invoices", 518, None),
    ("invoices", "orders", 517, None),
    ("invoices", "line_items", 409, None),
    ("line_items", "invoices", 410, None),
    ("invoices", "companies", 179, None),
    ("invoices", "contacts", 177, None),
    ("invoices", "deals", 175, None),
    ("deals", "invoices", 176, None),
    ("commerce_payments", "invoices", 542, None),
    ("invoices", "commerce_payments", 541, None),
    ("commerce_payments", "companies", 389, None),
    ("commerce_payments", "contacts", 387, None),
    ("commerce_payments", "orders", 524, None),
    ("commerce_payments", "deals", 391, None),
]


def _pair(start: str, end: str, type_id: int) -> dict[str, Any]:
    types = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": type_id}]
    return {"from": {"id": start}, "to": {"id": end}, "types": types}


def _link(portal: Caller, kinds: str, *pairs: Any) -> Answer:
    return portal.call("POST", portal.links(f"{kinds}/batch/create"), {"inputs": list(pairs)})


def _linked(portal: Caller, kinds: str, key: str) -> dict[str, list[int]]:
    """Type ids by the id at the other end."""
    answer = portal.call("POST", portal.links(f"{kinds}/batch/read"), {"inputs": [{"id": key}]})
    if answer.status == 207:
        return {}
    (result,) = answer.json["results"]
    return {to["toObjectId"]: [known["typeId"] for known in to["associationTypes"]] for to in result["to"]}


@pytest.mark.parametrize(("start", "end", "plain", "primary"), TABLE)
def test_every_type_of_the_table_links_and_is_seen_from_both_ends(
    portal: Caller, start: str, end: str, plain: int, primary: int | None
) -> None:
    first, second = portal.make(start, **NEEDED[start]), portal.make(end, **NEEDED[end])
    answer = _link(portal, f"{start}/{end}", _pair(first, second, plain))
    assert answer.status == 200
    assert answer.json["results"][0]["labels"] == []
    assert _linked(portal, f"{start}/{end}", first) == {second: [plain]}
    (back,) = _linked(portal, f"{end}/{start}", second).values()
    inverses = {(a, b): type_id for a, b, type_id, _ in TABLE}
    assert back == [inverses.get((end, start), back[0])]
    labels = portal.call("GET", portal.links(f"{start}/{end}/labels")).json["results"]
    assert {known["typeId"]: known["label"] for known in labels} == {
        plain: None,
        **({primary: "Primary"} if primary else {}),
    }


def test_companies_have_parents_and_children(portal: Caller) -> None:
    child, parent = portal.make("companies", name="Child"), portal.make("companies", name="Parent")
    assert _link(portal, "companies/companies", _pair(child, parent, 14)).status == 200
    assert _linked(portal, "companies/companies", child) == {parent: [14]}
    assert _linked(portal, "companies/companies", parent) == {child: [13]}
    itself = _link(portal, "companies/companies", _pair(child, child, 14))
    assert itself.json["errors"][0]["errors"][0]["code"] == "INVALID_ASSOCIATION"


@pytest.mark.parametrize(
    ("kinds", "holder_first", "type_id"),
    [
        ("contacts/companies", True, 1),
        ("companies/contacts", False, 2),
        ("deals/companies", True, 5),
        ("companies/deals", False, 6),
        ("orders/companies", True, 509),
        ("companies/orders", False, 510),
    ],
)
def test_a_primary_type_moves_the_flag(portal: Caller, kinds: str, holder_first: bool, type_id: int) -> None:
    start, end = kinds.split("/")
    holder_kind = start if holder_first else end
    holder = portal.make(holder_kind, **NEEDED[holder_kind])
    companies = [portal.make("companies", name=name) for name in "ab"]
    for company in companies:
        pair = (holder, company) if holder_first else (company, holder)
        assert _link(portal, kinds, _pair(*pair, type_id)).json["results"][0]["labels"] == ["Primary"]
    linked = _linked(portal, f"{holder_kind}/companies", holder)
    assert [len(types) for types in (linked[company] for company in companies)] == [1, 2]
    assert len(_linked(portal, f"companies/{holder_kind}", companies[0])[holder]) == 1


def test_a_company_can_be_primary_for_many(portal: Caller) -> None:
    company = portal.make("companies", name="Acme")
    contacts = [portal.make("contacts", lastname=name) for name in "ab"]
    _link(portal, "companies/contacts", *(_pair(company, contact, 2) for contact in contacts))
    assert [_linked(portal, "contacts/companies", contact) for contact in contacts] == [{company: [1, 279]}] * 2


def test_a_line_item_has_one_parent(portal: Caller) -> None:
    line, order = portal.make("line_items"), portal.make("orders", hs_order_name="O")
    invoice = portal.make("invoices", hs_currency="EUR")
    _link(portal, "line_items/orders", _pair(line, order, 514))
    answer = _link(portal, "invoices/line_items", _pair(invoice, line, 409))
    assert answer.status == 207
    assert answer.json["errors"][0]["errors"][0]["code"] == "LINE_ITEM_ALREADY_ASSOCIATED"
    assert _linked(portal, "line_items/invoices", line) == {}
    assert _link(portal, "line_items/orders", _pair(line, order, 514)).status == 200


def test_lines_go_to_the_recycle_bin_with_their_parent_unless_switched(portal: Caller) -> None:
    order = portal.make("orders", hs_order_name="O")
    body = {"properties": {"name": "Nut"}, "associations": [link(order, 514)]}
    line = portal.post("line_items", body).json["id"]
    portal.delete(f"orders/{order}")
    assert portal.get(f"line_items/{line}").status == 404
    portal.switch(bin_takes_lines=False)
    order = portal.make("orders", hs_order_name="O")
    line = portal.post("line_items", {**body, "associations": [link(order, 514)]}).json["id"]
    portal.delete(f"orders/{order}")
    assert portal.get(f"line_items/{line}").status == 200


def test_what_is_in_the_recycle_bin_is_linked_to_nothing_until_it_is_restored(portal: Caller) -> None:
    contact, company = portal.make("contacts", lastname="Ash"), portal.make("companies", name="Acme")
    _link(portal, "contacts/companies", _pair(contact, company, 279))
    portal.delete(f"companies/{company}")
    assert _linked(portal, "contacts/companies", contact) == {}
    portal.admin("POST", f"records/companies/{company}/restore")
    assert _linked(portal, "contacts/companies", contact) == {company: [279]}


def test_a_read_tells_ids_without_associations_as_errors(portal: Caller) -> None:
    contact = portal.make("contacts", lastname="Ash")
    answer = portal.call("POST", portal.links("contacts/companies/batch/read"), {"inputs": [{"id": contact}]})
    assert answer.status == 207
    assert answer.json["results"] == []
    assert answer.json["errors"][0]["subCategory"] == "crm.associations.NO_ASSOCIATIONS_FOUND"


@pytest.mark.parametrize("version", ["2026-09", "2026-03", "v4"])
def test_statuses_differ_by_version(portal: Caller, version: str) -> None:
    portal.version = version
    contact = portal.call("POST", "/crm/v3/objects/contacts", {"properties": {"lastname": "Ash"}}).json["id"]
    company = portal.call("POST", "/crm/v3/objects/companies", {"properties": {"name": "Acme"}}).json["id"]
    made = _link(portal, "contacts/companies", _pair(contact, company, 279))
    assert made.status == (200 if version == "2026-09" else 201)
    body = {"inputs": [{"from": {"id": contact}, "to": [{"id": int(company)}]}]}
    removed = portal.call("POST", portal.links("contacts/companies/batch/archive"), body)
    assert removed.status == (204 if version == "v4" else 200)
    assert _linked(portal, "contacts/companies", contact) == {}


def test_associations_can_be_made_without_naming_a_type(portal: Caller) -> None:
    contact, company = portal.make("contacts", lastname="Ash"), portal.make("companies", name="Acme")
    target = portal.objects(f"companies/{company}/associations/default/contacts/{contact}")
    answer = portal.call("PUT", target)
    assert [spec["associationSpec"]["associationTypeId"] for spec in answer.json["results"]] == [280, 279]
    body = {"inputs": [{"from": {"id": contact}, "to": {"id": company}}]}
    answer = portal.call("POST", portal.links("contacts/companies/batch/associate/default"), body)
    assert answer.json["results"][0]["associationSpec"]["associationTypeId"] == 279
    target = portal.objects(f"companies/{company}/associations/default/companies/{company}")
    assert portal.call("PUT", target).codes == ["INVALID_ASSOCIATION_TYPE"]


def test_400_for_an_association_without_a_type(portal: Caller) -> None:
    assert _link(portal, "contacts/companies", {**_pair("1", "2", 279), "types": []}).status == 400


def test_400_for_a_cursor_that_is_none(portal: Caller) -> None:
    company = portal.make("companies", name="Acme")
    target = portal.objects(f"companies/{company}/associations/contacts", after="x")
    assert portal.call("GET", target).codes == ["INVALID_PARAMETER"]


def test_what_is_removed_need_not_have_been_there(portal: Caller) -> None:
    contact, company = portal.make("contacts", lastname="Ash"), portal.make("companies", name="Acme")
    body = {"inputs": [{"from": {"id": contact}, "to": [{"id": company}]}]}
    assert portal.call("POST", portal.links("contacts/companies/batch/archive"), body).status == 200


@pytest.mark.parametrize(
    ("kinds", "category", "type_id"),
    [
        ("contacts/companies", "HUBSPOT_DEFINED", 280),
        ("contacts/companies", "USER_DEFINED", 279),
        ("contacts/products", "HUBSPOT_DEFINED", 279),
    ],
)
def test_400_for_a_type_that_does_not_link_the_two(portal: Caller, kinds: str, category: str, type_id: int) -> None:
    pair = {**_pair("1", "2", type_id)}
    pair["types"][0]["associationCategory"] = category
    assert _link(portal, kinds, pair).codes == ["INVALID_ASSOCIATION_TYPE"]


def test_an_id_that_is_not_there_is_one_of_the_errors(portal: Caller) -> None:
    contact, company = portal.make("contacts", lastname="Ash"), portal.make("companies", name="Acme")
    answer = _link(portal, "contacts/companies", _pair(contact, "999", 279), _pair(contact, company, 279))
    assert (answer.status, answer.json["numErrors"], len(answer.json["results"])) == (207, 1, 1)
    assert answer.json["errors"][0]["context"] == {"fromObjectId": [contact], "toObjectId": ["999"]}


@pytest.mark.parametrize(("verb", "most"), [("read", 1000), ("create", 2000), ("archive", 100)])
def test_batches_have_sizes(portal: Caller, verb: str, most: int) -> None:
    inputs: list[Any] = [{"id": str(n)} for n in range(most + 1)]
    if verb == "create":
        inputs = [_pair(str(n), "1", 279) for n in range(most + 1)]
    if verb == "archive":
        inputs = [{"from": {"id": str(n)}, "to": []} for n in range(most + 1)]  # one too many distinct ids
    target = portal.links(f"contacts/companies/batch/{verb}")
    assert portal.call("POST", target, {"inputs": inputs}).codes == ["INVALID_BATCH_SIZE"]
    assert portal.call("POST", target, {"inputs": inputs[:most]}).refused != (400, "VALIDATION_ERROR")
    assert portal.call("POST", target, {"inputs": []}).codes == ["INVALID_BATCH_SIZE"]


def test_associations_of_one_record_come_in_pages(portal: Caller) -> None:
    company = portal.make("companies", name="Acme")
    contacts = [portal.make("contacts", lastname=name) for name in "abc"]
    _link(portal, "contacts/companies", *(_pair(contact, company, 1) for contact in contacts))
    target = portal.objects(f"companies/{company}/associations/contacts", limit=2)
    page = portal.call("GET", target).json
    assert [entry["toObjectId"] for entry in page["results"]] == contacts[:2]
    after = page["paging"]["next"]["after"]
    rest = portal.call("GET", f"{target}&after={after}").json
    assert [entry["toObjectId"] for entry in rest["results"]] == contacts[2:]
    assert "paging" not in rest
    assert rest["results"][0]["associationTypes"] == [
        {"category": "HUBSPOT_DEFINED", "typeId": 2, "label": "Primary"},
        {"category": "HUBSPOT_DEFINED", "typeId": 280, "label": None},
    ]


def test_a_batch_read_goes_on_after_five_hundred(portal: Caller) -> None:
    company = portal.make("companies", name="Acme")
    for _ in range(6):
        rows = [{"properties": {"lastname": "Ash"}, "associations": [link(company, 279)]}] * 100
        assert portal.batch("contacts", "create", *rows).status == 201
    target = portal.links("companies/contacts/batch/read")
    (page,) = portal.call("POST", target, {"inputs": [{"id": company}]}).json["results"]
    after = page["paging"]["next"]["after"]
    (rest,) = portal.call("POST", target, {"inputs": [{"id": company, "after": after}]}).json["results"]
    assert (len(page["to"]), len(rest["to"]), "paging" in rest) == (500, 100, False)


def test_an_association_moves_the_modified_date_only_where_it_is_switched(portal: Caller) -> None:
    contact, company = portal.make("contacts", lastname="Ash"), portal.make("companies", name="Acme")
    portal.clock.advance(seconds=5)
    _link(portal, "contacts/companies", _pair(contact, company, 279))
    assert portal.get(f"companies/{company}").json["updatedAt"] == "2026-11-01T09:00:00.000Z"
    portal.switch(associations_touch=True)
    _link(portal, "contacts/companies", _pair(contact, company, 1))
    for target in (f"companies/{company}", f"contacts/{contact}"):
        assert portal.get(target).json["updatedAt"] == "2026-11-01T09:00:05.000Z"


def test_a_record_shows_its_associations_by_name(portal: Caller) -> None:
    company = portal.make("companies", name="Acme")
    body = {"properties": {"lastname": "Ash"}, "associations": [link(company, 1)]}
    contact = portal.post("contacts", body).json["id"]
    found = portal.get(f"contacts/{contact}", associations="companies,deals").json["associations"]
    types = [entry["type"] for entry in found["companies"]["results"]]
    assert (list(found), types) == (["companies"], ["contact_to_company", "contact_to_company_unlabeled"])
    listed = portal.get("contacts", associations="companies").json["results"][0]
    assert listed["associations"] == found
