"""Conditions of a bot over a whole series: when each holds and when each is told, as the live board would.

Longer bars are made from the candles that there are, as live from minutes; one that was only partly seen, the first, is
left out. A value at a bar looks at that bar and earlier ones only (docs/decisions/0023). Where the series knows candles
from before those that are replayed, values look back at them; nothing is told of bars that closed then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fairlead.backtest.schedule import Schedule
from fairlead.core.model.bots.bot import Settings
from fairlead.core.model.bots.user_rule import BarFacts
from fairlead.core.model.conditions import TIMEFRAMES_MS
from fairlead.core.rules.bots.rules import FindRule
from fairlead.core.rules.bots.watchlist import Watchlist, watchlist_of
from fairlead.core.rules.conditions.vocabulary import bars_kept, timeframe_of
from fairlead.market.candles.series import PRICES, CandleSeries, Floats, Ticks

_PARTLY_SEEN: Final = 2
"""Bars beyond those that count: the one that runs when a replay begins, and the first, which may be seen in part."""


def look_back(watchlist: Watchlist, length_ms: int) -> int:
    """How many candles of a length must be known at a close for all that can be known, beside the newest."""
    spans_ms = [
        (bars + _PARTLY_SEEN) * TIMEFRAMES_MS[name]
        for one in watchlist.expressions.values()
        for name, bars in bars_kept(one, watchlist.timeframe).items()
    ]
    return -(-max(spans_ms, default=0) // length_ms)


def schedule_of(
    settings: Settings,
    series: CandleSeries,
    find_rule: FindRule,
    default_timeframe: str = "",
    *,
    warm_up: bool = True,
) -> Schedule:
    """Everything that a bot will be told of its conditions.

    ``default_timeframe`` is meant where a condition or a rule names no bars; empty: what is meant live. ``warm_up``:
    look back at candles before the first one, where some are known.

    Raises:
        ValueError: a condition or a rule cannot be read, or looks at bars shorter than the candles.
    """
    watchlist = watchlist_of(settings, find_rule, default_timeframe)
    if not watchlist.expressions:
        return Schedule()
    watched = Watched(series, watchlist, warm_up=warm_up)
    if watchlist.hears_changes:
        return watched.tell_changes(tuple(watchlist.conditions), tuple(watchlist.values))
    return watched.tell_holding(tuple(watchlist.conditions))


class Watched:
    """Expressions over one series, at each close of the shortest bars that any of them looks at."""

    def __init__(self, series: CandleSeries, watchlist: Watchlist, *, warm_up: bool = True) -> None:
        """Compute them all."""
        self._series = series
        self._found: dict[str, Floats] = {}
        self.closed_ms: Ticks = np.empty(0, dtype=np.int64)
        earlier = look_back(watchlist, series.length_ms) if warm_up and series.earlier else 0
        self._compute(series.with_earlier(earlier), watchlist)

    def tell_holding(self, names: tuple[str, ...]) -> Schedule:
        """Each condition by its name, at every close at which it holds and all are known."""
        if not len(self.closed_ms):
            return Schedule()
        known = self._known()
        awaited = {}
        for name in names:
            at = self._candles(np.flatnonzero(known & (self._found[name] > 0)))
            awaited[name] = np.unique(at[at < len(self._series)])
        return Schedule(awaited)

    def tell_changes(self, conditions: tuple[str, ...], values: tuple[str, ...]) -> Schedule:
        """Facts with everything that holds, at the first close at which all is known and whenever that changes."""
        known = self._known() if len(self.closed_ms) else np.zeros(1, dtype=bool)
        first = int(known.argmax())
        if not known[first]:
            return Schedule()
        # Mostly all is known from some bar on, and a slice need not be copied.
        at = slice(first, None) if known[first:].all() else np.flatnonzero(known)
        is_changed = np.zeros(len(known), dtype=bool)[at]
        is_changed[0] = True
        holds = [self._found[name][at] > 0 for name in conditions]
        for held in holds:
            is_changed[1:] |= held[1:] != held[:-1]
        changed = np.flatnonzero(is_changed)
        places = changed + first if isinstance(at, slice) else at[changed]
        candles = self._candles(places)
        is_seen = candles < len(self._series)
        changed, places = changed[is_seen], places[is_seen]
        holding = _holding(conditions, [held[changed] for held in holds], len(changed))
        rows = zip(self.closed_ms[places].tolist(), holding, self._numbers(places, values), strict=True)
        return Schedule(candles=candles[is_seen].tolist(), told=[BarFacts(*row) for row in rows])

    def _numbers(self, places: Ticks, values: tuple[str, ...]) -> Sequence[tuple[tuple[str, float], ...]]:
        """The values of some bars, by name."""
        if not values:
            return [()] * len(places)
        columns = [self._found[name][places].tolist() for name in values]
        return [tuple(zip(values, row, strict=True)) for row in zip(*columns, strict=True)]

    def _known(self) -> NDArray[np.bool_]:
        unknown: NDArray[np.bool_] = np.logical_or.reduce([np.isnan(values) for values in self._found.values()])
        return ~unknown

    def _candles(self, places: Ticks) -> Ticks:
        """The candle at whose close each of these bars is known to be closed."""
        return np.searchsorted(self._series.closed_ms, self.closed_ms[places]).astype(np.int64)

    def _compute(self, seen: CandleSeries, watchlist: Watchlist) -> None:
        """Values at each close that is told, from all that is ``seen``: the candles of the series and earlier ones."""
        # numpy is here already, TA-Lib only where somebody looks at indicators.
        from fairlead.core.rules.conditions.arrays import Evaluator, Frame

        timeframe, expressions = watchlist.timeframe, watchlist.expressions
        needed = {name for one in expressions.values() for name in bars_kept(one, timeframe)}
        needed |= {timeframe_of(one, timeframe) or timeframe for one in expressions.values()}
        frames = {name: Frame(name, *bars_of(seen, name)) for name in needed}
        evaluator = Evaluator(frames, timeframe)
        shortest = min(needed, key=TIMEFRAMES_MS.__getitem__)
        closed_ms = seen.closed_ms if shortest == seen.timeframe else frames[shortest].closed_ms
        # What closed with an earlier candle is told to nobody.
        earlier = len(seen) - len(self._series)
        first = int(np.searchsorted(closed_ms, seen.closed_ms[earlier - 1], side="right")) if earlier else 0
        self.closed_ms = closed_ms[first:]
        for name, one in expressions.items():
            own = timeframe_of(one, timeframe) or timeframe
            values = evaluator.evaluate(one)
            if own == shortest:
                self._found[name] = values[first:]
                continue
            newest = np.searchsorted(frames[own].closed_ms, self.closed_ms, side="right") - 1
            self._found[name] = np.append(values, np.nan)[np.where(newest < 0, len(values), newest)]


def _holding(names: tuple[str, ...], holds: Sequence[NDArray[np.bool_]], bars: int) -> list[tuple[str, ...]]:
    """What holds at each of some bars; ``holds`` has a column for each name."""
    codes = np.zeros(bars, dtype=np.int64)
    for number, held in enumerate(holds):
        codes |= held.astype(np.int64) << number
    found = codes.tolist()
    known = {code: tuple(name for number, name in enumerate(names) if code >> number & 1) for code in set(found)}
    return [known[code] for code in found]


def bars_of(series: CandleSeries, timeframe: str) -> tuple[Ticks, Mapping[str, Floats]]:
    """Bars of a length made from the candles: first milliseconds, and columns of prices.

    Raises:
        ValueError: they are shorter than the candles, or no whole number of candles long.
    """
    length_ms = TIMEFRAMES_MS[timeframe]
    if length_ms == series.length_ms:
        return series.opened_ms, _Columns(series.floats)
    if length_ms % series.length_ms:
        raise ValueError(f"bars of {timeframe} cannot be made from candles of {series.timeframe}: use shorter candles")
    bars = series.opened_ms // length_ms
    firsts = np.flatnonzero(np.concatenate(([True], bars[1:] != bars[:-1])))
    opened_ms = bars[firsts] * length_ms
    # The first is whole only if the candles begin with it; the last may still go on.
    skip = int(series.begin_ms != int(opened_ms[0]))
    end = len(firsts) - int(series.end_ms < int(opened_ms[-1]) + length_ms)
    lasts = np.append(firsts[1:], len(series)) - 1
    tick = float(series.tick)

    def column(name: str) -> Floats:
        whole: Ticks = getattr(series, name)
        match name:
            case "open":
                whole = whole[firsts]
            case "close":
                whole = whole[lasts]
            case _:
                whole = (np.maximum if name == "high" else np.minimum).reduceat(whole, firsts)
        return np.multiply(whole, tick)[skip:end]

    return opened_ms[skip:end], _Columns(column)


class _Columns(Mapping[str, Floats]):
    """Columns of prices that are made when somebody looks at them: most rules look at closes only."""

    def __init__(self, make: Callable[[str], Floats]) -> None:
        self._make = make

    def __getitem__(self, name: str) -> Floats:
        return self._make(name)

    def __iter__(self) -> Iterator[str]:
        return iter(PRICES)

    def __len__(self) -> int:
        return len(PRICES)
