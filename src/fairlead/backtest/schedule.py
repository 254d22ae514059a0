"""When signals hold for a replayed bot, known beforehand and told one by one, never early."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from fairlead.core.model.bots.user_rule import BarFacts
from fairlead.core.rules.bots.user_rule import write_facts
from fairlead.market.candles.series import Ticks

_NONE: Final[Sequence[int]] = ()
_NO_CANDLE: Final = 2**62


class Schedule:
    """Signals of one bot.

    ``awaited`` are the candles at whose close a named signal holds, told only to a rule that waits for it. ``told`` are
    texts, or facts about conditions, for a rule that hears everything, and ``candles`` those at whose closes each is
    told, in order.
    """

    def __init__(
        self,
        awaited: Mapping[str, Ticks] | None = None,
        candles: Sequence[int] = (),
        told: Sequence[str] | Sequence[BarFacts] = (),
    ) -> None:
        """Take what will be told."""
        # A search in memory is several times faster than one that numpy is called for.
        self._awaited = {name: np.ascontiguousarray(places).data for name, places in (awaited or {}).items()}
        self.candles = candles
        self.told = told

    def next_candle(self, start: int, awaited: frozenset[str]) -> int:
        """The first candle from ``start`` on at whose close there is something to tell."""
        found = _first_from(self.candles, start)
        for name in awaited:
            found = min(found, _first_from(self._awaited.get(name, _NONE), start))
        return found

    def signals(self, candle: int, awaited: frozenset[str]) -> tuple[str, ...]:
        """What is told at the close of a candle."""
        first = bisect_left(self.candles, candle)
        after = bisect_left(self.candles, candle + 1, first)
        texts = [one if isinstance(one, str) else write_facts(one) for one in self.told[first:after]]
        if awaited:
            texts += [name for name in sorted(awaited) if _first_from(self._awaited.get(name, _NONE), candle) == candle]
        return tuple(texts)


def _first_from(candles: Sequence[int], start: int) -> int:
    place = bisect_left(candles, start)
    return candles[place] if place < len(candles) else _NO_CANDLE
