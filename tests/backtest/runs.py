"""Runs made by hand: results of which everything is known beforehand."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec
import numpy as np

from fairlead.backtest.result import BacktestResult, Curve, DealRow, Fill
from fairlead.backtest.spec import BacktestSpec, BotSpec
from fairlead.core.model.bots.martingale import MartingaleSettings
from fairlead.core.model.money import ONE, ZERO
from fairlead.market.candles.series import Floats

BEGIN_MS = 1_735_689_600_000
"""2025-01-01 00:00 UTC."""
DAY_MS = 86_400_000
HOUR_MS = 3_600_000
CASH = Decimal(10_000)
SPEC = BacktestSpec(bots=(BotSpec(name="dip", symbol="BTC-USDT", settings=MartingaleSettings()),), cash=CASH)


def make_curve(values: Sequence[float] | Floats, step_ms: int = DAY_MS) -> Curve:
    """A curve with a value at the end of each step."""
    at_ms = BEGIN_MS + step_ms * np.arange(1, len(values) + 1, dtype=np.int64)
    return Curve(at_ms, np.asarray(values, dtype=np.float64))


def make_result(values: Sequence[float] | Floats, step_ms: int = DAY_MS, **changes: object) -> BacktestResult:
    """A run whose equity went like this; it held nothing and did nothing, unless changed."""
    if (hold := changes.pop("hold", None)) is not None:
        changes["make_hold"] = lambda: hold
    curve = make_curve(values, step_ms)
    end = Decimal(repr(float(curve.values[-1]))) if len(curve) else CASH
    known = BacktestResult(
        spec=SPEC,
        candles=len(curve),
        begin_ms=BEGIN_MS,
        end_ms=BEGIN_MS + step_ms * len(curve),
        missing=0,
        fills=(),
        deals=(),
        equity=curve,
        held_value=np.zeros(len(curve)),
        make_hold=lambda: np.full(len(curve), float(CASH)),
        cash_end=end,
        equity_end=end,
    )
    return msgspec.structs.replace(known, **changes)


def make_deal(profit: str, **changes: object) -> DealRow:
    """A closed deal of one hour."""
    known: dict[str, Any] = {
        "bot": 0,
        "cycle": 1,
        "began_ms": BEGIN_MS,
        "ended_ms": BEGIN_MS + HOUR_MS,
        "profit": Decimal(profit),
    }
    return DealRow(**{**known, **changes})


def make_fill(value: str, fee: str = "0", **changes: object) -> Fill:
    """A buy of this value at price 1."""
    known: dict[str, Any] = {
        "bot": 0,
        "candle": 0,
        "at_ms": BEGIN_MS,
        "slot": "base",
        "is_buy": True,
        "opens": True,
        "quantity": Decimal(value),
        "price": ONE,
        "value": Decimal(value),
        "fee": Decimal(fee) if fee else ZERO,
        "cycle": 1,
        "is_maker": True,
    }
    return Fill(**{**known, **changes})
