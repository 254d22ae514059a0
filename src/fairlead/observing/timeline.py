"""The way of one alert through this process, step by step: what was reached when."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

TRACE_ID_LENGTH: Final = 32
MS_PER_SECOND: Final = 1_000

# Received is where the time begins; each step ends when this was reached.
ALERT_STEPS: Final = ("kept", "handled", "submitted")
LEG_STEPS: Final = ("decided", "approved", "sent", "acknowledged", "filled", "settled")
STEPS: Final = (*ALERT_STEPS, *LEG_STEPS)


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
        times = [self.began_s, *self.marks.values()]
        for leg in self.legs.values():
            times.extend(leg.marks.values())
        if self.answered_s is not None:
            times.append(self.answered_s)
        return max(times)

    def alert_steps(self) -> Iterator[tuple[str, float, float]]:
        """(step, from, to) up to the requests; one begins where the one before ended."""
        return _chain(self.began_s, ALERT_STEPS, self.marks)

    def leg_steps(self, leg: Leg) -> Iterator[tuple[str, float, float]]:
        """(step, from, to) of one account, from where its request was stored."""
        submitted_s = max((ended_s for _, _, ended_s in self.alert_steps()), default=self.began_s)
        return _chain(submitted_s, LEG_STEPS, leg.marks)


def _chain(began_s: float, steps: tuple[str, ...], marks: Mapping[str, float]) -> Iterator[tuple[str, float, float]]:
    """Steps one after the other: what happened before its turn (a fill before the answer) took no time of its own."""
    for step in steps:
        if step in marks:
            ended_s = max(began_s, marks[step])
            yield step, began_s, ended_s
            began_s = ended_s


def milliseconds(seconds: float) -> float:
    """As logs show it: to the microsecond."""
    return round(seconds * MS_PER_SECOND, 3)
