"""All state of the exchange in one place; the parts that change it each hold this and nothing of each other's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fairlead.simulator.account import Account
from fairlead.simulator.dice import Dice
from fairlead.simulator.instruments import DEFAULT_START_PRICES
from fairlead.simulator.ledger import Ledger
from fairlead.simulator.market import Market
from fairlead.simulator.price_path import PricePath

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

    from fairlead.core.model.instrument import Instrument
    from fairlead.simulator.account import Position, PositionKey
    from fairlead.simulator.events import ExchangeEvent
    from fairlead.simulator.orders import Order
    from fairlead.simulator.rules import VenueRules

# Walks of base currencies count in millionths of the start price and come back within about a day and a half.
_WALK_ANCHOR: Final = 1_000_000
_WALK_PULL_STEPS: Final = 500_000
_ORDER_ID_BASE: Final = 1_000_000_000_000_000_000
# Where a price starts that nobody named: this many ticks.
_START_TICKS: Final = 10_000


class World:
    """Markets, accounts, house, clock reading, counters, and the facts not yet drained."""

    def __init__(self, *, instruments: Sequence[Instrument], seed: int, now_ms: int, rules: VenueRules) -> None:
        """Open the exchange."""
        self.rules = rules
        self.seed = seed
        self.now_ms = now_ms
        self.stepped_ms = now_ms
        self.orders_taken = 0
        self.positions_opened = 0
        self.markets: dict[str, Market] = {}
        self.walks: dict[str, PricePath] = {}
        self.accounts: dict[str, Account] = {}
        self.ledger = Ledger()
        self.events: list[ExchangeEvent] = []
        self.forgotten: list[tuple[str, str]] = []
        self.resting: dict[str, Order] = {}
        self.holders: dict[str, dict[tuple[str, PositionKey], Position]] = {}
        # Accounts whose distance from liquidation must be measured again; a dict keeps the order.
        self.touched: dict[str, Account] = {}
        for instrument in instruments:
            self._list(instrument)

    def _list(self, instrument: Instrument) -> None:
        base = instrument.base_currency
        if base not in self.walks:
            unit = max(1, int(_WALK_ANCHOR * self.rules.volatility))
            dice = Dice.named(self.seed, f"walk {base}")
            self.walks[base] = PricePath(anchor=_WALK_ANCHOR, unit=unit, pull_steps=_WALK_PULL_STEPS, dice=dice)
        start = self._start_price(instrument)
        self.markets[instrument.symbol] = Market(instrument, self.rules, seed=self.seed, start_price=start)
        self.holders[instrument.symbol] = {}

    def _start_price(self, instrument: Instrument) -> Decimal:
        symbol = instrument.symbol
        named = self.rules.start_prices.get(symbol) or DEFAULT_START_PRICES.get(symbol)
        return instrument.tick_size * _START_TICKS if named is None else named

    def next_order(self) -> tuple[int, str]:
        """Number a new order: (number, venue order id)."""
        self.orders_taken += 1
        return self.orders_taken, str(_ORDER_ID_BASE + self.orders_taken)

    def next_position(self) -> int:
        """Number a new position."""
        self.positions_opened += 1
        return self.positions_opened

    def observe(self, now_ms: int) -> None:
        """Take note of the time; it never goes back."""
        self.now_ms = max(self.now_ms, now_ms)

    def remember(self, account: Account, order: Order) -> None:
        """Keep a finished order for as long as the rules say, and note which ones made room for it."""
        for oldest in account.remember(order, self.rules.finished_orders_kept_max):
            self.forgotten.append((account.account_id, oldest.venue_order_id))

    def drain_forgotten(self) -> list[tuple[str, str]]:
        """Hand over account and venue order id of the orders that are known no longer, since the last call."""
        forgotten, self.forgotten = self.forgotten, []
        return forgotten

    def drain(self) -> list[ExchangeEvent]:
        """Hand over the facts since the last call."""
        events, self.events = self.events, []
        return events
