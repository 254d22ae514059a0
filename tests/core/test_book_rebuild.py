"""A book that is rebuilt from its rows is the very book that wrote them."""

from __future__ import annotations

from random import Random

import pytest
from msgspec.structs import replace

from fairlead.core.model import events as ev
from fairlead.core.model.account import Balance, MarginMode, Position, PositionMode, PositionSide, SubPosition
from fairlead.core.model.order import Order, OrderStatus
from fairlead.core.model.reports import ReportBorn
from fairlead.core.model.request import OrderType, Side
from fairlead.core.model.state import AlertState, RequestState
from fairlead.core.rules.account_book import AccountBook
from fairlead.core.rules.book_rebuild import BookRows, book_header, rebuild_book
from tests.core.rules.trading_world import (
    ACCOUNT,
    INSTRUMENTS,
    INVERSE,
    LINEAR,
    NOW_MS,
    SPOT,
    TENANT,
    D,
    accepted,
    approved,
    canceled,
    doubted,
    expired,
    filled,
    make_order,
    make_request,
    rejected,
)

LIVES = 60
EVENTS = 120


class StoredLife:
    """A book, and the rows that are stored with each of its facts."""

    def __init__(self, seed: int) -> None:
        self.dice = Random(seed)
        self.mode = self.dice.choice(tuple(PositionMode))
        self.book = AccountBook(tenant=TENANT, account_id=ACCOUNT)
        self.orders: dict[str, Order] = {}
        self.requests: dict[str, RequestState] = {}
        self.positions: dict[tuple[str, PositionSide], Position] = {}
        self.balances: dict[str, Balance] = {}
        self.shares: dict[tuple[str, ...], SubPosition] = {}
        self.hear(
            ev.AccountAdopted(
                tenant=TENANT,
                account_id=ACCOUNT,
                position_mode=self.mode,
                balances={"USDT": D(100_000), "BTC": D(10)},
                positions=(),
                at_ms=NOW_MS,
            ),
        )

    def hear(self, event: ev.AccountEvent) -> None:
        for state in self.book.apply(event, INSTRUMENTS):
            match state:
                case Order():
                    self.orders[state.order_id] = state
                case RequestState():
                    self.requests[state.request.request_id] = state
                case Position():
                    self.positions[state.symbol, state.position_side] = state
                case SubPosition():
                    self.shares[state.symbol, state.position_side, state.source_id, state.strategy_id] = state
                case Balance():
                    self.balances[state.currency] = state
                case AlertState():
                    raise AssertionError(state)

    def rows(self) -> BookRows:
        """What a query reads back: what is open, and what belongs to it."""
        opened = [order for order in self.orders.values() if not order.is_terminal]
        named = {order.request_id for order in opened}
        wanted = [
            state
            for request_id, state in self.requests.items()
            if state.is_pending or state.more or request_id in named
        ]
        legs = {order_id for state in wanted for order_id in state.order_ids}
        legs |= {f"{order_id}x" for order_id in legs}
        return BookRows(
            tenant=TENANT,
            account_id=ACCOUNT,
            header=book_header(self.book),
            orders=tuple(opened),
            requests=tuple(wanted),
            ended_legs=tuple(order for order in self.orders.values() if order.is_terminal and order.order_id in legs),
            recent=(),
            positions=tuple(self.positions.values()),
            balances=tuple(self.balances.values()),
            sub_positions=tuple(self.shares.values()),
        )

    def happen(self) -> None:
        self.dice.choices((self.place, self.fill, self.tell, self.note), weights=(3, 4, 3, 1))[0]()

    def place(self) -> None:
        number = len(self.requests)
        symbol, side = self.dice.choice((SPOT, LINEAR, INVERSE)), self.dice.choice(tuple(Side))
        position_side = PositionSide.NET
        if symbol != SPOT and self.mode is PositionMode.LONG_SHORT:
            position_side = PositionSide.LONG if side is Side.BUY else PositionSide.SHORT
        is_limit = self.dice.random() < 0.5
        perpetual_margin = MarginMode.ISOLATED if symbol == INVERSE else MarginMode.CROSS
        request = make_request(symbol, request_id=f"r{number:04}")
        self.hear(ev.OrderRequested(request=request))
        legs = self.dice.choice((0, 1, 1, 1, 2))
        more = self.dice.random() < 0.2
        for leg in range(legs):
            order = make_order(
                symbol,
                order_id=f"o{number:04}{leg}",
                request_id=request.request_id,
                leg=leg,
                created_ms=NOW_MS + number,
                side=side,
                position_side=position_side,
                quantity=D(self.dice.randint(1, 9)),
                margin_mode=MarginMode.CASH if symbol == SPOT else perpetual_margin,
                order_type=OrderType.LIMIT if is_limit else OrderType.MARKET,
                limit_price=D(59_000) if is_limit else None,
                source_id=self.dice.choice(("", "hook1", "hook2")),
                strategy_id=self.dice.choice(("", "s")),
            )
            self.hear(approved(order, more=more))

    def fill(self) -> None:
        order = self.any_open()
        # What a protection may take depends on the position; the walks beside the exchange do that.
        if order is not None and order.leaves_quantity and not order.origin:
            quantity = self.dice.randint(1, int(order.leaves_quantity))
            price = D(self.dice.randint(500_000, 700_000)) / 10
            self.hear(filled(order, quantity, price, fee=D("0.001"), is_last=self.dice.random() < 0.1))
            if order.symbol == LINEAR and self.dice.random() < 0.3:
                self.hear(ev.VenueOrderBorn(account_id=ACCOUNT, report=_protection(order)))

    def tell(self) -> None:
        order = self.any_open()
        if order is not None:
            news = self.dice.choice((accepted, accepted, accepted, rejected, canceled, doubted, expired))
            self.hear(news(order.order_id))

    def note(self) -> None:
        key = (self.dice.choice((LINEAR, INVERSE)), self.dice.randint(2, 9))
        match self.dice.randrange(3):
            case 0:
                self.hear(
                    ev.LeverageChanged(
                        account_id=ACCOUNT,
                        symbol=key[0],
                        margin_mode=MarginMode.ISOLATED if key[0] == INVERSE else MarginMode.CROSS,
                        position_side=PositionSide.NET,
                        leverage=D(key[1]),
                        at_ms=NOW_MS,
                    ),
                )
            case 1:
                self.hear(
                    ev.CashAdjusted(
                        account_id=ACCOUNT,
                        adjustment=f"funding{self.dice.randrange(30)}",
                        kind="funding",
                        currency="USDT",
                        amount=D(key[1]),
                        symbol=LINEAR,
                        position_side=PositionSide.NET,
                        at_ms=NOW_MS,
                    ),
                )
            case _:
                self.hear(ev.DriftFound(account_id=ACCOUNT, differences=key[:1] * (key[1] % 2), at_ms=NOW_MS))

    def any_open(self) -> Order | None:
        opened = list(self.book.orders.values())
        return self.dice.choice(opened) if opened else None


def shares_of(book: AccountBook) -> dict[tuple[str, PositionSide], dict[tuple[str, str], SubPosition]]:
    return {key: dict(book.sub_books.shares(key)) for key in book.sub_books.keys}


def _protection(parent: Order) -> ReportBorn:
    return ReportBorn(
        order_id=f"{parent.order_id}x",
        venue_order_id="",
        parent_id=parent.order_id,
        origin="protection",
        symbol=parent.symbol,
        side=parent.side.opposite,
        position_side=parent.position_side,
        margin_mode=parent.margin_mode,
        order_type=OrderType.STOP_MARKET,
        quantity=parent.quantity,
        stop_loss_price=D(50_000),
        take_profit_price=None,
        at_ms=NOW_MS,
    )


@pytest.mark.parametrize("seed", range(LIVES))
def test_a_rebuilt_book_is_the_live_one_after_every_event(seed: int) -> None:
    life = StoredLife(seed)
    for _ in range(EVENTS):
        life.happen()
        live, rebuilt = life.book, rebuild_book(life.rows(), INSTRUMENTS)
        assert rebuilt.balances == live.balances
        assert rebuilt.positions == live.positions
        assert rebuilt.orders == live.orders
        assert rebuilt.requests == live.requests
        assert rebuilt.leverages == live.leverages
        assert shares_of(rebuilt) == shares_of(live)
        assert rebuilt.adjustments == live.adjustments
        assert (rebuilt.position_mode, rebuilt.is_adopted, rebuilt.drift) == (live.position_mode, True, live.drift)


@pytest.mark.parametrize("seed", range(LIVES))
def test_a_rebuilt_book_goes_on_like_the_live_one(seed: int) -> None:
    life = StoredLife(seed)
    for _ in range(EVENTS // 2):
        life.happen()
    rebuilt, heard = rebuild_book(life.rows(), INSTRUMENTS), list[ev.AccountEvent]()
    hear = life.hear

    def hear_both(event: ev.AccountEvent) -> None:
        heard.append(event)
        hear(event)

    life.hear = hear_both  # type: ignore[method-assign]
    for _ in range(EVENTS // 2):
        life.happen()
    for event in heard:
        rebuilt.apply(event, INSTRUMENTS)
    assert rebuilt.balances == life.book.balances
    assert rebuilt.positions == life.book.positions
    assert rebuilt.orders == life.book.orders
    assert shares_of(rebuilt) == shares_of(life.book)
    assert rebuilt.requests == life.book.requests


def rows_of_a_new_account() -> BookRows:
    return BookRows(
        tenant=TENANT,
        account_id=ACCOUNT,
        header=None,
        orders=(),
        requests=(),
        ended_legs=(),
        recent=(),
        positions=(),
        balances=(),
    )


def test_what_is_done_counts_for_its_source_after_a_restart_too() -> None:
    done = make_order(source_id="hook", status=OrderStatus.FILLED)
    book = rebuild_book(replace(rows_of_a_new_account(), recent=(done,)), INSTRUMENTS)
    assert [(one.request_id, one.source) for one in book.recent] == [("request", "hook")]


def test_a_book_without_rows_is_new() -> None:
    book = rebuild_book(rows_of_a_new_account(), INSTRUMENTS)
    assert not book.is_adopted
    assert not book.balances
