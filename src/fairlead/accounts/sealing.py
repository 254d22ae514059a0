"""Seals secrets that must be used again, such as a bot's token, with a key that is kept apart from the database."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BITS: Final = 256
NONCE_BYTES: Final = 12
FILE_MODE: Final = 0o600
# The first byte of what is sealed says how, so that it can be done otherwise one day.
FORMAT: Final = b"\x01"


class KeyFileBox:
    """AES-256-GCM with a random nonce; the context is authenticated, so a secret that was moved does not open.

    The key is made when the first secret is sealed. A copy of the database without this file opens nothing.
    """

    def __init__(self, path: Path) -> None:
        """Keep the key in this file."""
        self._path = path

    def seal(self, plain: bytes, context: str) -> bytes:
        """Lock a secret up; it opens again only in the same context.

        Raises:
            OSError: the key file cannot be read or made.
        """
        nonce = secrets.token_bytes(NONCE_BYTES)
        return FORMAT + nonce + AESGCM(self._key_or_new()).encrypt(nonce, plain, context.encode())

    def open(self, sealed: bytes, context: str) -> bytes:
        """Take a secret out.

        Raises:
            ValueError: it was sealed with another key or in another context, somebody changed it, or the key is gone.
        """
        nonce, body = sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :]
        try:
            if sealed[:1] != FORMAT:
                raise ValueError("sealed in a way that is not known here")
            return AESGCM(self._path.read_bytes()).decrypt(nonce, body, context.encode())
        except InvalidTag:
            raise ValueError("sealed with another key, or for something else") from None
        except OSError as error:
            raise ValueError(f"the key in {self._path} cannot be read: {error.strerror}") from None

    def _key_or_new(self) -> bytes:
        try:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
        except FileExistsError:
            return self._path.read_bytes()
        key = AESGCM.generate_key(KEY_BITS)
        with os.fdopen(descriptor, "wb") as file:
            file.write(key)
            file.flush()
            os.fsync(descriptor)
        return key
