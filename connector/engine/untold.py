"""A record that is gone, and nothing told of its delete: that is none, and what `deletes:` says is not done."""

from __future__ import annotations

from connector.engine.item import Item
from connector.engine.spec import SyncSpec
from connector.model.values import Side

UNTOLD = "gone, and the system tells of no delete"


def is_untold(spec: SyncSpec, item: Item, side: Side) -> bool:
    """Whether a record is not found in a system that tells its deletes, and told of none.

    It may never have kept what it said it made, or have been put back to an older state.
    """
    told = spec.systems[side].capabilities.deletes == "feed"
    return told and item.records[side] is None and not spec.entity.projects


def delete_policy(spec: SyncSpec, item: Item, target: Side) -> str:
    """What becomes of this record, whose partner ended: ignore, archive, propagate or ask."""
    if spec.entity.projects:
        return "ignore"
    return "ask" if is_untold(spec, item, target.other) else spec.deletes


def chosen_policy(spec: SyncSpec) -> str:
    """What a person who takes the side that is gone has chosen: what is done with a delete that was told."""
    return "propagate" if spec.deletes == "ask" else spec.deletes
