"""Runs as files and as text, and two of them side by side."""

from __future__ import annotations

import csv
import json
from decimal import Decimal
from pathlib import Path

import msgspec
import polars as pl

from fairlead.backtest.kept.exports import ExportFormat, export_result
from fairlead.backtest.measures.statistics import statistics_of
from fairlead.backtest.report.comparing import Pair, compare_figures, compare_specs, pair_lines
from fairlead.backtest.report.page import Compared, compare_page
from fairlead.backtest.report.run_text import run_lines
from fairlead.backtest.report.words import Surroundings
from fairlead.backtest.spec import BotSpec
from fairlead.core.model.bots.martingale import MartingaleSettings
from tests.backtest.runs import BEGIN_MS, make_result
from tests.backtest.test_report import sample_run


def test_tables_are_written_with_exact_amounts(tmp_path: Path) -> None:
    result = sample_run()
    paths = export_result(tmp_path / "out", result, statistics_of(result), ExportFormat.CSV)
    assert [path.name for path in paths] == ["fills.csv", "deals.csv", "equity.csv"]
    with paths[0].open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 60
    assert (rows[1]["bot"], rows[1]["symbol"], rows[1]["side"]) == ("dip", "BTC-USDT", "buy")
    assert Decimal(rows[1]["price"]) == Decimal(60_001)
    assert rows[0]["at"].startswith("2025-01-01T00:00:00")
    assert paths[2].stat().st_mode & 0o777 == 0o600


def test_parquet_has_numbers_as_numbers(tmp_path: Path) -> None:
    result = sample_run()
    _, deals, equity = export_result(tmp_path, result, statistics_of(result), ExportFormat.PARQUET)
    frame = pl.read_parquet(deals)
    assert frame["profit"].sum() == Decimal(60)
    assert frame["ended"].null_count() == 0
    assert pl.read_parquet(equity)["equity"].len() == len(result.equity)


def test_a_run_without_anything_is_written_too(tmp_path: Path) -> None:
    result = make_result([10_000.0])
    for kind in ExportFormat:
        assert export_result(tmp_path / kind, result, statistics_of(result), kind)


def test_json_has_everything(tmp_path: Path) -> None:
    result = sample_run()
    (path,) = export_result(tmp_path, result, statistics_of(result), ExportFormat.JSON)
    told = json.loads(path.read_bytes())
    assert told["begin_ms"] == BEGIN_MS
    assert len(told["fills"]) == len(told["deals"]) == 60
    assert told["statistics"]["profit"] == str(result.profit)
    assert len(told["equity_daily"]) == 121


def test_a_run_as_text_begins_with_what_came_of_it() -> None:
    result = sample_run()
    text = "\n".join(run_lines(result, statistics_of(result), Surroundings(notes=("look out",))))
    assert text.startswith("dip on BTC-USDT: 2025-01-01 to 2025-05-01")
    assert f"{result.profit:+,.2f} USDT" in text
    assert "deals           60: 40 won, 20 lost" in text
    assert "mind: look out" in text


def test_what_was_asked_otherwise_is_named() -> None:
    first = make_result([10_000.0]).spec
    settings = MartingaleSettings(step=Decimal(3))
    second = msgspec.structs.replace(
        first, cash=Decimal(500), bots=(BotSpec(name="dip", symbol="ETH-USDT", settings=settings),)
    )
    assert compare_specs(first, first) == []
    assert compare_specs(first, second) == [
        Pair("cash", "10000", "500"),
        Pair("symbol", "BTC-USDT", "ETH-USDT"),
        Pair("step", "default", "3"),
    ]


def test_two_runs_stand_side_by_side() -> None:
    first, second = sample_run(), sample_run(deals=())
    sides = [(result.spec, statistics_of(result)) for result in (first, second)]
    pairs = compare_figures(sides[0], sides[1])
    assert Pair("Deals: Closed deals", "60", "0") in pairs
    lines = pair_lines(pairs, ("aaaa", "bbbb"))
    assert lines[0].split() == ["aaaa", "bbbb"]
    page = compare_page(
        Compared(run_id="aaaa", result=first, statistics=sides[0][1]),
        Compared(run_id="bbbb", result=second, statistics=sides[1][1]),
        pairs,
        [],
    )
    assert "None: they differ in candles" in page
    assert "A aaaa" in page
