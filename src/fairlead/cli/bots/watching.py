"""Commands that show bots: list, show, history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from fairlead.cli.bots.bot_rows import bot_row
from fairlead.cli.bots.options import BotOptions, bot_registry, open_stage
from fairlead.cli.bots.portrait import Portrait, portrait_lines, portrait_values, take_portrait
from fairlead.cli.options import add_command
from fairlead.cli.output import say, say_json, say_rows
from fairlead.cli.tenants import TenantOptions, ask_some, ask_tenant

if TYPE_CHECKING:
    import typer

    from fairlead.accounts.registry import Refused
    from fairlead.accounts.registry.bots import KnownBot
    from fairlead.cli.records import Registry
    from fairlead.reporting.bot_story import CycleRow


def add_watching(app: typer.Typer) -> None:
    """Hang the commands into the command line."""
    add_command(app, "list", "fairlead bot list")(list_all)
    add_command(app, "show", "fairlead bot show dip")(show)
    add_command(app, "history", "fairlead bot history dip")(history)


def list_all(options: TenantOptions) -> None:
    """List bots, how they stand, and what each may still take of what its account has free (reserved)."""

    async def work(registry: Registry, tenant: str | None) -> Sequence[Mapping[str, object]]:
        known = await bot_registry(registry).list_all(tenant)
        stages = {one: await open_stage(registry, one, options) for one in sorted({bot.bot.tenant for bot in known})}
        return [_listed(one, stages[one.bot.tenant].reserved_text(one.bot)) for one in known]

    rows = ask_some(options, work)
    empty = "No bots. Create one: fairlead bot create dip --account paper-1 --symbol BTC-USDT --preset balanced"
    say_rows(rows, as_json=options.as_json, empty=empty)


def show(options: BotOptions) -> None:
    """Show one bot: its deal, its ladder (filled, resting, later), its newest decisions, and what wakes it next."""

    async def work(registry: Registry, tenant: str) -> Portrait | Refused:
        from fairlead.accounts.registry import Refused

        found = await bot_registry(registry).find(tenant, options.name)
        if isinstance(found, Refused):
            return found
        stage = await open_stage(registry, tenant, options)
        return await take_portrait(registry, stage, found)

    portrait = ask_tenant(options, work, reads=True)
    if options.as_json:
        say_json(portrait_values(portrait))
    else:
        say("\n".join(portrait_lines(portrait)))


def history(options: BotOptions) -> None:
    """List the cycles (deals) of a bot: when each was, how many orders it filled, what it earned, and why it ended."""

    async def work(registry: Registry, tenant: str) -> Sequence[CycleRow] | Refused:
        from fairlead.accounts.registry import Refused
        from fairlead.reporting.bot_story import cycles_of
        from fairlead.store.queries.bot_decisions import load_decisions

        found = await bot_registry(registry).find(tenant, options.name)
        if isinstance(found, Refused):
            return found
        async with registry.store.session(tenant) as session:
            return cycles_of(await load_decisions(session, found.bot.bot_id))

    rows = [_cycle(one) for one in ask_tenant(options, work, reads=True)]
    say_rows(rows, as_json=options.as_json, empty=f"{options.name} has not decided anything yet.")


def _listed(found: KnownBot, reserved: str) -> dict[str, object]:
    row = bot_row(found)
    note = row.pop("note")
    return {**row, "reserved": reserved, "note": note}


def _cycle(row: CycleRow) -> dict[str, object]:
    from fairlead.core.model.money import format_amount
    from fairlead.reporting.times import time_text

    return {
        "cycle": row.cycle,
        "began": time_text(row.began_ms),
        "ended": "" if row.ended_ms is None else time_text(row.ended_ms),
        "fills": row.fills,
        "profit": format_amount(round(row.profit, 8)),
        "why": row.why.replace("_", " "),
    }
