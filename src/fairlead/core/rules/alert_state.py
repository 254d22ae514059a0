"""What becomes of an alert: received, then handled with a verdict."""

from __future__ import annotations

from msgspec.structs import replace

from fairlead.core.model.events import AlertDuplicated, AlertEvent, AlertHandled, AlertReceived
from fairlead.core.model.state import AlertState


def receive(event: AlertReceived, tenant: str) -> AlertState:
    """State of an alert that is stored and not yet handled."""
    return AlertState(
        alert_id=event.alert_id,
        tenant=tenant,
        hook_id=event.hook_id,
        duplicate_key=event.duplicate_key,
        explicit_key=event.explicit_key,
        received_ms=event.received_ms,
    )


def finish(state: AlertState, event: AlertHandled) -> AlertState:
    """State of an alert whose verdict is known."""
    return replace(state, verdict=event.verdict, reason_code=event.reason_code, request_ids=event.request_ids)


class OpenAlerts:
    """The fold of alert facts. Handled alerts are forgotten: nothing more can happen to them."""

    __slots__ = ("open",)

    def __init__(self) -> None:
        """Start without alerts."""
        self.open: dict[str, AlertState] = {}

    def apply(self, event: AlertEvent, tenant: str) -> list[AlertState]:
        """Add one fact; returns the state that changed, nothing for a repeat."""
        match event:
            case AlertReceived():
                if event.alert_id in self.open:
                    return []
                self.open[event.alert_id] = state = receive(event, tenant)
                return [state]
            case AlertHandled():
                received = self.open.pop(event.alert_id, None)
                return [] if received is None else [finish(received, event)]
            case AlertDuplicated():
                return []
