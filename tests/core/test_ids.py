from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.core.model.ids import (
    ORDER_ID_LENGTH,
    PROTECTION,
    TIME_HEX_DIGITS,
    TIME_MS_MAX,
    alert_id,
    child_order_id,
    client_order_id,
    derive_id,
    request_id,
    request_ids,
)

START_MS = 1_790_000_000_000
# okx.md 3.1: case-sensitive letters and digits, at most 32.
VENUE_RULE = re.compile(r"[A-Za-z0-9]{1,32}", re.ASCII)
REQUESTS_PER_MS = 2_500
LEGS = 4
PARTS = st.lists(st.text(max_size=12), max_size=4)
TIMES = st.integers(0, TIME_MS_MAX)


def ids_of_one_ms(at_ms: int) -> list[str]:
    return [
        client_order_id(cause_at_ms=at_ms, request=f"{at_ms}-{number}", leg=leg)
        for number in range(REQUESTS_PER_MS)
        for leg in range(LEGS)
    ]


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_w18_ten_million_ids_do_not_collide() -> None:
    # Ids of different milliseconds differ in their first digits, so each millisecond is counted by itself.
    prefixes = set()
    for at_ms in range(START_MS, START_MS + 1_000):
        ids = set(ids_of_one_ms(at_ms))
        assert len(ids) == REQUESTS_PER_MS * LEGS
        starts = {one[:TIME_HEX_DIGITS] for one in ids}
        assert len(starts) == 1
        prefixes |= starts
    assert len(prefixes) == 1_000


def test_w18_a_hundred_thousand_ids_do_not_collide_and_every_venue_takes_them() -> None:
    ids = [one for at_ms in range(START_MS, START_MS + 10) for one in ids_of_one_ms(at_ms)]
    assert len(set(ids)) == len(ids) == 100_000
    assert all(VENUE_RULE.fullmatch(one) for one in ids)
    assert {len(one) for one in ids} == {ORDER_ID_LENGTH}


@given(at_ms=TIMES, parts=PARTS)
def test_the_same_cause_gives_the_same_id_and_a_venue_takes_it(at_ms: int, parts: list[str]) -> None:
    one = derive_id(at_ms, *parts)
    assert one == derive_id(at_ms, *parts)
    assert VENUE_RULE.fullmatch(one)
    assert len(one) == ORDER_ID_LENGTH


@given(at_ms=TIMES, first=PARTS, second=PARTS)
def test_other_parts_give_another_id_however_they_are_cut(at_ms: int, first: list[str], second: list[str]) -> None:
    assert (derive_id(at_ms, *first) == derive_id(at_ms, *second)) is (first == second)


@given(early=TIMES, late=TIMES, parts=PARTS)
def test_ids_sort_by_time(early: int, late: int, parts: list[str]) -> None:
    if early < late:
        assert derive_id(early, *parts, "z") < derive_id(late, *parts, "a")


@pytest.mark.parametrize("at_ms", [-1, TIME_MS_MAX + 1])
def test_a_time_that_does_not_fit_is_refused(at_ms: int) -> None:
    with pytest.raises(ValueError, match=f"time {at_ms} ms does not fit an id"):
        derive_id(at_ms, "a")


def test_the_time_lasts_for_centuries() -> None:
    assert TIME_MS_MAX > 500 * 366 * 24 * 3_600_000
    assert len(derive_id(TIME_MS_MAX)) == len(derive_id(0)) == ORDER_ID_LENGTH


def test_ids_of_different_things_from_the_same_words_differ() -> None:
    made = {
        alert_id(received_at_ms=START_MS, hook_id="a", nonce="b"),
        request_id(cause_at_ms=START_MS, cause="a", account_id="b"),
        client_order_id(cause_at_ms=START_MS, request="a", leg=0),
        client_order_id(cause_at_ms=START_MS, request="a", leg=1),
        child_order_id(client_order_id(cause_at_ms=START_MS, request="a", leg=0), PROTECTION),
    }
    assert len(made) == 5


def test_an_id_never_changes_between_releases() -> None:
    # What is at a venue must be found again by the next version.
    assert request_id(cause_at_ms=START_MS, cause="alert1", account_id="a1") == "1a0c4506c00b58ac8adafea92be"
    assert client_order_id(cause_at_ms=START_MS, request="1a0c4506c00b58ac8adafea92be", leg=0) == (
        "1a0c4506c0020745a2a4353084c"
    )


def test_a_child_sorts_with_its_parent_and_is_another_order() -> None:
    parent = client_order_id(cause_at_ms=START_MS, request="r", leg=0)
    child = child_order_id(parent, PROTECTION)
    assert child != parent
    assert child[:TIME_HEX_DIGITS] == parent[:TIME_HEX_DIGITS]
    assert VENUE_RULE.fullmatch(child)
    assert child != child_order_id(parent, "other")


@given(at_ms=TIMES, cause=st.text(max_size=12), accounts=PARTS)
def test_all_requests_of_a_cause_at_once_have_the_ids_they_have_one_by_one(
    at_ms: int, cause: str, accounts: list[str]
) -> None:
    one_by_one = [request_id(cause_at_ms=at_ms, cause=cause, account_id=account) for account in accounts]
    assert request_ids(cause_at_ms=at_ms, cause=cause, account_ids=accounts) == one_by_one
