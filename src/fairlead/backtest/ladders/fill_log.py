"""The fills of a replayed ladder as columns of whole numbers; rows in money are made when somebody reads them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from decimal import Decimal
from functools import cached_property
from typing import Final, Generic, TypeAlias, TypeVar, overload

import msgspec
import numpy as np

from fairlead.backtest.account import deal_fill
from fairlead.backtest.deal_log import DealLog
from fairlead.backtest.ladders.ladder_plan import LadderPlan
from fairlead.backtest.result import DealColumns, DealRow, Fill
from fairlead.core.model.bots.deal import Deal
from fairlead.core.model.bots.decision import BASE_SLOT
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.money import ZERO
from fairlead.core.rules.bots.entries import SAFETY_SLOT
from fairlead.core.rules.bots.ledger import book_fill, next_deal
from fairlead.core.rules.bots.take_profit import EXIT_SLOT
from fairlead.market.candles.series import CandleSeries, Floats, Ticks

EXIT: Final = -1
"""Stands for the take-profit where a level's number would be."""

TAKE_PROFIT: Final = "take_profit"
COLUMNS: Final = 5

Row: TypeAlias = tuple[int, int, int, int, bool]
"""A fill: candle, level (or ``EXIT``), lots, price in ticks, and whether it took."""

_EXACT_MAX: Final = 2.0**62
"""Whole numbers of 64 bits are exact below."""

T = TypeVar("T")


class LadderLog(msgspec.Struct, frozen=True):
    """What a replayed ladder did: a ``Row`` a fill."""

    plan: LadderPlan
    series: CandleSeries
    instrument: Instrument
    fee_in_coin: bool
    rows: Ticks


class LadderColumns(msgspec.Struct, frozen=True):
    """The rows' columns, and each fill's value and fee, as whole numbers of the plan's units."""

    candles: Ticks
    levels: Ticks
    lots: Ticks
    ticks: Ticks
    takes: Ticks
    values: Ticks
    fees: Ticks

    @property
    def exits(self) -> Ticks:
        """Numbers of the rows that end a deal."""
        return np.flatnonzero(self.levels == EXIT)


def _columns_of(log: LadderLog) -> LadderColumns:
    """Read a log; where sums might need more than 64 bits, values and fees are Python's own whole numbers."""
    candles, levels, lots, ticks, takes = np.ascontiguousarray(log.rows.T)
    rates = (log.plan.maker, log.plan.taker)
    largest = float(lots @ ticks.astype(np.float64)) * max(log.plan.fee_scale, *map(abs, rates))
    kind = np.int64 if largest < _EXACT_MAX else object
    values = lots.astype(kind) * ticks
    return LadderColumns(candles, levels, lots, ticks, takes, values, values * np.array(rates, dtype=kind)[takes])


class LazyRows(Sequence[T], Generic[T]):
    """Rows that are made, all at once, when the first of them is read."""

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[T]: ...
    def __getitem__(self, index: int | slice) -> T | Sequence[T]:
        """One of them, or some."""
        return self.rows[index]

    def __iter__(self) -> Iterator[T]:
        """All of them, at once."""
        return iter(self.rows)

    def __eq__(self, other: object) -> bool:
        """Whether others are the same rows."""
        return isinstance(other, Sequence) and self.rows == list(other)

    def __hash__(self) -> int:
        """As the object: rows may be many."""
        return id(self)

    @cached_property
    def rows(self) -> list[T]:
        """All of them."""
        return self._make()

    @abstractmethod
    def _make(self) -> list[T]: ...


class LadderFills(LazyRows[Fill]):
    """The fills as rows."""

    def __init__(self, log: LadderLog) -> None:
        """Read them from here when asked."""
        self.log = log

    @cached_property
    def columns(self) -> LadderColumns:
        """The same as columns."""
        return _columns_of(self.log)

    @cached_property
    def traded(self) -> Decimal:
        """Value of all fills."""
        return int(self.columns.values.sum()) * self.log.plan.value_unit

    @cached_property
    def fees(self) -> Decimal:
        """What all fills paid, valued at their prices where they paid in the coin."""
        return Decimal(int(self.columns.fees.sum())) / self.log.plan.fee_scale * self.log.plan.value_unit

    def __len__(self) -> int:
        """How many."""
        return len(self.log.rows)

    def _make(self) -> list[Fill]:
        log, plan = self.log, self.log.plan
        rates = (Decimal(plan.maker) / plan.fee_scale, Decimal(plan.taker) / plan.fee_scale)
        rows, cycle = [], 1
        for candle, level, lots, ticks, takes in log.rows.tolist():
            is_exit = level == EXIT
            value = lots * ticks * plan.value_unit
            rows.append(
                Fill(
                    0,
                    candle,
                    int(log.series.opened_ms[candle]),
                    f"{EXIT_SLOT}1" if is_exit else f"{SAFETY_SLOT}{level}" if level else BASE_SLOT,
                    not is_exit,
                    not is_exit,
                    lots * log.instrument.lot_size,
                    ticks * log.series.tick,
                    value,
                    value * rates[takes],
                    cycle,
                    not takes,
                    ZERO if is_exit or not log.fee_in_coin else lots * log.instrument.lot_size * rates[takes],
                )
            )
            cycle += is_exit
        return rows


class LadderDeals(LazyRows[DealRow]):
    """The deals as rows."""

    def __init__(self, fills: LadderFills) -> None:
        """Read them from the fills when asked."""
        self._fills = fills

    def __len__(self) -> int:
        """How many, the one that is still open included."""
        levels = self._fills.log.rows[:, 1]
        return int(np.count_nonzero(levels == EXIT)) + bool(len(levels) and levels[-1] != EXIT)

    @cached_property
    def columns(self) -> DealColumns | None:
        """What statistics are made of, without the rows; None where it takes the rules' ledger to tell."""
        log, columns = self._fills.log, self._fills.columns
        if log.fee_in_coin:
            return None
        exits = columns.exits
        firsts = np.append(0, exits + 1)
        count = len(exits)
        signed = np.where(columns.levels == EXIT, columns.values, -columns.values) * log.plan.fee_scale - columns.fees
        profits = np.add.reduceat(signed, firsts[:count]) if count else signed[:0]
        if count:
            # What the last deal, still open, has paid is no part of the one before.
            profits[-1] -= signed[firsts[count] :].sum()
        unit = log.plan.value_unit / log.plan.fee_scale
        ended_ms = log.series.closed_ms[columns.candles[exits]]
        still_open = len(log.rows) - int(firsts[-1])
        return DealColumns(
            profits=[float(profit * unit) for profit in profits.tolist()],
            lengths_ms=(ended_ms - log.series.opened_ms[columns.candles[firsts[:count]]]).tolist(),
            levels_max=max(int((exits - firsts[:count]).max(initial=0)), still_open),
            still_open=int(still_open > 0),
        )

    def _make(self) -> list[DealRow]:
        log = self._fills.log
        if log.fee_in_coin:
            return _rows_of_ledger(self._fills)
        rows: list[DealRow] = []
        maker, taker = log.plan.maker, log.plan.taker
        began = levels = cost = fee = lots = 0
        for candle, level, bought, ticks, takes in log.rows.tolist():
            value = bought * ticks
            fee += value * (taker if takes else maker)
            if level == EXIT:
                rows.append(self._row(len(rows) + 1, (began, candle), levels, (cost, value, fee)))
                levels = cost = fee = lots = 0
                continue
            began = candle if level == 0 else began
            levels += 1
            cost += value
            lots += bought
        if levels:
            rows.append(self._row(len(rows) + 1, (began, None), levels, (cost, lots * int(log.series.close[-1]), fee)))
        return rows

    def _row(self, cycle: int, candles: tuple[int, int | None], levels: int, money: tuple[int, int, int]) -> DealRow:
        (began, ended), (cost, worth, fee) = candles, money
        series, plan = self._fills.log.series, self._fills.log.plan
        fees = Decimal(fee) / plan.fee_scale * plan.value_unit
        return DealRow(
            bot=0,
            cycle=cycle,
            began_ms=int(series.opened_ms[began]),
            ended_ms=0 if ended is None else int(series.opened_ms[ended]) + series.length_ms,
            levels=levels,
            fills=levels + (ended is not None),
            cost_max=cost * plan.value_unit,
            profit=(worth - cost) * plan.value_unit - fees,
            fees=fees,
            why="" if ended is None else TAKE_PROFIT,
        )


def _rows_of_ledger(fills: LadderFills) -> list[DealRow]:
    log = fills.log
    deals, deal, cycle = DealLog(0), Deal(), 1
    for fill in fills:
        deal = book_fill(deal, deal_fill(fill, in_coin=True), log.instrument)
        deals.note(fill, deal)
        if not fill.opens:
            deals.end(deal, cycle, fill.at_ms + log.series.length_ms, TAKE_PROFIT)
            deal, cycle = next_deal(deal), cycle + 1
    deals.finish(deal, cycle, log.instrument, log.series.price(int(log.series.close[-1])))
    return deals.rows


def placed_at(fills: LadderFills) -> Ticks:
    """Candles at whose close entries were placed: a base order one before it is filled, levels as others are."""
    candles, levels = fills.columns.candles, fills.columns.levels
    return np.append(candles[levels != EXIT], candles[levels == 0] - 1)


def segments_of(fills: LadderFills) -> Floats:
    """The rows that ``curves.py`` traces: candles, cash moved since the beginning, what is held."""
    columns, log = fills.columns, fills.log
    plan = log.plan
    side: Ticks = np.where(columns.levels == EXIT, -1, 1)
    unit, maker, taker = float(plan.value_unit), plan.maker / plan.fee_scale, plan.taker / plan.fee_scale
    value = columns.lots.astype(np.float64) * columns.ticks * unit
    rate = np.where(columns.takes > 0, taker, maker)
    in_coin = np.where(side > 0, rate, 0.0) if log.fee_in_coin else 0.0
    held = np.cumsum(side * columns.lots * (1.0 - in_coin)) * float(log.instrument.lot_size)
    paid = np.where(side > 0, 0.0, rate * value) if log.fee_in_coin else rate * value
    return np.ascontiguousarray((columns.candles.astype(np.float64), np.cumsum(-side * value - paid), held))
