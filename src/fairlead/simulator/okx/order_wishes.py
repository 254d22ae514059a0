"""From the fields of a place-order request to the wish that the exchange takes (OKX API v5)."""

from __future__ import annotations

import re
from collections.abc import Collection
from decimal import Decimal
from typing import Final

import msgspec

from fairlead.core.model.account import MarginMode, PositionSide
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.request import Side, TimeInForce
from fairlead.core.rules.matching import SelfTradePrevention
from fairlead.simulator.okx import words
from fairlead.simulator.okx.codes import OkxError, refusal, wrong
from fairlead.simulator.okx.fields import Fields
from fairlead.simulator.orders import ExitLeg, Exits, NewOrder, OrderType, QuantityUnit, TriggerSource
from fairlead.simulator.refusals import Code, refuse
from fairlead.simulator.views import PriceLimits

ORDER_TYPES: Final = frozenset({"market", "limit", "post_only", "fok", "ioc", "optimal_limit_ioc"})
AT_MARKET: Final = "-1"
"""The order price that means at market."""

_CLIENT_ID: Final = re.compile(r"[0-9A-Za-z]{1,32}")
_TAG: Final = re.compile(r"[0-9A-Za-z]{1,16}")
_FORCES: Final = {"fok": TimeInForce.FOK, "ioc": TimeInForce.IOC}


def read_wish(fields: Fields, instrument: Instrument, *, limits: PriceLimits, expires_at_ms: int | None) -> NewOrder:
    """Read one order.

    Raises:
        OkxError: the first parameter that is missing or wrong.
    """
    kind = _choose(fields, "ordType", ORDER_TYPES)
    side = words.SIDES[_choose(fields, "side", words.SIDES)]
    is_market = kind in {"market", "optimal_limit_ioc"}
    if kind == "optimal_limit_ioc" and instrument.is_spot:
        raise wrong("ordType")
    price = None if is_market else fields.positive("px")
    if price is not None and fields.text("pxAmendType") == "1":
        price = clamp(price, limits)
    return NewOrder(
        client_order_id=read_client_id(fields),
        symbol=instrument.symbol,
        side=side,
        order_type=OrderType.MARKET if is_market else OrderType.LIMIT,
        quantity=fields.positive("sz"),
        quantity_unit=_unit(fields, instrument, side, is_market=is_market),
        limit_price=price,
        time_in_force=_FORCES.get(kind, TimeInForce.GTC),
        post_only=kind == "post_only",
        reduce_only=fields.flag("reduceOnly") and not instrument.is_spot,
        margin_mode=read_trade_mode(fields, instrument),
        position_side=read_position_side(fields, instrument),
        exits=_read_attached(fields),
        self_trade_prevention=words.SELF_TRADE_MODES[
            fields.choice("stpMode", words.SELF_TRADE_MODES, SelfTradePrevention.CANCEL_MAKER.value)
        ],
        shrink_to_balance=not fields.flag("banAmend"),
        expires_at_ms=expires_at_ms,
    )


def clamp(price: Decimal, limits: PriceLimits) -> Decimal:
    """Bring a price into the band (``pxAmendType`` 1)."""
    return min(max(price, limits.lowest_sell), limits.highest_buy)


def read_client_id(fields: Fields, name: str = "clOrdId") -> str:
    """The owner's id, or nothing.

    Raises:
        OkxError: 51000, it is not 1 to 32 letters and digits.
    """
    text = fields.text(name)
    if text and _CLIENT_ID.fullmatch(text) is None:
        raise wrong(name)
    return text


def read_tag(fields: Fields) -> str:
    """The order tag, or nothing.

    Raises:
        OkxError: 51000, it is not 1 to 16 letters and digits.
    """
    text = fields.text("tag")
    if text and _TAG.fullmatch(text) is None:
        raise wrong("tag")
    return text


def read_trade_mode(fields: Fields, instrument: Instrument) -> MarginMode:
    """Where the margin comes from; futures mode knows cash for spot, cross and isolated for the rest.

    Raises:
        OkxError: 50014, it is absent; 51000, there is no such mode; 51010, not for this instrument.
    """
    mode = words.TRADE_MODES[_choose(fields, "tdMode", words.TRADE_MODES)]
    if (mode is MarginMode.CASH) is not instrument.is_spot:
        raise account_mode()
    return mode


def account_mode() -> OkxError:
    """Refuse what the account's mode has no room for."""
    return refusal(refuse(Code.ACCOUNT_MODE))


def read_position_side(fields: Fields, instrument: Instrument) -> PositionSide:
    """The holding that is meant; nothing means net, and spot has no other.

    Raises:
        OkxError: 51000, there is no such side.
    """
    side = words.POSITION_SIDES[fields.choice("posSide", words.POSITION_SIDES, PositionSide.NET.value)]
    return PositionSide.NET if instrument.is_spot else side


def read_leg(fields: Fields, prefix: str) -> ExitLeg | None:
    """One way out: ``tp`` or ``sl`` with trigger price, order price and the price that is watched.

    Raises:
        OkxError: 51000, one of them is wrong; 50014, there is an order price but no trigger.
    """
    trigger, order_price = f"{prefix}TriggerPx", f"{prefix}OrdPx"
    if not fields.text(trigger):
        if fields.text(order_price):
            fields.required(trigger)
        return None
    source = fields.choice(f"{prefix}TriggerPxType", words.TRIGGER_SOURCES, TriggerSource.LAST.value)
    limit = None if fields.text(order_price, AT_MARKET) == AT_MARKET else fields.positive(order_price)
    return ExitLeg(trigger_price=fields.positive(trigger), limit_price=limit, source=words.TRIGGER_SOURCES[source])


def _read_attached(fields: Fields) -> Exits | None:
    exits: Exits | None = None
    for item in (fields, *fields.items("attachAlgoOrds")):
        take_profit, stop_loss = read_leg(item, "tp"), read_leg(item, "sl")
        if take_profit is None and stop_loss is None:
            continue
        if exits is None:
            exits = Exits(client_order_id=read_client_id(item, "attachAlgoClOrdId"))
        # One take-profit and one stop for each order is what this exchange keeps.
        if (take_profit and exits.take_profit) or (stop_loss and exits.stop_loss):
            raise wrong("attachAlgoOrds")
        exits = msgspec.structs.replace(
            exits, take_profit=take_profit or exits.take_profit, stop_loss=stop_loss or exits.stop_loss
        )
    return exits


def _unit(fields: Fields, instrument: Instrument, side: Side, *, is_market: bool) -> QuantityUnit:
    # For anything but a spot market order clients send a unit that means nothing (OKX ignores it).
    if not (instrument.is_spot and is_market):
        return QuantityUnit.NATIVE
    usual = "quote_ccy" if side is Side.BUY else "base_ccy"
    unit = fields.choice("tgtCcy", {"base_ccy", "quote_ccy"}, usual)
    return QuantityUnit.QUOTE if unit == "quote_ccy" else QuantityUnit.NATIVE


def _choose(fields: Fields, name: str, allowed: Collection[str]) -> str:
    fields.required(name)
    return fields.choice(name, allowed)
