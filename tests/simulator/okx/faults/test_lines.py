"""WebSockets that go wrong: pushes lost, doubled, swapped and late, operations without a reply."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

import msgspec
import pytest

from fairlead.simulator.okx.faults.rules import FaultRule
from fairlead.simulator.okx.sockets.channel import Place
from fairlead.simulator.okx.sockets.codes import Close
from tests.simulator.okx.faults.faulty_world import FaultyClient, FaultyWorld

SELL = {"instId": "BTC-USDT", "tdMode": "cash", "side": "sell", "ordType": "market", "sz": "0.01"}
REST = SELL | {"ordType": "limit", "px": "61000"}


def rule(kind: str, endpoint: str, **params: object) -> FaultRule:
    plain = {"id": kind, "kind": kind, "match": {"endpoint": endpoint}, "count": 1, "params": params}
    return msgspec.convert(plain, FaultRule)


async def trade(client: FaultyClient, arg: dict[str, str], **more: object) -> list[dict[str, Any]]:
    """Send an order over the socket; what it was told once everything is quiet."""
    client.send({"id": "1", "op": "order", "args": [arg], **more})
    for _ in range(20):
        await asyncio.sleep(0)
    return client.take()


def states(told: list[dict[str, Any]]) -> list[str]:
    return [row["state"] for one in told if one.get("arg") for row in one["data"]]


async def test_a_push_is_lost_doubled_or_overtaken() -> None:
    expected = {
        "push_lost": ["filled"],
        "push_duplicated": ["live", "live", "filled"],
        "push_reordered": ["filled", "live"],
        "push_delayed": ["filled", "live"],
    }
    for kind, seen in expected.items():
        params = {"delay_ms": 100} if kind == "push_delayed" else {}
        world = FaultyWorld(rule(kind, "orders", **params))
        assert states(await trade(world.connect("orders"), SELL)) == seen, kind


async def test_a_push_that_nothing_overtakes_comes_late() -> None:
    world = FaultyWorld(rule("push_reordered", "orders"))
    client = world.connect("orders")
    assert states(await trade(client, REST)) == ["live"]


async def test_after_a_part_fill_nothing_is_told_for_a_while_though_the_order_goes_on() -> None:
    world = FaultyWorld(rule("partial_fill_then_silence", "orders", duration_ms=10_000))
    client = world.connect("orders")
    sweep = SELL | {"instId": "BTC-USDT-SWAP", "tdMode": "cross", "sz": "300"}
    assert states(await trade(client, sweep)) == ["live", "partially_filled"]
    order = world.okx.exchange.accounts.finished_orders("k1")[-1]
    assert order.filled_quantity == 300
    assert states(await trade(client, REST)) == []
    world.clock.advance(10_000)
    assert states(await trade(client, REST)) == ["live"]


@pytest.mark.parametrize(("kind", "orders"), [("request_lost", 0), ("accept_then_time_out", 1)])
async def test_an_operation_without_a_reply_may_have_been_carried_out(kind: str, orders: int) -> None:
    world = FaultyWorld(rule(kind, "order"))
    client = world.connect("orders")
    told = await trade(client, REST)
    assert not any(one.get("op") for one in told)
    assert len(world.open_orders()) == orders
    assert len(states(told)) == orders
    again = await trade(client, REST)
    assert [one["code"] for one in again if one.get("op")] == ["0"]


@pytest.mark.parametrize(("kind", "orders"), [("reset_before", 0), ("reset_after", 1), ("reply_lost", 1)])
async def test_a_socket_that_breaks_leaves_its_operation_in_doubt(kind: str, orders: int) -> None:
    world = FaultyWorld(rule(kind, "order"))
    client = world.connect("orders")
    assert not any(one.get("op") for one in await trade(client, REST))
    assert client.is_cut or client.closed
    assert len(world.open_orders()) == orders


@pytest.mark.parametrize(("kind", "code"), [("code_50013", "50013"), ("html_5xx", "64007")])
async def test_a_code_comes_as_the_reply_to_its_operation(kind: str, code: str) -> None:
    world = FaultyWorld(rule(kind, "order", taken=True))
    (reply,) = [one for one in await trade(world.connect("orders"), REST) if one.get("op")]
    assert (reply["id"], reply["code"], reply["data"]) == ("1", code, [])
    assert len(world.open_orders()) == 1


async def test_an_operation_that_waits_behind_its_deadline_is_refused() -> None:
    world = FaultyWorld(rule("deadline_missed", "order"))
    deadline = str(world.clock.now_ms() + 1_000)
    (reply,) = [one for one in await trade(world.connect("orders"), REST, expTime=deadline) if one.get("op")]
    assert "50036" in str(reply)
    assert not world.open_orders()


async def test_a_socket_drops_at_a_push() -> None:
    client = FaultyWorld(rule("socket_drop", "orders")).connect("orders")
    await trade(client, SELL)
    assert client.is_cut


async def test_a_book_misses_a_change_and_its_numbers_say_so() -> None:
    world = FaultyWorld(rule("sequence_missed", "books"))
    client = world.connect("books", Place.PUBLIC, instId="BTC-USDT")
    rows = []
    for _ in range(40):
        world.clock.advance(250)
        world.okx.venue.advance()
        world.okx.sockets.tick()
        rows += [one["data"][0] for one in client.take() if one.get("action") == "update"]
    gaps = [after for before, after in pairwise(rows) if after["prevSeqId"] != before["seqId"]]
    assert len(gaps) == 1


@pytest.mark.parametrize("kind", ["key_revoked", "key_frozen"])
async def test_a_key_that_is_taken_away_trades_no_more_over_its_open_socket(kind: str) -> None:
    world = FaultyWorld(rule(kind, "order"))
    client = world.connect("orders")
    told = await trade(client, REST)
    assert not world.open_orders()
    assert [one["code"] for one in told if one.get("event") == "error"] == ["60011"]
    assert client.closed == [Close.KEY_CHANGED]
