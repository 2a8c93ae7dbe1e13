"""What a proof does not show, in plain words: where the protocol itself ends, and what no simulation can say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from connector.engine.lease import LEASE
from connector.model.values import SIDES
from connector.ports import Capabilities
from connector.testing.proof_sums import counted
from connector.testing.proof_units import Tally
from connector.testing.simulator.profiles import PROFILES, Profile


@dataclass(frozen=True, slots=True)
class Limit:
    """One thing that can happen where a system lacks a power. name: in the table; holds: for which profiles."""

    name: str
    what: str
    holds: Callable[[Profile], bool]


def _lacks(power: Callable[[Capabilities], bool]) -> Callable[[Profile], bool]:
    return lambda profile: not all(power(profile.powers[side]) for side in SIDES)


def _may_double(profile: Profile) -> bool:
    return any(profile.may_double(side) for side in SIDES)


def _may_come_twice(profile: Profile) -> bool:
    unique = all(profile.powers[side].external_key == "unique" for side in SIDES)
    return _may_double(profile) or (profile.restores and not unique)


def _twin_when_late(profile: Profile) -> bool:
    """Whether a create is only found out about by looking: what arrives after the look is not seen."""
    return any(
        profile.powers[side].external_key != "unique" and profile.powers[side].idempotency == 0.0 for side in SIDES
    )


def _any(profile: Profile) -> bool:
    return True


LIMITS: Mapping[str, Limit] = {
    "limit I9": Limit(
        "created twice",
        "A create whose answer was lost can come twice where the system has no external key, no idempotency keys and "
        "does not tell who created a record: nothing there tells our record from others. `connector check` says so. "
        "A create that is on its way while the state store is put back to an older copy is not waited for: it can come "
        "twice where there is no unique external key.",
        _may_come_twice,
    ),
    "gap I7": Limit(
        "overwritten in the gap",
        "Without conditional writes a record is read again right before it is written. What a person types between "
        "that look and the write, the time of one call and its wait for a turn, is overwritten. Where versions count "
        "up, the answer tells, and the journal gets a line without the value; where they do not, nothing says so.",
        _lacks(lambda can: can.conditional_write),
    ),
    "gap I17": Limit(
        "deleted in the gap",
        "In the same gap a delete can take an edit with it that nobody has seen.",
        _lacks(lambda can: can.conditional_write),
    ),
    "limit I16": Limit(
        "a record that is gone, told by nobody",
        "Where a system tells no deletes and shows no other record, one that is not found is not taken for deleted: "
        "it is looked at again and again.",
        _lacks(lambda can: can.deletes == "feed"),
    ),
    "limit I17": Limit(
        "deleted under another mapping",
        "A delete is carried out over a change that somebody made while the mapping read the record in another way.",
        _any,
    ),
    "limit I15": Limit(
        "created again after a delete",
        "When the state store is put back to an older copy, or a write's outcome was lost, a record that was made and "
        "deleted by a person in the meantime can be created again: all that was known of it is gone. Brought back by a "
        "person while that create is under way, it is there twice, and a dead letter names it.",
        _any,
    ),
    "limit I7": Limit(
        "an edit that leaves no trace",
        "A person who types what both sides had agreed on last shows no edit; the other side's newer value then wins. "
        "After an older copy of the store is put back, a field emptied since can be filled again, and a line dropped "
        "since can come back. Where two pairs of records were merged crosswise, a field emptied in one of them can be "
        "filled from the other. Where a feed shows changes late, an edit can be agreed on with what the other side "
        "showed before. Of several lines of one label nobody can tell which is which: an edit of one can be "
        "overwritten that the other system shows in another, and where the outcome of a write was lost, two edits can "
        "meet in one line.",
        _any,
    ),
    "limit I42": Limit(
        "merge taken for a delete",
        "Where a system tells neither deletes nor merges, a record merged away looks deleted, and `deletes:` decides.",
        _lacks(lambda can: can.deletes != "none"),
    ),
}
"""By the name they are counted under."""

LATE = (
    "A create that reaches the system later than `settle` (15 minutes by default) becomes a twin where there is "
    "neither a unique external key nor an idempotency key. The simulator lets requests arrive that late only where "
    "that is harmless, in the profile `very-late`."
)

GENERAL = (
    "The systems are models in memory, and the built-in CRM and ERP in the kill runs. What a real system does that "
    "none of them does is not tried here; the suite for adapters asks a real one "
    "([testing an adapter](testing-an-adapter.md)).",
    "A capability that a system declares and does not keep (a version that does not change, a key that is not unique) "
    "takes away what rests on it.",
    "Mappings are those of the test world, and keep the laws that `connector mapping check` asks for. The "
    "simulator and the kill runs know three entities: accounts with parents, products, orders with lines. Contacts, "
    "invoices, payments and balances go through the crash matrix only.",
    "Time is simulated. Load, memory and speed are in [measured](measured.md).",
    "State is kept in memory, and for one seed in a hundred in SQLite; that the stores agree is shown by "
    "[tests of their own](../tests/laws/test_stores_agree.py).",
    "A synced pair that another sync tool writes as well is not tried.",
    "Webhooks are rows in the store, put there by the simulator; nothing in the program receives one yet.",
    "The seeds from 0 on are those the program was mended on. What others still find is told in [known](known.md).",
    "A simulation finds what its judge looks for. `make mutants` asks whether anything sees a bug that is put in, any "
    "test or the judge; it does not say that the judge alone would.",
)


def met(tally: Tally) -> str:
    """The limits these seeds hit, each with its number; `none`."""
    found = []
    for prefix in ("limit ", "gap "):
        for rule, count in counted(tally, prefix).items():
            known = LIMITS.get(prefix + rule)
            found.append(f"{known.name if known is not None else prefix + rule}: {count:,}")
    return "; ".join(found) or "none"


def limits(tallies: Mapping[str, Tally]) -> list[str]:
    """A sentence for each limit that remains, where it does, and how often it was hit."""
    found = []
    for name, limit in LIMITS.items():
        hits = {profile: tally.counts.get(name, 0) for profile, tally in tallies.items()}
        title = limit.name[0].upper() + limit.name[1:]
        found.append(f"**{title}.** {limit.what} {_where(limit, hits)} Hit here: {sum(hits.values()):,}.")
    where = ", ".join(f"`{profile.name}`" for profile in PROFILES.values() if _twin_when_late(profile))
    return [*found, f"**Arrived too late.** {LATE} It remains in: {where}."]


def _where(limit: Limit, hits: Mapping[str, int]) -> str:
    """Which profiles it remains in; one in which it was hit is never left out."""
    names = [name for name, profile in PROFILES.items() if limit.holds(profile) or hits.get(name)]
    if len(names) == len(PROFILES):
        return "It remains in every profile."
    return f"It remains in: {', '.join(f'`{name}`' for name in names)}."


def powers(profile: Profile) -> list[str]:
    """Cells of a table: conditional writes, unique key, idempotency, marker, created-by, and what else is odd."""
    asked: tuple[Callable[[Capabilities], bool], ...] = (
        lambda can: can.conditional_write,
        lambda can: can.external_key == "unique",
        lambda can: can.idempotency > 0.0,
        lambda can: can.external_key != "none",
        lambda can: can.created_by,
    )
    return [*(_sides(profile, power) for power in asked), ", ".join(_odd(profile)) or "-"]


def _sides(profile: Profile, power: Callable[[Capabilities], bool]) -> str:
    left, right = (power(profile.powers[side]) for side in SIDES)
    if left is right:
        return "yes" if left else "no"
    return "CRM" if left else "ERP"


def _odd(profile: Profile) -> list[str]:
    """What sets a profile apart besides the five powers."""
    can = profile.powers.left
    told = {
        "opaque versions": can.versions == "opaque",
        "look-back feed": can.feed == "overlap",
        "changes visible late": max(profile.lag.left, profile.lag.right) > 0,
        "no delete feed": can.deletes == "none",
        "pages of two": can.page == 2,
        "pages of four": can.page == 4,
        "`settle` longer than a lease": profile.settle > LEASE,
        "decimals as numbers": can.decimals == "number",
        "clocks apart": profile.skew.left != profile.skew.right,
        "rewrites what it stores": profile.rounds,
        "workflows": profile.workflows,
        "requests after `settle`": profile.very_late,
    }
    return [words for words, holds in told.items() if holds]
