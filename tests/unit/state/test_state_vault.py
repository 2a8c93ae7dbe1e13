"""The vault: prints, tokens and seals."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.errors import ConfigError
from connector.state.errors import SealError
from connector.state.vault import KeyVault, new_key

KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="


def test_a_new_key_is_text_for_32_random_bytes() -> None:
    keys = {new_key() for _ in range(50)}
    assert len(keys) == 50
    assert {len(key) for key in keys} == {44}
    for key in keys:
        KeyVault(key)


@pytest.mark.parametrize("text", ["", "short", "x" * 44, KEY[:-4], KEY + "AAAA", "é" * 44, "passphrase of some kind"])
def test_what_is_not_a_key_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(ConfigError, match=r"state\.key: not a key") as caught:
        KeyVault(text)
    assert not text or text not in str(caught.value)


def test_blanks_around_a_key_do_not_matter() -> None:
    assert KeyVault(f" {KEY}\n").token(b"a") == KeyVault(KEY).token(b"a")


def test_prints_and_tokens_are_the_same_in_every_process() -> None:
    vault = KeyVault(KEY)
    assert vault.print(b"value", 7, b"name/left").hex() == "f8ac0cd6fa58238f"
    assert vault.token(b"a", b"bc") == "ae54905d2bc98cd33523080f3bc8993cf1a70b59"


def test_a_print_depends_on_value_link_person_and_key() -> None:
    one, two = KeyVault(KEY), KeyVault(new_key())
    prints = {
        one.print(b"value", 7, b"name"),
        one.print(b"other", 7, b"name"),
        one.print(b"value", 8, b"name"),
        one.print(b"value", 7, b"phone"),
        two.print(b"value", 7, b"name"),
    }
    assert len(prints) == 5
    assert {len(print_) for print_ in prints} == {8}


def test_no_purpose_shares_the_key_of_another() -> None:
    vault = KeyVault(KEY)
    root = bytes(range(32))
    assert vault.print(b"v", 0, b"") != hashlib.blake2b(b"v", digest_size=8, key=root).digest()
    assert vault.token(b"v") != hashlib.blake2b(b"v", digest_size=20, key=root).hexdigest()


def test_a_token_tells_its_parts_apart() -> None:
    vault = KeyVault(KEY)
    tokens = {vault.token(b"ab", b"c"), vault.token(b"a", b"bc"), vault.token(b"abc"), vault.token(b"abc", b"")}
    assert len(tokens) == 4
    assert {len(token) for token in tokens} == {40}


@given(st.binary(max_size=300), st.binary(max_size=20))
def test_what_was_sealed_opens_for_the_same_purpose(data: bytes, purpose: bytes) -> None:
    vault = KeyVault(KEY)
    sealed = vault.seal(data, purpose)
    assert KeyVault(KEY).open(sealed, purpose) == data
    assert len(sealed) == len(data) + 29


def test_equal_values_are_sealed_differently() -> None:
    vault = KeyVault(KEY)
    assert vault.seal(b"same", b"body") != vault.seal(b"same", b"body")


def test_a_seal_opens_for_no_other_key_or_purpose() -> None:
    sealed = KeyVault(KEY).seal(b"secret", b"body")
    with pytest.raises(SealError, match="another key"):
        KeyVault(KEY).open(sealed, b"journal")
    with pytest.raises(SealError, match="another key"):
        KeyVault(new_key()).open(sealed, b"body")


def test_a_damaged_seal_is_noticed_at_every_byte() -> None:
    vault = KeyVault(KEY)
    sealed = vault.seal(b"secret", b"body")
    for place in range(len(sealed)):
        damaged = bytearray(sealed)
        damaged[place] ^= 1
        with pytest.raises(SealError):
            vault.open(bytes(damaged), b"body")
    for length in range(len(sealed)):
        with pytest.raises(SealError):
            vault.open(sealed[:length], b"body")


def test_a_vault_does_not_show_its_key() -> None:
    assert repr(KeyVault(KEY)) == str(KeyVault(KEY)) == "KeyVault(***)"
