"""The seam between what is sent and how: one implementation for each kind of channel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from zoneinfo import ZoneInfo

from fairlead.notify.message import Parcel
from fairlead.notify.outcome import Outcome


@dataclass(frozen=True, kw_only=True)
class Style:
    """For whom messages are written: the reader's time zone, and where the explain pages are."""

    zone: ZoneInfo
    public_url: str

    def explain_url(self, explain_id: str) -> str:
        """The explain page of an id; empty for none."""
        return f"{self.public_url}/explain/{explain_id}" if explain_id else ""


class Courier(Protocol):
    """Carries messages through one channel. Every answer is a value; its own faults never hold a secret."""

    @property
    def distances_ms(self) -> Mapping[str, int]:
        """The lanes it uses, and how far apart messages must be in each (milliseconds)."""
        ...

    def count_fitting(self, parcels: Sequence[Parcel]) -> int:
        """How many of these, from the first, go into one sending together; at least one."""
        ...

    async def send(self, parcels: Sequence[Parcel]) -> Outcome:
        """Send one message, or several joined into one."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...
