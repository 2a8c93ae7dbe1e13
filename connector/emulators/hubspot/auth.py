"""Who calls: service keys, OAuth tokens by the clock, client credentials; and the account they open (contract 2)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple
from urllib.parse import parse_qsl

from connector.emulators.hubspot.portal import Portal
from connector.emulators.hubspot.problems import GatewayError, HubSpotError, missing_scopes, unauthorized
from connector.emulators.hubspot.wire import Answer, Call, Principal, json_answer

TOKEN_SECONDS = 1800
_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]+", re.ASCII)
_FORM = "application/x-www-form-urlencoded"
_GRANTS: Mapping[str, frozenset[str]] = {
    "refresh_token": frozenset({"grant_type", "client_id", "client_secret", "refresh_token"}),
    "client_credentials": frozenset({"grant_type", "client_id", "client_secret", "scope"}),
}


class Token(NamedTuple):
    principal: Principal
    expires: int


class Auth:
    """The tokens given out, and who they are for."""

    def __init__(self, portal: Portal) -> None:
        self._portal = portal
        self._tokens: dict[str, Token] = {}
        self._refresh_token = portal.settings.refresh_token
        self._drawn = 0

    def reset(self) -> None:
        self._tokens.clear()
        self._refresh_token = self._portal.settings.refresh_token

    def principal(self, call: Call) -> Principal:
        """Who calls. Raises HubSpotError 401, GatewayError 530 for what is no token at all (contract 6)."""
        scheme, _, token = call.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise unauthorized("INVALID_AUTHENTICATION", "Authentication credentials not found.")
        if not _TOKEN.fullmatch(token):
            raise GatewayError(530)
        settings = self._portal.settings
        if token == settings.service_key:
            return Principal("service", "service", settings.scopes)
        known = self._tokens.get(token)
        if known is None:
            raise unauthorized("INVALID_AUTHENTICATION", "Authentication credentials not found.")
        if known.expires <= self._portal.time.ms():
            raise unauthorized("EXPIRED_AUTHENTICATION", "The OAuth token used to make this call expired.")
        return known.principal

    def token(self, portal: Portal, call: Call) -> Answer:
        """`POST /oauth/VERSION/token`: a refreshed token of the install, or one of the app itself."""
        call.arguments()
        form = _form(call)
        grant = form.get("grant_type", "")
        fields = _GRANTS.get(grant)
        if fields is None:
            raise _refused("BAD_GRANT_TYPE", f"grant_type {grant[:40]} is not supported.")
        if unknown := sorted(form.keys() - fields):
            raise _refused("BAD_REQUEST", f"unknown field {unknown[0][:80]}.")
        settings = portal.settings
        if form.get("client_id") != settings.client_id:
            raise _refused("BAD_CLIENT_ID", "missing or unknown client id")
        if form.get("client_secret") != settings.client_secret:
            raise _refused("BAD_CLIENT_SECRET", "missing or invalid client secret")
        if grant == "client_credentials":
            return self._given("client", frozenset(form.get("scope", "").split()))
        if form.get("refresh_token") != self._refresh_token:
            raise _refused("BAD_REFRESH_TOKEN", "missing or unknown refresh token")
        if portal.switches.refresh_tokens == "rotate":
            self._refresh_token = f"{settings.refresh_token}-{self._drawn + 1}"
        return self._given("oauth", settings.scopes, refresh_token=self._refresh_token, hub_id=settings.portal_id)

    def _given(self, kind: str, scopes: frozenset[str], **more: object) -> Answer:
        self._drawn += 1
        text = f"{kind}-token-{self._drawn:06d}"
        expires = self._portal.time.ms() + TOKEN_SECONDS * 1000
        # One principal per kind: a fresh token has no fresh budget.
        self._tokens[text] = Token(Principal(kind, kind, scopes), expires)
        body = {"access_token": text, "expires_in": TOKEN_SECONDS, "token_type": "bearer", "scopes": sorted(scopes)}
        return json_answer(200, {**body, **more})


def check_scopes(principal: Principal, needed: Sequence[Sequence[str]]) -> None:
    """Of each group one scope has to be there. Raises HubSpotError 403 that names what is missing."""
    missing = [group[0] for group in needed if principal.scopes.isdisjoint(group)]
    if missing:
        raise missing_scopes(missing)


def account_info(portal: Portal, call: Call) -> Answer:
    """`GET /account-info/VERSION/details`: which account this token opens."""
    call.arguments()
    settings = portal.settings
    return json_answer(
        200,
        {
            "portalId": settings.portal_id,
            "accountType": "STANDARD",
            "timeZone": settings.time_zone,
            "companyCurrency": settings.company_currency,
            "additionalCurrencies": [code for code in settings.currencies if code != settings.company_currency],
        },
    )


def _form(call: Call) -> dict[str, str]:
    kind = call.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != _FORM:
        raise HubSpotError(415, f"Unsupported content type {kind[:80] or 'none'}: send {_FORM}.")
    return dict(parse_qsl(call.body.decode("utf-8", "replace"), keep_blank_values=True))


def _refused(status: str, message: str) -> HubSpotError:
    # This route alone says in `status` what was wrong.
    return HubSpotError(400, message, extra={"status": status})
