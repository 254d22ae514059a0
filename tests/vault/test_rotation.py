"""Master keys are replaced while everything runs, and whatever moment it dies at, nothing is lost."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from fairlead.store.queries.secrets import list_sealed, replace_sealed
from fairlead.store.session import Store
from fairlead.vault.box import VaultBox
from fairlead.vault.key_sources import GivenKeys, KeyFile, draw_key
from fairlead.vault.master_keys import KeyRing, VaultError
from fairlead.vault.opener import CredentialOpener
from fairlead.vault.rotation import check_keys, check_values, forget, make_first_key, rotate, survey_keys
from tests.architecture.source_tree import ROOT
from tests.vault.rows import add_keys, key_file, load_keys, open_all

ACCOUNTS = 30

# Rotates, and kills itself without a word: 0, before the first value is sealed anew; n, after n commits.
DYING = """
import asyncio, os, signal, sys
from pathlib import Path
from fairlead.vault import rotation
from tests.vault.rows import key_file, open_store

folder, commits = Path(sys.argv[1]), int(sys.argv[2])
done = 0

def die(*_):
    global done
    done += 1
    if done == commits:
        os.kill(os.getpid(), signal.SIGKILL)

class Source:
    def __init__(self, file):
        self.file, self.origin, self.is_writable = file, file.origin, True
        self.read = file.read
    def replace(self, ring, changed):
        self.file.replace(ring, changed)
        if commits == 0:
            os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(rotation.rotate(open_store(folder), Source(key_file(folder)), die))
"""


def names(source: KeyFile) -> tuple[str, ...]:
    ring = source.read()
    assert ring is not None
    return ring.names


async def test_a_rotation_seals_everything_anew_and_keeps_the_old_key(store: Store, folder: Path) -> None:
    await add_keys(store, folder, ACCOUNTS)
    source = key_file(folder)
    before, (old,) = await open_all(store, VaultBox(source)), names(source)
    done = await rotate(store, source)
    assert (done.resealed, done.problems) == (ACCOUNTS * 3, ())
    assert names(source) == (done.new_key, old)
    assert [(use.name, use.values) for use in await survey_keys(store, source)] == [(done.new_key, 90), (old, 0)]
    assert await open_all(store, VaultBox(source)) == before
    await forget(store, source, old)
    assert names(source) == (done.new_key,)
    assert await open_all(store, VaultBox(source)) == before


async def test_a_key_that_is_needed_or_seals_is_not_forgotten(store: Store, folder: Path) -> None:
    await add_keys(store, folder, 1)
    source = key_file(folder)
    (old,) = names(source)
    ring = source.read()
    assert ring is not None
    source.replace(ring, ring.begin_with(draw_key()))
    with pytest.raises(VaultError, match="needed by 3 sealed values"):
        await forget(store, source, old)
    await rotate(store, source)
    with pytest.raises(VaultError, match="there is no vault key 0123"):
        await forget(store, source, "0123")
    fresh = KeyFile(folder / "other.key")
    active = make_first_key(fresh)
    with pytest.raises(VaultError, match="the one that seals"):
        await forget(store, fresh, active)


@pytest.mark.slow
@pytest.mark.parametrize("commits", [0, 1, 3])
async def test_killed_in_the_middle_everything_opens_and_the_next_rotation_finishes(
    store: Store, folder: Path, commits: int
) -> None:
    await add_keys(store, folder, ACCOUNTS)
    source = key_file(folder)
    before = await open_all(store, VaultBox(source))
    dying = [sys.executable, "-c", DYING, str(folder), str(commits)]
    died = await asyncio.to_thread(subprocess.run, dying, cwd=ROOT, check=False)
    assert died.returncode == -signal.SIGKILL
    new, old = names(source)
    assert [(use.name, use.values) for use in await survey_keys(store, source)] == [
        (new, commits * 20),
        (old, ACCOUNTS * 3 - commits * 20),
    ]
    assert await open_all(store, VaultBox(source)) == before
    done = await rotate(store, source)
    assert (done.active_key, done.new_key, done.resealed) == (new, None, ACCOUNTS * 3 - commits * 20)
    assert await open_all(store, VaultBox(source)) == before
    await forget(store, source, old)
    assert await open_all(store, VaultBox(source)) == before


@pytest.mark.slow
async def test_keys_open_all_the_time_while_they_are_rotated(store: Store, folder: Path) -> None:
    rows = await add_keys(store, folder, ACCOUNTS)
    opener = CredentialOpener(lambda: load_keys(store), VaultBox(key_file(folder)))
    await opener.reload()
    ended = asyncio.Event()

    async def use() -> None:
        while not ended.is_set():
            for row in rows:
                with opener.open(row.account_id) as credentials:
                    assert credentials.api_secret.reveal().startswith("secret-")
            await opener.reload()

    using = asyncio.create_task(use())
    for _ in range(4):
        await rotate(store, key_file(folder))
    ended.set()
    await using
    assert opener.failed == 0
    assert opener.opened >= ACCOUNTS * 2


async def test_a_value_that_somebody_changes_meanwhile_stays_theirs(store: Store, folder: Path) -> None:
    await add_keys(store, folder, 1)
    box = VaultBox(key_file(folder))
    async with store.system_session(writes=True) as session:
        first = (await list_sealed(session))[0]
        assert await replace_sealed(
            session, first, theirs := box.seal(box.open(first.sealed, first.place), first.place)
        )
        assert not await replace_sealed(session, first, b"ours")
        assert theirs in {value.sealed for value in await list_sealed(session)}


async def test_a_value_that_does_not_open_is_named_and_left_alone(store: Store, folder: Path) -> None:
    await add_keys(store, folder, 2)
    source = key_file(folder)
    async with store.system_session(writes=True) as session:
        one, two, *_ = await list_sealed(session)
        # The row of one account is written over that of another.
        await replace_sealed(session, one, two.sealed)
    problem = (
        f"venue_keys {one.place.row_id}: venue_keys.{one.place.field} was changed, or sealed for another owner or row"
    )
    assert await check_values(store, source) == (6, (problem,))
    done = await rotate(store, source)
    assert (done.resealed, done.problems) == (5, (problem,))


async def test_a_missing_key_is_named_before_anything_is_written(store: Store, folder: Path) -> None:
    await add_keys(store, folder, 1)
    (old,) = names(key_file(folder))
    other = KeyFile(folder / "other.key")
    make_first_key(other)
    for work in (check_keys(store, other), rotate(store, other)):
        with pytest.raises(
            VaultError, match=rf"needs key {old} \(3 sealed values\), which is not in .*other.key: put it"
        ):
            await work
    assert len(names(other)) == 1


async def test_nothing_sealed_needs_no_key(store: Store, folder: Path) -> None:
    await check_keys(store, key_file(folder))
    assert not (folder / "vault.key").exists()
    with pytest.raises(VaultError, match="no key yet"):
        await rotate(store, key_file(folder))


async def test_given_keys_are_rotated_by_giving_another_first(store: Store, folder: Path) -> None:
    await add_keys(store, folder, 2)
    ring = key_file(folder).read()
    assert ring is not None
    with pytest.raises(VaultError, match="put it in front of the others there"):
        await rotate(store, GivenKeys(ring.write(), "the environment"))
    new = draw_key()
    given = GivenKeys(KeyRing((new, ring.active)).write(), "the environment")
    done = await rotate(store, given)
    assert (done.active_key, done.new_key, done.resealed) == (new.name, None, 6)
    await check_keys(store, GivenKeys(new.write(), "the environment"))
