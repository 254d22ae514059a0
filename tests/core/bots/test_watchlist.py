"""Live bars and replayed ones are watched for the same, as the settings of a bot say."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import pytest

from fairlead.core.model.bots.grid import GridSettings
from fairlead.core.model.bots.martingale import MartingaleSettings
from fairlead.core.model.bots.user_rule import RuleSettings
from fairlead.core.model.conditions import Series
from fairlead.core.rules.bots.watchlist import Watchlist, watchlist_of
from fairlead.core.rules.bots.written_rule import NAMES_MAX
from fairlead.rules import Rule, close, sma


class Wide(Rule):
    """Watches as many values as it is told."""

    count: int = 1

    def values(self) -> Mapping[str, Series]:
        return {f"v{number}": sma(close, number + 2) for number in range(self.count)}


class Hourly(Wide):
    timeframe: str = "1h"


def watch(rule: type[Rule], default_timeframe: str = "", **parameters: str) -> Watchlist:
    settings = RuleSettings(rule="own", parameters=parameters)
    return watchlist_of(settings, lambda _name: rule, default_timeframe)


def test_a_rule_may_watch_so_much_and_no_more() -> None:
    assert len(watch(Wide, count=str(NAMES_MAX)).expressions) == NAMES_MAX
    with pytest.raises(ValueError, match=f"rule own watches {NAMES_MAX + 1} things: at most {NAMES_MAX}"):
        watch(Wide, count=str(NAMES_MAX + 1))


def test_a_timeframe_that_is_named_goes_before_the_one_that_is_meant() -> None:
    assert (watch(Wide).timeframe, watch(Wide, "4h").timeframe) == (Rule.timeframe, "4h")
    assert (watch(Hourly).timeframe, watch(Hourly, "4h").timeframe) == ("1h", "1h")


def test_a_bot_without_conditions_looks_at_nothing() -> None:
    for settings in (MartingaleSettings(), GridSettings(lower=Decimal(90), upper=Decimal(110), lines=5)):
        assert not watchlist_of(settings, lambda _name: Wide).expressions
