"""The fills of a replayed ladder as columns of whole numbers; rows in money are made when somebody reads them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from functools import cached_property
from typing import Final, overload

import msgspec
import numpy as np

from fairlead.backtest.account import deal_fill
from fairlead.backtest.deal_log import DealLog
from fairlead.backtest.ladders.ladder_plan import LadderPlan
from fairlead.backtest.result import DealRow, Fill
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


class LadderLog(msgspec.Struct, frozen=True):
    """What a replayed ladder did: a row a fill: candle, level (or ``EXIT``), lots, price, whether it took."""

    plan: LadderPlan
    series: CandleSeries
    instrument: Instrument
    fee_in_coin: bool
    rows: list[tuple[int, int, int, int, bool]]


class LadderFills(Sequence[Fill]):
    """The fills as rows."""

    def __init__(self, log: LadderLog) -> None:
        """Read them from here when asked."""
        self.log = log

    @property
    def traded(self) -> Decimal:
        """Value of all fills."""
        return sum(lots * ticks for _, _, lots, ticks, _ in self.log.rows) * self.log.plan.value_unit

    @property
    def fees(self) -> Decimal:
        """What all fills paid, valued at their prices where they paid in the coin."""
        plan = self.log.plan
        rates = (plan.maker, plan.taker)
        paid = sum(lots * ticks * rates[takes] for _, _, lots, ticks, takes in self.log.rows)
        return Decimal(paid) / plan.fee_scale * plan.value_unit

    def __len__(self) -> int:
        """How many."""
        return len(self.log.rows)

    @overload
    def __getitem__(self, index: int) -> Fill: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Fill]: ...
    def __getitem__(self, index: int | slice) -> Fill | Sequence[Fill]:
        """One of them, or some."""
        return self._rows[index]

    def __iter__(self) -> Iterator[Fill]:
        """All of them, at once."""
        return iter(self._rows)

    def __eq__(self, other: object) -> bool:
        """Whether others are the same rows."""
        return isinstance(other, Sequence) and self._rows == list(other)

    def __hash__(self) -> int:
        """As the object: rows may be many."""
        return id(self)

    @cached_property
    def _rows(self) -> list[Fill]:
        log, plan = self.log, self.log.plan
        rates = (Decimal(plan.maker) / plan.fee_scale, Decimal(plan.taker) / plan.fee_scale)
        rows, cycle = [], 1
        for candle, level, lots, ticks, takes in log.rows:
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


class LadderDeals(Sequence[DealRow]):
    """The deals as rows."""

    def __init__(self, fills: LadderFills) -> None:
        """Read them from the fills when asked."""
        self._fills = fills

    def __len__(self) -> int:
        """How many, the one that is still open included."""
        rows = self._fills.log.rows
        return sum(row[1] == EXIT for row in rows) + bool(rows and rows[-1][1] != EXIT)

    @overload
    def __getitem__(self, index: int) -> DealRow: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[DealRow]: ...
    def __getitem__(self, index: int | slice) -> DealRow | Sequence[DealRow]:
        """One of them, or some."""
        return self._rows[index]

    def __iter__(self) -> Iterator[DealRow]:
        """All of them, at once."""
        return iter(self._rows)

    def __eq__(self, other: object) -> bool:
        """Whether others are the same rows."""
        return isinstance(other, Sequence) and self._rows == list(other)

    def __hash__(self) -> int:
        """As the object: rows may be many."""
        return id(self)

    @cached_property
    def _rows(self) -> list[DealRow]:
        log = self._fills.log
        if log.fee_in_coin:
            return _rows_of_ledger(self._fills)
        rows: list[DealRow] = []
        maker, taker = log.plan.maker, log.plan.taker
        began = levels = cost = fee = lots = 0
        for candle, level, bought, ticks, takes in log.rows:
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


def placed_at(log: LadderLog) -> Ticks:
    """Candles at whose close entries were placed: a base order one before it is filled, levels as others are."""
    entries = [(candle, level) for candle, level, *_ in log.rows if level != EXIT]
    return np.array([candle for candle, _ in entries] + [candle - 1 for candle, level in entries if not level])


def segments_of(log: LadderLog) -> Floats:
    """The rows that ``curves.py`` traces: candles, cash moved since the beginning, what is held."""
    columns: Ticks = np.array(log.rows, dtype=np.int64).reshape(-1, 5).T
    candles, levels, lots, ticks, takes = columns
    side: Ticks = np.where(levels == EXIT, -1, 1)
    plan = log.plan
    unit, maker, taker = float(plan.value_unit), plan.maker / plan.fee_scale, plan.taker / plan.fee_scale
    value = lots.astype(np.float64) * ticks * unit
    rate = np.where(takes > 0, taker, maker)
    in_coin = np.where(side > 0, rate, 0.0) if log.fee_in_coin else 0.0
    held = np.cumsum(side * lots * (1.0 - in_coin)) * float(log.instrument.lot_size)
    paid = np.where(side > 0, 0.0, rate * value) if log.fee_in_coin else rate * value
    return np.ascontiguousarray((candles.astype(np.float64), np.cumsum(-side * value - paid), held))
