# ruff: noqa: INP001 (run by the engine's own interpreter)
"""The workloads in backtesting.py: it counts whole units, so a unit is one lot, a millionth of a coin, at its price."""

from __future__ import annotations

from collections.abc import Callable

import backtesting
import outcome
import pandas as pd
from backtesting import Backtest, Strategy

FACTORS = outcome.ladder_factors()
LOT = 1e-6


class Martingale(Strategy):
    """Orders are placed at closes; the engine fills limit orders from the next candle on."""

    def init(self) -> None:
        """Nothing rests."""
        self.has_ladder = False
        self.is_entering = False
        self.size_before = 0
        self.exit = None

    def next(self) -> None:
        """See what was filled in this candle, and place what follows."""
        size = self.position.size
        if not size:
            if not self.is_entering:
                for order in list(self.orders):
                    order.cancel()
                self.buy(size=outcome.to_lots(outcome.BASE_SIZE, self.data.Close[-1] / LOT))
                self.is_entering, self.has_ladder, self.size_before = True, False, 0
            return
        self.is_entering = False
        if size == self.size_before:
            return
        if not self.has_ladder:
            base = self.trades[0].entry_price / LOT
            amount = outcome.SAFETY_SIZE
            for factor in FACTORS:
                price = outcome.to_tick(base * factor)
                self.buy(size=outcome.to_lots(amount, price), limit=price * LOT)
                amount *= 1.5
            self.has_ladder = True
        elif self.exit is not None:
            self.exit.cancel()
        cost = sum(trade.size * trade.entry_price for trade in self.trades)
        self.exit = self.sell(size=size, limit=outcome.to_tick(cost / LOT / size * 1.01) * LOT)
        self.size_before = size


class Cross(Strategy):
    """Two averages, computed beforehand."""

    def init(self) -> None:
        """Register them."""
        close = pd.Series(self.data.Close)
        slow = close.rolling(outcome.SLOW).mean()
        fast = close.rolling(outcome.FAST).mean().where(slow.notna())
        # It asks from the second candle after the first number of all; so there is a number everywhere.
        self.fast = self.I(lambda: fast.fillna(0.0))
        self.slow = self.I(lambda: slow.fillna(0.0))

    def next(self) -> None:
        """Be long while the fast one is above."""
        if self.fast[-1] > self.slow[-1]:
            if not self.position:
                self.buy(size=int(outcome.CROSS_SIZE / LOT))
        elif self.position:
            self.position.close()


def make_run(task: outcome.Task) -> Callable[[], outcome.Outcome]:
    """The data frame is made beforehand."""
    frame = pd.DataFrame(
        {name.capitalize(): task.columns[name] * LOT for name in ("open", "high", "low", "close")},
        index=pd.to_datetime(task.columns["opened_ms"], unit="ms"),
    )
    is_martingale = task.workload == "W2"
    if is_martingale:
        # It first asks at the second candle: one more before them lets it ask at the first.
        first = frame.iloc[:1].copy()
        first.index = first.index - pd.Timedelta(minutes=1)
        frame = pd.concat([first, frame])
    strategy = Martingale if is_martingale else Cross
    cash = outcome.CASH if is_martingale else outcome.CROSS_CASH
    fee = outcome.FEE if is_martingale else outcome.CROSS_FEE

    def run() -> outcome.Outcome:
        stats = Backtest(frame, strategy, cash=cash, commission=fee).run()
        closed = stats["_trades"]
        opened = stats["_strategy"].trades
        entries = sum(trade.size * trade.entry_price for trade in opened)
        entries += float((closed["Size"] * closed["EntryPrice"]).sum())
        exits = float((closed["Size"] * closed["ExitPrice"]).sum())
        sales = closed["ExitBar"].nunique()
        return outcome.Outcome(
            len(closed) + len(opened) + sales, sales, (entries + exits) * fee, float(stats["Equity Final [$]"])
        )

    return run


def main() -> None:
    """Do the task."""
    task = outcome.read_task()
    outcome.measure("backtesting.py", backtesting.__version__, task, make_run(task))


main()
