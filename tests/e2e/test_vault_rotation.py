"""The vault's keys are replaced beneath a running server, and everything it has to open opens all the time."""

from __future__ import annotations

import asyncio
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from fairlead.store.session import Store
from fairlead.vault.key_sources import KeyFile
from fairlead.vault.rotation import check_values, forget, rotate, survey_keys
from tests.architecture.source_tree import ROOT
from tests.e2e.conftest import House
from tests.e2e.processes import Server, run, run_json
from tests.notify.servers import PATIENCE_S, Receiver
from tests.vault.test_rotation import DYING

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

FIRST: Final = "signing-secret-of-the-first"
SECOND: Final = "signing-secret-of-the-second"
KEYS: Final = ("venue-key-{}", "venue-secret-{}", "a phrase of {}")
BEFORE_ANYTHING_IS_RESEALED: Final = "0"
ROTATIONS: Final = 4


def add_channel(data: Path, name: str, receiver: Receiver, secret: str) -> None:
    target = ("notify", "add", "webhook", name, "--url", receiver.url, "--secret-stdin")
    run(*target, data=data, given=secret)


def set_key(data: Path, account: str) -> None:
    run("account", "key", "set", account, "--stdin", data=data, given="\n".join(KEYS).format(*[account] * 3))


@asynccontextmanager
async def vault_of(data: Path) -> AsyncIterator[tuple[Store, KeyFile]]:
    """The same database and keys as the server's, seen by another process."""
    store = Store(f"sqlite:///{data / 'fairlead.sqlite3'}")
    try:
        yield store, KeyFile(data / "vault.key")
    finally:
        await store.close()


async def uses(data: Path) -> dict[str, int]:
    async with vault_of(data) as (store, source):
        return {use.name: use.values for use in await survey_keys(store, source)}


async def tell(house: House, key: str, *receivers: Receiver) -> None:
    """An alert is executed, and each receiver hears of it with a signature that is right: it checks each."""
    heard = [len(receiver.messages) for receiver in receivers]
    status, answer = await asyncio.to_thread(house.server.post, house.hook_path, house.alert(alertId=key))
    assert (status, answer["status"]) == (200, "done"), answer
    until = time.monotonic() + PATIENCE_S
    while any(len(one.messages) <= count for one, count in zip(receivers, heard, strict=True)):
        assert time.monotonic() < until, f"nobody heard of {key}"
        await asyncio.sleep(0.05)


@pytest.fixture(name="house")
def _house(tmp_path: Path, furnished: tuple[Path, dict[str, str]]) -> House:
    source, hook = furnished
    data = tmp_path / "data"
    shutil.copytree(source, data)
    server = Server(data, FAIRLEAD_NOTIFY_PRIVATE_TARGETS="true")
    return House(server=server, data=data, token=hook["token"], hook_path=f"/hooks/{hook['id']}")


async def ask(*arguments: str, house: House) -> Any:  # noqa: ANN401  # whatever the command prints
    return await asyncio.to_thread(run_json, *arguments, data=house.data)


async def test_a_rotation_that_dies_is_finished_beside_a_running_server(house: House) -> None:
    data = house.data
    async with Receiver(FIRST).running() as first, Receiver(SECOND).running() as second:
        await asyncio.to_thread(add_channel, data, "first", first, FIRST)
        await asyncio.to_thread(set_key, data, "first")
        (old,) = await uses(data)
        await asyncio.to_thread(house.server.start)
        try:
            await tell(house, "before", first)

            dying = [sys.executable, "-c", DYING, str(data), BEFORE_ANYTHING_IS_RESEALED]
            died = await asyncio.to_thread(subprocess.run, dying, cwd=ROOT, check=False)
            assert died.returncode == -signal.SIGKILL
            # Values of both keys, which the running server opens both.
            await asyncio.to_thread(add_channel, data, "second", second, SECOND)
            await asyncio.to_thread(set_key, data, "second")
            new = next(iter(await uses(data)))
            assert await uses(data) == {new: 4, old: 4}
            await asyncio.sleep(1)
            await tell(house, "between", first, second)

            assert await ask("vault", "rotate", house=house) == {"key": new, "new": False, "resealed": 4}
            await asyncio.to_thread(run, "vault", "forget", old, data=data)
            await asyncio.sleep(1)
            await tell(house, "after", first, second)
            assert await uses(data) == {new: 8}
        finally:
            await asyncio.to_thread(house.server.stop)
        await asyncio.to_thread(house.server.start)
        try:
            await tell(house, "again", first, second)
        finally:
            await asyncio.to_thread(house.server.stop)
    assert "unreadable" not in house.server.log_path.read_text()


async def test_alerts_are_executed_and_told_while_keys_are_replaced_again_and_again(house: House) -> None:
    async with Receiver(FIRST).running() as first:
        await asyncio.to_thread(add_channel, house.data, "first", first, FIRST)
        await asyncio.to_thread(house.server.start)
        try:
            rotating = asyncio.create_task(rotate_again_and_again(house.data))
            number = 0
            while not rotating.done():
                number += 1
                await tell(house, f"n{number}", first)
            await rotating
            await tell(house, "last", first)
        finally:
            await asyncio.to_thread(house.server.stop)
    assert number > 1
    assert "unreadable" not in house.server.log_path.read_text()
    async with vault_of(house.data) as vault:
        assert await check_values(*vault) == (1, ())


async def rotate_again_and_again(data: Path) -> None:
    async with vault_of(data) as (store, source):
        for _ in range(ROTATIONS):
            before = next(iter(await uses(data)))
            assert (await rotate(store, source)).resealed == 1
            # Some of the server's looks at its configuration fall between the two.
            await asyncio.sleep(0.3)
            await forget(store, source, before)
