"""Joins what bots decided on a day with candles of that day, for the report of what a replay would have done."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import TypeAlias

import msgspec

from fairlead.backtest.parity.heard import are_of_one_market, series_of_heard, touched_prices
from fairlead.backtest.parity.report import BotDrift, drift_of
from fairlead.backtest.parity.stretches import BotDay, DayBook
from fairlead.core.rules.bots.rules import FindRule
from fairlead.market.candles.archive import NoCandlesError
from fairlead.market.candles.load import exchange_folder, load_series
from fairlead.market.candles.series import CandleSeries
from fairlead.reporting.decision_check import DecisionReport, Heard, Standing, check_decisions

DAY_MS = 86_400_000
_Market: TypeAlias = tuple[str, str]
"""An account and a symbol: two accounts may trade on two markets."""


class DriftPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What to report on: a database, a stretch of time, where candles are kept, and of which exchange (empty: any)."""

    url: str
    begin_ms: int
    end_ms: int
    candles_dir: Path
    find_rule: FindRule
    timeframe: str = "1m"
    exchange: str = ""


class DriftReport(msgspec.Struct, frozen=True, kw_only=True):
    """Every bot's day, and whether its decisions come out again; ``heard_only`` are bots without other candles."""

    decisions: DecisionReport
    bots: tuple[BotDrift, ...]
    heard_only: tuple[str, ...]


def make_drift_report(plan: DriftPlan, progress: Callable[[int, int], None] | None = None) -> DriftReport:
    """Decide again, replay, and compare; blocks.

    Raises:
        NoCandlesError: candles of the named exchange are not kept.
        Exception: what the driver says when the database is not there, was not migrated, or refused.
    """
    books: dict[str, DayBook] = {}

    def hear(one: Heard | Standing) -> None:
        state = one.state if isinstance(one, Standing) else one.decided.state
        book = books.setdefault(state.bot_id, DayBook(state, plan.begin_ms, plan.end_ms))
        if isinstance(one, Standing):
            book.stand(one.state, one.settings, one.terms)
        else:
            book.take(one.before, one.decided, one.settings, one.terms)

    decisions = check_decisions(
        plan.url, plan.begin_ms, plan.end_ms, find_rule=plan.find_rule, progress=progress, hear=hear
    )
    wrong: dict[str, list[int]] = {}
    for difference in decisions.differences:
        wrong.setdefault(difference.bot, []).append(difference.at_ms)
    days = [book.day for book in books.values() if book.day.stretches]
    markets = _Markets(plan, days)
    bots = [drift_of(day, markets.find(day), wrong.get(day.bot, ()), plan.find_rule) for day in days]
    return DriftReport(decisions=decisions, bots=tuple(bots), heard_only=tuple(markets.heard_only))


class _Markets:
    """Candles of every market, each looked for once."""

    def __init__(self, plan: DriftPlan, days: list[BotDay]) -> None:
        self._plan = plan
        self._found: dict[_Market, CandleSeries | None] = {}
        self._heard: dict[_Market, list[tuple[int, Decimal]]] = {}
        self._only_heard: set[_Market] = set()
        self.heard_only: list[str] = []
        for day in days:
            heard = self._heard.setdefault((day.account_id, day.symbol), [])
            heard += day.heard
            heard += touched_prices(trade for stretch in day.stretches for trade in stretch.trades())

    def find(self, day: BotDay) -> CandleSeries | None:
        market = (day.account_id, day.symbol)
        if market not in self._found:
            self._found[market] = self._kept(day) or self._of_heard(day)
        if market in self._only_heard:
            self.heard_only.append(day.bot)
        return self._found[market]

    def _kept(self, day: BotDay) -> CandleSeries | None:
        plan = self._plan
        heard = self._heard[day.account_id, day.symbol]
        try:
            folder = exchange_folder(plan.candles_dir, day.symbol, plan.exchange)
            begin_ms = plan.begin_ms - DAY_MS
            tick = day.stretches[0].terms.instrument.tick_size
            series = load_series(folder, day.symbol, plan.timeframe, tick, begin_ms, plan.end_ms)
        except NoCandlesError:
            if plan.exchange:
                raise
            return None
        return series if are_of_one_market(series, heard) else None

    def _of_heard(self, day: BotDay) -> CandleSeries | None:
        market = (day.account_id, day.symbol)
        self._only_heard.add(market)
        tick = day.stretches[0].terms.instrument.tick_size
        return series_of_heard(day.symbol, self._plan.timeframe, tick, self._heard[market])
