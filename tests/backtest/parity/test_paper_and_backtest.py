"""A paper day on the simulated exchange and its backtest are the same, to the last digit."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from fairlead.backtest.parity.replaying import trades_of
from fairlead.backtest.parity.stretches import Trade
from fairlead.backtest.run import run_backtest
from fairlead.backtest.spec import BacktestSpec, BotSpec, IntraBar, ReplayTerms
from fairlead.core.model.bots.bot import Settings
from fairlead.core.model.bots.grid import GridSettings
from fairlead.core.model.bots.martingale import AfterStop, MartingaleSettings, StopLoss, TakeProfitStep
from fairlead.core.model.money import ceil_to_step
from fairlead.core.model.request import Size, SizeUnit
from tests.backtest.parity.paper_day import PaperDay, candles_of, walk
from tests.orders.trading_world import LINEAR, SPOT
from tests.sources.bots.bot_world import dip, rise

TICKS = 120
# Half the distance between bid and ask: less than nothing, but rounded away from the middle.
HALF_SPREAD = Decimal("1E-9")


def coin() -> MartingaleSettings:
    money = Size(amount=Decimal(200), unit=SizeUnit.QUOTE)
    profit = (TakeProfitStep(percent=Decimal(1)),)
    base = Size(amount=Decimal("0.003"), unit=SizeUnit.BASE)
    return MartingaleSettings(
        base_order=base,
        safety_order=money,
        max_safety_orders=4,
        active_safety_orders=4,
        step=Decimal("0.6"),
        volume_scale=Decimal("1.5"),
        take_profit=profit,
    )


DIP = dip(max_safety_orders=4, active_safety_orders=4, step=Decimal("0.5"), volume_scale=Decimal("1.4"))
# Everything at market: what a price jumps past is filled at its own price on paper, by a candle that opens there at the
# open.
STOPS = dip(
    max_safety_orders=0,
    active_safety_orders=0,
    stop_loss=StopLoss(percent=Decimal("1.1"), trailing=True),
    after_stop=AfterStop.NEXT_CYCLE,
    take_profit=(TakeProfitStep(percent=Decimal("0.7")),),
    trailing=Decimal("0.3"),
)
HALVES = replace(
    DIP,
    take_profit=(
        TakeProfitStep(percent=Decimal("0.6"), share=Decimal(50)),
        TakeProfitStep(percent=Decimal("1.2"), share=Decimal(50)),
    ),
    base_order=Size(amount=Decimal(6), unit=SizeUnit.CONTRACTS),
)
GRID = GridSettings(
    lower=Decimal(57_000),
    upper=Decimal(63_000),
    lines=30,
    per_line=Size(amount=Decimal(2), unit=SizeUnit.CONTRACTS),
)
CASES: dict[str, tuple[Settings, str, IntraBar]] = {
    "long": (DIP, LINEAR, IntraBar.PESSIMISTIC),
    "short": (rise(max_safety_orders=4, active_safety_orders=4, step=Decimal("0.5")), LINEAR, IntraBar.PESSIMISTIC),
    "stops": (STOPS, LINEAR, IntraBar.PESSIMISTIC),
    "halves": (HALVES, LINEAR, IntraBar.PESSIMISTIC),
    "coin": (coin(), SPOT, IntraBar.PESSIMISTIC),
    "grid": (GRID, LINEAR, IntraBar.PATH),
}


def facts(trades: list[Trade]) -> list[tuple[object, ...]]:
    """What must be equal; two orders that one price fills have no order of their own."""
    return sorted(
        (one.cycle, one.slot, one.is_buy, one.quantity, one.price, one.value, paid(one.fee_base), paid(one.fee_settle))
        for one in trades
    )


def paid(fee: Decimal) -> Decimal:
    """A fee as the exchange takes it: its ledgers have twelve decimals."""
    return ceil_to_step(fee, Decimal("1E-12"))


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow), pytest.param(3, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", CASES)
async def test_a_paper_day_and_its_backtest_fill_the_same(name: str, seed: int, tmp_path: Path) -> None:
    settings, symbol, intra_bar = CASES[name]
    day = PaperDay(tmp_path, walk(seed, TICKS), settings, symbol)
    await day.live()
    assert day.read().differences == ()
    series = candles_of(day.prices, symbol, day.instrument, jumps=name == "stops")
    spec = BacktestSpec(
        bots=(BotSpec(name="bot", symbol=symbol, settings=settings),),
        cash=Decimal(100_000),
        terms=ReplayTerms(fees=day.fees, slippage=HALF_SPREAD, funding=False, intra_bar=intra_bar),
    )
    result = run_backtest(spec, {symbol: series}, {symbol: day.instrument})
    live, replayed = day.trades(), trades_of(result, day.instrument)
    assert len(live) > 15
    assert facts(live) == facts(replayed)
