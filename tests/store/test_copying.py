"""A database goes into an empty one of any kind, and nobody can use half a copy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import func, select

from fairlead.ports import Record, Unit
from fairlead.store.copying import CopyPlaceError, CopyReport, CopyTools, Place, Progress, copy_database
from fairlead.store.databases.opening import driver_faults, take_ownership
from fairlead.store.databases.server import ServerOwner
from fairlead.store.journal import StoredJournal
from fairlead.store.migrate import UnfinishedCopyError, connect, migrate, pending
from fairlead.store.tables import config_version, groups, journal, metadata, users
from fairlead.store.tables import notify_channels as channels
from fairlead.store.verify import Report, verify
from tests.servers.clean import DATABASES, empty_url, on_every_database
from tests.servers.shared import KINDS
from tests.store.samples import AT_MS, all_states, fold_all, note, unit

pytestmark = pytest.mark.slow

on_every_target = pytest.mark.parametrize("target_kind", DATABASES)
ROWS = 1_500
STRANGE = "Ключ 🚢 'quoted' \\ trailing "
CHANNEL = {
    "channel_id": "c1",
    "tenant": "acme",
    "owner": "u1",
    "name": STRANGE,
    "target": "",
    "secret": bytes(range(256)),
    "levels": "",
    "time_zone": "UTC",
    "enabled": True,
    "created_ms": AT_MS,
}


@pytest.fixture(name="target")
def _target(target_kind: str, tmp_path: Path) -> str:
    return empty_url(target_kind, tmp_path / "target")


@pytest.fixture(name="filled")
async def _filled(url: str) -> str:
    """Facts with and without keys, states, bytes of any kind, texts of all alphabets, and what people configure."""
    facts = [note(f"{STRANGE}{number}" if number % 2 else None, text=STRANGE) for number in range(ROWS)]
    journal = await StoredJournal.open(url, on_death=print)
    await journal.commit(unit(*facts, note("short"), states=all_states()))
    await journal.commit(Unit(records=(Record(space="a", owner="acme", key=STRANGE, body=bytes(range(256))),)))
    await journal.close()
    with connect(url) as connection:
        connection.execute(
            users.insert().values(
                user_id="u1",
                tenant="acme",
                username=STRANGE,
                password_hash="x",
                role="owner",
                time_zone="UTC",
                enabled=True,
                created_ms=AT_MS,
            )
        )
        connection.execute(channels.insert().values(**CHANNEL))
        connection.execute(groups.insert().values(group_id="g1", tenant="acme", name=STRANGE, created_ms=AT_MS))
        connection.execute(config_version.update().values(version=2**40))
        connection.commit()
    return url


def check(url: str, progress: Progress) -> Report:
    return verify(url, fold_all, progress)


def say_nothing(_done: int, _total: int) -> None:
    pass


def copy(source: str, target: str, *, again: bool = False, progress: Progress = say_nothing) -> CopyReport:
    with take_ownership(source) as owner, take_ownership(target) as target_owner:
        places = Place(source, owner), Place(target, target_owner)
        return copy_database(*places, CopyTools(check, progress), again=again)


def count_rows(url: str) -> dict[str, int]:
    with connect(url) as connection:
        tables = metadata.sorted_tables
        return {table.name: connection.scalar(select(func.count()).select_from(table)) or 0 for table in tables}


def stop_after(rows: int) -> Callable[[int, int], None]:
    def stop(done: int, _total: int) -> None:
        if done >= rows:
            raise KeyboardInterrupt

    return stop


@on_every_database
@on_every_target
async def test_a_copy_holds_what_the_original_holds(filled: str, target: str) -> None:
    heard: list[tuple[int, int]] = []

    report = copy(filled, target, progress=lambda done, total: heard.append((done, total)))

    assert report.problems == ()
    assert report.rows == count_rows(target) == count_rows(filled)
    assert report.rows["journal"] == ROWS + 1
    with connect(target) as connection:
        last = select(journal.c.hash).order_by(journal.c.seq.desc()).limit(1)
        assert report.tip_hash == connection.execute(last).scalar_one().hex()
        assert connection.execute(select(users.c.username)).scalar_one() == STRANGE
    assert pending(target) == []
    assert (sum(report.rows.values()), sum(report.rows.values())) in heard
    continued = await StoredJournal.open(target, on_death=print)
    await continued.commit(unit(note("the next")))
    await continued.close()
    assert verify(target, fold_all).problems == ()


@on_every_target
def test_half_a_copy_is_of_no_use_until_it_was_made_again(filled: str, target: str) -> None:
    with pytest.raises(KeyboardInterrupt):
        copy(filled, target, progress=stop_after(1_000))

    assert 0 < count_rows(target)["journal"] < ROWS
    for use in (pending, migrate):
        with pytest.raises(UnfinishedCopyError, match="a copy that was not finished"):
            use(target)
    with pytest.raises(CopyPlaceError, match="--again"):
        copy(filled, target)
    assert copy(filled, target, again=True).problems == ()
    assert pending(target) == []


@on_every_target
def test_a_database_that_holds_something_is_left_alone(filled: str, target: str) -> None:
    copy(filled, target)
    before = count_rows(target)

    with pytest.raises(CopyPlaceError, match=f"it holds .*{ROWS + 1} rows of journal"):
        copy(filled, target, again=True)

    assert count_rows(target) == before
    assert pending(target) == []


@on_every_target
def test_tables_of_something_else_are_left_alone(filled: str, target: str, tmp_path: Path) -> None:
    (tmp_path / "target").mkdir(mode=0o700, exist_ok=True)
    with connect(target) as connection:
        connection.exec_driver_sql("CREATE TABLE recipes (name VARCHAR(10))")
        connection.commit()

    with pytest.raises(CopyPlaceError, match="tables of something else: recipes"):
        copy(filled, target)


@pytest.mark.parametrize("target_kind", ["sqlite"])
def test_what_changed_meanwhile_is_noticed_and_the_copy_stays_unusable(filled: str, target: str) -> None:
    def disturb(_done: int, _total: int) -> None:
        with connect(filled) as connection:
            connection.execute(config_version.update().values(version=config_version.c.version + 1))
            connection.commit()

    assert copy(filled, target, progress=disturb).problems == ("somebody changed the original while it was copied",)
    with pytest.raises(UnfinishedCopyError):
        pending(target)


@pytest.mark.parametrize("target_kind", ["sqlite"])
def test_a_row_that_arrived_as_another_one_is_named(filled: str, target: str) -> None:
    done_before = 0

    def damage(done: int, total: int) -> None:
        nonlocal done_before
        if done == total and done_before < total:
            with connect(target) as connection:
                connection.exec_driver_sql("UPDATE journal SET cause = 'somebody' WHERE seq = 7")
                connection.commit()
        done_before = max(done, done_before)

    problems = copy(filled, target, progress=damage).problems

    assert "journal 7: the copied row is another one" in problems
    assert any(problem.startswith("journal row 7, field hash") for problem in problems)


@pytest.mark.parametrize("target_kind", KINDS)
def test_a_copy_whose_owner_was_lost_stays_unusable(filled: str, target: str) -> None:
    with take_ownership(filled) as owner, take_ownership(target) as target_owner:
        assert isinstance(target_owner, ServerOwner)
        session = target_owner.session

        def lose_at_the_end(url: str, progress: Progress) -> Report:
            report = check(url, progress)
            session.close()
            return report

        with pytest.raises(driver_faults(target)):
            copy_database(Place(filled, owner), Place(target, target_owner), CopyTools(lose_at_the_end, say_nothing))
    with pytest.raises(UnfinishedCopyError):
        pending(target)
