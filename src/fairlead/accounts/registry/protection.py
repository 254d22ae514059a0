"""What an owner wants done about resting orders when Fairlead is away."""

from __future__ import annotations

from typing import Final

import msgspec

from fairlead.accounts.registry.accounts import find_account
from fairlead.accounts.registry.naming import Refused
from fairlead.core.model.account import VenueAccount
from fairlead.core.model.protection import DEAD_MAN_S_MAX, DEAD_MAN_S_MIN
from fairlead.store.queries.dead_man import find_timeout, list_all_timeouts, save_timeout
from fairlead.store.session import Store

# Venues that cancel by themselves when they do not hear of us.
_WITH_SWITCH: Final = frozenset({"okx"})


class DeadManChoice(msgspec.Struct, frozen=True, kw_only=True):
    """An account, and after how many seconds without us its venue cancels what rests there; 0 is off."""

    account: VenueAccount
    timeout_s: int


class ProtectionRegistry:
    """Choices about the dead man's switch; a running server follows them."""

    def __init__(self, store: Store) -> None:
        """Work on one database."""
        self._store = store

    async def read(self, tenant: str, name: str) -> DeadManChoice | Refused:
        """The choice for one account; off unless somebody chose."""
        async with self._store.session(tenant) as session:
            account = await find_account(session, name)
            if isinstance(account, Refused):
                return account
            return DeadManChoice(account=account, timeout_s=await find_timeout(session, account.account_id) or 0)

    async def choose(self, tenant: str, name: str, timeout_s: int) -> DeadManChoice | Refused:
        """Switch it on with a timeout in seconds, or off with 0."""
        if timeout_s and not DEAD_MAN_S_MIN <= timeout_s <= DEAD_MAN_S_MAX:
            return Refused(message=f"the timeout is {DEAD_MAN_S_MIN} to {DEAD_MAN_S_MAX} seconds, not {timeout_s}")
        async with self._store.session(tenant, writes=True) as session:
            account = await find_account(session, name)
            if isinstance(account, Refused):
                return account
            if account.kind not in _WITH_SWITCH:
                said = f"{account.label} is of kind {account.kind}, whose venue has no dead man's switch"
                return Refused(message=f"{said}; kinds that have one: {', '.join(sorted(_WITH_SWITCH))}")
            await save_timeout(session, account.account_id, timeout_s)
            return DeadManChoice(account=account, timeout_s=timeout_s)

    async def list_all(self) -> dict[str, int]:
        """Every choice in seconds by account id, 0 is off, for the command line."""
        async with self._store.system_session() as system:
            return dict(await list_all_timeouts(system))
