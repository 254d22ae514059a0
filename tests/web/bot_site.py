"""A site whose people, accounts, hooks and bots are in its database, previews included."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

from fairlead.accounts.directory import Directory, load_directory
from fairlead.accounts.registry import AccountWish, HookWish, UserWish
from fairlead.accounts.registry.accounts import AccountRegistry
from fairlead.accounts.registry.hooks import HookRegistry
from fairlead.accounts.registry.users import UserRegistry
from fairlead.cli.records import require
from fairlead.core.model.bots.decision import BotCommand
from fairlead.store.queries.bots import load_roster
from fairlead.store.queries.users import Role
from tests.sources.webhook.world import World
from tests.web.site import Site, basic

PASSWORD = "correct horse battery staple"
OPENING = {"USDT": Decimal(10_000)}
DIP = {"name": "dip", "account": "main", "symbol": "BTC-USDT", "settings": {"step": 1.5, "max_safety_orders": 3}}
ANN, VIC, EVE = (basic(name, PASSWORD) for name in ("ann", "vic", "eve"))


class BotSite(Site):
    """Ann owns two accounts and two hooks, vic may look at what is hers, and eve is of another tenant."""

    token = ""
    other_token = ""

    async def furnish(self) -> None:
        """Store them, and read the directory."""
        store, clock = self.world.store, self.world.clock
        users, accounts = UserRegistry(store, clock), AccountRegistry(store, clock)
        ann = require(await users.add(UserWish(username="ann", password=PASSWORD)))
        require(await users.add(UserWish(username="vic", password=PASSWORD, role=Role.VIEWER, tenant=ann.tenant)))
        eve = require(await users.add(UserWish(username="eve", password=PASSWORD)))
        for tenant, label in ((ann.tenant, "main"), (ann.tenant, "spare"), (eve.tenant, "main")):
            require(await accounts.add(tenant, AccountWish(label=label, opening_balances=OPENING)))
        hooks = HookRegistry(store, clock)
        self.token = require(await hooks.add(ann.tenant, HookWish(name="chart", target="main"))).token
        self.other_token = require(await hooks.add(ann.tenant, HookWish(name="other", target="spare"))).token
        await self.reload()

    async def reload(self) -> None:
        """Read the directory again, as a server does when something was configured."""
        self.world.directory.current = await load_directory(self.world.store)
        assert isinstance(self.world.directory.current, Directory)

    async def words(self) -> list[BotCommand]:
        """Everything that any bot was told."""
        async with self.world.store.system_session() as system:
            roster = await load_roster(system)
        return [word for told in roster.commands.values() for word in told]


@asynccontextmanager
async def open_bot_site(folder: Path) -> AsyncIterator[BotSite]:
    """Start it, and end it."""
    world = World(folder)
    await world.start()
    site = BotSite(world)
    await site.furnish()
    yield site
    await world.stop()
