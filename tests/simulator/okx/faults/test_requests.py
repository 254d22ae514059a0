"""Requests that go wrong over REST: what the sender gets, and what the exchange has done all the same."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from fairlead.simulator.okx.faults.rules import FaultRule
from fairlead.simulator.okx.faults.striking import Break
from fairlead.simulator.okx.gateway import RawAnswer
from tests.simulator.okx.faults.faulty_world import FaultyWorld

BUY = {"instId": "BTC-USDT", "tdMode": "cash", "side": "buy", "ordType": "limit", "px": "50000", "sz": "0.01"}


def rule(kind: str, **params: object) -> FaultRule:
    plain = {"id": kind, "kind": kind, "match": {"endpoint": "trade/order"}, "count": 1, "params": params}
    return msgspec.convert(plain, FaultRule)


def code_of(answer: RawAnswer | Break) -> str:
    assert isinstance(answer, RawAnswer)
    return str(msgspec.json.decode(answer.body)["code"])


@pytest.mark.parametrize(
    ("kind", "end", "orders"),
    [
        ("request_lost", Break.SILENCE, 0),
        ("reset_before", Break.RESET, 0),
        ("accept_then_time_out", Break.SILENCE, 1),
        ("reply_lost", Break.CLOSE, 1),
        ("reset_after", Break.RESET, 1),
    ],
)
async def test_who_gets_no_answer_cannot_know_whether_there_is_an_order(kind: str, end: Break, orders: int) -> None:
    world = FaultyWorld(rule(kind))
    assert await world.post("/trade/order", BUY) is end
    assert len(world.open_orders()) == orders
    assert code_of(await world.post("/trade/order", BUY)) == "0"


@pytest.mark.parametrize(
    ("code", "status"),
    [("50001", 503), ("50004", 400), ("50011", 429), ("50013", 429), ("50026", 500), ("50061", 200)],
)
async def test_a_code_of_the_gateway_comes_as_okx_words_it_and_nothing_was_done(code: str, status: int) -> None:
    world = FaultyWorld(rule(f"code_{code}"))
    answer = await world.post("/trade/order", BUY)
    assert isinstance(answer, RawAnswer)
    assert (code_of(answer), answer.status) == (code, status)
    assert not world.open_orders()


@pytest.mark.parametrize("kind", ["code_50001", "code_50004", "code_50013", "code_50026", "html_5xx"])
async def test_an_answer_that_says_nothing_may_hide_an_order(kind: str) -> None:
    world = FaultyWorld(rule(kind, taken=True))
    await world.post("/trade/order", BUY)
    assert len(world.open_orders()) == 1


async def test_a_broken_proxy_answers_in_html() -> None:
    answer = await FaultyWorld(rule("html_5xx", status=504)).post("/trade/order", BUY)
    assert isinstance(answer, RawAnswer)
    assert (answer.status, answer.content_type) == (504, "text/html")
    assert answer.body.startswith(b"<html>")


async def test_a_slow_reply_is_late_but_true() -> None:
    world = FaultyWorld(rule("slow_reply", delay_ms=3_000))
    began_ms = world.clock.now_ms()
    assert code_of(await world.post("/trade/order", BUY)) == "0"
    assert world.clock.now_ms() == began_ms + 3_000
    assert world.open_orders()[0].created_ms == began_ms


async def test_a_delayed_request_is_carried_out_late_but_within_its_deadline() -> None:
    world = FaultyWorld(rule("request_delayed", delay_ms=60_000))
    deadline_ms = world.clock.now_ms() + 5_000
    assert code_of(await world.post("/trade/order", BUY, deadline_ms=deadline_ms)) == "0"
    assert world.open_orders()[0].created_ms == deadline_ms


@pytest.mark.parametrize(("kind", "code"), [("deadline_missed", "50036"), ("deadline_waited_out", "50037")])
async def test_a_request_that_comes_after_its_deadline_is_never_carried_out(kind: str, code: str) -> None:
    world = FaultyWorld(rule(kind))
    answer = await world.post("/trade/order", BUY, deadline_ms=world.clock.now_ms() + 5_000)
    assert code in str(answer)
    assert not world.open_orders()


async def test_a_request_without_a_deadline_is_carried_out_however_late() -> None:
    world = FaultyWorld(rule("deadline_missed", delay_ms=20_000))
    began_ms = world.clock.now_ms()
    assert code_of(await world.post("/trade/order", BUY)) == "0"
    assert world.open_orders()[0].created_ms > began_ms + 19_999


async def test_a_fill_is_told_before_its_order_is_acknowledged() -> None:
    world = FaultyWorld(rule("fill_before_ack"))
    line = world.connect("orders")
    asked = asyncio.ensure_future(world.post("/trade/order", BUY | {"ordType": "market", "tgtCcy": "base_ccy"}))
    told: list[dict[str, Any]] = []
    while not told and not asked.done():
        await asyncio.sleep(0)
        told += line.heard()
    assert not asked.done()
    await asked
    assert [row["data"][0]["state"] for row in told if "data" in row][-1] == "filled"


async def test_a_rule_about_another_endpoint_leaves_a_request_alone() -> None:
    world = FaultyWorld(rule("reply_lost"))
    assert code_of(await world.get("/account/balance")) == "0"
