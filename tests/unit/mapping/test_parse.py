"""Mapping files: what is accepted, and that every mistake is told at once with place and nearest name."""

from __future__ import annotations

import pytest

from connector.errors import ConfigError
from connector.mapping.parse import parse_mapping
from connector.mapping.spec import MappingSpec
from connector.model.entities import FieldType


def spec(text: str) -> MappingSpec:
    return parse_mapping(text, "m.yaml")


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse_mapping(text, "m.yaml")
    return [str(problem) for problem in caught.value.problems]


def account(rows: str, more: str = "") -> str:
    body = "".join(f"  {row}\n" for row in rows.strip().splitlines())
    return f"entity: account\nobject: Account\n{more}fields:\n  name: Name\n{body}"


SIX_MISTAKES = """\
entity: account
object: Account
filter: "IsPersonAccount = false"
fields:
  name: Name
  phnoe: {field: Phone, as: phone}
  fax: {field: Fax, as: phoen}
  status: {field: Active__c, values: {active: "Yes", inactiv: "No"}}
  credit_limit: {field: Credit_Limit__c, as: money}
  tax_id: {field: Tax__c, max_lenght: 20}
"""


def test_all_mistakes_of_a_file_are_reported_at_once_with_line_column_and_nearest_name() -> None:
    found = problems(SIX_MISTAKES)
    assert [line.split(" - ")[-1] for line in found if " - did" in line] == [
        "did you mean `phone`?",
        "did you mean `phone`?",
        "did you mean `inactive`?",
        "did you mean `max_length`?",
    ]
    assert [":".join(line.split(":")[:3]) for line in found] == [
        "m.yaml:3:9",
        "m.yaml:6:3",
        "m.yaml:7:25",
        "m.yaml:8:38",
        "m.yaml:8:54",
        "m.yaml:9:17",
        "m.yaml:10:27",
    ]
    assert "invalid syntax" in found[0]
    assert "found `phnoe`, expected a field of account" in found[1]
    assert "found `phoen`, expected a converter for text" in found[2]
    assert "no word for `inactive`" in found[3]
    assert "found `inactiv`, expected `active` or `inactive`" in found[4]
    assert "no `currency`" in found[5]
    assert "found `max_lenght`" in found[6]


@pytest.mark.parametrize(
    ("rows", "part"),
    [
        ("fax: {field: X, as: money}", "`money`, which does not serve a text field"),
        ("status: {field: S, values: {active: 'Y', inactive: 'Y'}}", "one word per choice (it means `active` too)"),
        ("status: {field: S, values: {active: [a, b], inactive: c}}", "several words for `active`"),
        ("status: {field: S, values: {active: 'Y'}}", "`unmapped: hold`"),
        ("status: {field: S, values: {active: 'Y'}, unmapped: default}", "`unmapped: default` without a default"),
        ("status: {field: S, values: {active: 'Y'}, unmapped: default, default: inactive}", "expected `active`"),
        ("fax: P\nphone: P", "`P` written twice, expected one writer per system field (the other is on line 5)"),
        ("fax: ", "found nothing, expected a system field"),
        ("fax: {as: phone}", "no `field` for `fax`"),
        ("fax: [a]", "found a list, expected a system field"),
        ("fax: {field: F, direction: up}", "expected `both`, `read` or `write` for `direction`"),
        ("billing_address: {stret: S}", "did you mean `street`?"),
        ("billing_address: S", "expected a mapping of `street`"),
        ("credit_limit: {field: C, currency: =EURO}", "did you mean `EUR`?"),
        ("credit_limit: {field: C, currency: ^currency}", "`^currency` outside lines"),
        ("credit_limit: C", "no `currency`"),
        ("parent: {field: P, ref: contact}", "found `contact`, expected `account`"),
        ("fax: {expr: 'lwoer(x)'}", "did you mean `lower`?"),
        ("fax: {expr: 'lower(x)', direction: both}", "never written"),
        ("currency: {constant: EUR, direction: write}", "never written"),
        ("status: {constant: activ}", "did you mean `active`?"),
        ("fax: {field: F, max_length: 0}", "a whole number from 1"),
        ("fax: {field: F, truncate: true}", "`max_length` beside it"),
        ("fax: {field: F, as: country, locale: xx_nowhere}", "a language code"),
        ("fax: {field: F, as: country, names: {germany: G}}", "did you mean `DE`?"),
        ("fax: {field: F, as: phone, country: =Nowhere}", "a country code such as `=DE`"),
        ("fax: {field: F, as: person_name}", "does not serve a text field"),
        ("fax, phone: {field: F}", "several fields without a converter"),
        ("status: {field: S, values: {active: 'Y', inactive: 'N'}, default: activ}", "did you mean `active`?"),
        ("name: Other", "`name` again"),
        ("fax: {field: F, surprise: 1}", "found `surprise`"),
    ],
)
def test_a_wrong_row_says_what_was_found_and_what_was_expected(rows: str, part: str) -> None:
    assert any(part in line for line in problems(account(rows))), problems(account(rows))


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "an empty file"),
        ("- a\n", "found a list, expected a mapping"),
        ("entity: acount\nobject: A\nfields: {}\n", "did you mean `account`?"),
        ("entity: account\nfields: {name: N}\n", "no `object`"),
        ("entity: account\nobject: A\n", "no `fields`"),
        ("entity: account\nobject: A\nfields: {}\n", "no field `name`, expected `name`, which account requires"),
        ("entity: account\nobject: A\nfilter: 5\nfields: {name: N}\n", "an expression, in quotes"),
        ("entity: account\nobject: A\nexternal_key: N\nfields: {name: N}\n", "`N` written twice"),
        ("entity: account\nobject: A\nconstants: {N: x}\nfields: {name: N}\n", "`N` written twice"),
        ("entity: account\nobject: A\nconstants: {K: [x]}\nfields: {name: N}\n", "one value for `K`"),
        ("entity: account\nobject: A\nfields: {name: N}\ncustom: {x: {type: txt, field: X}}\n", "did you mean `text`?"),
        (
            "entity: account\nobject: A\nfields: {name: N}\ncustom: {fax: {type: text, field: X}}\n",
            "belongs in `fields:`",
        ),
        ("entity: account\nobject: A\nfields: {name: N}\ncustom: {x: {type: enum, field: X}}\n", "without choices"),
        ("entity: account\nobject: A\nfields: {name: N}\ncustom: {a b: {type: text, field: X}}\n", "letters, digits"),
        ("entity: account\nobject: A\nfields: {name: N}\nreadonly: true\n", "did you mean `read_only`?"),
    ],
)
def test_a_wrong_file_says_what_was_found_and_what_was_expected(text: str, part: str) -> None:
    assert any(part in line for line in problems(text)), problems(text)


@pytest.mark.parametrize(
    ("test", "part"),
    [
        ("{gven: {N: x}, expect: {name: x}}", "did you mean `given`?"),
        ("{given: {N: x}}", "a test that expects nothing"),
        ("{expect: {name: x}}", "neither `given` nor `values`"),
        ("{values: {name: x}, expect: {name: x}}", "`expect` without `given`"),
        ("{given: {N: x}, expect_fields: {N: x}, in_scope: true}", "`expect_fields` without `values`"),
        ("{given: {N: x}, expect: {nam: x}}", "did you mean `name`?"),
        ("{given: {N: x}, expect: {status: activ}}", "did you mean `active`?"),
        ("{given: {N: x}, expect: {credit_limit: 5}}", "an amount with its currency"),
        ("{given: {N: x}, held: [nam]}", "did you mean `name`?"),
        ("5", "expected a mapping for a test"),
    ],
)
def test_a_wrong_test_in_a_mapping_is_a_located_problem(test: str, part: str) -> None:
    found = problems(f"entity: account\nobject: A\nfields: {{name: N}}\ntests:\n  - {test}\n")
    assert any(part in line and line.startswith("m.yaml:5:") for line in found), found


def test_line_fields_are_checked_like_fields() -> None:
    found = problems(
        "entity: order\nobject: deals\nfields:\n  account: company\n  lines:\n    field: lines\n    fields:\n"
        "      quantiti: quantity\n      product: {field: p}\n      description: {field: p}\n"
    )
    assert any("did you mean `quantity`?" in line for line in found)
    assert any("no field `quantity`" in line for line in found)
    assert any("no field `unit_price`" in line for line in found)
    assert any("`p` written twice" in line for line in found)


def test_a_read_only_mapping_needs_no_required_fields_and_may_read_one_field_twice() -> None:
    parsed = spec("entity: account\nobject: A\nread_only: true\nfields: {phone: P, fax: P}\n")
    assert parsed.read_only
    assert not any(entry.write for entry in parsed.entries)


def test_a_computed_field_is_read_only_unless_the_mapping_says_otherwise() -> None:
    text = "entity: invoice\nobject: I\nfields:\n  account: A\n  total: {field: T, currency: C}\n"
    assert [e.write for e in spec(text).entries] == [True, False]
    assert [e.write for e in spec(text.replace("C}", "C, direction: both}")).entries] == [True, True]


def test_custom_fields_join_the_entity_with_their_type() -> None:
    rows = """
  region_code: {type: text, field: R}
  tier: {type: enum, choices: [a, b], field: T}
  owner: {type: ref, ref: contact, field: O}
  fee: {type: money, field: M, currency: =EUR}
"""
    parsed = spec(account("fax: F") + "custom:" + rows)
    fields = parsed.entity.fields
    assert fields["region_code"].type is FieldType.TEXT
    assert fields["tier"].choices == ("a", "b")
    assert fields["owner"].ref == "contact"
    assert fields["fee"].type is FieldType.MONEY


def test_yaml_country_codes_stay_text() -> None:
    parsed = spec(account("phone: {field: P, as: phone, country: =NO}"))
    assert parsed.entries[1].codec is not None


def test_a_syntax_error_is_the_only_problem_reported() -> None:
    assert len(problems("entity: account\nobject: [\n")) == 1
