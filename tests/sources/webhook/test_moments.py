"""A time without a zone is refused rather than guessed; seconds and milliseconds are told apart by their size."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.sources.webhook.moments import MomentError, parse_moment

AT_MS = 1_767_323_045_000


@pytest.mark.parametrize(
    ("text", "at_ms"),
    [
        ("2026-01-02T03:04:05Z", AT_MS),
        ("2026-01-02t03:04:05z", AT_MS),
        ("2026-01-02 03:04:05+00:00", AT_MS),
        ("2026-01-02T05:04:05+0200", AT_MS),
        ("2026-01-02T03:04:05.678Z", AT_MS + 678),
        ("2026-01-02T03:04:05.6Z", AT_MS + 600),
        ("2026-01-02T03:04:05.678999999Z", AT_MS + 678),
        ("2026-01-02T03:04Z", AT_MS - 5_000),
        ("1767323045", AT_MS),
        ("1767323045.678", AT_MS + 678),
        ("1767323045678", AT_MS + 678),
    ],
)
def test_iso_seconds_and_milliseconds_are_read(text: str, at_ms: int) -> None:
    assert parse_moment(text) == at_ms


@pytest.mark.parametrize(
    "text",
    [
        *("", "now", "2026-01-02", "2026-01-02T03:04:05", "2026-13-02T03:04:05Z", "2026-01-02T24:04:05Z", "1e3", "0"),
        *("-1", "1999-12-31T23:59:59Z", "2100-01-01T00:00:00Z", "0001-01-01T00:00:00+23:59", "99999999999999", "inf"),
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(MomentError):
        parse_moment(text)


@given(
    st.text(max_size=40)
    | st.from_regex(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d([.]\d{1,12})?(Z|[+-]\d\d:\d\d)", fullmatch=True)
)
def test_any_text_is_a_moment_of_this_century_or_refused(text: str) -> None:
    try:
        at_ms = parse_moment(text)
    except MomentError:
        return
    assert 946_684_800_000 <= at_ms < 4_102_444_800_000
