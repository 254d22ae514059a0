"""Every REST endpoint, once."""

from __future__ import annotations

from typing import Final

from fairlead.simulator.okx.endpoint import Endpoint
from fairlead.simulator.okx.rest import account, history, market, public, trade

ENDPOINTS: Final[tuple[Endpoint, ...]] = (
    *account.ENDPOINTS,
    *history.ENDPOINTS,
    *market.ENDPOINTS,
    *public.ENDPOINTS,
    *trade.ENDPOINTS,
)
