"""Every kind of rule behind one face, so that whoever runs bots knows none of them."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Final, Protocol, assert_never

from msgspec.structs import replace

from fairlead.core.model.account import FeeRates
from fairlead.core.model.bots.bot import BotState, Decision, Memory, Settings
from fairlead.core.model.bots.deal import Deal
from fairlead.core.model.bots.decision import Wake
from fairlead.core.model.bots.events import Peaks
from fairlead.core.model.bots.grid import GridMemory, GridSettings
from fairlead.core.model.bots.martingale import MartingaleMemory, MartingaleSettings, Phase
from fairlead.core.model.bots.user_rule import RuleMemory, RuleSettings
from fairlead.core.model.instrument import Instrument
from fairlead.core.rules.bots.grid import GridRule
from fairlead.core.rules.bots.ledger import sellable
from fairlead.core.rules.bots.martingale import MartingaleRule
from fairlead.core.rules.bots.user_rule import UserRule
from fairlead.core.rules.bots.written_rule import Rule as WrittenRule

# A bot in one of these has no cycle running.
_IDLE: Final = frozenset({Phase.WAITING, Phase.COOLING, Phase.FINISHED})


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


class UserRuleFace:
    """A rule that somebody wrote, for whoever has a memory of unknown kind."""

    def __init__(self, rule: UserRule) -> None:
        """Show this rule."""
        self.rule = rule

    def begin(self) -> Memory:
        """As the rule."""
        return self.rule.begin()

    def decide(self, memory: Memory, deal: Deal, wake: Wake) -> Decision:
        """As the rule."""
        assert isinstance(memory, RuleMemory), memory
        return self.rule.decide(memory, deal, wake)


FindRule = Callable[[str], type[WrittenRule]]
"""Finds the class of a rule by its name, ``file:Class``; raises ValueError with the reason when there is none."""


def no_rules(name: str) -> type[WrittenRule]:
    """Find nothing: where no folder of rules was given.

    Raises:
        ValueError: always.
    """
    message = f"rule {name}: there is no folder of rules; set FAIRLEAD_RULES_DIR"
    raise ValueError(message)


def make_rule(settings: Settings, instrument: Instrument, fee_rates: FeeRates, find_rule: FindRule = no_rules) -> Rule:
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
            return UserRuleFace(UserRule(find_rule(settings.rule)(settings.parameters), instrument))
        case other:
            assert_never(other)


def is_between_cycles(state: BotState, instrument: Instrument) -> bool:
    """Whether nothing of a cycle is left, so that newer settings can count; dust that nobody could sell is nothing."""
    if state.orders:
        return False
    is_idle = isinstance(state.memory, MartingaleMemory) and state.memory.phase in _IDLE
    return is_idle or not sellable(state.deal, instrument)


def can_replan(before: Settings, after: Settings) -> bool:
    """Whether a running cycle can go on by other settings: a ladder of the same direction."""
    if not isinstance(before, MartingaleSettings) or not isinstance(after, MartingaleSettings):
        return False
    return before.direction is after.direction


def with_settings(state: BotState, rule: Rule, version: int, *, replans: bool) -> BotState:
    """A state that goes by the rule of newer settings; ``replans``: in the middle of its cycle, which goes on."""
    if state.settings_version == version:
        return state
    memory = state.memory if replans else renew(state.memory, rule)
    return replace(state, settings_version=version, memory=memory)


def renew(memory: Memory, rule: Rule) -> Memory:
    """What is remembered, for newer settings between two cycles: cycles stay counted, a cooldown goes on."""
    fresh = rule.begin()
    if not isinstance(memory, MartingaleMemory) or not isinstance(fresh, MartingaleMemory):
        return memory if type(memory) is type(fresh) else fresh
    return replace(fresh, cycles=memory.cycles) if memory.phase is Phase.ENTERING else memory


def with_peaks_of(memory: Memory, before: Memory) -> Memory:
    """A memory as if the prices that trailing exits follow had not moved on since ``before``."""
    if not isinstance(memory, MartingaleMemory) or not isinstance(before, MartingaleMemory):
        return memory
    return replace(memory, peak=before.peak, stop_peak=before.stop_peak)


def peaks_of(memory: Memory) -> Peaks | None:
    """The prices that its trailing exits follow; None for a rule that has none."""
    return Peaks(memory.peak, memory.stop_peak) if isinstance(memory, MartingaleMemory) else None


def with_peaks(memory: Memory, peaks: Peaks | None) -> Memory:
    """A memory that had followed prices up to these."""
    if peaks is None or not isinstance(memory, MartingaleMemory):
        return memory
    return replace(memory, peak=peaks.peak, stop_peak=peaks.stop_peak)


def closing_fee(instrument: Instrument, rates: FeeRates) -> Decimal:
    """Fee rate that an exit is planned with: the larger one, because an exit that rests may still have to take."""
    if instrument.is_spot:
        return max(rates.spot_maker, rates.spot_taker)
    return max(rates.perpetual_maker, rates.perpetual_taker)
