"""Unmodified ccxt over WebSocket: markets as they move, orders as they live."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Coroutine, Iterator
from typing import Any, TypeAlias, TypeVar

import ccxt.pro
import pytest

from tests.wire.ccxt_client import credentials, member, point_at
from tests.wire.okx_process import simulated

SPOT, SWAP = "BTC/USDT", "BTC/USDT:USDT"
WAIT_S = 15
T = TypeVar("T")
Client: TypeAlias = Any  # ccxt has no types


@pytest.fixture(name="ready", scope="module")
def _ready() -> Iterator[dict[str, Any]]:
    with simulated(*member("streams")) as ready:
        yield ready


@pytest.fixture(name="client")
async def _client(ready: dict[str, Any]) -> AsyncIterator[Any]:
    client = point_at(ccxt.pro.okx(credentials("streams")), ready)
    await client.load_markets()
    yield client
    await client.close()


async def soon(awaited: Awaitable[T]) -> T:
    return await asyncio.wait_for(awaited, WAIT_S)


async def test_prices_books_trades_and_candles_stream(client: Client) -> None:
    ticker = await soon(client.watch_ticker(SPOT))
    assert 0 < ticker["bid"] < ticker["ask"]
    seen = set()
    for _ in range(8):
        book = await soon(client.watch_order_book(SPOT))
        assert book["bids"][0][0] < book["asks"][0][0]
        seen.add(book["nonce"])
    assert len(seen) > 1
    assert (await soon(client.watch_trades(SPOT)))[0]["symbol"] == SPOT
    assert len((await soon(client.watch_ohlcv(SPOT, "1m")))[0]) == 6


async def listening(told: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    """Wait for what is told from now on."""
    task = asyncio.create_task(told)
    await asyncio.sleep(0.1)
    return task


async def test_an_order_streams_through_its_life(client: Client) -> None:
    first = asyncio.create_task(client.watch_orders(SPOT))
    await soon(client.watch_balance())
    await asyncio.sleep(0.5)
    placed = await soon(client.create_order_ws(SPOT, "limit", "buy", 0.01, 50_000))
    assert [(order["id"], order["status"]) for order in await soon(first)] == [(placed["id"], "open")]
    # It begins to listen first: what comes together with the reply is told to nobody else.
    change = await listening(client.watch_orders(SPOT))
    await soon(client.edit_order_ws(placed["id"], SPOT, "limit", "buy", 0.02, 49_000))
    (amended,) = await soon(change)
    assert (amended["amount"], amended["price"]) == (0.02, 49_000)
    end = await listening(client.watch_orders(SPOT))
    await soon(client.cancel_order_ws(placed["id"], SPOT))
    (canceled,) = await soon(end)
    assert canceled["status"] == "canceled"


async def test_fills_positions_and_cash_stream(client: Client) -> None:
    trades = asyncio.create_task(client.watch_my_trades(SWAP))
    positions = asyncio.create_task(client.watch_positions([SWAP]))
    cash = (await soon(client.watch_balance()))["USDT"]["total"]
    await asyncio.sleep(0.5)
    placed = await soon(client.create_order_ws(SWAP, "market", "buy", 1, None, {"tdMode": "cross"}))
    (trade,) = await soon(trades)
    assert (trade["order"], trade["amount"], trade["takerOrMaker"]) == (placed["id"], 1, "taker")
    # The first answer is what was held when it began to listen.
    while not (held := await soon(positions)):
        positions = asyncio.create_task(client.watch_positions([SWAP]))
    assert [(row["contracts"], row["side"]) for row in held] == [(1, "long")]
    paid = await soon(client.watch_balance())
    assert paid["USDT"]["total"] == pytest.approx(cash - trade["fee"]["cost"], abs=50)
    await soon(client.close_position(SWAP, params={"marginMode": "cross"}))
