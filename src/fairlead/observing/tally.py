"""What happened, counted from the facts that were stored: plain numbers, read when somebody asks."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, Final

from fairlead.core.model import events as ev
from fairlead.core.model.state import RequestState
from fairlead.ports import AppendOutcome, Committed, DuplicateKey, Unit

SETTLED_REMEMBERED_MAX: Final = 10_000
# Venues have many codes; each name is a series, so there must be an end to them.
REASONS_MAX: Final = 200
OTHER_REASON: Final = "other"

_ORDER_EVENTS: Final[dict[type, str]] = {
    ev.OrderApproved: "approved",
    ev.OrderAccepted: "accepted",
    ev.OrderRejected: "rejected",
    ev.OrderUnknown: "unknown",
    ev.OrderCanceled: "canceled",
    ev.OrderExpired: "expired",
    ev.VenueOrderBorn: "made_by_venue",
}


class Tally:
    """Counts since the start of the process."""

    def __init__(self) -> None:
        """Start at zero."""
        self.drifts = 0
        self.verdicts: Counter[str] = Counter()
        self.requests: Counter[tuple[str, str]] = Counter()
        self.units: Counter[str] = Counter()
        self._kinds: Counter[type] = Counter()
        self._filled = 0
        self._reasons: set[str] = set()
        self._settled: OrderedDict[str, str] = OrderedDict()
        # What a kind of fact says beside that it happened.
        self._details: dict[type, Callable[[Any], None]] = {
            ev.OrderFilled: self._count_fill,
            ev.AlertHandled: self._count_verdict,
            ev.DriftFound: self._count_drift,
        }

    @property
    def alerts_received(self) -> int:
        """Alerts stored."""
        return self._kinds[ev.AlertReceived]

    @property
    def duplicates(self) -> int:
        """Alerts that were sent before."""
        return self._kinds[ev.AlertDuplicated]

    @property
    def fills(self) -> int:
        """Executions."""
        return self._kinds[ev.OrderFilled]

    @property
    def rebuilds(self) -> int:
        """Accounts rebuilt after a halt."""
        return self._kinds[ev.DeskRebuilt]

    @property
    def orders(self) -> Mapping[str, int]:
        """What happened to orders."""
        counts = {name: self._kinds[kind] for kind, name in _ORDER_EVENTS.items()} | {"filled": self._filled}
        return {name: count for name, count in counts.items() if count}

    def count_unit(self, unit: Unit, outcome: AppendOutcome) -> None:
        """Count what a unit says, if it was stored."""
        if not isinstance(outcome, Committed):
            self.units["duplicate" if isinstance(outcome, DuplicateKey) else "not_stored"] += 1
            return
        self.units["committed"] += 1
        for fact in unit.facts:
            kind = type(fact.event)
            self._kinds[kind] += 1
            if kind in self._details:
                self._details[kind](fact.event)
        for state in unit.states:
            if type(state) is RequestState and not state.is_pending:
                self._count_settled(state)

    def _count_fill(self, event: ev.OrderFilled) -> None:
        self._filled += event.is_last

    def _count_verdict(self, event: ev.AlertHandled) -> None:
        self.verdicts[event.verdict] += 1

    def _count_drift(self, event: ev.DriftFound) -> None:
        # A row without differences says that they are gone.
        self.drifts += bool(event.differences)

    def _count_settled(self, state: RequestState) -> None:
        """Count each end of a request once; one that rests and fills later has two."""
        request_id = state.request.request_id
        if self._settled.get(request_id) == state.status:
            return
        self._settled[request_id] = state.status
        if len(self._settled) > SETTLED_REMEMBERED_MAX:
            self._settled.popitem(last=False)
        self.requests[state.status, self._name_reason(state.reason_code)] += 1

    def _name_reason(self, reason: str) -> str:
        if reason not in self._reasons:
            if len(self._reasons) >= REASONS_MAX:
                return OTHER_REASON
            self._reasons.add(reason)
        return reason
