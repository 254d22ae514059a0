from __future__ import annotations

from decimal import Decimal

from tests.simulator.okx.okx_world import OkxWorld

LIMIT = {"instId": "BTC-USDT", "tdMode": "cash", "side": "buy", "ordType": "limit", "px": "50000", "sz": "0.001"}
SWAP = {"instId": "BTC-USDT-SWAP", "tdMode": "cross", "side": "buy", "ordType": "market", "sz": "2"}
HOUR_MS = 3_600_000


def test_open_orders_are_listed_newest_first_by_what_is_asked_for() -> None:
    world = OkxWorld()
    for name in ("a", "b", "c"):
        world.post("/trade/order", {**LIMIT, "clOrdId": name})
    assert [row["clOrdId"] for row in world.get("/trade/orders-pending")["data"]] == ["c", "b", "a"]
    assert world.get("/trade/orders-pending", instType="SWAP")["data"] == []
    (oldest,) = world.get("/trade/orders-pending", limit="2")["data"][1:]
    rows = world.get("/trade/orders-pending", after=oldest["ordId"])["data"]
    assert [row["clOrdId"] for row in rows] == ["a"]


def test_an_order_canceled_without_a_fill_is_told_of_for_two_hours() -> None:
    world = OkxWorld()
    world.post("/trade/order", {**LIMIT, "clOrdId": "a"})
    world.post("/trade/cancel-order", {"instId": "BTC-USDT", "clOrdId": "a"})
    assert [row["state"] for row in world.get("/trade/orders-history", instType="SPOT")["data"]] == ["canceled"]
    world.clock.advance(2 * HOUR_MS)
    assert world.get("/trade/orders-history", instType="SPOT")["data"] == []


def test_fills_and_bills_say_what_an_order_did_to_the_cash() -> None:
    world = OkxWorld()
    world.post("/trade/order", {**SWAP, "clOrdId": "m1", "tag": "t1"})
    fills = world.get("/trade/fills", instId="BTC-USDT-SWAP")["data"]
    assert sum(Decimal(row["fillSz"]) for row in fills) == 2
    assert {(row["clOrdId"], row["tag"], row["subType"], row["execType"]) for row in fills} == {("m1", "t1", "1", "T")}
    assert world.get("/trade/fills-history", instType="SPOT")["data"] == []
    bills = world.get("/account/bills", type="2")["data"]
    assert sum(Decimal(row["balChg"]) for row in bills) == sum(Decimal(row["fee"]) for row in fills)
    (balance,) = world.get("/account/balance", ccy="USDT")["data"]
    assert bills[0]["bal"] == balance["details"][0]["cashBal"]


def test_a_position_is_closed_whole_and_then_in_the_history() -> None:
    world = OkxWorld()
    world.post("/trade/order", SWAP)
    (row,) = world.post("/trade/close-position", {"instId": "BTC-USDT-SWAP", "mgnMode": "cross"})["data"]
    assert row == {"instId": "BTC-USDT-SWAP", "posSide": "net", "clOrdId": "", "tag": ""}
    assert world.get("/account/positions")["data"] == []
    (closed,) = world.get("/account/positions-history")["data"]
    assert (closed["instId"], closed["openMaxPos"], closed["type"]) == ("BTC-USDT-SWAP", "2", "2")
    again = world.post("/trade/close-position", {"instId": "BTC-USDT-SWAP", "mgnMode": "cross"})
    assert (again["code"], again["data"]) == ("51023", [])


def test_the_orders_of_an_account_are_counted_over_all_instruments() -> None:
    world = OkxWorld("k1:s1:p1:USDT=100000000")
    names = [row.symbol for row in world.exchange.instruments.values() if row.is_spot]
    quotes = {name: world.exchange.markets.quote(name) for name in names}
    codes = []
    for number in range(70):
        name = names[number % len(names)]
        batch = [{**LIMIT, "instId": name, "px": str(quotes[name].bid), "sz": "1e9"} for _ in range(15)]
        codes += [row["sCode"] for row in world.post("/trade/batch-orders", batch)["data"]]
    assert codes.count("50061") == len(codes) - 1_000
