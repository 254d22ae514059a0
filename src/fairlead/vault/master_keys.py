"""The keys that seal everything else: how they are written, named and kept together."""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import Final

KEY_BYTES: Final = 32
KEY_ID_BYTES: Final = 8
PREFIX: Final = "flv_"
KEYS_MAX: Final = 8
_TEXT_LENGTH: Final = 43
_NAMING: Final = b"fairlead vault key id\0"


class VaultError(ValueError):
    """The vault cannot do what was asked; the text says what to do and shows no secret."""


class MasterKey:
    """256 random bits; ``key_id`` is the beginning of a digest of them, which tells which key is needed and no more."""

    __slots__ = ("_key", "key_id")

    def __init__(self, key: bytes) -> None:
        """Take the bits.

        Raises:
            VaultError: too few or too many of them.
        """
        if len(key) != KEY_BYTES:
            raise VaultError(f"a vault key has {KEY_BYTES} bytes, not {len(key)}")
        self._key = key
        self.key_id = hashlib.sha256(_NAMING + key).digest()[:KEY_ID_BYTES]

    @property
    def name(self) -> str:
        """The id as people read it."""
        return self.key_id.hex()

    def reveal(self) -> bytes:
        """The bits, for whoever seals or opens."""
        return self._key

    def write(self) -> str:
        """The key as text, for the one place where it is kept."""
        return PREFIX + base64.urlsafe_b64encode(self._key).decode().rstrip("=")

    def __repr__(self) -> str:
        return f"MasterKey({self.name})"

    def __reduce__(self) -> str:
        raise TypeError("a vault key is not copied and not pickled")


class KeyRing:
    """Master keys; the first seals, all of them open."""

    __slots__ = ("_keys",)

    def __init__(self, keys: tuple[MasterKey, ...]) -> None:
        """Hold these keys.

        Raises:
            VaultError: none, too many, or one of them twice.
        """
        if not 0 < len(keys) <= KEYS_MAX:
            raise VaultError(f"a vault has 1 to {KEYS_MAX} keys, not {len(keys)}: fairlead vault forget drops old ones")
        if len({key.key_id for key in keys}) != len(keys):
            raise VaultError("the same vault key is given twice")
        self._keys = keys

    @property
    def active(self) -> MasterKey:
        """The key that seals."""
        return self._keys[0]

    @property
    def names(self) -> tuple[str, ...]:
        """The ids of all keys, the sealing one first."""
        return tuple(key.name for key in self._keys)

    def find(self, key_id: bytes) -> MasterKey | None:
        """A key by its id."""
        return next((key for key in self._keys if key.key_id == key_id), None)

    def begin_with(self, key: MasterKey) -> KeyRing:
        """The same ring with one more key, which seals from now on.

        Raises:
            VaultError: there are too many.
        """
        return KeyRing((key, *self._keys))

    def without(self, name: str) -> KeyRing:
        """The same ring without one of its old keys.

        Raises:
            VaultError: it has none of this name, or it is the one that seals.
        """
        if name not in self.names:
            raise VaultError(f"there is no vault key {name} here; there are {', '.join(self.names)}")
        if name == self.active.name:
            raise VaultError(f"vault key {name} is the one that seals: run fairlead vault rotate first")
        return KeyRing(tuple(key for key in self._keys if key.name != name))

    def write(self) -> str:
        """One key a line."""
        return "".join(f"{key.write()}\n" for key in self._keys)

    def __repr__(self) -> str:
        return f"KeyRing({', '.join(self.names)})"


def read_keys(text: str) -> KeyRing:
    """Read keys between commas or on lines of their own; what stands behind ``#`` is for people.

    Raises:
        VaultError: something else is written there; it is not repeated, since it may be most of a key.
    """
    lines = [line.partition("#")[0] for line in text.splitlines()]
    return KeyRing(tuple(_read_key(word) for line in lines for word in line.replace(",", " ").split()))


def _read_key(word: str) -> MasterKey:
    body = word.removeprefix(PREFIX)
    if not word.startswith(PREFIX) or len(body) != _TEXT_LENGTH or not body.isascii():
        raise VaultError(f"what is given is not a vault key: it begins with {PREFIX} and has {_TEXT_LENGTH} more signs")
    try:
        key = MasterKey(base64.b64decode(f"{body}=", altchars=b"-_", validate=True))
    except binascii.Error:
        raise VaultError("what is given is not a vault key: a sign in it is none of base64url") from None
    if key.write() != word:
        raise VaultError("what is given is not a vault key: its last sign cannot be right")
    return key
