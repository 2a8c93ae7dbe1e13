"""Signatures of webhooks: the contract's worked example (contract 7)."""

from __future__ import annotations

from hashlib import sha256

import pytest

from connector.emulators.hubspot.signature import decoded, signed

SECRET = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy"
URL = "https://sync.example.com/webhooks/hubspot?tenant=acme%3Aeu"
TIMESTAMP = 1700000001234
BODY = (
    '[{"eventId":3816279340,"subscriptionId":25,"portalId":33,"appId":1160452,"occurredAt":1700000000000,'
    '"subscriptionType":"company.propertyChange","attemptNumber":0,"objectId":1246965,"propertyName":"name",'
    '"propertyValue":"Zoë GmbH","changeSource":"CRM_UI"}]'
).encode()


def test_the_worked_example_is_signed_as_the_contract_says() -> None:
    assert decoded(URL) == "https://sync.example.com/webhooks/hubspot?tenant=acme:eu"
    source = b"POST" + decoded(URL).encode() + BODY + str(TIMESTAMP).encode()
    assert len(source) == 329
    assert sha256(source).hexdigest() == "e28a40ce4241a862e63c007f67bba932330cca12f03aa56023b575767eea0875"
    assert signed(SECRET, "POST", URL, BODY, TIMESTAMP) == "CVAHM33V22tsVKytkPbOhoDMiCc4E4PY56KGdq/VBDc="


def test_the_same_request_without_its_query_is_signed_otherwise() -> None:
    url = URL.partition("?")[0]
    assert signed(SECRET, "POST", url, BODY, TIMESTAMP) == "mldimeV/egwpZZh+OPujA6AWUfHh6WFPOBtIHIN4M8E="


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("%3A%2F%3F%40%21%24%27%28%29%2A%2C%3B", ":/?@!$'()*,;"),
        ("%3a%2f", ":/"),
        ("a%20b%26c%3Dd%25", "a%20b%26c%3Dd%25"),
        ("%253A", "%253A"),
    ],
)
def test_a_dozen_characters_are_decoded_and_no_others(url: str, shown: str) -> None:
    assert decoded(url) == shown
