"""What a bot holds in one cycle, from its fills alone: the ledger that every rule reads its average from."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from fairlead.core.model.money import ZERO


class Deal(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One cycle's holding, as an average-cost ledger.

    ``quantity`` is base currency for spot (after fees that were taken in it) and contracts for perpetuals, never
    negative: the direction is the rule's. ``cost`` is the value that was paid for it in the settle currency (for
    inverse contracts: base currency), ``fees`` what opening it cost in that currency and is not yet earned back.
    ``opened`` is everything that was ever opened in this cycle, ``base_cost`` the value of its first order, as far
    as it is still held. ``lost`` is what others closed: a hand, a liquidation, a switch.
    ``realized`` is the profit of what was closed, after all fees, in the settle currency; ``realized_before`` that of
    earlier cycles.
    """

    quantity: Decimal = ZERO
    cost: Decimal = ZERO
    fees: Decimal = ZERO
    opened: Decimal = ZERO
    base_cost: Decimal = ZERO
    first_price: Decimal = ZERO
    last_price: Decimal = ZERO
    realized: Decimal = ZERO
    realized_before: Decimal = ZERO
    is_long: bool = True
    lost: Decimal = ZERO


class DealFill(msgspec.Struct, frozen=True, gc=False):
    """One execution, or several as one: ``value`` in the settle currency, fees positive when paid.

    ``fee_base`` is what a spot buy paid in the coin that it bought, ``fee_settle`` everything else, in the settle
    currency.
    """

    is_buy: bool
    is_base: bool
    price: Decimal
    quantity: Decimal
    value: Decimal
    fee_base: Decimal = ZERO
    fee_settle: Decimal = ZERO
