"""Unmodified ccxt over REST: the whole life of orders, as programs written for OKX live it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import ccxt
import pytest

from tests.wire.ccxt_client import credentials, member, point_at
from tests.wire.okx_process import simulated

SPOT, SWAP, INVERSE = "BTC/USDT", "BTC/USDT:USDT", "BTC/USD:BTC"
Open = Callable[..., Any]


@pytest.fixture(name="ready", scope="module")
def _ready() -> Iterator[dict[str, Any]]:
    # An account for each test: the order of tests is random, and histories remember everything.
    names = ("watcher", "rests", "trades", "batch", "sandbox", "swap", "hedge", "stops", "errs")
    with simulated(*(part for name in names for part in member(name))) as ready:
        yield ready


@pytest.fixture(name="trader")
def _trader(ready: dict[str, Any]) -> Open:
    return lambda name, **changes: point_at(ccxt.okx({**credentials(name), **changes}), ready)


def test_markets_prices_books_and_candles_are_read(trader: Open) -> None:
    client = trader("watcher")
    markets = client.load_markets()
    assert (markets[SPOT]["precision"]["price"], markets[SWAP]["contractSize"]) == (0.1, 0.01)
    assert (markets[SWAP]["linear"], markets[INVERSE]["inverse"], markets[INVERSE]["settle"]) == (True, True, "BTC")
    assert {"BTC", "USDT"} <= set(client.currencies)
    ticker = client.fetch_ticker(SPOT)
    assert 0 < ticker["bid"] < ticker["ask"]
    assert ticker["low"] <= ticker["last"] <= ticker["high"]
    assert {SPOT, "ETH/USDT"} <= set(client.fetch_tickers())
    book = client.fetch_order_book(SPOT, limit=50)
    assert book["bids"] == sorted(book["bids"], reverse=True)
    assert book["asks"] == sorted(book["asks"])
    assert book["bids"][0][0] < book["asks"][0][0]
    candles = client.fetch_ohlcv(SPOT, "1m", limit=5)
    assert [row[0] - candles[0][0] for row in candles] == [index * 60_000 for index in range(5)]
    assert all(low <= opened <= high and low <= close <= high for _, opened, high, low, close, _ in candles)
    assert client.fetch_trades(SPOT, limit=3)[0]["symbol"] == SPOT
    assert abs(client.fetch_time() - client.milliseconds()) < 5_000


def test_what_belongs_to_perpetuals_is_read(trader: Open) -> None:
    client = trader("watcher")
    assert client.fetch_funding_rate(SWAP)["fundingTimestamp"] > client.milliseconds()
    assert client.fetch_funding_rate_history(SWAP)
    assert client.fetch_mark_price(SWAP)["markPrice"] > 0
    assert client.fetch_open_interest(SWAP)["symbol"] == SWAP
    assert client.fetch_market_leverage_tiers(SWAP)[0]["maxLeverage"] == 100
    assert client.fetch_status()["status"] == "ok"
    assert client.fetch_trading_fee(SPOT)["taker"] == pytest.approx(0.001)


def test_a_spot_order_rests_is_amended_and_canceled(trader: Open) -> None:
    client = trader("rests")
    placed = client.create_order(SPOT, "limit", "buy", 0.01, 50_000, {"clOrdId": "mine1"})
    found = client.fetch_order(placed["id"], SPOT)
    assert (found["status"], found["clientOrderId"], found["price"]) == ("open", "mine1", 50_000)
    client.edit_order(placed["id"], SPOT, "limit", "buy", 0.02, 49_000)
    (resting,) = client.fetch_open_orders(SPOT)
    assert (resting["amount"], resting["price"], resting["filled"]) == (0.02, 49_000, 0)
    assert client.fetch_balance()["USDT"]["used"] >= 980
    client.cancel_order(placed["id"], SPOT)
    assert client.fetch_open_orders(SPOT) == []
    assert [order["id"] for order in client.fetch_canceled_orders(SPOT)] == [placed["id"]]


def test_spot_is_bought_and_sold_and_the_books_agree(trader: Open) -> None:
    client = trader("trades")
    before = client.fetch_balance()["total"]
    bought = client.create_order(SPOT, "market", "buy", 0.01)
    sold = client.create_order(SPOT, "market", "sell", 0.004)
    after = client.fetch_balance()["total"]
    first = client.fetch_order(bought["id"], SPOT)
    assert (first["status"], first["filled"], first["fee"]["currency"]) == ("closed", 0.01, "BTC")
    trades = [row for row in client.fetch_my_trades(SPOT) if row["order"] in {bought["id"], sold["id"]}]
    fees = {"BTC": 0.0, "USDT": 0.0}
    for row in trades:
        fees[row["fee"]["currency"]] += row["fee"]["cost"]
    spent = sum(row["cost"] if row["side"] == "buy" else -row["cost"] for row in trades)
    assert after["BTC"] - before["BTC"] == pytest.approx(0.006 - fees["BTC"], abs=1e-9)
    assert before["USDT"] - after["USDT"] == pytest.approx(spent + fees["USDT"], abs=1e-6)
    assert {bought["id"], sold["id"]} <= {order["id"] for order in client.fetch_closed_orders(SPOT)}
    assert {row["referenceId"] for row in client.fetch_ledger("USDT")} >= {bought["id"], sold["id"]}


def test_several_orders_go_in_one_request(trader: Open) -> None:
    client = trader("batch")
    wish = {"symbol": SPOT, "type": "limit", "side": "buy", "amount": 0.001}
    placed = client.create_orders([{**wish, "price": 40_000}, {**wish, "price": 41_000}])
    client.cancel_orders([order["id"] for order in placed], SPOT)
    assert client.fetch_open_orders(SPOT) == []


def test_a_perpetual_is_opened_with_leverage_and_closed(trader: Open) -> None:
    client = trader("swap")
    client.set_leverage(5, SWAP, {"mgnMode": "cross"})
    assert client.fetch_leverage(SWAP, {"mgnMode": "cross"})["longLeverage"] == 5
    client.create_order(SWAP, "market", "buy", 2, None, {"tdMode": "cross"})
    (held,) = client.fetch_positions([SWAP])
    assert (held["contracts"], held["side"], held["leverage"], held["marginMode"]) == (2, "long", 5, "cross")
    assert held["notional"] == pytest.approx(0.02 * held["markPrice"], rel=0.01)
    client.create_order(SWAP, "market", "sell", 1, None, {"tdMode": "cross", "reduceOnly": True})
    assert client.fetch_position(SWAP)["contracts"] == 1
    client.close_position(SWAP, params={"marginMode": "cross"})
    assert client.fetch_positions([SWAP]) == []
    closed = client.fetch_positions_history([SWAP])
    assert [row["symbol"] for row in closed] == [SWAP]
    assert len(client.fetch_my_trades(SWAP)) >= 3


def test_both_sides_are_held_in_long_short_mode(trader: Open) -> None:
    client = trader("hedge")
    client.set_position_mode(hedged=True)
    for side, position_side in (("buy", "long"), ("sell", "short")):
        client.create_order(SWAP, "market", side, 1, None, {"tdMode": "cross", "posSide": position_side})
    assert {row["side"] for row in client.fetch_positions([SWAP])} == {"long", "short"}
    for position_side in ("long", "short"):
        client.close_position(SWAP, position_side, {"marginMode": "cross"})
    client.set_position_mode(hedged=False)
    assert client.fetch_position_mode(SWAP)["hedged"] is False


def test_stops_wait_at_the_exchange_and_can_be_canceled(trader: Open) -> None:
    client = trader("stops")
    price = client.fetch_ticker(SWAP)["last"]
    low, high = client.price_to_precision(SWAP, price * 0.9), client.price_to_precision(SWAP, price * 1.1)
    client.create_order(
        SWAP,
        "market",
        "buy",
        1,
        None,
        {"tdMode": "cross", "stopLoss": {"triggerPrice": low}, "takeProfit": {"triggerPrice": high}},
    )
    attached = client.fetch_open_orders(SWAP, params={"ordType": "oco"})
    assert [(order["stopLossPrice"], order["takeProfitPrice"]) for order in attached] == [(float(low), float(high))]
    client.cancel_order(attached[0]["id"], SWAP, {"trigger": True})
    params = {"tdMode": "cross", "reduceOnly": True}
    stop = client.create_order(SWAP, "market", "sell", 1, None, {**params, "stopLossPrice": low})
    waiting = client.fetch_open_orders(SWAP, params={"ordType": "conditional"})
    assert [order["id"] for order in waiting] == [stop["id"]]
    trigger = client.create_order(SWAP, "market", "sell", 1, None, {**params, "triggerPrice": low})
    trailing = client.create_order(SWAP, "market", "sell", 1, None, {**params, "trailingPercent": "5"})
    for order in (stop, trigger):
        client.cancel_order(order["id"], SWAP, {"trigger": True})
    client.cancel_order(trailing["id"], SWAP, {"trailing": True})
    assert client.fetch_open_orders(SWAP, params={"ordType": "conditional"}) == []
    client.close_position(SWAP, params={"marginMode": "cross"})


def test_refusals_are_what_ccxt_takes_them_for(trader: Open) -> None:
    client = trader("errs")
    with pytest.raises(ccxt.InsufficientFunds):
        client.create_order(SPOT, "limit", "buy", 100, 50_000)
    with pytest.raises(ccxt.OrderNotFound):
        client.fetch_order("123456789", SPOT)
    with pytest.raises(ccxt.OrderNotFound):
        client.cancel_order("123456789", SPOT)
    with pytest.raises(ccxt.ExchangeError, match="51169"):
        client.create_order(SWAP, "market", "sell", 1, None, {"tdMode": "cross", "reduceOnly": True})
    client.create_order(SPOT, "limit", "buy", 0.001, 50_000, {"clOrdId": "twice"})
    with pytest.raises(ccxt.InvalidOrder, match="51016"):
        client.create_order(SPOT, "limit", "buy", 0.001, 50_000, {"clOrdId": "twice"})
    client.cancel_all_orders_after(0)
    with pytest.raises(ccxt.AuthenticationError):
        trader("errs", secret="wrong").fetch_balance()
    with pytest.raises(ccxt.ExchangeError, match="50119"):
        trader("nobody").fetch_balance()


def test_the_sandbox_of_ccxt_is_served_too(trader: Open) -> None:
    client = trader("sandbox")
    client.set_sandbox_mode(True)
    assert client.fetch_balance()["total"]["USDT"] > 0
