"""Plays a bot through before somebody creates it over HTTP, beside the event loop that trades."""

from __future__ import annotations

import asyncio
from decimal import Decimal

from fairlead.accounts.bot_presets import settings_values
from fairlead.accounts.registry.bots import BotWish
from fairlead.accounts.registry.naming import Refused
from fairlead.core.model.money import format_amount
from fairlead.market.hub import JoinedMarket
from fairlead.ports import Clock
from fairlead.reporting.ladder_text import ladder_values, worst_case_values
from fairlead.settings import Settings
from fairlead.sources.webhook.alert import FieldError
from fairlead.store.session import Store
from fairlead.web.tools import BotVerdict
from fairlead.wiring.previewing import BotCheck, BotPlan, set_bot_stage

CAPITAL = "capital"


class BotChecks:
    """Reads the database in a thread with a connection of its own: a preview may take longer than an order may wait."""

    def __init__(self, settings: Settings, clock: Clock, market: JoinedMarket) -> None:
        """Work on the database of a process, with the prices that it hears."""
        self._settings = settings
        self._clock = clock
        self._market = market

    async def check(self, tenant: str, wish: BotWish) -> BotVerdict | Refused:
        """Say what speaks against a bot, and what it would do."""
        quote = self._market.quotes.get(wish.symbol)
        price = None if quote is None else quote.last
        found = await asyncio.to_thread(self._play, tenant, wish, price)
        if isinstance(found, Refused):
            return found
        return BotVerdict(
            refusals=tuple(FieldError(field=one.field, value=one.value, rule=one.rule) for one in found.refusals),
            is_only_capital=all(one.field == CAPITAL for one in found.refusals),
            preview={
                "price": format_amount(found.preview.price),
                "levels": ladder_values(found.preview),
                "worst_case": worst_case_values(found.preview.worst),
                "free": format_amount(found.free),
                "by_others": format_amount(found.by_others),
                "settings": settings_values(found.settings),
            },
        )

    def _play(self, tenant: str, wish: BotWish, price: Decimal | None) -> BotCheck | Refused:
        return asyncio.run(self._look(tenant, wish, price))

    async def _look(self, tenant: str, wish: BotWish, price: Decimal | None) -> BotCheck | Refused:
        url = self._settings.store_url
        store = Store(url)
        try:
            now_ms, seed = self._clock.now_ms(), self._settings.market_seed
            stage = await set_bot_stage(store, url, tenant, now_ms=now_ms, seed=seed)
            return stage.check(BotPlan(account=wish.account, symbol=wish.symbol, settings=wish.settings, price=price))
        finally:
            await store.close()
