"""`fairlead hook`: addresses that take alerts, each with its own token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from fairlead.cli.config import load_settings
from fairlead.cli.hook_text import curl_line, hook_url, sample_alert, tradingview_message
from fairlead.cli.options import add_command
from fairlead.cli.output import say, say_facts, say_json, say_rows, table_lines, tell
from fairlead.cli.records import Registry
from fairlead.cli.tenants import TenantOptions, TenantWork, ask_some, ask_tenant
from fairlead.reporting.times import time_text

if TYPE_CHECKING:
    from fairlead.accounts.registry import NewToken, Refused
    from fairlead.store.queries.hook_calls import RefusedCall
    from fairlead.store.queries.hooks import Hook

hooks = typer.Typer(help="Hooks: addresses that take alerts.", no_args_is_help=True, rich_markup_mode=None)


@dataclass(frozen=True, kw_only=True)
class HookOptions(TenantOptions):
    """Which hook."""

    hook: Annotated[str, typer.Argument(metavar="HOOK", help="Name or id of the hook.")]


@dataclass(frozen=True, kw_only=True)
class RotateOptions(HookOptions):
    """How long the old token is still taken."""

    overlap: Annotated[int, typer.Option(metavar="HOURS", min=0, help="How long the old token is still taken.")] = 24


@dataclass(frozen=True, kw_only=True)
class AddHookOptions(TenantOptions):
    """A new hook."""

    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the hook.")]
    target: Annotated[str, typer.Option(help="Group, account label or account id its alerts are for.")] = "default"
    mode: Annotated[Literal["ack", "wait"], typer.Option(help="Answer once stored, or once done.")] = "ack"
    allow: Annotated[
        list[str] | None,
        typer.Option(metavar="ADDRESS", help="Who may call: tradingview, an address, or a CIDR; repeat for more."),
    ] = None
    profile: Annotated[str, typer.Option(help="Risk profile of its alerts, on top of the account's.")] = "alert"
    rate: Annotated[int | None, typer.Option(metavar="N", min=1, help="Alerts a minute; beyond, it answers 429.")] = (
        None
    )
    max_age: Annotated[
        int | None,
        typer.Option(metavar="SECONDS", min=1, help="Greatest age of an alert that tells its time."),
    ] = None
    strict_fields: Annotated[bool, typer.Option("--strict-fields", help="Refuse unknown fields.")] = False
    strict_status: Annotated[bool, typer.Option("--strict-status", help="Answer 207 or 422 on failures.")] = False
    cap: Annotated[bool, typer.Option("--cap", help="Shrink what is too large to what is available.")] = False


@add_command(
    hooks,
    "add",
    "fairlead hook add my-strategy --allow tradingview",
    "fairlead hook add script --mode wait --target paper-1 --allow 192.0.2.7",
)
def add(options: AddHookOptions) -> None:
    """Add a hook. Prints its URL, its token (once), a curl line, and the message for a TradingView alert."""
    from fairlead.accounts.registry import HookWish
    from fairlead.store.queries.hooks import ResponseMode

    wish = HookWish(
        name=options.name,
        owner=options.user,
        target=options.target,
        response_mode=ResponseMode(options.mode),
        risk_profile=options.profile,
        allow=tuple(options.allow or ()),
        rate_per_minute=options.rate,
        stale_after_s=options.max_age,
        strict_fields=options.strict_fields,
        strict_status=options.strict_status,
        cap_to_available=options.cap,
    )
    _show_token(options, ask_tenant(options, lambda registry, tenant: registry.hooks.add(tenant, wish)))


@add_command(hooks, "list", "fairlead hook list")
def list_all(options: TenantOptions) -> None:
    """List hooks: those of one user's tenant, or all. Only the digest of a token is kept, so none is shown."""
    say_rows(
        [hook_row(hook) for hook in ask_some(options, lambda registry, tenant: registry.hooks.list_all(tenant))],
        as_json=options.as_json,
        empty="There is no hook yet: add one with fairlead hook add NAME",
    )


@add_command(hooks, "show", "fairlead hook show my-strategy")
def show(options: HookOptions) -> None:
    """Show one hook, its limits, and the last calls it refused."""
    from fairlead.accounts.registry import Refused

    async def work(registry: Registry, tenant: str) -> tuple[Hook, list[RefusedCall]] | Refused:
        hook = await registry.hooks.find(tenant, options.hook)
        return hook if isinstance(hook, Refused) else (hook, list(await registry.hooks.list_refused(hook)))

    hook, refused = ask_tenant(options, work, reads=True)
    row = hook_details(hook, hook_url(load_settings(options).base_url, hook.hook_id))
    calls = [_call_row(call) for call in refused]
    if options.as_json:
        say_json({**row, "refused_calls": calls})
        return
    say_facts(row, as_json=False)
    say("\nLast refused calls:" if calls else "\nNo call was refused.")
    if calls:
        say("\n".join(table_lines(calls)))


@add_command(hooks, "rotate", "fairlead hook rotate my-strategy", "fairlead hook rotate my-strategy --overlap 0")
def rotate(options: RotateOptions) -> None:
    """Draw a new token. The old one is taken a while longer, so that alerts can be changed without a gap."""
    overlap_ms = options.overlap * 3_600_000
    _show_token(
        options,
        ask_tenant(
            options, lambda registry, tenant: registry.hooks.rotate(tenant, options.hook, overlap_ms=overlap_ms)
        ),
    )


@add_command(hooks, "revoke", "fairlead hook revoke my-strategy")
def revoke(options: HookOptions) -> None:
    """Take no alert from this hook any more. What it did can still be explained; rotating brings it back."""
    _change(options, lambda registry, tenant: registry.hooks.revoke(tenant, options.hook))


def hook_row(hook: Hook) -> dict[str, object]:
    """A hook as a line of a list."""
    return {
        "id": hook.hook_id,
        "name": hook.name,
        "tenant": hook.tenant,
        "target": hook.target,
        "mode": hook.response_mode.value,
        "risk_profile": hook.risk_profile,
        "token": hook.token_hint,
        "enabled": hook.enabled,
    }


def hook_details(hook: Hook, url: str) -> dict[str, object]:
    """Everything about a hook but its token."""
    previous = hook.previous_until_ms
    return {
        **hook_row(hook),
        "url": url,
        "addresses": list(hook.address_list) or "everybody",
        "alerts_a_minute": hook.rate_per_minute,
        "oldest_alert_s": hook.stale_after_ms // 1000,
        "strict_fields": hook.strict_fields,
        "strict_status": hook.strict_status,
        "cap_to_available": hook.cap_to_available,
        "previous_token_until": time_text(previous) if previous else None,
        "created": time_text(hook.created_ms),
    }


def _show_token(options: TenantOptions, issued: NewToken) -> None:
    hook = issued.hook
    url = hook_url(load_settings(options).base_url, hook.hook_id)
    curl = curl_line(url, sample_alert(issued.token))
    message = tradingview_message(issued.token, hook.name)
    if options.as_json:
        say_json({**hook_details(hook, url), "token": issued.token, "curl": curl, "tradingview_message": message})
        return
    say_facts({"hook": hook.name, "url": url, "token": issued.token, "target": hook.target}, as_json=False)
    tell("The token is shown only now.")
    if issued.previous_until_ms is not None:
        tell(f"The old token is taken until {time_text(issued.previous_until_ms)}.")
    say(f"\nTry it:\n{curl}\n\nMessage of a TradingView alert:\n{message}")


def _change(options: TenantOptions, work: TenantWork[Hook]) -> None:
    hook = ask_tenant(options, work)
    say_facts(hook_details(hook, hook_url(load_settings(options).base_url, hook.hook_id)), as_json=options.as_json)


def _call_row(call: RefusedCall) -> dict[str, object]:
    return {
        "id": call.call_id,
        "received": time_text(call.received_ms),
        "from": call.source_address,
        "status": call.status_code,
        "error": call.error,
    }
