"""Makes up candles from a seed: geometric Brownian motion whose variance clusters as a GARCH(1,1) process.

Only whole numbers, products, quotients and square roots are used, so a seed gives the same candles on every machine.
"""

from __future__ import annotations

from decimal import Decimal
from math import sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fairlead.core.model.conditions import TIMEFRAMES_MS
from fairlead.market.candles.series import CandleSeries, Floats, Ticks

TICK: Final = Decimal("0.01")
START_PRICE: Final = Decimal(60_000)
BEGIN_MS: Final = 1_735_689_600_000
"""1 January 2025, UTC."""

YEAR_OF_MINUTES: Final = 525_600

WIDTH_MAX: Final = 0.0195
"""Greatest height of a candle of one minute as a fraction of its low; of longer ones by the root of their length."""

VOLATILITY: Final = 0.6
"""Standard deviation of a year's return, on average over time."""

SHOCK_WEIGHT: Final = 0.06
PERSISTENCE: Final = 0.92
"""GARCH(1,1): the next variance is this much of the last one, plus the share above of the last squared return."""

PRICE_MIN_TICKS: Final = 1_000
"""Below this a tick would be more than a tenth of a percent, and the motion no longer geometric."""

_BODY_PART: Final = 0.85
_NORMALS: Final = 5
_WORDS: Final = 3
_EVEN: Final = np.uint64(0x0000_FFFF_0000_FFFF)
_CHUNK: Final = 65_536


def generate_series(
    symbol: str,
    *,
    candles: int,
    seed: int,
    timeframe: str = "1m",
    start_price: Decimal = START_PRICE,
    begin_ms: int = BEGIN_MS,
) -> CandleSeries:
    """Make ``candles`` candles that begin at ``begin_ms``, none missing, prices multiples of 0.01.

    Each opens where the one before closed. Another ``symbol`` has another path for the same ``seed``. ``begin_ms`` is
    moved down to a whole multiple of the timeframe.

    Raises:
        ValueError: fewer than one candle, a negative seed, a timeframe that is not known, or a price below 10.
    """
    length_ms = TIMEFRAMES_MS.get(timeframe)
    if length_ms is None:
        raise ValueError(f"timeframe {timeframe!r} is none of {', '.join(TIMEFRAMES_MS)}")
    start = int(start_price / TICK)
    if start < PRICE_MIN_TICKS:
        raise ValueError(f"start price {start_price} is below {PRICE_MIN_TICKS * TICK}")
    if candles < 1 or seed < 0:
        raise ValueError(f"{candles} candles with seed {seed}: at least one candle, and no negative seed")
    minutes = length_ms / TIMEFRAMES_MS["1m"]
    bits = np.random.PCG64([seed, *symbol.encode()])
    walk = _Walk(start, minutes=minutes)
    parts = []
    for first in range(0, candles, _CHUNK):
        normals = _normals(bits, min(_CHUNK, candles - first))
        parts.append(_make_candles(walk, normals, width_max=WIDTH_MAX * sqrt(minutes)))
    columns = {name: np.concatenate([part[name] for part in parts]) for name in ("open", "high", "low", "close")}
    return CandleSeries(
        symbol=symbol,
        timeframe=timeframe,
        tick=TICK,
        opened_ms=begin_ms // length_ms * length_ms + length_ms * np.arange(candles, dtype=np.int64),
        prices=columns,
        volume=_volumes(columns, np.random.PCG64([seed, 1, *symbol.encode()])),
    )


class _Walk:
    """Closes one after another, and how uncertain each was."""

    def __init__(self, start: int, *, minutes: float) -> None:
        self.close = start
        self.exact = float(start)
        self.long_run = VOLATILITY * VOLATILITY * minutes / YEAR_OF_MINUTES
        self.variance = self.long_run
        self.step_max = WIDTH_MAX * _BODY_PART * sqrt(minutes)

    def go(self, shocks: Floats) -> tuple[Ticks, Ticks, Floats]:
        """Opens, closes and deviations of the next candles."""
        variances, steps = [], []
        variance, step_max = self.variance, self.step_max
        floor = (1.0 - SHOCK_WEIGHT - PERSISTENCE) * self.long_run
        for shock in shocks.tolist():
            variances.append(variance)
            step = sqrt(variance) * shock
            if not -step_max < step < step_max:
                step = step_max if step > 0 else -step_max
            steps.append(step)
            variance = floor + SHOCK_WEIGHT * step * step + PERSISTENCE * variance
        self.variance = variance
        closes = self._close(np.array(steps), np.array(variances))
        opens = np.concatenate(([self.close], closes[:-1]))
        self.close = int(closes[-1])
        return opens, closes, np.sqrt(np.array(variances))

    def _close(self, steps: Floats, variances: Floats) -> Ticks:
        # The exponential to its second order: of a step of two percent that leaves out a millionth.
        exact = self.exact * np.cumprod(1.0 + (steps - variances / 2) + steps * steps / 2)
        self.exact = float(exact[-1])
        closes: Ticks = np.maximum(np.rint(exact).astype(np.int64), PRICE_MIN_TICKS)
        return closes


def _make_candles(walk: _Walk, normals: list[Floats], *, width_max: float) -> dict[str, Ticks]:
    opened, closed, deviations = walk.go(normals[0])
    upper, lower = np.maximum(opened, closed), np.minimum(opened, closed)
    body = upper - lower
    spread = deviations * opened
    # The highest point of a Brownian motion with known ends is (a + b + sqrt((b - a)^2 - 2 s^2 ln U)) / 2, and -2 ln U
    # is distributed as the sum of two squared normals.
    over = (np.sqrt(body**2 + spread**2 * (normals[1] ** 2 + normals[2] ** 2)) - body) / 2
    under = (np.sqrt(body**2 + spread**2 * (normals[3] ** 2 + normals[4] ** 2)) - body) / 2
    # Room that holds however far the low goes: c of what is below the body, where c / (1 - c) is the width.
    room = np.maximum(np.floor(lower * (width_max / (1.0 + width_max))).astype(np.int64) - body, 0)
    above = np.minimum(np.rint(over).astype(np.int64), room // 2)
    below = np.minimum(np.rint(under).astype(np.int64), room - above)
    return {"open": opened, "high": upper + above, "low": lower - below, "close": closed}


def _normals(bits: np.random.PCG64, count: int) -> list[Floats]:
    """Numbers that are distributed normally up to six deviations: twelve uniform ones of 16 bits, added up."""
    words: NDArray[np.uint64] = bits.random_raw(_NORMALS * count * _WORDS).reshape(_WORDS, _NORMALS, count)
    # Four uniform numbers stand in a word; they are added as two pairs, each with 32 bits of room.
    pairs = ((words & _EVEN) + ((words >> np.uint64(16)) & _EVEN)).sum(axis=0, dtype=np.uint64)
    sums = ((pairs & np.uint64(0xFFFF_FFFF)) + (pairs >> np.uint64(32))).astype(np.float64)
    return [row / 65_536 - (6.0 - 6.0 / 65_536) for row in sums]


def _volumes(columns: dict[str, Ticks], bits: np.random.PCG64) -> Floats:
    """More is traded where the price moves more; in ten-thousandths."""
    words: NDArray[np.uint64] = bits.random_raw(len(columns["open"]))
    luck = (words >> np.uint64(48)).astype(np.int64) + 6_554
    width = (columns["high"] - columns["low"]) * 1_000_000 // columns["open"] + 50
    return luck * width / 65_536 / 10_000 * 50
