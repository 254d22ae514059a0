"""What every journal promises (ports.Journal)."""

from __future__ import annotations

import asyncio
from functools import partial

from fairlead.ports import AppendOutcome, Committed, DuplicateKey, Journal, JournalRow, NotStored, Record, Unit
from tests.contracts.conftest import JournalWorld
from tests.store.samples import AT_MS, TENANT, all_states, make_order, note, unit

MANY = 40


async def read_all(journal: Journal, seq: int = 0) -> list[JournalRow]:
    return [row async for row in journal.read_after(seq)]


async def read_places(journal: Journal) -> list[tuple[int, str, int]]:
    return [(row.seq, row.stream, row.version) for row in await read_all(journal)]


async def test_facts_are_read_back_as_they_were_written(world: JournalWorld) -> None:
    journal = await world.open()
    fact = note("k1")

    outcome = await journal.commit(unit(fact))

    assert outcome == Committed(last_seq=1)
    assert await read_all(journal) == [
        JournalRow(
            seq=1,
            tenant=TENANT,
            stream=fact.stream,
            version=1,
            kind="DriftFound",
            key="k1",
            cause=fact.cause,
            at_ms=AT_MS,
            event=fact.event,
        ),
    ]


async def test_units_are_stored_in_the_order_of_their_appends(world: JournalWorld) -> None:
    journal = await world.open()
    outcomes = [journal.commit(unit(note(stream=f"s{number % 3}"), note(stream="all"))) for number in range(MANY)]

    assert await asyncio.gather(*outcomes) == [Committed(last_seq=2 * number) for number in range(1, MANY + 1)]
    rows = await read_all(journal)
    assert [row.seq for row in rows] == list(range(1, 2 * MANY + 1))
    assert [row.version for row in rows if row.stream == "all"] == list(range(1, MANY + 1))
    assert [row.version for row in rows if row.stream == "s1"] == list(range(1, 1 + MANY // 3))
    assert world.verify().problems == ()


async def test_outcomes_are_told_once_each_in_queue_order(world: JournalWorld) -> None:
    journal = await world.open()
    told: list[tuple[int, AppendOutcome]] = []
    for number in range(MANY):
        key = "same" if number % 4 == 3 else f"k{number}"
        journal.append(unit(note(key)), lambda outcome, number=number: told.append((number, outcome)))  # type: ignore[misc]

    assert told == []
    await journal.commit(unit(note()))

    assert [number for number, _ in told] == list(range(MANY))
    refused = [number for number, outcome in told if outcome == DuplicateKey(kind="DriftFound", key="same")]
    assert refused == list(range(7, MANY, 4))
    assert all(isinstance(outcome, Committed) for number, outcome in told if number not in refused)


async def test_a_callback_that_raises_keeps_nobody_else_waiting(world: JournalWorld) -> None:
    journal = await world.open()
    raised: list[BaseException] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: raised.append(context["exception"]))
    told: list[AppendOutcome] = []

    def fail(_outcome: AppendOutcome) -> None:
        raise LookupError("a bug of the caller")

    journal.append(unit(note()), told.append)
    journal.append(unit(note()), fail)
    journal.append(unit(note()), told.append)
    assert await journal.commit(unit(note())) == Committed(last_seq=4)

    assert told == [Committed(last_seq=1), Committed(last_seq=3)]
    assert [type(error) for error in raised] == [LookupError]


async def test_a_duplicate_stores_nothing_of_its_unit(world: JournalWorld) -> None:
    journal = await world.open()
    await journal.commit(unit(note("k1")))

    refused = await journal.commit(
        Unit(
            facts=(note(), note("k1"), note(stream="other")),
            states=all_states(),
            records=(Record(space="s", owner="o", key="k", body=b"x"),),
        ),
    )

    assert refused == DuplicateKey(kind="DriftFound", key="k1")
    assert await read_places(journal) == [(1, "account:1", 1)]
    assert await journal.read_records("s") == []
    # No state was stored either: the tables are as empty as the journal says.
    assert world.verify().problems == ()


async def test_the_next_unit_of_the_stream_works_after_a_refusal(world: JournalWorld) -> None:
    journal = await world.open()
    await journal.commit(unit(note("k1")))

    assert await journal.commit(unit(note("k1"))) == DuplicateKey(kind="DriftFound", key="k1")
    assert await journal.commit(unit(note("k2"))) == Committed(last_seq=2)

    assert await read_places(journal) == [(1, "account:1", 1), (2, "account:1", 2)]
    assert world.verify().problems == ()


async def test_a_duplicate_inside_one_batch_fails_alone(world: JournalWorld) -> None:
    journal = await world.open()

    outcomes = await asyncio.gather(
        journal.commit(unit(note("k1"), note(stream="a"))),
        journal.commit(unit(note(stream="a"), note("k1"))),
        journal.commit(unit(note("k2"), note(stream="a"))),
    )

    assert list(outcomes) == [
        Committed(last_seq=2),
        DuplicateKey(kind="DriftFound", key="k1"),
        Committed(last_seq=4),
    ]
    assert await read_places(journal) == [(1, "account:1", 1), (2, "a", 1), (3, "account:1", 2), (4, "a", 2)]
    assert world.verify().problems == ()


async def test_a_unit_that_repeats_its_own_key_is_refused(world: JournalWorld) -> None:
    journal = await world.open()

    assert await journal.commit(unit(note("k1"), note("k1"))) == DuplicateKey(kind="DriftFound", key="k1")
    assert await read_all(journal) == []


async def test_of_forty_equal_units_at_once_one_wins(world: JournalWorld) -> None:
    journal = await world.open()

    outcomes = await asyncio.gather(*(journal.commit(unit(note("same"))) for _ in range(MANY)))

    assert outcomes == [Committed(last_seq=1)] + [DuplicateKey(kind="DriftFound", key="same")] * (MANY - 1)
    assert await journal.commit(unit(note("next"))) == Committed(last_seq=2)
    assert [row.version for row in await read_all(journal)] == [1, 2]
    assert world.verify().problems == ()


async def test_a_key_counts_per_tenant_and_kind(world: JournalWorld) -> None:
    journal = await world.open()
    mine = note("k1")
    theirs = note("k1", stream="theirs")
    theirs = type(theirs)(
        tenant="other",
        stream=theirs.stream,
        cause=theirs.cause,
        at_ms=theirs.at_ms,
        event=theirs.event,
        key=theirs.key,
    )

    outcomes = await asyncio.gather(journal.commit(unit(mine)), journal.commit(unit(theirs)))

    assert list(outcomes) == [Committed(last_seq=1), Committed(last_seq=2)]


async def test_later_units_of_a_broken_chain_are_refused_until_it_is_reopened(world: JournalWorld) -> None:
    journal = await world.open()
    chained = partial(unit, chain="desk-1")
    outcomes = [
        journal.commit(chained(note("k1"))),
        journal.commit(chained(note("k1"))),
        journal.commit(chained(note("k2"))),
        journal.commit(unit(note("k3"), chain="desk-2")),
        journal.commit(unit(note("k4"))),
    ]
    first, refused, later, other_chain, unchained = await asyncio.gather(*outcomes)
    still = await journal.commit(chained(note("k5")))
    queued_before = journal.commit(chained(note("k6")))
    journal.reopen("desk-1")
    reopened = await journal.commit(chained(note("k7")))

    assert [first, other_chain, unchained] == [Committed(last_seq=number) for number in (1, 2, 3)]
    assert refused == DuplicateKey(kind="DriftFound", key="k1")
    assert isinstance(later, NotStored)
    assert isinstance(still, NotStored)
    assert isinstance(await queued_before, NotStored)
    assert reopened == Committed(last_seq=4)
    assert [row.key for row in await read_all(journal)] == ["k1", "k3", "k4", "k7"]


async def test_a_fact_that_cannot_be_written_down_fails_alone(world: JournalWorld) -> None:
    journal = await world.open()

    before, poison, after = await asyncio.gather(
        journal.commit(unit(note("k1"))),
        journal.commit(unit(note("k\ud800"))),
        journal.commit(unit(note("k2"))),
    )

    assert before == Committed(last_seq=1)
    assert isinstance(poison, NotStored)
    assert after == Committed(last_seq=2)


async def test_a_number_too_large_for_the_table_fails_alone(world: JournalWorld) -> None:
    journal = await world.open()
    order = make_order()
    huge = type(order)(**{name: getattr(order, name) for name in order.__struct_fields__} | {"updated_ms": 2**63})

    poison, after = await asyncio.gather(
        journal.commit(unit(note("k1"), states=[huge])),
        journal.commit(unit(note("k2"))),
    )

    assert isinstance(poison, NotStored)
    assert after == Committed(last_seq=1)
    assert world.verify().problems == ()


async def test_states_are_kept_and_the_last_of_each_thing_wins(world: JournalWorld) -> None:
    journal = await world.open()
    stale = make_order(request_id="wrong")

    await asyncio.gather(
        journal.commit(unit(note(), states=[stale])),
        journal.commit(unit(note(), states=all_states())),
    )

    assert world.verify(with_states=True).problems == ()


async def test_records_are_kept_replaced_and_deleted(world: JournalWorld) -> None:
    journal = await world.open()
    kept = Record(space="books", owner="account-1", key="2", body=b"\x00second")
    await journal.commit(
        Unit(
            records=(
                Record(space="books", owner="account-1", key="1", body=b"gone"),
                Record(space="books", owner="account-1", key="2", body=b"first"),
                Record(space="other", owner="account-1", key="1", body=b"elsewhere"),
            ),
        ),
    )
    await asyncio.gather(
        journal.commit(Unit(records=(kept,))),
        journal.commit(Unit(records=(Record(space="books", owner="account-1", key="1", body=None),))),
    )

    assert await journal.read_records("books") == [kept]
    assert await read_all(journal) == []


async def test_reading_goes_on_behind_a_row_over_many_pages(world: JournalWorld) -> None:
    journal = await world.open()
    await asyncio.gather(*(journal.commit(unit(*(note() for _ in range(100)))) for _ in range(12)))

    assert [row.seq for row in await read_all(journal, 3)] == list(range(4, 1_201))
    assert await read_all(journal, 1_200) == []


async def test_closing_stores_what_is_queued(world: JournalWorld) -> None:
    journal = await world.open()
    told: list[AppendOutcome] = []
    for _ in range(MANY):
        journal.append(unit(note()), told.append)

    await world.close()

    assert told == [Committed(last_seq=number) for number in range(1, MANY + 1)]
    late = await journal.commit(unit(note()))
    assert isinstance(late, NotStored)


async def test_the_next_process_goes_on_where_the_last_one_stopped(world: JournalWorld) -> None:
    journal = await world.open()
    await journal.commit(unit(note("k1"), note(stream="b")))
    await world.close()

    journal = await world.open()

    assert await journal.commit(unit(note("k1"))) == DuplicateKey(kind="DriftFound", key="k1")
    assert await journal.commit(unit(note("k2"))) == Committed(last_seq=3)
    assert await read_places(journal) == [(1, "account:1", 1), (2, "b", 1), (3, "account:1", 2)]
    assert world.verify().problems == ()
