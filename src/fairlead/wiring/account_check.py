"""Looks at one account at its venue, for whoever sets it up; trades nothing."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from fairlead.clock import SystemClock
from fairlead.core.model.account import VenueAccount
from fairlead.settings import Settings
from fairlead.store.session import Store
from fairlead.venues.account_findings import Severity
from fairlead.wiring.far_kinds import FAR_KINDS, open_far_kind
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
    tools = KindTools(tasks=TaskSupervisor(), journal=None, store=store, clock=SystemClock(), desks=lambda: ())
    kind = open_far_kind(tools, name=account.kind, box=open_secret_box(settings))
    try:
        await kind.reload()
        found = await kind.check(account)
    finally:
        await kind.close()
    return [
        AccountFinding(
            severity=finding.severity.name.lower(),
            subject=finding.subject,
            message=finding.message,
            advice=finding.advice,
        )
        for finding in found
    ]
