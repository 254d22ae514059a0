"""The dead man's switch: orders are canceled when their owner has not been heard of for so long (OKX API v5)."""

from __future__ import annotations

from typing import Final

import msgspec

from fairlead.simulator.exchange import Exchange
from fairlead.simulator.okx.codes import OkxError
from fairlead.simulator.okx.notes import OrderNotes

TAGS_MAX: Final = 20
CANCEL_SOURCE: Final = "20"
_TOO_MANY_TAGS: Final = "51071"


class Countdowns:
    """Running countdowns, by account and order tag; an empty tag is for all orders."""

    def __init__(self) -> None:
        """Begin with none."""
        self._due: dict[tuple[str, str], int] = {}

    def set(self, account_id: str, tag: str, due_ms: int) -> None:
        """Start or replace a countdown.

        Raises:
            OkxError: 51071, the account has too many.
        """
        tags = {name for owner, name in self._due if owner == account_id and name}
        if tag and tag not in tags and len(tags) >= TAGS_MAX:
            raise OkxError(_TOO_MANY_TAGS, f"You've reached the maximum of {TAGS_MAX} tag level timers.")
        self._due[account_id, tag] = due_ms

    def stop(self, account_id: str, tag: str) -> None:
        """End a countdown."""
        self._due.pop((account_id, tag), None)

    def act(self, exchange: Exchange, notes: OrderNotes, now_ms: int) -> None:
        """Cancel what is due by now."""
        for account_id, tag in [key for key, due_ms in self._due.items() if due_ms <= now_ms]:
            del self._due[account_id, tag]
            for order in exchange.accounts.open_orders(account_id):
                note = notes.of(order.venue_order_id)
                if tag in {"", note.tag}:
                    notes.keep(order.venue_order_id, msgspec.structs.replace(note, cancel_source=CANCEL_SOURCE))
                    exchange.cancel(account_id, now_ms=now_ms, venue_order_id=order.venue_order_id)
