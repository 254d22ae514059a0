from __future__ import annotations

from decimal import Decimal
from typing import Any

from tests.simulator.okx.okx_world import OkxWorld


def limit(**changes: object) -> dict[str, Any]:
    return {
        "instId": "BTC-USDT",
        "tdMode": "cash",
        "side": "buy",
        "ordType": "limit",
        "px": "50000",
        "sz": "0.01",
        "clOrdId": "abc1",
        **changes,
    }


def market(**changes: object) -> dict[str, Any]:
    return limit(ordType="market", px="", **changes)


def item(answer: dict[str, Any]) -> tuple[str, str, str]:
    (row,) = answer["data"]
    return answer["code"], row["sCode"], row["sMsg"]


def test_an_order_that_rests_is_found_by_either_id_and_can_be_canceled() -> None:
    world = OkxWorld()
    placed = world.post("/trade/order", limit(tag="t1"))
    (row,) = placed["data"]
    assert (placed["code"], row["clOrdId"], row["tag"], row["sCode"]) == ("0", "abc1", "t1", "0")
    by_id = world.get("/trade/order", instId="BTC-USDT", ordId=row["ordId"])["data"]
    assert by_id == world.get("/trade/order", instId="BTC-USDT", clOrdId="abc1")["data"]
    assert (by_id[0]["state"], by_id[0]["tag"], by_id[0]["px"], by_id[0]["avgPx"]) == ("live", "t1", "50000", "")
    assert item(world.post("/trade/cancel-order", {"instId": "BTC-USDT", "clOrdId": "abc1"})) == ("0", "0", "")
    (gone,) = world.get("/trade/order", instId="BTC-USDT", clOrdId="abc1")["data"]
    assert (gone["state"], gone["cancelSource"]) == ("canceled", "1")


def test_a_spot_market_buy_spends_quote_currency_unless_told_otherwise() -> None:
    world = OkxWorld()
    world.post("/trade/order", market(sz="600", clOrdId="q"))
    world.post("/trade/order", market(sz="0.01", clOrdId="b", tgtCcy="base_ccy"))
    (spent,) = world.get("/trade/order", instId="BTC-USDT", clOrdId="q")["data"]
    (bought,) = world.get("/trade/order", instId="BTC-USDT", clOrdId="b")["data"]
    assert (spent["state"], spent["tgtCcy"], bought["accFillSz"]) == ("filled", "quote_ccy", "0.01")
    assert Decimal(spent["accFillSz"]) * Decimal(spent["avgPx"]) <= 600
    assert (Decimal(spent["fee"]) < 0, spent["feeCcy"]) == (True, "BTC")


def test_numbers_and_empty_texts_are_read_as_leniently_as_clients_send_them() -> None:
    world = OkxWorld()
    body = limit(px=50000.5, sz=0.01, posSide="", ccy="USDT", attachAlgoOrds=None, reduceOnly="", unknown=[1])
    assert item(world.post("/trade/order", body))[1] == "0"


def test_each_refusal_has_its_code_and_wording() -> None:
    world = OkxWorld()
    for changes, expected in (
        ({"sz": ""}, ("50014", "Parameter sz can not be empty.")),
        ({"px": "abc"}, ("51000", "Parameter px error")),
        ({"clOrdId": "a-b"}, ("51000", "Parameter clOrdId error")),
        ({"tdMode": "cross"}, ("51010", "Request unsupported under current account mode")),
        ({"instId": "X-Y"}, ("51001", "Instrument ID, Instrument ID code or Spread ID doesn't exist.")),
        ({"sz": "0.000000001"}, ("51121", "Order quantity must be a multiple of the lot size.")),
        ({"sz": "10"}, ("51008", "Order failed. Insufficient USDT balance in account")),
    ):
        assert item(world.post("/trade/order", limit(**changes))) == ("1", *expected)


def test_a_batch_answers_for_each_order_and_sums_up() -> None:
    world = OkxWorld()
    answer = world.post("/trade/batch-orders", [limit(), limit(clOrdId="b", sz="10"), limit()])
    assert (answer["code"], [row["sCode"] for row in answer["data"]]) == ("2", ["0", "51008", "51016"])


def test_a_request_after_its_deadline_places_nothing() -> None:
    world = OkxWorld()
    late = world.post("/trade/order", limit(), {"exptime": str(world.clock.now_ms() - 1)})
    assert (late["code"], late["data"]) == ("50036", [])
    assert world.get("/trade/order", instId="BTC-USDT", clOrdId="abc1")["code"] == "51603"


def test_an_amended_order_has_its_new_total_size_and_price() -> None:
    world = OkxWorld()
    world.post("/trade/order", limit())
    change = {"instId": "BTC-USDT", "clOrdId": "abc1", "newSz": "0.02", "newPx": "49000", "reqId": "r1"}
    (row,) = world.post("/trade/amend-order", change)["data"]
    assert (row["sCode"], row["reqId"]) == ("0", "r1")
    (order,) = world.get("/trade/order", instId="BTC-USDT", clOrdId="abc1")["data"]
    assert (order["sz"], order["px"]) == ("0.02", "49000")
