"""The book and the simulated exchange count on their own and must agree but for the last digits of a division."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

import pytest

from fairlead.core.model import events as ev
from fairlead.core.model.account import ExecutionMode, MarginMode, PositionMode, VenueAccount
from fairlead.core.model.money import ZERO
from fairlead.core.model.order import Order
from fairlead.core.model.reports import ExecutionReport
from fairlead.core.model.request import (
    Close,
    Enter,
    Intent,
    OrderType,
    SetTarget,
    Side,
    Size,
    SizeUnit,
    TargetPosition,
)
from fairlead.core.model.risk import RiskLimits
from fairlead.core.rules.account_book import AccountBook
from fairlead.core.rules.account_view import AccountView
from fairlead.core.rules.plan import CancelPlan, Plan
from fairlead.core.rules.planning import plan_request
from fairlead.orders.reports import events_of_reports
from fairlead.simulator.events import BalanceChanged, ExchangeEvent, OrderCanceled, OrderFilled, OrderOpened
from fairlead.simulator.exchange import Exchange
from fairlead.simulator.instruments import DEFAULT_INSTRUMENTS
from fairlead.simulator.orders import Order as VenueOrder
from fairlead.simulator.orders import Placed, Refused
from fairlead.simulator.rules import VenueRules
from fairlead.venues.paper import wire
from tests.core.rules.trading_world import ACCOUNT, TENANT, D, approved, make_request

START_MS = 1_800_000_000_000
SYMBOLS = ("BTC-USDT", "ETH-USDT", "BTC-USDT-SWAP", "ETH-USDT-SWAP", "BTC-USD-SWAP", "ETH-USD-SWAP")
LISTED = tuple(instrument for instrument in DEFAULT_INSTRUMENTS if instrument.symbol in SYMBOLS)
INSTRUMENTS = {instrument.symbol: instrument for instrument in LISTED}
# After five seconds the market has taken each of its steps, after an hour as many and a jump.
RULES = VenueRules(steps_caught_up_max=20)
BALANCES = {"USDT": D(200_000), "BTC": D(2), "ETH": D(20)}
# Every booked profit is cut to 12 decimals, on either side from an entry price of 24 digits.
DUST = D("1E-9")


class Pair:
    """One account at the exchange, and our book of it."""

    def __init__(self, seed: int, mode: PositionMode) -> None:
        self.dice = random.Random(seed)
        self.now_ms = START_MS
        self.exchange = Exchange(instruments=LISTED, seed=seed, now_ms=START_MS, rules=RULES)
        self.exchange.open_account(ACCOUNT, balances=BALANCES, position_mode=mode)
        self.exchange.drain_events()
        self.book = AccountBook(tenant=TENANT, account_id=ACCOUNT)
        self.hear(
            ev.AccountAdopted(
                tenant=TENANT, account_id=ACCOUNT, position_mode=mode, balances=BALANCES, positions=(), at_ms=START_MS
            )
        )
        self.refused: list[str] = []
        self.placed = 0

    def hear(self, event: ev.AccountEvent) -> None:
        self.book.apply(event, INSTRUMENTS)

    def step(self, number: int) -> None:
        self.now_ms += self.dice.choice([250, 5_000, 3_600_000])
        self.exchange.advance(self.now_ms)
        self.catch_up()
        symbol = self.dice.choice(SYMBOLS)
        request_id = f"request{number}"
        limit = self.limit_price(symbol)
        request = make_request(
            symbol,
            self.intent(),
            request_id=request_id,
            cause_at_ms=self.now_ms,
            order_type=OrderType.MARKET if limit is None else OrderType.LIMIT,
            limit_price=limit,
            leverage=D(self.dice.choice([2, 5, 10])),
            margin_mode=self.dice.choice([MarginMode.CROSS, MarginMode.ISOLATED]),
            cap_to_available=True,
        )
        self.hear(ev.OrderRequested(request=request))
        outcome = plan_request(request, self.view(), first_leg=0, deadline_ms=self.now_ms + 5_000)
        if isinstance(outcome, CancelPlan):
            for order in outcome.orders:
                self.exchange.cancel(ACCOUNT, client_order_id=order.order_id, now_ms=self.now_ms)
            self.catch_up()
            deadline_ms = self.now_ms + 5_000
            outcome = plan_request(request, self.view(), first_leg=0, deadline_ms=deadline_ms, may_cancel=False)
        if isinstance(outcome, Plan):
            self.carry_out(outcome)
        for order in list(self.book.orders.values()):
            if self.dice.random() < 0.1 and not order.origin:
                self.exchange.cancel(ACCOUNT, client_order_id=order.order_id, now_ms=self.now_ms)
        self.catch_up()

    def carry_out(self, plan: Plan) -> None:
        for change in plan.leverage_changes:
            terms: dict[str, Any] = {"margin_mode": change.margin_mode, "position_side": change.position_side}
            if isinstance(self.exchange.set_leverage(ACCOUNT, change.symbol, change.leverage, **terms), Refused):
                return
            self.hear(
                ev.LeverageChanged(
                    account_id=ACCOUNT, symbol=change.symbol, leverage=change.leverage, at_ms=self.now_ms, **terms
                )
            )
        for leg in plan.legs:
            self.hear(approved(leg, more=plan.more))
            result = self.exchange.place(ACCOUNT, wire.new_order(leg), now_ms=self.now_ms)
            if isinstance(result, Placed):
                self.placed += 1
                self.catch_up()
            else:
                self.refused.append(f"{result.code} {result.message} {leg.symbol} {leg.side} {leg.quantity}")
                self.hear(refused(leg, result))

    def catch_up(self) -> None:
        """Tell the book all that happened, in turn, and then the whole story of each order once more."""
        events = self.exchange.drain_events()
        for event in events:
            for told in events_of_reports(ACCOUNT, self.told(event)):
                self.hear(told)
        for order in [self.order_of(event) for event in events]:
            for told in [] if order is None else events_of_reports(ACCOUNT, wire.whole_story(order, "")):
                assert self.book.apply(told, INSTRUMENTS) == []

    def told(self, event: ExchangeEvent) -> list[ExecutionReport]:
        order = self.order_of(event)
        match event:
            case BalanceChanged() if not event.venue_order_id:
                return [wire.adjusted(event)]
            case OrderOpened() if order is not None:
                return [wire.opened(order, "")]
            case OrderFilled() if order is not None:
                return [wire.filled(wire.order_id_of(order), event.symbol, event, is_last=event.is_last)]
            case OrderCanceled() if order is not None:
                return [wire.canceled(wire.order_id_of(order), event.reason.value, event.at_ms)]
            case _:
                return []

    def order_of(self, event: ExchangeEvent) -> VenueOrder | None:
        venue_order_id = getattr(event, "venue_order_id", "")
        return self.exchange.accounts.find_venue_order(ACCOUNT, venue_order_id) if venue_order_id else None

    def view(self) -> AccountView:
        account = VenueAccount(
            account_id=ACCOUNT,
            tenant=TENANT,
            label="",
            exchange="okx",
            kind="paper",
            mode=ExecutionMode.PAPER,
            position_mode=self.book.position_mode,
            risk_profile="",
        )
        return AccountView(
            account=account,
            book=self.book,
            quotes={symbol: self.exchange.markets.quote(symbol) for symbol in INSTRUMENTS},
            instruments=INSTRUMENTS,
            limits=RiskLimits(),
            profile="",
            now_ms=self.now_ms,
        )

    def limit_price(self, symbol: str) -> Decimal | None:
        if self.dice.random() < 0.7:
            return None
        return self.exchange.markets.quote(symbol).mid * D(self.dice.randint(995, 1005)) / 1000

    def intent(self) -> Intent:
        size = Size(amount=D(self.dice.randint(1, 60)), unit=SizeUnit.PERCENT)
        small = Size(amount=D(self.dice.randint(10, 5_000)), unit=SizeUnit.QUOTE)
        match self.dice.randint(0, 5):
            case 0:
                return Close()
            case 1:
                return Close(size=size)
            case 2:
                return SetTarget(target=self.dice.choice(list(TargetPosition)), size=small)
            case 3:
                return Enter(side=self.dice.choice(list(Side)), size=size)
            case _:
                return Enter(side=self.dice.choice(list(Side)), size=small)

    def compare(self) -> None:
        theirs = self.exchange.accounts.balances(ACCOUNT)
        for currency in {*theirs, *self.book.balances}:
            ours = self.book.balances[currency].total if currency in self.book.balances else ZERO
            total = theirs[currency].total if currency in theirs else ZERO
            assert abs(ours - total) <= DUST, currency
        positions = {(one.symbol, one.position_side): one for one in self.exchange.accounts.positions(ACCOUNT)}
        assert self.book.positions.keys() == positions.keys()
        for key, ours_held in self.book.positions.items():
            assert ours_held.quantity == positions[key].quantity
            assert abs(ours_held.entry_price / positions[key].entry_price - 1) < D("1E-20")
        pending = {order.client_order_id for order in self.exchange.accounts.open_orders(ACCOUNT)}
        assert {order.order_id for order in self.book.orders.values()} == pending


def refused(order: Order, result: Refused) -> ev.OrderRejected:
    return ev.OrderRejected(
        order_id=order.order_id,
        account_id=ACCOUNT,
        reason_code=result.code,
        message=result.message,
        at_ms=order.created_ms,
    )


def live(seed: int, mode: PositionMode, steps: int) -> None:
    pair = Pair(seed, mode)
    for number in range(steps):
        pair.step(number)
        pair.compare()
    assert pair.placed > steps / 4
    # Nearly everything that was planned could be paid: what is free here is what is free there.
    assert len(pair.refused) <= pair.placed / 20, pair.refused


@pytest.mark.slow
@pytest.mark.parametrize("mode", PositionMode)
def test_book_and_exchange_agree_after_every_step(mode: PositionMode) -> None:
    live(0, mode, 20)


@pytest.mark.slow
@pytest.mark.parametrize("mode", PositionMode)
@pytest.mark.parametrize("seed", range(1, 4))
def test_book_and_exchange_agree_over_longer_lives(seed: int, mode: PositionMode) -> None:
    live(seed, mode, 120)
