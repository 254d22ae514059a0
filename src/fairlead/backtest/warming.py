"""How many candles before its first one a run must know, so that its conditions begin as if it had long been going."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from fairlead.accounts.bot_presets import assign, settings_values, to_settings
from fairlead.backtest.signals import watchlist_of
from fairlead.backtest.spec import BacktestSpec
from fairlead.backtest.sweeps.space import Space
from fairlead.backtest.sweeps.trials import FAULTS
from fairlead.core.model.bots.bot import Settings
from fairlead.core.model.conditions import TIMEFRAMES_MS
from fairlead.core.rules.bots.rules import FindRule

NO_SPACE: Final = Space()


def candles_before(spec: BacktestSpec, find_rule: FindRule, space: Space = NO_SPACE) -> dict[str, int]:
    """Candles that conditions look back at from the first close, by symbol; with a space, whatever is tried of it.

    Of a space each value is tried alone, and those together that look back farthest: lengths of which each counts for
    itself cannot need more. A combination that needs more yet begins with what there is.

    Raises:
        ValueError: a condition or a rule of the specification itself cannot be read.
    """
    length_ms = TIMEFRAMES_MS[spec.replayed_timeframe]

    def look_back(settings: Settings) -> int:
        return watchlist_of(settings, find_rule, spec.default_timeframe).candles_before(length_ms)

    found: dict[str, int] = {}
    for bot in spec.bots:
        most = max(look_back(bot.settings), _most_of(settings_values(bot.settings), space, look_back))
        found[bot.symbol] = max(found.get(bot.symbol, 0), most)
    return found


def _most_of(plain: dict[str, Any], space: Space, look_back: Callable[[Settings], int]) -> int:
    most, farthest = 0, plain
    for axis in space.axes:
        counts = {value: _tried(_with(plain, axis.name, value), look_back) for value in axis.values}
        longest = max(counts, key=counts.__getitem__)
        most, farthest = max(most, counts[longest]), _with(farthest, axis.name, longest)
    return max(most, _tried(farthest, look_back)) if space.axes else 0


def _with(values: dict[str, Any], name: str, value: str) -> dict[str, Any]:
    return assign(values, f"{name}={value}")


def _tried(values: Mapping[str, Any], look_back: Callable[[Settings], int]) -> int:
    """Nothing of what makes no bot: that is told when it is run."""
    try:
        return look_back(to_settings(values))
    except FAULTS:
        return 0
