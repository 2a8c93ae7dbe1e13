"""YAML with positions: what scalars mean, where mistakes are, and that every mistake is told at once."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from connector.errors import ConfigError
from connector.mapping.located import Document, Place, parse_yaml


def plain(text: str) -> object:
    document = parse_yaml(text, "f.yaml")
    assert not document.problems
    assert document.root is not None
    return document.root.plain


def lines(document: Document) -> list[str]:
    return [str(problem) for problem in document.problems]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("NO", "NO"),
        ("yes", "yes"),
        ("off", "off"),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("12:30:00", "12:30:00"),
        ("1_000", "1_000"),
        ("2026-01-31", "2026-01-31"),
        ("01234", "01234"),
        ("0x1F", "0x1F"),
        ("+49", "+49"),
        ("42", 42),
        ("-7", -7),
        ("1.10", Decimal("1.10")),
        ("1e3", Decimal("1e3")),
        (".5", ".5"),
        (".inf", ".inf"),
        ("'5'", "5"),
        ('"true"', "true"),
        ("=EUR", "=EUR"),
        ("^currency", "^currency"),
        ("9" * 5000, "9" * 5000),
    ],
)
def test_a_scalar_means_what_json_would_mean_and_all_else_is_text(typed: str, meant: object) -> None:
    found = plain(f"a: {typed}\n")
    assert found == {"a": meant}
    assert type(found["a"]) is type(meant)  # type: ignore[index]


def test_every_key_and_value_knows_its_line_and_column() -> None:
    root = parse_yaml("a: 1\nb:\n  - x\n  - {cé: y}\n", "f.yaml").root
    assert root is not None
    assert isinstance(root.value, dict)
    items = root.value["b"].value
    assert isinstance(items, list)
    where = root.keys["b"]
    assert (where.line, where.column) == (2, 1)
    assert (items[1].place.line, items[1].place.column) == (4, 5)
    inner = items[1].value
    assert isinstance(inner, dict)
    assert (inner["cé"].place.line, inner["cé"].place.column) == (4, 10)


def test_anchors_and_aliases_stand_for_the_same_value() -> None:
    assert plain("a: &x {k: 1}\nb: *x\n") == {"a": {"k": 1}, "b": {"k": 1}}


@pytest.mark.parametrize(
    ("text", "where", "part"),
    [
        ("a: 1\nb: 2\na: 3\n", "f.yaml:3:1", "found `a` again, expected each key once; the first is on line 1"),
        ("a:\n\tb: 1", "f.yaml:2:1", "not tabs"),
        ("a: [1, 2", "f.yaml:2:1", "expected valid YAML"),
        ("a: \x07", "f.yaml:1:4", "character YAML does not allow"),
        ("x\na: \ud800", "f.yaml:2:4", "character YAML does not allow"),
        ("--- 1\n--- 2", "f.yaml:2:1", "second document"),
        ("? [a]\n: 1", "f.yaml:1:3", "list or mapping as a key"),
        ("a: !!python/object:os.system x", "f.yaml:1:4", "no tag"),
        ("a: !env x", "f.yaml:1:4", "no tag"),
        ("a: *nobody", "f.yaml:1:4", "alias `*nobody`"),
        ("&a [*a]", "f.yaml:1:5", "alias `*a`"),
        ("<<: {a: 1}", "f.yaml:1:1", "merge keys"),
        ("[" * 3000, "f.yaml:1:41", "40 levels"),
        ("a: 'x", "f.yaml:1:6", "expected valid YAML"),
    ],
)
def test_a_file_that_is_no_yaml_is_a_located_problem(text: str, where: str, part: str) -> None:
    (problem,) = lines(parse_yaml(text, "f.yaml"))
    assert problem.startswith(where + ": found ")
    assert part in problem


def test_nested_aliases_cannot_grow_without_bound() -> None:
    bomb = "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 12))
    document = parse_yaml(bomb, "f.yaml")
    assert document.root is None
    assert "smaller file" in lines(document)[0]


def test_an_empty_file_is_a_problem_once_a_mapping_is_asked_for() -> None:
    document = parse_yaml("# nothing\n", "f.yaml")
    document.reader().text("entity", required=True)
    assert lines(document)[0] == "f.yaml:1:1: found an empty file, expected a mapping"


def test_a_reader_gives_typed_values_and_the_default_for_what_is_missing_or_null() -> None:
    top = parse_yaml("n: 0042\nm: 1.10\nk: 3\nb: true\nt: [a, b]\none: a\nz: null\nd: 2.5\n", "f.yaml").reader()
    assert top.text("n") == "0042"
    assert top.text("m") == "1.10"
    assert top.integer("k", least=1, most=3) == 3
    assert top.boolean("b") is True
    assert top.texts("t") == ("a", "b")
    assert top.texts("one") == ("a",)
    assert top.text("z", "default") == "default"
    assert top.number("d") == Decimal("2.5")
    assert top.text("missing") is None
    assert top.section("missing") is None
    top.finish()
    assert top.document.problems == ()


def test_a_reader_notes_every_mistake_and_goes_on() -> None:
    text = "entiti: account\nevery: yes\nmode: bot\ncount: many\nlimit: 9\nlist: 5\nsub: x\nname: {}\nflag:\n"
    top = parse_yaml(text, "c.yaml").reader()
    assert top.choice("entity", ["account"], required=True) is None
    assert top.boolean("every") is False
    assert top.choice("mode", ["both", "read"], "both") == "both"
    assert top.integer("count", 7) == 7
    assert top.integer("limit", least=1, most=5) is None
    assert top.items("list") == []
    assert top.section("sub") is None
    assert top.text("name") is None
    assert top.text("flag", required=True) is None
    top.finish()
    assert lines(top.document) == [
        "c.yaml:1:1: found no `entity`, expected a value for `entity`",
        "c.yaml:1:1: found `entiti`, expected a name at the top: `entity`, `every`, `mode`, `count`, `limit`, `list`, "
        "`sub`, `name` or `flag` - did you mean `entity`?",
        "c.yaml:2:8: found `yes`, expected true or false for `every` - did you mean `true`?",
        "c.yaml:3:7: found `bot`, expected `both` or `read` for `mode` - did you mean `both`?",
        "c.yaml:4:8: found `many`, expected a whole number for `count`",
        "c.yaml:5:8: found `9`, expected a whole number from 1 up to 5 for `limit`",
        "c.yaml:6:7: found `5`, expected a list for `list`",
        "c.yaml:7:6: found `x`, expected a mapping for `sub`",
        "c.yaml:8:7: found a mapping, expected text for `name`",
        "c.yaml:9:6: found nothing, expected a value for `flag`",
    ]


def test_all_problems_are_raised_together_in_file_order() -> None:
    document = parse_yaml("a: 1\nb: 2\n", "f.yaml")
    document.problem(Place(2, 1), "two", "three")
    document.problem(Place(1, 1), "one", "three")
    with pytest.raises(ConfigError) as caught:
        document.raise_problems("f.yaml cannot be used")
    assert [p.found for p in caught.value.problems] == ["one", "two"]
    assert str(caught.value).splitlines()[0] == "f.yaml cannot be used:"
    assert len(str(caught.value).splitlines()) == 3


def test_a_document_without_problems_raises_nothing() -> None:
    parse_yaml("a: 1\n", "f.yaml").raise_problems("unused")


def test_every_mapping_file_of_the_repository_reads_without_a_problem() -> None:
    root = Path(__file__).parents[3]
    for path in root.glob("mappings/**/*.yaml"):
        assert parse_yaml(path.read_text(encoding="utf-8"), path.name).problems == ()
