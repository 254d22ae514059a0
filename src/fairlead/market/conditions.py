"""Looks at conditions each time a bar closes, and tells whoever watches them."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final

import msgspec

from fairlead.core.model.bots.user_rule import BarFacts
from fairlead.core.model.conditions import TIMEFRAMES_MS, Expression
from fairlead.core.model.market import Candle, Quote
from fairlead.core.rules.conditions.vocabulary import bars_kept, timeframe_of
from fairlead.market.bars import LATE_MS, BarBuilder, Bars

Evaluate = Callable[[Sequence[Expression], Mapping[str, Bars], str], Sequence[float]]
"""Newest values of expressions over the bars of one instrument; the text is the timeframe where none is named."""

WATCHES_MAX: Final = 100_000
TOLD_LATE_MAX_MS: Final = 60_000
"""A bar that comes from a history so long after its close is no news any more."""


class Watch(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody watches on one instrument: conditions and values by name."""

    watcher: str
    symbol: str
    timeframe: str
    conditions: Mapping[str, Expression]
    values: Mapping[str, Expression] = {}


class _Watched:
    """One watch, what was found last, and lengths of which a bar has closed that nobody looked at yet."""

    __slots__ = ("due", "expressions", "found", "frames", "needed", "watch")

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self.due: set[str] = set()
        self.found: dict[str, float] = {}
        self.expressions = {**watch.values, **watch.conditions}
        self.frames = {
            name: timeframe_of(expression, watch.timeframe) or watch.timeframe
            for name, expression in self.expressions.items()
        }
        reaches = [bars_kept(expression, watch.timeframe) for expression in self.expressions.values()]
        self.needed = frozenset(timeframe for reach in reaches for timeframe in reach)

    @property
    def shortest_ms(self) -> int:
        """How long the shortest of the bars is that are due."""
        return min(TIMEFRAMES_MS[timeframe] for timeframe in self.due)


class ConditionBoard:
    """Every watch on the instruments of one market. ``tell`` hears of each bar at which all of a watch is known."""

    def __init__(self, evaluate: Evaluate, tell: Callable[[str, BarFacts], None], *, has_past: bool = False) -> None:
        """Begin without watches; ``has_past``: somebody fills in what closed before the first quote."""
        self._evaluate = evaluate
        self._tell = tell
        self._has_past = has_past
        self._builders: dict[str, BarBuilder] = {}
        self._watched: dict[str, dict[str, _Watched]] = {}

    @property
    def builders(self) -> Mapping[str, BarBuilder]:
        """The bars of each instrument; a live view."""
        return self._builders

    def watch(self, watch: Watch) -> None:
        """Look at this from now on, instead of what the same watcher watched there before."""
        assert len(self._watched) < WATCHES_MAX, watch
        builder = self._builders.get(watch.symbol)
        if builder is None:
            builder = self._builders[watch.symbol] = BarBuilder(has_past=self._has_past)
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
            builder.end_long_waits(now_ms)
            self._look(symbol, builder, builder.close_until(now_ms - LATE_MS), now_ms)

    def fill(self, symbol: str, timeframe: str, span: tuple[int, int], candles: Sequence[Candle], now_ms: int) -> None:
        """Take all closed bars of a span from a history.

        What closed before the first quote is no news, and is told to nobody. The bar that ran then is, as any other,
        unless it comes too late.
        """
        builder, (begin_ms, end_ms) = self._builders[symbol], span
        builder.fill(timeframe, begin_ms, end_ms, candles)
        since_ms = builder.since_ms(timeframe)
        is_news = since_ms is not None and since_ms < end_ms == now_ms - now_ms % TIMEFRAMES_MS[timeframe]
        known = [one for one in self._watched[symbol].values() if timeframe in one.needed]
        for one in known:
            if is_news and timeframe in one.frames.values():
                one.due.add(timeframe)
        known = [one for one in known if not _lacks(builder, one, now_ms)]
        news = [one for one in known if one.due and now_ms % one.shortest_ms <= TOLD_LATE_MAX_MS]
        self._find(builder, known, {timeframe for one in known for timeframe in one.frames.values()})
        for one in known:
            if one in news:
                self._tell_of(one, now_ms)
            one.due.clear()

    def _look(self, symbol: str, builder: BarBuilder, closed: frozenset[str], now_ms: int) -> None:
        if not closed:
            return
        watched = list(self._watched.get(symbol, {}).values())
        for one in watched:
            one.due |= closed & set(one.frames.values())
        ready = [one for one in watched if one.due and not _lacks(builder, one, now_ms)]
        self._find(builder, ready, {timeframe for one in ready for timeframe in one.due})
        for one in ready:
            self._tell_of(one, now_ms)
            one.due.clear()

    def _find(self, builder: BarBuilder, watched: Sequence[_Watched], frames: Collection[str]) -> None:
        """Compute what is of these lengths, each distinct expression once."""
        due: dict[str, dict[Expression, float]] = {}
        for one in watched:
            wanted = due.setdefault(one.watch.timeframe, {})
            wanted |= {one.expressions[name]: math.nan for name, frame in one.frames.items() if frame in frames}
        for timeframe, wanted in due.items():
            found = self._evaluate(list(wanted), builder.bars, timeframe)
            wanted.update(zip(list(wanted), found, strict=True))
        for one in watched:
            newest = due[one.watch.timeframe]
            one.found |= {name: newest[one.expressions[name]] for name, frame in one.frames.items() if frame in frames}

    def _tell_of(self, one: _Watched, now_ms: int) -> None:
        if any(math.isnan(one.found.get(name, math.nan)) for name in one.expressions):
            return
        holds = tuple(name for name in one.watch.conditions if one.found[name] > 0)
        values = tuple((name, one.found[name]) for name in one.watch.values)
        self._tell(one.watch.watcher, BarFacts(now_ms - now_ms % one.shortest_ms, holds, values))


def _lacks(builder: BarBuilder, one: _Watched, now_ms: int) -> bool:
    return any(builder.lacks(timeframe, now_ms) for timeframe in one.needed)
