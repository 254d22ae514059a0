"""Instruments, candles and settings that tests of backtests share."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

import numpy as np

from fairlead.backtest.keeping import Funding
from fairlead.backtest.result import BacktestResult
from fairlead.backtest.run import Extras, run_backtest
from fairlead.backtest.spec import BacktestSpec, BotSpec, FeeCurrency, IntraBar, ReplayTerms
from fairlead.core.model.account import FeeRates
from fairlead.core.model.bots.bot import Settings
from fairlead.core.model.bots.martingale import MartingaleSettings, PriceRounding, TakeProfitStep
from fairlead.core.model.conditions import TIMEFRAMES_MS
from fairlead.core.model.instrument import Instrument, InstrumentKind
from fairlead.core.model.request import Size, SizeUnit
from fairlead.market.candles.series import CandleSeries
from tests.backtest.w2_reference import W2Terms

SYMBOL: Final = "BTC-USDT"
PERPETUAL: Final = "BTC-USDT-SWAP"
BEGIN_MS: Final = 1_735_689_600_000

SPOT: Final = Instrument(
    symbol=SYMBOL,
    kind=InstrumentKind.SPOT,
    base_currency="BTC",
    quote_currency="USDT",
    settle_currency="USDT",
    tick_size=Decimal("0.01"),
    lot_size=Decimal("0.000001"),
    quantity_min=Decimal("0.000001"),
    limit_quantity_max=Decimal(10_000),
    market_quantity_max=Decimal(10_000),
)
SWAP: Final = Instrument(
    symbol=PERPETUAL,
    kind=InstrumentKind.LINEAR_PERPETUAL,
    base_currency="BTC",
    quote_currency="USDT",
    settle_currency="USDT",
    tick_size=Decimal("0.1"),
    lot_size=Decimal("0.01"),
    quantity_min=Decimal("0.01"),
    limit_quantity_max=Decimal(100_000),
    market_quantity_max=Decimal(100_000),
    contract_value=Decimal("0.01"),
    leverage_max=Decimal(100),
    maintenance_margin_rate=Decimal("0.004"),
)
INSTRUMENTS: Final = {SYMBOL: SPOT, PERPETUAL: SWAP}
FEELESS: Final = FeeRates(
    spot_maker=Decimal(0), spot_taker=Decimal(0), perpetual_maker=Decimal(0), perpetual_taker=Decimal(0)
)


def quote(amount: str | int) -> Size:
    """A size in the quote currency."""
    return Size(amount=Decimal(amount), unit=SizeUnit.QUOTE)


def candles(*rows: Sequence[int | str], symbol: str = SYMBOL, timeframe: str = "1m") -> CandleSeries:
    """A series from rows of open, high, low and close."""
    tick = Decimal("0.01")
    ticks = np.array([[int(Decimal(price) / tick) for price in row] for row in rows], dtype=np.int64)
    opened_ms = BEGIN_MS + np.arange(len(rows), dtype=np.int64) * TIMEFRAMES_MS[timeframe]
    prices = {name: ticks[:, column] for column, name in enumerate(("open", "high", "low", "close"))}
    return CandleSeries(symbol=symbol, timeframe=timeframe, tick=tick, opened_ms=opened_ms, prices=prices)


def w2_settings(terms: W2Terms) -> MartingaleSettings:
    """The martingale workload as settings of a bot."""
    hundred = Decimal(100)
    return MartingaleSettings(
        base_order=Size(amount=terms.base_size, unit=SizeUnit.QUOTE),
        safety_order=Size(amount=terms.safety_size, unit=SizeUnit.QUOTE),
        max_safety_orders=terms.safety_orders,
        active_safety_orders=terms.safety_orders,
        step=terms.deviation * hundred,
        step_scale=terms.step_scale,
        volume_scale=terms.size_scale,
        take_profit=(TakeProfitStep(percent=terms.take_profit * hundred),),
        take_profit_after_fees=False,
        price_rounding=PriceRounding.NEAREST,
    )


def w2_spec(terms: W2Terms, settings: Settings | None = None) -> BacktestSpec:
    """The martingale workload as a run."""
    return BacktestSpec(
        bots=(BotSpec(name="w2", symbol=SYMBOL, settings=settings or w2_settings(terms)),),
        cash=terms.cash,
        terms=ReplayTerms(
            fees=FeeRates(spot_maker=terms.fee, spot_taker=terms.fee),
            fee_currency=FeeCurrency.QUOTE,
            intra_bar=IntraBar.EXIT_FIRST if terms.exit_first else IntraBar.PESSIMISTIC,
        ),
    )


def replay(
    settings: Settings,
    series: CandleSeries,
    terms: ReplayTerms | None = None,
    extras: Extras | None = None,
    cash: int = 10_000,
) -> BacktestResult:
    """One bot on its own account, without fees unless terms say so."""
    bot = BotSpec(name="bot", symbol=series.symbol, settings=settings)
    spec = BacktestSpec(bots=(bot,), cash=Decimal(cash), terms=terms or ReplayTerms(fees=FEELESS))
    return run_backtest(spec, {series.symbol: series}, INSTRUMENTS, extras or Extras())


def fills_of(result: BacktestResult) -> list[tuple[int, str, str, str]]:
    """Fills as a reader wants them: candle, slot, price and signed quantity."""
    return [
        (
            fill.candle,
            fill.slot,
            f"{fill.price.normalize():f}",
            f"{'' if fill.is_buy else '-'}{fill.quantity.normalize():f}",
        )
        for fill in result.fills
    ]


def funding(*rows: tuple[int, str]) -> Funding:
    """Funding by minutes after the beginning."""
    at_ms = np.array([BEGIN_MS + minute * 60_000 for minute, _ in rows], dtype=np.int64)
    return Funding(at_ms, tuple(Decimal(rate) for _, rate in rows))
