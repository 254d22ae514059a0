"""The nouns of policies: what an owner wants and does not want, as data with a closed set of operators."""

from __future__ import annotations

from datetime import tzinfo
from decimal import Decimal
from enum import StrEnum

import msgspec

from fairlead.core.model.money import ONE

Value = Decimal | str


class PolicyMode(StrEnum):
    """Whether a policy decides, or only shows what it would have decided."""

    ENFORCE = "enforce"
    SHADOW = "shadow"


class PolicyOutcome(StrEnum):
    """What a rule or a policy says, mildest first; the strictest of all that speak wins."""

    ALLOW = "allow"
    SCALE = "scale"
    DELAY = "delay"
    APPROVAL = "require_approval"
    DENY = "deny"


class Operator(StrEnum):
    """How a field is compared; ``like`` knows ``*``, ``?`` and ``[abc]``, and is linear in the length of the text."""

    EQ = "eq"
    IN = "in"
    LT = "lt"
    LTE = "lte"
    GT = "gt"
    GTE = "gte"
    BETWEEN = "between"
    LIKE = "like"


class Comparison(msgspec.Struct, frozen=True):
    """A field against one operand, two (``between``, both ends included) or any number (``in``)."""

    field: str
    operator: Operator
    operands: tuple[Value, ...]


class TimeWindow(msgspec.Struct, frozen=True):
    """Minutes of the local day, the end excluded; over midnight when the end is not after the start."""

    start_minute: int
    end_minute: int
    zone: tzinfo


class AllOf(msgspec.Struct, frozen=True):
    """Every part holds; without parts it always does."""

    parts: tuple[Condition, ...]


class AnyOf(msgspec.Struct, frozen=True):
    """At least one part holds."""

    parts: tuple[Condition, ...]


class Not(msgspec.Struct, frozen=True):
    """The part does not hold."""

    part: Condition


Condition = Comparison | TimeWindow | AllOf | AnyOf | Not


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule does: ``factor`` is of a scale, above 0 and at most 1; ``delay_ms`` of a delay."""

    outcome: PolicyOutcome
    factor: Decimal = ONE
    delay_ms: int = 0


class PolicyRule(msgspec.Struct, frozen=True, kw_only=True):
    """When ``when`` holds, ``then`` applies. ``fields`` are all that it looks at."""

    rule_id: str
    when: Condition
    then: Action
    applies_to_closes: bool = False
    fields: tuple[str, ...] = ()


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a policy; empty ``accounts`` and ``sources`` (labels, names or ids) mean all of the tenant's."""

    name: str
    version: int
    mode: PolicyMode
    default: PolicyOutcome
    rules: tuple[PolicyRule, ...] = ()
    accounts: frozenset[str] = frozenset()
    sources: frozenset[str] = frozenset()

    @property
    def label(self) -> str:
        """Name and version, as people read it."""
        return f"{self.name} v{self.version}"

    def covers(self, accounts: frozenset[str], sources: frozenset[str]) -> bool:
        """Whether it is about an account and a source, each given by all the names that it has."""
        return (not self.accounts or not self.accounts.isdisjoint(accounts)) and (
            not self.sources or not self.sources.isdisjoint(sources)
        )


class Policing(msgspec.Struct, frozen=True, kw_only=True):
    """The policies that cover a request, and the name of its source as people know it."""

    policies: tuple[Policy, ...] = ()
    source: str = ""


class PolicyMatch(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A rule that applied: what it does, what it looked at, and which of its fields nobody could tell."""

    rule: str
    then: str
    inputs: dict[str, str] = {}
    unknown: tuple[str, ...] = ()


class PolicyVerdict(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one policy said about a request, and why; ``shadow``: it was noted and changed nothing."""

    policy: str
    version: int
    outcome: PolicyOutcome
    shadow: bool = False
    matches: tuple[PolicyMatch, ...] = ()
    detail: str = ""
