"""Mutants of what keeps a run within bounds: the guard for updates while it works, and a saved plan."""

from __future__ import annotations

from .mutant import Mutant

SYNC = "connector/engine/sync.py"
SAVED = "connector/engine/saved.py"
SURVEY = "connector/engine/survey.py"

IN_GUARDS = (
    Mutant(
        "late edits not counted",
        "What was changed before is not counted with the edits that come up while a run works.",
        "I18",
        SYNC,
        " + len(work.changed[side]) for side in SIDES",
        " for side in SIDES",
        (
            "tests/unit/engine/test_engine_guards.py comes_up_while",
            "tests/simulator/test_found.py come_due_while_a_run_writes",
        ),
    ),
    Mutant(
        "edits counted twice",
        "A record that is looked at again in a run counts as another one for the guard.",
        "I18",
        SURVEY,
        "if link.id not in work.changed[side]]",
        "]",
        ("tests/unit/engine/test_engine_guards.py counts_once",),
    ),
    Mutant(
        "follow-ups counted",
        "References that waited for what a run creates count as edits for the guard.",
        "I18",
        SURVEY,
        "    return own or (waited and ",
        "    return own or (False and ",
        ("tests/unit/engine/test_engine_guards.py references_that_waited",),
    ),
    Mutant(
        "saved plan and more",
        "A run of a saved plan carries out whatever else is due.",
        "I36",
        SYNC,
        "    among = None if state.saved is None else state.saved.begun\n",
        "    among, state.saved = None, None\n",
        ("tests/unit/engine/test_engine_saved.py",),
    ),
    Mutant(
        "saved plan and later edits",
        "A record that moved while a saved plan is done gets what was typed since, too.",
        "I36",
        SAVED,
        "    return line.digest in begun.digests or ",
        "    return True or ",
        ("tests/unit/engine/test_engine_saved.py moved",),
    ),
)
