"""The rules of one simulated exchange, all of them data."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from fairlead.core.model.account import FeeRates

HOUR_MS: Final = 3_600_000


class VenueRules(msgspec.Struct, frozen=True, kw_only=True):
    """How the exchange charges, limits and moves.

    Prices move one step per ``step_ms``; after a gap of more than ``steps_caught_up_max`` steps the rest is one jump.
    ``volatility`` is the typical move of one step as a fraction of the price. ``bands`` overrides, by symbol, how far
    from the index an order may be priced. ``client_ids_lasting`` True refuses a client order id for ever (an account's
    ``client_ids_kept_max`` newest, so that no memory grows without end), False only while its order is pending, as OKX
    does. ``post_only_opens`` True reports a crossing post-only order as opened
    before it is canceled.
    """

    fees: FeeRates = FeeRates()
    start_prices: dict[str, Decimal] = {}
    step_ms: int = 250
    steps_caught_up_max: int = 240
    volatility: Decimal = Decimal("0.00002")
    band_spot: Decimal = Decimal("0.05")
    band_perpetual: Decimal = Decimal("0.02")
    bands: dict[str, Decimal] = {}
    book_levels: int = 20
    level_notional: Decimal = Decimal(20_000)
    flow_percent: int = 50
    funding_interval_ms: int = 8 * HOUR_MS
    funding_rate_max: Decimal = Decimal("0.00375")
    leverage_default: Decimal = Decimal(3)
    client_ids_lasting: bool = False
    client_ids_kept_max: int = 10_000
    post_only_opens: bool = False
    pending_orders_max: int = 4000
    pending_per_instrument_max: int = 500
    finished_orders_kept_max: int = 500
