"""Association types: which ids link which object types, and which of them mean primary (contract 4)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LinkType:
    """One type id from one object type to another.

    plain: the type without a label that comes along with it; the id itself for one that has no label. inverse: the id
    seen from the other end. primary: means *primary*, of which the end that `holds` it has one.
    """

    id: int
    inverse: int
    plain: int
    label: str | None = None
    primary: bool = False
    holds: bool = False


# from, to, plain id, primary id, inverse plain id, inverse primary id. The inverse ids 508, 511, 178, 180 and 388, 390,
# 392, 523 are not in the contract's table, which gives one direction of those pairs: they are the free neighbours.
_PAIRS: tuple[tuple[str, str, int, int | None, int, int | None], ...] = (
    ("contacts", "companies", 279, 1, 280, 2),
    ("deals", "companies", 341, 5, 342, 6),
    ("deals", "contacts", 3, None, 4, None),
    ("deals", "line_items", 19, None, 20, None),
    ("orders", "line_items", 513, None, 514, None),
    ("orders", "companies", 934, 509, 935, 510),
    ("orders", "contacts", 507, None, 508, None),
    ("orders", "deals", 512, None, 511, None),
    ("orders", "invoices", 518, None, 517, None),
    ("invoices", "line_items", 409, None, 410, None),
    ("invoices", "companies", 179, None, 180, None),
    ("invoices", "contacts", 177, None, 178, None),
    ("invoices", "deals", 175, None, 176, None),
    ("commerce_payments", "invoices", 542, None, 541, None),
    ("commerce_payments", "companies", 389, None, 390, None),
    ("commerce_payments", "contacts", 387, None, 388, None),
    ("commerce_payments", "orders", 524, None, 523, None),
    ("commerce_payments", "deals", 391, None, 392, None),
)
_PARENT = LinkType(14, 13, 14, "Parent Company")
_CHILD = LinkType(13, 14, 13, "Child Company")


def _table() -> dict[tuple[str, str], dict[int, LinkType]]:
    table: dict[tuple[str, str], dict[int, LinkType]] = {("companies", "companies"): {14: _PARENT, 13: _CHILD}}
    for start, end, plain, primary, plain_back, primary_back in _PAIRS:
        there = table.setdefault((start, end), {})
        back = table.setdefault((end, start), {})
        there[plain] = LinkType(plain, plain_back, plain)
        back[plain_back] = LinkType(plain_back, plain, plain_back)
        if primary is not None and primary_back is not None:
            there[primary] = LinkType(primary, primary_back, plain, "Primary", True, True)
            back[primary_back] = LinkType(primary_back, primary, plain_back, "Primary", True)
    return table


LINK_TYPES = _table()


def default_type(start: str, end: str) -> LinkType | None:
    """The type of a link made without naming one; companies among themselves have none."""
    return next((known for known in LINK_TYPES.get((start, end), {}).values() if known.label is None), None)
