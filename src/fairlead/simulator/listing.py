"""What is listed may change while it is traded: the steps of its prices and quantities, and who moves its price."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from fairlead.core.model.money import ZERO

if TYPE_CHECKING:
    from fairlead.core.model.instrument import Instrument
    from fairlead.simulator.world import World


class Listing:
    """Changes instruments."""

    def __init__(self, world: World) -> None:
        """Work on this world."""
        self._world = world

    def find(self, symbol: str) -> Instrument | None:
        """Look an instrument up by symbol."""
        market = self._world.markets.get(symbol)
        return None if market is None else market.instrument

    def change_steps(self, symbol: str, *, tick_size: Decimal | None = None, lot_size: Decimal | None = None) -> None:
        """Change tick and lot; orders that rest stay as they are, off the new steps if need be.

        Raises:
            ValueError: a step is not above zero.
        """
        market = self._world.markets[symbol]
        old = market.instrument
        tick, lot = tick_size or old.tick_size, lot_size or old.lot_size
        if min(tick, lot) <= ZERO or (tick_size, lot_size) == (None, None):
            message = f"tick and lot of {symbol} must be above zero, and one of them must be given"
            raise ValueError(message)
        new = msgspec.structs.replace(
            old, tick_size=tick, lot_size=lot, quantity_min=max(old.quantity_min, lot) if lot_size else old.quantity_min
        )
        market.change_steps(new)

    def release_price(self, symbol: str) -> None:
        """Let an instrument whose price was fed go its own way again."""
        self._world.markets[symbol].fed_ticks = None
