"""Mutants of what translates: absent and null, images, amounts."""

from __future__ import annotations

from .mutant import Mutant

LEVEL = "connector/mapping/level.py"
TEXTS = "connector/mapping/texts.py"
NUMBERS = "connector/mapping/numbers.py"

IN_MAPPING = (
    Mutant(
        "absent read as empty",
        "A field a system does not show is taken for one that was cleared.",
        "principle 2",
        LEVEL,
        "            raw = get(source, ABSENT)\n            if raw is None:",
        "            raw = get(source)\n            if raw is None:",
        ("tests/unit/mapping/test_translate.py", "tests/laws/test_converters.py"),
    ),
    Mutant(
        "absent written as empty",
        "A value nobody gave clears the field of the other side.",
        "principle 2, I24",
        LEVEL,
        "            value = get(name, ABSENT)\n            if value is None:",
        "            value = get(name)\n            if value is None:",
        ("tests/unit/mapping/test_translate.py",),
    ),
    Mutant(
        "unreadable read as empty",
        "A value without a canonical form is taken for none.",
        "M1, 2.3 row 16",
        LEVEL,
        '                    held[name] = f"{source}: {error}"\n        for read',
        "                    values[name] = None\n        for read",
        ("tests/unit/mapping/test_translate.py", "tests/unit/engine/test_engine_edits.py held"),
    ),
    Mutant(
        "long text cut",
        "A text that does not fit is cut without a word.",
        "M1, M6",
        TEXTS,
        "        if not truncate:\n            raise NoImageError",
        "        if False:\n            raise NoImageError",
        ("tests/unit/mapping/test_converters.py", "tests/unit/engine/test_engine_edits.py too_long"),
    ),
    Mutant(
        "decimals rounded",
        "Digits a field cannot keep are dropped without a word.",
        "M6, I21",
        TEXTS,
        "if rounded != number and not lossy:",
        "if False:",
        ("tests/unit/mapping/test_converters.py",),
    ),
    Mutant(
        "number through a float",
        "An amount passes through a float on its way.",
        "I21",
        NUMBERS,
        "return _checked(Decimal(stripped), text)",
        "return _checked(Decimal(float(stripped)), text)",
        ("tests/unit/mapping/test_converters.py", "tests/invariants/test_i19_to_i22.py i21"),
    ),
    Mutant(
        "amount without its currency",
        "An amount is written beside another currency than its own.",
        "2.4 money",
        LEVEL,
        "    if code != other:\n",
        "    if False:\n",
        ("tests/unit/mapping/test_converters.py", "tests/unit/mapping/test_translate.py"),
    ),
    Mutant(
        "half a name written",
        "A field that holds two values is written with one of them.",
        "2.3 atomic, M3",
        LEVEL,
        "        if len(present) < len(names):\n",
        "        if False:\n",
        ("tests/unit/mapping/test_translate.py",),
    ),
    Mutant(
        "text not in its canonical form",
        "The same letters in another notation are another text.",
        "M2",
        TEXTS,
        "    return value if value.isascii() else composed(value)\n\n\ndef _number_as_text",
        "    return value\n\n\ndef _number_as_text",
        ("tests/unit/mapping/test_converters.py", "tests/laws/test_converters.py"),
    ),
    Mutant(
        "numbers compared as written",
        "1.50 and 1.5 are two values.",
        "M2",
        "connector/model/canonical.py",
        'return plain.rstrip("0").rstrip(".") if "." in plain else plain',
        "return plain",
        ("tests/unit/mapping/test_converters.py", "tests/unit/engine/test_engine_edits.py trims"),
    ),
    Mutant(
        "lines lose their partner",
        "A written line does not carry the key of its partner.",
        "2.3 lines",
        "connector/mapping/translate.py",
        "            item[lines.spec.external_key] = line.partner\n",
        "            pass\n",
        ("tests/unit/mapping/test_translate.py",),
    ),
    Mutant(
        "lines lose their id",
        "A written line does not say which line it is, and is made anew.",
        "2.3 lines",
        "connector/mapping/translate.py",
        "            item[lines.spec.id] = line.key\n",
        "            pass\n",
        ("tests/unit/mapping/test_translate.py", "tests/unit/engine/test_engine_lines.py"),
    ),
)
