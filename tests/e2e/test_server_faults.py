"""The database server ends, dies or stands still under a running Fairlead: nothing is lost, doubled or told wrongly."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from fairlead.store.migrate import migrate
from tests.e2e.conftest import PASSWORD, House
from tests.e2e.fault_drill import check_answers, send, send_during
from tests.e2e.processes import Server, run, run_json
from tests.e2e.test_databases import use_database
from tests.servers.database_server import PASSWORD as DATABASE_PASSWORD
from tests.servers.database_server import RealServer, make_server
from tests.servers.shared import KINDS

FAULT_S = 3.0
# A connection that rests is tried every ten seconds.
TELL_S_MAX = 15.0
DATABASE = "faults"
# An expired one never reached the venue, which was asked after its deadline; only then is another planned in its place.
ORDERS_OF_ALERTS = "SELECT count(*) FROM orders WHERE status <> 'expired' GROUP BY account_id, request_id"

Fault = Callable[[RealServer], AbstractContextManager[None]]


@pytest.fixture(name="database")
def _database(request: pytest.FixtureRequest) -> Iterator[RealServer]:
    """A server of its own, because it is killed."""
    folder = Path(tempfile.mkdtemp(prefix="fairlead-faults-"))
    # The server runs as a user of its own, who must be able to get there.
    folder.chmod(0o711)
    server = make_server(request.param, folder / "server")
    server.create()
    try:
        server.start(os.getpid())
        server.create_user()
        server.create_database(DATABASE)
        yield server
    finally:
        server.kill()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(name="house")
def _house(database: RealServer, tmp_path: Path) -> Iterator[House]:
    data = tmp_path / "data"
    data.mkdir()
    url = database.url(DATABASE)
    migrate(url)
    use_database(data, url)
    run("user", "add", "olive", "--password-stdin", data=data, given=PASSWORD)
    run("account", "add", "first", data=data)
    run("account", "add", "second", "--position-mode", "long_short", data=data)
    hook = run_json("hook", "add", "tv", "--mode", "wait", data=data)
    server = Server(data)
    with server.running():
        yield House(server=server, data=data, token=hook["token"], hook_path=f"/hooks/{hook['id']}")


@contextmanager
def stopped(database: RealServer) -> Iterator[None]:
    """An operator stops it and starts it again."""
    database.stop()
    yield
    database.start(os.getpid())


@contextmanager
def killed(database: RealServer) -> Iterator[None]:
    """A power cut, and it recovers by itself."""
    database.kill()
    yield
    database.start(os.getpid())


@contextmanager
def frozen(database: RealServer) -> Iterator[None]:
    """Nobody answers, and every connection stays open."""
    database.freeze()
    try:
        yield
    finally:
        database.thaw()


@pytest.mark.parametrize("database", KINDS, indirect=True)
@pytest.mark.parametrize(("fault", "ends"), [(stopped, True), (killed, True), (frozen, False)])
def test_a_fault_of_the_server_loses_and_doubles_nothing(
    house: House,
    database: RealServer,
    fault: Fault,
    ends: bool,  # noqa: FBT001
) -> None:
    told: list[int] = []

    def meanwhile() -> None:
        time.sleep(FAULT_S)
        told.append(house.server.get("/health")[0])

    answers = send_during(house, fault(database), meanwhile)

    assert (told == [503]) == ends
    refused = check_answers(house, answers)
    assert ends or not refused
    assert {count for (count,) in database.ask(ORDERS_OF_ALERTS, DATABASE)} == {1}
    assert send(house, "the-next")[1]["successful"] == 2
    log = house.server.log_path.read_text()
    assert "p%40ss" not in log
    assert DATABASE_PASSWORD not in log


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_server_that_rests_tells_of_a_database_that_is_gone_and_of_its_return(
    house: House, database: RealServer
) -> None:
    with stopped(database):
        await_health(house, 503)
    await_health(house, 200)


def await_health(house: House, wanted: int) -> None:
    until = time.monotonic() + TELL_S_MAX
    while (answer := house.server.get("/health"))[0] != wanted:
        assert time.monotonic() < until, answer
        time.sleep(0.1)
