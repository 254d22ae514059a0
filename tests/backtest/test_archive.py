"""Runs that are kept: they come back as they were, and the same run has the same id."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.backtest.kept.archive import (
    ArchiveError,
    RunHeader,
    list_headers,
    load_header,
    load_result,
    make_header,
    save_result,
)
from fairlead.backtest.measures.statistics import statistics_of
from fairlead.backtest.packing import pack_ints, pack_steps, unpack_ints, unpack_steps
from fairlead.backtest.report.words import Surroundings
from fairlead.backtest.result import BacktestResult, Denial
from fairlead.market.candles.generate import generate_series
from fairlead.market.candles.series import CandleSeries
from tests.backtest.runs import BEGIN_MS, HOUR_MS, make_deal, make_fill, make_result

AROUND = Surroundings(exchange="okx", tried=40, deflated_sharpe=0.5)
numbers = st.lists(st.integers(-(2**62), 2**62), max_size=40)


@given(numbers)
def test_packed_numbers_come_back(values: list[int]) -> None:
    column = np.asarray(values, dtype=np.int64)
    assert unpack_ints(pack_ints(column)).tolist() == values


@given(st.lists(st.integers(-(2**60), 2**60), max_size=40))
def test_packed_steps_come_back(values: list[int]) -> None:
    assert unpack_steps(pack_steps(np.asarray(values, dtype=np.int64))).tolist() == values


@pytest.mark.parametrize("wrong", [b"", b"\x01", b"\x02abc", b"\x00" + pack_ints(np.arange(3))[1:]])
def test_what_is_no_packed_column_is_refused(wrong: bytes) -> None:
    with pytest.raises(ValueError, match="no packed numbers"):
        unpack_ints(wrong)


def market() -> dict[str, CandleSeries]:
    return {"BTC-USDT": generate_series("BTC-USDT", candles=200, seed=1, timeframe="1h")}


def run() -> BacktestResult:
    values = 10_000.0 + np.cumsum(np.random.default_rng(1).normal(0.0, 10.0, 200))
    return make_result(
        values,
        HOUR_MS,
        fills=[make_fill("12.345", "0.01")],
        deals=[make_deal("-3.21", worst=-4.5)],
        denials=[Denial(bot=0, at_ms=BEGIN_MS, slot="base", why="too large")],
        funding=Decimal("0.25"),
    )


def keep(folder: Path, result: BacktestResult, made_ms: int = 5) -> RunHeader:
    header = make_header(result, statistics_of(result), market(), made_ms=made_ms, around=AROUND)
    save_result(folder, header, result)
    return header


def test_a_run_comes_back_as_it_was(tmp_path: Path) -> None:
    result = run()
    header = keep(tmp_path, result)
    loaded = load_header(tmp_path, header.run_id)
    assert loaded == header
    assert (loaded.around.run_id, loaded.around.tried) == (header.run_id, 40)
    found = load_result(tmp_path, loaded)
    for name in ("spec", "fills", "deals", "denials", "cash_end", "equity_end", "funding", "begin_ms", "end_ms"):
        assert getattr(found, name) == getattr(result, name), name
    assert found.equity.at_ms.tolist() == result.equity.at_ms.tolist()
    assert np.abs(found.equity.values - result.equity.values).max() <= 0.5e-4


def test_the_same_run_has_the_same_id_and_another_has_another(tmp_path: Path) -> None:
    result = run()
    first = keep(tmp_path, result)
    assert keep(tmp_path, result, made_ms=9).run_id == first.run_id
    other = msgspec.structs.replace(result, spec=msgspec.structs.replace(result.spec, cash=Decimal(9_000)))
    assert keep(tmp_path, other, made_ms=7).run_id != first.run_id
    assert [one.made_ms for one in list_headers(tmp_path)] == [9, 7]


def test_other_candles_make_another_run() -> None:
    result = run()
    statistics = statistics_of(result)
    known = market()
    later = {"BTC-USDT": known["BTC-USDT"].slice(1, 200)}
    first, second = (make_header(result, statistics, one, made_ms=5) for one in (known, later))
    assert first.run_id != second.run_id


def test_a_run_is_found_by_the_beginning_of_its_id_or_as_the_last(tmp_path: Path) -> None:
    header = keep(tmp_path, run())
    assert load_header(tmp_path, header.run_id[:5]) == header
    assert load_header(tmp_path, "last") == header


def test_a_run_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="no backtest abc is kept"):
        load_header(tmp_path / "nowhere", "abc")
    with pytest.raises(ArchiveError, match="no backtest is kept"):
        load_header(tmp_path, "last")


def test_a_run_that_was_not_written_to_its_end_is_none(tmp_path: Path) -> None:
    header = keep(tmp_path, run())
    (tmp_path / header.run_id / "run.json").unlink()
    assert not list(list_headers(tmp_path))


def test_a_damaged_run_says_so(tmp_path: Path) -> None:
    header = keep(tmp_path, run())
    (tmp_path / header.run_id / "rows.bin").write_bytes(b"nothing")
    with pytest.raises(ArchiveError, match="run it again"):
        load_result(tmp_path, header)
    (tmp_path / header.run_id / "run.json").write_text("{}")
    with pytest.raises(ArchiveError, match="cannot be read"):
        load_header(tmp_path, header.run_id)
    assert not list(list_headers(tmp_path))
