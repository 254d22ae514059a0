"""What time it is, and whether the exchange is open."""

from __future__ import annotations

from typing import Final

from fairlead.simulator.okx.endpoint import Answer, Call, Endpoint, answer_rows
from fairlead.simulator.okx.windows import RateLimit, Scope


def _time(call: Call) -> Answer:
    return answer_rows([{"ts": str(call.now_ms)}])


ENDPOINTS: Final = (
    Endpoint(
        method="GET",
        path="/api/v5/public/time",
        handler=_time,
        limit=RateLimit("public/time", 10, Scope.ADDRESS),
    ),
)
