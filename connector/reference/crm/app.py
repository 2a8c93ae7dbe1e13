"""The CRM as an application: service, API and pages."""

from __future__ import annotations

from connector.reference.crm.objects import TYPES
from connector.reference.crm.pages import mount
from connector.reference.kit.app import Application, Settings, build
from connector.reference.kit.domain import Domain


class CrmDomain(Domain):
    system = "crm"
    types = TYPES


def create_app(settings: Settings) -> Application:
    """An ASGI application over `settings.db`; its `service` is what the pages and tests call."""
    return build(CrmDomain(), settings, mount)
