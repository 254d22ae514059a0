"""The engine for whoever runs many specifications on the same candles: what a series needs is prepared once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fairlead.backtest.keeping import Funding
from fairlead.backtest.result import BacktestResult
from fairlead.backtest.run import Extras, run_backtest
from fairlead.backtest.search import Search, make_search
from fairlead.backtest.spec import BacktestSpec
from fairlead.core.model.instrument import Instrument
from fairlead.core.rules.bots.rules import FindRule, Rule, no_rules
from fairlead.market.candles.series import CandleSeries


@dataclass
class EngineRun:
    """Runs specifications; ``rules`` and ``signals`` go before settings, by the name of a bot."""

    find_rule: FindRule = no_rules
    funding: Mapping[str, Funding] = field(default_factory=dict)
    rules: Mapping[str, Rule] = field(default_factory=dict)
    signals: Mapping[str, Sequence[tuple[int, str]]] = field(default_factory=dict)
    _searches: dict[str, tuple[CandleSeries, Search]] = field(default_factory=dict)

    def __call__(
        self,
        spec: BacktestSpec,
        market: Mapping[str, CandleSeries],
        instruments: Mapping[str, Instrument],
        *,
        keep_orders: bool = False,
    ) -> BacktestResult:
        """Run one.

        Raises:
            ValueError: it cannot be replayed on these candles.
        """
        extras = Extras(
            find_rule=self.find_rule,
            searches={symbol: self._search(series) for symbol, series in market.items()},
            funding=self.funding,
            rules=self.rules,
            signals=self._signals_within(spec, market),
            keep_orders=keep_orders,
        )
        return run_backtest(spec, market, instruments, extras)

    def __getstate__(self) -> dict[str, Any]:
        """Another process prepares its own candles."""
        return {**vars(self), "_searches": {}}

    def _signals_within(
        self, spec: BacktestSpec, market: Mapping[str, CandleSeries]
    ) -> dict[str, list[tuple[int, str]]]:
        """Signals from before the candles are past: nobody is told of them."""
        found = {}
        for bot in spec.bots:
            if bot.name in self.signals:
                begin_ms = max(spec.begin_ms, market[bot.symbol].begin_ms)
                found[bot.name] = [one for one in self.signals[bot.name] if one[0] > begin_ms]
        return found

    def _search(self, series: CandleSeries) -> Search:
        """The search over a series; those of older windows are forgotten."""
        known = self._searches.get(series.symbol)
        if known is None or known[0] is not series:
            known = self._searches[series.symbol] = series, make_search(series)
        return known[1]
