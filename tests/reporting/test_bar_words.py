"""What an owner reads of the bars that a bot's conditions look at."""

from __future__ import annotations

import pytest

from fairlead.core.model.bots.bars import BarsSeen
from fairlead.reporting.bot_words import bars_text

SINCE_MS = 1_790_000_000_000


@pytest.mark.parametrize(
    ("seen", "text"),
    [
        (BarsSeen(timeframe="1h", needed=15, there=786, past=786, source="X"), "1h: warmed with 786 bars from X"),
        (
            BarsSeen(timeframe="1h", needed=15, there=20, source="X", since_ms=SINCE_MS),
            "1h: made of quotes since 2026-09-21 14:13:20.000 UTC",
        ),
        (BarsSeen(timeframe="1h", needed=15, there=0, source="X"), "waits for 15 bars of 1h, asks X for them"),
        (
            BarsSeen(timeframe="1h", needed=15, there=0),
            "waits for 15 bars of 1h, made of quotes, once there are any, for its market has no history",
        ),
        (
            BarsSeen(timeframe="1h", needed=15, there=2, source="X", failure="closed", since_ms=SINCE_MS),
            "waits for 15 bars of 1h, made of quotes since 2026-09-21 14:13:20.000 UTC, for X told of none: closed",
        ),
    ],
)
def test_bars_are_told_with_where_they_come_from(seen: BarsSeen, text: str) -> None:
    assert bars_text(seen) == text
