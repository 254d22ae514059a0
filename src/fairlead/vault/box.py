"""The vault as everybody else sees it: seals with the newest key, opens with any key that is there."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final

from fairlead.core.model.secret import Secret
from fairlead.ports import SealedPlace
from fairlead.vault.key_sources import KeysChangedError, KeySource, draw_key
from fairlead.vault.master_keys import KeyRing, VaultError
from fairlead.vault.sealing import NONCE_BYTES, open_sealed, read_key_id, seal

NO_KEY: Final = "the vault has no key yet"


def _tell_nobody(_: str) -> None:
    """Say nothing of a new key."""


class VaultBox:
    """Seals and opens with the keys of one source; a ``ports.SecretBox``.

    Where the source is a file of ours, the first sealing makes the first key, and ``tell_new_key`` hears where it is.
    Keys are read again for every sealing, so a key that was replaced seals nothing more, and when a value needs a key
    that was not there before, so a rotation by another process needs no restart.
    """

    def __init__(self, source: KeySource, tell_new_key: Callable[[str], None] = _tell_nobody) -> None:
        """Work with the keys of this source; nothing is read yet."""
        self._source = source
        self._tell_new_key = tell_new_key
        self._ring: KeyRing | None = None

    def seal(self, secret: Secret, place: SealedPlace) -> bytes:
        """Lock a secret up; inside the transaction that writes it, so that its key cannot be forgotten meanwhile.

        Raises:
            VaultError: there is no key and none may be made here, or the keys cannot be read.
        """
        self._ring = self._source.read() or self._make_first()
        return seal(secret, place, key=self._ring.active, nonce=os.urandom(NONCE_BYTES))

    def open(self, sealed: bytes, place: SealedPlace) -> Secret:
        """Take a secret out.

        Raises:
            VaultError: its key is not there (the text names the key), or it was changed or moved.
        """
        key_id = read_key_id(sealed)
        if self._ring is None or self._ring.find(key_id) is None:
            self._ring = self._source.read()
        if self._ring is None:
            raise VaultError(f"this needs vault key {key_id.hex()}, but there is no key in {self._source.origin}")
        return open_sealed(sealed, place, self._ring)

    def _make_first(self) -> KeyRing:
        if not self._source.is_writable:
            raise VaultError(f"{NO_KEY}: {self._source.origin}")
        first = KeyRing((draw_key(),))
        try:
            self._source.replace(None, first)
        except KeysChangedError:
            # Another process made the first key at the same moment: that one counts.
            return self._source.read() or first
        self._tell_new_key(self._source.origin)
        return first
