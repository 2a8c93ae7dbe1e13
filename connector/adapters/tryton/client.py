"""Tryton's two ways in: REST with a key for reading, JSON-RPC with a session for writing under a condition.

Contract: Tryton, REST and JSON-RPC. Every call carries the company: without it prices come as null, with status 200.
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec

from connector.adapters.tryton.failures import read_error, rpc_error, went_meanwhile
from connector.adapters.tryton.wire import Domain, Row, packed, plain, worded
from connector.errors import ConfigError, DeniedError, RejectedError, TransientError
from connector.ports import Clock
from connector.rest.auth import Bearer, Headers
from connector.rest.client import Options, RestClient, segment
from connector.rest.failures import lost, unreadable

if TYPE_CHECKING:
    from connector.adapters.tryton import TrytonSettings

CONNECTIONS = 4
READS = 4
"""How often a list is asked for that was not given because of a record which went while it was made."""

REFUSED = 3600.0
"""Seconds a refused login is not tried again."""


class _Answer(msgspec.Struct):
    """A JSON-RPC answer: one of the two."""

    id: int
    result: Any = msgspec.UNSET
    error: Any = msgspec.UNSET


class _Preferences(msgspec.Struct):
    """What REST tells of the key's user."""

    applications: list[int]
    companies: list[int]


class Session:
    """Credentials of JSON-RPC: a session, opened when first needed, and again when it ran out (5 minutes idle).

    wanted: the user it has to be of, once that is known. A login that was refused is not tried again for an hour: after
    five wrong passwords Tryton locks the user out, with the right one too.
    """

    def __init__(self, rest: RestClient, login: str, password: str, clock: Clock) -> None:
        self._rest = rest
        self._login = login
        self._password = password
        self._clock = clock
        self._refusal: tuple[float, DeniedError] | None = None
        self._lock = threading.Lock()
        self._headers: Headers = ()
        self.wanted: int | None = None

    def headers(self) -> Headers:
        with self._lock:
            if not self._headers:
                self._open()
            return self._headers

    def renew(self, refused: Headers) -> bool:
        with self._lock:
            if self._headers == refused:
                self._open()
            return True

    def _open(self) -> None:
        if self._refusal is not None and self._clock.now() < self._refusal[0] + REFUSED:
            raise self._refusal[1]
        try:
            self._headers = self._logged_in()
        except DeniedError as error:
            self._refusal = self._clock.now(), error
            raise
        except TransientError as error:
            hint = " After several wrong passwords it takes no login for minutes." if "429" in str(error) else ""
            raise TransientError(f"{error}{hint}", error.after) from None

    def _logged_in(self) -> Headers:
        params = [self._login, {"password": self._password}, "en"]
        body = msgspec.json.encode({"id": 1, "method": "common.db.login", "params": params})
        with _asked_with("`login` and `password`"):
            answer = self._rest.send("POST", "/rpc/", _Answer, body, write=False)
        match answer.result:
            case [int(user), str(token), *_]:
                if self.wanted not in (None, user):
                    raise ConfigError(f"{self._rest.place}: `key` and `login` are of two users; give both of one.")
                told = base64.b64encode(f"{self._login}:{user}:{token}".encode()).decode("ascii")
                return ((b"Authorization", b"Session " + told.encode("ascii")),)
            case _:
                raise DeniedError(f"{self._rest.place} opens no session for this login: check `auth`.")


class TrytonClient:
    """The calls of the API, one method each. Thread-safe; raises only errors of `connector.errors`."""

    def __init__(self, system: str, settings: TrytonSettings, clock: Clock) -> None:
        auth = settings.auth
        self._context = {"company": settings.company, "language": settings.language}
        # Inactive records are hidden unless asked for; they are live here, with their status.
        headers = {"X-Tryton-Context": packed({**self._context, "active_test": False})}
        options = Options(settings.timeout, settings.verify, settings.proxy, CONNECTIONS, headers)
        bare = Options(settings.timeout, settings.verify, settings.proxy, CONNECTIONS)
        url, key = settings.url, Bearer(auth.key.get_secret_value())
        self._rest = RestClient(system, url, clock, auth=key, options=options, read_error=read_error)
        self._doors = RestClient(system, url, clock, options=bare, read_error=read_error)
        self._session = Session(self._doors, auth.login, auth.password.get_secret_value(), clock)
        self._rpc = RestClient(system, url, clock, auth=self._session, options=bare, read_error=read_error)
        self.place = self._rest.place

    def user(self) -> tuple[int, Sequence[int]]:
        """The key's user and that user's companies; from now on a session has to be of the same user."""
        body = msgspec.json.encode({"context_only": False})
        with _asked_with("`key`, which has to be accepted in Tryton's preferences, under Applications"):
            told = self._rest.send("POST", "/rest/model/res.user/get_preferences", _Preferences, body, write=False)
        first = told.applications[:1]
        rows = self.rows("res.user.application", ["user"], [["id", "in", first]], [("id", "ASC")], 1)
        if not rows:
            raise DeniedError(f"{self.place} does not tell whose `key` this is: it has to be of an application `rest`.")
        self._session.wanted = rows[0]["user"]
        return rows[0]["user"], told.companies

    def open_session(self) -> None:
        """Raises DeniedError or ConfigError where login and password do not fit the key."""
        self._session.headers()

    def rows(
        self, model: str, fields: Sequence[str], domain: Domain, order: Sequence[tuple[str, str]], limit: int
    ) -> list[Row]:
        """The first records of that domain, in that order. Raises TransientError where they go while they are read."""
        query = [*(("f", field) for field in fields), ("d", packed(domain)), ("o", packed(order)), ("s", str(limit))]
        for left in reversed(range(READS)):
            try:
                found = self._rest.get(f"/rest/model/{segment(model)}", list[dict[str, Any]], query)
            except RejectedError as error:
                if not went_meanwhile(error):
                    raise
                if not left:
                    raise TransientError(f"{error} It went while it was read; run again later.") from None
            else:
                break
        return [self._row(row, fields, write=False) for row in found]

    def create_one(self, model: str, values: Mapping[str, Any], fields: Sequence[str]) -> Row:
        """Creates one record over REST, which answers with these fields of it."""
        path = f"/rest/model/{segment(model)}?" + "&".join(f"f={segment(field)}" for field in fields)
        body = msgspec.json.encode(worded(values))
        return self._row(self._rest.send("POST", path, dict[str, Any], body, write=True), fields, write=True)

    def create(self, model: str, values: Sequence[Mapping[str, Any]]) -> list[int]:
        """Creates all of them or none, in one transaction; their ids in order."""
        # Messages in English, which failures.py reads; nothing of a party is translated.
        context = {"language": "en"} if model.startswith("party.") else {}
        made = self.call(f"model.{model}.create", [values], context, write=True)
        if not isinstance(made, list) or len(made) != len(values) or not all(type(one) is int for one in made):
            raise lost(self.place, "no id for each record", write=True)
        return made

    def write(
        self, model: str, changes: Sequence[tuple[int, Mapping[str, Any]]], stamps: Mapping[str, str] | None = None
    ) -> None:
        """Changes all of them or none. stamps: `_timestamp` of records that must not have moved since."""
        params: list[Any] = []
        for key, values in changes:
            params += [[key], values]
        self.call(f"model.{model}.write", params, {"_timestamp": stamps} if stamps else {}, write=True)

    def delete(self, model: str, keys: Sequence[int], stamps: Mapping[str, str] | None = None) -> None:
        """Deletes all of them or none; those that are not there count as deleted."""
        self.call(f"model.{model}.delete", [list(keys)], {"_timestamp": stamps} if stamps else {}, write=True)

    def press(self, model: str, button: str, key: int, stamps: Mapping[str, str] | None = None) -> None:
        """Does with a record what a button of Tryton's client does."""
        self.call(f"model.{model}.{button}", [[key]], {"_timestamp": stamps} if stamps else {}, write=True)

    def call(self, method: str, params: Sequence[Any], context: Mapping[str, Any] | None = None, *, write: bool) -> Any:
        """One JSON-RPC call and its result. The context is the last parameter of every method."""
        whole = [*params, {**self._context, **(context or {})}]
        body = msgspec.json.encode({"id": 1, "method": method, "params": worded(whole)})
        answer = self._rpc.send("POST", "/rpc/", _Answer, body, write=write)
        if answer.error is not msgspec.UNSET:
            raise rpc_error(self.place, answer.error, write=write)
        if answer.result is msgspec.UNSET:
            raise unreadable(self.place, write=write, html=False, detail="neither result nor error")
        return self._plain(answer.result, write=write)

    def close(self) -> None:
        for client in (self._rest, self._rpc, self._doors):
            client.close()

    def _plain(self, value: Any, *, write: bool) -> Any:
        try:
            return plain(value)
        except ValueError as error:
            raise unreadable(self.place, write=write, html=False, detail=str(error)) from None

    def _row(self, row: dict[str, Any], fields: Sequence[str], *, write: bool) -> Row:
        """Tryton leaves fields out that the user may not read, without a word; an absent one is no empty one."""
        found: Row = self._plain(row, write=write)
        missing = sorted(field for field in fields if _absent(found, field.split(".")))
        if missing and write:
            raise lost(self.place, f"without {missing[0]}", write=True)
        if missing:
            raise DeniedError(f"{self.place} shows no `{missing[0]}`: give this user the right to read it.")
        return found


@contextmanager
def _asked_with(what: str) -> Iterator[None]:
    """Says with what was asked, where that was refused: there are two kinds of credentials."""
    try:
        yield
    except DeniedError as error:
        raise DeniedError(f"{error} It was asked with {what}.") from None


def _absent(value: Any, path: Sequence[str]) -> bool:
    """Whether a row, or a row inside it, lacks the field."""
    if not path or value is None:
        return False
    if isinstance(value, list):
        return any(_absent(one, path) for one in value)
    return not isinstance(value, dict) or path[0] not in value or _absent(value[path[0]], path[1:])
