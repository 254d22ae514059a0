"""Takes up the alerts that were stored but not handled when the process ended."""

from __future__ import annotations

from typing import Final

from fairlead.core.model.events import AlertHandled, AlertReceived
from fairlead.core.rules.alert_state import receive
from fairlead.sources.webhook.alert import Alert, Malformed
from fairlead.sources.webhook.decode import decode_alert
from fairlead.sources.webhook.handle import DENIED, SOURCE_DISABLED, AlertHandler
from fairlead.sources.webhook.inbox import KeptAlert
from fairlead.sources.webhook.json_text import parse_body
from fairlead.sources.webhook.prepare import PreparedAlert, prepare_alert
from fairlead.sources.webhook.seams import StoredAlert, WebhookTools

# The greatest age that an alert may ask for is a day; older ones could only be refused.
LOOK_BACK_MS: Final = 86_400_000
NOT_READABLE: Final = "not_readable"


async def resume_alerts(tools: WebhookTools, handler: AlertHandler) -> int:
    """Begin with what was left, oldest first, and say how much it is; ids are derived, so nothing happens twice.

    Run it once, after the desks are open and before the first call is taken.
    """
    left = await tools.reader.read_unhandled(tools.clock.now_ms() - LOOK_BACK_MS)
    for stored in left:
        state = receive(stored.received, stored.tenant)
        prepared = _prepare(tools, stored)
        if isinstance(prepared, Malformed):
            await handler.close_alert(state, _deny(stored.received, prepared, tools.clock.now_ms()))
        else:
            # Whoever sent it has an answer, or has gone.
            handler.start(KeptAlert(state=state, prepared=prepared), is_awaited=False)
    return len(left)


def _prepare(tools: WebhookTools, stored: StoredAlert) -> PreparedAlert | Malformed:
    directory = tools.directory.current
    hook = directory.find_hook(stored.tenant, stored.received.hook_id)
    if hook is None:
        return Malformed(error=SOURCE_DISABLED)
    # It was read without complaint before, so only what is configured may have changed: strictness must not count.
    body = parse_body(stored.received.body, bytes_max=len(stored.received.body))
    alert = body if isinstance(body, Malformed) else decode_alert(body)
    return prepare_alert(alert, hook, directory, tools.symbols) if isinstance(alert, Alert) else alert


def _deny(received: AlertReceived, why: Malformed, now_ms: int) -> AlertHandled:
    gone = why.error == SOURCE_DISABLED
    return AlertHandled(
        alert_id=received.alert_id,
        verdict=DENIED,
        reason_code=SOURCE_DISABLED if gone else NOT_READABLE,
        detail="the hook is gone" if gone else why.error,
        mapping=("", ""),
        warnings=(),
        request_ids=(),
        at_ms=now_ms,
    )
