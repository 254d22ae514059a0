from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import msgspec
from msgspec.structs import replace
from typer.testing import Result

from fairlead.ports import Record, Unit
from fairlead.settings import Settings
from fairlead.simulator.instruments import DEFAULT_INSTRUMENTS
from fairlead.store.journal import StoredJournal
from fairlead.wiring.venue_kinds import INSTRUMENT_SPACE


def test_an_instrument_that_only_another_exchange_lists_is_stopped_too(
    alice: str, folder: Path, run: Callable[..., Result]
) -> None:
    assert "no instrument" in run("kill", "instrument", "XYZ-USDT", "--yes", code=1).stderr
    asyncio.run(_note(Settings(data_dir=folder).store_url))
    run("kill", "instrument", "XYZ-USDT", "--yes")
    assert "XYZ-USDT" in run("kill", "--list").stdout


async def _note(url: str) -> None:
    deaths: list[BaseException] = []
    journal = await StoredJournal.open(url, on_death=deaths.append)
    body = msgspec.json.encode(replace(DEFAULT_INSTRUMENTS[0], symbol="XYZ-USDT"))
    await journal.commit(
        Unit(records=(Record(space=INSTRUMENT_SPACE, owner="ccxt kraken", key="XYZ-USDT", body=body),))
    )
    await journal.close()
    assert not deaths
