"""The risk checks of a plain ladder: proven for nearly every cycle by a few comparisons, asked for the others."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from fairlead.backtest.checks.ladder_proof import Terms, prove_ladder
from fairlead.backtest.checks.risk_gate import RiskGate
from fairlead.backtest.checks.risk_view import AccountNow, Held, Picture, Resting
from fairlead.backtest.ladders.ladder_run import LadderRun
from fairlead.core.model.bots.decision import BASE_SLOT, Want, want_entry
from fairlead.core.model.money import ONE, ZERO
from fairlead.core.model.request import Side
from fairlead.core.rules.bots.entries import SAFETY_SLOT
from fairlead.core.rules.bots.ladder import Ladder

_LOTS: Final = 2
"""Where a row of the log has its quantity."""


class LadderGate:
    """Says of each cycle of a run whether all of its orders pass.

    A cycle is asked as if nothing was ordered before it. That is right because there is a proof only where no limit
    looks back further than one candle.
    """

    def __init__(self, gate: RiskGate, terms: Terms, run: LadderRun, cash: Decimal) -> None:
        """Judge for a run that begins with ``cash``."""
        self.proof = prove_ladder(gate.room_of(0), terms)
        self._gate = gate
        self._terms = terms
        self._run = run
        self._cash = cash
        self._ladder = Ladder(terms.settings, terms.instrument)

    def admits(self, candle: int, anchor: int) -> bool:
        """Whether a cycle passes whose base order was filled in this candle at this price, in ticks."""
        series = self._run.log.series
        before, after = int(series.close[candle - 1]), int(series.close[candle])
        if self.proof is None:
            return False
        return self.proof.holds(self._run.left, before, anchor, after) or self._passes(candle, (before, anchor, after))

    def _passes(self, candle: int, prices: tuple[int, int, int]) -> bool:
        """Ask for the base order at the close before, and for every level at this close."""
        run, unit, tick = self._run, self._terms.value_unit, self._terms.tick
        series, plan = run.log.series, run.log.plan
        cash = self._cash + (run.moved - Decimal(run.holding.fee) / plan.fee_scale) * unit
        bought = run.log.rows[-1][_LOTS] * self._terms.instrument.lot_size
        held = run.holding.worth(prices[1]) / (prices[1] * tick)
        rate = Decimal(plan.taker) / plan.fee_scale
        # A fee in the coin takes from what is received, and leaves dust of the cycle before; else it is paid in money.
        in_coin, in_money = (rate, ZERO) if run.log.fee_in_coin else (ZERO, rate)
        paid = bought * prices[1] * tick * (ONE + in_money)
        begin = self._now(cash + paid, held - bought * (ONE - in_coin), prices[0] * tick, [])
        size = self._ladder.size(0)
        if self._gate.check(0, want_entry(BASE_SLOT, Side.BUY, size), bought, begin, int(series.opened_ms[candle])):
            return False
        resting: list[Resting] = []
        at_ms = int(series.opened_ms[candle]) + series.length_ms
        for want, quantity in self._levels(prices[1] * tick):
            now = self._now(cash, held, prices[2] * tick, resting)
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
