"""What a replay leaves: every fill, every deal, the account's equity at each candle, and what was refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import cached_property
from typing import Protocol, runtime_checkable

import msgspec
import numpy as np

from fairlead.backtest.spec import BacktestSpec
from fairlead.core.model.money import ZERO
from fairlead.market.candles.series import Floats, Ticks


class Fill(msgspec.Struct, frozen=True, gc=False):
    """One execution.

    ``candle`` is the number of the candle in its instrument's series, ``at_ms`` that candle's first moment.
    ``quantity`` is in the instrument's unit, ``value`` and ``fee`` in the settle currency; a fee paid in the coin is
    valued at this price, and ``fee_base`` is then what of the coin it took. ``cycle`` is the deal's number in its bot.
    """

    bot: int
    candle: int
    at_ms: int
    slot: str
    is_buy: bool
    opens: bool
    quantity: Decimal
    price: Decimal
    value: Decimal
    fee: Decimal
    cycle: int
    is_maker: bool
    fee_base: Decimal = ZERO


class DealRow(msgspec.Struct, frozen=True, kw_only=True):
    """One deal (cycle) of a bot, also one that is still open: ``ended_ms`` is 0 then.

    ``cost_max`` is the most that was paid for what it held, in the settle currency; ``levels`` how many orders to get
    in were filled. ``profit`` is after fees, ``funding`` what funding added (negative: cost). ``why`` is the rule's
    reason for its end. ``worst`` and ``best`` are the lowest and highest open profit, in the settle currency, at the
    extremes of candles between its first and last fill.
    """

    bot: int
    cycle: int
    began_ms: int
    ended_ms: int = 0
    levels: int = 0
    fills: int = 0
    cost_max: Decimal = ZERO
    profit: Decimal = ZERO
    fees: Decimal = ZERO
    funding: Decimal = ZERO
    why: str = ""
    worst: float = 0.0
    best: float = 0.0

    @property
    def is_open(self) -> bool:
        """Whether it had not ended when the candles did."""
        return not self.ended_ms


class DealColumns(msgspec.Struct, frozen=True, kw_only=True):
    """What statistics of deals are made of: profits, in the settle currency, and lengths of those that ended.

    ``levels_max`` and ``worsts``, open results at the worst moment, are of all of them.
    """

    profits: Sequence[float]
    lengths_ms: Sequence[int]
    levels_max: int
    still_open: int
    worsts: Sequence[float] = ()


class Denial(msgspec.Struct, frozen=True, kw_only=True):
    """An order that a risk check refused; ``why`` names the check and its numbers."""

    bot: int
    at_ms: int
    slot: str
    why: str


class Curve(msgspec.Struct, frozen=True):
    """A number at each close: ``at_ms`` is the first moment after the candle."""

    at_ms: Ticks
    values: Floats

    def __len__(self) -> int:
        """How many."""
        return len(self.at_ms)


class OrderSpan(msgspec.Struct, frozen=True, gc=False):
    """An order that rested: from the close at which it was decided to the candle in which it was filled or canceled."""

    bot: int
    slot: str
    is_buy: bool
    opens: bool
    price: Decimal
    from_ms: int
    to_ms: int
    is_filled: bool


@runtime_checkable
class Totalled(Protocol):
    """Fills that know their sums without being looked at one by one; in the settle currency."""

    @property
    def traded(self) -> Decimal:
        """Value of them all."""
        ...

    @property
    def fees(self) -> Decimal:
        """What they paid."""
        ...


@runtime_checkable
class InColumns(Protocol):
    """Deals that may know their numbers without being looked at one by one."""

    @property
    def columns(self) -> DealColumns | None:
        """The numbers; None: look at them."""
        ...


class BacktestResult(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """One run.

    ``equity`` is cash and holdings at each close, in the settle currency; ``equity_end`` its last value, exact.
    ``held_value`` is what is held at each close, absolute, and ``make_hold`` makes ``hold``, which few who make many
    runs look at. ``orders`` are kept only when asked for.
    ``decisions`` counts how often rules were asked, ``is_liquidated``: the venue took a position away.
    """

    spec: BacktestSpec
    candles: int
    begin_ms: int
    end_ms: int
    missing: int
    fills: Sequence[Fill]
    deals: Sequence[DealRow]
    equity: Curve
    held_value: Floats
    make_hold: Callable[[], Floats]
    cash_end: Decimal
    equity_end: Decimal
    funding: Decimal = ZERO
    denials: Sequence[Denial] = ()
    orders: Sequence[OrderSpan] = ()
    decisions: int = 0
    is_liquidated: bool = False

    @property
    def traded(self) -> Decimal:
        """Value of all fills, in the settle currency."""
        fills = self.fills
        return fills.traded if isinstance(fills, Totalled) else sum((fill.value for fill in fills), ZERO)

    @property
    def fees(self) -> Decimal:
        """What all fills paid, in the settle currency."""
        fills = self.fills
        return fills.fees if isinstance(fills, Totalled) else sum((fill.fee for fill in fills), ZERO)

    @cached_property
    def hold(self) -> Floats:
        """Equity of somebody who bought the bots' instruments in equal parts at the first close and kept them."""
        return self.make_hold()

    @property
    def profit(self) -> Decimal:
        """What it gained or lost, open positions at the last close."""
        return self.equity_end - self.spec.cash

    @property
    def drawdown(self) -> Floats:
        """Fraction below the highest equity so far, the beginning included, at each close."""
        top = np.maximum.accumulate(np.maximum(self.equity.values, float(self.spec.cash)))
        return 1.0 - self.equity.values / top
