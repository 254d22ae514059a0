"""Whether the exchange takes an order: every refusal before anything happens (OKX API v5)."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from fairlead.core.model.account import MarginMode, PositionMode, PositionSide
from fairlead.core.model.money import ZERO, is_multiple
from fairlead.core.model.request import Side
from fairlead.core.rules.matching import Taker
from fairlead.simulator.account import PositionKey
from fairlead.simulator.exit_checks import check_triggers
from fairlead.simulator.funds import read_pool
from fairlead.simulator.holds import available, margin_needed, opening_quantity, worst_sweep_price
from fairlead.simulator.orders import NewOrder, OrderStatus, OrderType, QuantityUnit, Refused, reduces
from fairlead.simulator.refusals import Code, refuse, refuse_balance, refuse_margin

if TYPE_CHECKING:
    from fairlead.simulator.account import Account
    from fairlead.simulator.market import Market
    from fairlead.simulator.world import World

_PRICED: frozenset[OrderType] = frozenset({OrderType.LIMIT, OrderType.STOP_LIMIT})
_AT_ONCE: frozenset[OrderType] = frozenset({OrderType.MARKET, OrderType.LIMIT})


class Gate:
    """Checks a wish against instrument, account and market."""

    __slots__ = ("_world",)

    def __init__(self, world: World) -> None:
        """Work on this world."""
        self._world = world

    def check(self, account: Account, wish: NewOrder) -> Refused | None:
        """Say why not, or None."""
        if wish.expires_at_ms is not None and self._world.now_ms > wish.expires_at_ms:
            return refuse(Code.DEADLINE_PAST)
        market = self._world.markets.get(wish.symbol)
        if market is None:
            return refuse(Code.INSTRUMENT_UNKNOWN)
        return (
            self._check_id(account, wish)
            or self._check_account(account, market, wish)
            or _check_shape(market, wish)
            or _check_quantity(market, wish)
            or check_triggers(market, wish)
            or (self.check_now(account, wish) if wish.order_type in _AT_ONCE else None)
        )

    def check_now(self, account: Account, wish: NewOrder) -> Refused | None:
        """Check what must hold at the moment an order meets the book: state, band, position, funds."""
        market = self._world.markets[wish.symbol]
        if not market.is_live:
            return refuse(Code.SUSPENDED)
        return check_band(market, wish.side, wish.limit_price) or self._check_means(account, market, wish)

    def _check_means(self, account: Account, market: Market, wish: NewOrder) -> Refused | None:
        if market.instrument.is_spot:
            return self._check_cash(account, market, wish)
        if reduces(wish):
            return self._check_reduction(account, wish)
        return self._check_margin(account, market, wish)

    def _check_id(self, account: Account, wish: NewOrder) -> Refused | None:
        client_order_id = wish.client_order_id
        if not client_order_id:
            return None
        if client_order_id in account.pending_by_client or client_order_id in account.client_ids_used:
            return refuse(Code.CLIENT_ID_EXISTS)
        return None

    def _check_account(self, account: Account, market: Market, wish: NewOrder) -> Refused | None:
        rules = self._world.rules
        if not market.is_live:
            return refuse(Code.SUSPENDED)
        if not market.instrument.is_spot:
            if wish.margin_mode is MarginMode.CASH:
                return refuse(Code.ACCOUNT_MODE)
            if (wish.position_side is PositionSide.NET) is not (account.position_mode is PositionMode.NET):
                return refuse(Code.PARAMETER_WRONG, name="posSide")
        elif wish.position_side is not PositionSide.NET:
            return refuse(Code.PARAMETER_WRONG, name="posSide")
        if len(account.pending) < rules.pending_per_instrument_max:
            return None
        if len(account.pending) >= rules.pending_orders_max:
            return refuse(Code.PENDING_TOO_MANY, limit=str(rules.pending_orders_max))
        here = sum(order.symbol == wish.symbol for order in account.pending.values())
        if here >= rules.pending_per_instrument_max:
            return refuse(Code.PENDING_TOO_MANY, limit=str(rules.pending_per_instrument_max))
        return None

    def _check_cash(self, account: Account, market: Market, wish: NewOrder) -> Refused | None:
        instrument = market.instrument
        is_buy = wish.side is Side.BUY
        currency = instrument.quote_currency if is_buy else instrument.base_currency
        have = available(self._world, account, currency)
        in_quote = wish.quantity_unit is QuantityUnit.QUOTE
        # Sized in the other unit, a market order executes what the balance covers, unless asked not to (OKX API v5).
        if wish.limit_price is None and is_buy is not in_quote and wish.shrink_to_balance:
            least = instrument.quantity_min * (market.touch(wish.side) if is_buy else 1)
            return refuse_balance(currency) if have < least else None
        if is_buy:
            price = market.worst_price(Side.BUY) if wish.limit_price is None else wish.limit_price
            needed = wish.quantity if in_quote else wish.quantity * price
        else:
            needed = wish.quantity / market.worst_price(Side.SELL) if in_quote else wish.quantity
        return refuse_balance(currency) if needed > have else None

    def _check_reduction(self, account: Account, wish: NewOrder) -> Refused | None:
        key = PositionKey(wish.symbol, wish.margin_mode, wish.position_side)
        position = account.positions.get(key)
        if position is None:
            return refuse(Code.NOTHING_TO_REDUCE)
        if not account.is_closing(key, wish.side):
            return refuse(Code.REDUCE_SAME_SIDE)
        free = abs(position.quantity)
        if wish.position_side is not PositionSide.NET:
            free -= pending_closes(account, key)
        return refuse(Code.CLOSE_ABOVE_AVAILABLE) if wish.quantity > free else None

    def _check_margin(self, account: Account, market: Market, wish: NewOrder) -> Refused | None:
        opening = opening_quantity(account, wish, wish.quantity)
        if not opening:
            return None
        price = wish.limit_price
        if price is None:
            worst = market.worst_price(wish.side)
            taker = Taker(owner=account.account_id, side=wish.side, quantity=wish.quantity, limit_price=worst)
            price = worst_sweep_price(market, taker)
        needed = margin_needed(self._world, account, wish, opening, price)
        currency = market.instrument.settle_currency
        if needed > read_pool(self._world, account, currency).free_margin:
            return refuse_margin(currency)
        return None


def pending_closes(account: Account, key: PositionKey) -> Decimal:
    """What live closing orders will already take from a position."""
    total = ZERO
    for order in account.pending.values():
        wish = order.wish
        if (wish.symbol, wish.margin_mode, wish.position_side) == key and order.reduces:
            total += order.leaves_quantity if order.status is not OrderStatus.WAITING else ZERO
    return total


def check_band(market: Market, side: Side, price: Decimal | None) -> Refused | None:
    """Check a limit price against the band around the index."""
    if price is None:
        return None
    worst = market.worst_price(side)
    if (price <= worst) if side is Side.BUY else (price >= worst):
        return None
    if not market.instrument.is_spot:
        highest, lowest = market.worst_price(Side.BUY), market.worst_price(Side.SELL)
        return refuse(Code.PRICE_OUTSIDE_BAND, highest=highest, lowest=lowest)
    if side is Side.BUY:
        return refuse(Code.BUY_ABOVE_BAND, highest=worst)
    return refuse(Code.SELL_BELOW_BAND, lowest=worst)


def _check_shape(market: Market, wish: NewOrder) -> Refused | None:
    # Fields that belong together.
    instrument = market.instrument
    if (wish.order_type in _PRICED) and wish.limit_price is None:
        return refuse(Code.PARAMETER_WRONG, name="px")
    if wish.order_type in {OrderType.MARKET, OrderType.STOP_MARKET} and wish.limit_price is not None:
        return refuse(Code.PARAMETER_WRONG, name="px")
    if wish.limit_price is not None and not instrument.is_valid_price(wish.limit_price):
        return refuse(Code.PRICE_NOT_TICKS)
    if wish.post_only and (wish.order_type is not OrderType.LIMIT or wish.time_in_force != "gtc"):
        return refuse(Code.PARAMETERS_CONFLICT, first="ordType", second="timeInForce")
    if wish.reduce_only and instrument.is_spot:
        return refuse(Code.PARAMETER_WRONG, name="reduceOnly")
    in_quote = wish.quantity_unit is QuantityUnit.QUOTE
    if in_quote and not (instrument.is_spot and wish.order_type is OrderType.MARKET):
        return refuse(Code.PARAMETERS_CONFLICT, first="tgtCcy", second="ordType")
    return None


def _check_quantity(market: Market, wish: NewOrder) -> Refused | None:
    instrument, quantity = market.instrument, wish.quantity
    if wish.quantity_unit is QuantityUnit.QUOTE:
        quantity = quantity / market.touch(wish.side)
    elif not is_multiple(quantity, instrument.lot_size):
        return refuse(Code.QUANTITY_NOT_LOTS)
    if quantity < instrument.quantity_min:
        return refuse(Code.QUANTITY_BELOW_MIN)
    price = wish.limit_price or market.mark
    if instrument.notional_min and instrument.notional(quantity, price) < instrument.notional_min:
        return refuse(Code.QUANTITY_BELOW_MIN)
    is_market = wish.limit_price is None
    limit = instrument.market_quantity_max if is_market else instrument.limit_quantity_max
    if quantity <= limit:
        return None
    code = Code.MARKET_SPOT_ABOVE_MAX if is_market and instrument.is_spot else Code.QUANTITY_ABOVE_MAX
    return refuse(code, limit=limit, unit=instrument.quantity_unit)
