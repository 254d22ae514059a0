"""Fetches candles and funding rates of the past into the archive; what was stopped goes on where it stopped."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Final, Generic, Protocol, TypeVar

import msgspec

from fairlead.core.model.conditions import TIMEFRAMES_MS
from fairlead.core.model.history import FundingRate, Page, PageFailure
from fairlead.core.model.market import Candle
from fairlead.market.candles.archive import Added, CandleArchive, SeriesName
from fairlead.market.candles.spans import Span, missing_spans
from fairlead.market.candles.table import table_of
from fairlead.market.warming import PastCandles
from fairlead.ports import Clock

TRIES_MAX: Final = 7
"""So often a page is asked for before the fetch stops; what it has is kept."""

PAUSE_FIRST_MS: Final = 500
PAUSE_MAX_MS: Final = 16_000
AHEAD_MAX: Final = 4
"""Pages that are asked for at once; the venue's own rate limit is kept besides."""

BATCH_ROWS: Final = 20_000
WRITE_EVERY_MS: Final = 10_000
"""So many rows are written together, or those of so long a time: what dies has no more of them to ask for again."""

CLOSE_MARGIN_MS: Final = 10_000
"""A candle counts as closed so long after its end: the venue's clock may be behind ours."""

EDGE_MS: Final = 3_600_000
"""What is missing at the end of what was asked for may only be late while it is so young, and is asked for again."""

T = TypeVar("T")
Ask = Callable[[int, int], Awaitable[Page[T] | PageFailure]]
Tell = Callable[[int, int], None]
"""Hears how many milliseconds of history are there, of how many."""


class HistorySource(PastCandles, Protocol):
    """A venue that tells of its past; its name is noted beside the candles."""

    @property
    def funding_page_ms(self) -> int:
        """In so long a time there are no more settlements than it tells at once."""
        ...

    async def read_funding(self, symbol: str, begin_ms: int, end_ms: int) -> Page[FundingRate] | PageFailure:
        """Settlements in [``begin_ms``, ``end_ms``), which is at most a page."""
        ...


class FetchStoppedError(RuntimeError):
    """The venue does not tell; what it told before is kept."""


class Fetched(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a fetch: rows that were added, and the time that was looked at."""

    added: Added
    span: Span


class SpanReader(Generic[T]):
    """Reads spans of time in order, some pages ahead, and tries again what fails."""

    def __init__(self, source_name: str, ask: Ask[T], clock: Clock, *, page_ms: int) -> None:
        """Ask for at most ``page_ms`` at once."""
        self._source_name = source_name
        self._ask = ask
        self._clock = clock
        self._page_ms = page_ms

    async def read(self, spans: Sequence[Span], keep: Callable[[Span, Sequence[T]], None]) -> None:
        """Give each page to ``keep``, in order of time, with the time that it is complete for.

        Ends early where the venue cannot tell yet.

        Raises:
            FetchStoppedError: a page could not be had.
        """
        windows = self._windows(spans)
        ahead: deque[asyncio.Task[tuple[Span, list[T], bool]]] = deque(maxlen=AHEAD_MAX)
        try:
            while True:
                while len(ahead) < AHEAD_MAX and (window := next(windows, None)) is not None:
                    ahead.append(asyncio.create_task(self._read_window(window)))
                if not ahead:
                    return
                span, rows, is_whole = await ahead.popleft()
                keep(span, rows)
                if not is_whole:
                    return
        finally:
            for task in ahead:
                task.cancel()
            await asyncio.gather(*ahead, return_exceptions=True)

    async def first_row(self, span: Span) -> T | None:
        """The first row there is, None where there is none."""
        for window in self._windows([span]):
            _, rows, is_whole = await self._read_window(window)
            if rows:
                return rows[0]
            if not is_whole:
                break
        return None

    def _windows(self, spans: Sequence[Span]) -> Iterator[Span]:
        for begin_ms, end_ms in spans:
            for at_ms in range(begin_ms, end_ms, self._page_ms):
                yield at_ms, min(at_ms + self._page_ms, end_ms)

    async def _read_window(self, window: Span) -> tuple[Span, list[T], bool]:
        begin_ms, end_ms = window
        at_ms, rows = begin_ms, list[T]()
        while at_ms < end_ms:
            page = await self._read_page(at_ms, end_ms)
            rows += page.rows
            if page.until_ms <= at_ms:
                return (begin_ms, at_ms), rows, False
            at_ms = page.until_ms
        return window, rows, True

    async def _read_page(self, begin_ms: int, end_ms: int) -> Page[T]:
        pause_ms = PAUSE_FIRST_MS
        for tried in range(1, TRIES_MAX + 1):
            page = await self._ask(begin_ms, end_ms)
            if isinstance(page, Page):
                return page
            if page.is_lasting or tried == TRIES_MAX:
                raise FetchStoppedError(f"{self._source_name}: {page.message}")
            await self._clock.sleep_ms(pause_ms)
            pause_ms = min(2 * pause_ms, PAUSE_MAX_MS)
        raise AssertionError("the last try returns or raises")


async def fetch_candles(
    source: HistorySource, archive: CandleArchive, name: SeriesName, wanted: Span, clock: Clock, tell: Tell
) -> Fetched:
    """Fetch what is not there of ``wanted``; only closed candles, none before the instrument was listed.

    Canceled, it keeps what it has.

    Raises:
        FetchStoppedError: the venue does not tell.
        SeriesBusyError: another process adds to the series.
        PriceDigitsError: a price has more digits than are kept.
        OSError: the disk refused.
    """
    length_ms = name.length_ms
    span = _whole_candles(wanted, length_ms, clock.now_ms() - CLOSE_MARGIN_MS)
    reader = SpanReader(
        source.name,
        lambda begin_ms, end_ms: source.read_candles(name.symbol, name.timeframe, begin_ms, end_ms),
        clock,
        page_ms=source.candles_per_page * length_ms,
    )
    with archive.writing(name):
        batch = _Batch(archive, name, source.name, clock, lambda done_ms: tell(done_ms, span[1] - span[0]))
        missing = missing_spans(span, archive.manifest(name).fetched)
        batch.done_ms = span[1] - span[0] - sum(end_ms - begin_ms for begin_ms, end_ms in missing)
        try:
            if missing:
                listed_ms = await _listed_since(source, name, missing[0], clock)
                batch.take((missing[0][0], listed_ms), ())
                missing = ((listed_ms, missing[0][1]), *missing[1:])
            await reader.read(missing, batch.take)
        finally:
            batch.write()
    return Fetched(added=batch.added, span=span)


class _Batch:
    """Rows that wait to be written together."""

    def __init__(
        self, archive: CandleArchive, name: SeriesName, source: str, clock: Clock, tell: Callable[[int], None]
    ) -> None:
        self.added = Added()
        self.done_ms = 0
        self._archive = archive
        self._name = name
        self._source = source
        self._clock = clock
        self._written_ms = clock.now_ms()
        self._tell = tell
        self._rows: list[Candle] = []
        self._span: Span = (0, 0)

    def take(self, span: Span, rows: Sequence[Candle]) -> None:
        begin_ms, end_ms = self._span
        if begin_ms == end_ms:
            begin_ms = end_ms = span[0]
        is_old = self._clock.now_ms() - self._written_ms >= WRITE_EVERY_MS
        if span[0] != end_ms or is_old or len(self._rows) >= BATCH_ROWS:
            self.write()
            begin_ms = span[0]
        self._rows += rows
        self._span = (begin_ms, max(begin_ms, self._certain_end(span, rows)))
        self.done_ms += span[1] - span[0]
        self._tell(self.done_ms)

    def _certain_end(self, span: Span, rows: Sequence[Candle]) -> int:
        told_ms = rows[-1].open_ms + self._name.length_ms if rows else span[0]
        length_ms = self._name.length_ms
        return max(told_ms, min(span[1], (self._clock.now_ms() - EDGE_MS) // length_ms * length_ms))

    def write(self) -> None:
        self.added += self._archive.add(self._name, table_of(self._rows), source=self._source, fetched=self._span)
        self._rows, self._span = [], (0, 0)
        self._written_ms = self._clock.now_ms()


async def _listed_since(source: HistorySource, name: SeriesName, span: Span, clock: Clock) -> int:
    """From when on there can be candles: days are looked through first, since there are few pages of them."""
    begin_ms, end_ms = span
    day_ms = TIMEFRAMES_MS["1d"]
    if name.length_ms >= day_ms or end_ms - begin_ms <= source.candles_per_page * name.length_ms:
        return begin_ms
    days = SpanReader(
        source.name,
        lambda first_ms, after_ms: source.read_candles(name.symbol, "1d", first_ms, after_ms),
        clock,
        page_ms=source.candles_per_page * day_ms,
    )
    last_day_ms = end_ms // day_ms * day_ms
    try:
        first = await days.first_row((begin_ms // day_ms * day_ms, last_day_ms))
    except FetchStoppedError:
        # A venue without candles of a day is walked through the long way; one that is not there says so again.
        return begin_ms
    # The last day is not over: that it is not told says nothing of its minutes.
    return max(begin_ms, first.open_ms if first is not None else last_day_ms)


def _whole_candles(wanted: Span, length_ms: int, now_ms: int) -> Span:
    begin_ms, end_ms = wanted
    begin_ms = -(-begin_ms // length_ms) * length_ms
    end_ms = min(end_ms or now_ms, now_ms) // length_ms * length_ms
    return begin_ms, max(begin_ms, end_ms)
