"""Notices when a feed falls silent, instrument by instrument, and when its prices come again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from fairlead.core.model.instrument import InstrumentState
from fairlead.market.hub import MarketHub
from fairlead.ports import Clock

SILENT_AFTER_MS: Final = 15_000
LOOK_EVERY_MS: Final = 1_000

Told = Callable[[str, Sequence[str], bool], None]


class SilenceWatch:
    """Looks at the newest quote of every instrument that has one; ``told`` hears of each change once.

    It is told the exchange, the instruments, and whether they are silent now. What nobody can trade is left out.
    """

    def __init__(self, hubs: Callable[[], Iterable[MarketHub]], clock: Clock, told: Told) -> None:
        """Watch the markets that are open at each look."""
        self._hubs = hubs
        self._clock = clock
        self._told = told
        self._silent: dict[MarketHub, frozenset[str]] = {}

    @property
    def silent(self) -> int:
        """Instruments that are silent, over all markets."""
        return sum(map(len, self._silent.values()))

    async def run(self) -> None:
        """Look for ever."""
        while True:
            self.look()
            await self._clock.sleep_ms(LOOK_EVERY_MS)

    def look(self) -> None:
        """Compare with the look before, and tell what changed."""
        oldest_ms = self._clock.now_ms() - SILENT_AFTER_MS
        before, self._silent = self._silent, {}
        for hub in self._hubs():
            found = frozenset(_silent_in(hub, oldest_ms))
            self._silent[hub] = found
            known = before.get(hub, frozenset())
            if fallen := sorted(found - known):
                self._told(hub.exchange, fallen, True)  # noqa: FBT003 - the type says what it is
            if back := sorted(known - found):
                self._told(hub.exchange, back, False)  # noqa: FBT003 - the type says what it is


def _silent_in(hub: MarketHub, oldest_ms: int) -> Iterable[str]:
    for symbol, quote in hub.quotes.items():
        instrument = hub.instruments.get(symbol)
        is_traded = instrument is not None and instrument.state is InstrumentState.LIVE
        if quote.at_ms < oldest_ms and is_traded:
            yield symbol
