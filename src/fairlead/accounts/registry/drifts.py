"""Drifts as they are stored: shown to people, and what people decide about them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from fairlead.accounts.registry.accounts import find_account
from fairlead.accounts.registry.naming import Refused
from fairlead.core.model.account import VenueAccount
from fairlead.core.model.drift import Drift, DriftCause, DriftDecision, DriftWay
from fairlead.core.model.events import AccountRecovered
from fairlead.core.model.protection import ProtectionChanged
from fairlead.core.rules.book_rebuild import BookHeader
from fairlead.ports import Clock
from fairlead.store.queries import drifts as rows
from fairlead.store.queries.accounts import list_all_accounts
from fairlead.store.queries.recovery import load_records
from fairlead.store.session import Store

PREFIX_LENGTH_MIN: Final = 8


class AccountDrifts(msgspec.Struct, frozen=True, kw_only=True):
    """One account: where it differs from its venue, and how it was opened last (None before a server did).

    ``protection`` is who takes care of what is open, as a server noted it last; None where none did.
    """

    account: VenueAccount
    drifts: tuple[Drift, ...] = ()
    recovery: AccountRecovered | None = None
    protection: ProtectionChanged | None = None


class DriftRegistry:
    """Reads what the order path found, and notes what it should do about it."""

    def __init__(self, store: Store, clock: Clock, *, header_space: str) -> None:
        """Work on one database; ``header_space`` is where desks keep what a book has beside its rows."""
        self._store = store
        self._clock = clock
        self._space = header_space

    async def list_all(self, tenant: str | None = None) -> Sequence[AccountDrifts]:
        """Every account of a tenant, or of everybody, by label."""
        async with self._store.system_session() as system:
            accounts = await list_all_accounts(system)
            headers = await load_records(system, self._space)
        return [
            _read(account, headers.get(account.account_id)) for account in accounts if tenant in {None, account.tenant}
        ]

    async def find(self, tenant: str, drift_id: str) -> tuple[VenueAccount, Drift] | Refused:
        """One drift by its id, or by as much of its end as tells it apart."""
        found = [
            (one.account, drift)
            for one in await self.list_all(tenant)
            for drift in one.drifts
            if drift.drift_id == drift_id or (len(drift_id) >= PREFIX_LENGTH_MIN and drift.drift_id.endswith(drift_id))
        ]
        if len(found) == 1:
            return found[0]
        if found:
            return Refused(message=f"several drifts end with {drift_id}: give the whole id")
        return Refused(message=f"there is no open drift {drift_id}; see fairlead drift list")

    async def decide(
        self, tenant: str, drift_id: str, way: DriftWay, *, by: str, reason: str
    ) -> DriftDecision | Refused:
        """Note what to do about a drift; a running server does it, or the next start."""
        found = await self.find(tenant, drift_id)
        if isinstance(found, Refused):
            return found
        account, drift = found
        decision = DriftDecision(
            drift_id=drift.drift_id,
            tenant=tenant,
            account_id=account.account_id,
            way=way,
            decided_by=by,
            reason=reason,
            created_ms=self._clock.now_ms(),
        )
        async with self._store.session(tenant, writes=True) as session:
            await rows.save_decision(session, decision)
        return decision

    async def find_decision(self, tenant: str, drift_id: str) -> DriftDecision | None:
        """The newest decision about a drift."""
        async with self._store.session(tenant) as session:
            return await rows.find_decision(session, drift_id)

    async def read_policy(self, tenant: str, name: str) -> tuple[VenueAccount, frozenset[DriftCause]] | Refused:
        """What is adopted unasked on an account."""
        async with self._store.session(tenant) as session:
            account = await find_account(session, name)
            if isinstance(account, Refused):
                return account
            return account, await rows.find_policy(session, account.account_id)

    async def set_policy(
        self, tenant: str, name: str, causes: Sequence[DriftCause]
    ) -> tuple[VenueAccount, frozenset[DriftCause]] | Refused:
        """Say what is adopted unasked on an account, in place of what was."""
        async with self._store.session(tenant, writes=True) as session:
            account = await find_account(session, name)
            if isinstance(account, Refused):
                return account
            await rows.save_policy(session, account.account_id, causes)
        return account, frozenset(causes)


def _read(account: VenueAccount, header: bytes | None) -> AccountDrifts:
    if header is None:
        return AccountDrifts(account=account)
    book = msgspec.json.decode(header, type=BookHeader)
    return AccountDrifts(account=account, drifts=book.drifts, recovery=book.recovery, protection=book.protection)
