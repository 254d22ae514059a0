"""What the demo makes in its data folder: an owner, three paper accounts in one group, and a hook that waits."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from fairlead.accounts.passwords import generate_password
from fairlead.accounts.registry import DEFAULT_GROUP, AccountWish, HookWish, Refused, UserWish
from fairlead.cli.records import Registry, require
from fairlead.core.model.account import PositionMode, VenueAccount
from fairlead.store.queries.hooks import Hook, ResponseMode

OWNER: Final = "demo"
HOOK: Final = "demo"
GROUP: Final = DEFAULT_GROUP

_ACCOUNTS: Final = (
    AccountWish(label="demo-net", opening_balances={"USDT": Decimal(10_000), "BTC": Decimal("0.1")}),
    AccountWish(
        label="demo-long-short",
        position_mode=PositionMode.LONG_SHORT,
        opening_balances={"USDT": Decimal(5_000), "BTC": Decimal("0.05")},
    ),
    AccountWish(label="demo-small", risk_profile="strict", opening_balances={"USDT": Decimal(500)}),
)
# How each account must end after the demo's alert: the small one's profile refuses size and leverage.
EXPECTED: Final = {"demo-net": "filled", "demo-long-short": "filled", "demo-small": "denied"}


@dataclass(frozen=True, slots=True)
class DemoWorld:
    """Everything needed to use what the demo made."""

    username: str
    password: str
    tenant: str
    accounts: tuple[VenueAccount, ...]
    group: str
    hook: Hook
    token: str


async def build_demo_world(registry: Registry) -> DemoWorld:
    """Make the demo's things, or find them in a folder of an earlier run: then password and token are new.

    Raises:
        StopError: something of the same name is in the way.
    """
    password = generate_password()
    owner = await registry.users.set_password(OWNER, password)
    if isinstance(owner, Refused):
        owner = require(await registry.users.add(UserWish(username=OWNER, password=password)))
    tenant = owner.tenant
    known = {account.label: account for account in await registry.accounts.list_all(tenant)}
    accounts = [known.get(wish.label) or require(await registry.accounts.add(tenant, wish)) for wish in _ACCOUNTS]
    issued = await registry.hooks.rotate(tenant, HOOK, overlap_ms=0)
    if isinstance(issued, Refused):
        wish = HookWish(name=HOOK, owner=OWNER, target=GROUP, response_mode=ResponseMode.WAIT)
        issued = require(await registry.hooks.add(tenant, wish))
    return DemoWorld(
        username=OWNER,
        password=password,
        tenant=tenant,
        accounts=tuple(accounts),
        group=GROUP,
        hook=issued.hook,
        token=issued.token,
    )
