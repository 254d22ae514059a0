from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from fairlead.backtest.engine_run import EngineRun
from fairlead.backtest.following import follow
from fairlead.backtest.result import BacktestResult
from fairlead.backtest.signal_list import Action, Signal, SignalError, read_signals, read_size
from fairlead.backtest.spec import BacktestSpec, ReplayTerms
from fairlead.core.model.request import Size, SizeUnit
from fairlead.market.candles.generate import generate_series
from tests.backtest.world import BEGIN_MS, FEELESS, INSTRUMENTS, PERPETUAL, SYMBOL

MINUTE = 60_000
HALF = Size(amount=Decimal("0.5"), unit=SizeUnit.BASE)


def told(*signals: tuple[float, Action] | tuple[float, Action, Size], symbol: str = SYMBOL) -> list[Signal]:
    """Signals at minutes after the first candle begins."""
    return [
        Signal(at_ms=BEGIN_MS + round(at * MINUTE), action=action, symbol=symbol, size=rest[0] if rest else None)
        for at, action, *rest in signals
    ]


def run(
    signals: Sequence[Signal], size: Size | None = HALF, symbol: str = SYMBOL, cash: int = 100_000
) -> BacktestResult:
    series = generate_series(symbol, candles=200, seed=1)
    followed = follow("list", signals, series, INSTRUMENTS[symbol], size=size)
    engine = EngineRun(rules={"list": followed.rule}, signals={"list": followed.told})
    spec = BacktestSpec(bots=(followed.bot,), cash=Decimal(cash), terms=ReplayTerms(fees=FEELESS))
    return engine(spec, {symbol: series}, INSTRUMENTS)


def fills(result: BacktestResult) -> list[tuple[int, bool, Decimal]]:
    return [(fill.candle, fill.is_buy, fill.quantity) for fill in result.fills]


def test_a_signal_trades_at_the_open_after_the_candle_in_which_it_came() -> None:
    result = run(told((3.5, Action.BUY), (9.99, Action.SELL)))
    assert fills(result) == [(4, True, Decimal("0.5")), (10, False, Decimal("0.5"))]
    series = generate_series(SYMBOL, candles=200, seed=1)
    assert [fill.price for fill in result.fills] == [series.price(int(series.open[place])) for place in (4, 10)]
    assert [deal.is_open for deal in result.deals] == [False]


def test_a_signal_at_the_very_close_of_a_candle_trades_at_the_next_open() -> None:
    assert fills(run(told((4, Action.BUY)))) == [(4, True, Decimal("0.5"))]


def test_each_buy_adds_and_a_sell_without_a_size_closes_all() -> None:
    result = run(told((1.5, Action.BUY), (3.5, Action.BUY), (7.5, Action.SELL), (9.5, Action.SELL)))
    assert fills(result) == [
        (2, True, Decimal("0.5")),
        (4, True, Decimal("0.5")),
        (8, False, Decimal("1.0")),
    ]


def test_a_sell_with_a_size_sells_so_much() -> None:
    part = Size(amount=Decimal(25), unit=SizeUnit.PERCENT)
    result = run(told((1.5, Action.BUY), (3.5, Action.SELL, part), (5.5, Action.CLOSE)))
    assert fills(result)[1:] == [(4, False, Decimal("0.125")), (6, False, Decimal("0.375"))]


def test_a_size_in_percent_is_of_what_is_free_at_that_moment() -> None:
    tenth = Size(amount=Decimal(10), unit=SizeUnit.PERCENT)
    result = run(told((1.5, Action.BUY), (3.5, Action.BUY)), tenth)
    first, second = result.fills
    assert first.value == pytest.approx(Decimal(10_000), rel=Decimal("0.01"))
    assert second.value == pytest.approx(Decimal(9_000), rel=Decimal("0.01"))


def test_a_turn_closes_first_and_opens_at_the_next_candle() -> None:
    three = Size(amount=Decimal(3), unit=SizeUnit.CONTRACTS)
    signals = told((1.5, Action.LONG), (5.5, Action.SHORT), (5.9, Action.SHORT), (9.5, Action.CLOSE), symbol=PERPETUAL)
    result = run(signals, three, PERPETUAL)
    assert fills(result) == [
        (2, True, Decimal(3)),
        (6, False, Decimal(3)),
        (7, False, Decimal(3)),
        (10, True, Decimal(3)),
    ]


def test_a_sell_where_nothing_is_held_opens_short_only_where_that_is_possible() -> None:
    assert fills(run(told((1.5, Action.SELL)))) == []
    one = Size(amount=Decimal(1), unit=SizeUnit.CONTRACTS)
    short = run(told((1.5, Action.SELL), (4.5, Action.BUY), symbol=PERPETUAL), one, PERPETUAL)
    assert fills(short) == [(2, False, Decimal(1)), (5, True, Decimal(1))]


def test_signals_of_one_candle_are_taken_in_their_order() -> None:
    assert fills(run(told((1.1, Action.BUY), (1.2, Action.BUY), (5.1, Action.BUY), (5.2, Action.CLOSE)))) == [
        (2, True, Decimal("0.5")),
        (2, True, Decimal("0.5")),
        (6, False, Decimal("1.0")),
    ]


def test_signals_outside_the_candles_are_left_out_and_counted() -> None:
    series = generate_series(SYMBOL, candles=200, seed=1)
    signals = [
        *told((-5, Action.BUY), (1.5, Action.BUY), (500, Action.SELL)),
        *told((2, Action.BUY), symbol="ETH-USDT"),
    ]
    assert follow("list", signals, series, INSTRUMENTS[SYMBOL], size=HALF).left_out == 3
    with pytest.raises(SignalError, match="none of 1 signals"):
        follow("list", signals[:1], series, INSTRUMENTS[SYMBOL], size=HALF)


def test_what_opens_needs_a_size() -> None:
    with pytest.raises(SignalError, match="--size"):
        run(told((1.5, Action.BUY)), None)


def test_two_lists_are_two_runs() -> None:
    series = generate_series(SYMBOL, candles=200, seed=1)
    bots = [
        follow("list", told((at, Action.BUY)), series, INSTRUMENTS[SYMBOL], size=HALF).bot for at in (1.5, 2.5, 1.5)
    ]
    assert bots[0] == bots[2] != bots[1]


def test_a_list_is_read_as_people_export_it(tmp_path: Path) -> None:
    file = tmp_path / "alerts.csv"
    file.write_text(
        "Timestamp,Ticker,Action,Qty\n"
        "2025-01-01T00:05:00Z,BTC-USDT,BUY,10 percent\n"
        "1735689660,BTC-USDT,sell,\n"
        "1735689720000,BTC-USDT,exit,50%\n"
        "2025-01-01 00:03,BTC-USDT,long,0.25\n"
    )
    assert [
        (one.at_ms - BEGIN_MS, one.action.value, one.size and one.size.unit.value) for one in read_signals(file)
    ] == [
        (60_000, "sell", None),
        (120_000, "close", "percent"),
        (180_000, "long", "native"),
        (300_000, "buy", "percent"),
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("time,size\n1,2\n", "no column side; there are time, size"),
        ("time,side\n2025-01-01,hold\n", "row 2: side = hold: must be buy, sell, close, long, short"),
        ("time,side\n2025-01-01,buy\nnoon,buy\n", "row 3: time = noon"),
        ("time,side,size\n2025-01-01,buy,lots\n", "row 2: lots: must be a size"),
        ("time,side,size\n2025-01-01,buy,0\n", "row 2: 0: must be a size"),
        ("time,side\n", "has no signals"),
    ],
)
def test_a_row_that_cannot_be_read_is_named(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "alerts.csv"
    file.write_text(text)
    with pytest.raises(SignalError, match=says):
        read_signals(file)


def test_a_percentage_above_the_whole_is_none() -> None:
    assert read_size("100 %").unit is SizeUnit.PERCENT
    with pytest.raises(SignalError):
        read_size("101 percent")
