"""Runs, raw webhooks, and the lease that makes one process the writer."""

from __future__ import annotations

from typing import Any

from sqlalchemy import bindparam, case, null, or_, select, update

from connector.model.rows import RunRow
from connector.state.session import Session, storable
from connector.state.sql import Make, Statement, constant, limited
from connector.state.tables import inbox_raw, lease, run

_RUN = [column.name for column in run.c]
_INBOX = ["side", "event", "body", "at"]
_LEASE = ["name", "owner", "epoch", "expires"]


def _take(make: Make) -> Any:
    statement = make.insert(lease, _LEASE)
    new = statement.excluded
    free = or_(lease.c.owner.is_(None), lease.c.owner == new.owner, lease.c.expires <= bindparam("now"))
    epoch = case((lease.c.owner == new.owner, lease.c.epoch), else_=lease.c.epoch + constant(1))
    return statement.on_conflict_do_update(
        index_elements=["name"], set_={"owner": new.owner, "epoch": epoch, "expires": new.expires}, where=free
    ).returning(lease.c.epoch)


def _runs(make: Make, *wheres: Any) -> Any:
    return limited(select(run).where(*wheres).order_by(run.c.started.desc(), run.c.id.desc()))


_PUT_RUN = Statement(_RUN, lambda make: make.put(run, _RUN))
_RUNS = Statement(["limit"], _runs)
_RUNS_OF = Statement(["sync", "limit"], lambda make: _runs(make, run.c.sync == bindparam("sync")))
_ADD_INBOX = Statement(_INBOX, lambda make: make.insert(inbox_raw, _INBOX).on_conflict_do_nothing())
_TAKE = Statement([*_LEASE, "now"], _take)
_FREE = update(lease).values(owner=null(), expires=constant(0)).where(lease.c.name == bindparam("name"))
_DROP = Statement(["name", "holder"], lambda make: _FREE.where(lease.c.owner == bindparam("holder")))
_END = Statement(["name"], lambda make: _FREE)


class Runs(Session):
    """The part of a transaction that knows which runs there were and who may write."""

    def put_run(self, row: RunRow) -> None:
        """Insert or replace by id."""
        values = (row.started, row.ended, row.status, row.counts, storable(row.detail))
        self._run(_PUT_RUN, row.id, row.sync, self._own_kind(row.kind), *values)

    def runs(self, sync: str | None = None, limit: int = 50) -> list[RunRow]:
        """Newest first, of one sync or of all, at most `limit`."""
        rows = self._all(_RUNS, limit) if sync is None else self._all(_RUNS_OF, sync, limit)
        names = self._kind_names({row[2] for row in rows})
        return [RunRow(id_, sync_, names[kind], *rest) for id_, sync_, kind, *rest in rows]

    def add_inbox(self, side: str, event: str, body: bytes, at: float) -> bool:
        """Keep a raw webhook body (sealed); False when this event id is already there."""
        return self._run(_ADD_INBOX, side, event, body, at) == 1

    def take_lease(self, name: str, owner: str, now: float, seconds: float) -> int | None:
        """The lease's epoch if it was free, expired or ours; None while another owner holds it.

        One atomic statement. The epoch grows whenever the owner changes, also after the lease was given back.
        """
        row = self._one(_TAKE, name, owner, 1, now + seconds, now)
        return None if row is None else int(row[0])

    def drop_lease(self, name: str, owner: str) -> None:
        """Give it back; nothing happens when another owner holds it."""
        self._run(_DROP, name, owner)

    def end_lease(self, name: str) -> None:
        """Free it, whoever holds it: for callers who know that the holder has ended."""
        self._run(_END, name)
