"""Fingerprints and seals under the installation's key. The key lives outside the store and is never written to it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from connector.errors import ConfigError
from connector.state.errors import SealError

KEY_BYTES = 32
_FORMAT = b"\x01"
_NONCE_BYTES = 12


def new_key() -> str:
    """A fresh random key, as the text to put into the configuration (urlsafe base64 of 32 bytes)."""
    return base64.urlsafe_b64encode(os.urandom(KEY_BYTES)).decode()


def _key_bytes(key: str) -> bytes:
    try:
        raw = base64.b64decode(key.strip().encode().translate(bytes.maketrans(b"-_", b"+/")), validate=True)
    except (binascii.Error, UnicodeError):
        raw = b""
    if len(raw) != KEY_BYTES:
        raise ConfigError(
            "state.key: not a key (expected 44 characters: urlsafe base64 of 32 bytes); "
            "`connector init` writes a fresh one for a new store"
        )
    return raw


class KeyVault:
    """The Vault of one installation. Thread-safe; equal keys give equal prints and tokens, in any process.

    Raises ConfigError when the text is not a key. Printing it shows nothing of the key.
    """

    __slots__ = ("_ciphers", "_print", "_root", "_token")

    def __init__(self, key: str) -> None:
        self._root = _key_bytes(key)
        self._print = self._sub_key(b"print")
        self._token = hashlib.blake2b(key=self._sub_key(b"token"), digest_size=20)
        self._ciphers: dict[bytes, ChaCha20Poly1305] = {}

    def __repr__(self) -> str:
        return "KeyVault(***)"

    def _sub_key(self, purpose: bytes) -> bytes:
        return hashlib.blake2b(purpose, key=self._root, digest_size=KEY_BYTES, person=b"connector key").digest()

    def print(self, data: bytes, link: int, person: bytes) -> bytes:
        """Keyed BLAKE2b, 8 bytes; salt = link id, person = field and side (16 bytes at most)."""
        salt = link.to_bytes(16, "little")
        return hashlib.blake2b(data, digest_size=8, key=self._print, salt=salt, person=person).digest()

    def token(self, *parts: bytes) -> str:
        """Keyed BLAKE2b-160, hex. Each part counts with its length: ("ab", "c") is not ("a", "bc")."""
        state = self._token.copy()
        for part in parts:
            state.update(len(part).to_bytes(8, "little"))
            state.update(part)
        return state.hexdigest()

    def seal(self, data: bytes, purpose: bytes) -> bytes:
        """Encrypted and authenticated for this purpose; sealing twice gives different bytes (29 more than data)."""
        nonce = os.urandom(_NONCE_BYTES)
        return _FORMAT + nonce + self._cipher(purpose).encrypt(nonce, data, _FORMAT)

    def open(self, sealed: bytes, purpose: bytes) -> bytes:
        """What was sealed. Raises SealError when it was altered, or sealed under another key or purpose."""
        if sealed[:1] != _FORMAT:
            raise SealError("a sealed value in the state store has an unknown format; it cannot be opened")
        nonce, body = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        try:
            return self._cipher(purpose).decrypt(nonce, body, _FORMAT)
        except (InvalidTag, ValueError):
            raise SealError(
                "a sealed value in the state store does not open: it was damaged or sealed under another key"
            ) from None

    def _cipher(self, purpose: bytes) -> ChaCha20Poly1305:
        cipher = self._ciphers.get(purpose)
        if cipher is None:
            cipher = self._ciphers[purpose] = ChaCha20Poly1305(self._sub_key(b"seal/" + purpose))
        return cipher
