from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from fairlead.ports import Record, Unit
from fairlead.store.journal import StoredJournal
from fairlead.store.verify import Report, verify
from tests.store.samples import all_states, fold_all, note, unit


@pytest.fixture(name="editor")
async def _editor(url: str, path: Path) -> Iterator[sqlite3.Connection]:  # type: ignore[misc]
    journal = await StoredJournal.open(url, on_death=print)
    for number in range(3):
        await journal.commit(unit(note(f"k{number}"), note(stream="b"), states=all_states()))
    await journal.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


def problems(url: str) -> tuple[str, ...]:
    return verify(url, fold_all).problems


def test_a_whole_store_has_no_problems(url: str, editor: sqlite3.Connection) -> None:
    heard: list[tuple[int, int]] = []

    report = verify(url, fold_all, lambda done, total: heard.append((done, total)))

    assert report == Report(rows=6, streams=2, problems=())
    assert heard == [(6, 6)]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (
            "UPDATE orders SET status = 'filled'",
            "orders o1, field status: stored filled, rebuilt in_flight",
        ),
        (
            "UPDATE orders SET body = replace(body, '0.50', '0.51')",
            "orders o1, field body.quantity: stored 0.51, rebuilt 0.50",
        ),
        (
            "UPDATE balances SET total = '1'",
            "balances account-1 USDT, field total: stored 1, rebuilt 12345678901234567890.123456789012345678",
        ),
        (
            "UPDATE positions SET tenant = 'other'",
            "positions account-1 BTC-USDT-SWAP long, field tenant: stored other, rebuilt acme",
        ),
        ("UPDATE requests SET is_pending = 0", "requests r1, field is_pending: stored 0, rebuilt 1"),
        ("UPDATE alerts SET body = 'garbage'", "alerts a1, field body: stored 'garbage', rebuilt nothing"),
        ("DELETE FROM alerts", "alerts a1: missing, but the journal says it is there"),
        (
            "INSERT INTO balances SELECT account_id, 'EUR', tenant, total, reserved, body FROM balances",
            "balances account-1 EUR: stored, but the journal knows nothing of it",
        ),
        ("UPDATE heads SET version = 9 WHERE stream = 'b'", "heads b, field version: stored 9, rebuilt 3"),
        ("DELETE FROM heads WHERE stream = 'b'", "heads b, field version: stored nothing, rebuilt 3"),
        ("DELETE FROM journal WHERE seq = 6", "heads b, field version: stored 3, rebuilt 2"),
    ],
)
def test_a_planted_change_is_named(url: str, editor: sqlite3.Connection, change: str, problem: str) -> None:
    editor.execute(change)

    assert problem in problems(url)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (
            "UPDATE journal SET body = replace(body, 's 2', 's 3') WHERE seq = 4",
            "journal row 4: its body or hash is not",
        ),
        (
            "UPDATE journal SET body = CAST(replace(body, 's 2', 's 3') AS BLOB) WHERE seq = 4",
            "journal row 4, field hash:",
        ),
        ("UPDATE journal SET cause = 'somebody' WHERE seq = 3", "journal row 3, field hash:"),
        ("UPDATE journal SET tenant = 'somebody' WHERE seq = 1", "journal row 1, field hash:"),
        ("UPDATE journal SET key = NULL WHERE seq = 1", "journal row 1, field hash:"),
        ("UPDATE journal SET at_ms = at_ms + 1 WHERE seq = 6", "journal row 6, field hash:"),
        (
            "UPDATE journal SET version = 7 WHERE seq = 4",
            "journal row 4, field version: stored 7, rebuilt 2",
        ),
        ("DELETE FROM journal WHERE seq = 2", "journal row 2: missing, the next one is 3"),
    ],
)
def test_a_change_in_the_journal_is_named_by_its_row(
    url: str,
    editor: sqlite3.Connection,
    change: str,
    problem: str,
) -> None:
    editor.execute(change)

    found = problems(url)

    assert found[0].startswith(problem)
    assert found[1:] == ("the tables were not compared, because the journal itself is damaged",)


def test_it_may_run_beside_the_server_and_sees_one_moment(url: str, editor: sqlite3.Connection) -> None:
    def fold_and_disturb(row: object) -> tuple[()]:
        editor.execute("DELETE FROM alerts")
        return ()

    found = verify(url, fold_and_disturb).problems

    assert "alerts a1: stored, but the journal knows nothing of it" in found


class Book(msgspec.Struct):
    """What the records of this test hold."""

    cash: Decimal


async def test_a_damaged_record_is_named_and_others_are_not(url: str) -> None:
    journal = await StoredJournal.open(url, on_death=print)
    records = (
        Record(space="book", owner="acme", key="whole", body=b'{"cash":"1.5"}'),
        Record(space="book", owner="acme", key="cut", body=b'{"cash":'),
        Record(space="book", owner="acme", key="wrong", body=b'{"cash":"much"}'),
        Record(space="notes", owner="acme", key="n1", body=b"of no known type"),
    )
    await journal.commit(Unit(records=records))
    await journal.close()

    found = verify(url, fold_all, records={"book": Book}).problems

    assert [problem.partition(":")[0] for problem in found] == [
        "records book acme cut, field body",
        "records book acme wrong, field body",
    ]
    assert verify(url, fold_all).problems == ()
