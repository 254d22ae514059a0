"""SIGKILL while bots trade: each goes on with one exit for what it holds, and nothing is lost, doubled or forgotten."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crash.bots import run_bot_round
from tests.servers.clean import DATABASES, clean_url

pytestmark = pytest.mark.timeout(240)

KILLS = 3
KILLS_OKX = 2


@pytest.mark.parametrize("database", DATABASES)
def test_m14_bots_on_the_paper_venue_survive_every_kill(database: str, tmp_path: Path) -> None:
    outcome = run_bot_round(tmp_path, clean_url(database, tmp_path), kills=KILLS, seed=1, at_okx=False)
    assert outcome.problems == []
    assert outcome.orders >= 9


# Beside an exchange that loses answers it takes most of a minute to come to rest.
@pytest.mark.parametrize(
    "database", [one if one == "sqlite" else pytest.param(one, marks=pytest.mark.slow) for one in DATABASES]
)
def test_m14_bots_at_an_okx_where_things_go_wrong_survive_every_kill(database: str, tmp_path: Path) -> None:
    outcome = run_bot_round(tmp_path, clean_url(database, tmp_path), kills=KILLS_OKX, seed=2, at_okx=True)
    assert outcome.problems == []
    assert outcome.orders >= 3
