# ruff: noqa: INP001 (run by the engine's own interpreter)
"""The workloads in nautilus_trader: a strategy on bars, which the engine plays as open, high, low and close."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import nautilus_trader
import outcome
import pandas as pd
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig, RiskEngineConfig
from nautilus_trader.model.currencies import BTC, USDT
from nautilus_trader.model.data import Bar, BarType
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
from nautilus_trader.model.events import OrderFilled
from nautilus_trader.model.identifiers import Venue
from nautilus_trader.model.instruments import CurrencyPair
from nautilus_trader.model.objects import Money
from nautilus_trader.model.orders import Order
from nautilus_trader.persistence.wranglers import BarDataWrangler
from nautilus_trader.test_kit.providers import TestInstrumentProvider
from nautilus_trader.trading.strategy import Strategy

FACTORS = outcome.ladder_factors()
VOLUME = 1_000_000.0
VENUE = Venue("BINANCE")


class Recording(Strategy):
    """Adds up what is filled."""

    def __init__(self, instrument: CurrencyPair, bar_type: BarType) -> None:
        """Hold nothing."""
        super().__init__()
        self.instrument = instrument
        self.bar_type = bar_type
        self.fill_count = self.sales = 0
        self.fees = 0.0
        self.held = Decimal(0)
        self.cost = 0.0
        self.is_news = False

    def on_start(self) -> None:
        """Listen to bars."""
        self.subscribe_bars(self.bar_type)

    def on_order_filled(self, event: OrderFilled) -> None:
        """Count it; orders follow at the close of the bar."""
        self.fill_count += 1
        self.fees += event.commission.as_double()
        quantity, price = event.last_qty.as_decimal(), event.last_px.as_double()
        self.is_news = True
        if event.order_side == OrderSide.BUY:
            self.held += quantity
            self.cost += float(quantity) * price
        else:
            self.sales += 1
            self.held, self.cost = Decimal(0), 0.0

    def trade(self, side: OrderSide, quantity: float, price: float | None = None) -> Order:
        """Send an order."""
        size = self.instrument.make_qty(quantity)
        if price is None:
            order = self.order_factory.market(self.instrument.id, side, size)
        else:
            order = self.order_factory.limit(self.instrument.id, side, size, self.instrument.make_price(price))
        self.submit_order(order)
        return order


class Martingale(Recording):
    """A market order is filled at the close, which is the next open; what rests is placed one close later."""

    base = 0.0
    has_ladder = False
    is_entered = False
    exit = None

    def on_bar(self, bar: Bar) -> None:
        """Look at what was filled since the last one."""
        if not self.held:
            self.cancel_all_orders(self.instrument.id)
            self.base = bar.close.as_double()
            self.has_ladder, self.is_entered, self.exit = False, True, None
            self.trade(OrderSide.BUY, outcome.to_lots(outcome.BASE_SIZE, self.base) / 1e6)
            self.is_news = True
            return
        if not self.is_news:
            return
        self.is_news = False
        if not self.has_ladder:
            amount = outcome.SAFETY_SIZE
            for factor in FACTORS:
                price = outcome.to_tick(self.base * factor)
                self.trade(OrderSide.BUY, outcome.to_lots(amount, price) / 1e6, price)
                amount *= 1.5
            self.has_ladder = True
        held = float(self.held)
        price = outcome.to_tick(self.cost / held * 1.01)
        if self.exit is None:
            self.exit = self.trade(OrderSide.SELL, held, price)
        else:
            # Its coins stay locked until a cancel was carried out, so a second order would be denied.
            make = self.instrument
            self.modify_order(self.exit, make.make_qty(held), make.make_price(price))


class Cross(Recording):
    """Two running averages of closes."""

    def on_start(self) -> None:
        """Begin them."""
        super().on_start()
        self.closes: list[float] = []
        self.fast = self.slow = 0.0

    def on_bar(self, bar: Bar) -> None:
        """Be long while the fast one is above."""
        close = bar.close.as_double()
        closes = self.closes
        closes.append(close)
        self.fast += close - (closes[-1 - outcome.FAST] if len(closes) > outcome.FAST else 0.0)
        self.slow += close - (closes[-1 - outcome.SLOW] if len(closes) > outcome.SLOW else 0.0)
        if len(closes) < outcome.SLOW:
            return
        if self.fast / outcome.FAST > self.slow / outcome.SLOW:
            if not self.held:
                self.trade(OrderSide.BUY, outcome.CROSS_SIZE)
        elif self.held:
            self.trade(OrderSide.SELL, outcome.CROSS_SIZE)


def make_instrument(fee: str) -> CurrencyPair:
    """BTC against USDT with ticks of 0.01, lots of a millionth and one fee."""
    values = TestInstrumentProvider.btcusdt_binance().to_dict(TestInstrumentProvider.btcusdt_binance())
    return CurrencyPair.from_dict({**values, "maker_fee": fee, "taker_fee": fee})


def make_run(task: outcome.Task) -> Callable[[], outcome.Outcome]:
    """Bars are made beforehand."""
    is_martingale = task.workload == "W2"
    instrument = make_instrument(str(outcome.FEE if is_martingale else outcome.CROSS_FEE))
    bar_type = BarType.from_str(f"{instrument.id}-1-MINUTE-LAST-EXTERNAL")
    names = ("open", "high", "low", "close")
    frame = pd.DataFrame({name: task.columns[name] for name in names})
    frame.index = pd.to_datetime(task.columns["opened_ms"] + 60_000, unit="ms", utc=True)
    bars = BarDataWrangler(bar_type, instrument).process(frame, default_volume=VOLUME)
    cash = outcome.CASH if is_martingale else outcome.CROSS_CASH

    def run() -> outcome.Outcome:
        config = BacktestEngineConfig(
            logging=LoggingConfig(bypass_logging=True), risk_engine=RiskEngineConfig(bypass=False), run_analysis=True
        )
        engine = BacktestEngine(config=config)
        engine.add_venue(
            venue=VENUE,
            oms_type=OmsType.NETTING,
            account_type=AccountType.CASH,
            starting_balances=[Money(cash, USDT), Money(0, BTC)],
        )
        engine.add_instrument(instrument)
        engine.add_data(bars)
        strategy = (Martingale if is_martingale else Cross)(instrument, bar_type)
        engine.add_strategy(strategy)
        engine.run()
        account = engine.portfolio.account(VENUE)
        coins, rest = account.balance_total(BTC).as_double(), account.balance_total(USDT).as_double()
        result = outcome.Outcome(
            strategy.fill_count, strategy.sales, strategy.fees, rest + coins * float(task.columns["close"][-1])
        )
        engine.dispose()
        return result

    return run


def main() -> None:
    """Do the task."""
    task = outcome.read_task()
    outcome.measure("nautilus_trader", nautilus_trader.__version__, task, make_run(task))


main()
