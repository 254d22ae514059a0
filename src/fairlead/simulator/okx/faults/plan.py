"""Decides what goes wrong: rules with their counters and dice. No sockets, no clock, no chance but its seeds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from fairlead.simulator.dice import Dice
from fairlead.simulator.okx.faults.rules import KINDS, Facts, Fault, FaultRule, Match, Moment

RULES_MAX: Final = 1_000
_CHANCES: Final = 1_000_000


class RuleState(msgspec.Struct, frozen=True, kw_only=True):
    """A rule, how many matched it, how many of them it struck, and why the last could do nothing."""

    rule: FaultRule
    seen: int
    struck: int
    refused: str


class PlanError(ValueError):
    """A rule cannot be taken."""


class _Watch:
    """One rule at work."""

    __slots__ = ("dice", "refused", "rule", "seen", "struck")

    def __init__(self, rule: FaultRule) -> None:
        self.rule = rule
        self.dice = Dice.named(rule.seed, rule.id)
        self.seen = 0
        self.struck = 0
        self.refused = ""

    def strikes(self) -> bool:
        """Count one that matches; whether it is struck."""
        rule = self.rule
        self.seen += 1
        if self.seen <= rule.after or (rule.count is not None and self.struck >= rule.count):
            return False
        if self.dice.below(_CHANCES) >= rule.probability * _CHANCES:
            return False
        self.struck += 1
        return True


class FaultPlan:
    """The rules in force, in the order in which they were given; the first that strikes wins."""

    def __init__(self, rules: Iterable[FaultRule] = ()) -> None:
        """Begin with these.

        Raises:
            PlanError: two rules have the same id, or there are too many.
        """
        self._watches: dict[str, _Watch] = {}
        self._moments: frozenset[Moment] = frozenset()
        for rule in rules:
            self.add(rule)

    def add(self, rule: FaultRule) -> None:
        """Put a rule in force.

        Raises:
            PlanError: there is one of this id, or there are too many.
        """
        if rule.id in self._watches:
            message = f"there is a rule {rule.id!r} already: delete it first, or choose another id"
            raise PlanError(message)
        if len(self._watches) >= RULES_MAX:
            message = f"there are {RULES_MAX} rules already, which is the most"
            raise PlanError(message)
        self._watches[rule.id] = _Watch(rule)
        self._look()

    def remove(self, rule_id: str) -> bool:
        """Take a rule out of force; False when there is none."""
        is_there = self._watches.pop(rule_id, None) is not None
        self._look()
        return is_there

    def clear(self) -> None:
        """Take all rules out of force."""
        self._watches.clear()
        self._look()

    @property
    def states(self) -> Sequence[RuleState]:
        """Every rule and what became of it."""
        return [
            RuleState(rule=watch.rule, seen=watch.seen, struck=watch.struck, refused=watch.refused)
            for watch in self._watches.values()
        ]

    def watches(self, moment: Moment) -> bool:
        """Whether any rule could strike then: nobody needs to collect facts otherwise."""
        return moment in self._moments

    def decide(self, facts: Facts) -> Fault | None:
        """Decide about one request, operation or push; it is counted by the rules that are asked."""
        for watch in self._watches.values():
            rule = watch.rule
            traits = KINDS[rule.kind]
            if facts.moment not in traits.moments or traits.detail not in {"", facts.detail}:
                continue
            if _covers(rule.match, facts) and watch.strikes():
                return Fault(rule_id=rule.id, kind=rule.kind, params=rule.params)
        return None

    def note_refused(self, rule_id: str, reason: str) -> None:
        """Remember that a fault struck and could do nothing."""
        watch = self._watches.get(rule_id)
        if watch is not None:
            watch.refused = reason

    def _look(self) -> None:
        moments = (KINDS[watch.rule.kind].moments for watch in self._watches.values())
        self._moments = frozenset(moment for some in moments for moment in some)


def _covers(match: Match, facts: Facts) -> bool:
    return (
        names_endpoint(match.endpoint, facts.endpoint)
        and match.account in {"", facts.account}
        and (not match.instrument or match.instrument in facts.symbols)
    )


def names_endpoint(pattern: str, endpoint: str) -> bool:
    """Whether a pattern of a rule is about an endpoint, operation or channel."""
    wanted = pattern.removeprefix("/api/v5").lstrip("/")
    if wanted.endswith("*"):
        return endpoint.startswith(wanted[:-1])
    return wanted in {"", endpoint}
