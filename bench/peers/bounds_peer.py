# ruff: noqa: INP001 (run as the other engines are)
"""What is left when there is no engine: the martingale hard-coded as a loop over candles, plain or compiled.

It has the fill log and nothing else: no equity curve, no risk checks, no instrument, and no other strategy.
"""

from __future__ import annotations

import platform

import numpy as np
import outcome
from numba import __version__ as numba_version
from numba import njit

LEVELS = outcome.SAFETY_ORDERS
Column = np.ndarray | list[float]
Columns = tuple[Column, ...]
Ended = tuple[int, float, float, float, int]
BASE, SAFETY, FEE = outcome.BASE_SIZE, outcome.SAFETY_SIZE, outcome.FEE


def loop(columns: Columns, cash: float, factors: tuple[float, ...], gain: float, log: Column) -> Ended:
    """Fills into ``log`` as candle, signed quantity and price.

    Returns how many there are, fees, cash, what is held, and how many sales.
    """
    opens, highs, lows = columns
    fees, held, cost, target, level, count, sales = 0.0, 0.0, 0.0, 0.0, 0, 0, 0
    prices, lots = [0.0] * LEVELS, [0.0] * LEVELS
    for i in range(1, len(opens)):
        if held == 0.0:
            price = opens[i]
            quantity = int(BASE / price * 1e6) / 1e6
            size = SAFETY
            for k in range(LEVELS):
                prices[k] = int(price * factors[k] * 100 + 0.5) / 100
                lots[k] = int(size / prices[k] * 1e6) / 1e6
                size *= 1.5
            held, cost, level = quantity, quantity * price, 0
            cash, fees = cash - cost * (1 + FEE), fees + cost * FEE
        elif highs[i] >= target:
            quantity, price = -held, max(opens[i], target)
            cash, fees = cash + held * price * (1 - FEE), fees + held * price * FEE
            held, sales = 0.0, sales + 1
        else:
            if level == LEVELS or lows[i] > prices[level]:
                continue
            while level < LEVELS and lows[i] <= prices[level]:
                price, quantity = min(opens[i], prices[level]), lots[level]
                value = quantity * price
                held, cost, level = held + quantity, cost + value, level + 1
                cash, fees = cash - value * (1 + FEE), fees + value * FEE
                log[count, 0], log[count, 1], log[count, 2] = i, quantity, price
                count += 1
            count -= 1
        if held:
            target = int(cost / held * gain * 100 + 0.5) / 100
        log[count, 0], log[count, 1], log[count, 2] = i, quantity, price
        count += 1
    return count, fees, cash, held, sales


def main() -> None:
    """Do the task, plain or compiled as the engine's name says."""
    task = outcome.read_task()
    is_plain = outcome.variant() == "plain"
    columns = tuple(task.columns[name] for name in ("open", "high", "low"))
    if is_plain:
        columns = tuple(column.tolist() for column in columns)
    work = loop if is_plain else njit(loop)
    factors, log = tuple(outcome.ladder_factors(task.workload)), np.zeros((task.candles, 3))
    close, gain = float(task.columns["close"][-1]), outcome.gain_factor(task.workload)

    def run() -> outcome.Outcome:
        count, fees, cash, held, sales = work(columns, outcome.cash_of(task.workload), factors, gain, log)
        return outcome.Outcome(count, sales, fees, cash + held * close)

    name, version = ("plain Python loop", platform.python_version()) if is_plain else ("numba loop", numba_version)
    outcome.measure(name, version, task, run, "a bound, not an engine")


main()
