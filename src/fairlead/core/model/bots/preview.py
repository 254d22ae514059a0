"""What a bot would do and what it could cost, told before it runs."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from fairlead.core.model.money import ZERO
from fairlead.core.model.request import OrderRequest


class Finding(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing about a bot that should be otherwise: which field, what stands there, and what the rule is.

    ``refuses``: the bot makes no sense like this; otherwise its owner should know it.
    """

    field: str
    value: str
    rule: str
    refuses: bool = True


class LadderRow(msgspec.Struct, frozen=True, kw_only=True):
    """One entry, as it would be ordered and filled, and how the deal stands once it is.

    Prices and costs are in the quote currency, ``quantity`` and ``held`` in the instrument's unit, ``held`` after fees.
    ``away`` is percent from the first entry. ``take_profit`` are the parts of the exit, nearest first; where it trails,
    the price from which it does. ``liquidation`` is None for spot, and where no price takes the position away.
    """

    slot: str
    price: Decimal
    away: Decimal
    quantity: Decimal
    cost: Decimal
    cost_in_all: Decimal
    held: Decimal
    average: Decimal
    break_even: Decimal
    take_profit: tuple[Decimal, ...]
    liquidation: Decimal | None = None


class WorstCase(msgspec.Struct, frozen=True, kw_only=True):
    """What a bot may take of its account, in ``currency``, if the price runs through its whole ladder.

    ``capital`` is everything together: ``cost`` (spot) or ``margin`` (perpetuals) of what it opens from now on,
    ``fees`` of opening it, and ``open_loss``, which the margin of a perpetual must bear at the last level.
    ``resting`` is the part of it that open orders hold already, ``at_once`` what it opens or has resting right after
    its start. ``loss`` is what is lost, after all fees, where the
    deal is given up at ``stop_price``; None where there is no stop.
    """

    currency: str
    capital: Decimal
    cost: Decimal = ZERO
    margin: Decimal = ZERO
    fees: Decimal = ZERO
    open_loss: Decimal = ZERO
    resting: Decimal = ZERO
    at_once: Decimal = ZERO
    stop_price: Decimal | None = None
    loss: Decimal | None = None


class BotPreview(msgspec.Struct, frozen=True, kw_only=True):
    """A bot played through by the code that runs it, at prices that were made up.

    ``price`` is where it began; ``growth`` how many times the last level costs what the first entry costs.
    ``requests`` are those that it would make at once.
    """

    symbol: str
    price: Decimal
    rows: tuple[LadderRow, ...]
    worst: WorstCase
    growth: Decimal
    findings: tuple[Finding, ...] = ()
    requests: tuple[OrderRequest, ...] = ()
