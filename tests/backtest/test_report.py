"""The page of a run: what it says, that it reaches nobody, and that nothing in it can be taken for code."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from decimal import Decimal
from html import unescape
from pathlib import Path

import msgspec
import numpy as np
import pytest

from fairlead.backtest.measures.statistics import statistics_of
from fairlead.backtest.packing import unpack_ints, unpack_steps
from fairlead.backtest.report.embedding import EXACT_MAX, line_columns, price_columns
from fairlead.backtest.report.page import report_page, write_report
from fairlead.backtest.report.words import Surroundings, warnings_of
from fairlead.backtest.result import BacktestResult, Curve, Denial
from fairlead.backtest.spec import BotSpec
from fairlead.backtest.sweeps.heat_map import HeatMap
from fairlead.core.model.bots.martingale import MartingaleSettings
from fairlead.market.candles.generate import generate_series
from tests.backtest.runs import BEGIN_MS, HOUR_MS, SPEC, make_deal, make_fill, make_result

SERIES = generate_series("BTC-USDT", candles=24 * 120, seed=5, timeframe="1h")


def sample_run(**changes: object) -> BacktestResult:
    """Four months with deals that win and lose."""
    values = 10_000.0 + np.cumsum(np.random.default_rng(5).normal(0.3, 12.0, len(SERIES)))
    fills = [
        make_fill(
            "100", "0.1", at_ms=BEGIN_MS + 10 * HOUR_MS * number, price=Decimal(60_000 + number), cycle=1 + number
        )
        for number in range(60)
    ]
    deals = [
        make_deal(
            "3.5" if number % 3 else "-4",
            cycle=1 + number,
            began_ms=BEGIN_MS + 10 * HOUR_MS * number,
            ended_ms=BEGIN_MS + (10 * number + 6) * HOUR_MS,
            why="take_profit" if number % 3 else "stop_loss",
        )
        for number in range(60)
    ]
    known = {"fills": fills, "deals": deals, "hold": 10_000.0 * SERIES.closes / SERIES.closes[0]}
    return make_result(values, HOUR_MS, **{**known, **changes})


def page_of(result: BacktestResult, around: Surroundings | None = None) -> str:
    market = {"BTC-USDT": SERIES}
    return report_page(result, statistics_of(result), market, around or Surroundings())


def text_of(page: str) -> str:
    """What a person reads: without marks, scripts and styles."""
    plain = re.sub(r"<(script|style).*?</\1>", "", page, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", plain)).split())


def test_a_page_says_what_came_of_it_and_what_was_assumed() -> None:
    result = sample_run()
    text = text_of(page_of(result))
    assert "dip on BTC-USDT" in text
    assert f"{result.profit:+,.2f}" in text
    assert "Within a candle pessimistic" in text
    assert "spot 0.08 % maker, 0.1 % taker" in text
    assert "Sharpe ratio" in text


def test_a_page_reaches_nobody() -> None:
    page = page_of(sample_run())
    assert "default-src 'none'" in page
    assert not re.findall(r"""(?:src|href)=["'](?!data:)""", page)
    assert not re.findall(r"https?://", page)
    assert not re.findall(r"\sstyle=|\son[a-z]+=", page)


def test_a_name_can_not_become_code() -> None:
    name = "</script><img src=x onerror=alert(1)>{{script}}"
    spec = msgspec.structs.replace(SPEC, bots=(BotSpec(name=name, symbol="BTC-USDT", settings=MartingaleSettings()),))
    page = page_of(sample_run(spec=spec, deals=[make_deal("1", why=name)]))
    assert "<img" not in page
    assert page.count("</script>") == 2
    assert text_of(page).count("{{script}}") == 3


def test_a_run_without_fills_has_a_page() -> None:
    text = text_of(page_of(make_result(np.full(50, 10_000.0))))
    assert "It traded nothing in 50 days" in text
    assert "Nothing was filled" in text


def test_a_run_whose_candles_are_gone_has_a_page() -> None:
    result = sample_run()
    page = report_page(result, statistics_of(result), {}, Surroundings())
    assert "The candles are not here any more" in page


def test_a_run_without_any_candle_has_a_page() -> None:
    assert "It traded nothing" in page_of(make_result([]))


def test_warnings_say_what_speaks_against_the_numbers() -> None:
    result = sample_run(
        missing=3,
        denials=[
            Denial(bot=0, at_ms=BEGIN_MS, slot="s1", why=why)
            for why in ("MAX_ORDER 8 above 5", "COLLAR far", "MAX_ORDER 9 above 5")
        ],
        deals=[make_deal("1"), make_deal("-2.5", ended_ms=0)],
    )
    around = Surroundings(tried=1_000, deflated_sharpe=0.4, notes=("candles of another exchange",))
    told = " ".join(warnings_of(result, statistics_of(result), around))
    for part in (
        "candles of another exchange",
        "best of 1,000 combinations",
        "40.00 %, which is not enough",
        "3 candles are missing (0.10 %)",
        "3 orders were refused by risk checks: MAX_ORDER 8 above 5 (2 times); COLLAR far (1 times)",
        "Risk checks were off",
        "1 deal was still open at the end, at -2.50 USDT",
        "1 closed deal is too few",
    ):
        assert part in told, part


def test_a_sweep_shows_its_heat_map() -> None:
    heat = HeatMap(
        figure="sharpe",
        is_largest_best=True,
        x_name="step",
        x_values=("0.6", "1"),
        y_name="take_profit",
        y_values=("1", "2"),
        cells=((0.5, None), (1.25, 2.0)),
        best=(1, 1),
    )
    page = page_of(sample_run(), Surroundings(heat_map=heat))
    assert re.search(r'<td class="heat-7 heat-best">2</td>', page)
    assert re.search(r'<td class="heat-0">-</td>', page)


def test_the_numbers_of_a_page_are_those_of_the_run() -> None:
    page = page_of(sample_run())
    told = json.loads(re.findall(r'id="numbers">(.*?)</script>', page)[0])
    prices = told["prices"][0]
    close = unpack_steps(b64decode(prices["close"]))
    open_ = close - unpack_ints(b64decode(prices["open"]))
    assert close.tolist() == SERIES.close.tolist()
    assert open_.tolist() == SERIES.open.tolist()
    assert (np.maximum(open_, close) + unpack_ints(b64decode(prices["above"]))).tolist() == SERIES.high.tolist()
    assert (np.minimum(open_, close) - unpack_ints(b64decode(prices["below"]))).tolist() == SERIES.low.tolist()
    assert unpack_steps(b64decode(prices["times"])).tolist() == SERIES.opened_ms.tolist()
    fills = told["fills"]["columns"]
    assert unpack_steps(b64decode(fills["price"]["packed"])).tolist() == [60_000 + number for number in range(60)]


def test_many_candles_keep_six_digits() -> None:
    series = generate_series("BTC-USDT", candles=EXACT_MAX + 1, seed=2)
    told = price_columns(series)
    highest = float(series.floats("high").max())
    assert told["unit"] in {0.1, 1.0}
    close = unpack_steps(b64decode(told["close"])) * told["unit"]
    assert np.abs(close - series.closes).max() <= told["unit"] * 0.51 <= highest * 1e-5


def test_more_candles_than_a_page_holds_are_shown_several_as_one() -> None:
    told = price_columns(SERIES, candles_max=100)
    close = unpack_steps(b64decode(told["close"]))
    assert told["step"] == 29 * HOUR_MS
    assert len(close) == 100
    assert close[-1] == SERIES.close[-1]
    high = np.maximum(close - unpack_ints(b64decode(told["open"])), close) + unpack_ints(b64decode(told["above"]))
    assert high.max() == SERIES.high.max()


def test_a_long_line_keeps_its_ends_and_extremes() -> None:
    values = np.sin(np.arange(10_001.0)) * 1_000.0
    values[4_321], values[8_765] = 5_000.0, -5_000.0
    told = line_columns(Curve(np.arange(10_001, dtype=np.int64), values), points_max=500)
    shown = unpack_steps(b64decode(told["values"])) * told["unit"]
    assert len(shown) <= 502
    assert abs(shown.max() - 5_000.0) < 0.01
    assert abs(shown.min() + 5_000.0) < 0.01
    assert abs(shown[-1] - values[-1]) < 0.01


def test_a_report_is_for_its_owner_alone(tmp_path: Path) -> None:
    result = sample_run()
    path = tmp_path / "report.html"
    write_report(path, result, statistics_of(result), {"BTC-USDT": SERIES})
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.slow
def test_a_year_of_minutes_is_a_page_below_six_megabytes() -> None:
    series = generate_series("BTC-USDT", candles=525_600, seed=1)
    equity = 10_000.0 + np.cumsum(np.random.default_rng(1).normal(0.0, 2.0, len(series)))
    result = make_result(equity, 60_000, hold=10_000.0 * series.closes / series.closes[0])
    page = report_page(result, statistics_of(result), {"BTC-USDT": series}, Surroundings())
    assert len(page) < 6_000_000


def test_amounts_in_a_coin_have_the_decimals_of_a_coin() -> None:
    spec = msgspec.structs.replace(SPEC, currency="BTC", cash=Decimal(1))
    result = make_result(
        np.full(50, 1.0), spec=spec, fills=[make_fill("0.0125", "0.00001")], deals=[make_deal("0.0004")]
    )
    page = page_of(result)
    assert "0.012500 BTC" in text_of(page)
    told = json.loads(re.findall(r'id="numbers">(.*?)</script>', page)[0])
    assert told["digits"] == 6
    profit = told["deals"]["columns"]["profit"]
    assert unpack_ints(b64decode(profit["packed"])).tolist() == [400]
