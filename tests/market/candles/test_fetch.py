"""Fetching: what was stopped goes on, what fails is tried again, and nothing is asked for twice."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import msgspec
import numpy as np
import pytest

from fairlead.clock import VirtualClock
from fairlead.core.model.history import PageFailure
from fairlead.market.candles.archive import CandleArchive, SeriesName
from fairlead.market.candles.checks import Fault, check_table
from fairlead.market.candles.fetch import CLOSE_MARGIN_MS, TRIES_MAX, Fetched, FetchStoppedError, fetch_candles
from fairlead.market.candles.funding import fetch_funding, load_funding
from fairlead.market.candles.generate import BEGIN_MS
from fairlead.market.candles.spans import Span, join_spans, missing_spans
from tests.market.candles.past import DAY_MS, HOUR_MS, MINUTE_MS, Past

NAME = SeriesName("okx", "BTC-USDT", "1m")
LATER = VirtualClock(BEGIN_MS + 365 * DAY_MS)


def minutes(first: int, after: int) -> Span:
    return BEGIN_MS + first * MINUTE_MS, BEGIN_MS + after * MINUTE_MS


async def fetch(past: Past, folder: Path, span: Span, clock: VirtualClock = LATER) -> Fetched:
    fetching = asyncio.ensure_future(fetch_candles(past, CandleArchive(folder), NAME, span, clock, lambda *_: None))
    while not fetching.done():
        await clock.settle()
        if clock.next_wake_ms is not None:
            clock.advance_ms(clock.next_wake_ms - clock.now_ms())
    return await fetching


def content(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(folder.glob("okx/BTC-USDT/1m/*.*")) if path.suffix != ".lock"]


async def test_a_fetch_that_is_stopped_goes_on_and_leaves_the_same_files(tmp_path: Path) -> None:
    await fetch(Past(), tmp_path / "whole", minutes(0, 100))
    past = Past()
    past.hang_after = 6
    archive = CandleArchive(tmp_path / "parts")
    fetching = asyncio.create_task(fetch_candles(past, archive, NAME, minutes(0, 100), LATER, lambda *_: None))
    await past.hanging.wait()
    fetching.cancel()
    await asyncio.gather(fetching, return_exceptions=True)
    kept = len(archive.read(NAME))
    assert kept == 60
    past.hang_after, past.asked = 10**9, []
    assert (await fetch(past, archive.root, minutes(0, 100))).added.new == 40
    assert min(begin_ms for what, begin_ms, _ in past.asked if what == "1m") == minutes(60, 0)[0]
    assert content(archive.root) == content(tmp_path / "whole")


async def test_what_is_there_is_not_asked_for_again(tmp_path: Path) -> None:
    past = Past()
    await fetch(past, tmp_path, minutes(20, 40))
    past.asked = []
    assert (await fetch(past, tmp_path, minutes(20, 40))).added.new == 0
    assert past.asked == []
    await fetch(past, tmp_path, minutes(10, 60))
    asked = sorted((begin_ms, end_ms) for what, begin_ms, end_ms in past.asked if what == "1m")
    assert asked == [minutes(10, 20), minutes(40, 50), minutes(50, 60)]


async def test_what_is_asked_for_again_is_corrected(tmp_path: Path) -> None:
    archive, past = CandleArchive(tmp_path), Past()
    await fetch(past, tmp_path, minutes(0, 100))
    past.candles[30] = msgspec.structs.replace(past.candles[30], volume=Decimal(77))
    with archive.writing(NAME):
        archive.forget_fetched(NAME)
    added = (await fetch(past, tmp_path, minutes(0, 100))).added
    assert (added.new, added.changed, added.same) == (0, 1, 99)
    assert archive.read(NAME).volume[30] == 77.0


async def test_a_failure_that_passes_is_tried_again_with_growing_pauses(tmp_path: Path) -> None:
    past, clock = Past(), VirtualClock(LATER.now_ms())
    past.fail = lambda number: PageFailure("50011 too often") if number in {1, 2, 3} else None
    assert (await fetch(past, tmp_path, minutes(0, 10), clock)).added.new == 10
    assert clock.now_ms() - LATER.now_ms() == 500 + 1_000 + 2_000


@pytest.mark.parametrize(("is_lasting", "tries"), [(False, TRIES_MAX), (True, 1)])
async def test_a_failure_that_lasts_stops_it_and_keeps_what_is_there(
    tmp_path: Path, *, is_lasting: bool, tries: int
) -> None:
    past, clock = Past(), VirtualClock(LATER.now_ms())
    past.candles_per_page = 100
    await fetch(past, tmp_path, minutes(0, 10), clock)
    past.asked, past.fail = [], lambda _number: PageFailure("no", is_lasting=is_lasting)
    with pytest.raises(FetchStoppedError, match="a test: no"):
        await fetch(past, tmp_path, minutes(0, 20), clock)
    assert len(past.asked) == tries
    assert len(CandleArchive(tmp_path).read(NAME)) == 10


async def test_a_venue_that_tells_less_than_a_page_is_asked_for_the_rest(tmp_path: Path) -> None:
    past = Past(limit=4)
    assert (await fetch(past, tmp_path, minutes(0, 100))).added.new == 100


async def test_gaps_of_the_venue_stay_gaps(tmp_path: Path) -> None:
    past = Past()
    past.candles = [candle for candle in past.candles if not minutes(15, 0)[0] <= candle.open_ms < minutes(33, 0)[0]]
    await fetch(past, tmp_path, minutes(0, 100))
    table = CandleArchive(tmp_path).read(NAME)
    (gap,) = [one for one in check_table(table, MINUTE_MS) if one.fault is Fault.GAP]
    assert (gap.begin_ms, gap.end_ms, gap.candles) == (*minutes(15, 33), 18)


async def test_years_before_it_was_listed_are_passed_over_by_days(tmp_path: Path) -> None:
    past = Past(begin_ms=BEGIN_MS)
    await fetch(past, tmp_path, (BEGIN_MS - 95 * DAY_MS, minutes(0, 100)[1]))
    assert len(CandleArchive(tmp_path).read(NAME)) == 100
    assert sum(what == "1d" for what, *_ in past.asked) == 10
    assert sum(what == "1m" for what, *_ in past.asked) == 10


async def test_a_candle_that_is_not_over_is_not_fetched(tmp_path: Path) -> None:
    clock = VirtualClock(minutes(50, 0)[0] + CLOSE_MARGIN_MS - 1)
    await fetch(Past(), tmp_path, (BEGIN_MS, 0), clock)
    assert CandleArchive(tmp_path).times(NAME)[-1] == minutes(48, 0)[0]
    clock.advance_ms(1)
    past = Past()
    past.open_ms = minutes(49, 0)[0]
    await fetch(past, tmp_path, (BEGIN_MS, 0), clock)
    assert CandleArchive(tmp_path).manifest(NAME).fetched == (minutes(0, 49),)


async def test_candles_that_are_late_are_asked_for_again_and_lost_ones_are_not(tmp_path: Path) -> None:
    archive, past = CandleArchive(tmp_path), Past()
    late, past.candles = past.candles[47:], past.candles[:47]
    clock = VirtualClock(minutes(50, 0)[0] + CLOSE_MARGIN_MS)
    await fetch(past, tmp_path, (BEGIN_MS, 0), clock)
    assert archive.manifest(NAME).fetched == (minutes(0, 47),)
    past.candles += late[:3]
    assert (await fetch(past, tmp_path, (BEGIN_MS, 0), clock)).added.new == 3
    clock.advance_ms(10 * HOUR_MS)
    past.candles = past.candles[:50]
    await fetch(past, tmp_path, (BEGIN_MS, minutes(90, 0)[0]), clock)
    assert archive.manifest(NAME).fetched == (minutes(0, 90),)


async def test_what_was_asked_for_ends_with_a_whole_candle(tmp_path: Path) -> None:
    past, clock = Past(), VirtualClock(minutes(150, 0)[0] + 29_999)
    await fetch(past, tmp_path, (BEGIN_MS, 0), clock)
    assert CandleArchive(tmp_path).manifest(NAME).fetched == (minutes(0, 100),)
    clock.advance_ms(20 * MINUTE_MS)
    await fetch(past, tmp_path, (BEGIN_MS, 0), clock)
    assert CandleArchive(tmp_path).manifest(NAME).fetched == (minutes(0, 110),)


async def test_progress_is_told_up_to_all_of_it(tmp_path: Path) -> None:
    told: list[Sequence[int]] = []
    archive = CandleArchive(tmp_path)
    await fetch_candles(Past(), archive, NAME, minutes(0, 50), LATER, lambda *step: told.append(step))
    await fetch_candles(Past(), archive, NAME, minutes(0, 100), LATER, lambda *step: told.append(step))
    assert told[-1] == (100 * MINUTE_MS, 100 * MINUTE_MS)
    assert min(step[0] for step in told if step[1] == 100 * MINUTE_MS) >= 50 * MINUTE_MS


async def test_funding_rates_are_kept_exactly_and_asked_for_once(tmp_path: Path) -> None:
    past, span = Past(), (BEGIN_MS, BEGIN_MS + 3 * DAY_MS)
    assert await fetch_funding(past, tmp_path, "BTC-USDT-SWAP", span, LATER, lambda *_: None) == 9
    asked = len(past.asked)
    assert await fetch_funding(past, tmp_path, "BTC-USDT-SWAP", span, LATER, lambda *_: None) == 9
    assert len(past.asked) == asked
    times, rates = load_funding(tmp_path, "BTC-USDT-SWAP", BEGIN_MS + HOUR_MS, BEGIN_MS + DAY_MS)
    assert np.array_equal(times, [BEGIN_MS + 8 * HOUR_MS, BEGIN_MS + 16 * HOUR_MS])
    assert rates == (Decimal("0.0001"), Decimal("0.0001"))
    assert len(load_funding(tmp_path, "ETH-USDT-SWAP")[0]) == 0


def test_spans_are_joined_and_what_is_missing_is_found() -> None:
    assert join_spans([(5, 7), (0, 2), (2, 3), (6, 9), (4, 4)]) == ((0, 3), (5, 9))
    assert missing_spans((1, 12), [(0, 3), (5, 9)]) == ((3, 5), (9, 12))
    assert missing_spans((6, 8), [(0, 3), (5, 9)]) == ()
    assert missing_spans((0, 5), []) == ((0, 5),)


async def test_finer_prices_of_later_candles_change_none_of_the_earlier(tmp_path: Path) -> None:
    past = Past()
    await fetch(past, tmp_path, minutes(0, 50))
    before = CandleArchive(tmp_path).read(NAME)
    fine = past.candles[60]
    past.candles[60] = msgspec.structs.replace(fine, high=fine.high + Decimal("0.00001"))
    await fetch(past, tmp_path, minutes(0, 100))
    after = CandleArchive(tmp_path).read(NAME)
    assert after.decimals == 5
    assert before.with_decimals(5).equal_rows(after.rows(slice(0, 50))).all()
