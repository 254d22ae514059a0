"""Replaces master keys while everything runs: a new key seals, every value is sealed anew, an old key is forgotten.

The new key is on disk before anything is sealed with it, and values are sealed anew in short transactions, so a
rotation that dies half-way leaves values of both keys, all of which open; the next one goes on where it ended.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import msgspec

from fairlead.store.queries.secrets import SealedValue, list_sealed, replace_sealed
from fairlead.store.session import Store
from fairlead.vault.box import NO_KEY, VaultBox
from fairlead.vault.key_sources import KeySource, draw_key
from fairlead.vault.master_keys import KeyRing, VaultError
from fairlead.vault.sealing import read_key_id

VALUES_PER_COMMIT: Final = 20


class KeyUse(msgspec.Struct, frozen=True, kw_only=True):
    """One master key: whether it is here, whether it seals, and how many values need it."""

    name: str
    is_here: bool
    is_active: bool
    values: int


class Rotation(msgspec.Struct, frozen=True, kw_only=True):
    """What a rotation did. ``new_key`` is None when it finished an earlier one; ``problems`` name what did not open."""

    active_key: str
    new_key: str | None
    resealed: int
    problems: tuple[str, ...] = ()


async def survey_keys(store: Store, source: KeySource) -> Sequence[KeyUse]:
    """Every key that is here or needed, the sealing one first.

    Raises:
        VaultError: the keys cannot be read.
    """
    ring = source.read()
    here = () if ring is None else ring.names
    needed = Counter(_key_name(value) for value in await _list(store))
    return [
        KeyUse(name=name, is_here=name in here, is_active=name == next(iter(here), None), values=needed[name])
        for name in dict.fromkeys((*here, *sorted(needed)))
    ]


async def list_needed(store: Store) -> Sequence[str]:
    """Ids of the keys that sealed values need, wherever those keys are."""
    return sorted({_key_name(value) for value in await _list(store)})


async def check_keys(store: Store, source: KeySource) -> None:
    """Make sure that every value that was ever sealed has its key; an installation without any needs none.

    Raises:
        VaultError: a key is missing (the text names it), or the keys cannot be read.
    """
    missing = [use for use in await survey_keys(store, source) if not use.is_here]
    if missing:
        needs = ", ".join(f"{use.name} ({use.values} sealed values)" for use in missing)
        raise VaultError(f"the vault needs key {needs}, which is not in {source.origin}: put it back there")


async def check_values(store: Store, source: KeySource) -> tuple[int, tuple[str, ...]]:
    """Open every value once; returns how many there are, and which do not open.

    Raises:
        VaultError: the keys cannot be read.
    """
    source.read()
    values = await _list(store)
    box = VaultBox(source)
    return len(values), tuple(problem for value in values if (problem := _find_problem(box, value)))


async def rotate(
    store: Store, source: KeySource, tell_progress: Callable[[int, int], None] = lambda _, __: None
) -> Rotation:
    """Seal everything with a new key, or, when values of an older key are left, finish with the key that is active.

    Old keys are kept: copies of the database from before need them.

    Raises:
        VaultError: there is no key yet, one is missing, or a new one can only be given from outside.
    """
    ring = source.read()
    if ring is None:
        raise VaultError(f"{NO_KEY}: {source.origin}")
    await check_keys(store, source)
    stale = _pick_stale(await _list(store), ring)
    new_key = None
    if not stale:
        ring = _begin(source, ring)
        new_key = ring.active.name
        stale = _pick_stale(await _list(store), ring)
    problems: list[str] = []
    for start in range(0, len(stale), VALUES_PER_COMMIT):
        problems += await _reseal(store, source, stale[start : start + VALUES_PER_COMMIT])
        tell_progress(min(start + VALUES_PER_COMMIT, len(stale)), len(stale))
    resealed = len(stale) - len(problems)
    return Rotation(active_key=ring.active.name, new_key=new_key, resealed=resealed, problems=tuple(problems))


async def forget(store: Store, source: KeySource, name: str) -> None:
    """Drop an old key that no value needs any more.

    The write transaction keeps others from sealing meanwhile where a database has one writer; elsewhere it does not
    matter, because a key that may be forgotten has not sealed anything since the rotation before.

    Raises:
        VaultError: it is needed, it is the one that seals, or there is none of this name.
    """
    async with store.system_session(writes=True) as session:
        ring = source.read()
        if ring is None:
            raise VaultError(f"{NO_KEY}: {source.origin}")
        changed = ring.without(name)
        values = sum(_key_name(value) == name for value in await list_sealed(session))
        if values:
            raise VaultError(f"vault key {name} is needed by {values} sealed values: run fairlead vault rotate")
        source.replace(ring, changed)


def make_first_key(source: KeySource) -> str:
    """Make the first key, before anything needs it; returns its name.

    Raises:
        VaultError: there is one already, or keys are given from outside.
    """
    if source.read() is not None:
        raise VaultError(f"there is a vault key in {source.origin} already; fairlead vault rotate replaces it")
    first = KeyRing((draw_key(),))
    source.replace(None, first)
    return first.active.name


def _begin(source: KeySource, ring: KeyRing) -> KeyRing:
    if not source.is_writable:
        raise VaultError(
            f"everything is sealed with the newest key of {source.origin} already. To replace it, make one with "
            "fairlead vault new-key, put it in front of the others there, restart the server, and run this again"
        )
    changed = ring.begin_with(draw_key())
    source.replace(ring, changed)
    return changed


async def _reseal(store: Store, source: KeySource, values: Sequence[SealedValue]) -> Sequence[str]:
    box = VaultBox(source)
    problems: list[str] = []
    async with store.system_session(writes=True) as session:
        for value in values:
            problem = _find_problem(box, value)
            if problem:
                problems.append(problem)
            else:
                # Whoever changed the value meanwhile sealed it with a key of their own reading: let theirs stand.
                await replace_sealed(session, value, box.seal(box.open(value.sealed, value.place), value.place))
    return problems


def _find_problem(box: VaultBox, value: SealedValue) -> str:
    try:
        box.open(value.sealed, value.place)
    except VaultError as error:
        return f"{value.place.table} {value.place.row_id}: {error}"
    return ""


def _pick_stale(values: Iterable[SealedValue], ring: KeyRing) -> list[SealedValue]:
    return [value for value in values if _key_name(value) != ring.active.name]


def _key_name(value: SealedValue) -> str:
    try:
        return read_key_id(value.sealed).hex()
    except VaultError:
        return f"of {value.place.table} {value.place.row_id}, which is no sealed value"


async def _list(store: Store) -> Sequence[SealedValue]:
    async with store.system_session() as session:
        return await list_sealed(session)
