"""Which powers the crash matrix runs under: every combination that the protocol calls safe, and a few odd ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Literal

from connector.model.values import Sides
from connector.ports import Capabilities
from connector.testing.world import FULL


@dataclass(frozen=True, slots=True)
class CrashProfile:
    """powers: of both systems. full: every run lists all records, where no feed tells deletes.

    last_first: calls made side by side end in the opposite order. creates: an unknown create can be found out about;
    where it cannot, a duplicate is a stated limit and the scenario leaves creates out.
    """

    name: str
    powers: Sides[Capabilities]
    full: bool = False
    last_first: bool = False
    creates: bool = True


def _both(name: str, powers: Capabilities, *, full: bool = False, last_first: bool = False) -> CrashProfile:
    return CrashProfile(name, Sides(powers, powers), full, last_first, _finds_creates(powers))


def _finds_creates(powers: Capabilities) -> bool:
    return powers.external_key != "none" or powers.idempotency > 0 or powers.created_by


def _combination(conditional: bool, unique: bool, key: bool, traced: bool) -> CrashProfile:
    """traced: a searchable external key and the name of who created a record; a unique key is searchable anyway."""
    external: Literal["unique", "search", "none"] = "unique" if unique else "search" if traced else "none"
    powers = replace(
        FULL,
        conditional_write=conditional,
        idempotency=FULL.idempotency if key else 0.0,
        external_key=external,
        created_by=traced,
    )
    words = [
        "conditional" if conditional else "unconditional",
        *(["unique key"] if unique else []),
        *(["idempotency"] if key else []),
        *(["traced"] if traced else []),
    ]
    return _both(", ".join(words), powers)


POOR = replace(FULL, conditional_write=False, idempotency=0.0, external_key="search", versions="opaque", feed="overlap")
_ODD = (
    _both("created-by only", replace(FULL, external_key="none", idempotency=0.0)),
    _both(
        "created-by only, unconditional", replace(FULL, external_key="none", idempotency=0.0, conditional_write=False)
    ),
    _both("opaque versions", replace(FULL, versions="opaque", created_by=False)),
    _both("opaque versions, unconditional", replace(FULL, versions="opaque", conditional_write=False)),
    _both("overlap feed", replace(FULL, feed="overlap")),
    _both("small batches", replace(FULL, batch_write=2, batch_read=3, page=3), last_first=True),
    _both("one write at a time", replace(FULL, batch_write=1, concurrency=1)),
    _both("no delete feed", replace(FULL, deletes="none", feed="overlap"), full=True),
    _both("last call first", replace(FULL, batch_write=2, concurrency=4), last_first=True),
    CrashProfile("rich left, poor right", Sides(FULL, POOR)),
    CrashProfile("poor left, rich right", Sides(POOR, FULL), last_first=True),
)

PROFILES: Mapping[str, CrashProfile] = {
    profile.name: profile for profile in [*(_combination(*bits) for bits in product([True, False], repeat=4)), *_ODD]
}
"""By name. The first sixteen are conditional writes x unique external key x idempotency key x traces of the creator."""
