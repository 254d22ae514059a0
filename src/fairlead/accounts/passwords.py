"""Passwords: Argon2id with the parameters that OWASP names, off the event loop, and only a few at a time."""

from __future__ import annotations

import asyncio
import secrets
from functools import cache
from typing import Final

import argon2

TIME_COST: Final = 2
MEMORY_KIB: Final = 19_456
PARALLELISM: Final = 1
CHECKS_AT_ONCE_MAX: Final = 2
CHECKS_WAITING_MAX: Final = 64
CHECKED_LENGTH_MAX: Final = 1_024
GENERATED_BYTES: Final = 18

_HASHER: Final = argon2.PasswordHasher(time_cost=TIME_COST, memory_cost=MEMORY_KIB, parallelism=PARALLELISM)


class PasswordsBusyError(Exception):
    """More checks wait than could be done in reasonable time."""


def generate_password() -> str:
    """Draw a password that nobody guesses."""
    return secrets.token_urlsafe(GENERATED_BYTES)


def hash_password(password: str) -> str:
    """Digest a password; takes some 30 ms on purpose."""
    return _HASHER.hash(password)


def is_password(password_hash: str, password: str) -> bool:
    """Compare a password with a digest; an empty digest (nobody has that name) takes as long and never matches."""
    try:
        _HASHER.verify(password_hash or _hash_of_nobody(), password)
    except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError, UnicodeEncodeError):
        return False
    return bool(password_hash)


@cache
def _hash_of_nobody() -> str:
    return hash_password(generate_password())


class PasswordChecks:
    """Checks passwords in threads, a few at a time, because each takes a core for 30 ms."""

    def __init__(self) -> None:
        """Start with nobody waiting."""
        self._at_once = asyncio.Semaphore(CHECKS_AT_ONCE_MAX)
        self._waiting = 0

    async def verify(self, password_hash: str, password: str) -> bool:
        """Check a password.

        Raises:
            PasswordsBusyError: too many checks wait already.
        """
        if len(password) > CHECKED_LENGTH_MAX:
            return False
        if self._waiting >= CHECKS_WAITING_MAX:
            raise PasswordsBusyError(f"{CHECKS_WAITING_MAX} password checks are waiting")
        self._waiting += 1
        try:
            async with self._at_once:
                return await asyncio.to_thread(is_password, password_hash, password)
        finally:
            self._waiting -= 1
