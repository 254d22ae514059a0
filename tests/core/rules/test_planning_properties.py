from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from fairlead.core.model import events as ev
from fairlead.core.model.money import ZERO
from fairlead.core.model.request import Enter, Side, Size, SizeUnit
from fairlead.core.rules.account_book import AccountBook
from fairlead.core.rules.plan import Plan
from fairlead.core.rules.valuation import available_of
from tests.core.rules.trading_world import (
    INSTRUMENTS,
    INVERSE,
    LINEAR,
    SPOT,
    approved,
    ask,
    feed,
    filled,
    make_book,
    make_request,
    make_view,
)

PERCENT = SizeUnit.PERCENT

sizes = st.one_of(
    st.builds(Size, amount=st.integers(1, 100).map(Decimal), unit=st.just(PERCENT)),
    st.builds(Size, amount=st.decimals(min_value="0.001", max_value="20000", places=4), unit=st.sampled_from(SizeUnit)),
)
entries = st.builds(Enter, side=st.sampled_from(Side), size=sizes)
symbols = st.sampled_from([SPOT, LINEAR, INVERSE])
cash = st.decimals(min_value="0", max_value="1000000", places=2)


def spent(book: AccountBook, plan: Plan) -> None:
    for leg in plan.legs:
        request = make_request(leg.symbol, request_id=leg.request_id)
        feed(book, ev.OrderRequested(request=request), approved(leg))


@given(
    symbol=symbols,
    intent=entries,
    dollars=cash,
    coins=st.decimals(min_value="0", max_value="50", places=8),
    cap=st.booleans(),
)
def test_a_plan_never_holds_or_spends_more_than_there_is(
    symbol: str, intent: Enter, dollars: Decimal, coins: Decimal, *, cap: bool
) -> None:
    book = make_book({"USDT": dollars, "BTC": coins})
    outcome = ask(make_view(book), symbol, intent, cap_to_available=cap)
    if not isinstance(outcome, Plan):
        return
    instrument = INSTRUMENTS[symbol]
    spent(book, outcome)
    assert all(balance.available >= ZERO for balance in book.balances.values())
    for leg in outcome.legs:
        quantity = instrument.round_quantity_down(leg.quantity / leg.reference_price) if leg.in_quote else leg.quantity
        if quantity:
            feed(book, filled(leg, quantity, leg.reference_price, is_last=True))
    assert all(balance.total >= ZERO and balance.reserved == ZERO for balance in book.balances.values())
    for currency in book.balances:
        available = available_of(book, currency, make_view(book).worth.positions)
        assert available is not None


@given(symbol=symbols, intent=entries, one=cash, other=cash, cap=st.booleans())
def test_less_cash_never_gives_a_larger_order(
    symbol: str, intent: Enter, one: Decimal, other: Decimal, *, cap: bool
) -> None:
    def total(dollars: Decimal) -> Decimal:
        view = make_view(make_book({"USDT": dollars, "BTC": dollars / 60_000}))
        outcome = ask(view, symbol, intent, cap_to_available=cap)
        return sum((leg.quantity for leg in outcome.legs), ZERO) if isinstance(outcome, Plan) else ZERO

    assert total(min(one, other)) <= total(max(one, other))


@given(symbols, entries)
def test_every_leg_is_an_order_that_the_venue_takes(symbol: str, intent: Enter) -> None:
    outcome = ask(make_view(make_book({"USDT": 50_000_000, "BTC": 2_000})), symbol, intent)
    if not isinstance(outcome, Plan):
        return
    instrument = INSTRUMENTS[symbol]
    for leg in outcome.legs:
        assert leg.in_quote or instrument.is_valid_quantity(leg.quantity)
        assert leg.in_quote or leg.quantity <= instrument.market_quantity_max
    assert len({leg.order_id for leg in outcome.legs}) == len(outcome.legs)
