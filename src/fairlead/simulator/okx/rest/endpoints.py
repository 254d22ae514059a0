"""Every REST endpoint, once."""

from __future__ import annotations

from typing import Final

from fairlead.simulator.okx.endpoint import Endpoint
from fairlead.simulator.okx.rest import account, algo, asset, cancel_all_after, history, market, public, trade

ENDPOINTS: Final[tuple[Endpoint, ...]] = (
    *account.ENDPOINTS,
    *algo.ENDPOINTS,
    *asset.ENDPOINTS,
    *cancel_all_after.ENDPOINTS,
    *history.ENDPOINTS,
    *market.ENDPOINTS,
    *public.ENDPOINTS,
    *trade.ENDPOINTS,
)
