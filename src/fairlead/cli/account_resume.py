"""`fairlead account resume`: let an account trade again after its losses have stopped it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from fairlead.cli.config import load_settings
from fairlead.cli.kill import lift_latches, read_latches
from fairlead.cli.options import add_command
from fairlead.cli.output import EXIT_USAGE, StopError
from fairlead.cli.tenants import TenantOptions, ask_tenant
from fairlead.core.model.latch import LatchReason, LatchScope


@dataclass(frozen=True, kw_only=True)
class ResumeOptions(TenantOptions):
    """Which account, and why."""

    account: Annotated[str, typer.Argument(metavar="ACCOUNT", help="Label or id of an account.")]
    reason: Annotated[str, typer.Option(help="Why, for everybody who reads the journal later.")] = ""


def add_resume(accounts: typer.Typer) -> None:
    """Hang the command into the command line."""
    add_command(accounts, "resume", 'fairlead account resume paper-1 --reason "the stop was too wide, it is fixed"')(
        resume
    )


def resume(options: ResumeOptions) -> None:
    """Let an account trade again that its losses have halted. Losses are counted from its present equity then.

    A running server first compares the account with its venue. What a day or a week limits ends by itself.
    """
    if not options.reason.strip():
        raise StopError("say why with --reason TEXT: whoever reads the journal will want to know", EXIT_USAGE)
    account = ask_tenant(options, lambda registry, tenant: registry.accounts.find(tenant, options.account), reads=True)
    settings = load_settings(options)
    chosen = [
        latch
        for latch in read_latches(settings)
        if latch.scope is LatchScope.ACCOUNT
        and latch.name == account.account_id
        and latch.reason is LatchReason.DRAWDOWN
    ]
    if not chosen:
        raise StopError(f"{account.label} is not halted by its losses; what is stopped: fairlead kill --list")
    lift_latches(settings, chosen, options.reason)
