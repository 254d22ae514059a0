"""Loops that numba compiles where it is installed; whoever calls them has a way without it that gives the same answer.

numba is loaded by the first call only: importing it takes most of a second. Signatures are declared, so that compiled
code is found again in the cache of the next process.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from typing import Any, Final

from fairlead.market.candles.series import BLOCK, Floats, Ticks

HEADER: Final = 2
"""Numbers before the columns of a flat series: candles and blocks."""


@cache
def is_compiled() -> bool:
    """Whether numba is installed."""
    return find_spec("numba") is not None


def _compile(function: Callable[..., Any], signature: str) -> Any:  # noqa: ANN401 (numba has no types)
    from numba import njit

    return njit(signature, cache=True, nogil=True)(function)


@cache
def compiled_search() -> Callable[[Ticks, int, int, int], int]:
    """The search for the next candle: takes a flat series, where to begin, and prices in ticks."""
    search: Callable[[Ticks, int, int, int], int] = _compile(_search, "int64(int64[::1], int64, int64, int64)")
    return search


@cache
def compiled_trace() -> Callable[..., None]:
    """The curve of one holding: closes, tick, 1 for inverse, candles, cash and holding of fills; columns to fill."""
    columns = "float64[::1], float64[::1], float64[::1], float64[::1]"
    trace: Callable[..., None] = _compile(_trace, f"void(int64[::1], float64, int64, int64[::1], {columns})")
    return trace


def _search(flat: Ticks, start: int, buy: int, sell: int) -> int:
    length, blocks = flat[0], flat[1]
    lows, highs = HEADER, HEADER + length
    block_lows, block_highs = highs + length, highs + length + blocks
    candle = start
    while candle < length:
        block = candle // BLOCK
        if candle == block * BLOCK:
            while block < blocks and flat[block_lows + block] > buy and flat[block_highs + block] < sell:
                block += 1
            candle = block * BLOCK
            if candle >= length:
                break
        end = min(length, (block + 1) * BLOCK)
        while candle < end:
            if flat[lows + candle] <= buy or flat[highs + candle] >= sell:
                return candle
            candle += 1
    return int(length)


def _trace(  # noqa: PLR0913, PLR0917 (one flat signature is what makes the call cheap)
    close: Ticks, tick: float, inverse: int, candles: Ticks, cash: Floats, held: Floats, added: Floats, value: Floats
) -> None:
    fills = len(candles)
    for number in range(fills):
        begin = candles[number]
        end = candles[number + 1] if number + 1 < fills else len(close)
        base, quantity = cash[number], held[number]
        for candle in range(begin, end):
            price = close[candle] * tick
            worth = quantity / price if inverse else quantity * price
            added[candle] = base + worth
            value[candle] = abs(worth)
