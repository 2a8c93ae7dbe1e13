"""Lists, record pages and forms over a service: what both systems' pages are made of."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from connector.reference.kit.problems import ServiceError
from connector.reference.kit.records import Record
from connector.reference.kit.service import Service
from connector.reference.kit.web import forms, show
from connector.reference.kit.web.forms import Input, Layout
from connector.reference.kit.web.site import Call, Handler, Link, Site, View, seen
from connector.reference.kit.web.tables import Box, Column, Fact, Note, Table, table, total
from connector.reference.kit.web.views import FormBuilder, FormView, Option, State, errors

WEB = "web"
PAGE_ROWS = 50
LISTED_OPTIONS = 200
LOOKED_UP = 30

FILLED = "In a new line, leave price and tax empty to take those of the product or item."

Extra = Callable[[Record, Call], Mapping[str, object]]


@dataclass(frozen=True, slots=True)
class Sheet:
    """How one object is shown.

    form: None for an object that people only look at. status: the field shown as a pill. sets: fields a button of the
    form may set. totals: label and field of the sums under the lines. extra: what stands around the form.
    listed: the list page where it is not the common one. open: what of the form a record lets people change now.
    fill: fields of a new line that, left empty, are taken from the record its reference names.
    """

    object: str
    title: str
    noun: str
    columns: tuple[Column, ...]
    hint: str
    empty: str
    form: Layout | None = None
    creatable: bool = False
    template: str = "record.html"
    status: str = ""
    sets: tuple[str, ...] = ()
    totals: tuple[tuple[str, str], ...] = ()
    extra: Extra = lambda record, call: {}
    listed: Handler | None = None
    open: Callable[[Record], Layout] | None = None
    fill: Mapping[str, str] = field(default_factory=dict)

    @property
    def path(self) -> str:
        return f"/{self.object}"

    @property
    def hint_lines(self) -> str:
        return FILLED if self.fill else ""

    def layout(self, record: Record) -> Layout:
        """The form for this record."""
        assert self.form is not None
        return self.open(record) if self.open else self.form

    @property
    def new(self) -> Link | None:
        return Link(f"New {self.noun}", f"{self.path}/new") if self.creatable else None


@dataclass(frozen=True, slots=True)
class Stamp:
    id: str
    version: int
    by: str
    at: str


@dataclass(frozen=True, slots=True)
class Head:
    """The top of a page and what stands beside and below the form."""

    title: str
    crumbs: tuple[Link, ...] = ()
    status: str = ""
    stamp: Stamp | None = None
    side: bool = False


class Desk:
    """The pages of one service. `add` gives an object its list, its record page and its forms."""

    def __init__(self, site: Site, service: Service) -> None:
        self.site = site
        self.service = service
        self.sheets: dict[str, Sheet] = {}
        site.data("/ui/options/{object}", self._lookup)
        site.moved = self._moved

    def add(self, sheet: Sheet) -> None:
        """Routes of one object, in the order in which they are looked at."""
        self.sheets[sheet.object] = sheet
        self.site.page(sheet.path, sheet.listed or (lambda call: self.list(sheet, call)))
        if sheet.creatable:
            self.site.page(f"{sheet.path}/new", lambda call: self._new(sheet, call))
            self.site.receive(f"{sheet.path}/new", lambda call: self._create(sheet, call))
        self.site.page(f"{sheet.path}/{{id}}", lambda call: self._show(sheet, call))
        if sheet.form is not None:
            self.site.receive(f"{sheet.path}/{{id}}", lambda call: self._save(sheet, call))
            self.site.receive(f"{sheet.path}/{{id}}/delete", lambda call: self._delete(sheet, call))

    # what is in the data

    def name(self, object: str, key: str) -> str:  # noqa: A002
        """What a person calls the record; its id when it is not there."""
        found = self.service.read(object, (key,)).get(key)
        return label(found) if found is not None else key

    def options(self, object: str) -> Sequence[Option] | None:  # noqa: A002
        """The records a reference can choose from, by name; None when there are too many to list."""
        found = self.service.list(object, limit=LISTED_OPTIONS + 1)
        if len(found) > LISTED_OPTIONS:
            return None
        return sorted(((each.id, label(each)) for each in found), key=lambda option: option[1].casefold())

    def related(self, object: str, field: str, record: Record, *, empty: str = "", title: str = "") -> Table:  # noqa: A002
        """The records of another object that refer to this one, newest first."""
        new = self.sheets[object].new
        given = {field: record.id} | ({"currency": currency} if (currency := record.fields.get("currency")) else {})
        add = Link(new.label, f"{new.href}?{urlencode(given)}") if new and record.live else None
        found = self.service.find(object, field, (record.id,))
        return self.shown(object, [*reversed(found)], empty=empty, title=title, without=(field,), add=add)

    def shown(
        self, object: str, records: Sequence[Record], *, empty: str = "", title: str = "",  # noqa: A002
        without: Collection[str] = (), add: Link | None = None,
    ) -> Table:  # fmt: skip
        """These records under the columns of their list; a long table is cut, with the count in its title."""
        sheet = self.sheets[object]
        title = title or sheet.title
        if len(records) > PAGE_ROWS:
            title = f"{title} ({PAGE_ROWS} of {len(records):,})"
        rows = records[:PAGE_ROWS]
        return table(title, sheet.columns, rows, self.name, empty or sheet.empty, without=without, add=add)

    def builder(self) -> FormBuilder:
        """A form builder that asks for each object's records once."""
        known: dict[str, Sequence[Option] | None] = {}

        def options(object: str) -> Sequence[Option] | None:  # noqa: A002
            if object not in known:
                known[object] = self.options(object)
            return known[object]

        return FormBuilder(options, self.name)

    def _moved(self) -> object:
        """Differs whenever anything that a page shows may have changed: a record, a setting, the day."""
        store = self.service.store
        counters = store.rows("SELECT name, value FROM counters WHERE name LIKE 'seq:%'")
        settings = store.rows("SELECT name, value FROM settings")
        return counters, settings, store.clock().date()

    def _lookup(self, call: Call) -> list[str]:
        found = self.service.list(call.params["object"], search=call.query.get("q", "")[:100], limit=LOOKED_UP)
        return [f"{label(each)} ({each.id})" for each in found]

    # pages

    def list(self, sheet: Sheet, call: Call, **context: object) -> View:
        """The list of an object, newest first, with its search."""
        q, after = call.query.get("q", "").strip()[:100], call.query.get("after") or None
        found = self.service.list(sheet.object, search=q or None, after=after, limit=PAGE_ROWS + 1, newest=True)
        rows = found[:PAGE_ROWS]
        more = f"{sheet.path}?{urlencode({'q': q, 'after': rows[-1].id})}" if len(found) > PAGE_ROWS else ""
        empty = f"Nothing found for “{q}”. Try another word, or clear the search." if q else sheet.empty
        content = {
            "section": sheet.path,
            "q": q,
            "search_hint": sheet.hint,
            "new": sheet.new,
            "count": f"{self.service.store.count(self.service.type(sheet.object)):,}",
            "table": table(
                sheet.title, sheet.columns, rows, self.name, empty, todo=None if q else sheet.new, more=more
            ),
        }
        return View("list.html", sheet.title, {**content, **context}, watch=sheet.path)

    def _new(self, sheet: Sheet, call: Call) -> View:
        assert sheet.form is not None
        blank = forms.stored(sheet.form, self.service.type(sheet.object).blank)
        given = {name: text for name, text in call.query.items() if name in blank.texts}
        newest = self.service.list(sheet.object, limit=1, newest=True)
        if newest and "currency" in blank.texts:
            # Most companies work in one currency: start from the one used last.
            given.setdefault("currency", str(newest[0].fields["currency"] or ""))
        return self._new_view(sheet, State(Input({**blank.texts, **given}, [])))

    def _new_view(self, sheet: Sheet, state: State, status: int = 200, note: str = "") -> View:
        assert sheet.form is not None
        builder, fields = self.builder(), self.service.type(sheet.object).blank
        lines = builder.lines(sheet.form, state, fields, ()) if sheet.form.lines else None
        form = FormView(
            f"{sheet.path}/new", builder.groups(sheet.form, state, fields), button=f"Create {sheet.noun}",
            cancel=sheet.path, hint=sheet.hint_lines, dirty=state.dirty, lines=lines,
        )  # fmt: skip
        head = Head(f"New {sheet.noun}", (Link(sheet.title, sheet.path),))
        context = {"section": sheet.path, "page": head, "form": form, "notes": _notes(note)}
        return View("new.html", head.title, context, status)

    def _changes(self, sheet: Sheet, form: Layout, typed: Input, was: Input | None) -> dict[str, Any]:
        """What to write, with new lines completed from the records they refer to."""
        values: dict[str, Any] = forms.changes(form, typed, was)
        for line in values.get("lines", ()) if sheet.fill else ():
            for each in form.lines:
                key = line[each.name] if each.ref and "id" not in line else None
                for target in self.service.read(each.ref, (key,)).values() if key else ():
                    forms.complete(form, line, sheet.fill, target.fields, typed.texts.get("currency", ""))
        return values

    def _create(self, sheet: Sheet, call: Call) -> View | Response:
        assert sheet.form is not None
        typed = forms.posted(sheet.form, call.form)
        given = self._changes(sheet, sheet.form, typed, None)
        values = {name: value for name, value in given.items() if value is not None}
        try:
            record = self.service.create(sheet.object, values, WEB)
        except ServiceError as error:
            at_field, note = errors(error, sheet.form)
            return self._new_view(sheet, State(typed, at_field, dirty=True), error.status, note or _fix(at_field))
        return seen(f"{sheet.path}/{record.id}")

    def _show(self, sheet: Sheet, call: Call) -> View | Response:
        record = self.service.get(sheet.object, call.params["id"])
        if record.merged_into:
            return seen(f"{sheet.path}/{record.merged_into}")
        return self.view(sheet, record, call)

    def _save(self, sheet: Sheet, call: Call) -> View | Response:
        assert sheet.form is not None
        key = call.params["id"]
        was = forms.shown(call.form)
        # The record may have moved on since: what the person was offered to change is what counts as their input.
        form = forms.offered(sheet.form, call.form)
        typed = forms.posted(form, call.form)
        values = self._changes(sheet, form, typed, was)
        values |= {name: call.text(f"set-{name}") for name in sheet.sets if call.text(f"set-{name}")}
        try:
            if values:
                self.service.update(sheet.object, key, values, WEB, _version(call))
        except ServiceError as error:
            return self._again(sheet, call, typed, was, error, [name for name in values if name not in sheet.sets])
        return seen(f"{sheet.path}/{key}")

    def _again(
        self, sheet: Sheet, call: Call, typed: Input, was: Input | None, error: ServiceError, names: Sequence[str]
    ) -> View:
        """The form as the person left it, with what is wrong; what moved meanwhile is brought together with it."""
        record = error.record or self.service.get(sheet.object, call.params["id"])
        if error.status == 410:
            note = f"{error.message} Your input below is not saved: copy what you need."
            return self.view(sheet, record, call, State(typed, dirty=True), note, 410)
        form = sheet.layout(record)
        now = forms.stored(form, record.fields)
        if error.status != 412:
            at_field, note = errors(error, form)
            before = Input(was.texts, was.lines) if was else now
            return self.view(
                sheet, record, call, State(typed, at_field, dirty=True), note or _fix(at_field), error.status, before
            )
        together, clashes = forms.bring_together(form, typed, was or now, now)
        note = (
            f"{record.modified_by} changed this {sheet.noun} at {show.instant(record.modified)}, while you typed. "
            "Nothing of yours is lost: your input is kept below, the other fields show what is stored now. "
            "Check it and save again."
        )
        closed = [show.label(name) for name in names if name not in form.names]
        if closed:
            note += f" No longer open to change: {', '.join(closed)}."
        return self.view(sheet, record, call, State(together, clashes=clashes, dirty=True), note, 409)

    def _delete(self, sheet: Sheet, call: Call) -> View | Response:
        assert sheet.form is not None
        key = call.params["id"]
        try:
            self.service.delete(sheet.object, key, WEB, _version(call))
        except ServiceError as error:
            was = forms.shown(call.form)
            typed = forms.posted(forms.offered(sheet.form, call.form), call.form)
            if error.status == 412:
                return self._again(sheet, call, typed, was, error, ())
            record = error.record or self.service.get(sheet.object, key)
            note = f"Not deleted. {error.message}"
            return self.view(sheet, record, call, State(typed, dirty=True), note, error.status, was)
        return seen(sheet.path)

    def view(
        self, sheet: Sheet, record: Record, call: Call, state: State | None = None, note: str = "", status: int = 200,
        was: Input | None = None,
    ) -> View:  # fmt: skip
        """The page of a record; `state` is what a person has typed and `was` what they were shown, where that is not
        what is stored."""
        context: dict[str, object] = {
            "section": sheet.path,
            "notes": _notes(note),
            "form": self._form(sheet, record, call, state, was) if sheet.form else None,
            "side": (),
            "tables": (),
            "lines": None,
            "actions": None,
            "noun": sheet.noun,
            "deletable": record.live and self.service.type(sheet.object).deletable,
            **sheet.extra(record, call),
        }
        stamp = Stamp(record.id, record.version, record.modified_by, show.instant(record.modified))
        context["page"] = Head(
            label(record), (Link(sheet.title, sheet.path),), str(record.fields.get(sheet.status) or ""), stamp,
            bool(context["side"] or context["actions"]),
        )  # fmt: skip
        return View(sheet.template, label(record), context, status, watch=f"{sheet.path}/{record.id}")

    def _form(self, sheet: Sheet, record: Record, call: Call, state: State | None, was: Input | None) -> FormView:
        layout = sheet.layout(record)
        now = forms.stored(layout, record.fields)
        state = state or State(now)
        builder = self.builder()
        sums = [total(label, record.fields, name) for label, name in sheet.totals]
        # After a mistake the version the person started from goes along again, so that a later change is still noticed.
        kept = was is not None and call.text("version")
        return FormView(
            f"{sheet.path}/{record.id}", builder.groups(layout, state, record.fields),
            version=call.text("version") if kept else str(record.version), was=(was or now).dump(),
            dirty=state.dirty, hint=sheet.hint_lines,
            lines=builder.lines(layout, state, record.fields, sums) if layout.lines else None,
        )  # fmt: skip


def label(record: Record) -> str:
    """What a person calls it: first and last name, or what the object says."""
    first = record.fields.get("first_name")
    return f"{first} {record.label}" if first else record.label


def box(title: str, facts: Sequence[Fact], empty: str = "", status: str = "") -> Box:
    """Facts in a box; without a single value the sentence `empty` stands there instead."""
    return Box(title, tuple(facts) if any(fact.text for fact in facts) else (), empty, status)


def _fix(at_field: Mapping[str, str]) -> str:
    named = " ".join(f"{show.label(name.rpartition('.')[2])}: {text}" for name, text in at_field.items())
    return f"Not saved yet. {named} Correct it and save again."


def _notes(note: str) -> tuple[Note, ...]:
    return (Note(note, "warn"),) if note else ()


def _version(call: Call) -> int | None:
    text = call.text("version")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else None
