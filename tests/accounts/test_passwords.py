"""Passwords are checked slowly, off the event loop, and a right one is remembered for a minute only."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from fairlead.accounts.passwords import (
    CHECKS_WAITING_MAX,
    PasswordChecks,
    PasswordsBusyError,
    generate_password,
    hash_password,
    is_password,
)
from fairlead.accounts.users import REMEMBERED_FOR_S, PasswordDoor
from fairlead.clock import VirtualClock
from fairlead.store.queries.users import Role, User

PASSWORD = "correct horse battery staple"
ANN = User(
    user_id="u1",
    tenant="acme",
    username="ann",
    password_hash=hash_password(PASSWORD),
    role=Role.OWNER,
    time_zone="UTC",
    enabled=True,
    created_ms=0,
)


def open_door(*users: User) -> tuple[PasswordDoor, VirtualClock, dict[str, User]]:
    known = {user.username: user for user in users}
    clock = VirtualClock()
    return PasswordDoor(find_user=known.get, clock=clock), clock, known


def test_the_digest_uses_the_parameters_that_owasp_names() -> None:
    assert ANN.password_hash.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_only_the_right_password_matches() -> None:
    assert is_password(ANN.password_hash, PASSWORD)
    for wrong in ("", PASSWORD + " ", "\ud800"):
        assert not is_password(ANN.password_hash, wrong)
    assert not is_password("", PASSWORD)
    assert not is_password("not a digest", PASSWORD)


def test_generated_passwords_differ() -> None:
    assert generate_password() != generate_password()


async def test_a_password_of_a_megabyte_is_wrong_at_once() -> None:
    assert not await PasswordChecks().verify(ANN.password_hash, "x" * 1_000_000)


async def test_too_many_waiting_checks_are_refused() -> None:
    checks = PasswordChecks()
    waiting = [asyncio.create_task(checks.verify("not a digest", "x")) for _ in range(CHECKS_WAITING_MAX)]
    await asyncio.sleep(0)
    with pytest.raises(PasswordsBusyError):
        await checks.verify("not a digest", "x")
    assert await asyncio.gather(*waiting) == [False] * CHECKS_WAITING_MAX


async def test_a_user_enters_with_the_right_password_only() -> None:
    door, _, _ = open_door(ANN)
    assert await door.enter("ann", PASSWORD) == ANN
    assert await door.enter("ann", "wrong") is None
    assert await door.enter("bob", PASSWORD) is None


async def test_a_disabled_user_does_not_enter() -> None:
    door, _, known = open_door(ANN)
    await door.enter("ann", PASSWORD)
    known["ann"] = msgspec.structs.replace(ANN, enabled=False)
    assert await door.enter("ann", PASSWORD) is None
    assert door.recall("ann", PASSWORD) is None


async def test_a_right_password_is_recalled_for_a_minute() -> None:
    door, clock, _ = open_door(ANN)
    assert door.recall("ann", PASSWORD) is None
    await door.enter("ann", PASSWORD)
    assert door.recall("ann", PASSWORD) == ANN
    assert door.recall("ann", "wrong") is None
    clock.advance_ms(int(REMEMBERED_FOR_S * 1000))
    assert door.recall("ann", PASSWORD) is None


async def test_a_changed_password_is_forgotten_at_once() -> None:
    door, _, known = open_door(ANN)
    await door.enter("ann", PASSWORD)
    known["ann"] = msgspec.structs.replace(ANN, password_hash=hash_password("another one"))
    assert door.recall("ann", PASSWORD) is None
