"""Real processes with a real bot on the other end: hung, killed and started again."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.e2e.conftest import PASSWORD
from tests.e2e.processes import Server, run, run_json
from tests.notify.servers import PATIENCE_S, TOKEN, BotApi

pytestmark = pytest.mark.slow


class House:
    """A data folder with an owner, an account, a hook that waits, and a chat; its server is run by the test."""

    def __init__(self, data: Path, token: str, path: str, api: BotApi) -> None:
        self.data = data
        self.server = Server(data)
        self.api = api
        self._token = token
        self._path = path

    async def alert(self, key: str) -> float:
        """Send an alert and wait for its fill; returns how long that took."""
        body = {
            "authToken": self._token,
            "exchange": "okx",
            "symbol": "BTC-USDT",
            "type": "spot",
            "side": "buy",
            "qty": "1%",
            "idempotencyKey": key,
        }
        begun = time.monotonic()
        status, answer = await asyncio.to_thread(self.server.post, self._path, body)
        assert (status, answer["status"]) == (200, "done"), answer
        return time.monotonic() - begun


@pytest.fixture(name="furnished", scope="module")
def _furnished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    data = tmp_path_factory.mktemp("chatty") / "data"
    run("user", "add", "olive", "--password-stdin", data=data, given=PASSWORD)
    run("account", "add", "first", data=data)
    run("notify", "add", "telegram", "phone", "--chat", "42", "--secret-stdin", data=data, given=TOKEN)
    return data, run_json("hook", "add", "tv", "--mode", "wait", data=data)


@pytest.fixture(name="house")
async def _house(tmp_path: Path, furnished: tuple[Path, dict[str, str]]) -> AsyncIterator[House]:
    source, hook = furnished
    data = tmp_path / "data"
    shutil.copytree(source, data)
    async with BotApi().running() as api:
        (data / "fairlead.toml").write_text(f'telegram_url = "{api.url}"\n')
        house = House(data, hook["token"], f"/hooks/{hook['id']}", api)
        yield house
        if house.server.url:
            await asyncio.to_thread(house.server.kill)


async def test_a_bot_that_hangs_leaves_answers_and_orders_as_fast_as_ever(house: House) -> None:
    house.api.script.extend(["hang"] * 100)
    await asyncio.to_thread(house.server.start)
    await house.alert("warm")
    await asyncio.wait_for(house.api.called.wait(), PATIENCE_S)

    taken = [await house.alert(f"key{number}") for number in range(20)]

    assert sorted(taken)[len(taken) // 2] < 0.5
    assert max(taken) < 2.5
    assert house.api.sent == []


async def test_killed_before_it_was_sent_it_is_sent_by_the_next_process(house: House) -> None:
    house.api.script.append("hang")
    await asyncio.to_thread(house.server.start)
    await house.alert("one")
    await asyncio.wait_for(house.api.called.wait(), PATIENCE_S)
    await asyncio.to_thread(house.server.kill)
    assert house.api.sent == []

    await asyncio.to_thread(house.server.start)
    (text,) = await house.api.wait_sent(1)

    assert "<b>PAPER</b>" in text
    assert "BUY BTC-USDT: SUCCESS" in text
    rows = run_json("notify", "outbox", data=house.data)
    assert rows["messages"] == []
    log = house.server.log_path.read_text()
    assert TOKEN.partition(":")[2] not in log


async def test_killed_after_it_was_sent_it_is_sent_again_rather_than_lost(house: House) -> None:
    house.api.script.append("kept hang")
    await asyncio.to_thread(house.server.start)
    await house.alert("one")
    first = await house.api.wait_sent(1)
    await asyncio.to_thread(house.server.kill)

    await asyncio.to_thread(house.server.start)
    both = await house.api.wait_sent(2)

    # All but the link, which leads to the new process.
    assert both[1].splitlines()[:-1] == first[0].splitlines()[:-1]
    # What came meanwhile is told too, and nothing more of what was told.
    await house.alert("two")
    assert len(await house.api.wait_sent(3)) == 3


async def test_a_channel_that_is_added_rested_and_used_again_is_noticed_by_a_running_server(house: House) -> None:
    chat = ("notify", "add", "telegram", "tablet", "--chat", "77", "--secret-stdin")
    await asyncio.to_thread(run, "notify", "remove", "phone", data=house.data)
    await asyncio.to_thread(house.server.start)
    await house.alert("nobody")
    await asyncio.to_thread(run, *chat, data=house.data, given=TOKEN)
    await house.alert("one")
    await house.api.wait_sent(1)
    await asyncio.to_thread(run, "notify", "set", "tablet", "--disable", data=house.data)
    await asyncio.sleep(1)
    await house.alert("unheard")
    await asyncio.to_thread(run, "notify", "set", "tablet", "--enable", "--type", "SUCCESS=silent", data=house.data)
    await asyncio.sleep(1)
    await house.alert("three")
    await house.api.wait_sent(2)

    assert [(call["chat_id"], call["disable_notification"]) for call in house.api.sent] == [
        ("77", "false"),
        ("77", "true"),
    ]
