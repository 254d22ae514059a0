"""What is wrong with candles, and when: nothing is repaired or bridged here, it is only named."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from enum import StrEnum
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from fairlead.market.candles.series import PRICES
from fairlead.market.candles.table import CandleTable, decimals_of, distinct

JUMP_PERCENT: Final = Decimal(10)
_HUNDRED: Final = 100.0


class Fault(StrEnum):
    """Kinds of findings."""

    OUT_OF_ORDER = "out of order"
    DUPLICATE = "duplicate"
    OFF_GRID = "off the grid"
    GAP = "gap"
    INCONSISTENT = "inconsistent"
    OFF_TICK = "off the tick"
    JUMP = "jump"
    ZERO_VOLUME = "no volume"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One of them: it is about [``begin_ms``, ``end_ms``) and so many candles."""

    fault: Fault
    begin_ms: int
    end_ms: int
    candles: int
    text: str


def check_table(
    table: CandleTable, length_ms: int, *, tick: Decimal | None = None, jump_percent: Decimal = JUMP_PERCENT
) -> list[Finding]:
    """Everything that is wrong with the rows of a table as they stand, by kind and then by time.

    ``tick``: every price should be a multiple of it. ``jump_percent``: a close so far from the one before is told.
    """
    if not len(table):
        return []
    ordered = table.rows(np.argsort(table.opened_ms, kind="stable"))
    return [
        *_out_of_order(table, length_ms),
        *_duplicates(ordered, length_ms),
        *_runs(
            ordered, length_ms, ordered.opened_ms % length_ms != 0, Fault.OFF_GRID, "not at a multiple of its length"
        ),
        *_gaps(ordered, length_ms),
        *_runs(
            ordered, length_ms, find_inconsistent(ordered), Fault.INCONSISTENT, "low and high do not enclose the rest"
        ),
        *_off_tick(ordered, length_ms, tick),
        *_jumps(ordered, length_ms, float(jump_percent)),
        *_runs(ordered, length_ms, ordered.volume == 0, Fault.ZERO_VOLUME, "nothing was traded"),
    ]


def find_inconsistent(table: CandleTable) -> NDArray[np.bool_]:
    """Which rows have a low above or a high below another of their prices, or a price that is not positive."""
    opened, high, low, close = (table.prices[name] for name in PRICES)
    wrong: NDArray[np.bool_] = (low <= 0) | (low > np.minimum(opened, close)) | (high < np.maximum(opened, close))
    return wrong


def count_missing(times: NDArray[np.int64], length_ms: int) -> int:
    """How many candles are missing between the first and the last; ``times`` are in order."""
    return int((times[-1] - times[0]) // length_ms + 1 - len(distinct(times))) if len(times) else 0


def _out_of_order(table: CandleTable, length_ms: int) -> Iterator[Finding]:
    latest = np.maximum.accumulate(table.opened_ms)
    late = np.concatenate(([False], table.opened_ms[1:] < latest[:-1]))
    return _runs(table, length_ms, late, Fault.OUT_OF_ORDER, "after a later one")


def _duplicates(ordered: CandleTable, length_ms: int) -> Iterator[Finding]:
    times, counts = np.unique(ordered.opened_ms, return_counts=True)
    for place in np.flatnonzero(counts > 1):
        at_ms, count = int(times[place]), int(counts[place])
        rows = ordered.between(at_ms, at_ms + 1)
        alike = bool(rows.rows(slice(1, None)).equal_rows(rows.rows(slice(None, -1))).all())
        text = f"{count} times, {'all the same' if alike else 'with different values'}"
        yield Finding(fault=Fault.DUPLICATE, begin_ms=at_ms, end_ms=at_ms + length_ms, candles=count, text=text)


def _gaps(ordered: CandleTable, length_ms: int) -> Iterator[Finding]:
    times = distinct(ordered.opened_ms)
    for place in np.flatnonzero(np.diff(times) > length_ms):
        begin_ms, end_ms = int(times[place]) + length_ms, int(times[place + 1])
        count = -(-(end_ms - begin_ms) // length_ms)
        yield Finding(fault=Fault.GAP, begin_ms=begin_ms, end_ms=end_ms, candles=count, text=f"{count} missing")


def _off_tick(ordered: CandleTable, length_ms: int, tick: Decimal | None) -> Iterator[Finding]:
    if tick is None:
        return iter(())
    fine = ordered.with_decimals(max(ordered.decimals, decimals_of(tick)))
    step = int(tick.scaleb(fine.decimals))
    wrong = np.zeros(len(fine), dtype=np.bool_)
    for column in fine.prices.values():
        wrong |= column % step != 0
    return _runs(fine, length_ms, wrong, Fault.OFF_TICK, f"a price is no multiple of {tick}")


def _jumps(ordered: CandleTable, length_ms: int, percent: float) -> Iterator[Finding]:
    closes = ordered.prices["close"].astype(np.float64)
    before = np.maximum(closes[:-1], 1.0)
    moves = (closes[1:] / before - 1.0) * _HUNDRED
    for place in np.flatnonzero(np.abs(moves) >= percent):
        at_ms = int(ordered.opened_ms[place + 1])
        first, second = ordered.price("close", int(place)), ordered.price("close", int(place) + 1)
        text = f"{moves[place]:+.1f} %: from {first} to {second}"
        yield Finding(fault=Fault.JUMP, begin_ms=at_ms, end_ms=at_ms + length_ms, candles=1, text=text)


def _runs(table: CandleTable, length_ms: int, wrong: NDArray[np.bool_], fault: Fault, text: str) -> Iterator[Finding]:
    """One finding for each run of neighbouring rows."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], wrong, [False])).astype(np.int8)))
    for first, after in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        times = table.opened_ms[first:after]
        begin_ms, end_ms = int(times.min()), int(times.max()) + length_ms
        yield Finding(fault=fault, begin_ms=begin_ms, end_ms=end_ms, candles=after - first, text=text)
