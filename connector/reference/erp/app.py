"""The ERP as an application: service, API and pages."""

from __future__ import annotations

from typing import Any

from connector.reference.erp import ledger, stock
from connector.reference.erp.actions import ACTIONS
from connector.reference.erp.objects import types
from connector.reference.erp.pages import mount
from connector.reference.erp.periods import periods
from connector.reference.kit.app import Application, Settings, build
from connector.reference.kit.domain import Domain
from connector.reference.kit.service import Service
from connector.reference.kit.tx import Tx


class ErpDomain(Domain):
    system = "erp"
    ddl = (*ledger.DDL, *stock.DDL)
    actions = ACTIONS

    def __init__(self, auto_confirm: bool = True) -> None:
        self.types = types(auto_confirm)

    def finish(self, tx: Tx) -> None:
        ledger.settle_balances(tx)

    def refresh(self, service: Service, name: str) -> None:
        if name == "balances":
            ledger.age(service)

    def extra(self, service: Service, method: str, name: str, given: Any) -> Any:
        return periods(service, method, given) if name == "periods" else None


def create_app(settings: Settings) -> Application:
    """An ASGI application over `settings.db`; its `service` is what the pages and tests call."""
    return build(ErpDomain(settings.auto_confirm), settings, mount)
