"""The way of one alert through this process, step by step: what was reached when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

TRACE_ID_LENGTH: Final = 32
MS_PER_SECOND: Final = 1_000

# Received is where the time begins; each step ends when this was reached.
ALERT_STEPS: Final = ("kept", "handled", "submitted")
LEG_STEPS: Final = ("decided", "approved", "sent", "acknowledged", "filled", "settled")
STEPS: Final = (*ALERT_STEPS, *LEG_STEPS)

# (step, from, to) in monotonic seconds.
Step = tuple[str, float, float]


def trace_id(alert_id: str) -> str:
    """The trace of an alert (or of a call that became none): its id with zeros, as long as W3C wants it."""
    return alert_id.ljust(TRACE_ID_LENGTH, "0")


@dataclass(slots=True, kw_only=True)
class VenueCall:
    """One question to a venue about one order, in monotonic seconds."""

    order_id: str
    call: str
    outcome: str
    began_s: float
    ended_s: float


@dataclass(slots=True, kw_only=True)
class Leg:
    """The part of an alert that one account has: its request. ``marks`` are monotonic seconds by step."""

    alert_id: str
    request_id: str
    account: str
    marks: dict[str, float] = field(default_factory=dict)
    status: str = ""
    order_ids: list[str] = field(default_factory=list)
    calls: list[VenueCall] = field(default_factory=list)

    def mark_first(self, step: str, at_s: float) -> None:
        """Reach a step; again counts only the first time (a request may need several orders)."""
        self.marks.setdefault(step, at_s)


@dataclass(slots=True, kw_only=True)
class Timeline:
    """One alert. ``began_s`` is when its call came in; ``began_ms`` the same as UTC."""

    alert_id: str
    began_s: float
    began_ms: int
    is_answer_due: bool
    marks: dict[str, float] = field(default_factory=dict)
    legs: dict[str, Leg] = field(default_factory=dict)
    pending: set[str] = field(default_factory=set)
    verdict: str = ""
    status_code: int = 0
    answered_s: float | None = None

    @property
    def is_over(self) -> bool:
        """Whether nothing more is expected of it."""
        return bool(self.verdict) and not self.pending and (self.answered_s is not None or not self.is_answer_due)

    @property
    def ended_s(self) -> float:
        """When the last thing happened."""
        answered_s = self.began_s if self.answered_s is None else self.answered_s
        last_s = max(self.began_s, answered_s, *self.marks.values())
        return max([last_s, *(max(leg.marks.values()) for leg in self.legs.values() if leg.marks)])

    def alert_steps(self) -> Sequence[Step]:
        """Up to the requests; one begins where the one before ended."""
        return _chain(self.began_s, ALERT_STEPS, self.marks)

    def leg_steps(self, leg: Leg) -> Sequence[Step]:
        """Those of one account, from where its request was stored."""
        return _chain(_end_of(self.alert_steps(), self.began_s), LEG_STEPS, leg.marks)

    def measure(self) -> Walk:
        """Take every time once, for all who want to know."""
        steps = self.alert_steps()
        submitted_s = _end_of(steps, self.began_s)
        legs = [(leg, _chain(submitted_s, LEG_STEPS, leg.marks)) for leg in self.legs.values()]
        return Walk(timeline=self, duration_s=self.ended_s - self.began_s, steps=steps, legs=legs)


@dataclass(slots=True, kw_only=True)
class Walk:
    """A timeline that is over, measured."""

    timeline: Timeline
    duration_s: float
    steps: Sequence[Step]
    legs: Sequence[tuple[Leg, Sequence[Step]]]


def _chain(began_s: float, steps: tuple[str, ...], marks: Mapping[str, float]) -> Sequence[Step]:
    """Steps one after the other: what happened before its turn (a fill before the answer) took no time of its own."""
    chain = []
    for step in steps:
        reached_s = marks.get(step)
        if reached_s is not None:
            ended_s = max(began_s, reached_s)
            chain.append((step, began_s, ended_s))
            began_s = ended_s
    return chain


def _end_of(steps: Sequence[Step], began_s: float) -> float:
    return steps[-1][2] if steps else began_s


def milliseconds(seconds: float) -> float:
    """As logs show it: to the microsecond."""
    return round(seconds * MS_PER_SECOND, 3)
