"""SIGKILL at random moments beside an OKX that loses answers, is late and sends twice: its books are the witness.

A file of its own, because the tests of one file run one after the other.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crash.rounds import Exchange, run_round
from tests.servers.clean import DATABASES, clean_url

pytestmark = pytest.mark.timeout(240)

KILLS_OKX = 5


@pytest.mark.parametrize("database", DATABASES)
def test_at_an_okx_where_things_go_wrong_nothing_is_lost_or_doubled(database: str, tmp_path: Path) -> None:
    outcome = run_round(tmp_path, clean_url(database, tmp_path), kills=KILLS_OKX, seed=3, exchange=Exchange.OKX)
    assert outcome.problems == []
    assert outcome.kills == KILLS_OKX
    assert outcome.orders > 0
