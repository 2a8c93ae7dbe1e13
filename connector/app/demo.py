"""The demonstration: both built-in systems in processes of their own, generated companies, and the closed loop.

Everything goes over the systems' own HTTP APIs, by a principal that is not the connector: what a person would do.
"""

from __future__ import annotations

import secrets
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import msgspec

from connector.app.core import App
from connector.app.setup import SystemPlan, config_text, quoted, shared_entities, write_config
from connector.clock import SystemClock
from connector.errors import ConfigError, ConnectorError
from connector.rest.auth import Bearer
from connector.rest.client import RestClient, segment

if TYPE_CHECKING:
    from connector.reference.serve import Running

CONFIG = "config.yaml"
HOST = "127.0.0.1"

Fields = Mapping[str, Any]

_FIRST = ("Anna", "Ben", "Chiara", "David", "Elif", "Finn", "Greta", "Hugo", "Ines", "Jonas", "Katja", "Luca")
_LAST = ("Arnold", "Berger", "Conti", "Dubois", "Ekström", "Fischer", "García", "Huber", "Ivanova", "Jansen", "Kaya")
_NAMES = (
    *("Alpenblick Hotels", "Bergmann Optik", "Castello Foods", "Delta Robotics", "Edelweiss Pharma", "Fjord Shipping"),
    *("Granit Bau", "Hafen Logistik", "Iris Software", "Jura Uhren", "Kupfer & Söhne", "Lumen Solar"),
)
_CITIES = (
    ("Berlin", "10115", "Germany", "DE", "+49 30"),
    ("Wien", "1010", "Austria", "AT", "+43 1"),
    ("Lyon", "69001", "France", "FR", "+33 4"),
    ("Milano", "20121", "Italy", "IT", "+39 02"),
)
_ITEMS = (
    ("BOLT-8", "Bolt M8", "0.45"),
    ("BEAR-22", "Bearing 22 mm", "12.90"),
    ("PUMP-3", "Pump, 3 bar", "249.00"),
    ("VALVE-1", "Valve 1 inch", "38.50"),
    ("HOSE-10", "Hose, 10 m", "19.95"),
)
BOTH = 4
"""Companies that are in both systems from the start, for the first link to find."""


class DemoError(ConnectorError):
    """A step of the loop did not end as it must."""

    code = "demo"


class Api:
    """One system as a person's own program would use it."""

    def __init__(self, name: str, url: str, token: str) -> None:
        self.name = name
        self.url = url
        self._rest = RestClient(f"the {name.upper()}", url, SystemClock(), auth=Bearer(token))

    def get(self, object_: str, key: str) -> Fields:
        """The fields of one record."""
        found: Fields = self._rest.get(f"/api/{object_}/{segment(key)}", dict)["fields"]
        return found

    def all(self, object_: str, **where: str) -> dict[str, Fields]:
        """Live records by id, those with these field values."""
        found: dict[str, Fields] = {}
        after = ""
        while True:
            query = [*where.items(), ("after", after), ("limit", "500")]
            page = self._rest.get(f"/api/{object_}", dict, query)
            found.update((item["id"], item["fields"]) for item in page["items"])
            if not page["more"]:
                return found
            after = page["cursor"]

    def create(self, object_: str, **fields: Any) -> str:
        """A new record; its id."""
        return str(self._send("POST", f"/api/{object_}", fields)["id"])

    def change(self, object_: str, key: str, **fields: Any) -> None:
        self._send("PATCH", f"/api/{object_}/{segment(key)}", fields)

    def act(self, object_: str, key: str, action: str, **fields: Any) -> Fields:
        """An action such as shipping an order; the fields of what it answers."""
        found: Fields = self._send("POST", f"/api/{object_}/{segment(key)}/{action}", fields)
        return found

    def close(self) -> None:
        self._rest.close()

    def _send(self, method: str, path: str, fields: Fields) -> dict[str, Any]:
        answer: dict[str, Any] = self._rest.send(method, path, dict, msgspec.json.encode(fields), write=True)
        return answer


@dataclass(slots=True)
class Step:
    """One step of the loop as shown: a sentence, and facts about both sides."""

    title: str
    facts: list[str] = field(default_factory=list)


class World:
    """Both systems running, a folder with the configuration, and the app. A context manager that ends all of it.

    keep: work there and leave it; otherwise a temporary folder is removed at the end. Raises ConfigError when a folder
    to keep holds a configuration already, DemoError when a system does not start.
    """

    def __init__(self, keep: Path | None = None) -> None:
        self._keep = keep
        self._stack = ExitStack()
        self.ids: dict[str, str] = {}

    def __enter__(self) -> World:
        with ExitStack() as stack:
            self.folder = self._folder(stack)
            tokens = {
                name: {"connector": secrets.token_hex(16), "admin": secrets.token_hex(16)} for name in ("crm", "erp")
            }
            running = self._both(stack, tokens)
            self.crm = self._api(stack, "crm", running["crm"], tokens["crm"])
            self.erp = self._api(stack, "erp", running["erp"], tokens["erp"])
            self.config = self.folder / CONFIG
            self._write(running, tokens)
            self.app = stack.enter_context(App.open(self.config))
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _folder(self, stack: ExitStack) -> Path:
        if self._keep is None:
            folder = Path(tempfile.mkdtemp(prefix="connector-demo-"))
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            return folder
        if (self._keep / CONFIG).exists():
            raise ConfigError(f"{self._keep / CONFIG} is there already; choose another folder for --keep.")
        try:
            self._keep.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"{self._keep} cannot be made: {(error.strerror or 'refused').lower()}.") from None
        return self._keep.resolve()

    def _both(self, stack: ExitStack, tokens: Mapping[str, Mapping[str, str]]) -> dict[str, Running]:
        """Both systems, each with a link to the other: the second one's port is chosen before the first starts."""
        with socket.create_server((HOST, 0)) as held:
            port = held.getsockname()[1]
            crm = self._start(stack, "crm", tokens["crm"], peer_url=f"http://{HOST}:{port}")
        return {"crm": crm, "erp": self._start(stack, "erp", tokens["erp"], port=port, peer_url=crm.url)}

    def _start(self, stack: ExitStack, name: str, tokens: Mapping[str, str], **options: object) -> Running:
        from connector.reference.serve import start

        try:
            return stack.enter_context(start(name, self.folder / f"{name}.db", tokens, **options))
        except (RuntimeError, OSError) as error:
            raise DemoError(f"The built-in {name.upper()} could not be started: {error}") from None

    def _api(self, stack: ExitStack, name: str, running: Running, tokens: Mapping[str, str]) -> Api:
        api = Api(name, running.url, tokens["admin"])
        stack.callback(api.close)
        return api

    def _write(self, running: Mapping[str, Running], tokens: Mapping[str, Mapping[str, str]]) -> None:
        plans = []
        for name in ("crm", "erp"):
            secret = self.folder / f"{name}.token"
            secret.touch(mode=0o600)
            secret.write_text(tokens[name]["connector"])
            settings = (f"url: {quoted(running[name].url)}", 'auth: {token: "${file:' + secret.name + '}"}')
            plans.append(SystemPlan(name, f"reference_{name}", settings))
        left, right = plans
        write_config(self.config, config_text(left, right, shared_entities(self.folder, left, right)))

    # ------------------------------------------------------------------------------------------- companies

    def seed(self) -> Step:
        """Twelve companies, some in both systems, with contacts; items with stock; one deal."""
        for number, (name, item) in enumerate(_companies()):
            in_crm, in_erp = number < 8, number >= 8 - BOTH
            if in_crm:
                self.ids[name] = self.crm.create("companies", **item["crm"])
                person = {"first_name": _FIRST[number], "last_name": _LAST[number % len(_LAST)]}
                mail = f"{_FIRST[number].lower()}@{item['domain']}"
                self.crm.create("contacts", company_id=self.ids[name], email=mail, **person)
            if in_erp:
                self.erp.create("customers", **item["erp"])
        for code, name, price in _ITEMS:
            key = self.erp.create(
                "items", code=code, name=name, price=price, currency="EUR", unit="pc", vat_percent="19"
            )
            self.erp.act("items", key, "receive", quantity="500")
        crm, erp = self.crm, self.erp
        facts = [
            f"CRM: {len(crm.all('companies'))} companies, {len(crm.all('contacts'))} contacts",
            f"ERP: {len(erp.all('customers'))} customers, {len(erp.all('items'))} items; {BOTH} companies are in both",
        ]
        return Step("Both systems started, each with companies of its own", facts)

    def add_deal(self, stage: str = "proposal") -> str:
        """A deal of the first company over two products, once the CRM knows them; its id."""
        products = {fields["sku"]: key for key, fields in self.crm.all("products").items()}
        lines = [
            {"product_id": products[sku], "quantity": quantity, "unit_price": price, "tax_percent": "19"}
            for sku, quantity, price in (("PUMP-3", "2", "249.00"), ("BOLT-8", "120", "0.45"))
        ]
        company = self.ids[_NAMES[0]]
        where = {"shipping_street": "Dock 4", "shipping_city": "Berlin", "shipping_country": "Germany"}
        deal = {"name": "Pumps for the spa", "company_id": company, "stage": stage, "close_date": "2026-03-02"}
        self.ids["deal"] = self.crm.create("deals", **deal, **where, currency="EUR", freight="14.90", lines=lines)
        return self.ids["deal"]


def _companies() -> Iterator[tuple[str, dict[str, Any]]]:
    """Name, and the company as each of the two systems would have it."""
    for number, name in enumerate(_NAMES):
        city, code, country, iso, prefix = _CITIES[number % len(_CITIES)]
        domain = name.lower().split()[0].replace("ö", "oe") + ".example"
        shared = {"name": name, "email": f"office@{domain}", "phone": f"{prefix} {5550100 + number}", "currency": "EUR"}
        tax, street = f"{iso}{810000000 + number * 7717}", f"Hauptstraße {number + 1}"
        crm = {**shared, "tax_id": tax, "status": "customer", "billing_street": street, "billing_city": city}
        erp = {**shared, "vat_number": tax, "street": street, "city": city, "zip": code, "country": iso}
        crm |= {"billing_postal_code": code, "billing_country": country}
        yield name, {"crm": crm, "erp": erp, "domain": domain}


Told = Callable[[Step], None]


def expect(what: str, found: object, wanted: object) -> None:
    """Raises DemoError unless both are equal."""
    if found != wanted:
        raise DemoError(f"The demonstration failed: {what} is {found!r}, expected {wanted!r}.")


def only(what: str, found: Mapping[str, Fields]) -> tuple[str, Fields]:
    """The one record there must be."""
    expect(f"the number of {what}", len(found), 1)
    return next(iter(found.items()))


def shown(values: Sequence[object]) -> str:
    return ", ".join(str(value) for value in values)
