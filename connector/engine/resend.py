"""Sends what is open once more: the same bytes, with the key and the condition they had."""

from __future__ import annotations

from collections.abc import Sequence

from connector.engine.effects import Call, Effects, commit, now
from connector.engine.read_back import read_back
from connector.engine.recovered import (
    Found,
    not_shown,
    park,
    settle_intent,
)
from connector.engine.results import mark_sent
from connector.engine.send import outcomes_of
from connector.engine.settle_lines import Trust
from connector.engine.work import Work
from connector.errors import (
    ConnectorError,
    DeniedError,
    NotFoundError,
    RejectedError,
    StaleError,
    TransientError,
    UncertainError,
)
from connector.model.records import Op, Outcome, Write
from connector.model.rows import IntentRow
from connector.model.values import Side
from connector.ports import Capabilities

RESERVE = 3600.0
"""Seconds before its end at which a key is no longer trusted to live."""
REFUSALS = (RejectedError, StaleError, NotFoundError)

Refused = list[tuple[IntentRow, ConnectorError]]


def send_again(work: Work, side: Side, rows: Sequence[IntentRow], found: Found, at: float) -> Effects[Refused]:
    """The same bytes and the same key, batch by batch; the creates that were refused this time.

    Of the first time a refusal says nothing: it may come before the system looks at the key.
    """
    refused: Refused = []
    system = work.spec.systems[side]
    capabilities = system.capabilities
    at = yield from now()
    yield from commit(lambda tx: mark_sent(tx, work, [row.token for row in rows], at), durable=True)
    for start in range(0, len(rows), capabilities.batch_write):
        part = rows[start : start + capabilities.batch_write]
        writes = [_write(work, row) for row in part]
        (answer,) = yield [Call(side, "write", (system.object, writes))]
        at = yield from now()
        outcomes = outcomes_of(work, side, len(part), answer)
        doubtful: list[IntentRow] = []
        answers: dict[str, ConnectorError] = {}
        for row, outcome in zip(part, outcomes, strict=True):
            if row.op == Op.CREATE and isinstance(outcome.error, REFUSALS):
                refused.append((row, outcome.error))
            elif isinstance(outcome.error, StaleError) or (row.op == Op.UPDATE and isinstance(outcome.error, REFUSALS)):
                doubtful.append(row)
                answers[row.token] = outcome.error
            else:
                _take(work, row, outcome, found, at)
        if doubtful:
            known = {row.token for row in doubtful if remembered(capabilities, row, at)}
            yield from read_back(work, side, doubtful, found, at, answers, known)
        if isinstance(answer, DeniedError):
            raise answer
    return refused


def remembered(capabilities: Capabilities, row: IntentRow, at: float) -> bool:
    """Whether the target would have answered as the first time, had it done this before."""
    return at - (row.first_sent or at) < capabilities.idempotency - RESERVE


def _write(work: Work, row: IntentRow) -> Write:
    system = work.spec.systems[row.side]
    body = work.vault.open(row.body, b"intent")
    op = Op(row.op)
    external = None
    if (
        op is Op.CREATE
        and system.capabilities.external_key == "unique"
        and system.mapping.external_key
        and row.external
    ):
        external = (system.mapping.external_key, row.external)
    condition = row.pre_version if system.capabilities.conditional_write and op is not Op.CREATE else None
    return Write(op, row.target, body, condition, row.token, external)


def _take(work: Work, row: IntentRow, outcome: Outcome, found: Found, at: float) -> None:
    error = outcome.error
    if error is None and outcome.record is not None:
        sure = not outcome.existed
        made = work.made_since(outcome.record, row.first_sent)
        trust = Trust.OWN if sure else None if made else Trust.UNSURE
        settle_intent(work, row, outcome.record, found, at, trust)
    elif error is None:
        not_shown(work, row, outcome, found, at)
    elif isinstance(error, (UncertainError, TransientError, DeniedError)):
        work.note_trouble(str(error))
        work.leave(row.link, row.side, row.op)
        if isinstance(error, UncertainError):
            found.unsure[row.token] = at
    else:
        park(work, row, found, at, error.code, str(error))
