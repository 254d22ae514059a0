# ruff: noqa: INP001 (a script, not a package)
"""What the measurements of the whole server share: a world, server processes, load, and a check from outside."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from http.client import HTTPConnection
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec

from fairlead.accounts.passwords import generate_password
from fairlead.accounts.registry import AccountWish, HookWish, UserWish
from fairlead.cli.records import Registry, ask_database, prepare_database, require
from fairlead.clock import SystemClock
from fairlead.settings import Settings
from fairlead.simulator.records import AccountRecord
from fairlead.store.queries.hooks import ResponseMode

ACCOUNTS_PER_ALERT: Final = 3
RATE_PER_MINUTE: Final = 100_000_000
START_S: Final = 60
DRAIN_S: Final = 120
POLL_S: Final = 0.02
OPENING: Final = {"USDT": Decimal(1_000_000)}
HERE: Final = Path(__file__).parent
CLOCK: Final = SystemClock()
# The server has a core of its own and the load another, where there are two.
CORES: Final = sorted(os.sched_getaffinity(0))
SERVER_CORE, LOAD_CORE = CORES[0], CORES[-1]


@dataclass(frozen=True)
class HookDoor:
    """Where alerts for one group of accounts go, and the labels of its accounts."""

    hook_id: str
    token: str
    accounts: Sequence[str]


@dataclass(frozen=True)
class World:
    """A data folder with accounts in groups of three, each group with a hook of its own."""

    settings: Settings
    doors: Sequence[HookDoor]
    account_ids: Sequence[str]


def build_world(folder: Path, *, groups: int, mode: ResponseMode) -> World:
    """Make an owner, three paper accounts for each group, and a hook for each group."""
    settings = Settings(data_dir=folder, port=0)
    prepare_database(settings)

    account_ids: list[str] = []

    async def build(registry: Registry) -> list[HookDoor]:
        owner = require(await registry.users.add(UserWish(username="bench", password=generate_password())))
        doors = []
        for number in range(groups):
            labels = [f"paper-{number}-{leg}" for leg in range(ACCOUNTS_PER_ALERT)]
            for label in labels:
                wish = AccountWish(label=label, opening_balances=OPENING)
                account_ids.append(require(await registry.accounts.add(owner.tenant, wish)).account_id)
            group = f"group-{number}"
            require(await registry.groups.add(owner.tenant, group, labels))
            hook = HookWish(name=f"hook-{number}", target=group, response_mode=mode, rate_per_minute=RATE_PER_MINUTE)
            issued = require(await registry.hooks.add(owner.tenant, hook))
            doors.append(HookDoor(hook_id=issued.hook.hook_id, token=issued.token, accounts=labels))
        return doors

    doors = asyncio.run(ask_database(settings, build))
    return World(settings=settings, doors=doors, account_ids=account_ids)


class ServerProcess:
    """A server in a process of its own, pinned to its core."""

    def __init__(self, command: Sequence[str], folder: Path) -> None:
        """Start it and wait until its log says where it listens; ``start_s`` is how long that took."""
        self._log = folder / "server.log"
        environment = {**os.environ, "FAIRLEAD_LOG_FORMAT": "json"}
        started = CLOCK.monotonic_s()
        with self._log.open("w") as log:
            self._process = subprocess.Popen(command, stderr=log, stdout=subprocess.DEVNULL, env=environment)  # noqa: S603
        self.url = self._wait_for_url(started + START_S)
        self.start_s = CLOCK.monotonic_s() - started
        self.port = urlsplit(self.url).port or 0

    def _wait_for_url(self, until: float) -> str:
        while self._process.poll() is None and CLOCK.monotonic_s() < until:
            for line in self._log.read_text().splitlines():
                if '"listening"' in line and line.endswith("}"):
                    return str(json.loads(line)["url"])
            asyncio.run(CLOCK.sleep_ms(int(1_000 * POLL_S)))
        raise SystemExit(f"the server did not start:\n{self._log.read_text()[-2_000:]}")

    def cpu_s(self) -> float:
        """Processor seconds that all its threads have used."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def bytes_written(self) -> int:
        """Bytes that it has caused to be written to disk."""
        for line in Path(f"/proc/{self._process.pid}/io").read_text().splitlines():
            name, _, count = line.partition(": ")
            if name == "write_bytes":
                return int(count)
        return 0

    def memory_mib(self) -> float:
        """Resident memory."""
        pages = int(Path(f"/proc/{self._process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    def wait_until_idle(self) -> float:
        """Return when nothing is unfinished; the result is how many seconds that took."""
        started = CLOCK.monotonic_s()
        while CLOCK.monotonic_s() < started + DRAIN_S:
            connection = HTTPConnection("127.0.0.1", self.port, timeout=START_S)
            connection.request("GET", "/health")
            health = json.loads(connection.getresponse().read())
            connection.close()
            if not health.get("requests_unfinished") and not health.get("alerts_unhandled"):
                return CLOCK.monotonic_s() - started
            asyncio.run(CLOCK.sleep_ms(50))
        raise SystemExit("the server did not finish what it had taken")

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def stop(self) -> None:
        """End it as Ctrl-C would."""
        self.signal(signal.SIGINT)
        self._process.wait(START_S)


@contextlib.contextmanager
def serving(command: Sequence[str], folder: Path) -> Iterator[ServerProcess]:
    """Run a server for a while."""
    server = ServerProcess(command, folder)
    try:
        yield server
    finally:
        server.stop()


def fairlead_command(world: World) -> list[str]:
    """The product, as its user starts it."""
    program = Path(sys.executable).parent / "fairlead"
    return [str(program), "serve", "--data", str(world.settings.data_dir), "--port", "0"]


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What to send: closed loop when ``rate`` is 0, else that many alerts a second whatever the answers do."""

    port: int
    doors: tuple[HookDoor, ...]
    connections: int
    seconds: float
    rate: float = 0
    path: str = "/webhook"
    repeats: float = 0.05
    denials: float = 0.05
    large: float = 0.02
    seed: int = 1


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """What came back. ``filled`` and ``orders`` are per account label; latencies are milliseconds."""

    seconds: float
    sent: int
    answered: int
    accepted: int
    repeats: int
    refused: dict[str, int]
    denied_results: int
    unfinished_results: int
    p50_ms: float
    p99_ms: float
    filled: dict[str, str]
    orders: dict[str, int]

    @property
    def per_second(self) -> float:
        """New alerts taken a second."""
        return self.accepted / self.seconds

    def plus(self, other: Tally) -> Tally:
        """What two loads brought the accounts together; the rest is the other's."""
        names = self.orders.keys() | other.orders.keys()
        return msgspec.structs.replace(
            other,
            orders={name: self.orders.get(name, 0) + other.orders.get(name, 0) for name in names},
            filled={
                name: str(Decimal(self.filled.get(name, "0")) + Decimal(other.filled.get(name, "0"))) for name in names
            },
        )


def run_load(load: Load) -> Tally:
    """Send a load from another process on another core."""
    process = subprocess.Popen(  # noqa: S603
        [sys.executable, str(HERE / "load.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    os.sched_setaffinity(process.pid, {LOAD_CORE})
    output, _ = process.communicate(msgspec.json.encode(load))
    return msgspec.json.decode(output, type=Tally)


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What is on disk after a run."""

    orders: int
    fills: int
    rows: int
    database_bytes: int
    problems: tuple[str, ...]


def check_world(world: World, tally: Tally) -> Checked:
    """Compare what the exchange holds with what we say and with what senders were told; the server must have ended."""
    path = world.settings.data_dir / "fairlead.sqlite3"
    with contextlib.closing(sqlite3.connect(path)) as database:
        labels = dict(database.execute("SELECT account_id, label FROM venue_accounts"))
        problems = [*_check_holdings(database, labels), *_check_orders(database, labels, tally)]
        count = dict(database.execute("SELECT kind, count(*) FROM journal GROUP BY kind"))
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return Checked(
        orders=count.get("OrderApproved", 0),
        fills=count.get("OrderFilled", 0),
        rows=sum(count.values()),
        database_bytes=path.stat().st_size,
        problems=tuple(problems),
    )


def _check_holdings(database: sqlite3.Connection, labels: Mapping[str, str]) -> Iterator[str]:
    bodies = database.execute("SELECT key, body FROM records WHERE space = 'paper_account'")
    theirs = {key: msgspec.json.decode(body, type=AccountRecord) for key, body in bodies}
    for account_id, label in labels.items():
        record = theirs[account_id]
        held = {one.symbol: one.quantity for one in record.positions if one.quantity}
        ours = database.execute("SELECT symbol, quantity FROM positions WHERE account_id = ?", (account_id,))
        known = {symbol: Decimal(quantity) for symbol, quantity in ours if Decimal(quantity)}
        if held != known:
            yield f"{label}: the exchange holds {held}, we say {known}"
        cash = database.execute("SELECT currency, total FROM balances WHERE account_id = ?", (account_id,))
        totals = {currency: Decimal(total) for currency, total in cash}
        if {name: total for name, total in record.totals.items() if total} != totals:
            yield f"{label}: the exchange has {record.totals}, we say {totals}"


def _check_orders(database: sqlite3.Connection, labels: Mapping[str, str], tally: Tally) -> Iterator[str]:
    counted = dict(database.execute("SELECT account_id, count(*) FROM orders GROUP BY account_id"))
    bodies = database.execute("SELECT key, body FROM records WHERE space = 'paper_account'")
    held = {key: msgspec.json.decode(body, type=AccountRecord) for key, body in bodies}
    for account_id, label in labels.items():
        expected = tally.orders.get(label, 0)
        if counted.get(account_id, 0) != expected:
            yield f"{label}: {counted.get(account_id, 0)} orders for {expected} alerts that were taken"
        told = Decimal(tally.filled.get(label, "0"))
        total = sum((one.quantity for one in held[account_id].positions), Decimal(0))
        if total != told:
            yield f"{label}: senders were told {told}, the exchange holds {total}"
    kept = database.execute("SELECT owner, body FROM records WHERE space = 'paper_order'")
    asked = [(owner, json.loads(body)["wish"]["client_order_id"]) for owner, body in kept]
    if len(set(asked)) != len(asked):
        yield "the exchange has two orders of one client order id"
    for owner, order_id in asked:
        if not database.execute("SELECT 1 FROM orders WHERE order_id = ? AND account_id = ?", (order_id, owner)):
            yield f"the exchange has an order that we do not know: {order_id}"


@contextlib.contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder on the disk that is measured, gone afterwards; TMPDIR chooses it."""
    with tempfile.TemporaryDirectory(prefix="fairlead-bench-") as name:
        yield Path(name)


def say(line: str) -> None:
    """Print one line now."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def describe_machine() -> str:
    """Where this was measured, so that a figure can be judged."""
    model = next((line.partition(": ")[2] for line in _read("/proc/cpuinfo") if line.startswith("model name")), "?")
    python = sys.version.split()[0]
    load = Path("/proc/loadavg").read_text().split()[0]
    return f"{len(CORES)} cores ({model}), Python {python}, SQLite {sqlite3.sqlite_version} FULL, load before {load}"


def _read(path: str) -> list[str]:
    return Path(path).read_text().splitlines()
