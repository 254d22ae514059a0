"""Find what is stored about an id, and explain it."""

from __future__ import annotations

from collections.abc import Mapping

from fairlead.core.model.instrument import Instrument
from fairlead.core.rules.replay import InstrumentsOf
from fairlead.reporting.explain import Evidence, explain
from fairlead.reporting.explanation import Explanation, RefusedCallPart
from fairlead.store.queries.accounts import list_accounts
from fairlead.store.queries.bots import list_bots
from fairlead.store.queries.explain import Trail, read_trail
from fairlead.store.queries.hook_calls import find_refused_call
from fairlead.store.queries.hooks import list_hooks
from fairlead.store.session import Session


def _nothing_known(_account_id: str) -> Mapping[str, Instrument]:
    return {}


async def explain_stored(
    session: Session,
    subject: str,
    instruments_of: InstrumentsOf = _nothing_known,
) -> Explanation | None:
    """Explain an id of the session's tenant; None when nothing of the tenant bears it."""
    trail = await read_trail(session, subject)
    labels = {hook.hook_id: hook.name for hook in await list_hooks(session)}
    if trail is None:
        return await _explain_refused(session, subject, labels)
    return explain(
        trail.subject,
        Evidence(
            rows=trail.rows,
            requests=trail.requests,
            orders=trail.orders,
            positions=trail.positions,
            balances=trail.balances,
            accounts={account.account_id: account for account in await list_accounts(session)},
            hook_labels=labels,
            bot_names={bot.bot_id: bot.name for bot in await list_bots(session)},
            instruments=instruments_of(_account_of(trail)),
        ),
    )


def _account_of(trail: Trail) -> str:
    """One of the accounts that it is about: those of one alert are all at the exchange that it named."""
    asked = (state.request.account_id for state in trail.requests.values())
    placed = (order.account_id for order in trail.orders.values())
    return next((account_id for found in (asked, placed) for account_id in found), "")


async def _explain_refused(session: Session, subject: str, labels: Mapping[str, str]) -> Explanation | None:
    call = await find_refused_call(session, subject)
    if call is None:
        return None
    part = RefusedCallPart(
        call_id=call.call_id,
        hook_id=call.hook_id,
        hook_label=labels.get(call.hook_id, call.hook_id),
        received_ms=call.received_ms,
        source_address=call.source_address,
        status_code=call.status_code,
        error=call.error,
        details=call.details,
        body=call.body,
    )
    return explain(subject, Evidence(refused_call=part))
