"""Replays a plain ladder with the compiled loop, where its numbers fit into 64 bits and fees are paid in money."""

from __future__ import annotations

from typing import Final

import msgspec
import numpy as np

from fairlead.backtest.compiled import is_compiled
from fairlead.backtest.ladders.fill_log import COLUMNS
from fairlead.backtest.ladders.ladder_plan import LadderPlan
from fairlead.backtest.ladders.ladder_run import NotPlainError
from fairlead.backtest.search import CompiledSearch
from fairlead.market.candles.series import CandleSeries, Ticks

CHUNK: Final = 4_096
"""Rows that are filled between two calls, and more where one cycle may need more."""


class Climbed(msgspec.Struct, frozen=True):
    """What became of a run, as ``LadderRun`` has it: rows, cash moved before fees, fees, and the lots still held."""

    rows: Ticks
    moved: int
    fee: int
    lots: int
    decisions: int


def run_compiled(
    plan: LadderPlan, series: CandleSeries, search: CompiledSearch, cash: int, *, exit_first: bool
) -> Climbed | None:
    """From the close of the first candle to the end of the last; None: the numbers are too large.

    Nobody is asked whether a cycle may hang: that is for whoever reads the rows.

    Raises:
        NotPlainError: as ``LadderRun.run``.
    """
    from fairlead.backtest.ladders import compiled_ladder as loop

    price = float(series.block_highs.max())
    levels = [(one.up, one.down, one.size, one.unit) for one in plan.levels]
    numbers = {name: int(getattr(plan, name)) for name in loop.Numbers._fields if name in LadderPlan.__struct_fields__}
    if not _fit(levels, [*numbers.values(), cash], price, loop.NUMBER_MAX):
        return None
    market = loop.Market(search.flat, *map(_read_only, (series.open, series.close, series.closed_ms)))
    terms = loop.Numbers(**numbers, cash=cash, exit_first=int(exit_first))
    state: Ticks = np.zeros(loop.STATE, dtype=np.int64)
    state[loop.DECISIONS] = 1
    chunks: list[Ticks] = []
    columns, said = np.array(levels, dtype=np.int64), loop.MORE
    while said == loop.MORE:
        rows = np.empty((CHUNK + 2 * len(levels), COLUMNS), dtype=np.int64)
        state[loop.ROWS] = 0
        said = loop.climb(market, terms, columns, state, rows)
        chunks.append(rows[: state[loop.ROWS]])
    if said == loop.NOT_PLAIN:
        raise NotPlainError
    if said == loop.TOO_LARGE:
        return None
    moved, fee, lots, decisions = state[[loop.MOVED, loop.FEE, loop.LOTS, loop.DECISIONS]].tolist()
    return Climbed(chunks[0] if len(chunks) == 1 else np.concatenate(chunks), moved, fee, lots, decisions)


def compile_ladder() -> None:
    """Compile now, by a run that has nothing to do: processes that are forked afterwards have it."""
    if not is_compiled():
        return
    from fairlead.backtest.ladders import compiled_ladder as loop

    one = np.ones(1, dtype=np.int64)
    terms = loop.Numbers._make([1] * len(loop.Numbers._fields))
    columns, state = np.ones((1, 4), dtype=np.int64), np.zeros(loop.STATE, dtype=np.int64)
    market = loop.Market(one, *[_read_only(one)] * 3)
    loop.climb(market, terms, columns, state, np.empty((1, COLUMNS), dtype=np.int64))


def _fit(levels: list[tuple[int, int, int, int]], numbers: list[int], price: float, most: float) -> bool:
    """Whether whatever is read, and every divisor of a level, fits."""
    if any(abs(number) > most for number in numbers):
        return False
    # A price that is rounded may be a tick above the highest.
    return all(max(up, 2 * down, size, unit * (price + 1)) <= most for up, down, size, unit in levels)


def _read_only(column: Ticks) -> Ticks:
    """Candles may be anybody's; one kind of array is compiled for."""
    view = column.view()
    view.flags.writeable = False
    return view
