"""An installation to be killed: accounts, hooks, a server process of the nursery, and an exchange beside it."""

from __future__ import annotations

import asyncio
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, Final

import msgspec

from fairlead.accounts.passwords import generate_password
from fairlead.accounts.registry import AccountWish, HookWish, UserWish
from fairlead.cli.records import Registry, ask_database, prepare_database, require
from fairlead.core.model.account import VenueAccount
from fairlead.settings import Settings
from fairlead.store.queries.hooks import ResponseMode
from tests.servers.machine import find_free_port

ROOT: Final = Path(__file__).parents[2]
LABELS: Final = ("first", "second")
OPENING: Final = {"USDT": Decimal(1_000_000)}
START_S_MAX: Final = 30.0
# As TradingView: whoever does not answer within three seconds has not answered.
ANSWER_S_MAX: Final = 3.0
POLL_S: Final = 0.005
TAKEN: Final = frozenset({HTTPStatus.OK, HTTPStatus.ACCEPTED})
# A database server needs a moment to notice that its client is gone.
IN_USE: Final = "is in use by"


@dataclass(frozen=True)
class House:
    """A data folder with two paper accounts; ``tokens`` are those of a hook that acks and of one that waits."""

    data: Path
    url: str
    tenant: str
    accounts: tuple[VenueAccount, ...]
    tokens: tuple[str, ...]

    @classmethod
    def build(cls, data: Path, url: str) -> House:
        """Furnish an empty database."""
        data.mkdir(parents=True, exist_ok=True)
        path = data / "fairlead.toml"
        path.touch(mode=0o600)
        path.write_text(f"database_url = {url!r}\nlog_level = 'warning'\n")
        settings = Settings(data_dir=data, database_url=url)
        prepare_database(settings)

        async def furnish(registry: Registry) -> House:
            owner = require(await registry.users.add(UserWish(username="olive", password=generate_password())))
            accounts = [
                require(await registry.accounts.add(owner.tenant, AccountWish(label=label, opening_balances=OPENING)))
                for label in LABELS
            ]
            require(await registry.groups.add(owner.tenant, "both", LABELS))
            tokens = []
            for mode in (ResponseMode.ACK, ResponseMode.WAIT):
                wish = HookWish(name=mode.value, target="both", response_mode=mode, rate_per_minute=1_000_000)
                tokens.append(require(await registry.hooks.add(owner.tenant, wish)).token)
            return cls(data=data, url=url, tenant=owner.tenant, accounts=tuple(accounts), tokens=tuple(tokens))

        return asyncio.run(ask_database(settings, furnish))


class Answer(msgspec.Struct, frozen=True):
    """What matters of an answer to an alert."""

    alert_id: str
    is_repeat: bool
    statuses: tuple[str, ...]


class Victim:
    """The server of a house on a port that stays the same; one process at a time.

    ``exchange`` is where its orders go: the paper venue within, ``own:PORT`` or ``okx:PORT``.
    """

    def __init__(self, house: House, exchange: str = "") -> None:
        self.house = house
        self.port = find_free_port()
        self.log_path = house.data.parent / f"{house.data.name}.log"
        self.births = 0
        self._exchange = exchange
        self._words: queue.Queue[tuple[str, int]] = queue.Queue()
        self._pid = 0

    @contextmanager
    def living(self) -> Iterator[None]:
        """Keep a nursery for as long as the context lasts."""
        command = [sys.executable, "-m", "tests.crash.nursery", str(self.house.data), str(self.port)]
        with (
            self.log_path.open("a") as log,
            subprocess.Popen(
                [*command, self._exchange],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=environment(),
                text=True,
                start_new_session=True,
            ) as nursery,
        ):
            assert nursery.stdin is not None
            self._stdin = nursery.stdin
            listener = threading.Thread(target=self._listen, args=(nursery,))
            listener.start()
            try:
                yield
            finally:
                # With whatever it has borne: an interrupted start may not have told the pid yet.
                os.killpg(nursery.pid, signal.SIGKILL)
                listener.join()

    def _listen(self, nursery: subprocess.Popen[str]) -> None:
        assert nursery.stdout is not None
        for line in nursery.stdout:
            word, _, number = line.partition(" ")
            self._words.put((word, int(number)))

    def start(self, point: str = "") -> None:
        """Let a server be born; it does not listen yet."""
        self._stdin.write(f"{point}\n")
        self._stdin.flush()
        word, self._pid = self._words.get(timeout=START_S_MAX)
        assert word == "born", word
        self.births += 1

    def wait_until_it_listens(self, point: str = "") -> bool:
        """Wait; False when it met its point, and died, before.

        A server that found the database still in use is started again, as a supervisor would.
        """
        until = time.monotonic() + START_S_MAX
        while time.monotonic() < until:
            if self._listens():
                return True
            if self.has_died:
                code = self.join()
                if point and code == -signal.SIGKILL:
                    return False
                assert code == 1, self.tail()
                assert IN_USE in self.tail(), self.tail()
                time.sleep(10 * POLL_S)
                self.start(point)
            time.sleep(POLL_S)
        raise AssertionError(f"the server did not start:\n{self.tail()}")

    @property
    def has_died(self) -> bool:
        """Whether the process has ended and nobody has noted it yet."""
        return not self._words.empty()

    def join(self, seconds: float = START_S_MAX) -> int:
        """Wait for the end; returns the exit code, negative for a signal."""
        word, code = self._words.get(timeout=seconds)
        assert word == "ended", word
        self._pid = 0
        return code

    def kill(self) -> None:
        """End it as a power cut would end the process."""
        os.kill(self._pid, signal.SIGKILL)
        self.join()

    def stop(self) -> int:
        """End it as a supervisor would; returns the exit code, negative if a signal was quicker."""
        if not self.has_died:
            os.kill(self._pid, signal.SIGTERM)
        return self.join()

    def tail(self) -> str:
        return self.log_path.read_text(errors="replace")[-3_000:]

    def post(self, alert: dict[str, object]) -> Answer | None:
        """Send an alert; None when it was not taken, as far as the sender can tell."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=ANSWER_S_MAX)
        try:
            connection.request("POST", "/webhook", json.dumps(alert), {"Content-Type": "application/json"})
            response = connection.getresponse()
            body: dict[str, Any] = json.loads(response.read())
        except (OSError, HTTPException, ValueError):
            return None
        finally:
            connection.close()
        if response.status not in TAKEN:
            assert response.status in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}, body
            return None
        first = body.get("duplicate_of")
        return Answer(
            alert_id=first or body["requestId"],
            is_repeat=first is not None,
            statuses=tuple(result["status"] for result in body["results"]),
        )

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


@contextmanager
def exchange_running(seed: int) -> Iterator[int]:
    """An exchange process; yields its port."""
    command = [sys.executable, "-m", "tests.crash.exchange_process", str(seed)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=environment()) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.kill()


def environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("FAIRLEAD_")}
