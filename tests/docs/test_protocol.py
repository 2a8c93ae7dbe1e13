"""The page of the protocol is what the code does, and every number cited anywhere is on it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from connector.merge import fields, records
from tests.mutants.catalogue import MUTANTS
from tests.repo.tree import Source, sources

from .pages import README, ROOT

PAGE = ROOT / "docs" / "protocol.md"
_CITED = re.compile(r"\bI(\d{1,2})\b(?:-I?(\d{1,2})\b)?")
_SECTION = re.compile(
    r"[Pp]rotocol(?:,? sections?)?,? (\d(?:\.\d)?)(?: and (\d(?:\.\d)?))?|[Ss]ection (\d\.\d)|\((\d\.\d)\)"
)
_ROW = re.compile(r"\brow (\d+) of the protocol|\(row (\d+)\)")
_MADE_UP = {"tests/docs/proofs.py", "tests/docs/test_protocol.py"}
"""Files that cite what is not there on purpose."""


def page() -> str:
    return PAGE.read_text("utf-8")


def rows(text: str, heading: str) -> list[list[str]]:
    """The cells of the first table below a heading, without its head."""
    part = re.split(rf"^##+ {re.escape(heading)}.*$", text, flags=re.MULTILINE)[1]
    table = re.search(r"(?:^\|.*\n)+", part, re.MULTILINE)
    assert table is not None
    lines = table.group(0).splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def sections(text: str) -> set[str]:
    return set(re.findall(r"^##+ (\d(?:\.\d)?)\.? ", text, re.MULTILINE))


def invariants(text: str) -> list[int]:
    return [int(row[0][1:]) for row in rows(text, "5. Invariants")]


def cited() -> Iterator[tuple[str, str]]:
    """Every file that may cite, but the page itself, with its text."""
    for source in sources("*.py", "*.md", "*.txt", "*.yaml"):
        if source.name != PAGE.relative_to(ROOT).as_posix() and source.name not in _MADE_UP:
            yield source.name, source.text


def unknown_invariants(text: str, known: set[int]) -> set[str]:
    """Invariants this text cites that are not known; a range cites all in it."""
    found = set()
    for first, last in _CITED.findall(text):
        wanted = range(int(first), int(last or first) + 1)
        found |= {f"I{number}" for number in wanted if number not in known}
    return found


def prose(name: str, text: str) -> str:
    """What a file says, without its code: there a number in brackets is an argument."""
    if not name.endswith(".py"):
        return text
    source = Source(name, text)
    nodes = (n for n in ast.walk(source.tree) if isinstance(n, ast.Module | ast.ClassDef | ast.FunctionDef))
    said = [ast.get_docstring(node) or "" for node in nodes]
    return "\n".join([*said, *(comment for _, comment in source.comments)])


def unknown_sections(text: str, known: set[str]) -> set[str]:
    return {number for numbers in _SECTION.findall(text) for number in numbers if number and number not in known}


def test_every_invariant_stands_on_the_page_once_and_in_order() -> None:
    assert invariants(page()) == list(range(1, 45))


@pytest.mark.parametrize("row", rows(page(), "5. Invariants"), ids=lambda row: row[0])
def test_each_invariant_has_a_sentence_and_names_a_test_of_its_number(row: list[str]) -> None:
    number, sentence, link = row
    assert sentence.endswith(".")
    match = re.fullmatch(r"\[`(\w+)`\]\(([^)]+)\)", link)
    assert match is not None
    assert match.group(1).startswith(f"test_i{int(number[1:]):02}_")
    assert f"\ndef {match.group(1)}(" in (PAGE.parent / match.group(2)).read_text("utf-8")


def test_every_invariant_cited_anywhere_is_on_the_page() -> None:
    known = set(invariants(page()))
    problems = {name: found for name, text in cited() if (found := unknown_invariants(text, known))}
    assert problems == {}


def test_every_section_cited_anywhere_is_on_the_page() -> None:
    known = sections(page())
    problems = {name: found for name, text in cited() if (found := unknown_sections(prose(name, text), known))}
    assert problems == {}


def test_every_row_cited_anywhere_is_a_row_of_the_field_table() -> None:
    known = {row[0] for row in rows(page(), "2.3")}
    for name, text in cited():
        found = {number for numbers in _ROW.findall(text) for number in numbers if number}
        assert found <= known, name


def test_every_rule_that_a_mutant_switches_off_is_on_the_page() -> None:
    text = page()
    known, numbers, lines = sections(text), set(invariants(text)), {row[0] for row in rows(text, "2.3")}
    laws = {row[0] for row in rows(text, "2.4")}
    for mutant in MUTANTS:
        for part in mutant.rule.split(", "):
            number = re.match(r"(\d(?:\.\d)?)(?: row (\d+))?", part)
            assert number is None or (number.group(1) in known and number.group(2) in {None, *lines}), mutant.name
            assert not unknown_invariants(part, numbers), mutant.name
            assert set(re.findall(r"\bM\d\b", part)) <= laws, mutant.name


def test_the_record_table_of_the_page_is_the_one_that_decides() -> None:
    words = {
        "nothing": records.Step.KEEP,
        "merge fields": records.Step.MERGE,
        "look for left": records.Step.CONFIRM_LEFT,
        "look for right": records.Step.CONFIRM_RIGHT,
        "look for both": records.Step.CONFIRM_BOTH,
    }
    for left, *cells in rows(page(), "2.2"):
        for right, cell in zip("UCDMX", cells, strict=True):
            status = records.Sides(records.Status(left), records.Status(right))
            wanted = words.get(cell) or records.Step(cell.replace(" ", "_"))
            assert records.decide_record(status) is wanted, f"{left} {right}"


def test_the_field_table_of_the_page_has_the_rows_that_decide() -> None:
    told = re.findall(r"^\| (\d+) ", fields.__doc__ or "", re.MULTILINE)
    assert [row[0] for row in rows(page(), "2.3")] == ["0", *told]


def test_the_readme_and_the_proof_lead_to_the_page() -> None:
    assert "](docs/protocol.md" in README.read_text("utf-8")
    assert "](protocol.md" in (ROOT / "docs" / "proof.md").read_text("utf-8")


def test_what_is_not_on_the_page_is_noticed() -> None:
    assert unknown_invariants("I7, I43-I45 and I99, I3", {3, 7, 43, 44}) == {"I45", "I99"}
    assert unknown_sections("protocol 3.9; section 2.8; (3.1). sync protocol, sections 2.3 and 7", {"2.3", "3.1"}) == {
        "3.9",
        "2.8",
        "7",
    }
