from __future__ import annotations

from decimal import Decimal

from tests.simulator.okx.okx_world import OkxWorld

BUY = {"instId": "BTC-USDT-SWAP", "tdMode": "cross", "side": "buy", "ordType": "market", "sz": "1"}


def test_a_new_account_is_in_futures_and_net_mode_and_has_its_cash() -> None:
    world = OkxWorld("k1:s1:p1:USDT=500,BTC=2,ETH=0")
    (config,) = world.get("/account/config")["data"]
    assert (config["acctLv"], config["posMode"], config["perm"]) == ("2", "net_mode", "read_only,trade")
    (balance,) = world.get("/account/balance")["data"]
    assert {row["ccy"]: (row["cashBal"], row["availBal"]) for row in balance["details"]} == {
        "USDT": ("500", "500"),
        "BTC": ("2", "2"),
    }
    (asked,) = world.get("/account/balance", ccy="USDT,ETH")["data"]
    assert [(row["ccy"], row["eq"]) for row in asked["details"]] == [("USDT", "500"), ("ETH", "0")]


def test_a_position_has_its_leverage_margin_and_what_was_paid() -> None:
    world = OkxWorld()
    (told,) = world.post("/account/set-leverage", {"instId": "BTC-USDT-SWAP", "lever": 5, "mgnMode": "cross"})["data"]
    assert told == {"lever": "5", "mgnMode": "cross", "instId": "BTC-USDT-SWAP", "posSide": "net"}
    (info,) = world.get("/account/leverage-info", instId="BTC-USDT-SWAP", mgnMode="cross")["data"]
    assert (info["posSide"], info["lever"]) == ("net", "5")
    assert world.post("/trade/order", BUY)["code"] == "0"
    (held,) = world.get("/account/positions", instType="SWAP")["data"]
    assert (held["pos"], held["lever"], held["mgnMode"], held["posSide"]) == ("1", "5", "cross", "net")
    assert Decimal(held["fee"]) < 0
    assert Decimal(held["realizedPnl"]) == Decimal(held["pnl"]) + Decimal(held["fee"]) + Decimal(held["fundingFee"])
    assert Decimal(held["bePx"]) > Decimal(held["avgPx"])
    assert world.get("/account/positions", instId="ETH-USDT-SWAP")["data"] == []


def test_the_position_mode_cannot_change_while_something_is_held() -> None:
    world = OkxWorld()
    world.post("/trade/order", BUY)
    assert world.post("/account/set-position-mode", {"posMode": "long_short_mode"})["code"] == "59000"
    world = OkxWorld()
    assert world.post("/account/set-position-mode", {"posMode": "long_short_mode"})["code"] == "0"
    assert [
        row["posSide"] for row in world.get("/account/leverage-info", instId="BTC-USDT-SWAP", mgnMode="cross")["data"]
    ] == [
        "long",
        "short",
    ]


def test_what_can_be_bought_depends_on_price_and_leverage() -> None:
    world = OkxWorld()
    (spot,) = world.get("/account/max-size", instId="BTC-USDT", tdMode="cash", px="50000")["data"]
    assert (spot["maxBuy"], spot["maxSell"]) == ("2", "2")
    (low,) = world.get("/account/max-size", instId="BTC-USDT-SWAP", tdMode="cross", leverage="1")["data"]
    (high,) = world.get("/account/max-size", instId="BTC-USDT-SWAP", tdMode="cross", leverage="10")["data"]
    assert Decimal(high["maxBuy"]) > 5 * Decimal(low["maxBuy"])


def test_fees_are_written_as_negative_rates() -> None:
    (fee,) = OkxWorld().get("/account/trade-fee", instType="SWAP")["data"]
    assert (fee["maker"], fee["taker"], fee["feeGroup"][0]["taker"]) == ("-0.0002", "-0.0005", "-0.0005")


def test_cash_and_positions_are_told_together_as_risk() -> None:
    world = OkxWorld()
    world.post("/trade/order", BUY)
    (risk,) = world.get("/account/account-position-risk")["data"]
    assert [row["ccy"] for row in risk["balData"]] == ["USDT", "BTC"]
    assert [(row["instId"], row["pos"]) for row in risk["posData"]] == [("BTC-USDT-SWAP", "1")]
