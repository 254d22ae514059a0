"""What the log says about an alert's way: one line when it is over, and with more detail every beginning and end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

import structlog

from fairlead.observing.timeline import Leg, Timeline, VenueCall, milliseconds, trace_id

ACCOUNTS_TOLD_MAX: Final = 20
SUCCESSES: Final = frozenset({"filled", "accepted", "skipped"})
PATH_LOGGER: Final = "fairlead.path"

_log = structlog.get_logger(PATH_LOGGER)


class PathLines:
    """Writes lines. ``request_id`` is what the sender knows the alert by; durations are milliseconds."""

    def __init__(self, *, is_verbose: bool) -> None:
        """Only who is verbose tells beginnings."""
        self._is_verbose = is_verbose

    def alert_began(self, alert_id: str) -> None:
        """An alert is stored."""
        if self._is_verbose:
            _log.debug("operation_started", operation="alert", **_ids(alert_id, alert_id, ""))

    def leg_began(self, leg: Leg) -> None:
        """An account's request is stored."""
        if self._is_verbose:
            _log.debug("operation_started", operation="request", account=leg.account, **_leg_ids(leg))

    def leg_ended(self, leg: Leg, began_s: float, ended_s: float) -> None:
        """An account's request is settled."""
        if self._is_verbose:
            _log.debug(
                "operation_ended",
                operation="request",
                account=leg.account,
                duration_ms=milliseconds(ended_s - began_s),
                success=leg.status in SUCCESSES,
                status=leg.status,
                **_leg_ids(leg),
            )

    def venue_called(self, leg: Leg, call: VenueCall) -> None:
        """A venue was asked, and answered or not: told afterwards, both at once, because nothing may come between."""
        if not self._is_verbose:
            return
        ids = _ids(leg.alert_id, call.order_id, leg.request_id)
        _log.debug("operation_started", operation=call.call, account=leg.account, **ids)
        _log.debug(
            "operation_ended",
            operation=call.call,
            account=leg.account,
            duration_ms=milliseconds(call.ended_s - call.began_s),
            success=call.outcome == "accepted",
            status=call.outcome,
            **ids,
        )

    def order_changed(self, what: str, order_id: str, leg: Leg) -> None:
        """A fact about an order is durable."""
        if self._is_verbose:
            _log.debug(what, account=leg.account, **_ids(leg.alert_id, order_id, leg.request_id))

    def alert_ended(self, timeline: Timeline) -> None:
        """Everything that was expected of an alert has happened."""
        statuses = Counter(leg.status or "unfinished" for leg in timeline.legs.values())
        told = {"answered_ms": milliseconds(timeline.answered_s - timeline.began_s)} if timeline.answered_s else {}
        _log.info(
            "operation_ended",
            operation="alert",
            duration_ms=milliseconds(timeline.ended_s - timeline.began_s),
            success=timeline.is_over and SUCCESSES.issuperset(statuses),
            verdict=timeline.verdict or "unfinished",
            status_code=timeline.status_code,
            statuses=dict(statuses),
            steps=_durations(timeline.alert_steps()),
            accounts=[_describe(timeline, leg) for leg in list(timeline.legs.values())[:ACCOUNTS_TOLD_MAX]],
            **told,
            **_ids(timeline.alert_id, timeline.alert_id, ""),
        )


def _describe(timeline: Timeline, leg: Leg) -> dict[str, object]:
    return {"account": leg.account, "status": leg.status, "steps": _durations(timeline.leg_steps(leg))}


def _durations(steps: Iterable[tuple[str, float, float]]) -> dict[str, float]:
    return {f"{step}_ms": milliseconds(ended_s - began_s) for step, began_s, ended_s in steps}


def _leg_ids(leg: Leg) -> dict[str, str]:
    return _ids(leg.alert_id, leg.request_id, leg.alert_id)


def _ids(alert_id: str, operation_id: str, parent_operation_id: str) -> dict[str, str]:
    return {
        "trace_id": trace_id(alert_id),
        "request_id": alert_id,
        "operation_id": operation_id,
        "parent_operation_id": parent_operation_id,
    }
