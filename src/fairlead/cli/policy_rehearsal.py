"""`fairlead policy test`: which rules an alert would meet, and what would become of it, changing nothing."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from fairlead.cli.config import load_settings
from fairlead.cli.options import add_command
from fairlead.cli.output import EXIT_USAGE, StopError, say, say_json
from fairlead.cli.policy_text import STDIN, parse_file
from fairlead.cli.records import Registry
from fairlead.cli.tenants import TenantOptions, ask_tenant

if TYPE_CHECKING:
    from fairlead.accounts.registry import Refused
    from fairlead.core.model.policy import Policy
    from fairlead.core.model.request import OrderRequest
    from fairlead.wiring.rehearsing import Rehearsed, Stage

REHEARSAL: Final = "rehearsal"


@dataclass(frozen=True, kw_only=True)
class TestOptions(TenantOptions):
    """Which alert, and which policy."""

    alert: Annotated[
        str, typer.Argument(metavar="ALERT", help="Id of a stored alert; or a file with an alert's body, - for stdin.")
    ]
    hook: Annotated[str, typer.Option(help="Hook that the body would come in by; needed with a file.")] = ""
    policy: Annotated[str, typer.Option(metavar="FILE", help="Also try this policy, which is not stored.")] = ""


def add_policy_test(app: typer.Typer) -> None:
    """Hang the command into the command line."""
    add_command(
        app,
        "test",
        "fairlead policy test 019abc0ffee0123456789abcdef --policy careful.toml",
        "fairlead policy test alert.json --hook my-strategy --json",
    )(rehearse_alert)


def rehearse_alert(options: TestOptions) -> None:
    """Tell for each account which rules an alert meets and what would become of it; nothing is sent or stored.

    Decides like a dry run, for the accounts as they are stored now, at the newest saved prices (at most five seconds
    old beside a running server). A stored alert is taken at the time it came.
    """
    extra = parse_file(options.policy) if options.policy else None
    body = _read_body(options)
    seed = load_settings(options).market_seed

    async def work(registry: Registry, tenant: str) -> Sequence[Rehearsed] | Refused:
        return await _rehearse(registry, tenant, options, body=body, extra=extra, seed=seed)

    rows = [_row(one) for one in ask_tenant(options, work, reads=True)]
    if options.as_json:
        say_json(rows)
    else:
        say("\n\n".join(_text(row) for row in rows))


def _read_body(options: TestOptions) -> bytes | None:
    """The body to try; None when a stored alert is meant."""
    try:
        if options.alert == STDIN:
            body = sys.stdin.buffer.read()
        elif Path(options.alert).is_file():
            body = Path(options.alert).read_bytes()
        else:
            return None
    except OSError as error:
        raise StopError(f"{options.alert} cannot be read: {error}", EXIT_USAGE) from error
    if not options.hook:
        raise StopError("name the hook that this alert would come in by: --hook NAME", EXIT_USAGE)
    return body


async def _rehearse(
    registry: Registry,
    tenant: str,
    options: TestOptions,
    *,
    body: bytes | None,
    extra: Policy | None,
    seed: int,
) -> Sequence[Rehearsed] | Refused:
    from fairlead.accounts.registry import Refused
    from fairlead.clock import SystemClock
    from fairlead.store.queries.states import load_requests_of
    from fairlead.wiring.rehearsing import set_stage

    now_ms = SystemClock().now_ms()
    stage = await set_stage(registry.store, tenant, now_ms=now_ms, seed=seed)
    if body is None:
        async with registry.store.session(tenant) as session:
            requests = [state.request for state in await load_requests_of(session, options.alert)]
        if not requests:
            return Refused(message=f"no alert {options.alert} made a request, and there is no such file")
        played = [stage.play(request, request.cause_at_ms, extra) for request in requests]
    else:
        hook = await registry.hooks.find(tenant, options.hook)
        if isinstance(hook, Refused):
            return hook
        made = _make_requests(body, hook.hook_id, tenant, stage, now_ms)
        if isinstance(made, Refused):
            return made
        played = [stage.play(request, now_ms, extra) for request in made]
    return [one for one in played if one is not None]


def _make_requests(
    body: bytes, hook_id: str, tenant: str, stage: Stage, now_ms: int
) -> Sequence[OrderRequest] | Refused:
    from fairlead.accounts.registry import Refused
    from fairlead.core.model.state import AlertState
    from fairlead.core.rules.symbols import SymbolMaster
    from fairlead.sources.webhook.alert import Malformed
    from fairlead.sources.webhook.decode import decode_alert
    from fairlead.sources.webhook.json_text import parse_body
    from fairlead.sources.webhook.prepare import make_requests, prepare_alert

    hook = stage.directory.find_hook(tenant, hook_id)
    parsed = parse_body(body)
    if hook is None:
        return Refused(message="the hook is gone")
    alert = parsed if isinstance(parsed, Malformed) else decode_alert(parsed, strict_fields=hook.strict_fields)
    if not isinstance(alert, Malformed):
        master = SymbolMaster(stage.instruments.values())
        symbols = dict.fromkeys((account.exchange for account in stage.directory.list_accounts(tenant)), master)
        prepared = prepare_alert(alert, hook, stage.directory, symbols)
        if not isinstance(prepared, Malformed):
            state = AlertState(
                alert_id=REHEARSAL,
                tenant=tenant,
                hook_id=hook_id,
                duplicate_key="",
                explicit_key=False,
                received_ms=now_ms,
            )
            return make_requests(prepared, state)
        alert = prepared
    details = [f"{detail.field}: {detail.rule}" for detail in alert.details]
    return Refused(message="; ".join(["this alert would be refused", *(details or [alert.error])]))


def _row(one: Rehearsed) -> dict[str, object]:
    from fairlead.core.model.events import RequestDenied
    from fairlead.core.rules.policy import describe_verdict

    outcome = one.outcome
    preview = None if isinstance(outcome, RequestDenied) else outcome.preview
    return {
        "account": one.account.label,
        "mode": one.account.mode.value,
        "outcome": "denied" if isinstance(outcome, RequestDenied) else "would pass",
        "reason_code": outcome.reason_code,
        "message": outcome.message,
        "policies": [describe_verdict(verdict) for verdict in outcome.policies],
        "sizing": [
            f"{line.label}: {line.formula}{' = ' if line.formula else ''}{line.result}" for line in outcome.sizing
        ],
        "orders": [] if preview is None else [dict(body) for body in preview.bodies],
    }


def _text(row: dict[str, object]) -> str:
    from fairlead.cli.output import cell_text

    lines = [f"{row['account']} ({row['mode']}): {row['outcome']}: {row['message']}"]
    for name in ("policies", "sizing", "orders"):
        part = row[name]
        assert isinstance(part, list), name
        lines += [f"  {name:<9} {cell_text(one)}" for one in part or ["none"]]
    return "\n".join(lines)
