"""What a person does in Tryton's client, over the same JSON-RPC: posts an invoice, pays it, gives the money back."""

from __future__ import annotations

import base64
import json
import re
import urllib.request
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from .server import Tryton


class PersonError(Exception):
    """Tryton refused; the text is its own."""


class Person:
    """The administrator, logged in. Acts behind the connector's back."""

    def __init__(self, tryton: Tryton) -> None:
        self._tryton = tryton
        self._context = {"company": tryton.facts["company"]}
        secret = {"password": tryton.facts["admin_password"]}
        user, token, *_ = self._send("common.db.login", ["admin", secret, "en"], {})
        session = base64.b64encode(f"admin:{user}:{token}".encode()).decode()
        self._headers = {"Authorization": f"Session {session}"}

    def call(self, method: str, *arguments: Any, **context: Any) -> Any:
        """The answer of one method, in the company's context. Raises PersonError when it is refused."""
        return self._send(method, [*arguments, {**self._context, **context}], self._headers)

    def post(self, invoice: int) -> None:
        """A draft invoice becomes owed. Questions about it are answered with yes."""
        self._insist("model.account.invoice.post", [invoice])

    def pay(self, invoice: int, amount: Decimal, description: str, day: date | None = None) -> None:
        """Pays a posted invoice, wholly or in part."""
        day = day or datetime.now(UTC).date()
        form = {
            "amount": {"__class__": "Decimal", "decimal": str(amount)},
            "date": {"__class__": "date", "year": day.year, "month": day.month, "day": day.day},
            "description": description,
            "payment_method": self._tryton.facts["payment_method"],
        }
        self._wizard("account.invoice.pay", "account.invoice", invoice, form, "choice", "pay")

    def credit(self, invoice: int) -> None:
        """Takes a posted invoice back: a credit note is made and settled against it."""
        self._wizard("account.invoice.credit", "account.invoice", invoice, {"with_refund": True}, "credit")

    def cancel(self, move: int, description: str) -> None:
        """Books a posted move back, and posts that. Questions about it are answered with yes."""
        self._wizard("account.move.cancel", "account.move", move, {"description": description}, "cancel")
        for draft in self.call("model.account.move.search", [["state", "=", "draft"]]):
            self.call("model.account.move.post", [draft])

    def _wizard(self, name: str, model: str, key: int, form: dict[str, Any], *states: str) -> None:
        """Runs through the states; the first form is filled, each other is sent with its defaults."""
        context = {"active_model": model, "active_id": key, "active_ids": [key]}
        session, first, *_ = self.call(f"wizard.{name}.create")
        try:
            forms: dict[str, Any] = {}
            answer = self._insist(f"wizard.{name}.execute", session, forms, first, **context)
            for state in states:
                view = answer.get("view")
                if view is None:
                    return  # it needed no more
                # Names with a dot are sent for showing only, and refused when they come back.
                shown = {field: value for field, value in view["defaults"].items() if "." not in field}
                forms[view["state"]] = shown if forms else {**shown, **form}
                answer = self._insist(f"wizard.{name}.execute", session, forms, state, **context)
        finally:
            self.call(f"wizard.{name}.delete", session)

    def _insist(self, method: str, *arguments: Any, **context: Any) -> Any:
        """A question is answered with yes, as the client does it, and the call made again."""
        try:
            return self.call(method, *arguments, **context)
        except PersonError as error:
            question = re.search(r"'UserWarning', \['([^']+)'", str(error))
            if question is None:
                raise
        (user,) = self.call("model.res.user.search", [["login", "=", "admin"]])
        self.call("model.res.user.warning.create", [{"user": user, "name": question[1], "always": True}])
        return self.call(method, *arguments, **context)

    def _send(self, method: str, parameters: list[Any], headers: dict[str, str]) -> Any:
        body = json.dumps({"id": 1, "method": method, "params": parameters}).encode()
        headers = {**headers, "Content-Type": "application/json"}
        request = urllib.request.Request(f"{self._tryton.url}/rpc/", body, headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            said = json.loads(answer.read())
        if "error" in said:
            raise PersonError(f"{method}: {said['error']}")
        return said["result"]
