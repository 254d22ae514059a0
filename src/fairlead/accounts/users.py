"""How a name with a password becomes a user."""

from __future__ import annotations

import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from fairlead.accounts.passwords import PasswordChecks
from fairlead.ports import Clock
from fairlead.store.queries.users import User

REMEMBERED_MAX: Final = 1_000
REMEMBERED_FOR_S: Final = 60.0


class PasswordDoor:
    """Lets users in by password; a right answer is remembered for a minute, as a keyed hash, because Argon2 is slow."""

    def __init__(self, *, find_user: Callable[[str], User | None], clock: Clock) -> None:
        """Take who knows users by name, and a clock."""
        self._find_user = find_user
        self._checks = PasswordChecks()
        self._clock = clock
        self._key = secrets.token_bytes(32)
        self._remembered: OrderedDict[bytes, float] = OrderedDict()

    def recall(self, username: str, password: str) -> User | None:
        """Let in whoever was let in with exactly this a moment ago; costs microseconds."""
        user = self._find_user(username)
        if user is None or not user.enabled:
            return None
        until_s = self._remembered.get(self._digest(user, password))
        return user if until_s is not None and self._clock.monotonic_s() < until_s else None

    async def enter(self, username: str, password: str) -> User | None:
        """Check name and password; None when either is wrong, after the same time.

        Raises:
            PasswordsBusyError: too many checks wait already.
        """
        user = self._find_user(username)
        if user is not None and not user.enabled:
            user = None
        is_right = await self._checks.verify(user.password_hash if user is not None else "", password)
        if user is None or not is_right:
            return None
        self._remembered[self._digest(user, password)] = self._clock.monotonic_s() + REMEMBERED_FOR_S
        if len(self._remembered) > REMEMBERED_MAX:
            self._remembered.popitem(last=False)
        return user

    def _digest(self, user: User, password: str) -> bytes:
        # The stored hash is part of it, so a password that was changed is forgotten.
        text = f"{user.user_id}\0{user.password_hash}\0{password}"
        return hmac.digest(self._key, text.encode("utf-8", "surrogatepass"), "sha256")
