"""Rules of the bots that decided last: a rule is made in a moment and weighs kilobytes, so sleepers keep none."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final, NamedTuple

from fairlead.core.model.account import FeeRates
from fairlead.core.model.bots.bot import Settings
from fairlead.core.model.instrument import Instrument
from fairlead.core.rules.bots.rules import FindRule, Rule, make_rule, no_rules

RULES_KEPT_MAX: Final = 1_000


class _Kept(NamedTuple):
    rule: Rule
    settings: Settings
    instrument: Instrument
    fee_rates: FeeRates


class RuleShelf:
    """Finds the rule of a bot, or makes it."""

    def __init__(self, find_rule: FindRule = no_rules) -> None:
        """Begin empty; ``find_rule`` finds rules that somebody wrote."""
        self._find_rule = find_rule
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    def find(self, bot_id: str, settings: Settings, instrument: Instrument, fee_rates: FeeRates) -> Rule:
        """The rule for these settings as they are, on the instrument as it is.

        Raises:
            ValueError: there is no rule for them.
        """
        kept = self._kept.get(bot_id)
        is_same = kept is not None and kept.settings is settings and kept.instrument is instrument
        if kept is None or not is_same or kept.fee_rates != fee_rates:
            rule = make_rule(settings, instrument, fee_rates, self._find_rule)
            kept = self._kept[bot_id] = _Kept(rule, settings, instrument, fee_rates)
            if len(self._kept) > RULES_KEPT_MAX:
                self._kept.popitem(last=False)
        self._kept.move_to_end(bot_id)
        return kept.rule
