"""Another exchange beside the victim: `fairlead simulate` where things go wrong, and the OKX venue trading there."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, Final
from urllib.request import urlopen

from fairlead.clock import SystemClock
from fairlead.core.model import reports as rp
from fairlead.core.model.account import MarginMode, PositionMode, PositionSide, VenueAccount
from fairlead.core.model.order import ApprovedOrder, Order
from fairlead.core.model.request import Side
from fairlead.core.model.secret import Secret
from fairlead.ports import DeliverReports, VenueCapabilities
from fairlead.venues.okx.connection import OkxConnection
from fairlead.venues.okx.governor import RateGovernor
from fairlead.venues.okx.market_feed import OkxMarketFeed
from fairlead.venues.okx.opening import open_okx
from fairlead.venues.okx.signing import OkxKeys
from fairlead.venues.okx.sites import OkxSite
from tests.crash.house import LABELS, OPENING, ROOT, House, environment
from tests.crash.messages import SeenAccount, SeenOrder

AGAIN_MS: Final = 200
_SECRET: Final = "secret"
_PHRASE: Final = "phrase"
# What happens to requests and messages meanwhile: lost before and after, late, doubled, in another order.
FAULTS: Final = """
[[faults]]
id = "lost on the way there"
kind = "request_lost"
probability = 0.02
match = { endpoint = "trade/order" }
[[faults]]
id = "many lost on the way there"
kind = "request_lost"
probability = 0.05
match = { endpoint = "trade/batch-orders" }
[[faults]]
id = "done, but nobody hears of it"
kind = "reply_lost"
probability = 0.03
[[faults]]
id = "done, but the answer is a time-out"
kind = "code_50004"
probability = 0.03
params = { taken = true }
[[faults]]
id = "a page of the gateway"
kind = "html_5xx"
probability = 0.02
[[faults]]
id = "told twice"
kind = "push_duplicated"
probability = 0.05
[[faults]]
id = "not told"
kind = "push_lost"
probability = 0.02
match = { endpoint = "orders" }
[[faults]]
id = "cut off"
kind = "socket_drop"
probability = 0.01
"""


@dataclass(frozen=True)
class SimulatedOkx:
    """Where it listens: for clients, and for whoever counts its books."""

    port: int
    admin_url: str

    def count(self, house: House) -> dict[str, SeenAccount]:
        """Everything that it has ever done, by our account ids."""
        return {account.account_id: self._read(account.label) for account in house.accounts}

    def _read(self, name: str) -> SeenAccount:
        with urlopen(f"{self.admin_url}/sim/books/{name}") as answer:
            books: dict[str, Any] = json.load(answer)
        return SeenAccount(
            orders=tuple(_order(row) for row in books["orders"]),
            cash={row["currency"]: Decimal(row["total"]) for row in books["balances"] if Decimal(row["total"])},
            positions={_name(row): Decimal(row["quantity"]) for row in books["positions"]},
            entries={_name(row): Decimal(row["entry_price"]) for row in books["positions"]},
        )


def _name(row: dict[str, Any]) -> str:
    return f"{row['symbol']} {row['position_side']}"


def _order(row: dict[str, Any]) -> SeenOrder:
    wish = row["wish"]
    return SeenOrder(
        order_id=wish["client_order_id"],
        symbol=wish["symbol"],
        side=Side(wish["side"]),
        quantity=Decimal(row["quantity"]),
        filled=sum((Decimal(fill["quantity"]) for fill in row.get("fills", [])), Decimal(0)),
        is_born=bool(row.get("parent_id")),
    )


@contextmanager
def okx_running(folder: Path, seed: int) -> Iterator[SimulatedOkx]:
    """Run it, with an account for each of the house's and faults all the time."""
    faults = folder / "faults.toml"
    faults.write_text(FAULTS)
    cash = ",".join(f"{name}={amount}" for name, amount in OPENING.items())
    command = [sys.executable, "-m", "fairlead", "simulate", "--port", "0", "--admin-port", "0", "--seed", str(seed)]
    for label in LABELS:
        command += ["--account", f"{label}:{_SECRET}:{_PHRASE}:{cash}"]
    command += ["--faults", str(faults)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=environment()) as process:
        assert process.stdout is not None
        try:
            ready = json.loads(process.stdout.readline())
            yield SimulatedOkx(port=int(ready["rest"].rpartition(":")[2]), admin_url=ready["admin"])
        finally:
            process.kill()


@cache
def _shared(port: int) -> tuple[OkxConnection, RateGovernor]:
    """What all accounts of a process share."""
    clock = SystemClock()
    site = OkxSite(rest_url=f"http://127.0.0.1:{port}", socket_url=f"ws://127.0.0.1:{port}/ws/v5")
    return OkxConnection(site, clock), RateGovernor(clock)


class OkxAtPort:
    """The OKX venue of one account; connects with the first call, and tries until it is connected."""

    def __init__(self, account: VenueAccount, port: int) -> None:
        self._clock = SystemClock()
        self._connection, self._governor = _shared(port)
        keys = OkxKeys(api_key=Secret(account.label), api_secret=Secret(_SECRET), passphrase=Secret(_PHRASE))
        self._venue = open_okx(account, self._connection, lambda: keys, self._clock, self._governor)
        self._opening = asyncio.Lock()
        self._running: asyncio.Task[None] | None = None

    @property
    def capabilities(self) -> VenueCapabilities:
        return self._venue.capabilities

    @property
    def position_mode(self) -> PositionMode:
        return self._venue.position_mode

    def listen(self, deliver: DeliverReports) -> None:
        self._venue.listen(deliver)

    async def place_order(self, approved: ApprovedOrder) -> rp.PlaceOutcome:
        await self._connected()
        return await self._venue.place_order(approved)

    async def cancel_order(self, order: Order) -> rp.CancelOutcome:
        await self._connected()
        return await self._venue.cancel_order(order)

    async def set_leverage(
        self, symbol: str, margin_mode: MarginMode, position_side: PositionSide, leverage: Decimal
    ) -> rp.Rejected | rp.Unknown | None:
        await self._connected()
        return await self._venue.set_leverage(symbol, margin_mode, position_side, leverage)

    async def find_order(self, order: Order) -> rp.FindOutcome:
        await self._connected()
        return await self._venue.find_order(order)

    async def read_account(self) -> rp.AccountReport | rp.Unknown:
        await self._connected()
        return await self._venue.read_account()

    async def _connected(self) -> None:
        async with self._opening:
            if self._running is not None:
                return
            await self._connection.open()
            feed = OkxMarketFeed(
                self._connection,
                self._governor,
                self._clock,
                symbols=(),
                on_instruments=lambda _: None,
                on_quote=lambda _: None,
            )
            while await feed.load() is not None or isinstance(await self._venue.start(), rp.Unknown):
                await self._clock.sleep_ms(AGAIN_MS)
            self._running = asyncio.create_task(self._venue.run())
