from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from fairlead.simulator.okx.sockets.channel import Place
from tests.simulator.okx.okx_world import OkxWorld

SYMBOL = "BTC-USDT-SWAP"
OPEN = {"instId": SYMBOL, "tdMode": "cross", "side": "buy", "ordType": "market", "sz": "1"}
STOP = {"instId": SYMBOL, "tdMode": "cross", "side": "sell", "sz": "1", "reduceOnly": "true", "algoClOrdId": "s1"}


def conditional(**changes: str) -> dict[str, str]:
    return {**STOP, "ordType": "conditional", "slTriggerPx": "50000", "slOrdPx": "-1", **changes}


def move_price(world: OkxWorld, price: str) -> None:
    world.exchange.feed_price(SYMBOL, Decimal(price), now_ms=world.clock.now_ms())
    world.venue.settle()


def listed(world: OkxWorld, path: str, **query: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = world.get(f"/trade/{path}", **query)["data"]
    return rows


def test_a_stop_waits_fires_and_sends_an_order_with_a_number_of_its_own() -> None:
    world = OkxWorld()
    world.post("/trade/order", OPEN)
    socket = world.connect(Place.BUSINESS)
    socket.log_in()
    socket.send({"op": "subscribe", "args": [{"channel": "orders-algo", "instType": "ANY"}]})
    (placed,) = world.post("/trade/order-algo", conditional())["data"]
    assert (placed["sCode"], placed["algoClOrdId"]) == ("0", "s1")
    (waiting,) = listed(world, "orders-algo-pending", ordType="conditional")
    assert (waiting["algoId"], waiting["state"], waiting["slTriggerPx"]) == (placed["algoId"], "live", "50000")
    assert listed(world, "orders-pending") == []
    move_price(world, "49900")
    (fired,) = listed(world, "orders-algo-history", ordType="conditional", state="effective")
    (child,) = listed(world, "order", instId=SYMBOL, ordId=fired["ordId"])
    assert (child["state"], child["algoId"], child["source"]) == ("filled", placed["algoId"], "7")
    assert world.get("/account/positions")["data"] == []
    states = [row["state"] for push in socket.take() if "data" in push for row in push["data"]]
    assert states == ["live", "effective"]


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (conditional(ordType="oco", tpTriggerPx="70000", tpOrdPx="70000"), "oco"),
        ({**STOP, "ordType": "trigger", "triggerPx": "50000", "orderPx": "-1"}, "trigger"),
        ({**STOP, "ordType": "trigger", "triggerPx": "70000", "orderPx": "69000", "side": "sell"}, "trigger"),
        ({**STOP, "ordType": "move_order_stop", "callbackRatio": "0.05"}, "move_order_stop"),
        (conditional(sz="", closeFraction="1"), "conditional"),
    ],
)
def test_each_kind_is_listed_as_it_was_sent_and_can_be_canceled(body: dict[str, str], kind: str) -> None:
    world = OkxWorld()
    world.post("/trade/order", OPEN)
    (placed,) = world.post("/trade/order-algo", body)["data"]
    assert placed["sCode"] == "0", placed
    (row,) = listed(world, "orders-algo-pending", ordType=kind)
    assert (row["ordType"], row["sz"]) == (kind, "1")
    (gone,) = world.post("/trade/cancel-algos", [{"instId": SYMBOL, "algoId": placed["algoId"]}])["data"]
    assert gone["sCode"] == "0"
    (row,) = listed(world, "orders-algo-history", ordType=kind, state="canceled")
    assert row["algoId"] == placed["algoId"]
    (again,) = world.post("/trade/cancel-algos", [{"instId": SYMBOL, "algoClOrdId": "s1"}])["data"]
    assert again["sCode"] == "51400"


def test_a_trigger_on_the_wrong_side_is_refused() -> None:
    world = OkxWorld()
    world.post("/trade/order", OPEN)
    (row,) = world.post("/trade/order-algo", conditional(slTriggerPx="99999"))["data"]
    assert (row["algoId"], row["sCode"]) == ("", "51278")


def test_a_waiting_stop_can_be_moved() -> None:
    world = OkxWorld()
    world.post("/trade/order", OPEN)
    world.post("/trade/order-algo", conditional())
    change = {"instId": SYMBOL, "algoClOrdId": "s1", "newSlTriggerPx": "51000", "newSz": "0.5"}
    assert world.post("/trade/amend-algos", change)["code"] == "0"
    (row,) = listed(world, "order-algo", algoClOrdId="s1")
    assert (row["slTriggerPx"], row["sz"]) == ("51000", "0.5")


def test_exits_attached_to_an_order_live_from_its_fill_on() -> None:
    world = OkxWorld()
    exits = [{"tpTriggerPx": "70000", "tpOrdPx": "-1", "slTriggerPx": "50000", "slOrdPx": "-1"}]
    world.post("/trade/order", {**OPEN, "attachAlgoOrds": exits})
    (row,) = listed(world, "orders-algo-pending", ordType="conditional,oco")
    assert (row["ordType"], row["side"], row["sz"], row["tpTriggerPx"]) == ("oco", "sell", "1", "70000")


def test_an_owner_who_is_not_heard_of_has_his_orders_canceled() -> None:
    world = OkxWorld()
    wish = {**OPEN, "ordType": "limit", "px": "59000"}
    world.post("/trade/order", {**wish, "clOrdId": "a", "tag": "t1"})
    world.post("/trade/order", {**wish, "clOrdId": "b"})
    (row,) = world.post("/trade/cancel-all-after", {"timeOut": 10, "tag": "t1"})["data"]
    assert int(row["triggerTime"]) * 1000 == world.clock.now_ms() + 10_000
    for seconds, left in ((9, ["b", "a"]), (1, ["b"])):
        world.clock.advance(seconds * 1000)
        world.venue.countdowns.act(world.exchange, world.venue.notes, world.clock.now_ms())
        assert [row["clOrdId"] for row in listed(world, "orders-pending")] == left
    (gone,) = listed(world, "order", instId=SYMBOL, clOrdId="a")
    assert (gone["state"], gone["cancelSource"]) == ("canceled", "20")
    assert world.post("/trade/cancel-all-after", {"timeOut": "5"})["code"] == "51000"


def test_switched_off_it_cancels_nothing() -> None:
    world = OkxWorld()
    world.post("/trade/order", {**OPEN, "ordType": "limit", "px": "59000"})
    world.post("/trade/cancel-all-after", {"timeOut": "10"})
    world.clock.advance(1_000)
    assert world.post("/trade/cancel-all-after", {"timeOut": "0"})["data"][0]["triggerTime"] == "0"
    world.clock.advance(60_000)
    world.venue.countdowns.act(world.exchange, world.venue.notes, world.clock.now_ms())
    assert len(listed(world, "orders-pending")) == 1
