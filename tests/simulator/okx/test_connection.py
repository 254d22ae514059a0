from __future__ import annotations

import pytest

from fairlead.simulator.okx.sockets.channel import Place
from tests.simulator.okx.okx_world import OkxWorld


def test_a_login_is_answered_first_and_once() -> None:
    socket = OkxWorld().connect()
    (first,) = socket.log_in()
    assert (first["event"], first["code"], len(first["connId"])) == ("login", "0", 8)
    (again,) = socket.log_in()
    assert (again["event"], again["code"], socket.closed_with) == ("error", "60031", None)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"apiKey": "nobody"}, "60032"),
        ({"sign": "x"}, "60007"),
        ({"passphrase": "x"}, "60007"),
        ({"timestamp": 1}, "60006"),
        ({"timestamp": "soon"}, "60004"),
    ],
)
def test_a_wrong_login_is_refused_and_the_socket_closed(changes: dict[str, object], code: str) -> None:
    world = OkxWorld()
    socket = world.connect()
    at = world.clock.now_ms() // 1000
    arg = {"apiKey": "k1", "passphrase": "p1", "timestamp": at, "sign": "wrong", **changes}
    (refused,) = socket.send({"op": "login", "args": [arg]})
    assert (refused["code"], socket.closed_with) == (code, 4001)


def test_an_order_over_the_socket_is_named_by_number_or_name_and_shares_the_limits_of_rest() -> None:
    world = OkxWorld()
    socket = world.connect()
    (refused,) = socket.send({"id": "1", "op": "order", "args": [{}]})
    assert refused["code"] == "60011"
    socket.log_in()
    wish = {"tdMode": "cash", "side": "buy", "ordType": "limit", "px": "50000", "sz": "0.001"}
    code = world.venue.catalogue.code_of("BTC-USDT")
    (placed,) = socket.send({"id": "r1", "op": "order", "args": [wish | {"instIdCode": code}]})
    assert (placed["id"], placed["op"], placed["code"], placed["data"][0]["sCode"]) == ("r1", "order", "0", "0")
    codes = [world.post("/trade/order", wish | {"instId": "BTC-USDT"})["code"] for _ in range(59)]
    assert set(codes) == {"0"}
    (refused,) = socket.send({"id": "r2", "op": "order", "args": [wish | {"instIdCode": code}]})
    assert (refused["code"], refused["data"]) == ("50011", [])


def test_what_is_no_request_is_answered_and_the_socket_stays() -> None:
    socket = OkxWorld().connect(Place.PUBLIC)
    assert [told["code"] for told in socket.send("{")] == ["60012"]
    assert [told["code"] for told in socket.send({"op": "dance"})] == ["60019"]
    unknown = {"op": "subscribe", "args": [{"channel": "gossip", "instId": None}]}
    assert [told["code"] for told in socket.send(unknown)] == ["60018"]


def test_a_connection_that_is_silent_for_too_long_is_closed_and_a_heartbeat_keeps_it() -> None:
    world = OkxWorld()
    silent, alive = world.connect(), world.connect()
    for _ in range(2):
        world.clock.advance(20_000)
        alive.send("ping")
        world.sockets.tick()
    assert (silent.closed_with, alive.closed_with) == (4004, None)


def test_the_connections_of_a_key_that_was_changed_are_closed() -> None:
    world = OkxWorld("k1:s1:p1")
    mine, other = world.connect(), world.connect()
    mine.log_in()
    world.sockets.drop_key("k1")
    assert (mine.closed_with, other.closed_with) == (4007, None)
