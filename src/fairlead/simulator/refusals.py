"""Why a request is refused: the codes and wording of OKX."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

from fairlead.core.model.money import format_amount
from fairlead.simulator.orders import Refused


class Code(StrEnum):
    """OKX error codes that the simulated exchange gives."""

    PARAMETERS_CONFLICT = "50016"
    DEADLINE_PAST = "50036"
    PARAMETER_WRONG = "51000"
    INSTRUMENT_UNKNOWN = "51001"
    PRICE_OUTSIDE_BAND = "51006"
    BALANCE_SHORT = "51008"
    ACCOUNT_MODE = "51010"
    CLIENT_ID_EXISTS = "51016"
    QUANTITY_BELOW_MIN = "51020"
    SUSPENDED = "51022"
    POSITION_MISSING = "51023"
    PENDING_TOO_MANY = "51025"
    TAKE_PROFIT_BELOW_ORDER = "51046"
    STOP_ABOVE_ORDER = "51047"
    TAKE_PROFIT_ABOVE_ORDER = "51048"
    STOP_BELOW_ORDER = "51049"
    QUANTITY_ABOVE_MAX = "51101"
    CLOSE_ABOVE_AVAILABLE = "51112"
    QUANTITY_NOT_LOTS = "51121"
    BUY_ABOVE_BAND = "51137"
    SELL_BELOW_BAND = "51138"
    PRICE_NOT_TICKS = "51150"
    NOTHING_TO_REDUCE = "51169"
    REDUCE_SAME_SIDE = "51170"
    MARKET_SPOT_ABOVE_MAX = "51202"
    TAKE_PROFIT_BELOW_LAST = "51277"
    STOP_ABOVE_LAST = "51278"
    TAKE_PROFIT_ABOVE_LAST = "51279"
    STOP_BELOW_LAST = "51280"
    CANCEL_ORDER_GONE = "51400"
    AMEND_BALANCE_SHORT = "51502"
    AMEND_ORDER_GONE = "51503"
    AMEND_TAKES = "51511"
    ORDER_UNKNOWN = "51603"
    CASH_SHORT = "58350"
    SETTING_BLOCKED = "59000"
    LEVERAGE_ISOLATED_ORDERS = "59101"
    LEVERAGE_ABOVE_MAX = "59102"
    LEVERAGE_CROSS_ORDERS = "59107"
    LEVERAGE_MARGIN_SHORT = "59108"
    LEVERAGE_EQUITY_SHORT = "59109"


_TEXTS: dict[Code, str] = {
    Code.PARAMETERS_CONFLICT: "Parameter {first} does not match parameter {second}",
    Code.DEADLINE_PAST: (
        "The expTime can't be earlier than the current system time. Please adjust the expTime and try again."
    ),
    Code.PARAMETER_WRONG: "Parameter {name} error",
    Code.INSTRUMENT_UNKNOWN: "Instrument ID, Instrument ID code or Spread ID doesn't exist.",
    Code.PRICE_OUTSIDE_BAND: (
        "Order price is not within the price limit (max buy price: {highest} , min sell price: {lowest} )"
    ),
    Code.BALANCE_SHORT: "Order failed. Insufficient {currency} {what} in account",
    Code.ACCOUNT_MODE: "Request unsupported under current account mode",
    Code.CLIENT_ID_EXISTS: "Client order ID already exists.",
    Code.QUANTITY_BELOW_MIN: "Your order should meet or exceed the minimum order amount.",
    Code.SUSPENDED: "Contract suspended.",
    Code.POSITION_MISSING: "Position doesn't exist.",
    Code.PENDING_TOO_MANY: "The number of pending orders is above the maximum of {limit}.",
    Code.TAKE_PROFIT_BELOW_ORDER: "The take-profit trigger price must be above the order price.",
    Code.STOP_ABOVE_ORDER: "The stop-loss trigger price must be below the order price.",
    Code.TAKE_PROFIT_ABOVE_ORDER: "The take-profit trigger price must be below the order price.",
    Code.STOP_BELOW_ORDER: "The stop-loss trigger price must be above the order price.",
    Code.QUANTITY_ABOVE_MAX: "Order failed, the sz of the current order can't be more than {limit} ({unit}).",
    Code.CLOSE_ABOVE_AVAILABLE: "Close order size exceeds available size for this position.",
    Code.QUANTITY_NOT_LOTS: "Order quantity must be a multiple of the lot size.",
    Code.BUY_ABOVE_BAND: "The highest price limit for buy orders is {highest}.",
    Code.SELL_BELOW_BAND: "The lowest price limit for sell orders is {lowest}.",
    Code.PRICE_NOT_TICKS: "The price must be a multiple of the tick size.",
    Code.NOTHING_TO_REDUCE: (
        "Order failed because you don't have any positions in this direction for this contract to reduce or close."
    ),
    Code.REDUCE_SAME_SIDE: (
        "Failed to place order. A reduce-only order can't be the same trading direction as your existing positions."
    ),
    Code.MARKET_SPOT_ABOVE_MAX: "Order failed, the sz of a market order can't be more than {limit} ({unit}).",
    Code.TAKE_PROFIT_BELOW_LAST: "The take-profit trigger price can't be lower than the last price.",
    Code.STOP_ABOVE_LAST: "The stop-loss trigger price can't be higher than the last price.",
    Code.TAKE_PROFIT_ABOVE_LAST: "The take-profit trigger price can't be higher than the last price.",
    Code.STOP_BELOW_LAST: "The stop-loss trigger price can't be lower than the last price.",
    Code.CANCEL_ORDER_GONE: "Order cancellation failed as the order has been filled, canceled or does not exist.",
    Code.AMEND_BALANCE_SHORT: "Order amendment failed, insufficient {currency} balance.",
    Code.AMEND_ORDER_GONE: "Your order has already been filled or canceled.",
    Code.AMEND_TAKES: "Order amendment failed, a post-only order would take.",
    Code.ORDER_UNKNOWN: "Order does not exist.",
    Code.CASH_SHORT: "Insufficient {currency} balance.",
    Code.SETTING_BLOCKED: "Settings failed. Close any open positions or orders before modifying settings.",
    Code.LEVERAGE_ISOLATED_ORDERS: "Leverage can't be changed while isolated orders are pending. Cancel them first.",
    Code.LEVERAGE_ABOVE_MAX: "Leverage exceeds the maximum limit. Please lower the leverage.",
    Code.LEVERAGE_CROSS_ORDERS: "Leverage can't be changed while cross orders are pending. Cancel them first.",
    Code.LEVERAGE_MARGIN_SHORT: "The margin would be too low for this leverage.",
    Code.LEVERAGE_EQUITY_SHORT: "The account's equity is below the margin that this leverage needs.",
}


def refuse(code: Code, sub_code: str = "", **values: str | Decimal) -> Refused:
    """Word a refusal; amounts are written without exponent."""
    written = {name: format_amount(value) if isinstance(value, Decimal) else value for name, value in values.items()}
    return Refused(code=code.value, message=_TEXTS[code].format(**written), sub_code=sub_code)


def refuse_balance(currency: str) -> Refused:
    """Too little cash for a spot order."""
    return refuse(Code.BALANCE_SHORT, "1000", currency=currency, what="balance")


def refuse_margin(currency: str) -> Refused:
    """Too little margin for a perpetual order."""
    return refuse(Code.BALANCE_SHORT, "1001", currency=currency, what="margin")
