"""Batches and what becomes of each row; what HubSpot keeps apart is written after the record, undone or in doubt."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import pytest

from connector.adapters.hubspot.batches import TRACE
from connector.adapters.hubspot.failures import Problem, RefusedError
from connector.adapters.hubspot.wire import WireBatch
from connector.errors import (
    ConnectorError,
    DeniedError,
    NotFoundError,
    RejectedError,
    TransientError,
    UncertainError,
)
from connector.model.records import Op, Outcome, Write

from .memory import Memory, adapter


def creating(number: int = 1, external: str | None = None, **fields: Any) -> Write:
    key = ("erp_id", external) if external else None
    return Write(Op.CREATE, None, json.dumps(fields, default=str).encode(), None, f"t{number}", key)


def updating(key: str, **fields: Any) -> Write:
    return Write(Op.UPDATE, key, json.dumps(fields, default=str).encode(), None, f"u{key}")


def write(portal: Memory, type_: str, *writes: Write, **settings: Any) -> Sequence[Outcome]:
    return adapter(portal, **settings).write(type_, writes).outcomes


def fails(portal: Memory, on: str, error: ConnectorError, rows: int | None = None, times: int = 1) -> None:
    """This call fails that often; rows: only a call with so many."""
    left = iter(range(times))

    def fail(what: str, type_: str, some: Sequence[Any]) -> ConnectorError | None:
        hit = f"{what} {type_}" == on and rows in (None, len(some))
        return error if hit and next(left, None) is not None else None

    portal.fail = fail


def kinds(outcomes: Sequence[Outcome]) -> list[str]:
    return [type(outcome.error).__name__ if outcome.error else "done" for outcome in outcomes]


REJECTED = RejectedError("crm refuses it (status 400).")
BUSY = TransientError("crm is busy.", 10)
LOST = UncertainError("crm gave no answer.")


# ------------------------------------------------------------------------------------------------------ batches


def test_a_thousand_companies_are_ten_calls() -> None:
    portal = Memory()
    made = [portal.put("companies", name="x") for _ in range(1000)]
    crm = adapter(portal)
    crm.describe()
    portal.calls.clear()
    for start in range(0, 1000, 100):
        outcomes = crm.write("companies", [updating(key, name="y") for key in made[start : start + 100]]).outcomes
        assert [outcome.key for outcome in outcomes] == made[start : start + 100]
        assert kinds(outcomes) == ["done"] * 100
    assert portal.calls == {"update companies": 10}


@pytest.mark.parametrize("traced", [True, False])
def test_results_are_told_apart_by_trace_or_by_key_and_never_by_their_place(traced: bool) -> None:
    portal = Memory(traced=traced)
    writes = [creating(n, f"E-{n}", name=f"c{n}") for n in range(5)]
    outcomes = write(portal, "companies", *writes)
    assert [portal.rows["companies"][str(o.key)].properties["name"] for o in outcomes] == [f"c{n}" for n in range(5)]


def test_results_that_nobody_can_tell_apart_are_in_doubt() -> None:
    portal = Memory(traced=False)
    outcomes = write(portal, "products", creating(1, name="a"), creating(2, name="b"))
    assert kinds(outcomes) == ["UncertainError", "UncertainError"]
    assert kinds(write(portal, "products", creating(3, name="c"))) == ["done"], "of one there is no other"


def test_of_a_batch_that_is_refused_whole_only_the_bad_rows_are() -> None:
    portal = Memory()

    def fail(what: str, type_: str, rows: Sequence[Any]) -> ConnectorError | None:
        bad = what == "create" and any(row["properties"]["name"] == "bad" for row in rows)
        return REJECTED if bad else None

    portal.fail = fail
    names = ["bad" if n in (17, 63) else f"n{n}" for n in range(100)]
    outcomes = write(portal, "products", *(creating(n, name=name) for n, name in enumerate(names)))
    assert [n for n, kind in enumerate(kinds(outcomes)) if kind == "RejectedError"] == [17, 63]
    assert sorted(row.properties["name"] for row in portal.rows["products"].values()) == sorted(set(names) - {"bad"})
    assert portal.calls["create products"] < 30


def test_the_rows_of_a_part_have_the_error_that_struck_it_and_the_others_stay_done() -> None:
    for error, kind in ((BUSY, "TransientError"), (LOST, "UncertainError"), (DeniedError("no"), "DeniedError")):
        portal = Memory()
        steps = iter([REJECTED, None, error])
        portal.fail = lambda what, type_, rows, steps=steps: next(steps) if what == "create" else None
        outcomes = write(portal, "products", *(creating(n, name=f"{n}") for n in range(4)))
        assert kinds(outcomes) == ["done", "done", kind, kind]


@pytest.mark.parametrize("error", [BUSY, LOST, DeniedError("no")])
@pytest.mark.parametrize("op", ["create", "update", "remove"])
def test_what_strikes_the_first_call_is_raised(op: str, error: ConnectorError) -> None:
    portal = Memory()
    key = portal.put("products", name="x")
    writes = {"create": creating(name="a"), "update": updating(key, name="b")}
    fails(portal, f"{op} products", error)
    with pytest.raises(type(error)):
        write(portal, "products", writes.get(op) or Write(Op.DELETE, key, b"", None, "d"))


def batch(portal: Memory, answer: Mapping[str, Any]) -> Sequence[Outcome]:
    """Three updates that get this answer."""
    made = [portal.put("companies", name="x") for _ in range(3)]
    rows = {row.id: row for row in portal.read("companies", made, [])}

    def written(type_: str, verb: str, inputs: Sequence[Mapping[str, Any]]) -> WireBatch:
        traces = [one[TRACE] for one in inputs]
        errors = []
        for problem, context in answer["errors"]:
            names = {"trace": traces[1], "key": made[1]}
            told = {name: [names[value] for value in values] for name, values in context.items()}
            errors.append(Problem("no", problem, context=told))
        results = [rows[made[n]] for n in answer["results"]]
        return WireBatch(results, errors)

    portal.write = written  # type: ignore[method-assign]
    return write(portal, "companies", *(updating(key, name="y") for key in made))


@pytest.mark.parametrize("context", [{TRACE: ["trace"]}, {"id": ["key"]}, {"ids": ["key"]}])
def test_of_an_answer_in_parts_each_row_has_its_own(context: Any) -> None:
    outcomes = batch(Memory(), {"results": [2, 0], "errors": [("MISSING_SCOPES", context)]})
    assert kinds(outcomes) == ["done", "DeniedError", "done"]


def test_a_row_of_which_an_answer_says_nothing_is_in_doubt() -> None:
    assert kinds(batch(Memory(), {"results": [0, 2], "errors": []})) == ["done", "UncertainError", "done"]
    strange = {"results": [0, 2], "errors": [("VALIDATION_ERROR", {})]}
    assert kinds(batch(Memory(), strange)) == ["done", "UncertainError", "done"]


def test_a_batch_that_no_caller_may_send_is_refused_before_anything_is_sent() -> None:
    portal = Memory()
    crm = adapter(portal)
    key = portal.put("products", name="x")
    for writes in (
        [creating(n, name="x") for n in range(101)],
        [creating(name="x"), updating(key, name="y")],
        [updating(key, name="y"), updating(key, name="z")],
    ):
        with pytest.raises(ValueError, match="no two on one record"):
            crm.write("products", writes)
    assert len(portal.rows["products"]) == 1


# ------------------------------------------------------------------------------------------ keys that are taken


def test_a_create_whose_key_is_taken_is_answered_with_the_record_as_it_is() -> None:
    portal = Memory()
    there = portal.put("companies", name="as a person typed", erp_id="7")
    outcomes = write(portal, "companies", creating(1, "6", name="new"), creating(2, "7", name="ours"))
    assert kinds(outcomes) == ["done", "done"]
    assert [outcome.existed for outcome in outcomes] == [False, True]
    assert outcomes[1].key == there
    assert outcomes[1].record is not None
    assert (outcomes[1].record.fields or {})["name"] == "as a person typed"
    assert portal.rows["companies"][there].properties["name"] == "as a person typed"


def test_two_creates_of_one_key_in_a_batch_are_one_record() -> None:
    portal = Memory()
    outcomes = write(portal, "companies", creating(1, "7", name="a"), creating(2, "7", name="b"))
    assert sorted(outcome.existed for outcome in outcomes) == [False, True]
    assert len({outcome.key for outcome in outcomes}) == 1 == len(portal.rows["companies"])


def test_a_create_that_is_refused_and_whose_record_cannot_be_asked_for_is_in_doubt() -> None:
    portal = Memory()
    portal.put("companies", name="x", erp_id="7")
    fails(portal, "read companies", BUSY)
    (outcome,) = write(portal, "companies", creating(1, "7", name="a"))
    assert isinstance(outcome.error, UncertainError)


def test_an_update_that_is_refused_stays_one_where_nobody_can_ask_whether_the_record_is_there() -> None:
    portal = Memory()
    key, fine = portal.put("companies", name="x"), portal.put("companies", name="x")

    def fail(what: str, type_: str, rows: Sequence[Any]) -> ConnectorError | None:
        if what == "update" and any(row["id"] == key for row in rows):
            return REJECTED
        return BUSY if what == "read" else None

    portal.fail = fail
    assert kinds(write(portal, "companies", updating(key, name="y"), updating(fine, name="y"))) == [
        "RejectedError",
        "done",
    ]


def contact(portal: Memory, **existing: str) -> tuple[str, Outcome]:
    """The create of a contact with an e-mail address that another has."""
    there = portal.put("contacts", email="ann@example.com", **existing)
    fails(portal, "create contacts", RefusedError("crm refuses it: Existing ID.", there))
    (outcome,) = write(portal, "contacts", creating(1, "7", email="ann@example.com"))
    return there, outcome


def test_a_contact_with_the_same_address_answers_and_gets_no_key_by_itself() -> None:
    portal = Memory()
    there, outcome = contact(portal)
    assert (outcome.key, outcome.existed, outcome.error) == (there, True, None)
    assert "erp_id" not in portal.rows["contacts"][there].properties


def test_a_contact_with_the_same_address_and_another_key_is_anothers() -> None:
    _, outcome = contact(Memory(), erp_id="8")
    assert isinstance(outcome.error, RejectedError)
    assert "belongs to 8" in str(outcome.error)


def test_without_a_key_nothing_is_taken_for_the_record_that_is_there() -> None:
    portal = Memory()
    there = portal.put("contacts", email="ann@example.com")
    fails(portal, "create contacts", RefusedError("crm refuses it: Existing ID.", there))
    (outcome,) = write(portal, "contacts", creating(1, email="ann@example.com"))
    assert isinstance(outcome.error, RejectedError)


# ------------------------------------------------------------------------------------------------- what is sent


BAD: list[tuple[str, dict[str, Any], str]] = [
    ("companies", {"erp_id": "1"}, "need one of `name`, `domain`"),
    ("companies", {"name": "x", "nothing": "1"}, "no property `nothing`"),
    ("companies", {"name": "x", "visits": "1"}, "HubSpot's own"),
    ("companies", {"name": "x", "hs_object_id": "1"}, "HubSpot's own"),
    ("companies", {"name": "x", "size": "xl"}, "takes s, l"),
    ("companies", {"name": ["x"]}, "one value"),
    ("companies", {"name": "x", "parent_id": "nobody"}, "names no record"),
    ("companies", {"name": "x", "parent_id": 7}, "names no record"),
    ("products", {"description": "x"}, "`name` of products is required"),
    ("products", {"name": "x", "price": "dear"}, "takes a number"),
    ("products", {"name": "x", "price": "NaN"}, "takes a number"),
    ("products", {"name": "x", "account_currency": "USD"}, "prices in EUR only"),
    ("products", {"name": "x", "lines": []}, "no property `lines`"),
    ("deals", {"dealname": "x"}, "`dealstage` of deals is required"),
    ("deals", {"dealname": "x", "dealstage": "nowhere"}, "no one stage `nowhere`"),
    ("deals", {"dealname": "x", "dealstage": "closedwon", "pipeline": "7"}, "no one stage"),
    ("deals", {"dealname": "x", "dealstage": "closedwon", "pipeline": "None"}, "no pipeline `None`"),
    ("deals", {"dealname": "x", "dealstage": "closedwon", "lines": {}}, "list of lines"),
    ("deals", {"dealname": "x", "dealstage": "closedwon", "lines": [{"size": "1"}]}, "no property `size`"),
]


@pytest.mark.parametrize(("type_", "fields", "words"), BAD)
def test_what_the_portal_would_not_take_is_refused_before_it_is_sent(
    type_: str, fields: dict[str, Any], words: str
) -> None:
    portal = Memory()
    fine = {"companies": {"name": "a"}, "products": {"name": "a"}, "deals": DEAL}[type_]
    outcomes = write(portal, type_, creating(1, **fields), creating(2, **fine))
    assert kinds(outcomes) == ["RejectedError", "done"]
    assert words in str(outcomes[0].error)


DEAL = {"dealname": "d", "dealstage": "closedwon"}


def test_a_body_that_is_no_object_is_refused() -> None:
    (outcome,) = write(Memory(), "products", Write(Op.CREATE, None, b"[]", None, "t"))
    assert isinstance(outcome.error, RejectedError)


def test_values_go_as_texts_and_null_as_the_empty_text_that_clears() -> None:
    portal = Memory()
    sent: list[Any] = []
    portal.fail = lambda what, type_, rows: sent.extend(rows) if what in ("create", "update") else None
    (made,) = write(portal, "products", creating(name="x", price=Decimal("1.50"), description=None))
    write(portal, "products", updating(str(made.key), price=None, description="y", account_currency="EUR"))
    assert sent[0]["properties"] == {"name": "x", "price": "1.50"}
    assert sent[1]["properties"] == {"price": "", "description": "y"}


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ({"dealstage": "closedwon"}, ("default", "closedwon")),
        ({"dealstage": "Closed won"}, ("default", "closedwon")),
        ({"dealstage": "Won", "pipeline": "Renewals"}, ("7", "71")),
        ({"dealstage": "71", "pipeline": "7"}, ("7", "71")),
    ],
)
def test_pipelines_and_stages_are_named_by_label_or_id(fields: dict[str, str], wanted: tuple[str, str]) -> None:
    portal = Memory()
    (made,) = write(portal, "deals", creating(**{**DEAL, **fields}))
    own = portal.rows["deals"][str(made.key)].properties
    assert (own["pipeline"], own["dealstage"]) == wanted
    fields_shown = adapter(portal).read("deals", [str(made.key)])[str(made.key)].fields or {}
    assert (fields_shown["stage_is_won"], fields_shown["deal_currency_code"]) == (True, "EUR")


def test_the_configuration_may_say_which_pipeline_new_records_go_into() -> None:
    portal = Memory()
    (made,) = write(portal, "deals", creating(**{**DEAL, "dealstage": "Open"}), pipelines={"deals": "Renewals"})
    assert portal.rows["deals"][str(made.key)].properties == {"dealname": "d", "dealstage": "72", "pipeline": "7"}
    write(portal, "deals", updating(str(made.key), dealstage="closedwon"))
    assert portal.rows["deals"][str(made.key)].properties["dealstage"] == "closedwon"
    with pytest.raises(ConnectorError, match="no pipeline `Nowhere` of deals; it has: Sales, Renewals"):
        adapter(portal, pipelines={"deals": "Nowhere"}).describe()


# -------------------------------------------------------------------------------------------------- references


def test_a_new_record_goes_with_its_associations_in_one_call() -> None:
    portal = Memory()
    company, person = portal.put("companies", name="c"), portal.put("contacts", email="a@b.c")
    (made,) = write(portal, "deals", creating(**DEAL, company_id=company, contact_id=person))
    key = str(made.key)
    assert portal.links == {("deals", key, "companies", company): {5}, ("deals", key, "contacts", person): {3}}
    assert portal.calls["link deals"] == 0


def test_the_mark_moves_to_the_company_that_is_written_and_the_other_stays() -> None:
    portal = Memory()
    deal, first, second = portal.put("deals", **DEAL), portal.put("companies"), portal.put("companies")
    portal.tie("deals", deal, "companies", first, 341, 5)
    (outcome,) = write(portal, "deals", updating(deal, company_id=second))
    assert outcome.error is None
    assert portal.calls["unlink deals"] == 0
    assert portal.links[("deals", deal, "companies", second)] == {5}


def test_what_is_shown_already_is_not_written_again() -> None:
    portal = Memory()
    deal, company = portal.put("deals", **DEAL), portal.put("companies")
    portal.tie("deals", deal, "companies", company, 341)
    write(portal, "deals", updating(deal, company_id=company, dealname="new"))
    assert portal.calls["link deals"] == portal.calls["unlink deals"] == 0
    assert portal.links[("deals", deal, "companies", company)] == {341}, "no mark that nobody asked for"


def test_a_reference_without_a_mark_is_taken_off_and_the_new_one_put_on() -> None:
    portal = Memory()
    deal = portal.put("deals", **DEAL)
    portal.tie("deals", deal, "contacts", "9", 3)
    write(portal, "deals", updating(deal, contact_id="12"))
    assert portal.links == {("deals", deal, "contacts", "12"): {3}}
    write(portal, "deals", updating(deal, contact_id=None))
    assert portal.links == {}


@pytest.mark.parametrize(("name", "to", "number"), [("contact_id", "contacts", 3), ("company_id", "companies", 341)])
def test_of_several_nobody_is_taken_off_by_guess(name: str, to: str, number: int) -> None:
    portal = Memory()
    deal = portal.put("deals", **DEAL)
    for key in ("9", "10"):
        portal.tie("deals", deal, to, key, number)
    (outcome,) = write(portal, "deals", updating(deal, dealname="new", **{name: None}))
    assert isinstance(outcome.error, RejectedError)
    assert f"has 2 {to}" in str(outcome.error)
    assert portal.rows["deals"][deal].properties["dealname"] == "d", "nothing of it is written"
    assert len(portal.links) == 2


def test_an_association_that_is_refused_after_the_fields_leaves_a_doubt_and_before_them_none() -> None:
    for error in (REJECTED, BUSY):
        portal = Memory()
        first, second = portal.put("deals", **DEAL), portal.put("deals", **DEAL)
        fails(portal, "link deals", error)
        (outcome,) = write(portal, "deals", updating(first, dealname="new", contact_id="9"))
        assert isinstance(outcome.error, UncertainError)
        assert "was written before" in str(outcome.error)
        fails(portal, "link deals", error)
        if error is BUSY:
            with pytest.raises(TransientError):
                write(portal, "deals", updating(second, contact_id="9"))
        else:
            assert kinds(write(portal, "deals", updating(second, contact_id="9"))) == ["RejectedError"]


def test_of_associations_refused_together_only_the_bad_ones_are() -> None:
    portal = Memory()
    made = [portal.put("deals", **DEAL) for _ in range(4)]

    def fail(what: str, type_: str, rows: Sequence[Any]) -> ConnectorError | None:
        return REJECTED if what == "link" and any(row["to"]["id"] == "404" for row in rows) else None

    portal.fail = fail
    wanted = ["9", "404", "9", "9"]
    outcomes = write(portal, "deals", *(updating(k, contact_id=to) for k, to in zip(made, wanted, strict=True)))
    assert kinds(outcomes) == ["done", "RejectedError", "done", "done"]


def test_an_association_to_nothing_makes_the_create_a_refusal_and_not_a_missing_record() -> None:
    portal = Memory()
    fails(portal, "create deals", NotFoundError("crm does not have it."))
    assert kinds(write(portal, "deals", creating(**DEAL, company_id="404"))) == ["RejectedError"]


def test_what_a_record_refers_to_is_not_there_and_the_record_is() -> None:
    missing = NotFoundError("crm does not have it.")
    portal = Memory()
    deal = portal.put("deals", **DEAL)
    fails(portal, "link deals", missing)
    assert kinds(write(portal, "deals", updating(deal, contact_id="404"))) == ["RejectedError"]
    portal.fail = lambda what, type_, rows: None
    original = portal.link
    portal.link = lambda *given: [Problem("no", "OBJECT_NOT_FOUND", context={"toObjectId": ["404"]})]  # type: ignore[method-assign]
    other = portal.put("deals", **DEAL)
    outcomes = write(portal, "deals", updating(deal, contact_id="404"), updating(other, contact_id="9"))
    assert kinds(outcomes) == ["RejectedError", "done"]
    portal.link = original  # type: ignore[method-assign]
    fails(portal, "create line_items", missing)
    assert kinds(write(portal, "deals", updating(deal, lines=[{"name": "x"}]))) == ["RejectedError"]
    fails(portal, "create line_items", missing)
    assert kinds(write(portal, "deals", creating(**DEAL, lines=[{"name": "x"}]))) == ["RejectedError"]


def test_of_a_record_that_is_not_there_nothing_is_written() -> None:
    portal = Memory()
    outcomes = write(portal, "deals", updating("404", contact_id="9"), updating("405", lines=[{"name": "x"}]))
    assert kinds(outcomes) == ["NotFoundError", "NotFoundError"]
    assert portal.links == {}
    assert "line_items" not in portal.rows
