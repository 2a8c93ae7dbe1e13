"""Writing over the wire: one outcome per item, and nothing twice."""

from __future__ import annotations

import json

from connector.errors import (
    RejectedError,
)
from connector.model.records import Op, Write
from connector.ports import Adapter

from .servers import created, creating, next_number


def test_one_bad_item_leaves_the_others_alone_and_says_which_field(crm: Adapter) -> None:
    bad = Write(Op.CREATE, None, b'{"name": "X", "parent_id": "C-999999"}', None, f"bad-{next_number()}")
    outcomes = crm.write("companies", [creating(), bad, creating()]).outcomes
    assert [type(outcome.error) for outcome in outcomes] == [type(None), RejectedError, type(None)]
    assert "parent_id" in str(outcomes[1].error)
    assert outcomes[1].record is None


def test_writing_lines_keeps_their_ids_and_amounts_to_the_cent(crm: Adapter) -> None:
    company = created(crm, currency="EUR")[0].key
    lines = [{"description": "a", "quantity": "3", "unit_price": "0.335", "tax_percent": "19"}]
    deal = {"name": "D", "company_id": company, "currency": "EUR", "stage": "won", "lines": lines}
    write = Write(Op.CREATE, None, json.dumps(deal).encode(), None, f"deal-{next_number()}")
    outcome = crm.write("deals", [write]).outcomes[0]
    assert outcome.error is None
    assert outcome.record is not None
    assert outcome.record.fields is not None
    (line,) = outcome.record.fields["lines"]
    assert line["id"]
    assert (line["amount"], outcome.record.fields["subtotal"]) == ("1.01", "1.01")
