"""What bars a bot's conditions look at, as far as its owner needs to know."""

from __future__ import annotations

import msgspec


class BarsSeen(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Bars of one length: ``there`` of ``needed``, without which nothing is known.

    ``past`` of them are from the history of ``source`` (empty: nobody tells of any); the others are made of quotes,
    since ``since_ms`` (0: no quote has come). ``failure`` says why the history was of no use.
    """

    timeframe: str
    needed: int
    there: int
    past: int = 0
    source: str = ""
    failure: str = ""
    since_ms: int = 0

    @property
    def is_enough(self) -> bool:
        """Whether a condition over them is known."""
        return self.there >= self.needed
