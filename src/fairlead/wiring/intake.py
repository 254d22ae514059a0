"""Builds the webhook source, and keeps it and the order path in step with what people configure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

import structlog

from fairlead.accounts.directory import LiveDirectory
from fairlead.core.model.account import VenueAccount
from fairlead.core.rules.symbols import SymbolMaster
from fairlead.ports import Clock, Journal
from fairlead.settings import Settings
from fairlead.sources.webhook.intake import AlertIntake
from fairlead.sources.webhook.seams import WebhookTools
from fairlead.sources.webhook.stored_alerts import StoredAlerts
from fairlead.store.config_watcher import ConfigWatcher
from fairlead.store.session import Store
from fairlead.wiring.trading import Trading

CONFIG_CHECKED_EVERY_MS: Final = 100
DEFAULT_EXCHANGE: Final = "okx"
DRAIN_MS_MAX: Final = 3_000

_log = structlog.get_logger("fairlead")


class Intake:
    """The webhook source of one process, kept in step with what people configure."""

    def __init__(
        self,
        *,
        settings: Settings,
        trading: Trading,
        journal: Journal,
        store: Store,
        clock: Clock,
        directory: LiveDirectory,
    ) -> None:
        """Build it; ``start`` reads the database."""
        self.directory = directory
        self.symbols: dict[str, SymbolMaster] = {}
        self.reloaded: list[Callable[[], None]] = []
        """Who is told after the configuration was read again."""
        self._trading = trading
        self._listings = 0
        self._clock = clock
        self._watcher = ConfigWatcher(settings.store_url)
        self._tools = WebhookTools(
            journal=journal,
            door=trading.door,
            reader=StoredAlerts(store),
            directory=self.directory,
            symbols=self.symbols,
            clock=clock,
            report_fault=report_fault,
            wait_ms=settings.wait_deadline_ms,
        )
        self.alerts = AlertIntake(self._tools)

    async def start(self) -> None:
        """Recover accounts, then alerts; from then on follow every change of the configuration."""
        await self.directory.reload()
        accounts = self.directory.current.list_all_accounts()
        self._list_symbols(accounts)
        await self._trading.start(accounts)
        resumed = await self.alerts.start()
        _log.info("ready", accounts=len(accounts), alerts_resumed=resumed)
        self._trading.tasks.start("configuration", self._follow())

    async def stop(self) -> None:
        """Let alerts that are being handled end."""
        await self.alerts.drain(DRAIN_MS_MAX)
        self._watcher.close()

    async def _follow(self) -> None:
        while True:
            await self._clock.sleep_ms(CONFIG_CHECKED_EVERY_MS)
            if self._watcher.changed():
                await self.directory.reload()
                accounts = self.directory.current.list_all_accounts()
                self._list_symbols(accounts)
                await self._trading.configure(accounts)
                for reloaded in self.reloaded:
                    reloaded()
            elif self._trading.market.listings != self._listings:
                self._list_symbols(self.directory.current.list_all_accounts())

    def _list_symbols(self, accounts: Iterable[VenueAccount]) -> None:
        self._listings = self._trading.market.listings
        # An alert names the exchange that an account is at, or that a paper account pretends to be at; the same symbol
        # may be another contract elsewhere.
        for exchange in {DEFAULT_EXCHANGE, *(account.exchange for account in accounts)}:
            listed = self._trading.market.at(exchange).instruments
            self.symbols[exchange] = SymbolMaster(listed.values(), exchange=exchange)


def report_fault(subject: str, error: BaseException) -> None:
    """Say in the log what nobody else is told: which alert or call broke, and how."""
    _log.error("alert_not_handled", subject=subject, exc_info=error)
