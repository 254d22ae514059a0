# ruff: noqa: INP001 (run by the engine's own interpreter)
"""The workloads in vectorbt: the martingale as a flexible order function, the cross from signals."""

from __future__ import annotations

import numpy as np
import outcome
import pandas as pd
import vectorbt as vbt
from numba import njit
from vectorbt._engine import is_rust_available
from vectorbt.portfolio import nb
from vectorbt.portfolio.enums import Direction, FlexOrderContext, Order

BASE, SAFETY, LEVELS = outcome.BASE_SIZE, outcome.SAFETY_SIZE, outcome.SAFETY_ORDERS
ORDERS_MAX = 200_000
Columns = tuple[np.ndarray, ...]


@njit
def order_func(context: FlexOrderContext, columns: Columns, memory: Columns) -> tuple[int, Order]:
    """One order of a candle after the other.

    ``memory`` is the state, the ladder as factors of the base price, and its prices and lots in this cycle. The state
    is position, next safety order, cost, take-profit, candle of the last change, factor of the take-profit.
    """
    opens, highs, lows = columns
    state, factors, prices, lots = memory
    i = context.i
    if i == 0:
        return -1, nb.order_nothing_nb()
    if state[0] == 0:
        if state[4] == i:
            return -1, nb.order_nothing_nb()
        price = opens[i]
        quantity = np.floor(BASE / price * 1e6)
        size = SAFETY
        for level in range(LEVELS):
            prices[level] = np.floor(price * factors[level] * 100 + 0.5) / 100
            lots[level] = np.floor(size / prices[level] * 1e6)
            size *= 1.5
        state[0], state[1], state[2], state[4] = quantity, 0, quantity * price, i
        state[3] = np.floor(state[2] / quantity * state[5] * 100 + 0.5) / 100
        return 0, nb.order_nb(size=quantity / 1e6, price=price, direction=Direction.LongOnly, fees=0.001)
    if state[4] == i:
        return -1, nb.order_nothing_nb()
    if context.call_idx == 0 and highs[i] >= state[3]:
        quantity, state[0], state[4] = state[0], 0, i
        price = max(opens[i], state[3])
        return 0, nb.order_nb(size=-quantity / 1e6, price=price, direction=Direction.LongOnly, fees=0.001)
    level = int(state[1])
    if level == LEVELS or lows[i] > prices[level]:
        return -1, nb.order_nothing_nb()
    price = min(opens[i], prices[level])
    state[0] += lots[level]
    state[1] += 1
    state[2] += lots[level] * price
    state[3] = np.floor(state[2] / state[0] * state[5] * 100 + 0.5) / 100
    return 0, nb.order_nb(size=lots[level] / 1e6, price=price, direction=Direction.LongOnly, fees=0.001)


def run_martingale(task: outcome.Task, close: pd.Series) -> outcome.Outcome:
    """Fills, equity of each candle and drawdown."""
    columns = task.columns
    portfolio = vbt.Portfolio.from_order_func(
        close,
        order_func,
        (columns["open"], columns["high"], columns["low"]),
        (
            np.array([0.0, 0.0, 0.0, 0.0, -1.0, outcome.gain_factor(task.workload)]),
            np.array(outcome.ladder_factors(task.workload)),
            np.zeros(LEVELS),
            np.zeros(LEVELS),
        ),
        flexible=True,
        init_cash=outcome.cash_of(task.workload),
        max_orders=ORDERS_MAX,
        freq="1min",
    )
    return read(portfolio)


def run_cross(task: outcome.Task, close: pd.Series) -> outcome.Outcome:
    """Signals of one candle are executed at the open of the next."""
    fast = vbt.MA.run(close, outcome.FAST).ma
    slow = vbt.MA.run(close, outcome.SLOW).ma
    is_long = (fast > slow).to_numpy().reshape(-1)
    before = np.concatenate(([False], is_long[:-1]))
    portfolio = vbt.Portfolio.from_signals(
        close,
        pd.Series(before, index=close.index),
        pd.Series(~before, index=close.index),
        price=pd.Series(task.columns["open"], index=close.index),
        size=outcome.CROSS_SIZE,
        fees=outcome.CROSS_FEE,
        init_cash=outcome.CROSS_CASH,
        freq="1min",
    )
    return read(portfolio)


def read(portfolio: vbt.Portfolio) -> outcome.Outcome:
    """What every engine says."""
    orders = portfolio.orders.records
    value = portfolio.value()
    portfolio.drawdown().min()
    sales = int((orders["side"] == 1).sum())
    return outcome.Outcome(len(orders), sales, float(orders["fees"].sum()), float(value.iloc[-1]))


def main() -> None:
    """Do the task."""
    task = outcome.read_task()
    vbt.settings.caching["enabled"] = False
    close = pd.Series(task.columns["close"], index=pd.to_datetime(task.columns["opened_ms"], unit="ms"))
    run = run_cross if task.workload == "W1" else run_martingale
    engine = "Rust" if is_rust_available() and task.workload == "W1" else "numba"
    outcome.measure("vectorbt", vbt.__version__, task, lambda: run(task, close), engine)


main()
