"""Every kind of rule behind one face, so that whoever runs bots knows none of them."""

from __future__ import annotations

from decimal import Decimal
from typing import Protocol, assert_never

from fairlead.core.model.account import FeeRates
from fairlead.core.model.bots.bot import Decision, Memory, Settings
from fairlead.core.model.bots.deal import Deal
from fairlead.core.model.bots.decision import Wake
from fairlead.core.model.bots.grid import GridMemory, GridSettings
from fairlead.core.model.bots.martingale import MartingaleMemory, MartingaleSettings
from fairlead.core.model.bots.user_rule import RuleSettings
from fairlead.core.model.instrument import Instrument
from fairlead.core.rules.bots.grid import GridRule
from fairlead.core.rules.bots.martingale import MartingaleRule


class Rule(Protocol):
    """Decides for one set of settings on one instrument."""

    def begin(self) -> Memory:
        """What it remembers before it was ever asked."""
        ...

    def decide(self, memory: Memory, deal: Deal, wake: Wake) -> Decision:
        """Say what should rest now; the same answer to the same question."""
        ...


class MartingaleFace:
    """The martingale rule, for whoever has a memory of unknown kind."""

    def __init__(self, rule: MartingaleRule) -> None:
        """Show this rule."""
        self.rule = rule

    def begin(self) -> Memory:
        """As the rule."""
        return self.rule.begin()

    def decide(self, memory: Memory, deal: Deal, wake: Wake) -> Decision:
        """As the rule."""
        assert isinstance(memory, MartingaleMemory), memory
        return self.rule.decide(memory, deal, wake)


class GridFace:
    """The grid rule, for whoever has a memory of unknown kind."""

    def __init__(self, rule: GridRule) -> None:
        """Show this rule."""
        self.rule = rule

    def begin(self) -> Memory:
        """As the rule."""
        return self.rule.begin()

    def decide(self, memory: Memory, deal: Deal, wake: Wake) -> Decision:
        """As the rule."""
        assert isinstance(memory, GridMemory), memory
        return self.rule.decide(memory, deal, wake)


def make_rule(settings: Settings, instrument: Instrument, fee_rates: FeeRates) -> Rule:
    """Make the rule of a bot, as its settings are.

    Raises:
        ValueError: there is no rule for them.
    """
    match settings:
        case MartingaleSettings():
            return MartingaleFace(MartingaleRule(settings, instrument, closing_fee(instrument, fee_rates)))
        case GridSettings():
            return GridFace(GridRule(settings, instrument))
        case RuleSettings():
            message = "rules of your own cannot run yet"
            raise ValueError(message)
        case other:
            assert_never(other)


def closing_fee(instrument: Instrument, rates: FeeRates) -> Decimal:
    """Fee rate that an exit is planned with: the larger one, because an exit that rests may still have to take."""
    if instrument.is_spot:
        return max(rates.spot_maker, rates.spot_taker)
    return max(rates.perpetual_maker, rates.perpetual_taker)
