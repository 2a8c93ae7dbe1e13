"""Mutants of what has ended: records that were merged away, and tombstones."""

from __future__ import annotations

from .mutant import Mutant

OUTCOMES = "connector/engine/outcomes.py"
UNTOLD = "connector/engine/untold.py"

IN_ENDINGS = (
    Mutant(
        "merges not followed on",
        "A key leads nowhere whose survivor was merged on before it was linked.",
        "I42, 2.2 G",
        "connector/engine/survivors.py",
        "            fresh = into - links.keys() - shown.keys()\n",
        "            fresh = set()\n",
        ("tests/unit/engine/test_engine_endings.py merged_on",),
    ),
    Mutant(
        "a survivor not found never comes",
        "A key leads nowhere whose survivor could not be read when its feed told of the merge.",
        "principle 2, I26",
        "connector/engine/survivors.py",
        "        found.absent.update((side, key) for key in lost if key not in over)\n",
        "",
        ("tests/unit/engine/test_engine_survivors.py not_found", "tests/simulator/test_found.py out_of_sight"),
    ),
    Mutant(
        "a survivor that ended is waited for",
        "A merged record looks for ever for a survivor of which is known that it ended.",
        "I15",
        "connector/engine/survivors.py",
        "for key in lost if key not in over)",
        "for key in lost)",
        ("tests/unit/engine/test_engine_survivors.py tombstone",),
    ),
    Mutant(
        "a survivor looked for without end",
        "A merged record looks for its survivor for ever, though that is proven to be gone.",
        "2.1 D",
        "connector/engine/endings.py",
        "elif end in survivors.absent and not drafter.work.is_orphan(side, record.key):",
        "elif end in survivors.absent:",
        ("tests/unit/engine/test_engine_survivors.py not_found",),
    ),
    Mutant(
        "merges of ended links not followed",
        "A record of a link that has ended leads nowhere when the link of its survivor has ended, too.",
        "I42, 2.2 G and Z",
        "connector/engine/endings.py",
        "            survivor = _ended_survivor(thread, side, survivors)\n",
        "            pass\n",
        ("tests/unit/engine/test_engine_merges.py across_ended",),
    ),
    Mutant(
        "an older copy than was shown since",
        "A record is made of an old copy, although the look for a survivor showed that it was merged away.",
        "I28, I42",
        "connector/engine/apply.py",
        "_noted(drafter, put_off(work, plan), survivors)",
        "_noted(drafter, plan, survivors)",
        ("tests/unit/engine/test_engine_merges.py old_copy",),
    ),
    Mutant(
        "tombstone not set",
        "A key that ended is not remembered as ended.",
        "I15, 1 tombstone",
        "connector/engine/results.py",
        "            tx.add_tombstones(kind, side, ended, work.started)\n",
        "            pass\n",
        ("tests/invariants/test_holes.py i15", "tests/invariants/test_i13_to_i16.py i15"),
    ),
    Mutant(
        "a remembered answer is believed",
        "What a create made before the store was put back is taken to be there still.",
        "3.2, I39",
        OUTCOMES,
        "        if _may_be_remembered(work, side, record):\n",
        "        if False:\n",
        ("tests/simulator/test_found.py as_if_just_created",),
    ),
    Mutant(
        "gone without a word taken for deleted",
        "A record that is gone counts as deleted although its system tells deletes and told of none.",
        "2.2",
        UNTOLD,
        'told = spec.systems[side].capabilities.deletes == "feed"',
        "told = False",
        ("tests/surface/test_traps.py rolled_back",),
    ),
)
