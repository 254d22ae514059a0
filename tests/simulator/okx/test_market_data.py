from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from fairlead.simulator.okx.bars import BARS, bar_before, bar_open
from fairlead.simulator.okx.sockets.channel import Place
from tests.simulator.okx.okx_world import START_MS, OkxWorld


def step(world: OkxWorld, steps: int = 1) -> None:
    for _ in range(steps):
        world.clock.advance(250)
        world.venue.advance()
        world.sockets.tick()


def test_instruments_are_listed_by_type_with_a_number_of_their_own() -> None:
    world = OkxWorld()
    swaps = world.get("/public/instruments", instType="SWAP")["data"]
    by_name = {row["instId"]: row for row in swaps}
    assert by_name["BTC-USDT-SWAP"]["ctVal"] == "0.01"
    assert (by_name["BTC-USD-SWAP"]["ctType"], by_name["BTC-USD-SWAP"]["ctValCcy"]) == ("inverse", "USD")
    spot = world.get("/public/instruments", instType="SPOT")["data"]
    codes = [row["instIdCode"] for row in swaps + spot]
    assert len(set(codes)) == len(codes)
    for empty in ("FUTURES", "OPTION", "MARGIN"):
        assert world.get("/public/instruments", instType=empty, uly="BTC-USD") == {"code": "0", "msg": "", "data": []}


def test_book_ticker_and_trades_tell_of_one_market() -> None:
    world = OkxWorld()
    step(world, 40)
    (book,) = world.get("/market/books", instId="BTC-USDT", sz="5")["data"]
    (ticker,) = world.get("/market/ticker", instId="BTC-USDT")["data"]
    trades = world.get("/market/trades", instId="BTC-USDT", limit="5")["data"]
    assert (book["bids"][0][0], book["asks"][0][0]) == (ticker["bidPx"], ticker["askPx"])
    assert (trades[0]["px"], len(book["bids"])) == (ticker["last"], 5)
    assert Decimal(ticker["low24h"]) <= Decimal(ticker["last"]) <= Decimal(ticker["high24h"])


@pytest.mark.parametrize("bar", BARS)
def test_bars_follow_each_other_without_a_gap(bar: str) -> None:
    open_ms = bar_open(bar, START_MS)
    for _ in range(20):
        before = bar_before(bar, open_ms)
        assert before < open_ms
        assert bar_open(bar, open_ms - 1) == bar_open(bar, before) == before
        open_ms = before


def test_long_bars_begin_in_hong_kong_unless_they_say_utc() -> None:
    assert bar_open("1Dutc", START_MS) % 86_400_000 == 0
    assert bar_open("1D", START_MS) % 86_400_000 == 16 * 3_600_000
    assert bar_open("1Wutc", START_MS) % (7 * 86_400_000) == 4 * 86_400_000


def test_candles_come_newest_first_and_go_back_before_the_exchange_opened() -> None:
    world = OkxWorld()
    step(world, 500)
    rows = world.get("/market/candles", instId="BTC-USDT", bar="1m", limit="300")["data"]
    times = [int(row[0]) for row in rows]
    assert times == list(range(times[0], times[0] - 300 * 60_000, -60_000))
    assert [row[8] for row in rows[:2]] == ["0", "1"]
    assert Decimal(rows[1][5]) > 0
    older = world.get("/market/history-candles", instId="BTC-USDT", bar="1m", after=str(times[-1]), limit="2")["data"]
    assert [int(row[0]) for row in older] == [times[-1] - 60_000, times[-1] - 120_000]
    for row in rows:
        opened, high, low, close = (Decimal(text) for text in row[1:5])
        assert low <= min(opened, close) <= max(opened, close) <= high
    again = OkxWorld()
    step(again, 500)
    assert again.get("/market/candles", instId="BTC-USDT", bar="1m", limit="300")["data"] == rows


def test_funding_is_told_with_its_history_and_its_next_time() -> None:
    world = OkxWorld()
    (now,) = world.get("/public/funding-rate", instId="BTC-USDT-SWAP")["data"]
    history = world.get("/public/funding-rate-history", instId="BTC-USDT-SWAP", limit="3")["data"]
    assert now["settFundingRate"] == history[0]["fundingRate"]
    assert int(now["fundingTime"]) - int(history[0]["fundingTime"]) == 8 * 3_600_000
    assert world.get("/public/funding-rate", instId="BTC-USDT")["code"] == "51000"


def rebuild(pushes: list[dict[str, Any]]) -> tuple[dict[str, str], dict[str, str], list[tuple[int, int]]]:
    sides: tuple[dict[str, str], dict[str, str]] = ({}, {})
    numbers = []
    for push in pushes:
        (row,) = push["data"]
        numbers.append((row["prevSeqId"], row["seqId"]))
        for side, levels in zip(sides, (row["bids"], row["asks"]), strict=True):
            for price, size, *_ in levels:
                side[price] = size
                if size == "0":
                    del side[price]
    return *sides, numbers


def test_a_book_can_be_kept_from_its_snapshot_and_changes() -> None:
    world = OkxWorld()
    socket = world.connect(Place.PUBLIC)
    socket.send({"id": "s1", "op": "subscribe", "args": [{"channel": "books", "instId": "BTC-USDT"}]})
    socket = world.connect(Place.PUBLIC)
    (event, first) = socket.send({"op": "subscribe", "args": [{"channel": "books", "instId": "BTC-USDT", "x": None}]})
    assert (event["event"], first["action"], first["data"][0]["prevSeqId"]) == ("subscribe", "snapshot", -1)
    step(world, 60)
    pushes = [push for push in socket.take() if push["arg"]["channel"] == "books"]
    bids, asks, numbers = rebuild([first, *pushes])
    (book,) = world.get("/market/books", instId="BTC-USDT", sz="400")["data"]
    assert ({row[0]: row[1] for row in book["bids"]}, {row[0]: row[1] for row in book["asks"]}) == (bids, asks)
    assert all(before == known for (_, known), (before, _) in pairwise(numbers))
    assert len(pushes) > 10


def test_a_lost_change_of_a_book_shows_in_its_numbers() -> None:
    world = OkxWorld()
    socket = world.connect(Place.PUBLIC)
    (_, first) = socket.send({"op": "subscribe", "args": [{"channel": "books", "instId": "BTC-USDT"}]})
    world.sockets.public.books_skipped.add("BTC-USDT")
    step(world, 60)
    numbers = rebuild([first, *socket.take()])[2]
    assert sum(before != known for (_, known), (before, _) in pairwise(numbers)) == 1


def test_each_public_channel_tells_something_to_a_new_listener_or_with_the_next_steps() -> None:
    world = OkxWorld()
    for place, names in (
        (Place.PUBLIC, ("tickers", "mark-price", "price-limit", "funding-rate", "trades", "books5", "bbo-tbt")),
        (Place.BUSINESS, ("candle1m", "candle1Dutc", "trades-all")),
    ):
        socket = world.connect(place)
        for name in names:
            told = socket.send({"op": "subscribe", "args": [{"channel": name, "instId": "BTC-USDT-SWAP"}]})
            assert told[0]["event"] == "subscribe", name
            step(world, 40)
            told += socket.take()
            assert any(push.get("arg", {}).get("channel") == name and push.get("data") for push in told), name


def test_candles_are_told_on_the_business_socket_only() -> None:
    socket = OkxWorld().connect(Place.PUBLIC)
    (refused,) = socket.send({"op": "subscribe", "args": [{"channel": "candle1m", "instId": "BTC-USDT"}]})
    assert refused["code"] == "60018"
