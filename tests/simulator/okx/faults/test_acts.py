"""The exchange changed by hand: by a rule, or by whoever runs it through the admin port."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from fairlead.clock import VirtualClock
from fairlead.simulator.okx.faults.rules import FaultRule
from fairlead.simulator.okx.gateway import RawAnswer
from fairlead.simulator.okx.sockets.channel import Place
from fairlead.simulator.okx.sockets.codes import Close
from tests.simulator.okx.faults.faulty_world import FaultyWorld
from tests.simulator.okx.okx_world import START_MS

LONG = {"instId": "BTC-USDT-SWAP", "tdMode": "isolated", "side": "buy", "ordType": "market", "sz": "10"}


def rule(kind: str, **params: object) -> FaultRule:
    return msgspec.convert({"id": kind, "kind": kind, "count": 1, "params": params}, FaultRule)


async def admin(world: FaultyWorld, method: str, path: str, body: object = None, status: int = 200) -> Any:  # noqa: ANN401 - JSON
    content = b"" if body is None else msgspec.json.encode(body)
    answer = await world.okx.admin.answer(method, f"/sim{path}", content)
    assert answer.status == status, answer.body
    return msgspec.json.decode(answer.body)


async def ask(world: FaultyWorld, path: str = "/account/balance") -> dict[str, Any]:
    answer = await world.get(path)
    assert isinstance(answer, RawAnswer)
    return msgspec.json.decode(answer.body, type=dict[str, Any])


async def test_a_revoked_key_opens_nothing_and_its_sockets_are_closed() -> None:
    world = FaultyWorld(rule("key_revoked"))
    client = world.connect("orders")
    assert (await ask(world))["code"] == "50119"
    assert client.closed == [Close.KEY_CHANGED]


async def test_a_frozen_key_thaws() -> None:
    world = FaultyWorld(rule("key_frozen"))
    assert (await ask(world))["code"] == "50100"
    assert await admin(world, "POST", "/keys", {"account": "k1", "action": "thaw"}) == {"keys": 1}
    assert (await ask(world))["code"] == "0"


@pytest.mark.parametrize("jump_ms", [60_000, -60_000])
async def test_a_clock_that_jumps_refuses_the_timestamps_of_before(jump_ms: int) -> None:
    world = FaultyWorld(rule("clock_jump", jump_ms=jump_ms))
    assert (await ask(world))["code"] == "50102"
    assert (await ask(world))["code"] == "0"


async def test_a_balance_changes_by_hand_and_its_owner_is_told() -> None:
    world = FaultyWorld(rule("balance_changed", currency="USDT", amount="-1000"))
    client = world.connect("account")
    (row,) = (await ask(world))["data"]
    assert [one["cashBal"] for one in row["details"] if one["ccy"] == "USDT"] == ["99000"]
    assert any(one.get("eventType") == "event_update" for one in client.take())


async def test_what_cannot_be_done_is_noted_at_its_rule() -> None:
    world = FaultyWorld(rule("balance_changed", currency="USDT", amount="-1000000"))
    assert (await ask(world))["code"] == "0"
    (state,) = (await admin(world, "GET", "/faults"))["faults"]
    assert state["struck"] == 1
    assert "51008" in state["refused"] or "USDT" in state["refused"]


async def test_a_position_is_closed_by_hand() -> None:
    world = FaultyWorld()
    await world.post("/trade/order", LONG)
    assert await admin(world, "POST", "/position/close", {"account": "k1"}) == {"closed": 1}
    assert not world.okx.exchange.accounts.positions("k1")


@pytest.mark.parametrize("side", ["buy", "sell"])
@pytest.mark.parametrize("mode", ["isolated", "cross"])
async def test_a_position_is_liquidated_and_the_price_goes_on_as_before(side: str, mode: str) -> None:
    world = FaultyWorld(members=("k1:s1:p1:USDT=3000",))
    await world.post("/trade/order", LONG | {"side": side, "tdMode": mode})
    before = world.okx.exchange.markets.quote("BTC-USDT-SWAP").mark
    assert await admin(world, "POST", "/position/liquidate", {"account": "k1"}) == {"liquidated": 1}
    assert not world.okx.exchange.accounts.positions("k1")
    world.clock.advance(60_000)
    world.okx.venue.advance()
    assert abs(world.okx.exchange.markets.quote("BTC-USDT-SWAP").mark / before - 1) < Decimal("0.02")


async def test_an_instrument_is_suspended_and_taken_back() -> None:
    world = FaultyWorld()
    await admin(world, "POST", "/instrument", {"instrument": "BTC-USDT-SWAP", "state": "suspended"})
    assert 'sCode":"0' not in str(await world.post("/trade/order", LONG))
    await admin(world, "POST", "/instrument", {"instrument": "BTC-USDT-SWAP", "state": "live"})
    assert 'sCode":"0' in str(await world.post("/trade/order", LONG))


async def test_a_tick_that_changes_is_told_and_moves_no_price() -> None:
    world = FaultyWorld()
    client = world.connect("instruments", Place.PUBLIC, instType="SWAP")
    before = world.okx.exchange.markets.quote("BTC-USDT-SWAP")
    change = {"instrument": "BTC-USDT-SWAP", "tick_size": "5", "lot_size": "1"}
    await admin(world, "POST", "/instrument", change)
    world.okx.sockets.tick()
    assert [row["tickSz"] for one in client.take() for row in one.get("data", [])] == ["5"]
    for _ in range(100):
        world.clock.advance(250)
        world.okx.venue.advance()
    quote = world.okx.exchange.markets.quote("BTC-USDT-SWAP")
    assert quote.bid % 5 == quote.ask % 5 == 0
    assert quote.bid < quote.ask
    assert abs(quote.mark / before.mark - 1) < Decimal("0.02")
    limit = LONG | {"ordType": "limit", "px": "60001", "sz": "1"}
    assert 'sCode":"0' not in str(await world.post("/trade/order", limit))
    assert 'sCode":"0' in str(await world.post("/trade/order", limit | {"px": "60000"}))


async def test_a_maintenance_is_announced_listed_and_closes_every_socket() -> None:
    clock = VirtualClock(START_MS)
    world = FaultyWorld(clock=clock)
    client = world.connect("orders")
    await admin(world, "POST", "/notice", {"delay_ms": 60_000, "duration_ms": 1_000})
    assert [one["code"] for one in client.take() if one.get("event") == "notice"] == ["64008"]
    assert [row["state"] for row in (await ask(world, "/system/status"))["data"]] == ["scheduled"]
    await clock.run_ms(60_000)
    assert client.closed == [Close.ABNORMAL]
    await clock.run_ms(1_000)
    assert [row["state"] for row in (await ask(world, "/system/status?state=completed"))["data"]] == ["completed"]


async def test_a_price_is_pinned_and_let_go() -> None:
    world = FaultyWorld()
    quote = (await admin(world, "POST", "/price", {"instrument": "BTC-USDT", "price": "50000"}))["quote"]
    assert quote["index"] == "50000"
    await admin(world, "POST", "/price", {"instrument": "BTC-USDT", "price": None})
    world.clock.advance(250)
    world.okx.venue.advance()
    assert world.okx.exchange.markets.quote("BTC-USDT").index > 59_000


async def test_the_books_witness_what_the_exchange_did() -> None:
    world = FaultyWorld()
    await world.post("/trade/order", LONG)
    books = await admin(world, "GET", "/books/k1")
    (order,) = books["orders"]
    assert (order["status"], order["filled_quantity"]) == ("filled", "10")
    assert sum(int(fill["quantity"]) for fill in books["fills"]) == 10
    assert [one["quantity"] for one in books["positions"]] == ["10"]
    assert {one["currency"] for one in books["balances"]} >= {"USDT", "BTC"}
    assert (await admin(world, "GET", "/books"))["accounts"] == ["k1"]


async def test_rules_come_and_go_while_it_runs() -> None:
    world = FaultyWorld()
    text = {"id": "a", "kind": "code_50011", "match": {"endpoint": "account/balance"}}
    assert await admin(world, "POST", "/faults", text) == {"added": "a"}
    assert (await ask(world))["code"] == "50011"
    assert "already" in (await admin(world, "POST", "/faults", text, 400))["error"]
    assert await admin(world, "DELETE", "/faults/a") == {"deleted": "a"}
    assert (await ask(world))["code"] == "0"
    await admin(world, "POST", "/faults", text | {"id": "b"})
    assert await admin(world, "DELETE", "/faults") == {"deleted": ["b"]}


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "named"),
    [
        ("POST", "/faults", {"id": "a", "kind": "reply_lost", "match": {"endpoint": "trade/ordr"}}, 400, "trade/ordr"),
        ("POST", "/balance", {"account": "k1", "currency": "USDT", "amuont": "1"}, 400, "amuont"),
        ("POST", "/balance", {"account": "nobody", "currency": "USDT", "amount": "1"}, 409, "nobody"),
        ("POST", "/position/close", {"account": "k1"}, 409, "no position"),
        ("POST", "/instrument", {"instrument": "NO-SUCH"}, 404, "NO-SUCH"),
        ("POST", "/price", {"instrument": "BTC-USDT", "price": "-1"}, 409, "above zero"),
        ("POST", "/time", {"advance_ms": 5}, 409, "virtual"),
        ("GET", "/books/nobody", None, 404, "nobody"),
        ("DELETE", "/faults/none", None, 404, "none"),
        ("PUT", "/faults", None, 404, "GET /sim"),
    ],
)
async def test_what_makes_no_sense_is_refused_with_a_reason(
    method: str, path: str, body: object, status: int, named: str
) -> None:
    assert named in (await admin(FaultyWorld(), method, path, body, status))["error"]


@pytest.mark.parametrize("jump_ms", [-3_600_000, 3_600_000, 20 * 86_400_000])
async def test_the_exchange_goes_on_after_its_clock_jumped(jump_ms: int) -> None:
    world = FaultyWorld()
    orders = world.connect("orders")
    candles = world.connect("candle1m", Place.BUSINESS, instId="BTC-USDT")
    await world.post("/trade/order", LONG)
    await admin(world, "POST", "/time", {"jump_ms": jump_ms})
    for _ in range(40):
        world.clock.advance(250)
        world.okx.venue.advance()
        world.okx.sockets.tick()
    assert (orders.closed, candles.closed) == ([], [])
    assert (await ask(world))["code"] == "0"
    assert (await ask(world, "/market/candles?instId=BTC-USDT"))["code"] == "0"
    assert 'sCode":"0' in str(await world.post("/trade/order", LONG | {"sz": "1"}))


async def test_a_clock_set_back_does_not_keep_a_rate_window_full() -> None:
    world = FaultyWorld()
    codes = [(await ask(world))["code"] for _ in range(11)]
    assert codes[-1] == "50011"
    await admin(world, "POST", "/time", {"jump_ms": -60_000})
    assert (await ask(world))["code"] == "0"
