"""What holds for all candles: nothing is lost, doubled or rounded on the way through files."""

from __future__ import annotations

import tempfile
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fairlead.core.model.market import Candle
from fairlead.core.model.money import format_amount
from fairlead.market.candles.archive import Added, CandleArchive, SeriesName
from fairlead.market.candles.checks import Fault, check_table, count_missing
from fairlead.market.candles.importing import read_candle_file
from fairlead.market.candles.spans import join_spans, missing_spans
from fairlead.market.candles.table import table_of

NAME = SeriesName("okx", "BTC-USDT", "1m")
MINUTE_MS = 60_000
JANUARY_MS = 1_735_689_600_000

prices = st.decimals(min_value=Decimal("0.00000001"), max_value=Decimal(9_999_999), places=8)
few_minutes = st.integers(min_value=-40, max_value=40)
spans = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=8)


@st.composite
def candles(draw: st.DrawFn) -> Candle:
    """A candle near the end of a month, so that several files are written."""
    low, first, second, high = sorted(draw(st.tuples(prices, prices, prices, prices)))
    opened, close = draw(st.permutations([first, second]))
    at_ms = JANUARY_MS + draw(few_minutes) * MINUTE_MS
    volume = Decimal(draw(st.integers(0, 9)))
    return Candle(symbol="BTC-USDT", open_ms=at_ms, open=opened, high=high, low=low, close=close, volume=volume)


@given(st.lists(st.lists(candles(), max_size=8), max_size=6))
def test_the_last_candle_of_each_time_is_kept_exactly(batches: list[list[Candle]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        archive, added = CandleArchive(Path(folder)), Added()
        for batch in batches:
            added += archive.add(NAME, table_of(batch), source="test")
        last = {candle.open_ms: candle for batch in batches for candle in batch}
        kept = archive.read(NAME) if last else table_of([])
    assert kept.opened_ms.tolist() == sorted(last)
    assert added.new == len(last)
    assert added.new + added.changed + added.same == sum(len({one.open_ms for one in batch}) for batch in batches)
    for row, at_ms in enumerate(sorted(last)):
        wanted = last[at_ms]
        assert [kept.price(name, row) for name in ("open", "high", "low", "close")] == [
            wanted.open,
            wanted.high,
            wanted.low,
            wanted.close,
        ]


@given(st.lists(candles(), min_size=1, max_size=12))
def test_prices_of_a_csv_file_are_read_exactly(rows: list[Candle]) -> None:
    lines = ["time,open,high,low,close,volume"]
    for row in rows:
        texts = (format_amount(value) for value in (row.open, row.high, row.low, row.close, row.volume))
        lines.append(f"{row.open_ms},{','.join(texts)}")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "candles.csv"
        file.write_text("\n".join(lines))
        table = read_candle_file(file).table
    made = table_of(rows)
    decimals = max(table.decimals, made.decimals)
    assert table.with_decimals(decimals).equal_rows(made.with_decimals(decimals)).all()


@given(st.lists(candles(), min_size=1, max_size=30))
def test_gaps_are_exactly_the_minutes_that_are_missing(rows: list[Candle]) -> None:
    table = table_of(rows)
    found = check_table(table, MINUTE_MS)
    there = {row.open_ms for row in rows}
    missing = set(range(min(there), max(there), MINUTE_MS)) - there
    told = [range(one.begin_ms, one.end_ms, MINUTE_MS) for one in found if one.fault is Fault.GAP]
    assert {at_ms for gap in told for at_ms in gap} == missing
    assert count_missing(np.sort(table.opened_ms), MINUTE_MS) == len(missing)
    assert any(one.fault is Fault.DUPLICATE for one in found) is (len(there) < len(rows))
    in_order = all(row.open_ms <= after.open_ms for row, after in pairwise(rows))
    assert any(one.fault is Fault.OUT_OF_ORDER for one in found) is not in_order


@given(spans, st.tuples(st.integers(0, 30), st.integers(0, 30)))
def test_what_is_missing_and_what_is_there_are_the_whole(there: list[tuple[int, int]], wanted: tuple[int, int]) -> None:
    points = {at for begin, end in there for at in range(begin, end)}
    assert {at for begin, end in join_spans(there) for at in range(begin, end)} == points
    missing = {at for begin, end in missing_spans(wanted, there) for at in range(begin, end)}
    assert missing == set(range(*wanted)) - points
