"""Backtests from the command line: run, list, report, compare."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from tests.cli.test_loaded_modules import COMMAND, loaded_by

pytestmark = pytest.mark.slow

Run = Callable[..., Result]
Ask = Callable[..., Any]
BALANCED = ("--symbol", "BTC-USDT", "--preset", "balanced")


def said_by(report: Path) -> str:
    """A page without the numbers of its charts."""
    before, _, after = report.read_text(encoding="utf-8").partition('id="numbers">')
    return before + after.partition("</script>")[2]


@pytest.fixture(name="candles")
def _candles(run: Run) -> None:
    run("candles", "generate", "BTC-USDT", "--candles", "86400", "--seed", "7")


@pytest.mark.usefixtures("candles")
def test_a_run_says_what_came_of_it_and_is_kept(run: Run, ask: Ask, folder: Path) -> None:
    done = run("backtest", "run", *BALANCED)
    assert done.stdout.startswith("bot on BTC-USDT: 2025-01-01 to 2025-03-02, 86,400 candles of 1m")
    assert "deepest fall" in done.stdout
    (row,) = ask("backtest", "list")
    assert row["id"] in done.stderr
    report = folder / "backtests" / row["id"] / "report.html"
    assert report.stat().st_mode & 0o777 == 0o600
    assert "bot on BTC-USDT" in report.read_text(encoding="utf-8")


@pytest.mark.usefixtures("candles")
def test_orders_are_filled_on_the_finest_candles_while_decisions_are_made_on_longer_ones(run: Run, ask: Ask) -> None:
    words = ("backtest", "run", *BALANCED, "--timeframe", "1h")
    told = ask(*words, "--intra-bar", "drill")
    assert (told["spec"]["timeframe"], told["spec"]["fill_timeframe"]) == ("1h", "1m")
    assert (told["spec"]["terms"]["intra_bar"], told["candles"]) == ("drill", "1h on 1m")
    assert "86,400 candles of 1m for decisions on 1h" in run(*words, "--intra-bar", "drill").stdout
    assert ask(*words, "--intra-bar", "drill")["id"] == told["id"]
    assert run("backtest", "report", "last").stderr == ""
    # What names no bars is the same on minutes, and another thing on hours.
    assert ask("backtest", "run", *BALANCED)["statistics"]["profit"] == told["statistics"]["profit"]
    assert ask(*words)["statistics"]["profit"] != told["statistics"]["profit"]


@pytest.mark.usefixtures("candles")
def test_signals_and_several_bots_drill_too(run: Run, ask: Ask, tmp_path: Path) -> None:
    signals, out = tmp_path / "alerts.csv", tmp_path / "out"
    signals.write_text("time,side,size\n2025-01-02T10:17:30,buy,0.1\n2025-01-02T10:40,close,\n", encoding="utf-8")
    hours = ("--timeframe", "1h", "--intra-bar", "drill", "--out", str(out))
    told = ask("backtest", "run", "--symbol", "BTC-USDT", "--signals", str(signals), *hours)
    assert (told["statistics"]["fills"], told["spec"]["fill_timeframe"]) == (2, "1m")
    fills = (out / "fills.csv").read_text(encoding="utf-8")
    assert "10:18" in fills
    assert "10:40" in fills
    run("candles", "generate", "ETH-USDT", "--timeframe", "5m", "--candles", "8000", "--seed", "8")
    file = tmp_path / "bots.toml"
    file.write_text(BOTS, encoding="utf-8")
    both = ask("backtest", "run", "--bots", str(file), *hours, "--to", "2025-01-20")
    assert both["spec"]["fill_timeframe"] == "5m"
    assert both["statistics"]["fills"] > 0


def test_candles_to_drill_into_that_are_not_kept_are_told_with_how_to_get_them(run: Run) -> None:
    run("candles", "generate", "BTC-USDT", "--timeframe", "1h", "--candles", "100")
    words = ("backtest", "run", *BALANCED, "--intra-bar", "drill")
    told = run(*words, "--timeframe", "1h", code=1).stderr
    assert "candles generate BTC-USDT --timeframe 1m --from 2025-01-01 --candles 6000" in told
    assert "decide on longer ones, such as --timeframe 1h" in run(*words, code=1).stderr


WARM = """
type = "martingale"
step = 1
take_profit = 0.5
start = { type = "signal", signal = "up" }
conditions = { up = "close * 2 > lowest(close, 20, 1d)" }
"""


@pytest.mark.usefixtures("candles")
def test_conditions_know_the_days_before_the_first_candle(run: Run, ask: Ask, tmp_path: Path) -> None:
    file, out = tmp_path / "warm.toml", tmp_path / "out"
    file.write_text(WARM, encoding="utf-8")
    days = ("--from", "2025-02-10", "--to", "2025-02-12")
    words = ("backtest", "run", "--symbol", "BTC-USDT", "--file", str(file), *days)
    told = ask(*words, "--out", str(out))
    assert told["statistics"]["fills"] > 0
    assert (told["from"], told["to"]) == ("2025-02-10", "2025-02-12")
    # It is asked at the first close, hears at the next one, and buys then.
    assert "2025-02-10T00:02" in (out / "fills.csv").read_text(encoding="utf-8")
    assert run("backtest", "report", "last").stderr == ""
    assert ask("backtest", "check-lookahead", *words[2:], "--cuts", "3")["difference"] is None
    cold = ask(*words, "--no-warm-up")
    assert cold["statistics"]["fills"] == 0
    assert cold["id"] != told["id"]


BOTS = """
[[bots]]
name = "dip"
symbol = "BTC-USDT"
preset = "nimble"
budget = 2000

[[bots]]
name = "ether"
symbol = "ETH-USDT"
[bots.settings]
type = "martingale"
step = 1
"""


@pytest.mark.usefixtures("candles")
def test_several_bots_of_a_file_share_one_account(run: Run, ask: Ask, tmp_path: Path) -> None:
    run("candles", "generate", "ETH-USDT", "--candles", "40000", "--seed", "8")
    file = tmp_path / "bots.toml"
    file.write_text(BOTS, encoding="utf-8")
    told = ask("backtest", "run", "--bots", str(file), "--out", str(tmp_path / "out"))
    assert told["statistics"]["fills"] > 0
    fills = (tmp_path / "out" / "fills.csv").read_text(encoding="utf-8")
    assert "dip" in fills
    assert "ether" in fills
    assert (tmp_path / "out" / "report.html").stat().st_size > 100_000


@pytest.mark.usefixtures("candles")
def test_what_a_file_lists_of_a_bot_goes_over_its_preset_and_what_is_typed_over_both(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "bots.toml"
    listed = 'name = "dip"\nsymbol = "BTC-USDT"\npreset = "nimble"'
    file.write_text(f"[[bots]]\n{listed}\n[bots.settings]\nmax_safety_orders = 1\n", encoding="utf-8")

    def levels(*typed: str) -> set[str]:
        run("backtest", "run", "--bots", str(file), *typed, "--out", str(tmp_path / "out"))
        text = (tmp_path / "out" / "fills.csv").read_text(encoding="utf-8")
        return {level for level in ("s1", "s2", "s3") if f",{level}," in text}

    assert levels() == {"s1"}
    assert levels("--set", "max_safety_orders=2") == {"s1", "s2"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "list the bots as [[bots]]"),
        ('[[bots]]\nsymbol = "BTC-USDT"', "bots[1].name: missing"),
        ('[[bots]]\nname = "a"\nsymbol = "BTC-USDT"\nbudgte = 5', "bots[1].budgte: no such field"),
        ('[[bots]]\nname = "a"\nsymbol = "BTC-USDT"', "say what it shall do"),
    ],
)
def test_a_list_of_bots_that_is_none_is_named(run: Run, tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "bots.toml"
    file.write_text(text, encoding="utf-8")
    assert told in run("backtest", "run", "--bots", str(file), code=2).stderr


@pytest.mark.usefixtures("candles")
def test_the_same_run_again_is_the_same_one(run: Run, ask: Ask) -> None:
    told = [ask("backtest", "run", *BALANCED) for _ in range(2)]
    assert told[0]["id"] == told[1]["id"]
    assert told[0]["statistics"] == told[1]["statistics"]
    assert len(ask("backtest", "list")) == 1


@pytest.mark.usefixtures("candles")
def test_what_is_typed_is_what_is_replayed(ask: Ask) -> None:
    told = ask(
        *("backtest", "run", *BALANCED, "--set", "step=0.5", "--cash", "5000", "--fee", "0.2", "--slippage", "0.05"),
        *("--intra-bar", "path", "--latency", "1000", "--from", "2025-01-10", "--to", "2025-02-01"),
    )
    spec = told["spec"]
    assert spec["cash"] == "5000"
    assert spec["bots"][0]["settings"]["step"] == "0.5"
    assert spec["terms"]["fees"]["spot_taker"] == "0.002"
    assert spec["terms"]["slippage"] == "0.0005"
    assert (spec["terms"]["intra_bar"], spec["terms"]["latency_ms"]) == ("path", 1000)
    assert (told["from"], told["to"]) == ("2025-01-10", "2025-02-01")


@pytest.mark.usefixtures("candles")
def test_a_risk_profile_is_asked(ask: Ask) -> None:
    free = ask("backtest", "run", *BALANCED, "--budget", "9000")
    strict = ask("backtest", "run", *BALANCED, "--budget", "9000", "--risk-profile", "strict")
    assert free["statistics"]["denials"] == 0
    assert strict["statistics"]["denials"] > 0


@pytest.mark.usefixtures("candles")
def test_tables_and_report_go_where_they_are_wanted(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run("backtest", "run", *BALANCED, "--out", str(out), "--no-keep")
    assert {path.name for path in out.iterdir()} == {"report.html", "fills.csv", "deals.csv", "equity.csv"}
    assert "no backtest is kept" in run("backtest", "list").stderr


@pytest.mark.usefixtures("candles")
def test_a_kept_run_is_reported_again(run: Run, ask: Ask, folder: Path, tmp_path: Path) -> None:
    made = ask("backtest", "run", *BALANCED)
    first = folder / "backtests" / made["id"] / "report.html"
    again = tmp_path / "again.html"
    run("backtest", "report", made["id"][:6], "--out", str(again))
    # Curves are kept to nine digits, so their last cent may be another one in the chart.
    assert said_by(again) == said_by(first)
    told = ask("backtest", "report", "last", "--export", str(tmp_path), "--format", "json")
    result = json.loads(Path(told["files"][1]).read_bytes())
    assert result["statistics"] == made["statistics"]


@pytest.mark.usefixtures("candles")
def test_a_report_says_when_its_candles_have_changed_or_are_gone(run: Run, folder: Path) -> None:
    run("backtest", "run", *BALANCED)
    run("candles", "generate", "BTC-USDT", "--candles", "86400", "--seed", "8")
    assert "have changed since this run" in run("backtest", "report", "last").stderr
    (folder / "candles").rename(folder / "away")
    assert "not kept any more" in run("backtest", "report", "last").stderr


@pytest.mark.usefixtures("candles")
def test_two_runs_are_compared(run: Run, ask: Ask, tmp_path: Path) -> None:
    first = ask("backtest", "run", *BALANCED)["id"]
    second = ask("backtest", "run", *BALANCED, "--set", "step=0.7")["id"]
    out = tmp_path / "both.html"
    text = run("backtest", "compare", first, second, "--out", str(out)).stdout
    assert f"{first}" in text.splitlines()[0]
    assert "step" in text.splitlines()[1]
    assert "0.7" in text.splitlines()[1]
    assert "Result: Profit" in text
    assert "Two backtests compared" in out.read_text(encoding="utf-8")
    told = ask("backtest", "compare", first, second)
    assert list(told["asked"]) == ["step"]
    assert len(told["figures"]["Result: Profit"]) == 2


@pytest.mark.usefixtures("candles")
def test_the_best_of_a_sweep_has_a_report_that_says_how_many_were_tried(run: Run, ask: Ask, folder: Path) -> None:
    space = ("--vary", "step=0.5,0.8", "--vary", "step_scale=1,1.2,1.4")
    told = run("backtest", "sweep", *BALANCED, *space, "--workers", "1", "--report")
    (row,) = ask("backtest", "list")
    assert row["id"] in told.stderr
    page = (folder / "backtests" / row["id"] / "report.html").read_text(encoding="utf-8")
    assert "It is the best of 6 combinations that were tried" in page
    assert "heat-best" in page
    run("backtest", "report", "last")
    again = (folder / "backtests" / row["id"] / "report.html").read_text(encoding="utf-8")
    assert "It is the best of 6 combinations that were tried" in again


@pytest.mark.usefixtures("candles")
def test_monte_carlo_knows_how_bad_deals_looked(ask: Ask) -> None:
    assert ask("backtest", "run", *BALANCED)["statistics"]["deals"]["worst_excursion"] < -1.0
    drawn = ask("backtest", "monte-carlo", *BALANCED, "--draws", "50", "--ruin", "0.05")["deals"]
    assert json.dumps(drawn)


def test_what_is_missing_is_named(run: Run) -> None:
    assert "no candles of BTC-USDT are kept" in run("backtest", "run", *BALANCED, code=1).stderr
    assert "name an instrument" in run("backtest", "run", "--preset", "balanced", code=2).stderr
    assert "no backtest abc is kept" in run("backtest", "report", "abc", code=1).stderr
    assert "make one with fairlead backtest run" in run("backtest", "compare", "last", "last", code=1).stderr


@pytest.mark.usefixtures("candles")
def test_a_bot_that_is_nothing_is_refused(run: Run) -> None:
    assert "say what the bot shall do" in run("backtest", "run", "--symbol", "BTC-USDT", code=2).stderr
    assert "no instrument NOPE" in run("backtest", "run", "--symbol", "NOPE", "--preset", "balanced", code=1).stderr


@pytest.mark.usefixtures("candles")
def test_a_run_loads_neither_a_compiler_nor_a_database() -> None:
    loaded = loaded_by(COMMAND, "backtest", "run", *BALANCED)
    assert "polars" in loaded
    assert not loaded & {"numba", "optuna", "scipy", "sqlalchemy", "starlette", "fairlead.wiring.lifetime"}


def test_the_commands_say_what_to_install_where_the_extra_is_missing(folder: Path) -> None:
    script = "import sys\nsys.modules['numpy'] = None\nfrom fairlead.cli import main\nmain()\n"
    done = subprocess.run(
        [sys.executable, "-c", script, "backtest", "list"],
        capture_output=True,
        text=True,
        env={**os.environ, "FAIRLEAD_DATA_DIR": str(folder)},
        timeout=50,
        check=False,
    )
    assert done.returncode == 1
    assert "pip install 'fairlead[backtest]'" in done.stderr
