"""Keys of venue accounts: taken in, sealed at once, and never shown again."""

from __future__ import annotations

import hashlib
from typing import Final

import msgspec

from fairlead.accounts.registry.accounts import find_account
from fairlead.accounts.registry.naming import Refused
from fairlead.core.model.account import VenueAccount
from fairlead.core.model.secret import Secret
from fairlead.ports import Clock, SecretBox
from fairlead.store.queries import secrets as rows
from fairlead.store.queries.secrets import KeyPermission, VenueKeyRow, venue_key_place
from fairlead.store.session import Store

PART_LENGTH_MAX: Final = 512
WITHDRAW: Final = "withdraw"
# Venues that sign with a passphrase too (OKX API v5).
_WITH_PASSPHRASE: Final = frozenset({"okx"})
_FINGERPRINT_BYTES: Final = 8


class VenueKeyWish(msgspec.Struct, frozen=True, kw_only=True):
    """A key as its venue gave it; ``permissions`` as the venue calls them, such as ``read_only`` and ``trade``."""

    api_key: Secret
    api_secret: Secret
    passphrase: Secret
    permissions: tuple[str, ...] = (KeyPermission.READ_ONLY, KeyPermission.TRADE)


class VenueKeyRegistry:
    """Keeps at most one key for each account."""

    def __init__(self, store: Store, clock: Clock) -> None:
        """Work on one database."""
        self._store = store
        self._clock = clock

    async def set(self, tenant: str, name: str, wish: VenueKeyWish, box: SecretBox) -> VenueKeyRow | Refused:
        """Seal a key for an account, in place of the one it had.

        Raises:
            ValueError: there is no vault key to seal it with.
        """
        account = await self._find_account(tenant, name)
        if isinstance(account, Refused):
            return account
        fingerprint = fingerprint_of(account.exchange, wish.api_key)
        refused = _check(account, wish) or await self._check_free(account, fingerprint)
        if refused is not None:
            return refused
        async with self._store.session(tenant, writes=True) as session:
            row = self._seal(account, wish, box, fingerprint)
            await rows.save_venue_key(session, row)
        return row

    async def find(self, tenant: str, name: str) -> tuple[VenueAccount, VenueKeyRow] | Refused:
        """What may be known of an account's key."""
        async with self._store.session(tenant) as session:
            account = await find_account(session, name)
            if isinstance(account, Refused):
                return account
            row = await rows.find_venue_key(session, account.account_id)
            return (account, row) if row is not None else _no_key(account)

    async def remove(self, tenant: str, name: str) -> VenueAccount | Refused:
        """Forget an account's key; at the venue it stays valid until it is deleted there."""
        async with self._store.session(tenant, writes=True) as session:
            account = await find_account(session, name)
            if isinstance(account, Refused):
                return account
            return account if await rows.remove_venue_key(session, account.account_id) else _no_key(account)

    async def _find_account(self, tenant: str, name: str) -> VenueAccount | Refused:
        async with self._store.session(tenant) as session:
            return await find_account(session, name)

    async def _check_free(self, account: VenueAccount, fingerprint: bytes) -> Refused | None:
        async with self._store.system_session() as system:
            other = await rows.find_venue_key_by_fingerprint(system, fingerprint)
        if other is None or other.account_id == account.account_id:
            return None
        return Refused(
            message="another account has this key already, and each would be surprised by the other's orders"
        )

    def _seal(self, account: VenueAccount, wish: VenueKeyWish, box: SecretBox, fingerprint: bytes) -> VenueKeyRow:
        def seal(secret: Secret, field: str) -> bytes:
            return box.seal(secret, venue_key_place(account.tenant, account.account_id, field))

        return VenueKeyRow(
            account_id=account.account_id,
            tenant=account.tenant,
            api_key=seal(wish.api_key, "api_key"),
            api_secret=seal(wish.api_secret, "api_secret"),
            passphrase=seal(wish.passphrase, "passphrase"),
            fingerprint=fingerprint,
            permissions=tuple(map(KeyPermission, wish.permissions)),
            created_ms=self._clock.now_ms(),
        )


def fingerprint_of(exchange: str, api_key: Secret) -> bytes:
    """Eight bytes that tell two keys apart: of the part that names a key, which is random and signs nothing."""
    text = f"fairlead venue key\0{exchange}\0{api_key.reveal()}"
    return hashlib.sha256(text.encode()).digest()[:_FINGERPRINT_BYTES]


def _check(account: VenueAccount, wish: VenueKeyWish) -> Refused | None:
    parts = {"API key": wish.api_key, "secret": wish.api_secret, "passphrase": wish.passphrase}
    for name, part in parts.items():
        text = part.reveal()
        if len(text) > PART_LENGTH_MAX or not text.isprintable() or text != text.strip():
            return Refused(
                message=f"the {name} must be one line of at most {PART_LENGTH_MAX} characters, without spaces around it"
            )
        if not text and (name != "passphrase" or account.exchange in _WITH_PASSPHRASE):
            return Refused(message=f"the {name} is empty, and {account.exchange} asks for it")
    if WITHDRAW in wish.permissions:
        return Refused(message="a key that may withdraw is not kept here: make one at the venue that may only trade")
    known = [permission.value for permission in KeyPermission]
    if not wish.permissions or not set(wish.permissions) <= set(known):
        return Refused(message=f"permissions are some of {', '.join(known)}")
    return None


def _no_key(account: VenueAccount) -> Refused:
    return Refused(message=f"account {account.label!r} has no venue key: fairlead account key set gives it one")
