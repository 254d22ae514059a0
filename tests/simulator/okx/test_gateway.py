from __future__ import annotations

import msgspec

from fairlead.simulator.okx.gateway import RawAnswer
from tests.simulator.okx.okx_world import OkxWorld


def read(answer: RawAnswer) -> tuple[int, str]:
    return answer.status, msgspec.json.decode(answer.body)["code"]


def test_the_time_is_that_of_the_exchange() -> None:
    world = OkxWorld()
    assert world.get("/public/time") == {"code": "0", "msg": "", "data": [{"ts": str(world.clock.now_ms())}]}


def test_an_unknown_path_and_a_wrong_verb_are_told_apart() -> None:
    world = OkxWorld()
    assert read(world.ask("GET", "/api/v5/public/nothing")) == (404, "404")
    assert read(world.ask("POST", "/api/v5/public/time")) == (405, "50115")


def test_more_requests_than_the_window_holds_are_refused_until_it_has_passed() -> None:
    world = OkxWorld()
    codes = [read(world.ask("GET", "/api/v5/public/time")) for _ in range(11)]
    assert codes == [(200, "0")] * 10 + [(429, "50011")]
    world.clock.advance(2_000)
    assert read(world.ask("GET", "/api/v5/public/time")) == (200, "0")
