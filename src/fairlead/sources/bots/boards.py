"""Which bot waits for which price on which market, and for which time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from fairlead.core.model.bots.decision import Tripwire, Urgency, WireKind
from fairlead.market.hub import MarketHub
from fairlead.market.tripwires import Hit, TripwireBoard

Wake = Callable[[Iterable[Hit]], None]


class Boards:
    """One board for each market, and one for bots that wait for nothing but the time; ``wake`` hears who is hit."""

    def __init__(self, wake: Wake) -> None:
        """Begin without any."""
        self._wake = wake
        # By the market itself: the address of one that is gone may be that of the next.
        self._boards: dict[MarketHub, TripwireBoard] = {}
        self._times = TripwireBoard()

    def wire(self, hub: MarketHub, bot_id: str, symbol: str, wires: Sequence[Tripwire]) -> TripwireBoard:
        """Let a bot wait for these on a market, and for nothing else from now on."""
        board = self._boards.get(hub)
        if board is None:
            board = self._boards[hub] = TripwireBoard()
            hub.listen(lambda quote: self._wake(board.touch(quote.symbol, quote.last)))
        board.wire(bot_id, symbol, wires)
        return board

    def wake_at(self, bot_id: str, symbol: str, at_ms: int) -> None:
        """Let a bot be woken at this time, whatever else it waits for."""
        wire = Tripwire(WireKind.AT_TIME, at_ms=at_ms, urgency=Urgency.EXIT)
        self._times.wire(bot_id, symbol, (wire,))

    def wait_for(self, bot_id: str, signal: str) -> bool:
        """Whether a bot sleeps until this signal."""
        return any(board.waits_for(bot_id, signal) is not None for board in self._boards.values())

    def touch_times(self, now_ms: int) -> None:
        """Wake whom the time wakes."""
        for board in (self._times, *self._boards.values()):
            self._wake(board.times.touch(now_ms))
