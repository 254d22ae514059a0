"""What is remembered of trades that are over, for the checks that learn from them."""

from __future__ import annotations

from decimal import Decimal

import msgspec


class ClosedTrade(msgspec.Struct, frozen=True, kw_only=True):
    """A perpetual position that became flat, or flipped: when, of which asset, by whom, and how it ended.

    ``is_loss``: the fill that closed it lost money after its fee. ``by_stop``: an order that the venue kept for us
    closed it (a stop, a liquidation).
    """

    at_ms: int
    asset: str
    request_id: str
    is_loss: bool
    by_stop: bool


class TradeMemory(msgspec.Struct, frozen=True, kw_only=True):
    """Closed trades, oldest first, and what the last entries were worth in USD."""

    closes: tuple[ClosedTrade, ...] = ()
    notionals: tuple[Decimal, ...] = ()
