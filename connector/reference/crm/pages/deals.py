"""Deals: the board by stage, and the page of one deal with its lines and the ERP's answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from connector.reference.crm import objects
from connector.reference.crm.pages.sheets import SHIPPING, TOTALS
from connector.reference.kit.records import LIVE, Record
from connector.reference.kit.web import show
from connector.reference.kit.web.actions import Actions, Choice
from connector.reference.kit.web.desk import Desk, Sheet, box
from connector.reference.kit.web.documents import value
from connector.reference.kit.web.forms import layout
from connector.reference.kit.web.home import amounts, sums
from connector.reference.kit.web.site import Call, View
from connector.reference.kit.web.tables import Box, Column, Fact, way

STAGES = ("prospect", "proposal", "won", "lost")
LANE_ROWS = 30
ERP_WAY = ("confirmed", "shipped", "invoiced", "closed")
FORM = layout(
    objects.DEALS,
    {
        "Deal": ("name", "company_id", "contact_id", "po_number", "close_date", "required_date", "currency", "freight"),
        "Shipping address": SHIPPING,
        "Notes": ("notes", "external_id"),
    },
    ("product_id", "description", "quantity", "unit_price", "discount_percent", "tax_percent"),
)
EMPTY = "No deals yet. Create one, give it lines and mark it as won; the connector then makes it an order in the ERP."


@dataclass(frozen=True, slots=True)
class Card:
    key: str
    title: str
    href: str
    company: str
    amount: str
    erp_status: str


@dataclass(frozen=True, slots=True)
class Lane:
    stage: str
    count: int
    sum: str
    cards: tuple[Card, ...]


def deals(desk: Desk) -> Sheet:
    """The page of a deal."""

    def extra(record: Record, call: Call) -> Mapping[str, object]:
        return {"actions": _next(record), "side": (_answer(record), _money(desk, record))}

    columns = (
        Column("name", "link"),
        Column("company_id", "ref", ref="companies"),
        Column("close_date", "date"),
        Column("erp_number", title="ERP order"),
        Column("erp_status", "pill"),
        Column("amount", "money"),
        Column("stage", "pill"),
    )
    return Sheet(
        "deals", "Deals", "deal", columns, "Deal, PO number or ERP order", EMPTY, FORM, creatable=True, status="stage",
        sets=("stage",), totals=TOTALS, extra=extra, listed=lambda call: _board(desk, call),
        fill={"unit_price": "price", "tax_percent": "tax_percent"},
    )  # fmt: skip


def _next(record: Record) -> Actions:
    """The stages a deal can go to from where it is; each button saves the form as well."""
    labels = {"proposal": "Proposal", "won": "Mark as won", "lost": "Lost", "prospect": "Back to prospect"}
    css = {"won": "main", "lost": "risk"}
    offered = {"prospect": ("won", "proposal", "lost"), "proposal": ("won", "lost", "prospect")}
    stage = str(record.fields["stage"] or "prospect")
    sets = tuple(Choice(labels[to], "set-stage", to, css.get(to, "")) for to in offered.get(stage, ("prospect",)))
    text = {
        "won": "This deal is won. The connector makes it an order in the ERP.",
        "lost": "This deal is lost. It stays out of the ERP.",
    }.get(stage, "Won deals become orders in the ERP. What you have typed is saved along.")
    return Actions("Stage", text, way(STAGES[:3], stage), sets=sets)


def _answer(record: Record) -> Box:
    """What the ERP says about the order made of this deal."""
    facts = (
        value(record, "erp_number", "Order"),
        value(record, "ship_date"),
        value(record, "carrier"),
        value(record, "tracking"),
    )
    status = str(record.fields["erp_status"] or "")
    empty = "No order yet."
    if record.fields["stage"] == "won":
        empty = "Waiting for the ERP: the order appears here after the next sync."
    shown = facts if status or any(fact.text for fact in facts) else ()
    return Box("Order in the ERP", shown, empty, status, way(ERP_WAY, status) if status in ERP_WAY else ())


def _money(desk: Desk, record: Record) -> Box:
    """The invoices of the order with what is still open, and what was paid on them."""
    found = desk.service.find("invoices", "deal_id", (record.id,), limit=20)
    facts = []
    for each in found:
        fields = each.fields
        open_amount = show.money(fields["open_amount"], fields["currency"])
        text = {"open": f"{open_amount} open", "paid": "paid", "void": "void"}.get(fields["status"] or "", "")
        facts.append(Fact(f"Invoice {each.label}", text or fields["status"], href=f"/invoices/{each.id}"))
        facts.append(Fact(f"Total of {each.label}", show.money(fields["amount"], fields["currency"])))
    for each in desk.service.find("payments", "invoice_id", [each.id for each in found], limit=50) if found else ():
        fields = each.fields
        when = fields["payment_date"] or each.label
        facts.append(
            Fact(f"Paid {when}", show.money(fields["amount"], fields["currency"]), href=f"/payments/{each.id}")
        )
    return box("Invoices and payments", facts, "None yet. They appear when the ERP has shipped and invoiced the order.")


def _board(desk: Desk, call: Call) -> View:
    """Deals by stage, newest first, each lane with its count and sum."""
    q = call.query.get("q", "").strip()[:100]
    if q:
        return desk.list(desk.sheets["deals"], call)
    service = desk.service
    kind, found, lanes = service.type("deals"), sums(service, "deals", "stage", "amount"), []
    for stage in STAGES:
        where = f"state = {LIVE} AND x_stage = ? ORDER BY n DESC LIMIT ?"
        records = service.store.records(kind, where, (stage, LANE_ROWS))
        count, totals = found.get(stage, (0, {}))
        lanes.append(Lane(stage, count, amounts(totals.items()), tuple(_card(desk, record) for record in records)))
    sheet = desk.sheets["deals"]
    context = {
        "section": sheet.path, "q": "", "search_hint": sheet.hint, "new": sheet.new, "lanes": lanes,
        "empty": "" if any(lane.count for lane in lanes) else sheet.empty,
    }  # fmt: skip
    return View("board.html", sheet.title, context, watch=sheet.path)


def _card(desk: Desk, record: Record) -> Card:
    fields = record.fields
    company = desk.name("companies", fields["company_id"])
    return Card(
        f"{record.id}-{record.version}", record.label, f"/deals/{record.id}", company,
        show.money(fields["amount"], fields["currency"]), str(fields["erp_status"] or ""),
    )  # fmt: skip
