"""Bears server processes: `python -m tests.crash.nursery DATA PORT EXCHANGE`.

A process that has imported everything forks a child for each line it reads, so that a start costs what recovery
costs and not what importing costs. It says the child's pid when it is born and its exit code when it has ended. The
child is `fairlead serve` itself, or, with an exchange (``own:PORT``, ``okx:PORT``), the same with other venues.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path

from fairlead import wiring
from fairlead.cli.app import app
from fairlead.cli.records import prepare_database, take_folder
from fairlead.core.model.account import VenueAccount
from fairlead.ports import Venue
from fairlead.settings import read_settings
from fairlead.store.databases import opening
from tests.crash.failpoints import DyingJournal, parse_point
from tests.crash.okx_exchange import OkxAtPort
from tests.crash.remote_venue import RemoteVenue

# What a start imports late is imported before the first birth.
PRELOADED = (opening,)


def open_at(exchange: str) -> Callable[[VenueAccount], Venue]:
    """What opens the venue of an account at an exchange."""
    kind, _, port = exchange.partition(":")
    return partial(OkxAtPort if kind == "okx" else RemoteVenue, port=int(port))


def serve(data: Path, port: int, exchange: str, point: str) -> None:
    """Run a server until it is told to stop, or dies at ``point``."""
    if not exchange and not point:
        app(["serve", "--data", str(data), "--port", str(port)], prog_name="fairlead")
    settings = read_settings({"data_dir": data, "port": port}).settings
    assert settings is not None
    plugs = wiring.Plugs(
        venues={"paper": open_at(exchange)} if exchange else {},
        watch_journal=lambda journal: DyingJournal(journal, parse_point(point)) if point else journal,
    )
    with take_folder(settings) as lock:
        prepare_database(settings, lock)
        wiring.serve(settings, lock, plugs)


def bear(data: Path, port: int, exchange: str, point: str) -> int:
    """Fork a child that serves; returns its pid."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        os.dup2(os.open(os.devnull, os.O_RDWR), 0)
        os.dup2(2, 1)
        serve(data, port, exchange, point)
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    except BaseException:  # noqa: BLE001 what would end a process must not end up in its parent's code
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def say(word: str, number: int) -> None:
    sys.stdout.write(f"{word} {number}\n")
    sys.stdout.flush()


def main(data: Path, port: int, exchange: str) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for line in sys.stdin:
        pid = bear(data, port, exchange, line.strip())
        say("born", pid)
        _, status = os.waitpid(pid, 0)
        say("ended", os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
