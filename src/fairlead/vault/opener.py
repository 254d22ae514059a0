"""Opens the key of a venue account where a request is signed, and nowhere else."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from fairlead.core.model.secret import Secret
from fairlead.ports import SecretBox
from fairlead.store.queries.secrets import KeyPermission, VenueKeyRow, venue_key_place
from fairlead.vault.master_keys import VaultError


class VenueCredentials:
    """An open key. It works only inside the ``with`` that opened it, and shows itself nowhere."""

    __slots__ = ("_parts", "permissions")

    def __init__(self, parts: Mapping[str, Secret], permissions: tuple[KeyPermission, ...]) -> None:
        """Hold the parts for a moment."""
        self._parts = dict(parts)
        self.permissions = permissions

    @property
    def api_key(self) -> Secret:
        """What names the key to the venue."""
        return self._part("api_key")

    @property
    def api_secret(self) -> Secret:
        """What signs."""
        return self._part("api_secret")

    @property
    def passphrase(self) -> Secret:
        """What some venues want beside it; empty where they do not."""
        return self._part("passphrase")

    def close(self) -> None:
        """Let go of the parts."""
        self._parts.clear()

    def _part(self, name: str) -> Secret:
        if name not in self._parts:
            raise VaultError("these credentials were closed: sign inside the with that opened them")
        return self._parts[name]

    def __repr__(self) -> str:
        return "VenueCredentials(***)"

    def __reduce__(self) -> str:
        raise TypeError("credentials are not copied and not pickled")


class CredentialOpener:
    """Holds the sealed keys of all accounts in memory, so that signing waits for no database; opens one at a time."""

    def __init__(self, load: Callable[[], Awaitable[Sequence[VenueKeyRow]]], box: SecretBox) -> None:
        """Take who reads the sealed keys, and what opens them; ``reload`` before the first use."""
        self._load = load
        self._box = box
        self._rows: dict[str, VenueKeyRow] = {}
        self.opened = 0
        self.failed = 0

    async def reload(self) -> None:
        """Take the sealed keys as they are stored now: at the start, and when something was configured."""
        self._rows = {row.account_id: row for row in await self._load()}

    @contextmanager
    def open(self, account_id: str) -> Iterator[VenueCredentials]:
        """Open the key of one account, for as long as the signing takes (some 10 microseconds).

        Raises:
            VaultError: the account has no key, or it does not open.
        """
        try:
            credentials = self._open(account_id)
        except ValueError:
            self.failed += 1
            raise
        self.opened += 1
        try:
            yield credentials
        finally:
            credentials.close()

    def _open(self, account_id: str) -> VenueCredentials:
        row = self._rows.get(account_id)
        if row is None:
            raise VaultError(f"account {account_id} has no venue key: fairlead account key set")
        sealed = {"api_key": row.api_key, "api_secret": row.api_secret, "passphrase": row.passphrase}
        parts = {
            field: self._box.open(value, venue_key_place(row.tenant, account_id, field))
            for field, value in sealed.items()
        }
        return VenueCredentials(parts, row.permissions)
