"""`fairlead account protect` without a server: what is chosen is kept, and what cannot be is refused."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from fairlead.core.model.protection import Protection, ProtectionChanged
from fairlead.core.rules.account_book import AccountBook
from fairlead.core.rules.book_rebuild import book_header
from fairlead.orders.account_desk import BOOK_SPACE

Run = Callable[..., Result]
Ask = Callable[..., Any]
NO_STOP = "BTC-USDT-SWAP has no stop at the exchange"


@pytest.fixture(name="main")
def _main(alice: str, ask: Ask) -> str:
    account_id: str = ask("account", "add", "main", "--kind", "okx")["id"]
    return account_id


def test_the_switch_is_off_until_its_owner_wants_it_and_keeps_its_time(main: str, ask: Ask, run: Run) -> None:
    assert ask("account", "protect", "main") == {"account": "main", "dead_man": "off"}
    assert "next start" in run("account", "protect", "main", "--dead-man", "on").stderr
    assert ask("account", "protect", "main")["dead_man"] == "on, 60 s"
    assert ask("account", "protect", "main", "--dead-man", "on", "--timeout", "30")["dead_man"] == "on, 30 s"
    assert ask("account", "show", "main")["dead_man"] == "on, 30 s"
    assert ask("account", "protect", "main", "--dead-man", "off")["dead_man"] == "off"


def test_what_no_exchange_takes_is_refused_before_anything_is_kept(main: str, ask: Ask, run: Run) -> None:
    for wrong in ("9", "121", "0", "soon"):
        run("account", "protect", "main", "--dead-man", "on", "--timeout", wrong, code=2)
    assert "--dead-man on" in run("account", "protect", "main", "--timeout", "60", code=2).stderr
    assert "--dead-man on" in run("account", "protect", "main", "--dead-man", "off", "--timeout", "60", code=2).stderr
    run("account", "protect", "main", "--dead-man", "maybe", code=2)
    assert ask("account", "protect", "main")["dead_man"] == "off"
    ask("account", "add", "paper-1")
    assert "kinds that have one: okx" in run("account", "protect", "paper-1", "--dead-man", "on", code=1).stderr
    assert "no account" in run("account", "protect", "mian", "--dead-man", "on", code=1).stderr


@pytest.mark.parametrize(
    ("noted", "seen"),
    [
        (Protection.BY_FAIRLEAD, "unprotected"),
        (Protection.ON_EXCHANGE, "protected_on_exchange"),
        (Protection.NOTHING_OPEN, "nothing_open"),
    ],
)
def test_without_a_server_only_the_exchange_protects(
    main: str, ask: Ask, folder: Path, noted: Protection, seen: str
) -> None:
    book = AccountBook(tenant="alice", account_id=main)
    reasons = (NO_STOP,) if noted is Protection.BY_FAIRLEAD else ()
    book.protection = ProtectionChanged(account_id=main, state=noted, reasons=reasons, at_ms=1_790_000_000_000)
    with closing(sqlite3.connect(next(folder.glob("*.sqlite3")))) as database, database:
        row = (BOOK_SPACE, "alice", main, book_header(book))
        database.execute("INSERT INTO records (space, owner, key, body) VALUES (?, ?, ?, ?)", row)
    shown = ask("account", "show", "main")
    assert (shown["protection"], shown["protection_why"], shown["dead_man"]) == (seen, list(reasons), "off")
    assert shown["protection_since"].startswith("2026-")
    (listed,) = ask("account", "list")
    assert listed["protection"] == seen


def test_an_account_that_no_server_has_opened_says_nothing(main: str, ask: Ask) -> None:
    assert "protection" not in ask("account", "show", "main")
    assert ask("account", "list")[0]["protection"] == ""
