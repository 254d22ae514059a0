"""What the demo makes in its data folder: an owner, three paper accounts in one group, a hook that waits, and a bot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from fairlead.accounts.bot_presets import built_in_presets, to_settings
from fairlead.accounts.passwords import generate_password
from fairlead.accounts.registry import DEFAULT_GROUP, AccountWish, HookWish, Refused, UserWish
from fairlead.accounts.registry.bots import BotWish
from fairlead.cli.bots.options import bot_registry
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
BOT: Final = "demo-dip"
BOT_PRESET: Final = "nimble"
BOT_SYMBOL: Final = "ETH-USDT"
# Apart from the group that alerts go to, so that the two do not spend each other's money.
_BOT_GROUP: Final = "demo-bots"
_BOT_ACCOUNT: Final = AccountWish(label="demo-bot", opening_balances={"USDT": Decimal(2_000)}, group=_BOT_GROUP)
# How each account must end after the demo's alert: the small one's profile refuses size and leverage.
EXPECTED: Final = {"demo-net": "filled", "demo-long-short": "filled", "demo-small": "denied"}


@dataclass(frozen=True, slots=True)
class DemoWorld:
    """Everything needed to use what the demo made; ``accounts`` are those that alerts go to."""

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
    await _build_bot(registry, tenant, known)
    return DemoWorld(
        username=OWNER,
        password=password,
        tenant=tenant,
        accounts=tuple(accounts),
        group=GROUP,
        hook=issued.hook,
        token=issued.token,
    )


async def _build_bot(registry: Registry, tenant: str, known: Mapping[str, VenueAccount]) -> None:
    """Let a bot run on an account of its own, unless it does already."""
    bots = bot_registry(registry)
    if any(one.bot.name == BOT for one in await bots.list_all(tenant)):
        return
    groups = {one.group.name for one in await registry.groups.list_all(tenant)}
    if _BOT_GROUP not in groups:
        require(await registry.groups.add(tenant, _BOT_GROUP, ()))
    if _BOT_ACCOUNT.label not in known:
        require(await registry.accounts.add(tenant, _BOT_ACCOUNT))
    settings = to_settings(built_in_presets()[BOT_PRESET].settings)
    wish = BotWish(name=BOT, account=_BOT_ACCOUNT.label, symbol=BOT_SYMBOL, settings=settings)
    require(await bots.create(tenant, wish))
