"""What a person can do with a record besides editing it: buttons and small forms."""

from __future__ import annotations

from dataclasses import dataclass, replace

from starlette.responses import Response

from connector.reference.kit.problems import ServiceError
from connector.reference.kit.records import Record
from connector.reference.kit.web.desk import WEB, Desk, Sheet
from connector.reference.kit.web.forms import Control, Group, Layout, to_value
from connector.reference.kit.web.site import Call, Handler, View, seen
from connector.reference.kit.web.tables import Step
from connector.reference.kit.web.views import FieldView, errors

UNDONE = "Nothing was done yet: correct the marked field and try again."


@dataclass(frozen=True, slots=True)
class Choice:
    """A button of the main form that also sets a field: it saves what was typed along with it."""

    label: str
    name: str
    value: str
    css: str = ""


@dataclass(frozen=True, slots=True)
class Deed:
    """An action of the service as a small form: its fields, and the button that sends it.

    follow: go on to the document the action made.
    """

    name: str
    button: str
    controls: tuple[Control, ...] = ()
    css: str = ""
    confirm: str = ""
    follow: bool = False


@dataclass(frozen=True, slots=True)
class DeedView:
    action: str
    button: str
    css: str
    confirm: str
    fields: tuple[FieldView, ...]
    dirty: bool


@dataclass(frozen=True, slots=True)
class Actions:
    """What a person can do next with a record."""

    title: str
    text: str = ""
    way: tuple[Step, ...] = ()
    forms: tuple[DeedView, ...] = ()
    sets: tuple[Choice, ...] = ()


def deed_view(deed: Deed, record: Record, call: Call, **defaults: str) -> DeedView:
    """The small form of an action; after a refusal it shows what was typed, and the error at its field."""
    path = f"/{record.type.name}/{record.id}/{deed.name}"
    refused = call.path == path
    fields = tuple(
        FieldView(
            f"{deed.name}-{each.name}",
            each.kind,
            each.title,
            call.text(f"{deed.name}-{each.name}") if refused else defaults.get(each.name, ""),
            each.required,
            unit=each.unit,
            error=call.errors.get(each.name, "") if refused else "",
        )
        for each in deed.controls
    )
    return DeedView(path, deed.button, deed.css, deed.confirm, fields, refused)


def receive_deeds(desk: Desk, sheet: Sheet, deeds: tuple[Deed, ...]) -> None:
    """Adds the receivers of an object's small forms."""
    for deed in deeds:
        desk.site.receive(f"{sheet.path}/{{id}}/{deed.name}", _receiver(desk, sheet, deed))


def _receiver(desk: Desk, sheet: Sheet, deed: Deed) -> Handler:
    def receiver(call: Call) -> View | Response:
        values = {each.name: to_value(each.kind, call.text(f"{deed.name}-{each.name}")) for each in deed.controls}
        given = {name: value for name, value in values.items() if value is not None}
        key = call.params["id"]
        try:
            made = desk.service.act(sheet.object, key, deed.name, given, WEB)
        except ServiceError as error:
            found, note = errors(error, Layout((Group("", deed.controls),)))
            record = desk.service.get(sheet.object, key)
            return desk.view(sheet, record, replace(call, errors=found), note=note or UNDONE, status=error.status)
        return seen(f"/{made.type.name}/{made.id}" if deed.follow else f"{sheet.path}/{key}")

    return receiver
