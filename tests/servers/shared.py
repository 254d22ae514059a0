"""One server of each kind for a whole test run, however many workers it has; each worker has a database of its own."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers.database_server import RealServer, make_server

KINDS = ("postgresql", "mariadb")
# Set by the process that began the test run, and inherited by its workers.
_FOLDER = "TEST_SERVERS_FOLDER"
_OWNER = "TEST_SERVERS_OWNER"


def announce() -> None:
    """Choose where servers will live; nothing is started yet. Called where the run begins, and again in each worker."""
    if _FOLDER not in os.environ:
        folder = Path(tempfile.mkdtemp(prefix="fairlead-servers-"))
        # Servers run as users of their own, who must be able to get there.
        folder.chmod(0o711)
        os.environ[_FOLDER] = str(folder)
        os.environ[_OWNER] = str(os.getpid())


def withdraw() -> None:
    """Kill what was started; only where the run began."""
    if os.environ.get(_OWNER) != str(os.getpid()):
        return
    folder = Path(os.environ.pop(_FOLDER))
    os.environ.pop(_OWNER)
    for kind in KINDS:
        if (folder / kind / "port").exists():
            make_server(kind, folder / kind / "server", 1).kill()
    shutil.rmtree(folder, ignore_errors=True)


def shared_server(kind: str) -> RealServer:
    """The run's server of a kind, started by whoever needs it first."""
    folder = Path(os.environ[_FOLDER]) / kind
    folder.mkdir(mode=0o711, exist_ok=True)
    port_file = folder / "port"
    with _locked(folder / "lock"):
        if port_file.exists():
            return make_server(kind, folder / "server", int(port_file.read_text()))
        server = make_server(kind, folder / "server")
        server.create()
        server.start(int(os.environ[_OWNER]))
        server.create_user()
        port_file.write_text(str(server.port))
        return server


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
