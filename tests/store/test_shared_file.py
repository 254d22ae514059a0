"""The database is used by a server and by commands at once; none may pull the log away under another.

SQLite by nature: servers have no file that we could pull away.
"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from fairlead.ports import Committed, Record, Unit
from fairlead.store.config_watcher import ConfigWatcher
from fairlead.store.journal import StoredJournal
from fairlead.store.session import Store
from fairlead.store.sqlite_file import make_private_file

_COMMAND = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("UPDATE config_version SET version = version + 1")
connection.commit()
connection.close()
"""


def _run_command(path: Path) -> None:
    subprocess.run([sys.executable, "-c", _COMMAND, str(path)], check=True, timeout=30)


async def test_a_command_that_comes_and_goes_leaves_the_servers_log_in_place(url: str, path: Path) -> None:
    journal = await StoredJournal.open(url, on_death=_fail)
    store = Store(url)
    watcher = ConfigWatcher(url)
    make_private_file(path)
    log = path.with_name(f"{path.name}-wal")
    before = log.stat().st_ino
    _run_command(path)
    assert log.stat().st_ino == before
    assert watcher.changed()
    record = Record(space="s", owner="o", key="k", body=b"kept")
    assert isinstance(await journal.commit(Unit(records=(record,))), Committed)
    with closing(sqlite3.connect(path)) as other:
        assert other.execute("SELECT body FROM records").fetchall() == [(b"kept",)]
    watcher.close()
    await store.close()
    await journal.close()


def _fail(error: BaseException) -> None:
    raise AssertionError("the writer died") from error
