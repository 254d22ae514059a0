"""Plays bots through for callers of the API, beside the event loop that trades."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Final

from msgspec.structs import replace

from fairlead.accounts.bot_questions import BotQuestion
from fairlead.accounts.directory import LiveDirectory
from fairlead.accounts.registry.bots import BotRegistry
from fairlead.accounts.registry.naming import Refused
from fairlead.accounts.wrong_values import show_value
from fairlead.core.model.account import VenueAccount
from fairlead.core.rules.bots.rules import FindRule, no_rules
from fairlead.ports import Clock
from fairlead.settings import Settings
from fairlead.sources.webhook.alert import FieldError
from fairlead.store.session import Store
from fairlead.web.tools import BotVerdict, PlaysBusyError
from fairlead.wiring.bot_looks import Looked, check_values, look
from fairlead.wiring.previewing import BotStage, set_bot_stage

CAPITAL: Final = "capital"
PLAYS_AT_ONCE_MAX: Final = 2
PLAYS_WAITING_MAX: Final = 16

PriceOf = Callable[[VenueAccount, str], Decimal | None]
"""The last price of an instrument where an account trades; None where nothing was heard of it."""


class BotChecks:
    """Reads the database in a thread with a connection of its own: a preview may take longer than an order may wait."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        directory: LiveDirectory,
        price_of: PriceOf,
        find_rule: FindRule = no_rules,
    ) -> None:
        """Work on the database of a process, with the prices that it hears and the rules that it runs."""
        self._settings = settings
        self._clock = clock
        self._directory = directory
        self._price_of = price_of
        self._find_rule = find_rule
        self._at_once = asyncio.Semaphore(PLAYS_AT_ONCE_MAX)
        self._waiting = 0

    async def look(self, tenant: str, question: BotQuestion) -> BotVerdict | Refused:
        """Say what a bot would do, and what speaks against it.

        Raises:
            SettingsError: the question makes no settings.
            PlaysBusyError: too many others wait already.
        """
        if self._waiting >= PLAYS_WAITING_MAX:
            raise PlaysBusyError(f"{PLAYS_WAITING_MAX} previews are waiting")
        question = replace(question, price=question.price or self._heard(tenant, question))
        self._waiting += 1
        try:
            async with self._at_once:
                found = await asyncio.to_thread(lambda: asyncio.run(self._look(tenant, question)))
        finally:
            self._waiting -= 1
        return found if isinstance(found, Refused) else _verdict(found)

    def _heard(self, tenant: str, question: BotQuestion) -> Decimal | None:
        """The last price that this process heard where the bot trades."""
        directory = self._directory.current
        known = (one for one in directory.roster.bots.values() if one.tenant == tenant)
        bot = next((one for one in known if question.bot in {one.name, one.bot_id}), None)
        wanted = question.account or ("" if bot is None else bot.account_id)
        symbol = question.symbol or ("" if bot is None else bot.symbol)
        accounts = directory.list_accounts(tenant)
        account = next((one for one in accounts if wanted in {one.label, one.account_id}), None)
        return None if account is None else self._price_of(account, symbol)

    async def _look(self, tenant: str, question: BotQuestion) -> Looked | Refused:
        store = Store(self._settings.store_url)

        async def open_stage() -> BotStage:
            now_ms, seed = self._clock.now_ms(), self._settings.market_seed
            url = self._settings.store_url
            return await set_bot_stage(store, url, tenant, now_ms=now_ms, seed=seed, find_rule=self._find_rule)

        try:
            return await look(BotRegistry(store, self._clock), tenant, question, open_stage)
        finally:
            await store.close()


def _verdict(found: Looked) -> BotVerdict:
    check = found.check
    return BotVerdict(
        refusals=tuple(
            FieldError(field=one.field, value=show_value(one.value), rule=one.rule) for one in check.refusals
        ),
        is_only_capital=all(one.field == CAPITAL for one in check.refusals),
        preview=check_values(check),
        settings=check.settings,
        account_id=check.account.account_id,
        symbol=check.preview.symbol,
        version=0 if found.found is None else found.found.bot.settings_version,
    )
