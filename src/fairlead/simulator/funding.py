"""Funding of perpetuals: at each interval's end longs pay shorts, or the reverse."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from fairlead.core.model.account import MarginMode
from fairlead.core.model.money import ZERO
from fairlead.simulator.dice import Dice
from fairlead.simulator.events import BalanceReason
from fairlead.simulator.ledger import Entry, House
from fairlead.simulator.margin import round_to_user

if TYPE_CHECKING:
    from fairlead.simulator.account import Position
    from fairlead.simulator.market import Market
    from fairlead.simulator.settlement import Settlement
    from fairlead.simulator.world import World

# A month of settlements is caught up after a stop; older ones are lost.
FUNDINGS_CAUGHT_UP_MAX: Final = 90
_RATE_LOWEST: Final = -100
_RATE_HIGHEST: Final = 300
_RATE_UNIT: Final = Decimal("0.000001")


class Funding:
    """Settles funding when its time has come."""

    __slots__ = ("_known", "_next_ms", "_settlement", "_world")

    def __init__(self, world: World, settlement: Settlement) -> None:
        """Work on this world."""
        self._world = world
        self._settlement = settlement
        self._next_ms = self.next_time(world.now_ms)
        # Prices are asked for all the time, and each tells the rate of the same next settlement.
        self._known: dict[str, tuple[int, Decimal]] = {}

    def next_time(self, now_ms: int) -> int:
        """Return the next settlement after a moment."""
        interval = self._world.rules.funding_interval_ms
        return (now_ms // interval + 1) * interval

    def rate(self, symbol: str, funding_ms: int) -> Decimal:
        """Rate of one settlement: seeded, a function of symbol and time only, clamped."""
        known = self._known.get(symbol)
        if known is not None and known[0] == funding_ms:
            return known[1]
        dice = Dice.named(self._world.seed, f"funding {symbol} {funding_ms}")
        rate = dice.between(_RATE_LOWEST, _RATE_HIGHEST) * _RATE_UNIT
        limit = self._world.rules.funding_rate_max
        clamped = max(-limit, min(rate, limit))
        self._known[symbol] = (funding_ms, clamped)
        return clamped

    def restart(self) -> None:
        """Count from now on (after the clock was set by a load)."""
        self._next_ms = self.next_time(self._world.stepped_ms)

    def settle_due(self) -> None:
        """Settle every interval that has ended."""
        interval = self._world.rules.funding_interval_ms
        now_ms = self._world.stepped_ms
        if now_ms < self._next_ms:
            return
        first = max(self._next_ms, now_ms - FUNDINGS_CAUGHT_UP_MAX * interval)
        for funding_ms in range(self.next_time(first - 1), now_ms + 1, interval):
            for symbol, holders in self._world.holders.items():
                if holders:
                    rate = self.rate(symbol, funding_ms)
                    for (account_id, _), position in holders.items():
                        self._pay(account_id, position, rate)
        self._next_ms = self.next_time(now_ms)

    def _pay(self, account_id: str, position: Position, rate: Decimal) -> None:
        world = self._world
        account = world.accounts[account_id]
        market: Market = world.markets[position.symbol]
        value = market.instrument.notional(abs(position.quantity), market.mark)
        amount = round_to_user(rate * value)
        # Both sides use the same rounded figure, so that what one pays is what the other gets.
        if position.quantity > ZERO:
            amount = -amount
        if not amount:
            return
        currency = market.instrument.settle_currency
        free = account.totals.get(currency, ZERO) - account.reserved.get(currency, ZERO)
        held = sum(
            (
                other.margin
                for other in account.positions.values()
                if world.markets[other.symbol].instrument.settle_currency == currency
            ),
            ZERO,
        )
        if position.margin_mode is MarginMode.ISOLATED and free - held + amount < ZERO:
            position.margin += amount
        entry = Entry(currency, amount)
        world.ledger.post(account, entry, House.FUNDING)
        position.funding += amount
        position.updated_ms = world.now_ms
        world.touched[account_id] = account
        self._settlement.report_balance(account, entry, BalanceReason.FUNDING, symbol=position.symbol)
        self._settlement.report_position(account, position)
