"""Venue accounts and what they hold."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import msgspec

from fairlead.core.model.money import ZERO


class PositionMode(StrEnum):
    """Whether one instrument may be held long and short at once (OKX posMode)."""

    NET = "net"
    LONG_SHORT = "long_short"


class PositionSide(StrEnum):
    """Which holding an order touches; ``net`` in net mode and for spot."""

    NET = "net"
    LONG = "long"
    SHORT = "short"


class MarginMode(StrEnum):
    """Where the margin of a position comes from; ``cash`` for spot."""

    CASH = "cash"
    CROSS = "cross"
    ISOLATED = "isolated"


class ExecutionMode(StrEnum):
    """Where orders of an account go."""

    LIVE = "live"
    DEMO = "demo"
    PAPER = "paper"
    DRY_RUN = "dry_run"


class FeeRates(msgspec.Struct, frozen=True, kw_only=True):
    """Fraction of the notional paid per fill; negative is a rebate. Defaults: OKX regular tier."""

    spot_maker: Decimal = Decimal("0.0008")
    spot_taker: Decimal = Decimal("0.0010")
    perpetual_maker: Decimal = Decimal("0.0002")
    perpetual_taker: Decimal = Decimal("0.0005")


class VenueAccount(msgspec.Struct, frozen=True, kw_only=True):
    """One account at a venue, owned by a tenant.

    ``exchange`` is the name alerts use (``okx``); ``kind`` is the adapter (``paper``). A paper account pretends to be
    an account of its exchange, so the alert of a live account works unchanged; ``opening_balances`` is its first cash.
    """

    account_id: str
    tenant: str
    label: str
    exchange: str
    kind: str
    mode: ExecutionMode
    position_mode: PositionMode
    risk_profile: str
    enabled: bool = True
    fee_rates: FeeRates = FeeRates()
    opening_balances: dict[str, Decimal] = {}


class Balance(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Cash of one currency: total, and what open orders and isolated margin hold of it (reserved)."""

    tenant: str
    account_id: str
    currency: str
    total: Decimal = ZERO
    reserved: Decimal = ZERO

    @property
    def available(self) -> Decimal:
        """What is free for a new order."""
        return self.total - self.reserved


class SubPosition(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """One source's share of a holding: its sub-book.

    ``quantity`` counts as the holding does: contracts, signed in net mode and positive in long/short mode; for spot the
    base currency that its fills explain.
    """

    tenant: str
    account_id: str
    symbol: str
    position_side: PositionSide
    source_id: str
    strategy_id: str
    quantity: Decimal = ZERO

    @property
    def signed_quantity(self) -> Decimal:
        """With the sign of the direction, in either mode."""
        return -self.quantity if self.position_side is PositionSide.SHORT else self.quantity


class Position(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """One holding of a perpetual.

    ``quantity`` is contracts: signed in net mode, positive in long/short mode (``position_side`` tells the direction).
    P&L and fees are in the settle currency. ``entry_cost`` is what ``entry_price`` is the average of (0: not known).
    """

    tenant: str
    account_id: str
    symbol: str
    position_side: PositionSide
    margin_mode: MarginMode
    leverage: Decimal
    quantity: Decimal = ZERO
    entry_price: Decimal = ZERO
    entry_cost: Decimal = ZERO
    realized_pnl: Decimal = ZERO
    fee: Decimal = ZERO
    funding: Decimal = ZERO

    @property
    def signed_quantity(self) -> Decimal:
        """Contracts with the sign of the direction, in either mode."""
        return -self.quantity if self.position_side is PositionSide.SHORT else self.quantity
