"""Looks at conditions each time a bar closes, and tells whoever watches them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec

from fairlead.core.model.bots.user_rule import BarFacts
from fairlead.core.model.conditions import TIMEFRAMES_MS, Expression
from fairlead.core.model.market import Quote
from fairlead.core.rules.conditions.vocabulary import bars_kept, timeframe_of
from fairlead.market.bars import LATE_MS, BarBuilder, Bars

Evaluate = Callable[[Sequence[Expression], Mapping[str, Bars], str], Sequence[float]]
"""Newest values of expressions over the bars of one instrument; the text is the timeframe where none is named."""

WATCHES_MAX: Final = 100_000


class Watch(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody watches on one instrument: conditions and values by name."""

    watcher: str
    symbol: str
    timeframe: str
    conditions: Mapping[str, Expression]
    values: Mapping[str, Expression] = {}


class _Watched:
    """One watch, and what was found last."""

    __slots__ = ("expressions", "found", "frames", "watch")

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self.found: dict[str, float] = {}
        self.expressions = {**watch.values, **watch.conditions}
        self.frames = {
            name: timeframe_of(expression, watch.timeframe) or watch.timeframe
            for name, expression in self.expressions.items()
        }


class ConditionBoard:
    """Every watch on the instruments of one market. ``tell`` hears of each bar at which all of a watch is known."""

    def __init__(self, evaluate: Evaluate, tell: Callable[[str, BarFacts], None]) -> None:
        """Begin without watches."""
        self._evaluate = evaluate
        self._tell = tell
        self._builders: dict[str, BarBuilder] = {}
        self._watched: dict[str, dict[str, _Watched]] = {}

    def watch(self, watch: Watch) -> None:
        """Look at this from now on, instead of what the same watcher watched there before."""
        assert len(self._watched) < WATCHES_MAX, watch
        builder = self._builders.setdefault(watch.symbol, BarBuilder())
        watched = _Watched(watch)
        for expression in watched.expressions.values():
            for timeframe, bars in bars_kept(expression, watch.timeframe).items():
                builder.want(timeframe, bars)
        self._watched.setdefault(watch.symbol, {})[watch.watcher] = watched

    def forget(self, watcher: str) -> None:
        """Look at nothing for this watcher any more; bars of an instrument that nobody watches are dropped."""
        for symbol in list(self._watched):
            self._watched[symbol].pop(watcher, None)
            if not self._watched[symbol]:
                del self._watched[symbol], self._builders[symbol]

    def on_quote(self, quote: Quote) -> None:
        """Take a price."""
        builder = self._builders.get(quote.symbol)
        if builder is not None and quote.last:
            self._look(quote.symbol, builder, builder.take(float(quote.last), quote.at_ms), quote.at_ms)

    def look_at_time(self, now_ms: int) -> None:
        """Close bars that no quote has closed."""
        for symbol, builder in list(self._builders.items()):
            self._look(symbol, builder, builder.close_until(now_ms - LATE_MS), now_ms)

    def _look(self, symbol: str, builder: BarBuilder, closed: frozenset[str], now_ms: int) -> None:
        if not closed:
            return
        due: dict[str, dict[Expression, float]] = {}
        watched = list(self._watched.get(symbol, {}).values())
        for one in watched:
            wanted = due.setdefault(one.watch.timeframe, {})
            wanted |= {one.expressions[name]: math.nan for name, frame in one.frames.items() if frame in closed}
        for timeframe, wanted in due.items():
            found = self._evaluate(list(wanted), builder.bars, timeframe)
            wanted.update(zip(list(wanted), found, strict=True))
        shortest = min(TIMEFRAMES_MS[timeframe] for timeframe in closed)
        for one in watched:
            self._update(one, due[one.watch.timeframe], closed, now_ms - now_ms % shortest)

    def _update(self, one: _Watched, newest: Mapping[Expression, float], closed: frozenset[str], at_ms: int) -> None:
        changed = {name for name, frame in one.frames.items() if frame in closed}
        if not changed:
            return
        one.found |= {name: newest[one.expressions[name]] for name in changed}
        if any(math.isnan(one.found.get(name, math.nan)) for name in one.expressions):
            return
        holds = tuple(name for name in one.watch.conditions if one.found[name] > 0)
        values = tuple((name, one.found[name]) for name in one.watch.values)
        self._tell(one.watch.watcher, BarFacts(at_ms, holds, values))
