from __future__ import annotations

import pytest

from fairlead.simulator.okx.codes import OkxError
from fairlead.simulator.okx.fields import Fields
from fairlead.simulator.okx.paging import FILLS, LIST, POSITIONS, Entry, Paging, cut

TEN = [Entry(number=number, at_ms=number, item=number) for number in range(1, 11)]


@pytest.mark.parametrize(
    ("query", "paging", "expected"),
    [
        ({}, LIST, [10, 9, 8, 7, 6, 5, 4, 3, 2, 1]),
        ({"after": "10", "before": "6"}, LIST, [9, 8, 7]),
        ({"before": "2", "after": "9", "limit": "3"}, LIST, [8, 7, 6]),
        ({"before": "6", "limit": "3"}, LIST, [9, 8, 7]),
        ({"before": "6", "limit": "3"}, POSITIONS, [10, 9, 8]),
        ({"begin": "6", "limit": "3"}, LIST, [8, 7, 6]),
        ({"begin": "6", "limit": "3"}, FILLS, [10, 9, 8]),
        ({"begin": "3", "end": "5"}, LIST, [5, 4, 3]),
        ({"begin": "3", "end": "8", "after": "6"}, LIST, [5, 4, 3]),
        ({"limit": "1000"}, LIST, [10, 9, 8, 7, 6, 5, 4, 3, 2, 1]),
    ],
)
def test_pages_are_cut_as_the_venue_explains_it(query: dict[str, str], paging: Paging, expected: list[int]) -> None:
    assert cut(TEN, Fields(query), paging) == expected


@pytest.mark.parametrize("query", [{"limit": "0"}, {"limit": "x"}, {"after": "-1"}])
def test_a_bound_that_is_none_is_refused(query: dict[str, str]) -> None:
    with pytest.raises(OkxError, match="51000"):
        cut(TEN, Fields(query))
