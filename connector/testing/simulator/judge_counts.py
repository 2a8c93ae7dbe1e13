"""Whether a run reports what it did: its counts balance, and are those of the writes that were seen."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from connector.model.plan import Report
from connector.model.records import Key
from connector.model.values import Side
from connector.testing.simulator.judge_findings import Verdicts
from connector.testing.simulator.judge_things import Change
from connector.testing.simulator.judge_writes import WriteRules
from connector.testing.simulator.ledger import Ledger

RESULTS = ("created", "updated", "unchanged", "skipped", "held", "failed")


class CountRules:
    """Judges the counts of a run. runs: process -> the first run of the ledger that is its present one.

    answered: (process, entity) -> the tokens that an answer of this run said were done, and of which record.
    opened: process -> the tokens of writes that were noted and had no known outcome when its present run began.
    """

    def __init__(self, ledger: Ledger, verdicts: Verdicts, writes: WriteRules) -> None:
        self.ledger = ledger
        self.verdicts = verdicts
        self.writes = writes
        self.runs: Counter[str] = Counter()
        self.answered: defaultdict[tuple[str, str], dict[str, tuple[Side, Key | None]]] = defaultdict(dict)
        self.opened: dict[str, frozenset[str]] = {}

    def run_begins(self) -> None:
        """What is open now this run recovers: so does another that begins before this one is over, and ends first."""
        self.opened[self.ledger.process] = self._open()

    def _open(self) -> frozenset[str]:
        return self.ledger.were_open.intersection(self.writes.noted)

    def balanced(self, report: Report) -> None:
        total = sum(report.counts[name] for name in RESULTS)
        if report.counts["read"] != total:
            self.verdicts.find("counts", f"{report.sync}: {report.counts['read']} read, {total} results")

    def did_what_it_says(self, report: Report, this_run: Sequence[Change]) -> None:
        """A run that reports no trouble made as many records as it says, and says what it left."""
        entity = next(name for name, spec in self.ledger.specs.items() if spec.name == report.sync)
        if report.status == "done":
            self.writes.all_done(entity)
        changes = [change for change in this_run if change.held.entity == entity]
        settled = report.counts.get("recovered", 0)
        for kind, op, name in (("create", "create", "created"), ("remove", "delete", "deleted")):
            done = [change for change in changes if change.touch.kind == kind]
            # What an earlier run had noted and not sent is sent by this one, and reported as recovered.
            least = {str(change.touch.token) for change in done if self._done_now(change)}
            # Sent again after a refusal, or since an older store forgot it, it has the key it had (0012).
            most = {str(change.touch.token) for change in done if self.sent_now(change, again=True)}
            most |= {
                token for token in self.answered[self.ledger.process, entity] if self.ledger.latest[token].op == op
            }
            said = report.counts.get(name, 0)
            if report.status == "done" and not len(least) - settled <= said <= len(most):
                self.verdicts.find("counts", f"{report.sync}: {name} {len(least)} to {len(most)}, reports {said}")
        written = {id(change.thing) for change in changes if change.touch.kind == "edit" and self.sent_now(change)}
        made = {id(change.thing) for change in changes if change.touch.kind == "create" and self._done_now(change)}
        made |= self._answered_as_made(entity)
        said = report.counts["updated"] + settled
        if report.status == "done" and len(written - made) > said:
            self.verdicts.find("counts", f"{report.sync}: {len(written - made)} updated, reports {said}")
        if report.status == "done" and (report.counts["held"] or report.counts["failed"] or report.trouble):
            self.verdicts.find("counts", f"{report.sync}: done, with {report.counts} and {report.trouble}")

    def sent_now(self, change: Change, *, again: bool = False) -> bool:
        """Whether the run that is going on sent it, for the first time or `again`."""
        call = (self.ledger.latest if again else self.ledger.calls).get(str(change.touch.token))
        return call is not None and call.run >= self.runs[self.ledger.process] and call.process == self.ledger.process

    def _done_now(self, change: Change) -> bool:
        """Whether this run reports it as its own: a create, with whatever it wrote to the record after that.

        What was refused is sent again with the key it had (0012); what was open is reported as recovered, by whichever
        run learned what became of it.
        """
        open_ = str(change.touch.token) in self.opened.get(self.ledger.process, self._open())
        return self.sent_now(change) or (self.sent_now(change, again=True) and not open_)

    def _answered_as_made(self, entity: str) -> set[int]:
        """Things of which a create was answered with a record that was there: what is written after that belongs to it.

        A store that was put back knows nothing of the record; its key, or the create's, leads to it all the same.
        """
        open_ = self.opened.get(self.ledger.process, self._open())
        found = [
            self.ledger.records.get((side, entity, str(key)))
            for token, (side, key) in self.answered[self.ledger.process, entity].items()
            if self.ledger.latest[token].op == "create" and token not in open_
        ]
        return {id(self.ledger.things[entity, held.identity]) for held in found if held is not None}

    def run_ended(self) -> None:
        """The run that is going on is over: what comes now is of the next."""
        self.runs[self.ledger.process] = self.ledger.run
        self.opened.pop(self.ledger.process, None)
        for entity in self.ledger.specs:
            self.answered[self.ledger.process, entity].clear()
