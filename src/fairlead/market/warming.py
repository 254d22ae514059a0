"""Reads closed bars from a history, so that a condition need not wait until as many were made of quotes.

For each instrument and length there are two reads: what is closed when somebody begins to look, and, once it is closed,
the bar that ran then. Everything later is made of quotes. It is work for the background: nobody waits for it but
conditions that would be wrong without it, and those not for long.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Protocol

import msgspec
import structlog

from fairlead.core.model.conditions import TIMEFRAMES_MS
from fairlead.core.model.history import Page, PageFailure
from fairlead.core.model.market import Candle
from fairlead.market.bars import BarBuilder, Past
from fairlead.market.conditions import ConditionBoard
from fairlead.ports import Clock

WARMED_MAX: Final = 20_000
"""Bars of one length and instrument; whoever needs more waits for the rest."""

PAGES_MAX: Final = 300
"""For one read: some exchanges tell less at once than they are asked for."""

PAUSE_MS: Final = 250
"""Between two pages: prices and orders may share their limits with us."""

CLOSED_MARGIN_MS: Final = 10_000
"""A bar counts as closed so long after its end: the venue's clock may be behind ours, and it may need a moment."""

TRIES_MAX: Final = 6
AGAIN_FIRST_MS: Final = 1_000
"""After a read that failed, then after twice as long, and so on."""

AGAIN_LATER_MS: Final = 600_000
"""After the last of those tries; what closed meanwhile was made of quotes, and what is older is still worth having."""

NEWEST_ASKED_MAX: Final = 5
"""So often a read is made again whose newest bar is not there, for it may be late; then nobody traded in it."""

LOOKED_AT_EVERY_MS: Final = 500

_log = structlog.get_logger("fairlead")


class PastCandles(Protocol):
    """A market that tells of its past."""

    @property
    def name(self) -> str:
        """As people know it."""
        ...

    @property
    def candles_per_page(self) -> int:
        """How many it tells at once."""
        ...

    async def read_candles(self, symbol: str, timeframe: str, begin_ms: int, end_ms: int) -> Page[Candle] | PageFailure:
        """Closed candles that open in [``begin_ms``, ``end_ms``), which is at most a page."""
        ...


class _Wish(msgspec.Struct, frozen=True):
    """What is to be read next: bars that open in [``begin_ms``, ``end_ms``)."""

    symbol: str
    timeframe: str
    builder: BarBuilder
    begin_ms: int
    end_ms: int

    @property
    def past(self) -> Past:
        return self.builder.past[self.timeframe]

    @property
    def length_ms(self) -> int:
        return TIMEFRAMES_MS[self.timeframe]

    @property
    def bars(self) -> int:
        return (self.end_ms - self.begin_ms) // self.length_ms


class Warmer:
    """Fills the bars of one market from its history, one read after the other."""

    def __init__(self, board: ConditionBoard, source: PastCandles, clock: Clock) -> None:
        """Begin without reading; the board must know that it has a past."""
        self._board = board
        self._source = source
        self._clock = clock

    @property
    def source(self) -> str:
        """Whom it asks, as people know him."""
        return self._source.name

    async def run(self) -> None:
        """Read what is missing, for ever."""
        while True:
            wish = self._next()
            if wish is None:
                await self._clock.sleep_ms(LOOKED_AT_EVERY_MS)
            else:
                await self._fulfil(wish)
                await self._clock.sleep_ms(PAUSE_MS)

    def _next(self) -> _Wish | None:
        """The shortest read that is due: a single bar is what somebody waits for now."""
        return min(self._wishes(self._clock.now_ms()), key=lambda wish: wish.bars, default=None)

    def _wishes(self, now_ms: int) -> Iterator[_Wish]:
        for symbol, builder in self._board.builders.items():
            for timeframe, past in builder.past.items():
                span = missing_span(builder, timeframe, now_ms) if past.due_ms <= now_ms else None
                if span is not None:
                    yield _Wish(symbol, timeframe, builder, *span)

    async def _fulfil(self, wish: _Wish) -> None:
        found = await self._read(wish)
        # Whoever wanted it may be gone, and bars of quotes may be enough by now.
        if self._board.builders.get(wish.symbol) is not wish.builder:
            return
        now_ms = self._clock.now_ms()
        if missing_span(wish.builder, wish.timeframe, now_ms) is None:
            return
        past = wish.past
        if isinstance(found, PageFailure):
            self._note_failure(wish, found, now_ms)
            return
        is_whole = bool(found) and found[-1].open_ms == wish.end_ms - wish.length_ms
        if not is_whole and past.tries < NEWEST_ASKED_MAX:
            past.tries += 1
            past.due_ms = now_ms + (AGAIN_FIRST_MS << past.tries - 1)
            return
        past.tries, past.failure = 0, ""
        self._board.fill(wish.symbol, wish.timeframe, (wish.begin_ms, wish.end_ms), found, now_ms)
        if wish.bars > 1:
            _log.info("bars_warmed", symbol=wish.symbol, timeframe=wish.timeframe, bars=len(found), source=self.source)

    async def _read(self, wish: _Wish) -> list[Candle] | PageFailure:
        at_ms, found = wish.begin_ms, list[Candle]()
        page_ms = self._source.candles_per_page * wish.length_ms
        for _ in range(PAGES_MAX):
            try:
                page = await self._source.read_candles(
                    wish.symbol, wish.timeframe, at_ms, min(at_ms + page_ms, wish.end_ms)
                )
            except ValueError as error:
                return PageFailure(f"an answer that cannot be read: {error}")
            if isinstance(page, PageFailure):
                return page
            if page.until_ms <= at_ms:
                return PageFailure("it does not tell yet what was closed")
            found += page.rows
            at_ms = page.until_ms
            if at_ms >= wish.end_ms:
                return found
            await self._clock.sleep_ms(PAUSE_MS)
        return PageFailure(f"{wish.bars} bars in more than {PAGES_MAX} pages", is_lasting=True)

    def _note_failure(self, wish: _Wish, failure: PageFailure, now_ms: int) -> None:
        past = wish.past
        past.tries += 1
        if not failure.is_lasting and past.tries < TRIES_MAX:
            past.due_ms = now_ms + (AGAIN_FIRST_MS << past.tries - 1)
            return
        past.tries, past.due_ms = 0, now_ms + AGAIN_LATER_MS
        wish.builder.do_without(wish.timeframe)
        if not past.failure:
            _log.warning(
                "bars_not_warmed",
                symbol=wish.symbol,
                timeframe=wish.timeframe,
                source=self.source,
                why=failure.message,
                then="bots wait for bars made of quotes; it is asked again every 10 minutes",
                advice="if it goes on, choose shorter bars or check that the venue has candles of this instrument",
            )
        past.failure = failure.message


def missing_span(builder: BarBuilder, timeframe: str, now_ms: int) -> tuple[int, int] | None:
    """The next stretch of closed bars that a history must tell; None: nothing, or nothing yet.

    First what is closed by now, then up to the first bar that is made of quotes, then, where more bars are wanted than
    before, what is older. Bars that somebody wants are counted from the newest, so that in the end quotes are enough.
    """
    first_ms, past = builder.first_own_ms(timeframe), builder.past[timeframe]
    if first_ms is None:
        return None
    bars, length_ms = builder.bars[timeframe], TIMEFRAMES_MS[timeframe]
    closed_ms = (now_ms - CLOSED_MARGIN_MS) // length_ms * length_ms
    # One more than are kept, as the bar that runs now is not among those that are closed.
    begin_ms = max(first_ms, closed_ms) - (min(bars.kept, WARMED_MAX) + 1) * length_ms
    end_ms = min(first_ms, closed_ms)
    if begin_ms < bars.lost_ms:
        return begin_ms, bars.lost_ms
    if begin_ms >= end_ms:
        return None
    if not past.end_ms:
        return begin_ms, end_ms
    if past.end_ms < end_ms:
        return past.end_ms, end_ms
    if begin_ms < past.begin_ms:
        return begin_ms, past.begin_ms
    return None
