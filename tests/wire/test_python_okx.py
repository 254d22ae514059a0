"""Unmodified python-okx, OKX's own client: REST over https, and wss, which is all that its sockets speak."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import okx.Account
import okx.Funding
import okx.MarketData
import okx.PublicData
import okx.Status
import okx.Trade
import pytest
from okx.websocket.WsPrivateAsync import WsPrivateAsync
from okx.websocket.WsPublicAsync import WsPublicAsync

from tests.wire.ccxt_client import credentials, member
from tests.wire.okx_process import simulated

SPOT, SWAP = "BTC-USDT", "BTC-USDT-SWAP"
WAIT_S = 20

# What it makes of its own httpx is its own business.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


@pytest.fixture(name="ready", scope="module")
def _ready() -> Iterator[dict[str, Any]]:
    with simulated("--tls", *member("official"), *member("pushed")) as ready:
        yield ready


@pytest.fixture(name="trusted", autouse=True)
def _trusted(ready: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", ready["certificate"])


@pytest.fixture(name="api")
def _api(ready: dict[str, Any], trusted: None) -> Iterator[SimpleNamespace]:
    keys = credentials("official")
    given = {
        "api_key": keys["apiKey"],
        "api_secret_key": keys["secret"],
        "passphrase": keys["password"],
        "flag": "0",
        "domain": ready["rest"],
    }
    clients = {
        "account": okx.Account.AccountAPI(**given),
        "funding": okx.Funding.FundingAPI(**given),
        "market": okx.MarketData.MarketAPI(**given),
        "public": okx.PublicData.PublicAPI(**given),
        "status": okx.Status.StatusAPI(**given),
        "trade": okx.Trade.TradeAPI(**given),
    }
    yield SimpleNamespace(**clients)
    for client in clients.values():
        client.close()


def rows(answer: dict[str, Any]) -> list[Any]:
    """The rows of an answer that went well."""
    assert answer["code"] == "0", answer
    data: list[Any] = answer["data"]
    assert all(row.get("sCode", "0") == "0" for row in data if isinstance(row, dict)), answer
    return data


def test_markets_are_read(api: SimpleNamespace) -> None:
    listed = {row["instId"]: row for row in rows(api.public.get_instruments(instType="SWAP"))}
    assert listed[SWAP]["ctVal"] == "0.01"
    (ticker,) = rows(api.market.get_ticker(SPOT))
    assert float(ticker["bidPx"]) < float(ticker["askPx"])
    assert len(rows(api.market.get_orderbook(SPOT, sz="20"))[0]["bids"]) == 20
    assert len(rows(api.market.get_candlesticks(SPOT, bar="1m", limit="5"))) == 5
    assert len(rows(api.market.get_history_candlesticks(SPOT, bar="1H", limit="10"))) == 10
    assert {row["instId"] for row in rows(api.market.get_trades(SPOT, limit="5"))} <= {SPOT}
    assert rows(api.public.get_funding_rate(SWAP))[0]["instId"] == SWAP
    assert rows(api.public.get_mark_price(instType="SWAP", instId=SWAP))
    assert rows(api.public.get_price_limit(SWAP))[0]["enabled"] is True
    assert rows(api.public.get_system_time())
    assert rows(api.public.get_position_tiers("SWAP", "cross", instFamily="BTC-USDT"))
    assert rows(api.status.status()) == []


def test_a_spot_order_is_placed_amended_and_canceled(api: SimpleNamespace) -> None:
    (placed,) = rows(
        api.trade.place_order(SPOT, "cash", "buy", "limit", "0.01", px="50000", clOrdId="official1", tag="t1")
    )
    (found,) = rows(api.trade.get_order(SPOT, clOrdId="official1"))
    assert (found["ordId"], found["state"], found["tag"]) == (placed["ordId"], "live", "t1")
    rows(api.trade.amend_order(SPOT, ordId=placed["ordId"], newSz="0.02", newPx="49000", reqId="r1"))
    (resting,) = rows(api.trade.get_order_list(instType="SPOT"))
    assert (resting["sz"], resting["px"]) == ("0.02", "49000")
    rows(api.trade.cancel_order(SPOT, clOrdId="official1"))
    assert rows(api.trade.get_order(SPOT, ordId=placed["ordId"]))[0]["state"] == "canceled"
    refused = api.trade.cancel_order(SPOT, clOrdId="official1")
    assert (refused["code"], refused["data"][0]["sCode"]) == ("1", "51400")


def test_spot_is_bought_and_sold(api: SimpleNamespace) -> None:
    (bought,) = rows(api.trade.place_order(SPOT, "cash", "buy", "market", "100"))
    assert float(rows(api.trade.get_order(SPOT, ordId=bought["ordId"]))[0]["accFillSz"]) > 0
    (sold,) = rows(api.trade.place_order(SPOT, "cash", "sell", "market", "0.001", tgtCcy="base_ccy"))
    fills = rows(api.trade.get_fills(instType="SPOT"))
    assert {bought["ordId"], sold["ordId"]} <= {row["ordId"] for row in fills}
    history = rows(api.trade.get_orders_history("SPOT", state="filled"))
    assert {bought["ordId"], sold["ordId"]} <= {row["ordId"] for row in history}
    details = {row["ccy"]: row for row in rows(api.account.get_account_balance())[0]["details"]}
    assert float(details["USDT"]["cashBal"]) < 100_100
    assert rows(api.account.get_account_bills(ccy="USDT"))
    rows(api.funding.get_balances())


def test_a_perpetual_is_opened_protected_and_closed(api: SimpleNamespace) -> None:
    assert rows(api.account.get_account_config())[0]["posMode"] == "net_mode"
    rows(api.account.set_leverage("5", "cross", instId=SWAP))
    assert rows(api.account.get_leverage("cross", instId=SWAP))[0]["lever"] == "5"
    rows(api.trade.place_order(SWAP, "cross", "buy", "market", "2"))
    (held,) = rows(api.account.get_positions(instType="SWAP"))
    assert (held["pos"], held["lever"], held["posSide"]) == ("2", "5", "net")
    low = str(int(float(held["markPx"]) * 0.9))
    (stop,) = rows(
        api.trade.place_algo_order(
            SWAP, "cross", "sell", "conditional", sz="2", slTriggerPx=low, slOrdPx="-1", reduceOnly="true"
        )
    )
    waiting = rows(api.trade.order_algos_list(ordType="conditional"))
    assert [row["algoId"] for row in waiting] == [stop["algoId"]]
    rows(api.trade.cancel_algo_order([{"instId": SWAP, "algoId": stop["algoId"]}]))
    rows(api.trade.close_positions(SWAP, "cross"))
    assert rows(api.account.get_positions(instType="SWAP")) == []
    assert rows(api.account.get_positions_history(instType="SWAP"))[0]["instId"] == SWAP
    assert rows(api.account.get_max_order_size(SWAP, "cross"))[0]["instId"] == SWAP
    assert rows(api.account.get_fee_rates("SPOT", instId=SPOT))


class Heard:
    """What a socket has told, and a way to wait for more of it."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self._news = asyncio.Event()

    def take(self, text: str) -> None:
        self.messages.append(json.loads(text))
        self._news.set()

    async def wait_for(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        async with asyncio.timeout(WAIT_S):
            while True:
                found = next((message for message in self.messages if wanted(message)), None)
                if found is not None:
                    return found
                self._news.clear()
                await self._news.wait()


def is_push(channel: str) -> Callable[[dict[str, Any]], bool]:
    return lambda message: "data" in message and message.get("arg", {}).get("channel") == channel


async def test_public_sockets_stream(ready: dict[str, Any], trusted: None) -> None:
    heard, socket = Heard(), WsPublicAsync(url=f"{ready['ws']}/public")
    listening = await socket.start()
    await socket.subscribe([{"channel": name, "instId": SPOT} for name in ("tickers", "books", "trades")], heard.take)
    for channel in ("tickers", "books", "trades"):
        assert await heard.wait_for(is_push(channel))
    await socket.stop()
    await asyncio.wait([listening])


async def test_orders_are_placed_and_streamed_over_one_socket(ready: dict[str, Any], trusted: None) -> None:
    keys = credentials("pushed")
    heard = Heard()
    socket = WsPrivateAsync(
        apiKey=keys["apiKey"], passphrase=keys["password"], secretKey=keys["secret"], url=f"{ready['ws']}/private"
    )
    listening = await socket.start()
    await socket.subscribe([{"channel": "orders", "instType": "ANY"}, {"channel": "account"}], heard.take)
    await heard.wait_for(lambda message: message.get("event") == "subscribe")
    wish = {"instId": SPOT, "tdMode": "cash", "side": "buy", "ordType": "limit", "px": "50000", "sz": "0.01"}
    await socket.place_order([{**wish, "clOrdId": "pushed1"}], id="r1")
    answer = await heard.wait_for(lambda message: message.get("id") == "r1")
    assert (answer["op"], answer["data"][0]["sCode"]) == ("order", "0")
    await socket.amend_order([{"instId": SPOT, "clOrdId": "pushed1", "newSz": "0.02"}], id="r2")
    await heard.wait_for(lambda message: message.get("id") == "r2")
    await socket.cancel_order([{"instId": SPOT, "clOrdId": "pushed1"}], id="r3")
    await heard.wait_for(
        lambda message: is_push("orders")(message) and message["data"][0]["state"] == "canceled",
    )
    told = [message["data"][0] for message in heard.messages if is_push("orders")(message)]
    assert [(row["state"], row["sz"]) for row in told] == [("live", "0.01"), ("live", "0.02"), ("canceled", "0.02")]
    assert await heard.wait_for(is_push("account"))
    await socket.stop()
    await asyncio.wait([listening])
