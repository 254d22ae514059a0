"""The risk checks of a plain ladder: proven for nearly every cycle by a few comparisons, asked for the others."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

import msgspec
import numpy as np

from fairlead.backtest.checks.ladder_proof import LadderProof, Terms
from fairlead.backtest.checks.risk_gate import RiskGate
from fairlead.backtest.checks.risk_view import AccountNow, Held, Picture, Resting
from fairlead.backtest.ladders.fill_log import EXIT, LadderColumns
from fairlead.backtest.ladders.ladder_plan import LadderPlan
from fairlead.backtest.ladders.ladder_run import LadderRun
from fairlead.core.model.bots.decision import BASE_SLOT, Want, want_entry
from fairlead.core.model.money import ONE, ZERO
from fairlead.core.model.request import Side
from fairlead.core.rules.bots.entries import SAFETY_SLOT
from fairlead.core.rules.bots.ladder import Ladder
from fairlead.market.candles.series import CandleSeries, Ticks

_LOTS: Final = 2
"""Where a row of the log has its quantity."""


class Hung(msgspec.Struct, frozen=True, gc=False):
    """An account whose base order was filled in a candle: ``lots`` of it, ``held`` with what earlier cycles left.

    ``moved`` and ``fee`` are what all fills moved and paid until then, in the plan's units.
    """

    candle: int
    lots: int
    held: Decimal
    moved: int
    fee: int


class LadderGate:
    """Says of each cycle of a run whether all of its orders pass.

    A cycle that is not within the ``proof`` is asked as if nothing was ordered before it. That is right because there
    is a proof only where no limit looks back further than one candle.
    """

    def __init__(
        self, gate: RiskGate, proof: LadderProof, terms: Terms, plan: LadderPlan, series: CandleSeries, cash: Decimal
    ) -> None:
        """Judge for runs that begin with ``cash``."""
        self._proof = proof
        self._gate = gate
        self._terms = terms
        self._plan = plan
        self._series = series
        self._cash = cash
        self._ladder = Ladder(terms.settings, terms.instrument)

    def admits(self, run: LadderRun, candle: int, anchor: int, *, in_coin: bool) -> bool:
        """Whether a cycle passes whose base order a run has just filled, in this candle at this price, in ticks."""
        before, after = int(self._series.close[candle - 1]), int(self._series.close[candle])
        if self._proof.holds(run.left, before, anchor, after):
            return True
        held = run.holding.worth(anchor) / (anchor * self._terms.tick)
        return self._passes(Hung(candle, run.rows[-1][_LOTS], held, run.moved, run.holding.fee), in_coin=in_coin)

    def admits_all(self, columns: LadderColumns) -> bool:
        """Whether every cycle of a run passes whose fees were paid in money."""
        bases = np.flatnonzero(columns.levels == 0)
        candles = columns.candles[bases]
        moved, fees = _until(columns, bases)
        left = int(self._cash // self._plan.value_unit) + moved + (-fees // self._plan.fee_scale)
        closes = self._series.close
        holds = self._proof.holds_each(left, closes[candles - 1], columns.ticks[bases], closes[candles])
        return all(
            self._passes(
                Hung(
                    int(candles[number]),
                    lots := int(columns.lots[bases[number]]),
                    lots * self._terms.instrument.lot_size,
                    int(moved[number]),
                    int(fees[number]),
                ),
                in_coin=False,
            )
            for number in np.flatnonzero(~holds).tolist()
        )

    def _passes(self, hung: Hung, *, in_coin: bool) -> bool:
        """Ask for the base order at the close before, and for every level at this close."""
        candle, unit, tick = hung.candle, self._terms.value_unit, self._terms.tick
        series, plan = self._series, self._plan
        before, anchor, after = (
            column * tick
            for column in (int(series.close[candle - 1]), int(series.open[candle]), int(series.close[candle]))
        )
        cash = self._cash + (hung.moved - Decimal(hung.fee) / plan.fee_scale) * unit
        bought = hung.lots * self._terms.instrument.lot_size
        rate = Decimal(plan.taker) / plan.fee_scale
        # A fee in the coin takes from what is received, and leaves dust of the cycle before; else it is paid in money.
        of_coin, of_money = (rate, ZERO) if in_coin else (ZERO, rate)
        paid = bought * anchor * (ONE + of_money)
        begin = self._now(cash + paid, hung.held - bought * (ONE - of_coin), before, [])
        size = self._ladder.size(0)
        if self._gate.check(0, want_entry(BASE_SLOT, Side.BUY, size), bought, begin, int(series.opened_ms[candle])):
            return False
        resting: list[Resting] = []
        at_ms = int(series.opened_ms[candle]) + series.length_ms
        for want, quantity in self._levels(anchor):
            now = self._now(cash, hung.held, after, resting)
            if self._gate.check(0, want, quantity, now, at_ms):
                return False
            resting.append(Resting(0, want.slot, is_buy=True, opens=True, quantity=quantity, price=want.price))
        return True

    def _levels(self, anchor: Decimal) -> Iterator[tuple[Want, Decimal]]:
        for level in range(1, len(self._ladder.factors)):
            rung = self._ladder.rung(level, anchor)
            size = self._ladder.size(level)
            yield want_entry(f"{SAFETY_SLOT}{level}", Side.BUY, size, rung.price), rung.quantity

    def _now(self, cash: Decimal, held: Decimal, price: Decimal, resting: list[Resting]) -> AccountNow:
        symbol = self._terms.instrument.symbol
        holdings = (Held(symbol, held),) if held else ()
        return AccountNow(
            cash=cash,
            equity=cash + held * price,
            gross=held * price,
            prices={symbol: price},
            resting=len(resting),
            held=held,
            free=held,
            picture=lambda: Picture(holdings, resting),
        )


def _until(columns: LadderColumns, rows: Ticks) -> tuple[Ticks, Ticks]:
    """Cash that fills moved, and fees that they paid, until and with each of some rows."""
    moved = np.cumsum(np.where(columns.levels == EXIT, columns.values, -columns.values))
    return moved[rows], np.cumsum(columns.fees)[rows]
