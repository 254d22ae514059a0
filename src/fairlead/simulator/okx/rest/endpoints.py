"""Every REST endpoint, once."""

from __future__ import annotations

from typing import Final

from fairlead.simulator.okx.endpoint import Endpoint
from fairlead.simulator.okx.rest import account, clock, history, trade

ENDPOINTS: Final[tuple[Endpoint, ...]] = (*account.ENDPOINTS, *clock.ENDPOINTS, *history.ENDPOINTS, *trade.ENDPOINTS)
