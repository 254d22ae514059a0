"""What a source wishes for one account, before sizing and risk."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import msgspec

from fairlead.core.model.account import ExecutionMode, MarginMode, PositionSide


class Side(StrEnum):
    """Direction of an order."""

    BUY = "buy"
    SELL = "sell"

    @property
    def opposite(self) -> Side:
        """The direction that undoes this one."""
        return Side.SELL if self is Side.BUY else Side.BUY


class SizeUnit(StrEnum):
    """What a size counts; ``native`` is the instrument's own unit (base for spot, contracts for perpetuals)."""

    NATIVE = "native"
    BASE = "base"
    QUOTE = "quote"
    CONTRACTS = "contracts"
    PERCENT = "percent"


class Size(msgspec.Struct, frozen=True, kw_only=True):
    """An amount and its unit, as the source named it."""

    amount: Decimal
    unit: SizeUnit


class OrderType(StrEnum):
    """How an order triggers and prices."""

    MARKET = "market"
    LIMIT = "limit"
    STOP_MARKET = "stop_market"
    STOP_LIMIT = "stop_limit"
    TAKE_PROFIT = "take_profit"
    TRAILING_STOP = "trailing_stop"


class TimeInForce(StrEnum):
    """FIX meanings."""

    GTC = "gtc"
    IOC = "ioc"
    FOK = "fok"


class TargetPosition(StrEnum):
    """The direction a source wants to end in."""

    LONG = "long"
    SHORT = "short"
    FLAT = "flat"


class CloseScope(StrEnum):
    """Whose holding a close means."""

    ACCOUNT = "account"
    SOURCE = "source"
    STRATEGY = "strategy"


class Enter(msgspec.Struct, frozen=True, kw_only=True, tag="enter"):
    """Trade in one direction: open or add (or, reduce-only, reduce)."""

    side: Side
    size: Size


class Close(msgspec.Struct, frozen=True, kw_only=True, tag="close", omit_defaults=True):
    """Close what is held, whole or in part; ``position_side`` narrows it to what is held long, or short.

    ``order_side`` does so in long/short mode only: a sell closes the long side. A net account has one position, and
    what closes it is read from there, never from an alert.
    """

    scope: CloseScope = CloseScope.ACCOUNT
    position_side: PositionSide | None = None
    size: Size | None = None
    order_side: Side | None = None


class SetTarget(msgspec.Struct, frozen=True, kw_only=True, tag="target", omit_defaults=True):
    """Make the position equal to this, whatever it is now."""

    target: TargetPosition
    size: Size | None = None


class CancelOrders(msgspec.Struct, frozen=True, kw_only=True, tag="cancel"):
    """Cancel open orders of the instrument: all of them, or those named by client order id."""

    order_ids: tuple[str, ...] = ()


Intent = Enter | Close | SetTarget | CancelOrders


class SourceKind(StrEnum):
    """Who may ask for an order."""

    WEBHOOK = "webhook"
    BOT = "bot"
    ONCHAIN = "onchain"
    HOSTED = "hosted"
    MANUAL = "manual"
    SYSTEM = "system"


class OrderRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One wish for one account. Times in UTC milliseconds; prices in quote currency.

    ``cause`` is the id of the fact that made the source ask (an alert id); ``cause_at_ms`` the journaled time of that
    fact, from which all ids derive. After ``valid_until_ms`` an unsent request expires instead of being sent late.
    ``expected_position`` is what the source believes to hold before this; where it errs, the result has a warning.
    ``mode`` is the mode that the source wishes; it may lower that of the account and never raise it.
    """

    request_id: str
    tenant: str
    account_id: str
    cause: str
    cause_at_ms: int
    source_kind: SourceKind
    source_id: str
    strategy_id: str
    risk_profile: str
    symbol: str
    intent: Intent
    valid_until_ms: int
    order_type: OrderType = OrderType.MARKET
    time_in_force: TimeInForce = TimeInForce.GTC
    post_only: bool = False
    reduce_only: bool = False
    dry_run: bool = False
    cap_to_available: bool = False
    limit_price: Decimal | None = None
    leverage: Decimal | None = None
    margin_mode: MarginMode | None = None
    stop_loss_price: Decimal | None = None
    take_profit_price: Decimal | None = None
    expected_position: TargetPosition | None = None
    mode: ExecutionMode | None = None
