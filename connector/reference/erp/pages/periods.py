"""Closed periods: up to which day the books are closed."""

from __future__ import annotations

from starlette.responses import Response

from connector.reference.erp.periods import closed_until, periods
from connector.reference.kit.problems import ServiceError
from connector.reference.kit.web.desk import Desk
from connector.reference.kit.web.site import Call, View, seen
from connector.reference.kit.web.views import FieldView

PATH = "/periods"


def add_periods(desk: Desk) -> None:
    """The page where a person closes and opens the books."""

    def view(text: str, error: str = "", status: int = 200) -> View:
        field = FieldView("closed_until", "date", "Closed up to and including", text, error=error)
        closed = closed_until(desk.service.store)
        context = {"section": PATH, "field": field, "closed": closed or "", "dirty": status != 200}
        return View("periods.html", "Closed periods", context, status, watch=PATH)

    def page(call: Call) -> View:
        return view(closed_until(desk.service.store) or "")

    def receive(call: Call) -> View | Response:
        text = call.text("closed_until")
        try:
            periods(desk.service, "PUT", {"closed_until": text or None})
        except ServiceError as error:
            return view(text, error.message.partition(": ")[2].capitalize(), error.status)
        return seen(PATH)

    desk.site.page(PATH, page)
    desk.site.receive(PATH, receive)
