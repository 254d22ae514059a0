"""The martingale workload written down a second time, as a plain loop in Decimal that looks at every candle.

It shares no line with the engine or the rules: it is what they are compared with. The rules of the workload:

- the base order is decided at the close of a candle and bought at the next open; the first one at candle 0;
- safety orders rest from the close of the candle of that fill on, at the base price less 1, 1 + 1.2, 1 + 1.2 + 1.44
  ... steps, each 1.5 times as large as the one before; a buy is filled when the low reaches its price, at its price
  or at the open if that is lower;
- the take-profit sells all that is held at the average entry and 1 %, from the close of the candle of the last buy on,
  when the high reaches it, at its price or at the open if that is higher; then the next base order is decided at the
  close of that candle;
- prices are rounded to the nearest tick, half up; quantities are whole lots, rounded down; the fee is a fraction of
  the value of each fill, in the quote currency.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from typing import Final, NamedTuple

from fairlead.market.candles.series import CandleSeries

ZERO: Final = Decimal(0)
ONE: Final = Decimal(1)


class W2Terms(NamedTuple):
    """Sizes in USDT, distances, gain and fee as fractions, scales as factors from one safety order to the next.

    ``exit_first``: a candle that reaches the take-profit and safety orders fills the take-profit alone; else the
    safety orders fill, and the take-profit, placed anew at the close, waits, unless the open has reached it.
    """

    base_size: Decimal = Decimal(100)
    safety_size: Decimal = Decimal(100)
    safety_orders: int = 7
    deviation: Decimal = Decimal("0.01")
    step_scale: Decimal = Decimal("1.2")
    size_scale: Decimal = Decimal("1.5")
    take_profit: Decimal = Decimal("0.01")
    fee: Decimal = Decimal("0.001")
    cash: Decimal = Decimal(10_000)
    tick: Decimal = Decimal("0.01")
    lot: Decimal = Decimal("0.000001")
    exit_first: bool = True


class W2Fill(NamedTuple):
    """One execution; ``slot`` is ``base``, ``safety-1`` and on, or ``take-profit``."""

    candle: int
    slot: str
    is_buy: bool
    quantity: Decimal
    price: Decimal
    fee: Decimal


class W2Outcome(NamedTuple):
    """What the account is worth at the last close, and how it came there; ``cycles`` are those that were completed."""

    fills: Sequence[W2Fill]
    fees: Decimal
    cash: Decimal
    equity: Decimal
    cycles: int
    held: Decimal


class _Rung(NamedTuple):
    slot: str
    price: Decimal
    quantity: Decimal


class _Account:
    """Cash, what is held and what it cost, and every fill."""

    def __init__(self, terms: W2Terms) -> None:
        self.terms = terms
        self.cash = terms.cash
        self.held = ZERO
        self.cost = ZERO
        self.fees = ZERO
        self.fills: list[W2Fill] = []

    def buy(self, candle: int, slot: str, quantity: Decimal, price: Decimal) -> None:
        fee = quantity * price * self.terms.fee
        self.held += quantity
        self.cost += quantity * price
        self.cash -= quantity * price + fee
        self._keep(W2Fill(candle, slot, is_buy=True, quantity=quantity, price=price, fee=fee))

    def sell_all(self, candle: int, price: Decimal) -> None:
        fee = self.held * price * self.terms.fee
        self.cash += self.held * price - fee
        self._keep(W2Fill(candle, "take-profit", is_buy=False, quantity=self.held, price=price, fee=fee))
        self.held = self.cost = ZERO

    def gain_price(self) -> Decimal:
        return to_tick(self.cost * (ONE + self.terms.take_profit) / self.held, self.terms)

    def _keep(self, fill: W2Fill) -> None:
        self.fees += fill.fee
        self.fills.append(fill)


def replay_w2(series: CandleSeries, terms: W2Terms | None = None) -> W2Outcome:
    """Look at every candle in turn."""
    terms = terms or W2Terms()
    account = _Account(terms)
    opens, highs, lows = (
        [int(ticks) * series.tick for ticks in column] for column in (series.open, series.high, series.low)
    )
    rungs: list[_Rung] = []
    gain_price = ZERO
    cycles = 0
    for candle in range(1, len(series)):
        opened = opens[candle]
        if not account.held:
            account.buy(candle, "base", to_lots(terms.base_size, opened, terms), opened)
            rungs = plan_rungs(opened, terms)
            gain_price = account.gain_price()
            continue
        is_gain = highs[candle] >= gain_price
        # What the open has reached already came before everything else of that candle.
        is_first = is_gain and (terms.exit_first or opened >= gain_price)
        reached = [] if is_first else [rung for rung in rungs if lows[candle] <= rung.price]
        for rung in reached:
            account.buy(candle, rung.slot, rung.quantity, min(opened, rung.price))
        if reached:
            rungs = rungs[len(reached) :]
            gain_price = account.gain_price()
        elif is_gain:
            account.sell_all(candle, max(opened, gain_price))
            cycles += 1
    last = int(series.close[-1]) * series.tick
    equity = account.cash + account.held * last
    return W2Outcome(account.fills, account.fees, account.cash, equity, cycles, account.held)


def plan_rungs(base_price: Decimal, terms: W2Terms) -> list[_Rung]:
    """All safety orders of a cycle, the highest first."""
    rungs = []
    distance, step, size = ZERO, terms.deviation, terms.safety_size
    for number in range(1, terms.safety_orders + 1):
        distance += step
        price = to_tick(base_price * (ONE - distance), terms)
        rungs.append(_Rung(f"safety-{number}", price, to_lots(size, price, terms)))
        step *= terms.step_scale
        size *= terms.size_scale
    return rungs


def to_tick(price: Decimal, terms: W2Terms) -> Decimal:
    """Nearest whole tick, half up."""
    return (price / terms.tick).quantize(ONE, ROUND_HALF_UP) * terms.tick


def to_lots(size: Decimal, price: Decimal, terms: W2Terms) -> Decimal:
    """What a size buys, in whole lots, rounded down."""
    return (size / price / terms.lot).quantize(ONE, ROUND_DOWN) * terms.lot
