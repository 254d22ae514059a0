"""Replays a plain ladder with the compiled loop, where its numbers fit into 64 bits and fees are paid in money."""

from __future__ import annotations

from typing import Final

import msgspec
import numpy as np

from fairlead.backtest.compiled import is_compiled
from fairlead.backtest.ladders.fill_log import COLUMNS
from fairlead.backtest.ladders.ladder_plan import LadderPlan, Level
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

    numbers = {name: int(getattr(plan, name)) for name in loop.Numbers._fields if name in LadderPlan.__struct_fields__}
    sizes = [level.size for level in plan.levels]
    if any(abs(number) > loop.NUMBER_MAX for number in (*numbers.values(), *sizes, cash)):
        return None
    levels = np.array([_columns_of(level, loop.NUMBER_MAX) for level in plan.levels], dtype=np.int64)
    factors = np.array([level.up / level.down for level in plan.levels])
    market = loop.Market(search.flat, *map(_read_only, (series.open, series.close, series.closed_ms)))
    terms = loop.Numbers(**numbers, cash=cash, exit_first=int(exit_first))
    state: Ticks = np.zeros(loop.STATE, dtype=np.int64)
    state[loop.DECISIONS] = 1
    chunks: list[Ticks] = []
    said = loop.MORE
    while said == loop.MORE:
        rows = np.empty((CHUNK + 2 * len(levels), COLUMNS), dtype=np.int64)
        state[loop.ROWS] = 0
        said = loop.climb(market, terms, levels, factors, state, rows)
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
    market, state = loop.Market(one, *[_read_only(one)] * 3), np.zeros(loop.STATE, dtype=np.int64)
    levels, rows = np.ones((1, 3), dtype=np.int64), np.empty((1, COLUMNS), dtype=np.int64)
    loop.climb(market, terms, levels, np.ones(1), state, rows)


def _columns_of(level: Level, most: float) -> tuple[int, int, int]:
    """A level as the loop reads it; without its ratio where that has too many digits."""
    has_ratio = max(level.up, 2 * level.down) <= most
    return (level.up, level.down, level.size) if has_ratio else (0, 0, level.size)


def _read_only(column: Ticks) -> Ticks:
    """Candles may be anybody's; one kind of array is compiled for."""
    view = column.view()
    view.flags.writeable = False
    return view
