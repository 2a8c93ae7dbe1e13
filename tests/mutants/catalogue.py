"""Every mutant, by the part of the program it is in."""

from __future__ import annotations

from .in_apply import IN_APPLY
from .in_deciding import IN_DECIDING
from .in_endings import IN_ENDINGS
from .in_guards import IN_GUARDS
from .in_mapping import IN_MAPPING
from .in_merge import IN_MERGE
from .in_outcomes import IN_OUTCOMES
from .in_reading import IN_READING
from .in_recovery import IN_RECOVERY
from .in_state import IN_STATE
from .mutant import Mutant

MUTANTS: tuple[Mutant, ...] = (
    *IN_MERGE,
    *IN_READING,
    *IN_DECIDING,
    *IN_APPLY,
    *IN_ENDINGS,
    *IN_GUARDS,
    *IN_RECOVERY,
    *IN_OUTCOMES,
    *IN_STATE,
    *IN_MAPPING,
)
