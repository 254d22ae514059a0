"""An installation moves to a database server, and goes on where it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.conftest import House
from tests.e2e.processes import Server, run, run_json
from tests.servers.clean import empty_url
from tests.servers.database_server import PASSWORD
from tests.servers.shared import KINDS, shared_server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


@pytest.mark.parametrize("kind", KINDS)
def test_an_installation_moves_to_a_server_and_goes_on(kind: str, house: House, tmp_path: Path) -> None:
    answers = [house.server.post(house.hook_path, house.alert(alertId=f"n{number}"))[1] for number in range(5)]
    assert {answer["status"] for answer in answers} == {"done"}
    url = empty_url(kind, tmp_path)
    refused = run("db", "copy", "-", data=house.data, given=url, fails=True)
    assert refused.returncode == 1
    assert "is in use by process" in refused.stderr
    house.server.stop()

    done = run("db", "copy", "-", data=house.data, given=url)

    assert "rows/s" in done.stderr
    assert "stay in" in done.stderr
    assert f"Now set FAIRLEAD_DATABASE_URL={shared_server(kind).scheme}://fairlead:***@" in done.stdout
    for told in (done, refused):
        assert PASSWORD not in told.stdout + told.stderr
        assert "p%40ss" not in told.stdout + told.stderr
    server = Server(house.data, FAIRLEAD_DATABASE_URL=url)
    with server.running():
        again = server.post(house.hook_path, house.alert(alertId="n0"))[1]
        assert again["duplicate_of"] == answers[0]["requestId"]
        new = server.post(house.hook_path, house.alert(alertId="new"))[1]
        assert new["successful"] == 2
    assert run_json("verify", data=house.data, FAIRLEAD_DATABASE_URL=url)["problems"] == []
    full = run("db", "copy", "-", data=house.data, given=url, fails=True)
    assert full.returncode == 1
    assert "is not empty, it holds" in full.stderr


@pytest.mark.parametrize("kind", KINDS)
def test_a_wrong_password_is_said_and_not_shown(
    kind: str, furnished: tuple[Path, dict[str, str]], tmp_path: Path
) -> None:
    data, _ = furnished
    url = empty_url(kind, tmp_path).replace("p%40ss", "guessed-s3cret")

    refused = run("db", "copy", url, "--json", data=data, fails=True)

    assert refused.returncode == 1
    assert "cannot be used" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert "guessed-s3cret" not in refused.stdout + refused.stderr
