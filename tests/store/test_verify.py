from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from fairlead.ports import Record, Unit
from fairlead.store.journal import StoredJournal
from fairlead.store.verify import Report, verify
from tests.servers.clean import on_every_database, quote_name, server_of
from tests.servers.shared import KINDS
from tests.store.samples import all_states, fold_all, note, unit

Edit = Callable[[str], None]


@pytest.fixture(name="filled")
async def _filled(url: str) -> str:
    journal = await StoredJournal.open(url, on_death=print)
    for number in range(3):
        await journal.commit(unit(note(f"k{number}"), note(stream="b"), states=all_states()))
    await journal.close()
    return url


@pytest.fixture(name="edit")
def _edit(kind: str, path: Path, filled: str) -> Iterator[Edit]:
    """Changes the database behind Fairlead's back."""
    assert filled
    if kind == "sqlite":
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            yield lambda sql: connection.execute(sql).close()
    else:
        server, name = server_of(kind)
        yield lambda sql: server.run(name, sql)


def problems(url: str) -> tuple[str, ...]:
    return verify(url, fold_all).problems


@on_every_database
def test_a_whole_store_has_no_problems(filled: str) -> None:
    heard: list[tuple[int, int]] = []

    report = verify(filled, fold_all, lambda done, total: heard.append((done, total)))

    assert report == Report(rows=6, streams=2, problems=())
    assert heard == [(6, 6)]


@on_every_database
@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (
            "UPDATE orders SET status = 'filled'",
            "orders o1, field status: stored filled, rebuilt in_flight",
        ),
        (
            "UPDATE balances SET total = '1'",
            "balances account-1 USDT, field total: stored 1, rebuilt 12345678901234567890.123456789012345678",
        ),
        (
            "UPDATE positions SET tenant = 'other'",
            "positions account-1 BTC-USDT-SWAP long, field tenant: stored other, rebuilt acme",
        ),
        (
            "DELETE FROM sub_positions",
            "sub_positions account-1 BTC-USDT-SWAP long hook-1 : missing, but the journal says it is there",
        ),
        ("UPDATE requests SET is_pending = 0", "requests r1, field is_pending: stored 0, rebuilt 1"),
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
def test_a_planted_change_is_named(filled: str, edit: Edit, change: str, problem: str) -> None:
    edit(change)

    assert problem in problems(filled)


# By SQLite's replace(), which takes bytes for text; the servers have no such thing, or only for text.
@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (
            "UPDATE orders SET body = replace(body, '0.50', '0.51')",
            "orders o1, field body.quantity: stored 0.51, rebuilt 0.50",
        ),
        ("UPDATE alerts SET body = 'garbage'", "alerts a1, field body: stored 'garbage', rebuilt nothing"),
    ],
)
def test_a_change_inside_a_body_is_named(filled: str, edit: Edit, change: str, problem: str) -> None:
    edit(change)

    assert problem in problems(filled)


@pytest.mark.parametrize("kind", KINDS, indirect=True)
def test_a_body_that_is_none_is_named(filled: str, edit: Edit) -> None:
    edit("UPDATE alerts SET body = 'garbage'")

    assert "alerts a1, field body: stored b'garbage', rebuilt nothing" in problems(filled)


@on_every_database
@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("UPDATE journal SET body = 'garbage' WHERE seq = 4", "journal row 4"),
        ("UPDATE journal SET cause = 'somebody' WHERE seq = 3", "journal row 3, field hash:"),
        ("UPDATE journal SET tenant = 'somebody' WHERE seq = 1", "journal row 1, field hash:"),
        ("UPDATE journal SET at_ms = at_ms + 1 WHERE seq = 6", "journal row 6, field hash:"),
        (
            "UPDATE journal SET version = 7 WHERE seq = 4",
            "journal row 4, field version: stored 7, rebuilt 2",
        ),
        ("DELETE FROM journal WHERE seq = 2", "journal row 2: missing, the next one is 3"),
    ],
)
def test_a_change_in_the_journal_is_named_by_its_row(filled: str, edit: Edit, change: str, problem: str) -> None:
    edit(change)

    assert_names_the_journal(problems(filled), problem)


@on_every_database
def test_a_key_that_was_taken_away_is_named_by_its_row(kind: str, filled: str, edit: Edit) -> None:
    edit(f"UPDATE journal SET {quote_name(kind, 'key')} = NULL WHERE seq = 1")

    assert_names_the_journal(problems(filled), "journal row 1, field hash:")


# SQLite only: it alone keeps text in a column of bytes, and replaces inside bytes.
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
    ],
)
def test_a_body_of_the_journal_that_was_edited_is_named(filled: str, edit: Edit, change: str, problem: str) -> None:
    edit(change)

    assert_names_the_journal(problems(filled), problem)


def assert_names_the_journal(found: tuple[str, ...], problem: str) -> None:
    assert found[0].startswith(problem)
    assert found[1:] == ("the tables were not compared, because the journal itself is damaged",)


@on_every_database
def test_it_may_run_beside_the_server_and_sees_one_moment(filled: str, edit: Edit) -> None:
    def fold_and_disturb(row: object) -> tuple[()]:
        edit("DELETE FROM alerts")
        return ()

    found = verify(filled, fold_and_disturb).problems

    assert "alerts a1: stored, but the journal knows nothing of it" in found


class Book(msgspec.Struct):
    """What the records of this test hold."""

    cash: Decimal


@on_every_database
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
