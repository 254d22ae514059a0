"""Random lives of an account under the risk checks, with the properties that must hold after every step.

An oracle of its own counts what is held and pending in contracts, so that it can disagree with the engine.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

import msgspec

from fairlead.core.model import events as ev
from fairlead.core.model.market import Quote
from fairlead.core.model.order import ApprovedOrder, Fill, Liquidity, Order
from fairlead.core.model.request import OrderRequest, Side
from fairlead.core.model.risk import RiskLimits
from fairlead.core.rules.account_book import AccountBook
from fairlead.core.rules.account_view import AccountView
from fairlead.core.rules.risk import Denied, check_order, merge_limits
from tests.core import risk_world as world
from tests.core.risk_world import ETHER, INSTRUMENTS, LINEAR, NOW_MS, D

Step = tuple[int, int]

SYMBOLS = (LINEAR, ETHER)
SHARE = D("0.8")
LIMITS = RiskLimits(
    position_equity_share_max_perpetual=SHARE,
    gross_exposure_max=D("1.2"),
    net_exposure_max=D("1.1"),
    order_equity_share_max=D("0.5"),
    open_orders_max=6,
    quote_age_max_ms=5_000,
    price_collar=D("0.05"),
    user_exposure_max=D(1),
    day_loss_reduce=D("0.1"),
    unknown_order_age_max_ms=60_000,
)
TIGHTER = (
    RiskLimits(position_equity_share_max_perpetual=D("0.3")),
    RiskLimits(gross_exposure_max=D("0.2"), net_exposure_max=D("0.2")),
    RiskLimits(order_equity_share_max=D("0.05")),
    RiskLimits(open_orders_max=1, orders_per_second_max=D(1), orders_burst_max=1),
    RiskLimits(price_collar=D("0.001"), quote_age_max_ms=1),
    RiskLimits(repeat_orders_max=1, repeat_window_ms=600_000, fat_finger_multiple=D(1)),
    RiskLimits(streak_losses_max=1, streak_window_ms=600_000, streak_pause_ms=600_000, after_exit_pause_ms=60_000),
    RiskLimits(cluster_exposure_max=D("0.4"), clusters=(("BTC", "ETH"),)),
    RiskLimits(volume_share_max=D(1), depth_share_max=D("0.1"), user_exposure_max=D("0.2")),
    RiskLimits(blackouts=("Fri 08:00 + 1 min",), day_loss_reduce=D("0.00001")),
)


class Judged(NamedTuple):
    """One decision with all that it was made from but the book, which had seen ``events`` facts."""

    order: Order
    request: OrderRequest
    events: int
    quotes: Mapping[str, Quote]
    now_ms: int
    outcome: ApprovedOrder | Denied


class Life:
    """An account that lives through steps; a broken property raises AssertionError."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._book = world.book()
        self._events: list[ev.AccountEvent] = []
        self._judged: list[Judged] = []
        self._quotes: dict[str, Quote] = {
            symbol: quote for symbol, quote in world.quotes().items() if symbol in SYMBOLS
        }
        self._now_ms = NOW_MS
        self._allowed: dict[str, Decimal] = dict.fromkeys(SYMBOLS, D(0))

    def run(self, steps: Sequence[Step]) -> None:
        """Take every step, then decide everything again from the facts alone."""
        actions = (
            self._order,
            self._order,
            self._order,
            self._reduce,
            self._fill,
            self._fill,
            self._cancel,
            self._move,
        )
        for kind, choice in steps:
            actions[kind % len(actions)](choice)
            self.counts["steps"] += 1
            for symbol in SYMBOLS:
                assert abs(self._held(symbol)) <= self._allowed[symbol], (symbol, self._events)
        self._replay()

    def _view(self, book: AccountBook, quotes: Mapping[str, Quote], now_ms: int, **changes: object) -> AccountView:
        given = world.view(limits=LIMITS, quotes=dict(quotes), now_ms=now_ms)
        return msgspec.structs.replace(given, **{"book": book, **changes})

    def _order(self, choice: int) -> None:
        symbol = SYMBOLS[choice % 2]
        side = Side.BUY if choice // 2 % 2 else Side.SELL
        largest = 60 if symbol == LINEAR else 120
        self._judge(symbol, side, D(1 + choice // 4 % largest), choice, reduce_only=choice % 13 == 0)

    def _reduce(self, choice: int) -> None:
        symbol = SYMBOLS[choice % 2]
        held = self._held(symbol)
        if held:
            side = Side.SELL if held > 0 else Side.BUY
            quantity = D(1 + choice // 4 % int(abs(held)))
            self._judge(symbol, side, quantity, choice, reduce_only=choice // 2 % 2 == 0)

    def _judge(self, symbol: str, side: Side, quantity: Decimal, choice: int, *, reduce_only: bool) -> None:
        number = len(self._judged)
        changes: dict[str, object] = {
            "order_id": f"o{number}",
            "request_id": f"r{number}",
            "side": side,
            "quantity": quantity,
            "reduce_only": reduce_only,
            "created_ms": self._now_ms,
        }
        mid = self._quotes[symbol].mid
        order = world.order(symbol, **changes)
        if choice // 7 % 3 == 0:
            tick = INSTRUMENTS[symbol].tick_size
            price = mid * (D("0.98") if side is Side.BUY else D("1.02"))
            order = world.limit_order(symbol, str(price // tick * tick), **changes)
        request = world.request(request_id=order.request_id, symbol=symbol, cause_at_ms=self._now_ms)
        view = self._view(self._book, self._quotes, self._now_ms)
        outcome = check_order(order, request, view)
        self._judged.append(Judged(order, request, len(self._events), dict(self._quotes), self._now_ms, outcome))
        self.counts["approved" if isinstance(outcome, ApprovedOrder) else "denied"] += 1
        self._check_tighter(order, request, view, outcome, choice)
        self._check_missing(order, request, view, outcome, choice)
        if isinstance(outcome, ApprovedOrder):
            self._approve(outcome)

    def _check_tighter(
        self, order: Order, request: OrderRequest, view: AccountView, outcome: ApprovedOrder | Denied, choice: int
    ) -> None:
        tight = merge_limits(LIMITS, TIGHTER[choice % len(TIGHTER)])
        strict = check_order(order, request, msgspec.structs.replace(view, limits=tight))
        if isinstance(strict, ApprovedOrder):
            assert isinstance(outcome, ApprovedOrder), "a tighter limit allowed more"

    def _check_missing(
        self, order: Order, request: OrderRequest, view: AccountView, outcome: ApprovedOrder | Denied, choice: int
    ) -> None:
        without: list[dict[str, object]] = [
            {"quotes": {}},
            {"quotes": {name: one for name, one in view.quotes.items() if name != SYMBOLS[choice % 2]}},
            {"others": None},
            {"losses": msgspec.structs.replace(view.losses, day_loss=None)},
            {"instruments": {name: one for name, one in view.instruments.items() if name != order.symbol}},
            {"quotes": {name: msgspec.structs.replace(one, at_ms=0) for name, one in view.quotes.items()}},
        ]
        lacking = without[choice % len(without)]
        blind = check_order(order, request, msgspec.structs.replace(view, **lacking))
        if isinstance(blind, ApprovedOrder):
            assert isinstance(outcome, ApprovedOrder), ("a missing input allowed more", lacking)

    def _approve(self, approved: ApprovedOrder) -> None:
        order, symbol = approved.order, approved.order.symbol
        held = self._held(symbol)
        self._apply(ev.OrderApproved(order=order, verdict=approved.verdict, sizing=()))
        if approved.verdict.only_reduces:
            assert held > 0 if order.side is Side.SELL else held < 0, "what reduces must oppose what is held"
            return
        worst = self._worst(symbol)
        price, unit = self._quotes[symbol].mid, INSTRUMENTS[symbol].contract_value
        assert worst * price * unit <= SHARE * self._equity(), "above the limit of a position"
        self._allowed[symbol] = max(self._allowed[symbol], worst)

    def _fill(self, choice: int) -> None:
        opened = list(self._book.orders.values())
        if not opened:
            return
        order = opened[choice % len(opened)]
        quantity = min(order.leaves_quantity, D(1 + choice // 8 % 100))
        if order.reduce_only:
            # A venue takes only what there is to reduce.
            held = self._held(order.symbol)
            room = held if order.side is Side.SELL else -held
            quantity = min(quantity, room)
        if quantity <= 0:
            self._cancel(choice)
            return
        before = self._held(order.symbol)
        number = len(self._events)
        fill = Fill(
            trade_id=f"t{number}",
            order_id=order.order_id,
            symbol=order.symbol,
            price=order.limit_price or self._quotes[order.symbol].mid,
            quantity=quantity,
            fee=D("0.01"),
            fee_currency="USDT",
            liquidity=Liquidity.TAKER,
            at_ms=self._now_ms,
        )
        self._apply(ev.OrderFilled(account_id="a1", fill=fill, is_last=False))
        after = self._held(order.symbol)
        if order.reduce_only:
            assert abs(after) < abs(before), "reduce-only increased"
            assert after == 0 or (after > 0) is (before > 0), "reduce-only flipped"

    def _cancel(self, choice: int) -> None:
        opened = list(self._book.orders)
        if opened:
            order_id = opened[choice % len(opened)]
            self._apply(
                ev.OrderCanceled(order_id=order_id, account_id="a1", reason_code="", message="", at_ms=self._now_ms)
            )

    def _move(self, choice: int) -> None:
        self._now_ms += choice % 10_000
        factor = D(950 + choice % 100) / 1_000
        for symbol, quote in self._quotes.items():
            mid = max(D(1_000), min(quote.mid * factor, D(90_000))).quantize(D("0.1"))
            self._quotes[symbol] = world.quote(symbol, mid, at_ms=self._now_ms)

    def _replay(self) -> None:
        book, seen = world.book(), 0
        for one in self._judged:
            for event in self._events[seen : one.events]:
                book.apply(event, INSTRUMENTS)
            seen = one.events
            again = check_order(one.order, one.request, self._view(book, one.quotes, one.now_ms))
            assert msgspec.json.encode(again.verdict) == msgspec.json.encode(one.outcome.verdict), "a replay differs"

    def _apply(self, event: ev.AccountEvent) -> None:
        self._book.apply(event, INSTRUMENTS)
        self._events.append(event)

    def _held(self, symbol: str) -> Decimal:
        return sum((one.signed_quantity for one in self._book.positions.values() if one.symbol == symbol), D(0))

    def _worst(self, symbol: str) -> Decimal:
        # Reduce-only orders may fill first, and then the others begin with less.
        held = self._held(symbol)
        plain, closing = Counter[Side](), Counter[Side]()
        for order in self._book.orders.values():
            if order.symbol == symbol:
                (closing if order.reduce_only else plain)[order.side] += int(order.leaves_quantity)
        most = held if held >= 0 else min(held + closing[Side.BUY], D(0))
        least = held if held <= 0 else max(held - closing[Side.SELL], D(0))
        return max(abs(held), most + plain[Side.BUY], plain[Side.SELL] - least)

    def _equity(self) -> Decimal:
        equity = self._book.balances["USDT"].total
        for one in self._book.positions.values():
            unit = INSTRUMENTS[one.symbol].contract_value
            equity += one.signed_quantity * unit * (self._quotes[one.symbol].mark - one.entry_price)
        return equity
