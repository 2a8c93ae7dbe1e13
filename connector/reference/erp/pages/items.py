"""Items with their stock, and receiving goods."""

from __future__ import annotations

from collections.abc import Mapping

from connector.reference.erp import objects
from connector.reference.kit.records import Record
from connector.reference.kit.web import show
from connector.reference.kit.web.actions import Actions, Deed, deed_view
from connector.reference.kit.web.desk import Sheet, box
from connector.reference.kit.web.forms import Control, layout
from connector.reference.kit.web.site import Call
from connector.reference.kit.web.tables import Column, Fact

FORM = layout(
    objects.ITEMS,
    {
        "Item": ("name", "code", "group", "unit", "description"),
        "Price": ("price", "currency", "vat_percent"),
        "Sale": ("active", "backorder", "external_id"),
    },
)
RECEIVE = Deed("receive", "Receive goods", (Control("quantity", "number", "Quantity", required=True),), "main")
ITEM_DEEDS = (RECEIVE,)


def items() -> Sheet:
    """Items; their stock moves by receiving and shipping only."""

    def extra(record: Record, call: Call) -> Mapping[str, object]:
        fields = record.fields
        stock = Fact("On hand", f"{show.number(fields['stock'])} {fields['unit'] or ''}".strip(), css="big")
        text = "Adds to the stock; a negative quantity corrects it."
        return {
            "side": (box("Stock", (stock,)),),
            "actions": Actions("Goods in", text, forms=(deed_view(RECEIVE, record, call),)),
        }

    columns = (
        Column("name", "link"),
        Column("code"),
        Column("group"),
        Column("price", "money"),
        Column("vat_percent", "number"),
        Column("stock", "number"),
        Column("unit"),
        Column("active", "bool"),
    )
    return Sheet(
        "items", "Items", "item", columns, "Name or code",
        "No items yet. Create what you sell, then receive goods on its page.", FORM, creatable=True, extra=extra,
    )  # fmt: skip
