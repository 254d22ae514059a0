"""What a webhook body says once it is understood, and how a body that is not understood is described."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from fairlead.core.model.account import ExecutionMode, MarginMode
from fairlead.core.model.request import Intent, OrderType, TargetPosition
from fairlead.core.rules.symbols import ProductType


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """One decoded alert: names and numbers normalised, nothing looked up yet.

    ``explicit_key`` is the sender's own duplicate key. ``previous_target`` is what the sender believed to hold before.
    """

    exchange: str
    symbol_text: str
    product: ProductType
    intent: Intent
    order_type: OrderType = OrderType.MARKET
    limit_price: Decimal | None = None
    leverage: Decimal | None = None
    margin_mode: MarginMode | None = None
    stop_loss_price: Decimal | None = None
    take_profit_price: Decimal | None = None
    reduce_only: bool = False
    dry_run: bool = False
    mode: ExecutionMode | None = None
    strategy_id: str = ""
    accounts: tuple[str, ...] = ()
    explicit_key: str = ""
    alert_time_ms: int | None = None
    lag_max_ms: int | None = None
    previous_target: TargetPosition | None = None
    warnings: tuple[str, ...] = ()


class FieldError(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong with one field: its value, shortened and without secrets, and the rule it breaks."""

    field: str
    value: str
    rule: str


class Malformed(msgspec.Struct, frozen=True, kw_only=True):
    """A body that makes no alert: ``error`` in one sentence, ``details`` by field."""

    error: str
    details: tuple[FieldError, ...] = ()
