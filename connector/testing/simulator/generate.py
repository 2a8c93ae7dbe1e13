"""Scripts by seed: what people do and what goes wrong, drawn before anything happens, so that any part of it can go."""

from __future__ import annotations

from random import Random

from connector.engine.lease import LEASE
from connector.merge.guards import Limits
from connector.merge.rules import Flow
from connector.testing.simulator.driver import STORE_TRICKS
from connector.testing.simulator.people import AMOUNTS, FIELDS
from connector.testing.simulator.profiles import Policy, Profile, may_be_very_late
from connector.testing.simulator.runs import SYNCS
from connector.testing.simulator.systems import TRICKS

OPERATIONS = 72
WAITS = (1, 5, 30, 120, 400, 950, 4000)
NUMBERED = {"late": (5, 800), "omit": (1, 3), "cut": (1, 2), "broken": (1, 3), "stale": (1, 3)}
PARTS = (0b001, 0b001, 0b001, 0b010, 0b011)
"""Which of the first three writes of a batch fail: some do, some do not; of a single one most often it."""
CHOICES = {"currency": ("EUR", "USD", "JPY"), "status": ("active", "inactive", "inactive", "lead")}
"""Fields of which only some values make sense; `lead` has no counterpart on the other side."""
EDITED = {
    entity: sorted(set(names) - ({"name", "tax_id"} if entity == "account" else set()))
    for entity, names in FIELDS.items()
}
"""What seeds edit. A name and a match value are edited by scripts only."""
VERBS = {
    "edit": 30,
    "add": 8,
    "both": 8,
    "line": 8,
    "addline": 3,
    "dropline": 2,
    "turnlines": 1,
    "remove": 3,
    "restore": 2,
    "merge": 2,
    "decide": 4,
    "same": 3,
    "twin": 0,
}


class Author:
    """Writes one script. `count` makes every typed value and every label one of a kind."""

    def __init__(self, profile: Profile, policy: Policy, seed: int) -> None:
        self.profile = profile
        self.policy = policy
        self.chance = Random(f"{profile.name}/{policy.name}/{seed}")
        self.count = 0
        self.operations = 0
        self._tight = policy.limits != Limits()
        self.labels: list[str] = []
        self.homes: dict[str, str] = {}
        self.lines: list[str] = []
        self.hides = 1

    def write(self) -> list[str]:
        """The whole script."""
        self._opening()
        while self.operations < OPERATIONS:
            self._setting()
            burst = self._burst() if self.chance.random() < 0.25 else ""
            for _ in range(self.chance.choice((1, 1, 2, 3, 5, 8)) if not burst else 1):
                self.lines.append(self.act())
            for _ in range(self.chance.choice((0, 0, 1, 1, 2))):
                self.lines.append(self.fault())
            self._runs(burst)
            self.lines.append(f"wait {self.chance.choice(WAITS)}")
        return self.lines

    def _opening(self) -> None:
        for _ in range(self.chance.choice((2, 3, 4, 4, 6, 9))):
            self.lines.append(self._add("account"))
        self.lines.append(self._add("product"))
        if self.chance.random() < 0.7:
            self.lines += ["sync account", "sync product"]
        self.lines.append(self._add("order"))

    def _burst(self) -> str:
        """Several records of one kind at once, so that a batch has several writes, and often a fault for part of it."""
        chance, side = self.chance, self._side()
        entity, number = chance.choice(("account", "account", "product", "order")), chance.randrange(3, 9)
        adds, first = chance.random() < 0.4, self._place()
        self.operations += number
        if self._tight and chance.random() < 0.3:
            self.lines += [f"remove {side} {entity} {first}"] * min(number, 4)
            return entity
        for place in range(first, first + number):
            name = chance.choice([name for name in EDITED[entity] if name not in ("account", "parent")])
            edit = f"edit {side} {entity} {place} {self._typed(entity, name)}"
            self.lines.append(self._add(entity, side) if adds else edit)
        if chance.random() < 0.6:
            other = "erp" if side == "crm" else "crm"
            kind = chance.choice([name for name in sorted(TRICKS) if name.startswith("some-")] + ["short"])
            self.lines.append(f"fault {other} write {kind} number={self._part()}")
        return entity

    def _part(self) -> int:
        """Bits of the writes of a batch that fail."""
        return self.chance.choice(PARTS) + 8 * self.chance.randrange(32)

    def _side(self) -> str:
        return self.chance.choice(("crm", "erp"))

    def _fresh(self, prefix: str = "v") -> str:
        self.count += 1
        return f"{prefix}{self.count}"

    def _place(self) -> int:
        return self.chance.randrange(12)

    # ------------------------------------------------------------------------------------------------ people

    def act(self) -> str:
        """One thing a person does."""
        self.operations += 1
        verb = self.chance.choices(list(VERBS), list(VERBS.values()))[0]
        side, place = self._side(), self._place()
        match verb:
            case "add":
                return self._add(self.chance.choice(("account", "account", "product", "order", "order")))
            case "both":
                entity = self.chance.choice(("account", "account", "order"))
                typed = self._typed(entity, self.chance.choice(EDITED[entity]))
                other = self._typed(entity, typed.split("=")[0].removesuffix("+"))
                self.lines.append(f"edit crm {entity} {place} {typed}")
                self.operations += 1
                return f"edit erp {entity} {place} {other}"
            case "same" if self.labels:
                # The same company, added in the other system, too: linked there already, on its way, or not yet.
                label = self.chance.choice(self.labels)
                self.homes.pop(label, None)
                return f"add {side} account {label} phone={self._fresh()}"
            case "twin" if self.homes:
                # Another record of one system with the same match values: nobody can tell which of them is meant. In
                # one system only: what a person typed in the other could rightly be linked with either.
                label = sorted(self.homes)[place % len(self.homes)]
                home = self.homes.pop(label)
                self.labels.remove(label)
                return f"add {home} account {self._fresh('N')} tax_id=T-{label} phone={self._fresh()}"
            case "line":
                typed = self.chance.choice(("quantity", "price", "both", "product"))
                return f"line {side} order {place} {self._place()} {self._line_values(typed)}"
            case "addline":
                return f"addline {side} order {place} {self._line()}"
            case "dropline":
                return f"dropline {side} order {place} {self._place()}"
            case "turnlines":
                return f"turnlines {side} order {place}"
            case "remove" | "restore":
                entity = self.chance.choice(("account", "account", "order", "product"))
                return f"{verb} {side} {entity} {place}"
            case "merge":
                return f"merge {side} account {place} into {self._place()}"
            case "decide":
                return f"decide {self._place()} {self.chance.choice(('left', 'right'))}"
            case _:
                return self._edit(side)

    def _edit(self, side: str) -> str:
        entity = self.chance.choice(("account", "account", "account", "order", "product"))
        names = self.chance.sample(EDITED[entity], self.chance.choice((1, 1, 2)))
        return f"edit {side} {entity} {self._place()} {' '.join(self._typed(entity, name) for name in names)}"

    def _typed(self, entity: str, name: str) -> str:
        if name in ("parent", "account"):
            clear = name == "parent" and self.chance.random() < 0.2
            return f"{name}={'none' if clear else self._place()}"
        if name in CHOICES:
            return f"{name}={self.chance.choice(CHOICES[name])}"
        plus = "+" if name in self.policy.functions and self.chance.random() < 0.7 else ""
        if name in AMOUNTS:
            return f"{name}{plus}={self._amount()}"
        return f"{name}{plus}={self._fresh()}" + (
            "_" if self.profile.rounds and name != "name" and self.chance.random() < 0.3 else ""
        )

    def _amount(self) -> str:
        """One of a kind; now and then with more digits than its currency has."""
        self.count += 1
        digits = self.chance.choice((2, 2, 2, 2, 2, 2, 2, 3, 4))
        return f"{self.count}.{self.chance.randrange(10**digits):0{digits}d}"

    def _line_values(self, typed: str) -> str:
        if typed == "product":
            return f"product={self._place()}"
        names = ("quantity", "price") if typed == "both" else (typed,)
        return " ".join(f"{name}={self._amount()}" for name in names)

    def _line(self) -> str:
        product = f":{self._place()}" if self.chance.random() < 0.6 else ""
        return f"{self._fresh('L')}:{self._amount()}:{self._amount()}{product}"

    def _add(self, entity: str, side: str = "") -> str:
        if not side:
            side = "erp" if self.policy.flow is not Flow.BOTH and self.chance.random() < 0.8 else self._side()
        label = self._fresh({"account": "N", "product": "P", "order": "O"}[entity])
        if entity == "account":
            self.labels.append(label)
            self.homes[label] = side
            parent = f" parent={self._place()}" if self.chance.random() < 0.3 else ""
            return f"add {side} account {label} phone={self._fresh()} email={self._fresh()}{parent}"
        if entity == "product":
            return f"add {side} product {label} name={self._fresh()} price={self._amount()}"
        lines = " ".join(f"line={self._line()}" for _ in range(self.chance.randrange(4)))
        return f"add {side} order {label} account={self._place()} {lines}".rstrip()

    # ------------------------------------------------------------------------------------------------ faults

    def fault(self) -> str:
        """One thing that goes wrong."""
        chance, side = self.chance, self._side()
        other = chance.random()
        if other < 0.06:
            return f"outage {side}"
        if other < 0.12 and self.labels:
            return f"poison {side} {chance.choice(self.labels)}"
        if other < 0.15 and self.hides:
            self.hides -= 1
            return f"hide {side} {chance.choice(('account', 'order'))} {self._place()} {chance.randrange(1, 600)}"
        if other < 0.19:
            kind, times = chance.choice(sorted(STORE_TRICKS)), chance.choice((1, 1, 3))
            return f"fault store commit {kind} skip={chance.randrange(12)} times={times}"
        if other < 0.45 and self.profile.workflows:
            return f"meddle {side} account {chance.choice((0, 1, 60, 300))} phone={self._fresh('w')}"
        kind = chance.choice(sorted(set(TRICKS) - (set() if self.profile.stale else {"stale"})))
        low, high = NUMBERED.get(kind, (1, 255))
        if kind == "late" and self.profile.very_late and chance.random() < 0.5:
            low, high = 900, 5000
        number = self._part() if kind.startswith("some-") else chance.randint(low, high)
        values = f"skip={chance.choice((0, 0, 1, 2))} times={chance.choice((1, 1, 2))} number={number}"
        return f"fault {side} {chance.choice(TRICKS[kind])} {kind} {values}"

    def _setting(self) -> None:
        """What changes for good, or until it changes again."""
        chance = self.chance
        if chance.random() < 0.15:
            self.lines.append(f"webhooks {self._side()} {chance.choice(('prompt', 'twice', 'late', 'none'))}")
        if chance.random() < 0.3:
            self.lines += ["back crm", "back erp"]
        if chance.random() < 0.2:
            self.lines += ["accept crm", "accept erp"]
        if chance.random() < 0.05:
            self.lines.append("retry")
        if chance.random() < 0.04:
            self.lines.append(f"remap account {chance.choice(('notes', 'phone', 'billing_address'))}")
        if self.profile.restores and chance.random() < 0.12:
            self.lines.append(chance.choice(("backup", "backup", f"restore-store {chance.randrange(3)}")))

    # -------------------------------------------------------------------------------------------------- runs

    def _runs(self, wanted: str = "") -> None:
        chance = self.chance
        first = wanted or chance.choice(SYNCS[:1] * 3 + SYNCS)
        chosen = list(SYNCS) if chance.random() < 0.3 else [first]
        if chance.random() < 0.05:
            self.lines.append(f"plan {first} full")
        for entity in chosen:
            self.lines.append(self._run(entity))
            if self._tight and chance.random() < 0.5:
                self._asked(entity)
            if " crash=" in self.lines[-1] and chance.random() < 0.6:
                self.lines.append(f"wait {chance.choice(WAITS)}")
                again = f" crash={chance.randrange(1, 12)} {chance.choice(('before', 'after'))}"
                self.lines.append(f"sync {entity}{again if chance.random() < 0.4 else ''}")

    def _asked(self, entity: str) -> None:
        """Where a guard stopped the run, a person lets it through, or takes the deletes back."""
        if self.chance.random() < 0.6:
            self.lines.append(f"sync {entity} allow")
        else:
            self.lines += [f"restore {side} {entity} 0" for side in ("crm", "erp") for _ in range(3)]

    def _run(self, entity: str) -> str:
        chance = self.chance
        words = [f"sync {entity}"]
        if chance.random() < 0.15:
            words.append("full")
        if chance.random() < 0.3:
            words.append("backwards")
        if chance.random() < 0.4:
            words.append(f"crash={self._step()} {chance.choice(('before', 'after'))}")
            if chance.random() < 0.15:
                words.append("held")
        for _ in range(chance.choice((0, 0, 0, 1, 1, 2))):
            words.append(f"; {1 + self._step()} {self.act()}")
        if chance.random() < 0.1:
            step = chance.randrange(2, 20)
            crash = f" crash={self._step()} {chance.choice(('before', 'after'))}" if chance.random() < 0.2 else ""
            words += [f"; {step} wait {chance.choice(self._sleeps())}", f"; {step} sync {entity}{crash}"]
        return " ".join(words)

    def _step(self) -> int:
        """One of the effects of a run; most runs have no more than twenty."""
        return self.chance.choice(
            (self.chance.randrange(1, 22), self.chance.randrange(1, 22), self.chance.randrange(15, 50))
        )

    def _sleeps(self) -> tuple[int, ...]:
        """How long a process may be stopped in the middle of its run while another one starts.

        Waking up after `settle` is the same as a request that arrives later than that: only where one may. A lease ends
        after 900 seconds: whoever starts then takes over.
        """
        if self.profile.settle > LEASE:
            return (1, 901, 1000, 2500)
        return (1, 901, 1000) if all(may_be_very_late(powers) for powers in self.profile.powers) else (1, 899)


def script(profile: Profile, policy: Policy, seed: int) -> list[str]:
    """The script of a seed: the same lines in every process."""
    return Author(profile, policy, seed).write()
