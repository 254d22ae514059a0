"""Moments as people type them, and the bar that shows how far something has come."""

from __future__ import annotations

import io
import sys

import pytest

from fairlead.cli.moments import moment_text, read_moment
from fairlead.cli.output import StopError
from fairlead.cli.progress import progress_shown

NOW_MS = 1_767_225_600_000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025-01-01", 1_735_689_600_000),
        ("2025-01-01T00:01", 1_735_689_660_000),
        ("2025-01-01T01:00+01:00", 1_735_689_600_000),
        ("1h", NOW_MS - 3_600_000),
        ("90d", NOW_MS - 90 * 86_400_000),
        ("2w", NOW_MS - 14 * 86_400_000),
        ("1y", NOW_MS - 365 * 86_400_000),
    ],
)
def test_a_moment_is_a_day_a_time_or_so_long_ago(text: str, expected: int) -> None:
    assert read_moment("--from", text, NOW_MS) == expected


@pytest.mark.parametrize("text", ["", "soon", "0d", "-1d", "5m", "2025-13-01", "1735689600"])
def test_what_is_no_moment_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(StopError, match=r"--from: .* is no moment; write 2025-01-31") as refused:
        read_moment("--from", text, NOW_MS)
    assert refused.value.code == 2


def test_a_moment_is_written_to_the_minute() -> None:
    assert moment_text(NOW_MS + 61_000) == "2026-01-01 00:01"


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("stream", "is_shown"), [(_Terminal(), True), (io.StringIO(), False)])
def test_a_bar_is_for_people_at_a_terminal(
    monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, *, is_shown: bool
) -> None:
    monkeypatch.setattr(sys, "stderr", stream)
    with progress_shown("BTC-USDT 1m") as tell:
        tell(1, 2)
        tell(2, 2)
    assert ("BTC-USDT 1m" in stream.getvalue() and "100%" in stream.getvalue()) is is_shown
    assert bool(stream.getvalue()) is is_shown
