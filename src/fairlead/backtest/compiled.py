"""Loops that numba compiles where it is installed; whoever calls them has a way without it that gives the same answer.

numba is loaded by the first call only: importing it takes most of a second. Signatures are declared, so that compiled
code is found again in the cache of the next process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from importlib.util import find_spec
from typing import Any, Final, TypeVar, cast

import numpy as np

from fairlead.market.candles.series import BLOCK, Floats, Ticks

Function = TypeVar("Function", bound=Callable[..., Any])

HEADER: Final = 2
"""Numbers before the columns of a flat series: candles and blocks."""


_plain: Final = ContextVar("plain", default=False)


@lru_cache(maxsize=1)
def _is_installed() -> bool:
    return find_spec("numba") is not None


def is_compiled() -> bool:
    """Whether loops are to be compiled: numba is installed, and nobody wants plain ones."""
    return not _plain.get() and _is_installed()


@contextmanager
def plain_loops() -> Iterator[None]:
    """Within this nothing is compiled, for a short run: loading numba would take longer than it saves."""
    before = _plain.set(True)
    try:
        yield
    finally:
        _plain.reset(before)


def compiled(function: Function) -> Function:
    """Compile a function for the types of its first call; it may call others that are compiled."""
    return cast("Function", _compile(function))


def _compile(function: Callable[..., Any], signature: str | None = None) -> Any:  # noqa: ANN401 (numba has no types)
    from numba import njit

    return njit(signature, cache=True, nogil=True)(function)


@lru_cache(maxsize=1)
def compiled_search() -> Callable[[Ticks, int, int, int], int]:
    """The search for the next candle: takes a flat series, where to begin, and prices in ticks."""
    search: Callable[[Ticks, int, int, int], int] = _compile(_search, "int64(int64[::1], int64, int64, int64)")
    return search


@lru_cache(maxsize=1)
def compiled_divide() -> Callable[[int, int, float], int]:
    """A floor division whose dividend may have wrapped around; the last argument is about the quotient.

    Right where the divisor is below 2^61, and what it is said to be about is off by a unit at most.
    """
    divide: Callable[[int, int, float], int] = _compile(_divide, "int64(int64, int64, float64)")
    return divide


@lru_cache(maxsize=1)
def compiled_trace() -> Callable[[Ticks, float, int, Floats, Floats], None]:
    """The curve of one holding: closes, tick, 1 for inverse, and columns as ``curves.py`` has them."""
    # Candles from files may be read-only, which no text of a signature can say.
    closes = "Array(int64, 1, 'C', readonly=True)"
    signature = f"void({closes}, float64, int64, float64[:, ::1], float64[:, ::1])"
    trace: Callable[[Ticks, float, int, Floats, Floats], None] = _compile(_trace, signature)
    return trace


@lru_cache(maxsize=1)
def compiled_use() -> Callable[[Floats, Floats], Floats]:
    """What a run tied up, as ``use_of`` of ``measures/statistics.py`` says it."""
    use: Callable[[Floats, Floats], Floats] = _compile(_use, "float64[::1](float64[::1], float64[::1])")
    return use


def compile_all() -> None:
    """Compile now: processes that are forked afterwards have it, and share its memory."""
    if is_compiled():
        compiled_search()
        compiled_divide()
        compiled_trace()
        compiled_use()


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


def _divide(up: int, down: int, about: float) -> int:
    whole = int(about)
    # What is left over is small, so its last 64 bits are all of it.
    rest = up - whole * down
    while rest < 0:
        whole -= 1
        rest += down
    while rest >= down:
        whole += 1
        rest -= down
    return whole


def _trace(close: Ticks, tick: float, inverse: int, segments: Floats, curves: Floats) -> None:
    fills = segments.shape[1]
    for number in range(fills):
        begin = int(segments[0, number])
        end = int(segments[0, number + 1]) if number + 1 < fills else len(close)
        cash, held = segments[1, number], segments[2, number]
        for candle in range(begin, end):
            price = close[candle] * tick
            worth = held / price if inverse else held * price
            curves[0, candle] = cash + worth
            curves[1, candle] = abs(worth)


def _use(held: Floats, equity: Floats) -> Floats:
    found = np.zeros(5)
    for close in range(len(held)):
        value, of = held[close], equity[close]
        if value > 0.0 and of > 0.0:
            share = value / of
            found[0] += 1.0
            found[1] += value
            found[2] += share
            found[3] = max(found[3], share)
            found[4] = max(found[4], value)
    return found
