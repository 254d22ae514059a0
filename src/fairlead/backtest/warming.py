"""How many candles before its first one a run must know, so that its conditions begin as if it had long been going."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from fairlead.accounts.bot_presets import assign, settings_values, to_settings
from fairlead.backtest.signals import look_back
from fairlead.backtest.spec import BacktestSpec
from fairlead.backtest.sweeps.space import Space
from fairlead.backtest.sweeps.trials import FAULTS
from fairlead.core.model.bots.bot import Settings
from fairlead.core.model.conditions import TIMEFRAMES_MS
from fairlead.core.rules.bots.rules import FindRule
from fairlead.core.rules.bots.watchlist import watchlist_of

NO_SPACE: Final = Space()


def candles_before(spec: BacktestSpec, find_rule: FindRule, space: Space = NO_SPACE) -> dict[str, int]:
    """Candles that conditions look back at from the first close, by symbol; with a space, whatever is tried of it.

    Of a space each value is tried alone, and those together that look back farthest: lengths of which each counts for
    itself cannot need more. A combination that needs more yet begins with what there is.

    Raises:
        ValueError: a condition or a rule of the specification itself cannot be read.
    """
    length_ms = TIMEFRAMES_MS[spec.replayed_timeframe]

    def needed(settings: Settings) -> int:
        return look_back(watchlist_of(settings, find_rule, spec.default_timeframe), length_ms)

    found: dict[str, int] = {}
    for bot in spec.bots:
        most = max(needed(bot.settings), _most_of(settings_values(bot.settings), space, needed))
        found[bot.symbol] = max(found.get(bot.symbol, 0), most)
    return found


def _most_of(plain: dict[str, Any], space: Space, needed: Callable[[Settings], int]) -> int:
    most, farthest = 0, plain
    for axis in space.axes:
        counts = {value: _tried(_with(plain, axis.name, value), needed) for value in axis.values}
        longest = max(counts, key=counts.__getitem__)
        most, farthest = max(most, counts[longest]), _with(farthest, axis.name, longest)
    return max(most, _tried(farthest, needed)) if space.axes else 0


def _with(values: dict[str, Any], name: str, value: str) -> dict[str, Any]:
    return assign(values, f"{name}={value}")


def _tried(values: Mapping[str, Any], needed: Callable[[Settings], int]) -> int:
    """Nothing of what makes no bot: that is told when it is run."""
    try:
        return needed(to_settings(values))
    except FAULTS:
        return 0
