"""Bodies on disk: packed when long, and always read back, also those that were written before there was packing."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest

from fairlead.core.model import events as ev
from fairlead.core.model.risk import CheckCode, CheckOutcome, RiskCheck, RiskVerdict
from fairlead.store.journal import StoredJournal
from fairlead.store.packing import BODY_BYTES_MAX, PACKED_ABOVE_BYTES, pack, unpack
from fairlead.store.rows import decode_row
from tests.store.samples import AT_MS, TENANT, fact, make_order, unit

STORE = Path(__file__).parents[2] / "src" / "fairlead" / "store"


def make_approval() -> ev.OrderApproved:
    checks = tuple(
        RiskCheck(code=code, outcome=CheckOutcome.PASS, unit="USD", detail="10 x equity") for code in CheckCode
    )
    verdict = RiskVerdict(order_id="o1", approved=True, profile="paper v1 + alert v1", checks=checks)
    line = ev.SizingLine(label="rounded down", formula="whole lots of 0.01 contracts", result="0.1 contracts")
    return ev.OrderApproved(order=make_order(), verdict=verdict, sizing=(line,))


# On SQLite, where its file is looked into; the bytes are packed before any database has them.
async def test_an_approval_is_a_fraction_of_its_json_on_disk_and_read_back_whole(path: Path, url: str) -> None:
    approval = make_approval()
    journal = await StoredJournal.open(url, on_death=print)
    await journal.commit(unit(fact(approval)))
    rows = [row async for row in journal.read_after(0)]
    await journal.close()
    with closing(sqlite3.connect(path)) as connection:
        (body,) = connection.execute("SELECT body FROM journal").fetchone()

    assert [row.event for row in rows] == [approval]
    assert len(body) < len(msgspec.json.encode(approval)) / 4


def test_a_row_from_before_there_was_packing_is_read() -> None:
    approval = make_approval()
    stored = (1, TENANT, "account:1", 1, "OrderApproved", "o1", "r1", AT_MS, msgspec.json.encode(approval), bytes(32))

    assert decode_row(stored).event == approval


@pytest.mark.parametrize("length", [0, 1, PACKED_ABOVE_BYTES, PACKED_ABOVE_BYTES + 1, 1_000_000])
def test_every_length_is_read_back(length: int) -> None:
    body = bytes(33 + number % 90 for number in range(length))

    assert unpack(pack(body)) == body


@pytest.mark.parametrize("damaged", [b"\x01", b"\x01garbage", pack(b'"' + b"a" * 2_000 + b'"')[:-1]])
def test_a_damaged_body_is_refused(damaged: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        unpack(damaged)


def test_a_body_that_would_unpack_to_too_much_is_refused() -> None:
    with pytest.raises(msgspec.DecodeError):
        unpack(pack(bytes(BODY_BYTES_MAX + 1)))


def test_the_dictionary_is_the_one_that_packed_what_is_on_disk() -> None:
    # Never change this number: what the dictionary packed could not be read any more.
    assert (
        sha256((STORE / "packing_1.json").read_bytes()).hexdigest()
        == "520cefc195a577904cce468b8b0c2c918908216ce3fbb5d0a93456aea1a283bc"
    )
