"""The exchange with what OKX keeps beside it: keys, rate windows, histories, and those who listen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from fairlead.simulator.events import ExchangeEvent
from fairlead.simulator.exchange import Exchange
from fairlead.simulator.okx.catalogue import Catalogue
from fairlead.simulator.okx.chronicle import Chronicle
from fairlead.simulator.okx.countdowns import Countdowns
from fairlead.simulator.okx.keys import KeyBook
from fairlead.simulator.okx.market_watch import MarketWatch
from fairlead.simulator.okx.notes import OrderNotes
from fairlead.simulator.okx.windows import RateWindows

Listener = Callable[[Sequence[ExchangeEvent]], None]


class Timekeeper(Protocol):
    """Tells this exchange its time; whoever starts it chooses a real or a virtual one."""

    def now_ms(self) -> int:
        """UTC, in milliseconds."""
        ...

    async def sleep_ms(self, duration_ms: int) -> None:
        """Wait."""
        ...


class OkxOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How closely it follows OKX where clients differ.

    ``is_strict``: trading over WebSocket needs ``instIdCode``. ``has_rate_limits``: requests are counted and refused.
    ``pushes_first``: a fill is told before the order is acknowledged. ``seed`` decides what history there is.
    """

    seed: int = 0
    is_strict: bool = False
    has_rate_limits: bool = True
    pushes_first: bool = False


class OkxVenue:
    """What REST and WebSocket share. Everything happens on one event loop, one call at a time."""

    def __init__(
        self, exchange: Exchange, *, keys: KeyBook, clock: Timekeeper, options: OkxOptions | None = None
    ) -> None:
        """Open for trading."""
        self.exchange = exchange
        self.keys = keys
        self.clock = clock
        self.options = options or OkxOptions()
        self.catalogue = Catalogue(exchange)
        self.windows = RateWindows()
        self.notes = OrderNotes()
        self.countdowns = Countdowns()
        self.chronicle = Chronicle()
        self.markets = MarketWatch(exchange, seed=self.options.seed, now_ms=clock.now_ms())
        self.notices: list[dict[str, str]] = []
        self._listeners: list[Listener] = [self.chronicle.note]

    def now_ms(self) -> int:
        """Time of the exchange, UTC."""
        return self.clock.now_ms()

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Hear every fact of the exchange from now on; returns what ends it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def advance(self) -> None:
        """Let prices move up to now, and tell what that did."""
        self.exchange.advance(self.now_ms())
        self.markets.read_tapes()
        self.countdowns.act(self.exchange, self.notes, self.now_ms())
        self.settle()

    def settle(self) -> None:
        """Tell everybody what has happened since the last call, in order."""
        events = self.exchange.drain_events()
        if not events:
            return
        for listener in tuple(self._listeners):
            listener(events)
