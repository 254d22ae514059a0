"""What this exchange says has the keys and types of what OKX said when somebody recorded it.

``tests/data/okx_recorded_shapes.json`` holds keys and types of recorded and documented messages, without their values.
Every difference is in ``okx_shape_differences.toml`` with its reason; one that explains nothing any more must go.
"""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from fairlead.simulator.okx.sockets.channel import Place
from tests.simulator.okx.okx_world import OkxWorld
from tests.simulator.okx.shapes import Shape, differences, merge, shape_of

DATA: Final = Path(__file__).parents[2] / "data"
RECORDED: Final[list[dict[str, Any]]] = msgspec.json.decode((DATA / "okx_recorded_shapes.json").read_bytes())
SWAP, SPOT = "BTC-USDT-SWAP", "BTC-USDT"
LIMIT = {"instId": SPOT, "tdMode": "cash", "side": "buy", "ordType": "limit", "px": "50000", "sz": "0.01"}
MARKET = {"instId": SWAP, "tdMode": "cross", "side": "buy", "ordType": "market", "sz": "1"}
STOP = {"instId": SWAP, "tdMode": "cross", "side": "sell", "ordType": "conditional", "sz": "1"}
ALGO = {**STOP, "slTriggerPx": "50000", "slOrdPx": "-1"}


class Reason(msgspec.Struct, frozen=True):
    """Fields that differ in what is asked or told, and why."""

    about: str
    fields: tuple[str, ...]
    why: str

    def explains(self, about: str, difference: str) -> bool:
        """Whether it is about this difference."""
        return fnmatchcase(about, self.about) and difference in self.fields


REASONS: Final = msgspec.toml.decode((DATA / "okx_shape_differences.toml").read_bytes(), type=dict[str, list[Reason]])[
    "difference"
]


def lively_world() -> OkxWorld:
    """An exchange where a bit of everything has happened."""
    world = OkxWorld()
    for _ in range(40):
        world.clock.advance(250)
        world.venue.advance()
    world.post("/trade/order", {**LIMIT, "clOrdId": "resting"})
    world.post("/trade/order", {**LIMIT, "ordType": "market", "tgtCcy": "base_ccy"})
    world.post("/trade/order", MARKET)
    world.post("/trade/order-algo", ALGO)
    return world


ASK: Final[dict[str, Callable[[OkxWorld], dict[str, Any]]]] = {
    "GET account/account-position-risk": lambda world: world.get("/account/account-position-risk"),
    "GET account/balance": lambda world: world.get("/account/balance"),
    "GET account/bills": lambda world: world.get("/account/bills"),
    "GET account/config": lambda world: world.get("/account/config"),
    "GET account/leverage-info": lambda world: world.get("/account/leverage-info", instId=SWAP, mgnMode="cross"),
    "GET account/max-size": lambda world: world.get("/account/max-size", instId=SWAP, tdMode="cross"),
    "GET account/positions": lambda world: world.get("/account/positions"),
    "GET account/trade-fee": lambda world: world.get("/account/trade-fee", instType="SPOT", instId=SPOT),
    "GET market/books": lambda world: world.get("/market/books", instId=SPOT, sz="20"),
    "GET market/candles": lambda world: world.get("/market/candles", instId=SPOT),
    "GET market/index-tickers": lambda world: world.get("/market/index-tickers", instId=SPOT),
    "GET market/ticker": lambda world: world.get("/market/ticker", instId=SPOT),
    "GET market/trades": lambda world: world.get("/market/trades", instId=SPOT),
    "GET public/funding-rate": lambda world: world.get("/public/funding-rate", instId=SWAP),
    "GET public/funding-rate-history": lambda world: world.get("/public/funding-rate-history", instId=SWAP),
    # There are no dated futures here; a perpetual has the same fields.
    "GET public/instruments FUTURES": lambda world: world.get("/public/instruments", instType="SWAP"),
    "GET public/instruments SPOT": lambda world: world.get("/public/instruments", instType="SPOT"),
    "GET public/instruments SWAP": lambda world: world.get("/public/instruments", instType="SWAP"),
    "GET public/mark-price": lambda world: world.get("/public/mark-price", instType="SWAP", instId=SWAP),
    "GET public/position-tiers": lambda world: world.get(
        "/public/position-tiers", instType="SWAP", tdMode="cross", instFamily="BTC-USDT"
    ),
    "GET public/time": lambda world: world.get("/public/time"),
    "GET trade/fills": lambda world: world.get("/trade/fills"),
    "GET trade/order": lambda world: world.get("/trade/order", instId=SPOT, clOrdId="resting"),
    "GET trade/orders-algo-pending": lambda world: world.get("/trade/orders-algo-pending", ordType="conditional"),
    "GET trade/orders-pending": lambda world: world.get("/trade/orders-pending"),
    "POST account/set-leverage": lambda world: world.post(
        "/account/set-leverage", {"instId": SWAP, "lever": "3", "mgnMode": "cross"}
    ),
    "POST trade/batch-orders": lambda world: world.post("/trade/batch-orders", [LIMIT, LIMIT]),
    "POST trade/cancel-all-after": lambda world: world.post("/trade/cancel-all-after", {"timeOut": "10"}),
    "POST trade/cancel-order": lambda world: world.post("/trade/cancel-order", {"instId": SPOT, "clOrdId": "resting"}),
    "POST trade/close-position": lambda world: world.post(
        "/trade/close-position", {"instId": SWAP, "mgnMode": "cross", "autoCxl": True}
    ),
    "POST trade/order": lambda world: world.post("/trade/order", LIMIT),
    "POST trade/order-algo": lambda world: world.post("/trade/order-algo", ALGO),
}
PRIVATE: Final = [
    {"channel": "account"},
    {"channel": "balance_and_position"},
    {"channel": "orders", "instType": "ANY"},
]
PUBLIC: Final = ("bbo-tbt", "books", "funding-rate", "mark-price", "tickers", "trades")


def told_by_sockets() -> dict[str, Shape]:
    """The shape of every kind of message that sockets tell while something happens."""
    world = lively_world()
    heard: list[dict[str, Any]] = []
    public, private, business = (world.connect(place) for place in (Place.PUBLIC, Place.PRIVATE, Place.BUSINESS))
    heard += private.log_in()
    heard += private.send({"op": "subscribe", "args": PRIVATE})
    args = [{"channel": name, "instId": SWAP} for name in PUBLIC] + [{"channel": "instruments", "instType": "SWAP"}]
    heard += public.send({"op": "subscribe", "args": args})
    heard += business.send({"op": "subscribe", "args": [{"channel": "candle1m", "instId": SPOT}]})
    world.post("/trade/order", MARKET)
    for _ in range(40):
        world.clock.advance(250)
        world.venue.advance()
        world.sockets.tick()
    for socket in (public, private, business):
        heard += socket.take()
    told: dict[str, list[Shape]] = {}
    for message in heard:
        told.setdefault(name_of(message), []).append(shape_of(message))
    return {name: merge(shapes)[0] for name, shapes in told.items()}


def name_of(message: dict[str, Any]) -> str:
    if "event" in message:
        return f"event {message['event']}"
    channel = str(message["arg"]["channel"])
    plain = "candle" if channel.startswith("candle") else channel
    return f"push {plain} {message.get('action', '')}".strip()


def found_differences() -> list[tuple[str, str]]:
    """What each recording has otherwise, and what none of a kind has."""
    here = told_by_sockets()
    there: dict[str, list[Shape]] = {}
    found = []
    for recorded in RECORDED:
        about = recorded["about"]
        if about not in here:
            here[about] = shape_of(ASK[about](lively_world()))
        there.setdefault(about, []).append(recorded["shape"])
        found += [(about, one) for one in differences(recorded["shape"], here[about]) if not one.startswith("+")]
    for about, shapes in there.items():
        found += [(about, one) for one in differences(merge(shapes)[0], here[about]) if one.startswith("+")]
    return found


@pytest.fixture(name="found", scope="module")
def _found() -> list[tuple[str, str]]:
    return found_differences()


def test_every_difference_to_what_was_recorded_has_a_reason(found: list[tuple[str, str]]) -> None:
    unexplained = [
        f"{about}: {difference}"
        for about, difference in found
        if not any(reason.explains(about, difference) for reason in REASONS)
    ]
    assert not unexplained, "\n".join(unexplained)


def test_every_reason_explains_a_difference(found: list[tuple[str, str]]) -> None:
    idle = [
        f"{reason.about}: {difference}"
        for reason in REASONS
        for difference in reason.fields
        if not any(one == difference and reason.explains(about, one) for about, one in found)
    ]
    assert not idle, "\n".join(idle)


def test_a_missing_field_and_another_type_are_found() -> None:
    there = shape_of({"data": [{"a": "1", "b": 2}, {"c": []}]})
    here = shape_of({"data": [{"a": 1, "c": [{"d": None}], "e": ""}]})
    assert list(differences(there, here)) == ["data.a: string there, number here", "-data.b", "+data.e"]
