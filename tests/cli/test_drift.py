"""`fairlead drift` without a server: what was found is shown, and what is decided waits for the next start."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from fairlead.core.model.drift import Drift, DriftCause, DriftKind
from fairlead.core.model.events import AccountRecovered
from fairlead.core.rules.account_book import AccountBook
from fairlead.core.rules.book_rebuild import book_header
from fairlead.orders.account_desk import BOOK_SPACE

Run = Callable[..., Result]
Ask = Callable[..., Any]
DRIFT_ID = "0190000000012345678abcdef01"


@pytest.fixture(name="drifted")
def _drifted(alice: str, ask: Ask, folder: Path) -> str:
    """An account whose venue has more cash than we."""
    account_id: str = ask("account", "add", "main")["id"]
    book = AccountBook(tenant=alice, account_id=account_id)
    drift = Drift(
        drift_id=DRIFT_ID,
        kind=DriftKind.BALANCE,
        cause=DriftCause.MANUAL_BALANCE,
        subject="USDT",
        since_ms=1_790_000_000_000,
        ours=Decimal(100),
        theirs=Decimal("190.5"),
    )
    book.drifts = {DRIFT_ID: drift}
    book.recovery = AccountRecovered(
        account_id=account_id, orders_asked=2, orders_in_doubt=0, requests_resumed=1, differences=1, at_ms=1
    )
    with closing(sqlite3.connect(next(folder.glob("*.sqlite3")))) as database, database:
        row = (BOOK_SPACE, alice, account_id, book_header(book))
        database.execute("INSERT INTO records (space, owner, key, body) VALUES (?, ?, ?, ?)", row)
    return account_id


def test_a_drift_is_listed_and_shown_with_what_can_be_decided(drifted: str, ask: Ask) -> None:
    (row,) = ask("drift", "list")
    assert (row["id"], row["account"], row["ours"], row["venue"], row["state"]) == (
        *(DRIFT_ID, "main", "100", "190.5", "open"),
    )
    assert row["likely_cause"] == "manual_balance"
    shown = ask("drift", "show", DRIFT_ID[-8:])
    assert "adopt books the venue's cash" in shown["decide"]


def test_an_account_shows_how_it_was_opened_last(drifted: str, ask: Ask) -> None:
    shown = ask("account", "show", "main")
    assert (shown["orders_asked"], shown["requests_resumed"], shown["drifts_open"]) == (2, 1, 1)


def test_without_a_server_a_decision_waits_for_the_next_start(drifted: str, run: Run) -> None:
    assert "next start" in run("drift", "adopt", DRIFT_ID, "--reason", "mine").stdout
    assert "there is no open drift" in run("drift", "ignore", "00000000", code=1).stderr


def test_nothing_is_undone_without_a_yes(drifted: str, run: Run) -> None:
    run("drift", "close", DRIFT_ID, typed="n\n", code=1)
    assert "next start" in run("drift", "close", DRIFT_ID, typed="y\n").stdout


def test_what_is_adopted_unasked_is_chosen_for_each_account(drifted: str, ask: Ask, run: Run) -> None:
    assert ask("drift", "policy", "main")["adopts"] == []
    chosen = ask("drift", "policy", "main", "--adopt", "funding", "--adopt", "manual_balance")
    assert chosen["adopts"] == ask("drift", "policy", "main")["adopts"] == ["funding", "manual_balance"]
    assert ask("drift", "policy", "main", "--nothing")["adopts"] == []
    run("drift", "policy", "main", "--adopt", "everything", code=2)


def test_without_a_drift_the_list_says_so(alice: str, run: Run) -> None:
    run("account", "add", "main")
    assert "No drift" in run("drift", "list").stderr
