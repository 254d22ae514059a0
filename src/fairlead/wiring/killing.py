"""Joins the kill switches' file to the order path, and works off what they ask."""

from __future__ import annotations

import asyncio
from datetime import UTC, tzinfo
from functools import lru_cache
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import structlog

from fairlead.accounts.directory import LiveDirectory
from fairlead.core.model.account import VenueAccount
from fairlead.core.model.latch import Aim, Latch
from fairlead.core.model.order import Order
from fairlead.core.model.request import OrderRequest
from fairlead.core.rules.latches import covers, describe
from fairlead.orders.kill_switch import KillSwitch, KillTools
from fairlead.orders.loss_watch import LossWatch
from fairlead.ports import Clock, Journal
from fairlead.store.latch_file import LatchFile, LatchGate
from fairlead.store.queries.bots import Bot
from fairlead.wiring.trading import Trading

# More than there are names of zones.
ZONES_MAX: Final = 1_024

_log = structlog.get_logger("fairlead")


class Latching:
    """Answers the order path's question before each order: does a kill switch cover it now?"""

    def __init__(self, folder: Path, directory: LiveDirectory) -> None:
        """Open the file of a data folder.

        Raises:
            OSError: the folder cannot be written.
        """
        self.gate = LatchGate(LatchFile(folder))
        self._directory = directory
        self._seen: tuple[Latch, ...] | None = None

    def covering(self, account: VenueAccount, subject: OrderRequest | Order) -> tuple[str, ...]:
        """Describe every latch that covers a request or an order."""
        found = self._covering(account, subject.symbol, subject.source_id, subject.strategy_id)
        return tuple(describe(latch) for latch in found)

    def stops(self, account: VenueAccount, bot: Bot) -> bool:
        """Whether a latch covers what a bot would do on an account."""
        return bool(self._covering(account, bot.symbol, bot.bot_id, bot.bot_id))

    def _covering(self, account: VenueAccount, symbol: str, source_id: str, strategy_id: str) -> list[Latch]:
        latches = self._look()
        if not latches:
            return []
        aim = Aim(
            tenant=account.tenant,
            account_id=account.account_id,
            symbol=symbol,
            source_id=source_id,
            strategy_id=strategy_id,
            user_id=self.user_of(source_id),
        )
        return [latch for latch in latches if covers(latch, aim)]

    def _look(self) -> tuple[Latch, ...]:
        # Once a turn of the event loop: under load a turn decides and sends dozens of orders, and every look gives the
        # interpreter to another thread.
        if self._seen is None:
            self._seen = self.gate.current()
            asyncio.get_running_loop().call_soon(self._forget)
        return self._seen

    def _forget(self) -> None:
        self._seen = None

    def user_of(self, source_id: str) -> str:
        """The user whose source this is, empty if it is nobody's."""
        return self._directory.current.owner_of(source_id)

    def switch(self, trading: Trading, journal: Journal, clock: Clock) -> KillSwitch:
        """Build what works off the latches of this file."""
        tools = KillTools(
            latches=self.gate,
            journal=journal,
            floor=trading.floor,
            door=trading.door,
            clock=clock,
            user_of=self.user_of,
            compare=trading.compare,
            lift=self.losses(trading, clock).lift,
            warn=_warn,
        )
        return KillSwitch(tools)

    def losses(self, trading: Trading, clock: Clock) -> LossWatch:
        """Build what watches the losses of every account, and halts with latches of this file."""
        return LossWatch(floor=trading.floor, latches=self.gate, limits=trading.loss_limits, clock=clock, warn=_warn)

    def zone(self, account: VenueAccount) -> tzinfo:
        """Time zone of whoever owns an account: the first owner of its tenant; UTC if there is no such zone."""
        return _zone(self._directory.current.time_zone_of(account.tenant))

    @property
    def platform(self) -> tuple[Latch, ...]:
        """Latches on everything: while there is one, the process is not ready."""
        return tuple(latch for latch in self.gate.current() if not latch.tenant and not latch.name)


@lru_cache(maxsize=ZONES_MAX)
def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return UTC


def _warn(text: str) -> None:
    _log.error("kill_switch_incomplete", text=text)
