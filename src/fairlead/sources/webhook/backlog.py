"""Alerts that were answered and wait for their turn: oldest first, and nothing overtakes what it may depend on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from fairlead.sources.webhook.inbox import KeptAlert

# (account, symbol): where one alert may depend on another.
Place = tuple[str, str]


@dataclass(slots=True)
class _Lane:
    """Who waits at one place, and how many of them read the position."""

    alerts: dict[str, None] = field(default_factory=dict)
    readers: int = 0


class Backlog:
    """Order of arrival, with one exception: ``pop_before`` lets an urgent alert pass others.

    Entries may pass each other. An alert that reads the position (a close, a target) neither overtakes nor is overtaken
    by anything else for the same account and instrument, as at the desks.
    """

    def __init__(self) -> None:
        """Start empty."""
        self._waiting: dict[str, KeptAlert] = {}
        self._lanes: dict[Place, _Lane] = {}

    def __len__(self) -> int:
        """Alerts waiting."""
        return len(self._waiting)

    def push(self, kept: KeptAlert) -> None:
        """Add the newest alert."""
        alert_id = kept.state.alert_id
        self._waiting[alert_id] = kept
        for place in _places_of(kept):
            lane = self._lanes.setdefault(place, _Lane())
            lane.alerts[alert_id] = None
            lane.readers += kept.prepared.reads_position

    def pop(self) -> KeptAlert:
        """Take the oldest.

        Raises:
            StopIteration: nobody waits.
        """
        return self._take(next(iter(self._waiting)))

    def pop_before(self, urgent: KeptAlert) -> list[KeptAlert]:
        """Take all that an alert which has just arrived must not overtake, oldest first."""
        found: set[str] = set()
        seen: set[Place] = set()
        asking = [urgent]
        while asking:
            one = asking.pop()
            for place in _places_of(one):
                lane = self._lanes.get(place)
                if lane is None or place in seen or not (lane.readers or one.prepared.reads_position):
                    continue
                seen.add(place)
                asking.extend(self._waiting[alert_id] for alert_id in lane.alerts if alert_id not in found)
                found.update(lane.alerts)
        return [self._take(alert_id) for alert_id in list(self._waiting) if alert_id in found] if found else []

    def _take(self, alert_id: str) -> KeptAlert:
        kept = self._waiting.pop(alert_id)
        for place in _places_of(kept):
            lane = self._lanes[place]
            del lane.alerts[alert_id]
            lane.readers -= kept.prepared.reads_position
            if not lane.alerts:
                del self._lanes[place]
        return kept


def _places_of(kept: KeptAlert) -> Iterator[Place]:
    symbol = kept.prepared.instrument.symbol
    return ((account.account_id, symbol) for account in kept.prepared.accounts)
