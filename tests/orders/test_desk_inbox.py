"""Whose turn it is at one desk, as a property over random requests."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from fairlead.core.model.request import CancelOrders, Close, Intent, OrderRequest, SetTarget, TargetPosition
from fairlead.orders.desk_inbox import DeskInbox, is_urgent, reads_position
from tests.orders.trading_world import REQUEST, buy

INTENTS: tuple[Intent, ...] = (buy(1), buy(2), Close(), CancelOrders(), SetTarget(target=TargetPosition.FLAT))
WISHES = st.tuples(st.sampled_from(INTENTS), st.sampled_from(("A", "B", "C")), st.booleans())


@given(wishes=st.lists(WISHES, max_size=20), finish=st.lists(st.booleans(), min_size=60, max_size=60))
def test_every_request_gets_its_turn_in_the_order_of_its_instrument(
    wishes: list[tuple[Intent, str, bool]], finish: list[bool]
) -> None:
    inbox = DeskInbox()
    requests = [
        replace(REQUEST, request_id=str(number), intent=intent, symbol=symbol, reduce_only=reduce_only)
        for number, (intent, symbol, reduce_only) in enumerate(wishes)
    ]
    for request in requests:
        inbox.push(request)
    taken = []
    running: list[OrderRequest] = []
    for finishes in [*finish, *[True] * 60]:
        ready = None if finishes and running else inbox.pop_ready()
        if ready is None:
            if running:
                done = running.pop(0)
                inbox.settle(done.symbol, done.request_id)
            continue
        others = [one for one in running if one.symbol == ready.symbol]
        # Who reads the position is alone with it; entries only share with entries.
        assert not others or not (reads_position(ready) or any(reads_position(one) for one in others))
        taken.append(ready)
        running.append(ready)
        inbox.begin(ready)
    assert len(inbox) == 0
    assert len(taken) == len(requests)
    for symbol in "ABC":
        assert [one for one in taken if one.symbol == symbol] == [one for one in requests if one.symbol == symbol]


@given(wishes=st.lists(WISHES, min_size=1, max_size=20))
def test_an_instrument_that_begins_with_a_close_comes_first(wishes: list[tuple[Intent, str, bool]]) -> None:
    inbox = DeskInbox()
    heads: dict[str, OrderRequest] = {}
    for number, (intent, symbol, reduce_only) in enumerate(wishes):
        request = replace(REQUEST, request_id=str(number), intent=intent, symbol=symbol, reduce_only=reduce_only)
        heads.setdefault(symbol, request)
        inbox.push(request)
    first = inbox.pop_ready()
    assert first is not None
    assert is_urgent(first) is any(is_urgent(head) for head in heads.values())


def test_what_is_put_back_comes_before_what_waits() -> None:
    inbox = DeskInbox()
    first, second = (replace(REQUEST, request_id=name) for name in ("first", "second"))
    inbox.push(second)
    inbox.push(first, first=True)
    assert inbox.pop_ready() is first
    assert inbox.pop_ready() is second
    assert inbox.pop_ready() is None
