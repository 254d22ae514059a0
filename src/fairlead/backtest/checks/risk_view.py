"""A replayed account as the risk checks see one: its book, its quotes and the limits that apply to its bots' orders."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType
from typing import Final, NamedTuple

import msgspec
from msgspec.structs import replace

from fairlead.backtest.checks.risk_memory import BotLane, Memory, spent_by
from fairlead.backtest.spec import BacktestSpec
from fairlead.core.model.account import (
    Balance,
    ExecutionMode,
    MarginMode,
    PositionMode,
    PositionSide,
    VenueAccount,
)
from fairlead.core.model.bots.bot import Settings
from fairlead.core.model.bots.decision import Want
from fairlead.core.model.ids import write_time
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.loss import LossStanding
from fairlead.core.model.market import flat_quote
from fairlead.core.model.money import ONE, ZERO
from fairlead.core.model.order import Order, OrderStatus
from fairlead.core.model.reports import VenuePosition
from fairlead.core.model.request import (
    Close,
    CloseScope,
    Enter,
    Intent,
    OrderRequest,
    OrderType,
    Side,
    Size,
    SizeUnit,
    SourceKind,
    TimeInForce,
)
from fairlead.core.model.risk import RiskLimits
from fairlead.core.rules.account_book import AccountBook
from fairlead.core.rules.account_view import AccountView
from fairlead.core.rules.bots.requests import LADDER_PROFILE, VALID_MS
from fairlead.core.rules.margin import leverage_of

TENANT: Final = "replay"
ACCOUNT: Final = "replay"

NOT_REPLAYED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "quote_age_max_ms": "the price of a decision is the close that it is decided at",
        "signal_age_max_ms": "a request is checked at the moment it is written",
        "volume_share_max": "candles do not tell what was traded in dollars elsewhere",
        "depth_share_max": "candles do not tell what stood in the book",
        "unknown_order_age_max_ms": "no order of a replay is ever in doubt",
        "user_exposure_max": "a replay has one account",
    }
)
"""Limits that no order of a replay can meet, and why. Kill switches and drifts are of no profile: there are none."""


class Held(msgspec.Struct, frozen=True, gc=False):
    """A holding of the account: base currency for spot, contracts with their sign for perpetuals."""

    symbol: str
    quantity: Decimal
    entry_price: Decimal = ZERO


class Resting(msgspec.Struct, frozen=True, gc=False):
    """An order of a bot (its number in the spec) and what of it may still fill; without a price it is at market.

    ``in_quote``: the quantity is an amount of quote currency to be spent.
    """

    bot: int
    slot: str
    is_buy: bool
    opens: bool
    quantity: Decimal
    price: Decimal | None
    in_quote: bool = False


class Picture(msgspec.Struct, frozen=True):
    """All that the account holds and has resting."""

    held: Sequence[Held] = ()
    resting: Sequence[Resting] = ()


class AccountNow(msgspec.Struct, kw_only=True, gc=False):
    """The account at the moment of a decision; whatever is dear to compute is in ``picture`` and asked for when needed.

    The gate keeps ``resting`` and ``free`` true while it lets orders through; ``picture`` must show each of them before
    the next is asked for.

    ``cash`` is the total of the spec's currency, ``equity`` with open profits and coins at ``prices``, ``gross`` the
    value of all holdings, absolute. ``resting`` counts all orders of the account. ``held`` (signed) and ``free``
    (absolute, without what resting exits take) are of the asking bot's instrument, in its unit, ``entry_price`` is
    what its position was opened at (perpetuals only).
    """

    cash: Decimal
    equity: Decimal
    gross: Decimal
    prices: Mapping[str, Decimal]
    resting: int
    held: Decimal
    free: Decimal
    picture: Callable[[], Picture]
    entry_price: Decimal = ZERO


class ViewMaker:
    """Makes what ``check_order`` asks for: dear, so it is done only for orders that nothing cheaper could decide."""

    def __init__(
        self,
        spec: BacktestSpec,
        instruments: Mapping[str, Instrument],
        limits: Mapping[str, RiskLimits],
        profile: str,
    ) -> None:
        """Take what does not change; ``limits`` are merged, by symbol, ``profile`` says of what."""
        self.lanes = tuple(_lane(bot.name, instruments[bot.symbol], bot.settings) for bot in spec.bots)
        self._currency = spec.currency
        self._instruments = instruments
        self._limits = {symbol: replace(one, **dict.fromkeys(NOT_REPLAYED)) for symbol, one in limits.items()}
        self._profile = profile
        self._account = replay_account(spec)

    def limits_of(self, bot: int) -> RiskLimits:
        """The limits of a bot's orders, without those that no order of a replay can meet."""
        return self._limits[self.lanes[bot].instrument.symbol]

    def view(self, bot: int, now: AccountNow, at_ms: int, memory: Memory, losses: LossStanding) -> AccountView:
        """The whole account at one moment."""
        book = AccountBook(tenant=TENANT, account_id=ACCOUNT)
        book.balances[self._currency] = _balance(self._currency, now.cash)
        picture = now.picture()
        for held in picture.held:
            self._hold(book, held)
        for number, resting in enumerate(picture.resting):
            order = self._resting_order(resting, number, now, at_ms)
            instrument = self.lanes[resting.bot].instrument
            order = book.holdings.fix_opening(order, instrument)
            book.shelf.put(order)
            book.holdings.hold_for(order, instrument)
        memory.fill(book)
        return AccountView(
            account=self._account,
            book=book,
            quotes={symbol: flat_quote(symbol, price, at_ms) for symbol, price in now.prices.items()},
            instruments=self._instruments,
            limits=self.limits_of(bot),
            profile=self._profile,
            now_ms=at_ms,
            losses=losses,
        )

    def order(self, bot: int, want: Want, quantity: Decimal, now: AccountNow, at_ms: int) -> Order:
        """The order that a want becomes, ``quantity`` being in the instrument's unit.

        A spot buy at market whose size is in quote currency spends that amount, as it does live.
        """
        lane = self.lanes[bot]
        spent = spent_by(want, lane.instrument)
        wish = _Wish(
            order_id=f"{write_time(at_ms)}-{lane.name}-{want.slot}",
            side=want.side,
            opens=want.opens,
            quantity=quantity if spent is None else spent,
            price=want.price,
            in_quote=spent is not None,
            post_only=want.post_only,
        )
        return _order(lane, wish, now.prices[lane.instrument.symbol], at_ms)

    def request(self, bot: int, order: Order, *, opens: bool, at_ms: int) -> OrderRequest:
        """The request that the order would come from."""
        lane = self.lanes[bot]
        size = Size(amount=order.quantity, unit=SizeUnit.QUOTE if order.in_quote else SizeUnit.NATIVE)
        intent: Intent = Close(scope=CloseScope.STRATEGY, size=size)
        if opens:
            intent = Enter(side=order.side, size=size)
        request = _request(order.symbol, lane.name, intent, at_ms)
        return replace(request, request_id=order.request_id, order_type=order.order_type, limit_price=order.limit_price)

    def _hold(self, book: AccountBook, held: Held) -> None:
        instrument = self._instruments[held.symbol]
        if instrument.is_spot:
            currency = instrument.base_currency
            before = book.balances.get(currency)
            total = held.quantity if before is None else before.total + held.quantity
            book.balances[currency] = _balance(currency, total)
            return
        lane = next(lane for lane in self.lanes if lane.instrument.symbol == held.symbol)
        position = VenuePosition(
            symbol=held.symbol,
            position_side=PositionSide.NET,
            margin_mode=lane.margin_mode,
            leverage=lane.leverage,
            quantity=held.quantity,
            entry_price=held.entry_price,
            liquidation_price=None,
        )
        book.holdings.adopt_position(position, instrument)

    def _resting_order(self, resting: Resting, number: int, now: AccountNow, at_ms: int) -> Order:
        lane = self.lanes[resting.bot]
        wish = _Wish(
            order_id=f"resting-{number}",
            side=Side.BUY if resting.is_buy else Side.SELL,
            opens=resting.opens,
            quantity=resting.quantity,
            price=resting.price,
            in_quote=resting.in_quote,
        )
        return replace(_order(lane, wish, now.prices[lane.instrument.symbol], at_ms), status=OrderStatus.ACCEPTED)


def replay_account(spec: BacktestSpec) -> VenueAccount:
    """The account of a run, as profiles and checks know accounts."""
    return VenueAccount(
        account_id=ACCOUNT,
        tenant=TENANT,
        label=ACCOUNT,
        exchange="replay",
        kind="replay",
        mode=ExecutionMode.PAPER,
        position_mode=PositionMode.NET,
        risk_profile=spec.risk_profile,
        fee_rates=spec.terms.fees,
    )


def bot_request(symbol: str) -> OrderRequest:
    """A request as a bot writes one, to look up limits with."""
    return _request(symbol, "", Enter(side=Side.BUY, size=Size(amount=ONE, unit=SizeUnit.NATIVE)), 0)


class _Wish(NamedTuple):
    order_id: str
    side: Side
    opens: bool
    quantity: Decimal
    price: Decimal | None
    in_quote: bool = False
    post_only: bool = False


def _order(lane: BotLane, wish: _Wish, reference: Decimal, at_ms: int) -> Order:
    instrument = lane.instrument
    return Order(
        order_id=wish.order_id,
        request_id=wish.order_id,
        tenant=TENANT,
        account_id=ACCOUNT,
        symbol=instrument.symbol,
        side=wish.side,
        position_side=PositionSide.NET,
        margin_mode=lane.margin_mode,
        leverage=lane.leverage,
        order_type=OrderType.MARKET if wish.price is None else OrderType.LIMIT,
        time_in_force=TimeInForce.GTC,
        quantity=wish.quantity,
        deadline_ms=at_ms + VALID_MS,
        created_ms=at_ms,
        updated_ms=at_ms,
        in_quote=wish.in_quote,
        post_only=wish.post_only,
        reduce_only=not wish.opens and not instrument.is_spot,
        limit_price=wish.price,
        reference_price=reference,
        source_id=lane.name,
        strategy_id=lane.name,
        close_scope=None if wish.opens else CloseScope.STRATEGY,
    )


def _request(symbol: str, bot: str, intent: Intent, at_ms: int) -> OrderRequest:
    return OrderRequest(
        request_id="",
        tenant=TENANT,
        account_id=ACCOUNT,
        cause=bot,
        cause_at_ms=at_ms,
        source_kind=SourceKind.BOT,
        source_id=bot,
        strategy_id=bot,
        risk_profile=LADDER_PROFILE,
        symbol=symbol,
        intent=intent,
        valid_until_ms=at_ms + VALID_MS,
    )


def _lane(name: str, instrument: Instrument, settings: Settings) -> BotLane:
    if instrument.is_spot:
        return BotLane(name, instrument, ONE, MarginMode.CASH)
    leverage = leverage_of(settings.leverage, instrument)
    return BotLane(name, instrument, leverage, settings.margin_mode or MarginMode.CROSS)


def _balance(currency: str, total: Decimal) -> Balance:
    return Balance(tenant=TENANT, account_id=ACCOUNT, currency=currency, total=total)
