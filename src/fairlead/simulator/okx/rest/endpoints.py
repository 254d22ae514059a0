"""Every REST endpoint, once."""

from __future__ import annotations

from typing import Final

from fairlead.simulator.okx.endpoint import Endpoint
from fairlead.simulator.okx.rest import clock, trade

ENDPOINTS: Final[tuple[Endpoint, ...]] = (*clock.ENDPOINTS, *trade.ENDPOINTS)
