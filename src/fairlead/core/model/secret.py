"""A text that must not be seen: it does not show in any log, error, dump or answer, however it gets there."""

from __future__ import annotations

import hmac
from typing import Final, NoReturn

STARS: Final = "***"


class Secret:
    """Whoever uses it says so, with ``reveal``; everything else that Python does with a value shows stars or refuses.

    It cannot be pickled, copied, hashed or encoded, and two of them are compared in constant time.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        """Hide a text."""
        self._text = text

    def reveal(self) -> str:
        """The text itself."""
        return self._text

    def __repr__(self) -> str:
        return f"Secret({STARS})"

    def __str__(self) -> str:
        return STARS

    def __format__(self, _: str) -> str:
        return STARS

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(_bytes_of(self), _bytes_of(other))

    # A hash would tell equal ones apart from others, and put them where they outlive their use.
    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not copied and not pickled")


def _bytes_of(secret: Secret) -> bytes:
    return secret.reveal().encode("utf-8", "surrogatepass")
