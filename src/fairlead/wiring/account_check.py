"""Looks at one account at its venue, for whoever sets it or a bot up; trades nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal

import msgspec

from fairlead.clock import SystemClock
from fairlead.core.model.account import VenueAccount
from fairlead.settings import Settings
from fairlead.store.session import Store
from fairlead.venues.account_findings import Severity
from fairlead.wiring.far_kinds import FAR_KINDS, CheckingKind, open_far_kind
from fairlead.wiring.secret_box import open_secret_box
from fairlead.wiring.venue_kinds import KindTools
from fairlead.worker import TaskSupervisor


class AccountFinding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing about an account, and what to do about it; it is not traded while ``is_refusal``."""

    severity: str
    subject: str
    message: str
    advice: str

    @property
    def is_refusal(self) -> bool:
        """Whether it keeps the account from being traded."""
        return self.severity == Severity.REFUSE.name.lower()


async def check_account(settings: Settings, store: Store, account: VenueAccount) -> Sequence[AccountFinding]:
    """Ask the venue of an account what will not work, worst first.

    Raises:
        VenueUnreachableError: it does not answer, or not with this key.
        VaultError: the keys of the vault are none.
    """
    if account.kind not in FAR_KINDS:
        return ()
    async with _visiting(settings, store, account) as kind:
        found = await kind.check(account)
    return [
        AccountFinding(
            severity=finding.severity.name.lower(),
            subject=finding.subject,
            message=finding.message,
            advice=finding.advice,
        )
        for finding in found
    ]


async def look_up_price(settings: Settings, store: Store, account: VenueAccount, symbol: str) -> Decimal | None:
    """Ask the venue of an account for the last price of an instrument; None where it tells none.

    Raises:
        VenueUnreachableError: it does not answer.
        VaultError: the keys of the vault are none.
    """
    if account.kind not in FAR_KINDS:
        return None
    async with _visiting(settings, store, account) as kind:
        quote = await kind.look_up(account, symbol)
    return None if quote is None else quote.last


@asynccontextmanager
async def _visiting(settings: Settings, store: Store, account: VenueAccount) -> AsyncIterator[CheckingKind]:
    """The kind of an account in a process that trades nothing."""
    tasks = TaskSupervisor()
    tools = KindTools(tasks=tasks, journal=None, store=store, clock=SystemClock(), desks=lambda: ())
    kind = open_far_kind(tools, name=account.kind, box=open_secret_box(settings))
    try:
        await kind.reload()
        yield kind
    finally:
        await tasks.close()
        await kind.close()
