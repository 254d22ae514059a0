"""Commands that show bots: list, show, history."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fairlead.cli.bots.bot_rows import bot_row
from fairlead.cli.bots.options import BotOptions, bot_registry
from fairlead.cli.options import add_command
from fairlead.cli.output import say_facts, say_rows
from fairlead.cli.tenants import TenantOptions, ask_some, ask_tenant

if TYPE_CHECKING:
    import typer


def add_watching(app: typer.Typer) -> None:
    """Hang the commands into the command line."""
    add_command(app, "list", "fairlead bot list")(list_all)
    add_command(app, "show", "fairlead bot show dip")(show)


def list_all(options: TenantOptions) -> None:
    """List bots and how they stand."""
    found = ask_some(options, lambda registry, tenant: bot_registry(registry).list_all(tenant))
    empty = "No bots. Create one: fairlead bot create dip --account paper-1 --symbol BTC-USDT --preset balanced"
    say_rows([bot_row(one) for one in found], as_json=options.as_json, empty=empty)


def show(options: BotOptions) -> None:
    """Show one bot."""
    found = ask_tenant(options, lambda registry, tenant: bot_registry(registry).find(tenant, options.name), reads=True)
    say_facts(bot_row(found), as_json=options.as_json)
