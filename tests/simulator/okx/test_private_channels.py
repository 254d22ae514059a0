from __future__ import annotations

from decimal import Decimal
from typing import Any

from tests.simulator.okx.okx_world import OkxWorld, SocketClient

MARKET = {"instId": "BTC-USDT-SWAP", "tdMode": "cross", "side": "buy", "ordType": "market", "sz": "1"}


def listen(world: OkxWorld, *channels: str) -> SocketClient:
    socket = world.connect()
    socket.log_in()
    socket.send({"op": "subscribe", "args": [{"channel": name, "instType": "ANY"} for name in channels]})
    return socket


def told(socket: SocketClient, channel: str) -> list[dict[str, Any]]:
    return [row for push in socket.take() if push.get("arg", {}).get("channel") == channel for row in push["data"]]


def test_an_order_that_fills_at_once_is_told_live_then_filled_with_what_each_update_did() -> None:
    world = OkxWorld()
    socket = listen(world, "orders")
    world.post("/trade/order", {**MARKET, "clOrdId": "m1"})
    rows = told(socket, "orders")
    assert [row["state"] for row in rows] == ["live", *["partially_filled"] * (len(rows) - 2), "filled"]
    assert (rows[0]["accFillSz"], rows[0]["fillSz"], rows[0]["fillFee"], rows[0]["avgPx"]) == ("0", "0", "0", "")
    assert (rows[-1]["accFillSz"], rows[-1]["execType"], rows[-1]["clOrdId"]) == ("1", "T", "m1")


def test_an_order_that_is_refused_is_never_told_of() -> None:
    world = OkxWorld()
    socket = listen(world, "orders")
    assert world.post("/trade/order", {**MARKET, "sz": "0.001"})["code"] == "1"
    assert told(socket, "orders") == []


def test_a_post_only_order_that_would_take_is_told_canceled_and_nothing_else() -> None:
    world = OkxWorld()
    socket = listen(world, "orders")
    wish = {**MARKET, "ordType": "post_only", "px": str(world.exchange.markets.quote("BTC-USDT-SWAP").ask)}
    assert world.post("/trade/order", wish)["code"] == "0"
    assert [(row["state"], row["cancelSource"]) for row in told(socket, "orders")] == [("canceled", "31")]


def test_cash_and_holdings_are_told_whole_first_and_then_what_changed() -> None:
    world = OkxWorld()
    socket = world.connect()
    socket.log_in()
    args = [{"channel": "account"}, {"channel": "positions", "instType": "SWAP"}, {"channel": "balance_and_position"}]
    first = [push for push in socket.send({"op": "subscribe", "args": args}) if "data" in push]
    assert [(push["arg"]["channel"], push.get("eventType")) for push in first] == [
        ("account", "snapshot"),
        ("positions", "snapshot"),
        ("balance_and_position", None),
    ]
    assert (len(first[0]["data"][0]["details"]), first[1]["data"]) == (2, [])
    world.post("/trade/order", MARKET)
    pushes = [push for push in socket.take() if "data" in push]
    assert [(push["arg"]["channel"], push.get("eventType")) for push in pushes] == [
        ("account", "event_update"),
        ("positions", "event_update"),
        ("balance_and_position", None),
    ]
    assert [row["ccy"] for row in pushes[0]["data"][0]["details"]] == ["USDT"]
    (opened,) = pushes[1]["data"]
    assert opened["pos"] == "1"
    both = pushes[2]["data"][0]
    assert (both["eventType"], [trade["instId"] for trade in both["trades"]]) == ("filled", [MARKET["instId"]])
    world.post("/trade/order", {**MARKET, "side": "sell", "reduceOnly": True})
    pushes = [push for push in socket.take() if "data" in push]
    assert pushes[1]["data"][0]["pos"] == "0"
    assert pushes[1]["data"][0]["posId"] == opened["posId"]


def test_nobody_hears_of_another_account() -> None:
    world = OkxWorld("k1:s1:p1", "k2:s2:p2")
    other = world.members.pop(0)
    socket = listen(world, "orders", "positions")
    world.members.insert(0, other)
    world.post("/trade/order", MARKET)
    assert told(socket, "orders") == []
    assert socket.take() == []


def test_more_than_thirty_connections_to_one_channel_are_counted_and_refused() -> None:
    world = OkxWorld()
    counts = []
    for _ in range(31):
        socket = world.connect()
        socket.log_in()
        events = socket.send({"op": "subscribe", "args": [{"channel": "account"}]})
        counts += [(event["event"], event["connCount"]) for event in events if "connCount" in event]
    assert counts[29:] == [("channel-conn-count", "30"), ("channel-conn-count-error", "30")]


def test_why_cash_moved_is_told() -> None:
    world = OkxWorld()
    socket = listen(world, "balance_and_position")
    socket.take()
    world.exchange.deposit("k1", "USDT", Decimal(5))
    world.venue.settle()
    assert [row["eventType"] for row in told(socket, "balance_and_position")] == ["transferred"]


def test_an_amendment_is_told_with_the_number_of_its_request() -> None:
    world = OkxWorld()
    socket = listen(world, "orders")
    wish = {**MARKET, "ordType": "limit", "px": "59000", "clOrdId": "a"}
    world.post("/trade/order", wish)
    world.post("/trade/amend-order", {"instId": wish["instId"], "clOrdId": "a", "newSz": "2", "reqId": "r7"})
    opened, amended = told(socket, "orders")
    assert (opened["sz"], opened["reqId"], opened["amendResult"]) == ("1", "", "")
    assert (amended["sz"], amended["reqId"], amended["amendResult"]) == ("2", "r7", "0")


def test_a_position_ends_under_its_number_though_nobody_heard_it_begin() -> None:
    world = OkxWorld()
    order = {"instId": "BTC-USDT-SWAP", "tdMode": "cross", "side": "buy", "ordType": "market", "sz": "1"}
    world.post("/trade/order", order)
    client = world.connect()
    client.log_in()
    told = client.send({"op": "subscribe", "args": [{"channel": "positions", "instType": "SWAP"}]})
    (number,) = (row["posId"] for one in told for row in one.get("data", []))
    world.post("/trade/close-position", {"instId": "BTC-USDT-SWAP", "mgnMode": "cross"})
    assert [(row["posId"], row["pos"]) for one in client.take() for row in one.get("data", [])] == [(number, "0")]
