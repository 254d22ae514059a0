"""What people call the bots that the journal knows by their ids."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from fairlead.cli.records import ask_registry

if TYPE_CHECKING:
    from fairlead.cli.options import Options
    from fairlead.cli.records import Registry


def find_bot_names(options: Options) -> Mapping[str, str]:
    """Names by id; a bot that was removed has none any more."""

    async def look(registry: Registry) -> dict[str, str]:
        from fairlead.store.queries.bots import load_roster

        async with registry.store.system_session() as system:
            roster = await load_roster(system)
        return {bot.bot_id: bot.name for bot in roster.bots.values()}

    return ask_registry(options, look, reads=True)
