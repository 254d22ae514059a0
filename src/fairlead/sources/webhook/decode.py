"""Reads an alert's fields (docs/alerts.md): strict about values, lenient about case and unknown names."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from decimal import Decimal
from enum import StrEnum
from functools import partial
from typing import Final

import msgspec

from fairlead.core.model.account import ExecutionMode, MarginMode, PositionSide
from fairlead.core.model.money import ZERO
from fairlead.core.model.request import (
    Close,
    CloseScope,
    Enter,
    Intent,
    OrderType,
    SetTarget,
    Side,
    Size,
    SizeUnit,
    TargetPosition,
)
from fairlead.core.rules.symbols import SYMBOL_LENGTH_MAX, ProductType
from fairlead.sources.webhook.alert import Alert, Malformed
from fairlead.sources.webhook.field_reader import NO_NAME, FieldReader
from fairlead.sources.webhook.field_values import (
    FieldRuleError,
    check_share,
    read_amount,
    read_flag,
    read_loose_flag,
    read_moment,
    read_names,
    read_seconds_as_ms,
    read_signed_amount,
    read_size,
    read_text,
    read_word,
)

EXCHANGE_LENGTH_MAX: Final = 32
STRATEGY_ID_LENGTH_MAX: Final = 64
DUPLICATE_KEY_LENGTH_MAX: Final = 128
LAG_SECONDS_MAX: Final = 86_400
UNKNOWN_FIELDS_SHOWN_MAX: Final = 20

FIELDS: Final = frozenset(
    {
        *("authToken", "exchange", "symbol", "type", "side", "qty", "marginMode", "leverage"),
        *("closePosition", "dryRun", "strategyId", "accounts", "idempotencyKey", "alertId", "alertTime"),
        *("maxLagSeconds", "ordType", "price", "slPrice", "tpPrice", "reduceOnly", "qtyUnit", "closeScope"),
        *("marketPosition", "prevMarketPosition", "positionSize", "positionSide", "executionMode"),
    }
)
# Senders of the predecessor use them; they never meant anything.
IGNORED_FIELDS: Final = frozenset({"action", "requestId", "comment", "marginType"})


class AlertOrderType(StrEnum):
    """Order types that an alert may ask for."""

    MARKET = "market"
    LIMIT = "limit"


class AlertMarginMode(StrEnum):
    """Margin modes that an alert may ask for."""

    CROSS = "cross"
    ISOLATED = "isolated"


class AlertPositionSide(StrEnum):
    """Sides of a position that a close may name."""

    LONG = "long"
    SHORT = "short"


class QuantityUnit(StrEnum):
    """What ``qty`` may count; without a unit it is the instrument's own (docs/alerts.md)."""

    BASE = "base"
    QUOTE = "quote"
    CONTRACTS = "contracts"
    PERCENT = "percent"


# Made once: an alert is read by all of them.
_read_exchange: Final = partial(read_text, length_max=EXCHANGE_LENGTH_MAX)
_read_symbol: Final = partial(read_text, length_max=SYMBOL_LENGTH_MAX)
_read_product: Final = partial(read_word, choices=ProductType)
_read_strategy_id: Final = partial(read_text, length_max=STRATEGY_ID_LENGTH_MAX)
_read_lag: Final = partial(read_seconds_as_ms, seconds_max=LAG_SECONDS_MAX)
_read_direction: Final = partial(read_word, choices=TargetPosition)
_read_side: Final = partial(read_word, choices=Side)
_read_scope: Final = partial(read_word, choices=CloseScope)
_read_position_side: Final = partial(read_word, choices=AlertPositionSide)
_read_quantity_unit: Final = partial(read_word, choices=QuantityUnit)
_read_wished_type: Final = partial(read_word, choices=AlertOrderType)
_read_margin_mode: Final = partial(read_word, choices=AlertMarginMode)
_read_mode: Final = partial(read_word, choices=ExecutionMode)
_read_key: Final = partial(read_text, length_min=1, length_max=DUPLICATE_KEY_LENGTH_MAX, numbers=True)


class _Wish(msgspec.Struct, frozen=True, kw_only=True):
    """The fields that together make the intent."""

    product: ProductType | None
    side: Side | None
    size: Size | None
    unit: QuantityUnit | None
    closes: bool
    scope: CloseScope
    target: TargetPosition | None


def decode_alert(
    body: Mapping[str, object],
    *,
    strict_fields: bool = False,
    secrets: Collection[str] = (),
) -> Alert | Malformed:
    """Read a parsed body; on any wrong field, say everything that is wrong."""
    reader = FieldReader(body, secrets)
    _check_names(reader, body, strict_fields=strict_fields)
    exchange = reader.read("exchange", _read_exchange, required=True)
    symbol = reader.read("symbol", _read_symbol, required=True)
    product = reader.read("type", _read_product, required=True)
    intent = _read_intent(reader, product)
    order_type, limit_price = _read_order_type(reader)
    reduce_only = bool(reader.read("reduceOnly", read_flag))
    enters = _is_entry(intent) and not reduce_only
    margin_mode, leverage = _read_margin(reader, product, required=enters and product is not None)
    mode = reader.read("executionMode", _read_mode)
    alert = Alert(
        exchange=(exchange or "").lower(),
        symbol_text=symbol or "",
        product=product or ProductType.SPOT,
        intent=intent or Close(),
        order_type=order_type,
        limit_price=limit_price,
        leverage=leverage,
        margin_mode=margin_mode,
        stop_loss_price=_read_protection(reader, "slPrice", intent),
        take_profit_price=_read_protection(reader, "tpPrice", intent),
        reduce_only=reduce_only,
        dry_run=bool(reader.read("dryRun", read_loose_flag)) or mode is ExecutionMode.DRY_RUN,
        mode=mode,
        strategy_id=reader.read("strategyId", _read_strategy_id) or "",
        accounts=reader.read("accounts", read_names) or (),
        explicit_key=_read_explicit_key(reader),
        alert_time_ms=reader.read("alertTime", read_moment),
        lag_max_ms=reader.read("maxLagSeconds", _read_lag),
        previous_target=reader.read("prevMarketPosition", _read_direction),
    )
    if reader.errors:
        return Malformed(error=_sum_up(reader), details=tuple(reader.errors))
    return msgspec.structs.replace(alert, warnings=tuple(reader.warnings)) if reader.warnings else alert


def _sum_up(reader: FieldReader) -> str:
    names = ", ".join(dict.fromkeys(error.field for error in reader.errors))
    return f"wrong or missing: {names}"


def _check_names(reader: FieldReader, body: Mapping[str, object], *, strict_fields: bool) -> None:
    if FIELDS.issuperset(body):
        return
    for name in sorted(IGNORED_FIELDS.intersection(body)):
        reader.warn(f"{name} is accepted and ignored")
    unknown = [name for name in body if name not in FIELDS and name not in IGNORED_FIELDS]
    for name in unknown[:UNKNOWN_FIELDS_SHOWN_MAX]:
        if strict_fields:
            reader.fail(name, "is not a field of this hook")
        else:
            reader.warn(f"{reader.shorten(name) or NO_NAME} is not a known field and was ignored")
    if len(unknown) > UNKNOWN_FIELDS_SHOWN_MAX and not strict_fields:
        reader.warn(f"{len(unknown) - UNKNOWN_FIELDS_SHOWN_MAX} more unknown fields were ignored")


def _read_intent(reader: FieldReader, product: ProductType | None) -> Intent | None:
    closes = bool(reader.read("closePosition", read_loose_flag))
    target = reader.read("marketPosition", _read_direction)
    unit = _read_unit(reader, product)
    wish = _Wish(
        product=product,
        closes=closes,
        target=target,
        side=None if closes else reader.read("side", _read_side, required=target is None),
        size=reader.read("qty", read_size if unit is None else partial(_read_size_in, unit=unit)),
        unit=unit,
        scope=reader.read("closeScope", _read_scope) or CloseScope.ACCOUNT,
    )
    if closes:
        return _read_close(reader, wish)
    if reader.has("positionSide"):
        reader.warn("positionSide is ignored unless closePosition is true")
    if reader.has("marketPosition"):
        return _read_target(reader, wish)
    if reader.has("positionSize"):
        reader.warn("positionSize means nothing without marketPosition")
    return _read_entry(reader, wish)


def _read_close(reader: FieldReader, wish: _Wish) -> Intent:
    for name in ("marketPosition", "positionSize"):
        if reader.has(name):
            reader.warn(f"{name} is ignored because closePosition is true")
    named = reader.read("positionSide", _read_position_side)
    if named is not None:
        return Close(scope=wish.scope, size=wish.size, position_side=PositionSide(named.value))
    side = reader.read("side", _read_loose_side)
    if side is None or wish.product is ProductType.SPOT:
        if reader.has("side"):
            reader.warn("side is ignored because closePosition is true")
        return Close(scope=wish.scope, size=wish.size)
    closed = "long" if side is Side.SELL else "short"
    reader.warn(f"side {side} closes the {closed} side of a long/short account; a net account ignores it")
    return Close(scope=wish.scope, size=wish.size, order_side=side)


def _read_loose_side(value: object) -> Side | None:
    # Old senders put anything here when they close, and a close is not refused for that.
    try:
        return read_word(value, Side)
    except FieldRuleError:
        return None


def _read_entry(reader: FieldReader, wish: _Wish) -> Intent | None:
    if not reader.has("qty"):
        reader.fail("qty", "is required unless closePosition is true")
    if wish.side is None or wish.size is None:
        return None
    return Enter(side=wish.side, size=wish.size)


def _read_target(reader: FieldReader, wish: _Wish) -> Intent | None:
    if wish.target is TargetPosition.SHORT and wish.product is ProductType.SPOT:
        reader.fail("marketPosition", "spot cannot be short")
    size = _read_position_size(reader, wish)
    if wish.target is None:
        return None
    if wish.target is TargetPosition.FLAT:
        return SetTarget(target=wish.target)
    if not reader.has("qty") and not reader.has("positionSize"):
        reader.fail("qty", "a target of long or short needs qty or positionSize")
    return SetTarget(target=wish.target, size=size)


def _read_position_size(reader: FieldReader, wish: _Wish) -> Size | None:
    """Size of the target: ``positionSize``, whose sign must agree with the direction, else ``qty``."""
    amount = reader.read("positionSize", read_signed_amount)
    if amount is None or wish.target is None:
        return wish.size
    if wish.target is TargetPosition.FLAT:
        if amount:
            reader.fail("positionSize", "must be 0 when marketPosition is flat")
        return None
    if not amount or (amount < ZERO and wish.target is TargetPosition.LONG):
        reader.fail("positionSize", f"does not agree with marketPosition {wish.target}")
    if reader.has("qty"):
        reader.warn("qty is ignored because positionSize names the size of the target")
    if wish.unit is None or wish.unit is QuantityUnit.PERCENT:
        return Size(amount=abs(amount), unit=SizeUnit.NATIVE)
    return Size(amount=abs(amount), unit=SizeUnit(wish.unit.value))


def _is_entry(intent: Intent | None) -> bool:
    return isinstance(intent, Enter) or (isinstance(intent, SetTarget) and intent.target is not TargetPosition.FLAT)


def _read_unit(reader: FieldReader, product: ProductType | None) -> QuantityUnit | None:
    unit = reader.read("qtyUnit", _read_quantity_unit)
    if unit is QuantityUnit.CONTRACTS and product is ProductType.SPOT:
        reader.fail("qtyUnit", "spot has no contracts")
    return unit


def _read_size_in(value: object, *, unit: QuantityUnit) -> Size:
    size = read_size(value)
    if size.unit is SizeUnit.PERCENT and unit is not QuantityUnit.PERCENT:
        raise FieldRuleError(f"is a percentage, but qtyUnit says {unit}")
    amount = check_share(size.amount) if unit is QuantityUnit.PERCENT else size.amount
    return Size(amount=amount, unit=SizeUnit(unit.value))


def _read_order_type(reader: FieldReader) -> tuple[OrderType, Decimal | None]:
    wished = reader.read("ordType", _read_wished_type)
    price = reader.read("price", read_amount, required=wished is AlertOrderType.LIMIT)
    if wished is AlertOrderType.LIMIT:
        return OrderType.LIMIT, price
    if reader.has("price"):
        reader.warn("price is ignored because ordType is market")
    return OrderType.MARKET, None


def _read_margin(
    reader: FieldReader,
    product: ProductType | None,
    *,
    required: bool,
) -> tuple[MarginMode | None, Decimal | None]:
    if product is ProductType.SPOT:
        for name in ("marginMode", "leverage"):
            if reader.has(name):
                reader.warn(f"{name} is ignored for spot")
        return None, None
    mode = reader.read("marginMode", _read_margin_mode, required=required)
    leverage = reader.read("leverage", read_amount, required=required)
    return (MarginMode(mode.value) if mode is not None else None), leverage


def _read_protection(reader: FieldReader, name: str, intent: Intent | None) -> Decimal | None:
    price = reader.read(name, read_amount)
    if price is not None and isinstance(intent, Close):
        reader.warn(f"{name} is ignored because closePosition is true")
        return None
    return price


def _read_explicit_key(reader: FieldReader) -> str:
    key, synonym = reader.read("idempotencyKey", _read_key), reader.read("alertId", _read_key)
    if key and synonym and key != synonym:
        reader.fail("alertId", "is a synonym of idempotencyKey and says something else")
    return key or synonym or ""
