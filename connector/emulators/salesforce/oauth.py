"""The addresses of OAuth and identity (contract §1)."""

from __future__ import annotations

from typing import Any

from connector.emulators.salesforce.errors import Refusal, TokenRefusal
from connector.emulators.salesforce.http import Answer, split_query
from connector.emulators.salesforce.org import Org
from connector.emulators.salesforce.sessions import Sessions


class OAuth:
    """Answers /services/oauth2/... and /id/..."""

    def __init__(self, org: Org, sessions: Sessions) -> None:
        self._org = org
        self._sessions = sessions

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes, url: str, own_host: bool) -> Answer:
        """url: where the org is served. own_host: whether the call came to that address."""
        try:
            if path == "/services/oauth2/token" and method == "POST":
                form = self._form(headers, body)
                return Answer(200, self._sessions.token(form, headers.get("authorization"), url, own_host))
            if path == "/services/oauth2/revoke" and method == "POST":
                self._sessions.revoke(self._form(headers, body).get("token", ""))
                return Answer(200)
            if path in ("/services/oauth2/userinfo", f"/id/{self._org.id}/{self._org.user}") and method == "GET":
                self._sessions.check(headers.get("authorization"))
                return Answer(200, self._identity(url))
        except TokenRefusal as error:
            return Answer(error.status, {"error": error.error, "error_description": error.description})
        except Refusal as error:
            return Answer(error.status, error.top_level())
        return Answer(404, [{"message": "The requested resource does not exist", "errorCode": "NOT_FOUND"}])

    def _form(self, headers: dict[str, str], body: bytes) -> dict[str, str]:
        if not headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            raise TokenRefusal("invalid_request", "the request must be form-encoded")
        try:
            return split_query(body.decode("ascii"))
        except (Refusal, UnicodeDecodeError, ValueError):
            raise TokenRefusal("invalid_request", "the request cannot be read") from None

    def _identity(self, url: str) -> dict[str, Any]:
        return {
            "id": f"{url}/id/{self._org.id}/{self._org.user}",
            "user_id": self._org.user,
            "organization_id": self._org.id,
            "username": self._org.settings.username,
            "active": True,
        }
