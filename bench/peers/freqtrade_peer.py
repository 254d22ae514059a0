# ruff: noqa: INP001 (run by the engine's own interpreter)
"""The workloads in freqtrade, without its network.

The cross is the same work. The martingale is not: a trade has one order at a time, so safety orders and the take-profit
cannot rest side by side. What comes nearest is measured and said not to be equal: entries added when a close is below
the next level, and the engine's own return on investment as the exit.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import freqtrade
import numpy as np
import outcome
import pandas as pd
from freqtrade.configuration import TimeRange
from freqtrade.exchange import Exchange
from freqtrade.optimize.backtesting import Backtesting
from freqtrade.persistence import LocalTrade
from freqtrade.resolvers import ExchangeResolver

PAIR = "BTC/USDT"
SET_STRATEGY = "_set_strategy"
MARKET = {
    "id": "BTCUSDT",
    "symbol": PAIR,
    "base": "BTC",
    "quote": "USDT",
    "spot": True,
    "margin": False,
    "type": "spot",
    "swap": False,
    "linear": None,
    "active": True,
    "contractSize": None,
    "precision": {"price": 0.01, "amount": 0.000001},
    "limits": {"amount": {"min": 0.000001, "max": 9000}, "cost": {"min": 1, "max": 9e9}, "price": {"min": 0.01}},
    "info": {},
    "maker": 0.001,
    "taker": 0.001,
}
STRATEGY = """
from freqtrade.strategy import IStrategy
import outcome

class Peer(IStrategy):
    INTERFACE_VERSION = 3
    timeframe = "1m"
    minimal_roi = {roi}
    stoploss = -0.99
    startup_candle_count = 0
    position_adjustment_enable = {adjusts}
    use_exit_signal = {uses_exits}
    process_only_new_candles = True
    factors = outcome.ladder_factors()

    def populate_indicators(self, dataframe, metadata):
        if not self.position_adjustment_enable:
            dataframe["fast"] = dataframe["close"].rolling(outcome.FAST).mean()
            dataframe["slow"] = dataframe["close"].rolling(outcome.SLOW).mean()
        return dataframe

    def populate_entry_trend(self, dataframe, metadata):
        dataframe["enter_long"] = 1 if self.position_adjustment_enable else (dataframe["fast"] > dataframe["slow"])
        return dataframe

    def populate_exit_trend(self, dataframe, metadata):
        dataframe["exit_long"] = 0 if self.position_adjustment_enable else (dataframe["fast"] <= dataframe["slow"])
        return dataframe

    def custom_stake_amount(self, pair, current_time, current_rate, proposed_stake, *args, **kwargs):
        return outcome.BASE_SIZE if self.position_adjustment_enable else outcome.CROSS_SIZE * current_rate

    def adjust_trade_position(self, trade, current_time, current_rate, *args, **kwargs):
        filled = trade.nr_of_successful_entries
        if filled > outcome.SAFETY_ORDERS or trade.has_open_orders:
            return None
        base = trade.select_filled_orders(trade.entry_side)[0].safe_price
        if current_rate > base * self.factors[filled - 1]:
            return None
        return outcome.SAFETY_SIZE * 1.5 ** (filled - 1)
"""


def make_exchange(config: dict) -> Exchange:
    """An exchange with one market and nobody to ask."""

    def nothing(*_arguments: object, **_options: object) -> None:
        """Ask nobody."""

    def fee(*_arguments: object, **_options: object) -> float:
        return config["fee"]

    def can(*_arguments: object, **_options: object) -> bool:
        return True

    for name in ("reload_markets", "_load_async_markets", "validate_timeframes", "validate_pricing"):
        setattr(Exchange, name, nothing)
    Exchange.markets = {PAIR: MARKET}
    Exchange.get_fee, Exchange.exchange_has = fee, can
    return ExchangeResolver.load_exchange(config, validate=False, load_leverage_tiers=False)


def make_run(task: outcome.Task, folder: Path) -> Callable[[], outcome.Outcome]:
    """Set up the engine once; a run gives it the data frame as its loader would."""
    is_martingale = task.workload == "W2"
    roi = "{'0': 0.01}" if is_martingale else "{'0': 100}"
    (folder / "peer.py").write_text(STRATEGY.format(roi=roi, adjusts=is_martingale, uses_exits=not is_martingale))
    config = {
        "runmode": "backtest",
        "strategy": "Peer",
        "strategy_path": str(folder),
        "user_data_dir": folder,
        "datadir": folder,
        "exportdirectory": folder,
        "export": "none",
        "exchange": {"name": "binance", "pair_whitelist": [PAIR], "pair_blacklist": []},
        "pairlists": [{"method": "StaticPairList"}],
        "stake_currency": "USDT",
        "stake_amount": 600,
        "dry_run_wallet": outcome.CASH if is_martingale else outcome.CROSS_CASH,
        "tradable_balance_ratio": 1.0,
        "max_open_trades": 1,
        "timeframe": "1m",
        "fee": outcome.FEE if is_martingale else outcome.CROSS_FEE,
        "trading_mode": "spot",
        "margin_mode": "",
        "candle_type_def": "spot",
        "dry_run": True,
        "entry_pricing": {"price_side": "other", "use_order_book": False},
        "exit_pricing": {"price_side": "other", "use_order_book": False},
        "unfilledtimeout": {"entry": 10, "exit": 10},
        "dataformat_ohlcv": "feather",
        "dataformat_trades": "feather",
        "backtest_cache": "none",
        "internals": {},
        "original_config": {},
    }
    columns = task.columns
    frame = pd.DataFrame(
        {
            "date": pd.to_datetime(columns["opened_ms"], unit="ms", utc=True),
            **{name: columns[name] for name in ("open", "high", "low", "close")},
            "volume": np.ones(task.candles),
        }
    )
    begin, end = (datetime.fromtimestamp(int(columns["opened_ms"][at]) / 1000, tz=UTC) for at in (0, -1))
    engine = Backtesting(config, make_exchange(config))
    engine.load_bt_data = lambda: ({PAIR: frame.copy()}, TimeRange(None, None, 0, 0))
    engine.load_bt_data_detail = lambda: None

    def run() -> outcome.Outcome:
        strategy = engine.strategylist[0]
        getattr(engine, SET_STRATEGY)(strategy)
        LocalTrade.reset_trades()
        prepared = engine.strategy.advise_all_indicators({PAIR: frame.copy()})
        found = engine.backtest(processed=prepared, start_date=begin, end_date=end)
        trades = found["results"]
        orders = [order for some in trades["orders"] for order in some] if len(trades) else []
        fees = config["fee"] * sum(order["amount"] * order["safe_price"] for order in orders)
        return outcome.Outcome(len(orders), len(trades), fees, float(found["final_balance"]))

    return run


def main() -> None:
    """Do the task."""
    logging.disable(logging.CRITICAL)
    task = outcome.read_task()
    note = "not the same work: no resting ladder" if task.workload == "W2" else ""
    with tempfile.TemporaryDirectory() as folder:
        run = make_run(task, Path(folder))
        outcome.measure("freqtrade", freqtrade.__version__, task, run, note)


main()
