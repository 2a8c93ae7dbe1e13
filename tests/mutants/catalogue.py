"""Every mutant, by the part of the program it is in."""

from __future__ import annotations

from .in_apply import IN_APPLY
from .in_guards import IN_GUARDS
from .in_mapping import IN_MAPPING
from .in_merge import IN_MERGE
from .in_reading import IN_READING
from .in_recovery import IN_RECOVERY
from .in_state import IN_STATE
from .mutant import Mutant

MUTANTS: tuple[Mutant, ...] = (*IN_MERGE, *IN_READING, *IN_APPLY, *IN_GUARDS, *IN_RECOVERY, *IN_STATE, *IN_MAPPING)
