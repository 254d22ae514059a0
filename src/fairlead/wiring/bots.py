"""Joins bots to the order path, the market and what people configure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

import structlog

from fairlead.accounts.directory import LiveDirectory
from fairlead.core.model.account import VenueAccount
from fairlead.core.rules.account_book import AccountBook
from fairlead.core.rules.bots.rules import FindRule, no_rules
from fairlead.market.hub import MarketHub
from fairlead.market.warming import PastCandles
from fairlead.ports import Clock, Record, Unit
from fairlead.sources.bots.runner import BotRunner
from fairlead.sources.bots.seams import BotTools
from fairlead.sources.bots.stored_bots import StoredBots
from fairlead.store.queries.bots import Bot
from fairlead.store.session import Store
from fairlead.wiring.bot_conditions import BotConditions, Histories
from fairlead.wiring.trading import Trading

Stops = Callable[[VenueAccount, Bot], bool]

_log = structlog.get_logger("fairlead")


class Bots:
    """Every bot of one process."""

    def __init__(
        self,
        *,
        trading: Trading,
        store: Store,
        clock: Clock,
        directory: LiveDirectory,
        stops: Stops,
        find_rule: FindRule = no_rules,
    ) -> None:
        """Build it; ``start`` reads the database.

        ``stops`` tells whether a kill switch covers a bot on an account; ``find_rule`` finds rules somebody wrote.
        """
        self._trading = trading
        self._directory = directory
        self._stops = stops
        self.find_rule = find_rule
        self.runner = BotRunner(
            BotTools(
                door=trading.door,
                reader=StoredBots(store, self._book_of),
                clock=clock,
                account_of=self._account_of,
                market_of=self._market_of,
                may_enter=self._may_enter,
                want_quotes=self._want_quotes,
                spawn=trading.tasks.start,
                report=_report,
                differs=self._differs,
                find_rule=find_rule,
            )
        )
        histories = Histories(history_of=self._history_of, spawn=trading.tasks.start, keep=self._keep)
        self._conditions = BotConditions(self.runner, self._hub_of, find_rule, clock, histories)

    async def start(self) -> None:
        """Take every bot up where it was, after the desks of this process are open."""
        self._trading.listeners.append(self.runner.heard)
        roster = self._directory.current.roster
        await self.runner.start(list(roster.bots.values()), roster.commands)
        self._trading.tasks.start("bots", self.runner.run())
        self._conditions.configure(roster.bots.values())
        self._trading.tasks.start("bot conditions", self._conditions.run())
        if roster.bots:
            _log.info("bots_started", bots=len(roster.bots))

    def reconfigure(self) -> None:
        """Take bots as they are configured now."""
        roster = self._directory.current.roster
        self.runner.configure(roster.bots.values(), roster.commands)
        self._conditions.configure(roster.bots.values())

    def last_price(self, account: VenueAccount, symbol: str) -> Decimal | None:
        """What was heard last of an instrument where an account trades; None while it is not open, or nothing was."""
        hub = self._market_of(account)
        quote = None if hub is None else hub.quotes.get(symbol)
        return None if quote is None else quote.last

    def _account_of(self, account_id: str) -> VenueAccount | None:
        return self._trading.accounts.get(account_id)

    def _book_of(self, account_id: str) -> AccountBook | None:
        desk = self._trading.floor.find(account_id)
        return None if desk is None else desk.book

    def _market_of(self, account: VenueAccount) -> MarketHub | None:
        if self._trading.floor.find(account.account_id) is None:
            return None
        return self._trading.kinds.of(account).market_of(account)

    def _differs(self, account: VenueAccount) -> bool:
        desk = self._trading.floor.find(account.account_id)
        return desk is not None and bool(desk.book.drift)

    def _hub_of(self, bot: Bot) -> MarketHub | None:
        account = self._account_of(bot.account_id)
        return None if account is None else self._market_of(account)

    def _history_of(self, bot: Bot) -> PastCandles | None:
        account = self._account_of(bot.account_id)
        return None if account is None else self._trading.kinds.of(account).history_of(account)

    def _keep(self, record: Record) -> None:
        # What cannot be stored now is said again when it changes.
        self._trading.journal.append(Unit(records=(record,)), lambda _: None)

    def _want_quotes(self, account: VenueAccount, symbols: Sequence[str]) -> None:
        self._trading.kinds.of(account).want_quotes(account, symbols)

    def _may_enter(self, account: VenueAccount, bot: Bot) -> bool:
        return not self._stops(account, bot)


def _report(bot_id: str, error: BaseException) -> None:
    _log.error("bot_step_failed", bot=bot_id, exc_info=error)
