"""The loop of ``ladder_run.py`` once more, compiled: for deals whose fees are paid in money, in numbers of 64 bits.

numba is loaded with this module, so only who compiles imports it. Whole numbers of 64 bits wrap around. What is kept
is bounded (``NUMBER_MAX``), and a run that would pass the bound is left to the plain loop. Products inside a division
may wrap: ``compiled_divide`` needs no more of them than their last 64 bits.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from fairlead.backtest.compiled import HEADER, compiled, compiled_divide, compiled_search
from fairlead.backtest.ladders.fill_log import EXIT
from fairlead.backtest.search import NEVER_LOW
from fairlead.market.candles.series import Floats, Ticks

NUMBER_MAX: Final = 2.0**60
"""Sums, and divisors of a division, stay below."""

QUOTIENT_MAX: Final = 2.0**50
"""Quotients stay below: as floating numbers they are right but for a unit then."""

NEAR: Final = 1e-14
"""Floating numbers so near to a whole one, as a fraction, may be on either side of it."""

UNSURE: Final = -2
"""Stands for a price that cannot be told."""

DONE: Final = 0
MORE: Final = 1
NOT_PLAIN: Final = 2
TOO_LARGE: Final = 3

# What is kept between two calls: the candle at whose close a cycle begins, and sums of whole numbers.
CANDLE: Final = 0
ROWS: Final = 1
MOVED: Final = 2
FEE: Final = 3
DECISIONS: Final = 4
LOTS: Final = 5
VALUE: Final = 6
BASE_VALUE: Final = 7
DEAL_FEE: Final = 8
STATE: Final = 9

# Columns of a level, as ``ladder_plan.Level`` has them; ``DOWN`` is 0 where both have too many digits.
UP: Final = 0
DOWN: Final = 1
SIZE: Final = 2

_search = compiled_search()
_divide = compiled_divide()


class Market(NamedTuple):
    """Candles; ``flat`` is what the search takes."""

    flat: Ticks
    opens: Ticks
    closes: Ticks
    closed_ms: Ticks


class Numbers(NamedTuple):
    """A plan's numbers, named as ``LadderPlan`` names them, 1 for what is so; ``cash`` is in its unit."""

    active: int
    is_nearest: int
    from_base: int
    counts_fees: int
    coarse: int
    fee_scale: int
    maker: int
    taker: int
    gain: int
    gain_down: int
    close_up: int
    close_down: int
    lots_min: int
    value_min: int
    cost_max: int
    cooldown_ms: int
    cash: int
    exit_first: int


@compiled
def climb(market: Market, plan: Numbers, levels: Ticks, factors: Floats, state: Ticks, rows: Ticks) -> int:
    """Go on from a cycle's beginning to the end of the candles, or until the next cycle may not fit into ``rows``.

    ``factors`` are where levels rest as parts of the price that a ladder hangs on.
    """
    last = len(market.opens) - 1
    while state[CANDLE] < last:
        if state[ROWS] + len(levels) >= len(rows):
            return MORE
        said = _begin(market, plan, levels, state, rows)
        if said == DONE:
            said = _hold(market, plan, levels, factors, state, rows)
        if said != DONE:
            return said
        _cool(market, plan, state)
    return DONE


@compiled
def _begin(market: Market, plan: Numbers, levels: Ticks, state: Ticks, rows: Ticks) -> int:
    """Buy the base order, sized at the close and filled at the next open."""
    candle = state[CANDLE]
    close, opened = market.closes[candle], market.opens[candle + 1]
    lots = _lots(levels, 0, close)
    if lots * float(max(close, opened)) > NUMBER_MAX:
        return TOO_LARGE
    if lots < plan.lots_min or lots * close < max(1, plan.value_min) or lots * close > _left(plan, state):
        return NOT_PLAIN
    state[CANDLE] = candle + 1
    state[LOTS] = state[VALUE] = state[DEAL_FEE] = 0
    state[BASE_VALUE] = lots * opened
    if not _buy(plan, state, rows, (0, lots, opened, 1)):
        return TOO_LARGE
    # All levels rest at once, so there must be cash for all of them.
    return NOT_PLAIN if plan.cost_max > _left(plan, state) else DONE


@compiled
def _hold(market: Market, plan: Numbers, levels: Ticks, factors: Floats, state: Ticks, rows: Ticks) -> int:
    """From the candle of a base order to that of the take-profit, or to the end of the candles."""
    candle, first, count, level = state[CANDLE], state[ROWS] - 1, len(levels), 1
    length = len(market.opens)
    anchor = market.opens[candle]
    reach = _level_price(plan, levels, factors, 1, anchor)
    while True:
        goal = _goal(plan, state)
        if goal < 0 or reach == UNSURE:
            return TOO_LARGE
        exit_takes = int(market.closes[candle] >= goal)
        state[DECISIONS] += 1
        candle = _search(market.flat, candle + 1, reach, goal)
        state[CANDLE] = candle
        if candle >= length:
            return DONE
        opened, low, high = market.opens[candle], market.flat[HEADER + candle], market.flat[HEADER + length + candle]
        if high >= goal and (plan.exit_first or opened >= goal or low > reach):
            return DONE if _sell(plan, state, rows, max(opened, goal), exit_takes) else TOO_LARGE
        resting = min(level + plan.active, count)
        while reach >= low and level < resting:
            # It was placed at the close at which the level so many before it was filled: then it may have to take.
            placed_at = rows[first + max(0, level - plan.active), 0]
            lots = _lots(levels, level, reach)
            if lots * float(reach) > NUMBER_MAX:
                return TOO_LARGE
            if lots < plan.lots_min or lots * reach < plan.value_min:
                return NOT_PLAIN
            takes = int(market.closes[placed_at] <= reach)
            if not _buy(plan, state, rows, (level, lots, min(opened, reach), takes)):
                return TOO_LARGE
            level += 1
            reach = _level_price(plan, levels, factors, level, anchor)


@compiled
def _cool(market: Market, plan: Numbers, state: Ticks) -> None:
    """Go to the candle at whose close the next cycle begins."""
    candle, length = state[CANDLE], len(market.opens)
    if not plan.cooldown_ms or candle >= length:
        return
    until_ms = market.closed_ms[candle] + plan.cooldown_ms
    candle += 1
    while candle < length and market.closed_ms[candle] < until_ms:
        candle += 1
    state[CANDLE] = candle


@compiled
def _buy(plan: Numbers, state: Ticks, rows: Ticks, row: tuple[int, int, int, int]) -> bool:
    """Note an entry: its level, lots, price, and whether it took; False: it does not fit."""
    level, lots, ticks, takes = row
    value = lots * ticks
    fee = value * (plan.taker if takes else plan.maker)
    state[LOTS] += lots
    state[VALUE] += value
    state[DEAL_FEE] += fee
    return _note(plan, state, rows, (level, lots, ticks, takes), -1)


@compiled
def _sell(plan: Numbers, state: Ticks, rows: Ticks, ticks: int, takes: int) -> bool:
    """Note the sale of all that is held; False: it does not fit."""
    lots = state[LOTS]
    state[LOTS] = 0
    return _note(plan, state, rows, (EXIT, lots, ticks, takes), 1)


@compiled
def _note(plan: Numbers, state: Ticks, rows: Ticks, row: tuple[int, int, int, int], side: int) -> bool:
    level, lots, ticks, takes = row
    rate = plan.taker if takes else plan.maker
    large = float(lots) * ticks
    if large + abs(float(state[MOVED])) > NUMBER_MAX or large * abs(rate) + abs(float(state[FEE])) > NUMBER_MAX:
        return False
    one = rows[state[ROWS]]
    one[0], one[1], one[2], one[3], one[4] = state[CANDLE], level, lots, ticks, takes
    state[ROWS] += 1
    state[MOVED] += side * lots * ticks
    state[FEE] += lots * ticks * rate
    return True


@compiled
def _left(plan: Numbers, state: Ticks) -> int:
    """Cash, rounded down."""
    return int(plan.cash + state[MOVED] + (-state[FEE] // plan.fee_scale))


@compiled
def _lots(levels: Ticks, level: int, ticks: int) -> int:
    return int(levels[level, SIZE] // ticks)


@compiled
def _level_price(plan: Numbers, levels: Ticks, factors: Floats, level: int, anchor: int) -> int:
    """Where a level rests; ``NEVER_LOW`` after the last one, ``UNSURE`` where floating numbers cannot tell."""
    if level >= len(levels):
        return NEVER_LOW
    up, down, about = levels[level, UP], levels[level, DOWN], anchor * factors[level]
    if not down:
        about += 0.5 if plan.is_nearest else 0.0
        whole = int(about)
        return UNSURE if min(about - whole, whole + 1 - about) <= about * NEAR else whole * plan.coarse
    ticks = _divide(2 * anchor * up + down, 2 * down, about) if plan.is_nearest else _divide(anchor * up, down, about)
    return ticks * plan.coarse


@compiled
def _goal(plan: Numbers, state: Ticks) -> int:
    """Where the take-profit rests, as ``LadderPlan.exit_price`` says it; below zero: too large to tell."""
    value, part = state[VALUE], state[BASE_VALUE] if plan.from_base else state[VALUE]
    up, above = value * plan.gain_down + part * plan.gain, float(value) * plan.gain_down + float(part) * plan.gain
    down, below = plan.gain_down * state[LOTS] * plan.coarse, float(plan.gain_down) * state[LOTS] * plan.coarse
    if plan.counts_fees:
        fee, scale = state[DEAL_FEE], plan.fee_scale
        up = (up * scale + fee * plan.gain_down) * plan.close_down
        above = (above * scale + float(fee) * plan.gain_down) * plan.close_down
        down *= scale * plan.close_up
        below *= float(scale) * plan.close_up
    if below > NUMBER_MAX or above > below * QUOTIENT_MAX:
        return -1
    about = above / below
    ticks = _divide(2 * up + down, 2 * down, about) if plan.is_nearest else _divide(up + down - 1, down, about)
    return ticks * plan.coarse
