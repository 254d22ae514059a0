"""What a bot looks at, by its settings: the same for whoever watches live bars and for whoever replays old ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from fairlead.core.model.bots.bot import Settings
from fairlead.core.model.bots.martingale import MartingaleSettings
from fairlead.core.model.bots.user_rule import RuleSettings
from fairlead.core.model.conditions import Expression
from fairlead.core.rules.bots.rules import FindRule
from fairlead.core.rules.bots.written_rule import NAMES_MAX, Rule
from fairlead.core.rules.conditions.reading import read_condition
from fairlead.core.rules.conditions.vocabulary import check_timeframe

DEFAULT_TIMEFRAME: Final = "1m"
"""Of conditions of a DCA bot that name none."""


class Watchlist(msgspec.Struct, frozen=True, kw_only=True):
    """Conditions and values by name, over bars of ``timeframe`` where they name none.

    ``hears_changes``: the bot hears whenever a condition changes; others hear of a condition that they wait for.
    """

    timeframe: str = DEFAULT_TIMEFRAME
    conditions: Mapping[str, Expression] = {}
    values: Mapping[str, Expression] = {}
    hears_changes: bool = False

    @property
    def expressions(self) -> Mapping[str, Expression]:
        """Both together."""
        return {**self.conditions, **self.values}


def watchlist_of(settings: Settings, find_rule: FindRule, default_timeframe: str = "") -> Watchlist:
    """What a bot looks at; ``default_timeframe`` is meant where a condition or a rule names no bars.

    Raises:
        ValueError: a condition or a rule cannot be read, or a rule watches too much.
    """
    if isinstance(settings, RuleSettings):
        rule = find_rule(settings.rule)(settings.parameters)
        timeframe = check_timeframe(rule.timeframe if _names_timeframe(rule) else default_timeframe or rule.timeframe)
        watchlist = Watchlist(
            timeframe=timeframe, conditions=rule.conditions(), values=rule.values(), hears_changes=True
        )
        count = len(watchlist.expressions)
        if count > NAMES_MAX:
            message = f"rule {settings.rule} watches {count} things: at most {NAMES_MAX}"
            raise ValueError(message)
        return watchlist
    texts = settings.conditions if isinstance(settings, MartingaleSettings) else {}
    conditions = {name: read_condition(text) for name, text in texts.items()}
    return Watchlist(timeframe=default_timeframe or DEFAULT_TIMEFRAME, conditions=conditions)


def _names_timeframe(rule: Rule) -> bool:
    """Whether a rule or its settings say which bars are meant."""
    own = (kind for kind in type(rule).__mro__ if kind is not Rule)
    return "timeframe" in vars(rule) or any("timeframe" in vars(kind) for kind in own)
