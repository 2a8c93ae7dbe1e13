"""Mutants of what is compared, and what is decided over it."""

from __future__ import annotations

from .mutant import Mutant

UNITS = "connector/engine/units.py"
SHAPE = "connector/engine/shape.py"

IN_DECIDING = (
    Mutant(
        "compared without its image",
        "A value counts as differing although the other side shows it in its own way.",
        "2.3 C, M3",
        UNITS,
        "name in mapping.writable and mapping.image(name, value, context) == shown.get(name)",
        "name in mapping.writable and value == shown.get(name)",
        ("tests/invariants/test_holes.py cuts_off",),
    ),
    Mutant(
        "newest without margin",
        "Of two edits at nearly the same time the later stamp wins.",
        "2.3 row 7",
        UNITS,
        "if abs(gap) <= margin:",
        "if abs(gap) <= 0:",
        ("tests/unit/engine/test_engine_edits.py newest",),
    ),
    Mutant(
        "our own stamp counts as newest",
        "A modified time that we caused decides who is newer.",
        "2.3 newest",
        UNITS,
        "if record.modified_by is None or record.modified_by == self.spec.systems[side].principal:",
        "if record.modified_by is None:",
        ("tests/invariants/test_holes.py stamp",),
    ),
    Mutant(
        "choice over other values",
        "A person's choice is carried out over values that changed since.",
        "I19",
        UNITS,
        "return conflict.prints == now",
        "return True",
        ("tests/unit/engine/test_engine_edits.py since",),
    ),
    Mutant(
        "print without its side",
        "A fingerprint of one side compares with one of the other.",
        "1 base storage",
        SHAPE,
        'blake2b(f"{name}|{side}".encode()',
        'blake2b(f"{name}".encode()',
        ("tests/invariants/test_holes.py prints",),
    ),
    Mutant(
        "mapping changes unnoticed",
        "A unit that is read in another way keeps its revision.",
        "1 map_rev, I36",
        SHAPE,
        'texts = [f"{name}={m.definitions.get(name)}" for name in unit.fields for m in _mappings(spec)]',
        "texts = list(unit.fields)",
        ("tests/unit/engine/test_engine_remap.py",),
    ),
    Mutant(
        "figures of a document not watched",
        "A document whose total alone was corrected stays held for ever.",
        "I21",
        SHAPE,
        "            if figures:\n",
        "            if False:\n",
        ("tests/invariants/test_i19_to_i22.py i21_an_edit",),
    ),
)
