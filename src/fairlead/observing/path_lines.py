"""What the log says about an alert's way: one line when it is over, and with more detail every beginning and end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

import structlog

from fairlead.observing.timeline import MS_PER_SECOND, STEPS, Leg, Step, VenueCall, Walk, milliseconds, trace_id

ACCOUNTS_TOLD_MAX: Final = 20
SUCCESSES: Final = frozenset({"filled", "accepted", "skipped"})
PATH_LOGGER: Final = "fairlead.path"

_STEP_FIELDS: Final = {step: f"{step}_ms" for step in STEPS}


class PathLines:
    """Writes lines. ``request_id`` is what the sender knows the alert by; durations are milliseconds."""

    def __init__(self, *, is_verbose: bool) -> None:
        """Only who is verbose tells beginnings. Make it when it is settled where lines go to."""
        self._is_verbose = is_verbose
        self._log = structlog.get_logger(PATH_LOGGER).bind()

    def alert_began(self, alert_id: str) -> None:
        """An alert is stored."""
        if self._is_verbose:
            self._log.debug("operation_started", operation="alert", **_ids(alert_id, alert_id, ""))

    def leg_began(self, leg: Leg) -> None:
        """An account's request is stored."""
        if self._is_verbose:
            self._log.debug("operation_started", operation="request", account=leg.account, **_leg_ids(leg))

    def leg_ended(self, leg: Leg, began_s: float, ended_s: float) -> None:
        """An account's request is settled."""
        if self._is_verbose:
            self._log.debug(
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
        self._log.debug("operation_started", operation=call.call, account=leg.account, **ids)
        self._log.debug(
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
            self._log.debug(what, account=leg.account, **_ids(leg.alert_id, order_id, leg.request_id))

    def alert_ended(self, walk: Walk) -> None:
        """Everything that was expected of an alert has happened."""
        timeline = walk.timeline
        statuses = Counter([leg.status or "unfinished" for leg, _ in walk.legs])
        told = {"answered_ms": milliseconds(timeline.answered_s - timeline.began_s)} if timeline.answered_s else {}
        self._log.info(
            "operation_ended",
            operation="alert",
            duration_ms=milliseconds(walk.duration_s),
            success=timeline.is_over and SUCCESSES.issuperset(statuses),
            verdict=timeline.verdict or "unfinished",
            status_code=timeline.status_code,
            statuses=dict(statuses),
            steps=_durations(walk.steps),
            accounts=[
                {"account": leg.account, "status": leg.status, "steps": _durations(steps)}
                for leg, steps in walk.legs[:ACCOUNTS_TOLD_MAX]
            ],
            **told,
            **_ids(timeline.alert_id, timeline.alert_id, ""),
        )


def _durations(steps: Iterable[Step]) -> dict[str, float]:
    return {_STEP_FIELDS[step]: round((ended_s - began_s) * MS_PER_SECOND, 3) for step, began_s, ended_s in steps}


def _leg_ids(leg: Leg) -> dict[str, str]:
    return _ids(leg.alert_id, leg.request_id, leg.alert_id)


def _ids(alert_id: str, operation_id: str, parent_operation_id: str) -> dict[str, str]:
    return {
        "trace_id": trace_id(alert_id),
        "request_id": alert_id,
        "operation_id": operation_id,
        "parent_operation_id": parent_operation_id,
    }
