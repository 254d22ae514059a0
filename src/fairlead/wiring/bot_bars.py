"""Keeps, for whoever asks about a bot, whether its conditions have their bars, where from, or why not yet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from fairlead.core.model.bots.bars import BarsSeen
from fairlead.core.rules.conditions.vocabulary import bars_awaited
from fairlead.market.bars import BarBuilder
from fairlead.market.conditions import Watch
from fairlead.ports import Record
from fairlead.store.queries.bots import BARS_SPACE, Bot

SAID_AT_ONCE_MAX: Final = 200
"""Of thousands of bots that begin together; others are said a moment later, so that orders find room to be stored."""

_encode: Final = msgspec.json.Encoder().encode


class BotBars:
    """Bots whose conditions wait for bars; ``keep`` stores what is to be said of them, each time that it changes."""

    def __init__(self, keep: Callable[[Record], None]) -> None:
        """Begin without bots."""
        self._keep = keep
        self._waiting: dict[str, _Waiting] = {}

    def begin(self, bot: Bot, watch: Watch, builder: BarBuilder, source: str) -> None:
        """Say of a bot from now on what bars it has; ``source`` tells of the past, empty: nobody does."""
        self._waiting[bot.bot_id] = _Waiting(bot, watch, builder, source)

    def forget(self, bot: Bot) -> None:
        """Say nothing of it any more."""
        self._waiting.pop(bot.bot_id, None)
        self._keep(Record(space=BARS_SPACE, owner=bot.tenant, key=bot.bot_id, body=None))

    def look(self) -> None:
        """Keep what has changed; a bot whose conditions are known needs no more looking at."""
        said = 0
        for bot_id, waiting in list(self._waiting.items()):
            seen = waiting.look() if said < SAID_AT_ONCE_MAX else None
            if seen is None:
                continue
            said += 1
            self._keep(Record(space=BARS_SPACE, owner=waiting.bot.tenant, key=bot_id, body=_encode(seen)))
            if all(one.is_enough for one in seen):
                del self._waiting[bot_id]


class _Waiting:
    def __init__(self, bot: Bot, watch: Watch, builder: BarBuilder, source: str) -> None:
        self.bot = bot
        self._builder = builder
        self._source = source
        self._needed = _needed(watch)
        self._said: object = None

    def look(self) -> tuple[BarsSeen, ...] | None:
        """What is to be said now, None if that was said before; one bar more is no news."""
        seen = tuple(self._look(timeframe, needed) for timeframe, needed in self._needed.items())
        said = [(one.is_enough, bool(one.past), one.failure, one.since_ms) for one in seen]
        if said == self._said:
            return None
        self._said = said
        return seen

    def _look(self, timeframe: str, needed: int) -> BarsSeen:
        builder = self._builder
        past = builder.past.get(timeframe)
        return BarsSeen(
            timeframe=timeframe,
            needed=needed,
            there=len(builder.bars[timeframe].opened_ms),
            past=0 if past is None else past.taken,
            source=self._source,
            failure="" if past is None else past.failure,
            since_ms=builder.since_ms(timeframe) or 0,
        )


def _needed(watch: Watch) -> Mapping[str, int]:
    found: dict[str, int] = {}
    for expression in (*watch.conditions.values(), *watch.values.values()):
        for timeframe, bars in bars_awaited(expression, watch.timeframe).items():
            found[timeframe] = max(found.get(timeframe, 0), bars)
    return found
