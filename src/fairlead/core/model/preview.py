"""What a dry run shows: the orders that would have been sent, and what they would have cost."""

from __future__ import annotations

from decimal import Decimal

import msgspec


class Preview(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Sums over the orders of one request.

    ``quantity`` is in ``quantity_unit``, ``notional`` in ``notional_currency`` (the quote currency). ``margin`` is what
    the opening part would need, nothing for spot; it and ``fee``, at the taker's rate, are in ``settle_currency``.
    ``bodies`` are the orders, word by word as the venue would have got them; ``before`` is what would be done first.
    """

    quantity: Decimal
    quantity_unit: str
    notional: Decimal
    notional_currency: str
    margin: Decimal
    fee: Decimal
    settle_currency: str
    bodies: tuple[dict[str, str], ...]
    before: tuple[str, ...] = ()
