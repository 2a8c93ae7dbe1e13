"""The right to run a sync: taken at the start, made to last with every commit that matters, noticed when lost."""

from __future__ import annotations

from collections.abc import Callable

from connector.engine.effects import Effects, commit, now
from connector.engine.work import Work
from connector.errors import TransientError
from connector.ports import Tx

LEASE = 900.0


def take_lease(work: Work, at: float) -> Effects[None]:
    """Take the lease, or make it last longer. Who lost it meanwhile stops: two writers would undo each other's work."""
    epoch = yield from commit(lambda tx: tx.take_lease(work.spec.kind, work.owner, at, LEASE))
    _check(work, epoch, at)


def fence(tx: Tx, work: Work, at: float) -> None:
    """Inside a commit: make the lease last longer, or let nothing of the commit happen when it was lost."""
    _check(work, tx.take_lease(work.spec.kind, work.owner, at, LEASE), at)


def fenced(work: Work, body: Callable[[Tx], object]) -> Effects[None]:
    """A commit of the one run that may. Raises TransientError, and nothing of it happens, when the lease was lost."""
    at = yield from now()

    def both(tx: Tx) -> None:
        fence(tx, work, at)
        body(tx)

    yield from commit(both)


def _check(work: Work, epoch: int | None, at: float) -> None:
    if epoch is None or work.epoch not in (0, epoch):
        raise TransientError(f"{work.spec.name}: another run is going on. Wait for it, or look at `connector status`.")
    work.epoch, work.leased = epoch, at


def keep_lease(work: Work) -> Effects[None]:
    """Make the lease last longer when a third of it is over: what is sent now is answered before it ends.

    A dry run has none.
    """
    if work.dry:
        return
    at = yield from now()
    if at - work.leased > LEASE / 3:
        yield from take_lease(work, at)
