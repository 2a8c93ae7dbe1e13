"""One transaction of a store in memory: every promise of `ports.Tx`, in plain dictionaries."""

from __future__ import annotations

from connector.testing.store_links import Links
from connector.testing.store_people import Matching, People
from connector.testing.store_work import Work


class MemoryTx(Links, Work, People, Matching):
    """See `ports.Tx`. Rows given and rows handed out are the caller's: changing one changes nothing in the store."""

    __slots__ = ()
