"""Where master keys come from: given from outside and only read, or a private file of ours."""

from __future__ import annotations

import fcntl
import os
import stat
from pathlib import Path
from typing import Final, Protocol

from fairlead.store.private_files import write_private_file
from fairlead.vault.master_keys import KEY_BYTES, KeyRing, MasterKey, VaultError, read_keys

FILE_BYTES_MAX: Final = 16_384
_OTHERS: Final = 0o077
_HEAD: Final = """\
# Keys of Fairlead's vault; the first one seals, all of them open. Without this file nobody can read the venue keys
# and channel secrets in the database. Keep a copy of it, and keep it away from the copies of the database.
"""


class KeysChangedError(VaultError):
    """Somebody else wrote other keys first; nothing was overwritten."""


class KeySource(Protocol):
    """Where the keys of an installation are kept."""

    @property
    def origin(self) -> str:
        """Where that is, for people."""
        ...

    @property
    def is_writable(self) -> bool:
        """Whether we may add and drop keys there ourselves."""
        ...

    def read(self) -> KeyRing | None:
        """All keys as they are now; None while there are none.

        Raises:
            VaultError: they cannot be read, or others could read them.
        """
        ...

    def replace(self, ring: KeyRing | None, changed: KeyRing) -> None:
        """Put other keys there, if what is there still is ``ring`` (None: nothing is there yet).

        Raises:
            KeysChangedError: something else is there by now.
            VaultError: it cannot be written.
        """
        ...


class GivenKeys:
    """Keys from an environment variable or a systemd credential: read once, changed only from outside."""

    is_writable: Final = False

    def __init__(self, text: str, origin: str) -> None:
        """Read them.

        Raises:
            VaultError: they are not written as keys are.
        """
        self.origin = origin
        self._ring = read_keys(text)

    def read(self) -> KeyRing:
        """Hand them out."""
        return self._ring

    def replace(self, ring: KeyRing | None, changed: KeyRing) -> None:  # noqa: ARG002
        """Refuse: whoever gives the keys changes them."""
        raise VaultError(f"the vault's keys come from {self.origin}: change them there")


class NoKeys:
    """No place for keys is known, and none is made up: whoever runs a database server says where its keys are."""

    is_writable: Final = False
    origin: Final = "set FAIRLEAD_VAULT_KEY_FILE or FAIRLEAD_VAULT_KEY; fairlead vault new-key makes a key"

    def read(self) -> None:
        """There are none."""

    def replace(self, ring: KeyRing | None, changed: KeyRing) -> None:  # noqa: ARG002
        """Refuse: there is no place for them."""
        raise VaultError(f"there is no place for a key: {self.origin}")


class KeyFile:
    """A file that only its owner can read; replaced as a whole, so that it is never half written."""

    is_writable: Final = True

    def __init__(self, path: Path) -> None:
        """Keep the keys there."""
        self._path = path
        self.origin = str(path)

    def read(self) -> KeyRing | None:
        """Read all keys, unless others could have read or written them."""
        try:
            descriptor = os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise VaultError(f"the vault's key file {self._path} cannot be read: {error.strerror}") from None
        try:
            self._check_private(os.fstat(descriptor))
            text = os.read(descriptor, FILE_BYTES_MAX)
        finally:
            os.close(descriptor)
        try:
            return read_keys(text.decode("ascii", "replace"))
        except VaultError as error:
            raise VaultError(f"the vault's key file {self._path} cannot be used: {error}") from None

    def replace(self, ring: KeyRing | None, changed: KeyRing) -> None:
        """Write all keys anew, on disk before anything is sealed with them."""
        beside = self._path.with_name(f"{self._path.name}.new")
        try:
            folder = os.open(self._path.parent, os.O_RDONLY | os.O_CLOEXEC)
            try:
                # Two commands at once take turns; the second one finds what the first one wrote.
                fcntl.flock(folder, fcntl.LOCK_EX)
                self._check_unchanged(ring)
                write_private_file(beside, (_HEAD + changed.write()).encode("ascii"))
                beside.replace(self._path)
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise VaultError(f"the vault's key file {self._path} cannot be written: {error.strerror}") from None

    def _check_unchanged(self, ring: KeyRing | None) -> None:
        now = self.read()
        if now is not None and ring is None:
            raise KeysChangedError(f"there is a key file {self._path} already")
        if ring is not None and (now is None or now.names != ring.names):
            raise KeysChangedError(f"somebody else changed {self._path} just now; look at it and try again")

    def _check_private(self, status: os.stat_result) -> None:
        mode = stat.S_IMODE(status.st_mode)
        if not stat.S_ISREG(status.st_mode):
            raise VaultError(f"the vault's key file {self._path} is not a file")
        if status.st_uid != os.geteuid():
            raise VaultError(
                f"the vault's key file {self._path} belongs to another user: run this as that one, or chown it to yours"
            )
        if mode & _OTHERS:
            raise VaultError(
                f"others may read the vault's key file {self._path} (mode {mode:04o}): run chmod 600 {self._path}, "
                "and if they are not trusted, fairlead vault rotate"
            )


def draw_key() -> MasterKey:
    """Draw a new master key from the operating system's random numbers."""
    return MasterKey(os.urandom(KEY_BYTES))
