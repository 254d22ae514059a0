"""What OKX remembers of an order that means nothing to the exchange."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

import msgspec

NOTES_MAX: Final = 1_000_000
"""Orders whose notes are kept; the oldest make room."""


class OrderNote(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What its sender said: tag, word for its type, unit of its size, ``reqId`` of its newest amendment; its leverage.

    ``cancel_source`` is set when somebody else than its owner canceled it.
    """

    tag: str = ""
    order_type: str = ""
    target_currency: str = ""
    leverage: str = ""
    cancel_source: str = ""
    request_id: str = ""


NO_NOTE: Final = OrderNote()


class OrderNotes:
    """Notes by the exchange's order id."""

    def __init__(self) -> None:
        """Begin with none."""
        self._notes: OrderedDict[str, OrderNote] = OrderedDict()

    def keep(self, venue_order_id: str, note: OrderNote) -> None:
        """Remember a note."""
        self._notes[venue_order_id] = note
        if len(self._notes) > NOTES_MAX:
            self._notes.popitem(last=False)

    def of(self, venue_order_id: str) -> OrderNote:
        """The note of an order; an empty one if it has none."""
        return self._notes.get(venue_order_id, NO_NOTE)
