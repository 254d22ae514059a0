"""The risk checks of a plain ladder: proven for nearly every cycle by a few comparisons, asked for the others."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from fairlead.backtest.ladder_proof import Terms, prove_ladder
from fairlead.backtest.ladder_run import LadderRun
from fairlead.backtest.risk_gate import RiskGate
from fairlead.backtest.risk_view import AccountNow, Held, Picture, Resting
from fairlead.core.model.bots.decision import BASE_SLOT, Want, want_entry
from fairlead.core.model.money import ZERO
from fairlead.core.model.request import Side
from fairlead.core.rules.bots.entries import SAFETY_SLOT
from fairlead.core.rules.bots.ladder import Ladder


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
        if run.log.fee_in_coin:
            # What a fee in the coin leaves of the cycle before is held, too: the rule itself knows how much.
            return False
        lots, series = run.holding.lots, run.log.series
        fee = Decimal(run.holding.fee) / run.log.plan.fee_scale
        cash = self._cash + (run.moved - fee) * unit
        value = lots * prices[1] * unit
        paid = value + value * run.log.plan.taker / run.log.plan.fee_scale
        held = lots * self._terms.instrument.lot_size
        begin = self._now(cash + paid, ZERO, prices[0] * tick, [])
        size = self._ladder.size(0)
        if self._gate.check(0, want_entry(BASE_SLOT, Side.BUY, size), held, begin, int(series.opened_ms[candle])):
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
