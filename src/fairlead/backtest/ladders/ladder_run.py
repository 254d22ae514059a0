"""Replays a plain ladder in whole numbers: the same fills as the rule itself gives, at a few microseconds each.

A cycle reaches few of its levels, so a level is computed when the price can reach it next, not before.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from typing import Final

from fairlead.backtest.ladders.fill_log import EXIT, Row
from fairlead.backtest.ladders.ladder_holding import Holding
from fairlead.backtest.ladders.ladder_plan import LadderPlan
from fairlead.backtest.search import NEVER_LOW, Search
from fairlead.market.candles.series import CandleSeries

MayHang = Callable[[int, int], bool]
"""Asked at the close of the candle of each base order: the candle, and the price that the ladder hangs on, in ticks."""

ALWAYS: Final[MayHang] = lambda _candle, _anchor: True  # noqa: E731 (a default has no name)


class NotPlainError(Exception):
    """The run needs the rule itself: money does not carry every level, a level is no order, or a check may deny."""


class LadderRun:
    """One run, used once: ``rows``, ``holding`` and ``moved`` (cash that fills moved, before fees) tell what it did."""

    def __init__(self, plan: LadderPlan, series: CandleSeries, holding: Holding, search: Search, cash: int) -> None:
        """Take what is replayed; ``cash`` is in the plan's ``value_unit``."""
        self.rows: list[Row] = []
        self.holding = holding
        self.moved = 0
        self.decisions = 1
        self._plan = plan
        self._search = search
        self._cash = cash
        self._note = self.rows.append
        self._opens, self._highs = series.open.data, series.high.data
        self._lows, self._closes = series.low.data, series.close.data
        self._closed_ms = series.closed_ms.data

    def run(self, *, exit_first: bool, may_hang: MayHang = ALWAYS) -> None:
        """From the close of the first candle to the end of the last.

        Raises:
            NotPlainError: as it says; what was replayed so far is void.
        """
        candle, last = 0, len(self._opens) - 1
        while candle < last:
            self._begin(candle)
            if not may_hang(candle + 1, self._opens[candle + 1]):
                raise NotPlainError
            candle = self._cool(self._hold(candle + 1, exit_first=exit_first))

    def _cool(self, candle: int) -> int:
        """The candle at whose close the next cycle begins."""
        cooldown_ms = self._plan.cooldown_ms
        if not cooldown_ms or candle >= len(self._opens):
            return candle
        until_ms = self._closed_ms[candle] + cooldown_ms
        return max(candle + 1, bisect_left(self._closed_ms, until_ms, candle))

    def _begin(self, candle: int) -> None:
        """Buy the base order, sized at the close and filled at the next open."""
        plan, close, opened = self._plan, self._closes[candle], self._opens[candle + 1]
        lots = plan.lots(0, close)
        if lots < plan.lots_min or lots * close < max(1, plan.value_min) or lots * close > self.left:
            raise NotPlainError
        self._note((candle + 1, 0, lots, opened, True))
        self.moved -= lots * opened
        self.holding.buy(lots, opened, takes=True, is_base=True)
        if plan.cost_max > self.left or not self.holding.lots:
            # All levels rest at once, so there must be cash for all of them.
            raise NotPlainError

    def _hold(self, candle: int, *, exit_first: bool) -> int:
        """From the candle of a base order to that of the take-profit, or to the end of the candles."""
        plan, holding, search, closes = self._plan, self.holding, self._search, self._closes
        anchor, level, count = self._opens[candle], 1, len(plan.levels)
        # A level is placed at the close at which the level so many before it was filled: then it may have to take.
        placed_at = [closes[candle]]
        reach = plan.price(1, anchor) if count > 1 else NEVER_LOW
        while True:
            goal = holding.goal()
            exit_takes = closes[candle] >= goal
            self.decisions += 1
            candle = search(candle + 1, reach, goal)
            if candle >= len(closes):
                return candle
            opened, low = self._opens[candle], self._lows[candle]
            if self._highs[candle] >= goal and (exit_first or opened >= goal or low > reach):
                self._sell(candle, max(opened, goal), takes=exit_takes)
                return candle
            resting = min(level + plan.active, count)
            while reach >= low and level < resting:
                takes = placed_at[max(0, level - plan.active)] <= reach
                self._buy(candle, level, reach, takes=takes)
                placed_at.append(closes[candle])
                level += 1
                reach = plan.price(level, anchor) if level < count else NEVER_LOW

    def _buy(self, candle: int, level: int, reach: int, *, takes: bool) -> None:
        plan = self._plan
        lots, price = plan.lots(level, reach), min(self._opens[candle], reach)
        if lots < plan.lots_min or lots * reach < plan.value_min:
            raise NotPlainError
        self._note((candle, level, lots, price, takes))
        self.moved -= lots * price
        self.holding.buy(lots, price, takes=takes)

    def _sell(self, candle: int, price: int, *, takes: bool) -> None:
        lots = self.holding.lots
        self._note((candle, EXIT, lots, price, takes))
        self.moved += lots * price
        self.holding.sell(price, takes=takes)

    @property
    def left(self) -> int:
        """Cash, in the plan's unit, rounded down."""
        return self._cash + self.moved + (-self.holding.fee // self._plan.fee_scale)
