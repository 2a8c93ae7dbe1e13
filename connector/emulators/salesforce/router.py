"""Which resource answers a call."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from connector.emulators.salesforce.errors import not_found, refusal
from connector.emulators.salesforce.http import Answer, Call

if TYPE_CHECKING:
    from connector.emulators.salesforce.instance import Instance

Handler = Callable[["Instance", Call, Mapping[str, str]], Answer]


@dataclass(frozen=True, slots=True)
class Route:
    """pattern: segments behind the version, `{name}` for any. params: those it takes."""

    method: str
    pattern: str
    handler: Handler
    params: frozenset[str] = frozenset()

    @property
    def parts(self) -> tuple[str, ...]:
        return tuple(self.pattern.split("/"))


def route(method: str, pattern: str, handler: Handler, *params: str) -> Route:
    return Route(method, pattern, handler, frozenset(params))


class Router:
    """Routes by the length of their path; the first that fits answers."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._by_length: dict[int, list[tuple[tuple[str, ...], dict[str, Route]]]] = {}
        for one in routes:
            same_length = self._by_length.setdefault(len(one.parts), [])
            methods = next((found for parts, found in same_length if parts == one.parts), None)
            if methods is None:
                methods = {}
                same_length.append((one.parts, methods))
            methods[one.method] = one

    def find(self, call: Call) -> tuple[Route, dict[str, str]]:
        """A call's route and the values in its path. Raises Refusal for a path, method or parameter it lacks."""
        for parts, methods in self._by_length.get(len(call.segments), ()):
            values = _fit(parts, call.segments)
            if values is None:
                continue
            found = methods.get(call.method)
            if found is None:
                raise refusal("METHOD_NOT_ALLOWED", f"HTTP Method '{call.method}' not allowed. Allowed are"
                              f" {','.join(sorted(methods))}")  # fmt: skip
            unknown = sorted(set(call.params) - found.params)
            if unknown:
                raise refusal("INVALID_ARGUMENT_TYPE", f"unknown parameter: {unknown[0]}")
            return found, values
        raise not_found()


def _fit(parts: tuple[str, ...], segments: tuple[str, ...]) -> dict[str, str] | None:
    values: dict[str, str] = {}
    for part, segment in zip(parts, segments, strict=True):
        if part.startswith("{"):
            values[part[1:-1]] = segment
        elif part != segment:
            return None
    return values
