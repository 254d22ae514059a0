"""Windows of longer series: they know what was before them, as far as it is there and wanted, and nothing after."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fairlead.market.candles.archive import CandleArchive, NoCandlesError, SeriesName
from fairlead.market.candles.generate import generate_series
from fairlead.market.candles.load import load_window, table_of_series
from fairlead.market.candles.series import CandleSeries

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
SYMBOL = "BTC-USDT"
WHOLE = generate_series(SYMBOL, candles=1_000, seed=1)
TABLE = table_of_series(WHOLE)


@pytest.fixture(name="archive")
def _archive(tmp_path: Path) -> CandleArchive:
    return CandleArchive(tmp_path / "candles")


def keep(archive: CandleArchive, *gaps: tuple[int, int]) -> Path:
    """Keep the candles without those of some gaps; returns the folder of the exchange."""
    kept = np.ones(len(WHOLE), dtype=bool)
    for first, after in gaps:
        kept[first:after] = False
    name = SeriesName("okx", SYMBOL, "1m")
    with archive.writing(name):
        archive.add(name, TABLE.rows(kept), source="test")
    return archive.root / "okx"


def numbers(series: CandleSeries) -> list[int]:
    """Which candles of the whole they are."""
    return ((series.opened_ms - WHOLE.begin_ms) // MINUTE_MS).tolist()  # type: ignore[no-any-return]


def moment(candle: int) -> int:
    return WHOLE.begin_ms + candle * MINUTE_MS


def test_a_slice_knows_what_was_before_it() -> None:
    part = WHOLE.slice(100, 200)
    assert (WHOLE.earlier, part.earlier, len(part)) == (0, 100, 100)
    assert numbers(part.with_earlier(3)) == list(range(97, 200))
    assert numbers(part.with_earlier(500)) == list(range(200))
    inner = part.slice(10, 20)
    assert inner.earlier == 110
    assert numbers(inner.with_earlier(15)) == list(range(95, 120))
    assert np.shares_memory(inner.with_earlier(15).close, WHOLE.close)
    between = part.between(moment(150), moment(160))
    assert (between.earlier, between.begin_ms, between.end_ms) == (150, moment(150), moment(160))


def test_a_slice_may_know_less() -> None:
    part = WHOLE.slice(100, 200, earlier_max=5)
    assert part.earlier == 5
    assert numbers(part.with_earlier(50)) == list(range(95, 200))
    assert part.slice(3, 9).earlier == 8
    assert part.with_earlier(0) is part
    assert WHOLE.with_earlier(9) is WHOLE


def test_a_window_of_the_archive_knows_as_many_as_were_asked_for(archive: CandleArchive) -> None:
    folder = keep(archive)
    found = load_window(folder, SYMBOL, "1m", (moment(500), moment(600)), 40)
    assert (numbers(found), found.earlier) == (list(range(500, 600)), 40)
    assert numbers(found.with_earlier(99))[0] == 460
    assert load_window(folder, SYMBOL, "1m", (moment(500), 0), 900).earlier == 500
    assert load_window(folder, SYMBOL, "1m", (0, moment(600)), 40).earlier == 0
    assert load_window(folder, SYMBOL, "1m", (moment(500), 0), 0).earlier == 0


def test_where_candles_are_missing_before_a_window_older_ones_are_taken(archive: CandleArchive) -> None:
    folder = keep(archive, (470, 490))
    found = load_window(folder, SYMBOL, "1m", (moment(500), moment(600)), 40)
    assert found.earlier == 40
    assert numbers(found.with_earlier(40))[:2] == [440, 441]


def test_longer_candles_of_a_window_are_made_of_shorter_ones(archive: CandleArchive) -> None:
    folder = keep(archive)
    found = load_window(folder, SYMBOL, "1h", (moment(500), 0), 3)
    assert (found.begin_ms, found.earlier) == (moment(540), 3)
    assert found.with_earlier(3).begin_ms == moment(540) - 3 * HOUR_MS


def test_a_window_without_candles_is_refused_whatever_was_before(archive: CandleArchive) -> None:
    folder = keep(archive, (500, 1_000))
    with pytest.raises(NoCandlesError, match="no candles of BTC-USDT 1m are kept between"):
        load_window(folder, SYMBOL, "1m", (moment(500), 0), 40)
