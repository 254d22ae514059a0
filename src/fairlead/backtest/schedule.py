"""When signals hold for a replayed bot, known beforehand and told one by one, never early."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from fairlead.market.candles.series import Ticks

_NONE: Final = np.empty(0, dtype=np.int64)
_NO_CANDLE: Final = 2**62


class Schedule:
    """Signals of one bot.

    ``awaited`` are the candles at whose close a named signal holds, told only to a rule that waits for it; ``told`` are
    texts with the candle at whose close each is told, in order, to a rule that hears everything.
    """

    def __init__(self, awaited: Mapping[str, Ticks] | None = None, told: Sequence[tuple[int, str]] = ()) -> None:
        """Take what will be told."""
        self._awaited = dict(awaited or {})
        self._candles = np.array([candle for candle, _ in told], dtype=np.int64)
        self._texts = [text for _, text in told]

    def next_candle(self, start: int, awaited: frozenset[str]) -> int:
        """The first candle from ``start`` on at whose close there is something to tell."""
        found = _NO_CANDLE
        for candles in (self._candles, *(self._awaited.get(name, _NONE) for name in awaited)):
            place = int(np.searchsorted(candles, start)) if len(candles) else 0
            if place < len(candles):
                found = min(found, int(candles[place]))
        return found

    def signals(self, candle: int, awaited: frozenset[str]) -> tuple[str, ...]:
        """What is told at the close of a candle."""
        if not self._texts and not awaited:
            return ()
        first, after = np.searchsorted(self._candles, (candle, candle + 1))
        names = (name for name in sorted(awaited) if _has(self._awaited.get(name, _NONE), candle))
        return (*self._texts[first:after], *names)


def _has(candles: Ticks, candle: int) -> bool:
    place = int(np.searchsorted(candles, candle))
    return place < len(candles) and int(candles[place]) == candle
