"""Setting the dead man's switch (OKX API v5)."""

from __future__ import annotations

from typing import Final

from fairlead.simulator.okx.codes import wrong
from fairlead.simulator.okx.endpoint import Answer, Call, Endpoint, answer_rows
from fairlead.simulator.okx.keys import Permission
from fairlead.simulator.okx.order_wishes import read_tag
from fairlead.simulator.okx.windows import RateLimit, Scope

SECONDS_MIN: Final = 10
SECONDS_MAX: Final = 120


def _set(call: Call) -> Answer:
    call.fields.required("timeOut")
    seconds, tag = call.fields.whole("timeOut"), read_tag(call.fields)
    if seconds and not SECONDS_MIN <= seconds <= SECONDS_MAX:
        raise wrong("timeOut")
    due_ms = call.now_ms + seconds * 1000
    if seconds:
        call.venue.countdowns.set(call.account_id, tag, due_ms)
    else:
        call.venue.countdowns.stop(call.account_id, tag)
    row = {"triggerTime": str(due_ms // 1000) if seconds else "0", "tag": tag, "ts": str(call.now_ms)}
    return answer_rows([row])


ENDPOINTS: Final = (
    Endpoint(
        method="POST",
        path="/api/v5/trade/cancel-all-after",
        handler=_set,
        limit=RateLimit("trade/cancel-all-after", 1, Scope.USER_AND_TAG, 1_000),
        permission=Permission.TRADE,
    ),
)
