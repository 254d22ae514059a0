"""`fairlead backtest sweep|walk-forward|monte-carlo|check-lookahead` as people type them."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from fairlead.accounts.bot_presets import read_values, to_settings
from fairlead.cli.backtest.settings_file import settings_toml
from fairlead.core.model.bots.martingale import MartingaleSettings

Run = Callable[..., Result]
Ask = Callable[..., Any]

BOT = ("--symbol", "BTC-USDT", "--timeframe", "1h", "--preset", "balanced", "--workers", "2")
SWEEP = ("backtest", "sweep", *BOT, "--vary", "step=0.3,0.6", "--vary", "take_profit=0.5:1:3")


@pytest.fixture(name="candles", autouse=True)
def _candles(run: Run) -> None:
    run("candles", "generate", "BTC-USDT", "--timeframe", "1h", "--candles", "2000", "--seed", "5")


def test_a_sweep_ranks_every_combination_and_says_what_it_proves(ask: Ask, run: Run) -> None:
    found = ask(*SWEEP, "--rank", "gain")
    assert (found["tried"], found["within_bounds"], found["trials_ever"]) == (6, 6, 6)
    gains = [row["gain"] for row in found["best"]]
    assert gains == sorted(gains, reverse=True)
    assert found["varied"] == {"step": ["0.3", "0.6"], "take_profit": ["0.5", "0.75", "1"]}
    assert len(found["heat_map"]["cells"]) == 3
    again = run(*SWEEP, "--rank", "gain").stdout
    assert "6 combinations (2 step x 3 take_profit), ranked by gain" in again
    assert "Mind: the best of 6 is partly luck; 6 runs were ever made in this data folder." in again
    assert "deflated Sharpe ratio" in again
    assert "gain, the best for each pair (take_profit down, step across)" in again


def test_sweeps_and_walks_drill_into_finer_candles(ask: Ask, run: Run) -> None:
    run("candles", "generate", "BTC-USDT", "--timeframe", "15m", "--candles", "8000", "--seed", "6")
    drilled = ("--intra-bar", "drill", "--rank", "gain")
    best = ask(*SWEEP, *drilled)["best"][0]
    alone = ask(
        *("backtest", "run", *BOT[:-2], "--intra-bar", "drill"),
        *(word for name, value in best["settings"].items() for word in ("--set", f"{name}={value}")),
    )
    assert alone["spec"]["fill_timeframe"] == "15m"
    assert alone["statistics"]["profit"] == best["profit"]
    words = ("backtest", "walk-forward", *BOT, "--vary", "step=0.3,0.6", "--choose", "40", "--test", "20", *drilled)
    assert [step["tested"]["fills"] > 0 for step in ask(*words)["steps"]] == [True, True]
    proved = ask("backtest", "check-lookahead", *BOT[:-2], "--intra-bar", "drill", "--cuts", "3")
    assert proved["difference"] is None


def test_the_best_set_becomes_a_paper_bot_with_one_command(alice: str, ask: Ask, run: Run, tmp_path: Path) -> None:
    best, rows = tmp_path / "best.toml", tmp_path / "rows.csv"
    told = run(*SWEEP, "--rank", "profit", "--best-to", str(best), "--rows-to", str(rows))
    assert f"bot create NAME --account ACCOUNT --symbol BTC-USDT --file {best}" in told.stderr
    run("account", "add", "main", "--balance", "USDT=100000")
    run("bot", "create", "dip", "--account", "main", "--symbol", "BTC-USDT", "--file", str(best), "--yes")
    assert [row["name"] for row in ask("bot", "list")] == ["dip"]
    with rows.open(encoding="utf-8") as file:
        written = list(csv.DictReader(file))
    assert len(written) == 6
    settings = to_settings(read_values(best.read_text(), is_json=False))
    assert isinstance(settings, MartingaleSettings)
    assert (str(settings.step), str(settings.take_profit[0].percent)) == (written[0]["step"], written[0]["take_profit"])
    as_json = tmp_path / "best.json"
    run(*SWEEP, "--rank", "profit", "--best-to", str(as_json))
    assert to_settings(read_values(as_json.read_text(), is_json=True)) == settings


def test_settings_of_any_kind_come_back_from_their_file() -> None:
    values = {
        "type": "martingale",
        "conditions": {"dip 1": 'rsi(close, 14) crosses below "30"'},
        "start": {"type": "signal", "signal": "dip 1"},
        "take_profit": [{"percent": "1", "share": "50"}, {"percent": "2.5", "share": "50"}],
        "base_as_limit": True,
        "max_safety_orders": 3,
    }
    text = settings_toml(values, "two lines\nof comment")
    assert text.startswith("# two lines\n# of comment\n")
    assert to_settings(read_values(text, is_json=False)) == to_settings(values)


def test_bounds_come_before_the_figure(ask: Ask, run: Run, tmp_path: Path) -> None:
    found = ask(*SWEEP, "--rank", "profit", "--at-most", "max_drawdown=0.0001%")
    assert (found["within_bounds"], found["beyond_bounds"], found["best"]) == (0, 6, [])
    words = (*SWEEP, "--at-most", "max_drawdown=0.0001%", "--best-to", str(tmp_path / "best.toml"))
    assert "nothing is within the bounds" in run(*words, code=1).stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--vary", "stap=1,2"), "did you mean step"),
        (("--vary", "step=1,2", "--rank", "luck"), "no figure"),
        (("--vary", "step=1,2", "--search", "random"), "needs --tries"),
        (("--vary", "step=1,2", "--heat-map", "step,cash"), "name two of step"),
        (("--vary", "step=0.1:10:9999", "--vary", "volume_scale=1:2:99"), "--search random --tries N"),
        ((), "say what to vary"),
    ],
)
def test_what_cannot_be_swept_is_said_in_one_sentence(run: Run, words: tuple[str, ...], says: str) -> None:
    assert says in run("backtest", "sweep", *BOT, *words, code=2).stderr


@pytest.mark.parametrize(
    ("words", "says", "code"),
    [
        (("--symbol", "BTC-USDT", "--timeframe", "1h"), "say what the bot shall do", 2),
        (("--preset", "balanced"), "name an instrument", 2),
        (("--symbol", "NO-USDT", "--preset", "balanced"), "no instrument NO-USDT; there are", 1),
        (("--symbol", "ETH-USDT", "--preset", "balanced"), "fairlead candles fetch ETH-USDT", 1),
        (("--symbol", "BTC-USDT", "--timeframe", "7m", "--preset", "balanced"), "there are 1m, 3m", 2),
        (("--symbol", "BTC-USDT", "--timeframe", "1h", "--preset", "nice"), "nice", 2),
        (("--symbol", "BTC-USDT", "--timeframe", "1h", "--preset", "balanced", "--fee", "100"), "--fee 100", 2),
        (("--symbol", "BTC-USDT", "--timeframe", "1h", "--preset", "balanced", "--risk-profile", "x"), "there are", 2),
        (("--symbol", "BTC-USDT", "--preset", "balanced", "--from", "2025-02-01", "--to", "2025-01-01"), "before", 2),
    ],
)
def test_what_cannot_be_replayed_is_said_in_one_sentence(
    run: Run, words: tuple[str, ...], says: str, code: int
) -> None:
    assert says in run("backtest", "check-lookahead", *words, code=code).stderr


def test_what_would_make_no_bot_is_not_tried(ask: Ask, run: Run) -> None:
    words = ("backtest", "sweep", *BOT, "--vary", "step=0.5,90", "--rank", "gain")
    found = ask(*words)
    assert [row["settings"]["step"] for row in found["best"]] == ["0.5"]
    ((fault),) = found["failed"]
    assert "must be less than 100 %" in fault["fault"]
    assert "must be less than 100 %" in run("backtest", "check-lookahead", *BOT[:6], "--set", "step=90", code=1).stderr


def test_a_stored_bot_is_swept_with_its_own_settings_and_fees(alice: str, ask: Ask, run: Run) -> None:
    run("account", "add", "main", "--balance", "USDT=100000")
    where = ("--account", "main", "--symbol", "BTC-USDT", "--preset", "balanced", "--set", "step=0.4", "--yes")
    run("bot", "create", "dip", *where)
    found = ask("backtest", "sweep", "--bot", "dip", "--timeframe", "1h", "--vary", "take_profit=1", "--rank", "profit")
    by_hand = ask("backtest", "sweep", *BOT, "--set", "step=0.4", "--vary", "take_profit=1", "--rank", "profit")
    assert found["best"][0]["profit"] == by_hand["best"][0]["profit"]


def test_a_budget_makes_the_bot_as_large(ask: Ask) -> None:
    words = ("backtest", "sweep", *BOT, "--vary", "take_profit=1", "--rank", "profit")
    small, large = (ask(*words, "--budget", amount)["best"][0] for amount in ("500", "5000"))
    assert float(large["fees"]) == pytest.approx(10 * float(small["fees"]), rel=0.02)


def test_settings_are_chosen_and_tested_in_turn(ask: Ask, run: Run) -> None:
    words = ("backtest", "walk-forward", *BOT, "--vary", "step=0.3,0.6", "--choose", "40", "--test", "20")
    found = ask(*words, "--rank", "gain")
    assert [step["settings"]["step"] in {"0.3", "0.6"} for step in found["steps"]] == [True, True]
    assert float(found["profit"]) == pytest.approx(sum(float(step["tested"]["profit"]) for step in found["steps"]))
    assert "walk-forward efficiency" in run(*words, "--rank", "gain").stdout or found["efficiency"] is None
    assert "windows: from 1 to" in run(*words, "--choose", "400", code=1).stderr


def test_deals_are_drawn_anew_and_first_days_too(ask: Ask, run: Run) -> None:
    words = ("backtest", "monte-carlo", *BOT, "--draws", "500", "--starts", "5", "--length", "30", "--seed", "3")
    found = ask(*words)
    assert (found["deals"]["draws"], found["starts"]["runs"]) == (500, 5)
    assert ask(*words) == found
    text = run(*words).stdout
    assert "drawn with repeats, 500 times (seed 3)" in text
    assert "5 runs of 30 days from random moments" in text


def test_a_bot_without_look_ahead_is_proven_so(ask: Ask, run: Run) -> None:
    words = ("backtest", "check-lookahead", "--symbol", "BTC-USDT", "--timeframe", "1h", "--preset", "balanced")
    found = ask(*words, "--cuts", "5")
    assert (len(found["cuts"]), found["difference"]) == (5, None)
    assert "No look-ahead: 5 shorter runs" in run(*words, "--cuts", "5").stdout


LOOKS_BACK = """from fairlead.rules import Rule, close, flat, in_base, long, lowest


class Mine(Rule):
    timeframe: str = "1d"
    length: int = 3

    def conditions(self):
        return {"above": close * 2 > lowest(close, self.length)}

    def decide(self, view):
        return long(in_base("0.01")) if view.holds("above") else flat()
"""


def test_every_combination_of_a_sweep_begins_warm(ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rules, bot = tmp_path / "rules", tmp_path / "bot.toml"
    rules.mkdir(mode=0o700)
    (rules / "mine.py").write_text(LOOKS_BACK, encoding="utf-8")
    (rules / "mine.py").chmod(0o600)
    monkeypatch.setenv("FAIRLEAD_RULES_DIR", str(rules))
    bot.write_text('type = "rule"\nrule = "mine:Mine"\n', encoding="utf-8")
    where = ("--symbol", "BTC-USDT", "--timeframe", "1h", "--file", str(bot))
    words = (*where, "--workers", "1", "--rank", "profit", "--vary", "parameters.length=3,30")

    def fills(*more: str) -> list[int]:
        found = ask("backtest", "sweep", *words, "--from", "2025-02-10", "--to", "2025-02-15", *more)
        return [row["fills"] for row in sorted(found["best"], key=lambda row: row["number"])]

    assert fills() == [1, 1]
    assert fills("--no-warm-up") == [1, 0]
    walked = ask("backtest", "walk-forward", *words, "--from", "2025-02-10", "--choose", "5", "--test", "5")
    assert {step["tested"]["fills"] for step in walked["steps"]} == {1}


CHEAT = """from fairlead.rules import Rule, close, crosses_above, flat, in_base, long, sma

SEEN = []


class Mine(Rule):
    timeframe: str = "1h"

    def conditions(self):
        return {"up": crosses_above(close, sma(close, 5))}

    def decide(self, view):
        SEEN.append(view.price)
        return long(in_base("0.01")) if len(SEEN) % 7 else flat()
"""


def test_a_rule_that_remembers_the_run_before_is_named(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = tmp_path / "rules"
    rules.mkdir(mode=0o700)
    (rules / "cheat.py").write_text(CHEAT, encoding="utf-8")
    (rules / "cheat.py").chmod(0o600)
    monkeypatch.setenv("FAIRLEAD_RULES_DIR", str(rules))
    bot = ("--symbol", "BTC-USDT", "--timeframe", "1h", "--set", "type=rule", "--set", "rule=cheat:Mine")
    told = run("backtest", "check-lookahead", *bot, code=1).stderr
    assert "a second time, on the same candles" in told


def test_signals_of_a_file_are_followed(ask: Ask, run: Run, tmp_path: Path) -> None:
    file = tmp_path / "alerts.csv"
    file.write_text("time,side\n2025-01-02,buy\n2025-01-05,sell\n2025-01-10,buy\n2025-01-12,sell\n2031-01-01,buy\n")
    where = ("--symbol", "BTC-USDT", "--timeframe", "1h", "--signals", str(file), "--size", "10 percent")
    found = ask("backtest", "monte-carlo", *where, "--draws", "100")
    assert found["deals"]["deals"] == 2
    assert "1 of 5 signals are of other instruments or outside" in run("backtest", "check-lookahead", *where).stderr
    assert "nothing to vary" in run("backtest", "sweep", *where, "--vary", "step=1,2", code=2).stderr
    assert "--size" in run("backtest", "monte-carlo", *where[:6], code=1).stderr


def test_json_of_a_sweep_is_one_document(run: Run) -> None:
    assert json.loads(run(*SWEEP, "--rank", "gain", "--top", "1", "--json").stdout)["best"][0]["number"] >= 0
