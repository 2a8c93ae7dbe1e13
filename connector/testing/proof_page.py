"""Writes the page of a proof from its figures."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from connector.testing.crash_matrix import ALL, Depth
from connector.testing.proof_limits import GENERAL, limits, met, powers
from connector.testing.proof_sums import KINDS, OTHER, Proof, by_people, by_syncs, counted, operations_of
from connector.testing.proof_units import Days
from connector.testing.simulator.profiles import POLICIES, PROFILES

BEGIN, END = "<!-- figures of the last proof -->", "<!-- end of the figures -->"
RULES = "protocol.md#5-invariants"
FAULTS: Mapping[str, str] = {
    "busy": "429 with a time to come back; the store locked by another",
    "down": "503 on a read or write; a commit refused",
    "denied": "403 on one call",
    "outage": "401 on everything for a while; counted once each",
    "cut": "a page shorter than asked for, and more to come",
    "broken": "a listing fails on its second page or a later one",
    "empty": "an empty page that says there is more",
    "omit": "a listing leaves records out that are there",
    "hidden": "a record nobody finds for a while",
    "stale": "a read by key shows an older version",
    "lost-before": "connection lost before the write was done",
    "lost-after": "connection lost after the write or the commit was done",
    "late": "timeout, and the write is done some time later",
    "bare": "a write answered without the record",
    "short": "one outcome too few: part of a batch, or a single write without any",
    "some-busy": "part of a batch refused for now",
    "some-lost": "part of a batch of unknown outcome",
    "some-refused": "part of a batch refused for good",
    "some-stale": "part of a batch refused as out of date",
    "all-busy": "a single write, or every one of a batch, refused for now",
    "all-lost": "a single write, or every one of a batch, of unknown outcome",
    "all-refused": "a single write, or every one of a batch, refused for good",
    "all-stale": "a single write, or every one of a batch, refused as out of date",
    "poison": "a record refused until it is changed",
    "workflow": "a workflow changes a record after our write",
}
WEBHOOKS: Mapping[str, str] = {
    "prompt": "delivered at once",
    "twice": "delivered twice",
    "late": "delivered late and in reverse",
    "none": "never delivered",
}


DOOR = (
    "No webhook goes over a wire here: the simulator puts a row into the store, as something that received one would. "
    "The program has no receiver yet; an adapter's own check of a webhook (its signature, the keys it names) has its "
    "tests in the suite for adapters, and what carries one from there to the store is not built."
)
"""What the webhooks of the simulator are, and are not."""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """When, what and where. date: YYYY-MM-DD; version: of the program, and the commit; machine: cores and Python."""

    date: str
    version: str
    machine: str
    workers: int
    command: str = "make prove"


def page(proof: Proof, made: Circumstances) -> str:
    """The whole page, in Markdown."""
    parts = [
        _head(proof, made),
        _section("Findings", _findings(proof)),
        _section("The simulator", _simulator(proof)),
        _section("Faults injected", _faults(proof)),
        _section("Per capability profile", _profiles(proof)),
        _section("Let pass, and why", _let_pass(proof)),
        _section("The crash matrix", _matrix(proof)),
        _section("Real processes, killed", _kills(proof)),
        _section("Does the proof see anything?", _mutants(proof)),
        _section("What the proof does not show", _not_shown(proof)),
        _section("Found on the way", "What all this found and what was mended since is told in [found](found.md)."),
    ]
    return "\n\n".join(parts) + "\n"


def figures(proof: Proof) -> str:
    """The figures in one sentence, as the README shows them."""
    tally = proof.total
    found = sum(proof.findings.values())
    return (
        f"{proof.operations:,} operations ({by_people(tally):,} by people, {by_syncs(tally):,} records written by "
        f"syncs), {tally.counts.get('crashes', 0):,} crashes, {sum(counted(tally, 'fault ').values()):,} faults, "
        f"{_many(len(proof.profiles), 'capability profile')}{_gone_through(proof)}: {_many(found, 'finding')}."
        f"{_part(proof)}"
    )


def _gone_through(proof: Proof) -> str:
    matrix, kills = proof.matrix, proof.kills.kills
    points = f", {matrix.points:,} crash points and {matrix.pairs:,} pairs of them" if matrix.cells else ""
    return f"{points}, {_many(kills, 'process', 'processes')} killed" if kills else points


def _part(proof: Proof) -> str:
    """What a proof that is not whole says with its figures, wherever they are shown."""
    lacks = proof.lacks
    return f" **Only a part of a proof.** {' '.join(lacks)}" if lacks else ""


def _many(number: int, one: str, more: str = "") -> str:
    return f"{number:,} {one if number == 1 else more or f'{one}s'}"


def with_figures(text: str, proof: Proof) -> str:
    """A document with the figures put between its marks; unchanged where it has none."""
    marked = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
    return marked.sub(lambda _: f"{BEGIN}\n{figures(proof)}\n{END}", text)


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table in Markdown; numbers get their commas."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for row in rows:
        cells = (f"{cell:,}" if isinstance(cell, int) else str(cell).replace("|", "\\|") for cell in row)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _section(title: str, text: str) -> str:
    return f"## {title}\n\n{text}"


def _head(proof: Proof, made: Circumstances) -> str:
    minutes = _many(round(proof.seconds / 60), "minute")
    lines = [
        "# The proof",
        "Written by `make prove`. It lets people edit both systems while everything goes wrong that can, and looks "
        "whether anything was lost, doubled or silently overwritten. Every seed, every cell of the crash matrix and "
        "every day of kills can be played again; the commands below ask for the project's environment "
        "(`. .venv/bin/activate`).",
        f"{BEGIN}\n{figures(proof)}\n{END}",
        table(
            ("", ""),
            [
                ("date", made.date),
                ("version", made.version),
                ("machine", made.machine),
                ("time", f"{minutes} of work, shared by {_many(made.workers, 'process', 'processes')}"),
                ("made by", f"`{made.command}`"),
            ],
        ),
    ]
    return "\n\n".join(lines)


def _findings(proof: Proof) -> str:
    rows = []
    for kind, count in proof.findings.items():
        rules = KINDS.get(kind, ())
        rows.append((kind, ", ".join(rules) if kind != OTHER else "any other", count))
    text = table(("kind", "rules", "findings"), rows)
    text += f"\n\nThe rules are the invariants of [the sync protocol]({RULES}), which names a test of each."
    if not proof.failures:
        return f"{text}\n\nNo seed, no crash point and no day failed of those that were tried."
    again = defaultdict(list)
    for failure in proof.failures:
        again[failure.command].append(f"{failure.rule}: {failure.what}")
    lines = [f"* `{command}`<br>{'<br>'.join(map(_plain, what))}" for command, what in sorted(again.items())]
    return "\n".join([f"{text}\n\nEach of these shows one again:\n", *lines])


def _plain(text: str) -> str:
    return text.replace("<", "&lt;").replace("\n", " ")


def _simulator(proof: Proof) -> str:
    tally = proof.total
    count = tally.counts.get
    left = count("conflicts left", 0) + count("dead letters left", 0)
    rows = [
        ("operations by people", by_people(tally), "edits, new records, deletes, restores, merges, lines, decisions"),
        ("operations by syncs", by_syncs(tally), "records that a run created, changed or removed in a system"),
        ("seeds with findings", tally.failed, ""),
        ("runs", count("runs", 0), "of one sync; not counted as operations"),
        ("dry runs", count("plans", 0), ""),
        ("effects", count("effects", 0), "calls of a system, commits, the clock; not counted as operations"),
        ("crashes", count("crashes", 0), "each before or after one effect, and a restart with nothing in memory"),
        ("older copies of the store", count("did restore-store", 0), "put back while both systems went on"),
        ("held for a person at the end", left, "conflicts and dead letters: listed, with both values or the error"),
    ]
    done = ", ".join(f"{what} {number:,}" for what, number in counted(tally, "did ").items() if what != "restore-store")
    text = (
        f"{_seeds(proof)} Each seed is a script of its own in one of {len(PROFILES)} profiles of what the systems can "
        f"do and one of {len(POLICIES)} sets of settings, in turn. After it no faults and no edits: everything runs "
        "until nothing happens, and the judge looks at every record and every row.\n\n"
        "*Operations* are what people did and what syncs wrote in a system, nothing else; a line of a script that "
        "found nothing to act on is not counted. One seed, as it was played here, with everything that happens:\n\n"
        "    python -m connector.testing.simulator --spread --seed 5 --log\n\n"
        "With `--shrink` instead of `--log` a seed that finds something is cut down to the few lines that matter."
    )
    return f"{text}\n\n{table(('', 'number', 'what is counted'), rows)}\n\nBy people: {done}."


def _seeds(proof: Proof) -> str:
    """Which seeds were played."""
    spans: list[list[int]] = []
    for first, last in sorted(proof.seeds):
        if spans and spans[-1][1] == first:
            spans[-1][1] = last
        else:
            spans.append([first, last])
    if not spans:
        return "No seed was played."
    shown = ", ".join(f"{first} to {last - 1}" for first, last in spans)
    return f"{proof.total.seeds:,} seeds: {shown}."


def _faults(proof: Proof) -> str:
    hits: dict[str, dict[str, int]] = defaultdict(dict)
    for name, count in counted(proof.total, "fault ").items():
        system, _, kind = name.partition(" ")
        hits[kind][system] = count
    places = ("crm", "erp", "store")
    rows: list[Sequence[object]] = [
        (kind, FAULTS.get(kind, ""), *(row.get(place, 0) for place in places)) for kind, row in sorted(hits.items())
    ]
    rows.append(("all", "", *(sum(row.get(place, 0) for row in hits.values()) for place in places)))
    text = table(("fault", "what happens", "CRM", "ERP", "store"), rows)
    text += "\n\nA fault is counted when it changed an answer."
    told = [(mode, WEBHOOKS.get(mode, ""), number) for mode, number in counted(proof.total, "webhook ").items()]
    return f"{text}\n\n{DOOR}\n\n{table(('webhooks', 'what happens', 'number'), told)}" if told else text


def _let_pass(proof: Proof) -> str:
    """What the judge let pass that would be a finding without its reason, by the reason."""
    counts = counted(proof.total, "excuse ")
    if not counts:
        return "Nothing was counted."
    text = "What would be a finding if it had not this reason. A *limit* further up is counted there, not here."
    return f"{text}\n\n{table(('reason', 'times'), counts.items())}"


def _profiles(proof: Proof) -> str:
    head = ("profile", "conditional writes", "unique key", "idempotency", "marker", "created-by", "also")
    rows = [
        (
            f"`{name}`",
            *powers(profile),
            operations_of(tally),
            tally.counts.get("crashes", 0),
            len(tally.failures),
            met(tally),
        )
        for name, profile in PROFILES.items()
        if (tally := proof.profiles.get(name)) is not None
    ]
    text = table((*head, "operations", "crashes", "findings", "limits met"), rows)
    note = (
        "`CRM` or `ERP`: only that side has it. A marker is an external key that can be searched. A limit met is no "
        "finding: the protocol says it can happen with what the systems of that profile can do; see below."
    )
    return f"{note}\n\n{text}"


def _matrix(proof: Proof) -> str:
    matrix, depth = proof.matrix, proof.wanted.depth
    if not matrix.cells:
        return "Not run."
    every, faulty, pairs = (_every(number) for number in (depth.kills, depth.faults, depth.pairs))
    rows = [
        ("scenarios under profiles", matrix.cells),
        ("steps of a day without a crash", matrix.steps),
        ("crash points", matrix.points),
        ("pairs: killed again while recovering", matrix.pairs),
        ("ends compared with the undisturbed one", matrix.worlds),
    ]
    text = (
        f"A day of work is killed at {every} step, a step being a call of a system or a commit; {faulty} step fails, "
        f"and loses its answer, in turn; {pairs} pair of kills is tried. Each end must be the undisturbed one: "
        "the same records, links, conflicts, nothing twice, nothing lost, and the next day's edits must arrive.\n\n"
        f"    python -m connector.testing.crash{_options(depth)}"
    )
    each = [
        (name, *(count[part] for part in ("cells", "points", "pairs", "differ")))
        for name, count in sorted(matrix.profiles.items())
    ]
    head = ("both systems can", "scenarios", "crash points", "pairs", "ends that differ")
    return f"{text}\n\n{table(('', 'number'), rows)}\n\n{table(head, each)}"


def _every(number: int) -> str:
    """`every` for 1, `every 7th`, `no` for 0."""
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10 if number % 100 not in (11, 12, 13) else 0, "th")
    return "no" if not number else "every" if number == 1 else f"every {number}{ending}"


def _options(depth: Depth) -> str:
    """What the command of the crash matrix is told to go as deep."""
    pairs = f" --pairs {depth.pairs}" if depth.pairs != ALL.pairs else ""
    return f"{' --all' if depth.kills == ALL.kills else ''}{pairs}"


def _kills(proof: Proof) -> str:
    kills = proof.kills
    if not kills.days:
        return "Not run."
    rows = [
        ("days", kills.days),
        ("processes of the program killed", kills.kills),
        ("systems killed", kills.servers),
        ("runs", kills.runs),
    ]
    text = (
        "The command line runs against the built-in CRM and ERP, each a process of its own, and is ended with SIGKILL "
        "in the middle; then the ordinary command runs again. Each evening both systems must show what an undisturbed "
        "pair of them shows. The kills are divided among sites of their own, each with a seed (`--seed`); a site that "
        "lasts longer than 25 days meets the guard for deletes.\n\n"
        f"    {Days(1).command}"
    )
    return f"{text}\n\n{table(('', 'number'), rows)}"


def _mutants(proof: Proof) -> str:
    text = "`make mutants` puts known bugs into the program, one by one, and looks whether a test fails"
    mutants = proof.mutants
    if mutants is None:
        return f"{text}. Not run."
    names = f" Not caught: {', '.join(mutants.survived)}." if mutants.survived else ""
    return f"{text}: {mutants.caught} of {mutants.all} were caught.{names}"


def _not_shown(proof: Proof) -> str:
    lines = [f"* {sentence}" for sentence in (*limits(proof.profiles), *GENERAL)]
    return "\n".join(lines)
