"""How long each step of a request took, by the times in the journal: what is still known when the log is gone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fairlead.core.model import events as ev
from fairlead.reporting.explain_order import OrderFacts
from fairlead.reporting.explanation import AlertPart, StepPart


def describe_timing(
    alert: AlertPart | None, orders: Iterable[OrderFacts], ended_ms: int | None
) -> tuple[StepPart, ...]:
    """The steps from the call to the last fill; each begins where the one before ended.

    ``ended_ms`` is when the request ended without an order. The journal counts milliseconds; docs/metrics.md says where
    the exact durations are.
    """
    if alert is None:
        return ()
    reached_ms = alert.received_ms
    steps = []
    for name, at_ms in _reached(alert, list(orders), ended_ms):
        steps.append(StepPart(name=name, at_ms=at_ms, took_ms=max(0, at_ms - reached_ms)))
        reached_ms = max(reached_ms, at_ms)
    return tuple(steps)


def _reached(alert: AlertPart, orders: list[OrderFacts], ended_ms: int | None) -> Iterator[tuple[str, int]]:
    if alert.handled_ms is not None:
        yield "handled", alert.handled_ms
    decided = [facts.approved[0].at_ms for facts in orders if facts.approved is not None]
    if ended_ms is not None or decided:
        yield "decided", min([*decided, *([ended_ms] if ended_ms is not None else [])])
    own = [row for facts in orders if facts.approved is not None for row in facts.rows]
    answered = [row.at_ms for row in own if not isinstance(row.event, ev.OrderFilled)]
    if answered:
        yield "answered by the venue", min(answered)
    filled = [row.at_ms for row in own if isinstance(row.event, ev.OrderFilled)]
    if filled:
        yield "filled", max(filled)
