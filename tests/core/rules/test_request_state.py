from __future__ import annotations

from decimal import Decimal

import pytest

from fairlead.core.model import events as ev
from fairlead.core.model.money import ZERO
from fairlead.core.model.request import OrderType, Side, TimeInForce
from fairlead.core.model.state import RequestState, RequestStatus, State
from fairlead.core.rules.account_book import AccountBook
from fairlead.core.rules.request_state import NEVER_PLACED_MAX
from tests.core.rules.trading_world import (
    ACCOUNT,
    LINEAR,
    NOW_MS,
    D,
    accepted,
    approved,
    begin,
    canceled,
    doubted,
    expired,
    feed,
    filled,
    held,
    make_book,
    make_order,
    make_request,
    rejected,
)


def reserved(book: AccountBook, currency: str = "USDT") -> Decimal:
    return book.balances[currency].reserved


def request_in(changed: list[State]) -> RequestState:
    (state,) = [state for state in changed if isinstance(state, RequestState)]
    return state


def test_a_market_order_keeps_its_request_pending_until_it_is_filled() -> None:
    book = make_book()
    order = make_order()
    assert request_in(begin(book, order)).status is RequestStatus.WORKING
    assert not [state for state in feed(book, accepted()) if isinstance(state, RequestState)]
    assert request_in(feed(book, filled(order, 4))).is_pending
    done = request_in(feed(book, filled(order, 6)))
    assert (done.status, done.filled_quantity) == (RequestStatus.FILLED, D(10))
    assert not book.requests


def test_a_resting_limit_order_is_final_for_its_sender_and_lives_on() -> None:
    book = make_book()
    order = make_order(order_type=OrderType.LIMIT, limit_price=D(50_000))
    begin(book, order)
    assert request_in(feed(book, accepted())).status is RequestStatus.ACCEPTED
    assert list(book.requests) == ["request"]
    assert request_in(feed(book, filled(order, 10, 50_000))).status is RequestStatus.FILLED
    assert not book.requests


def test_an_order_that_does_not_rest_is_waited_for() -> None:
    book = make_book()
    begin(book, make_order(order_type=OrderType.LIMIT, limit_price=D(50_000), time_in_force=TimeInForce.IOC))
    feed(book, accepted())
    assert book.requests["request"].is_pending
    done = request_in(feed(book, canceled(reason_code="immediate_or_cancel")))
    assert (done.status, done.reason_code) == (RequestStatus.REJECTED, "immediate_or_cancel")


def test_a_rejection_keeps_the_code_and_the_words_of_the_venue() -> None:
    book = make_book()
    begin(book, make_order())
    done = request_in(feed(book, rejected()))
    assert (done.status, done.reason_code, done.message) == (RequestStatus.REJECTED, "51008", "not enough")


def test_a_doubt_is_final_for_the_sender_and_settled_later() -> None:
    for settling, status in ((accepted(), RequestStatus.WORKING), (rejected(), RequestStatus.REJECTED)):
        book = make_book()
        begin(book, make_order())
        doubtful = request_in(feed(book, doubted()))
        assert (doubtful.status, doubtful.is_pending, doubtful.message) == (RequestStatus.UNKNOWN, False, "timed out")
        assert "request" in book.requests
        assert request_in(feed(book, settling)).status is status
        assert (reserved(book) == ZERO) is (status is RequestStatus.REJECTED)


def test_what_never_reached_the_venue_is_planned_anew_a_few_times() -> None:
    book = make_book()
    begin(book, make_order(order_id="0"))
    for leg in range(1, NEVER_PLACED_MAX + 1):
        again = request_in(feed(book, expired(str(leg - 1))))
        assert (again.status, again.more, reserved(book)) == (RequestStatus.WORKING, True, ZERO)
        feed(book, approved(make_order(order_id=str(leg), leg=leg)))
    done = request_in(feed(book, expired(str(NEVER_PLACED_MAX))))
    assert (done.status, done.more) == (RequestStatus.EXPIRED, False)
    assert not book.requests


def test_a_second_try_that_fills_is_all_that_its_sender_hears_of() -> None:
    book = make_book()
    begin(book, make_order(order_id="lost"))
    feed(book, expired("lost"))
    second = make_order(order_id="second", leg=1)
    feed(book, approved(second))
    done = request_in(feed(book, filled(second, 10)))
    assert (done.status, done.filled_quantity, done.reason_code, done.message) == (RequestStatus.FILLED, D(10), "", "")


def test_an_entry_of_which_something_filled_is_not_sized_anew() -> None:
    book = make_book({"USDT": 1_000_000})
    first, second = make_order(order_id="a"), make_order(order_id="b", leg=1)
    begin(book, first)
    feed(book, approved(second), filled(first, 10))
    done = request_in(feed(book, expired("b")))
    assert (done.status, done.more, done.filled_quantity) == (RequestStatus.FILLED, False, D(10))


def test_a_late_fill_changes_the_result_of_an_ended_request() -> None:
    book = make_book()
    order = make_order()
    begin(book, order)
    assert request_in(feed(book, canceled())).status is RequestStatus.REJECTED
    late = request_in(feed(book, filled(order, 4)))
    assert (late.status, late.filled_quantity) == (RequestStatus.FILLED, D(4))
    assert (late.reason_code, book.orders) == ("user", {})


def test_all_legs_of_a_request_must_be_done() -> None:
    book = make_book({"USDT": 1_000_000})
    first, second = make_order(order_id="a"), make_order(order_id="b", leg=1)
    begin(book, first)
    feed(book, approved(second))
    assert book.requests["request"].order_ids == ("a", "b")
    assert request_in(feed(book, filled(first, 10))).is_pending
    done = request_in(feed(book, rejected("b")))
    assert (done.status, done.filled_quantity, done.reason_code) == (RequestStatus.FILLED, D(10), "51008")


def test_more_legs_to_come_keep_a_request_pending() -> None:
    book = make_book(None, held(LINEAR, 10))
    closing = make_order(order_id="a", side=Side.SELL, reduce_only=True)
    begin(book, closing, more=True)
    state = request_in(feed(book, filled(closing, 10)))
    assert (state.status, state.more, state.is_pending) == (RequestStatus.WORKING, True, True)
    opening = make_order(order_id="b", side=Side.SELL, leg=1)
    feed(book, approved(opening))
    assert request_in(feed(book, filled(opening, 10))).status is RequestStatus.FILLED


def test_a_first_part_that_fails_ends_the_request() -> None:
    book = make_book(None, held(LINEAR, 10))
    begin(book, make_order(side=Side.SELL, reduce_only=True), more=True)
    state = request_in(feed(book, rejected()))
    assert (state.status, state.more) == (RequestStatus.REJECTED, False)


def test_an_order_that_turns_out_to_be_alive_is_not_tried_again() -> None:
    book = make_book()
    order = make_order()
    begin(book, order)
    assert request_in(feed(book, expired())).more
    assert not request_in(feed(book, accepted())).more
    assert request_in(feed(book, filled(order, 10))).status is RequestStatus.FILLED


def test_a_first_step_that_was_tried_again_is_followed_by_the_second() -> None:
    book = make_book(None, held(LINEAR, 10))
    begin(book, make_order(order_id="a", side=Side.SELL, reduce_only=True), more=True)
    feed(book, expired("a"))
    again = make_order(order_id="b", side=Side.SELL, reduce_only=True, leg=1)
    feed(book, approved(again, more=True))
    state = request_in(feed(book, filled(again, 10)))
    assert (state.status, state.more) == (RequestStatus.WORKING, True)


def test_a_doubt_about_a_first_part_keeps_the_request_waiting() -> None:
    book = make_book(None, held(LINEAR, 10))
    order = make_order(side=Side.SELL, reduce_only=True)
    begin(book, order, more=True)
    feed(book, doubted())
    assert book.requests["request"].is_pending
    feed(book, filled(order, 10))
    assert book.requests["request"].more


@pytest.mark.parametrize(
    ("end", "status"),
    [
        (
            ev.RequestDenied(
                request_id="request",
                account_id=ACCOUNT,
                reason_code="order_rate",
                message="too fast",
                numbers={},
                sizing=(),
                verdict=None,
                at_ms=NOW_MS,
            ),
            RequestStatus.DENIED,
        ),
        (
            ev.RequestSkipped(
                request_id="request",
                account_id=ACCOUNT,
                reason_code="no_position",
                message="nothing held",
                sizing=(),
                verdict=None,
                order=None,
                at_ms=NOW_MS,
            ),
            RequestStatus.SKIPPED,
        ),
        (
            ev.RequestExpired(request_id="request", account_id=ACCOUNT, valid_until_ms=NOW_MS - 5, at_ms=NOW_MS),
            RequestStatus.EXPIRED,
        ),
    ],
)
def test_a_request_may_end_without_an_order(end: ev.AccountEvent, status: RequestStatus) -> None:
    book = make_book()
    state = request_in(feed(book, ev.OrderRequested(request=make_request(LINEAR)), end))
    assert (state.status, bool(state.message), book.requests) == (status, True, {})
    assert feed(book, end) == []


def test_a_cancel_keeps_its_request_working_until_the_venue_was_asked() -> None:
    book = make_book()
    asked = ev.CancelRequested(request_id="request", account_id=ACCOUNT, order_ids=("x",), at_ms=NOW_MS)
    changed = feed(book, ev.OrderRequested(request=make_request(LINEAR)), asked)
    assert request_in(changed).status is RequestStatus.WORKING
    assert feed(book, asked) == []
