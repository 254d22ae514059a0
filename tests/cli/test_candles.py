"""`fairlead candles`: making up, importing, listing and checking; fetching is in tests/e2e/test_candles.py."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from fairlead.market.candles.load import exchange_folder, load_series

Run = Callable[..., Result]
Ask = Callable[..., Any]

CSV = """time,open,high,low,close,volume
1735689600,10,11,9,10,5
1735689660,10,11,9,10,5
1735689840,10,30.5,9,30,0
1735689660,10,11,9,10,5
"""


@pytest.fixture(name="file")
def _file(tmp_path: Path) -> Path:
    file = tmp_path / "export.csv"
    file.write_text(CSV)
    return file


def test_a_newcomer_makes_candles_up_and_finds_nothing_wrong(run: Run, ask: Ask, folder: Path) -> None:
    made = ask("candles", "generate", "BTC-USDT", "--candles", "50000", "--seed", "3")
    assert (made["new"], made["from"], made["missing"]) == (50_000, "2025-01-01 00:00", 0)
    assert "50000 candles of 1m: nothing found" in run("candles", "check", "BTC-USDT", "--tick", "0.01").stdout
    (row,) = ask("candles", "list")
    assert (row["exchange"], row["candles"], row["tick"], row["source"]) == ("sample", 50_000, "0.01", "seed 3")
    again = ask("candles", "generate", "BTC-USDT", "--candles", "50000", "--seed", "3")
    assert (again["new"], again["changed"], again["same"]) == (0, 0, 50_000)
    assert len(load_series(exchange_folder(folder / "candles", "BTC-USDT"), "BTC-USDT", "1h")) == 50_000 // 60


def test_a_file_is_imported_and_what_was_done_to_it_is_told(run: Run, ask: Ask, folder: Path, file: Path) -> None:
    (told,) = ask("candles", "import", str(file), "--symbol", "X-USDT", "--exchange", "somewhere")
    assert (told["rows"], told["new"], told["twice"], told["out_of_order"], told["missing"]) == (4, 3, 1, 1, 2)
    assert told["columns"]["time"] == "time"
    assert "candles check X-USDT" in run("candles", "import", str(file), "--symbol", "X-USDT").stderr
    series = load_series(folder / "candles" / "somewhere", "X-USDT", "1m")
    assert [series.price(int(high)) for high in series.high] == [11, 11, Decimal("30.5")]


def test_files_of_months_become_one_series(run: Run, ask: Ask, file: Path) -> None:
    other = file.with_name("later.csv")
    other.write_text("time,open,high,low,close,volume\n1735689720,10,11,9,10,5\n1735689780,10,11,9,10,5\n")
    told = ask("candles", "import", str(file), str(other), "--symbol", "X-USDT")
    assert [(row["file"], row["new"]) for row in told] == [("export.csv", 3), ("later.csv", 2)]
    (listed,) = ask("candles", "list")
    assert (listed["candles"], listed["missing"]) == (5, 0)


def test_a_check_of_a_file_lists_everything_and_fails(run: Run, file: Path) -> None:
    found = json.loads(run("candles", "check", str(file), "--json", code=1).stdout)
    assert [(one["fault"], one["candles"]) for one in found["findings"]] == [
        ("out of order", 1),
        ("duplicate", 2),
        ("gap", 2),
        ("jump", 1),
        ("no volume", 1),
    ]
    text = run("candles", "check", str(file), code=1)
    assert "2025-01-01 00:02  2025-01-01 00:04  2        2 missing" in text.stdout
    assert "+200.0 %: from 10.0 to 30.0" in text.stdout
    assert "5 findings" in text.stderr


def test_many_findings_of_a_kind_are_cut_for_people_only(run: Run, file: Path) -> None:
    rows = [f"{1_735_689_600 + 60 * minute},10,11,9,10,{minute % 2}" for minute in range(100)]
    file.write_text("\n".join(["time,open,high,low,close,volume", *rows]))
    assert "and 30 more: no volume" in run("candles", "check", str(file), code=1).stdout
    assert len(json.loads(run("candles", "check", str(file), "--json", code=1).stdout)["findings"]) == 50


def test_a_bad_row_is_named_and_nothing_is_imported(run: Run, ask: Ask, file: Path) -> None:
    file.write_text(CSV.replace("1735689840,10,30.5", "1735689840,10,29.5"))
    refused = run("candles", "import", str(file), "--symbol", "X-USDT", code=1)
    assert "export.csv: row 3, high 29.5: it must be the highest" in refused.stderr
    assert ask("candles", "list") == []


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("check", "BTC-USDT"), 1, "candles fetch BTC-USDT"),
        (("check", "../x"), 1, "is no name"),
        (("generate", "../x"), 2, "is no name"),
        (("check", "BTC-USDT", "--timeframe", "7m"), 2, "none of 1m"),
        (("generate", "BTC-USDT", "--price", "1"), 2, "below"),
        (("generate", "BTC-USDT", "--from", "soon"), 2, "no moment"),
        (("import", "nowhere.csv", "--symbol", "BTC-USDT"), 1, "No such file"),
        (("fetch", "BTC-USDT", "--from", "1d", "--to", "2d"), 2, "not before"),
        (("fetch", "BTC-USDT", "--exchange", "nowhere"), 1, "no exchange 'nowhere'"),
    ],
    ids=lambda one: " ".join(one) if isinstance(one, tuple) else "",
)
def test_what_cannot_be_done_is_told_in_a_sentence(run: Run, words: tuple[str, ...], code: int, told: str) -> None:
    result = run("candles", *words, code=code)
    assert told in result.stderr
    assert result.stderr.count("\n") == 1


def test_without_the_extra_it_says_what_to_install(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "polars", None)
    assert "pip install 'fairlead[backtest]'" in run("candles", "generate", "BTC-USDT", "--candles", "9", code=1).stderr


def test_an_empty_list_says_how_to_begin(run: Run) -> None:
    assert "candles generate BTC-USDT" in run("candles", "list").stderr
