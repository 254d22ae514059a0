"""SIGKILL at random moments while alerts arrive: nothing that was answered is lost, nothing is done twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crash.rounds import Exchange, run_round
from tests.servers.clean import DATABASES, clean_url

# Fifteen seconds each on a quiet machine; a busy one starts processes several times slower.
pytestmark = pytest.mark.timeout(240)

KILLS_REMOTE = 18
KILLS_PAPER = 16


@pytest.mark.parametrize("database", DATABASES)
def test_an_exchange_that_outlives_every_kill_has_exactly_what_we_answered(database: str, tmp_path: Path) -> None:
    outcome = run_round(tmp_path, clean_url(database, tmp_path), kills=KILLS_REMOTE, seed=1, exchange=Exchange.OWN)
    assert outcome.problems == []
    assert outcome.kills == KILLS_REMOTE
    assert outcome.orders > 0


@pytest.mark.parametrize("database", DATABASES)
def test_the_paper_venue_and_its_books_survive_every_kill_together(database: str, tmp_path: Path) -> None:
    outcome = run_round(tmp_path, clean_url(database, tmp_path), kills=KILLS_PAPER, seed=2, exchange=Exchange.PAPER)
    assert outcome.problems == []
    assert outcome.kills == KILLS_PAPER
    assert outcome.orders > 0
