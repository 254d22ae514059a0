"""Compares how each bot is said to stand with what its newest word in the journal says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from fairlead.core.model.bots.bot import BotState
from fairlead.core.model.bots.events import BotDecided, BotNoted
from fairlead.core.model.events import Event
from fairlead.store.databases.contract import SnapshotReader
from fairlead.store.queries.bots import STATE_SPACE

_STATE: Final = msgspec.json.Decoder(BotState)


class BotCheck:
    """Hears every fact, and compares in the end; holds one state a bot."""

    def __init__(self) -> None:
        """Begin before the first fact."""
        self._newest: dict[str, BotState] = {}

    def hear(self, event: Event) -> None:
        """Take one fact, in the order of the journal."""
        if isinstance(event, BotDecided | BotNoted):
            self._newest[event.bot_id] = event.state

    def compare(self, snapshot: SnapshotReader) -> Iterator[str]:
        """Say what is missing, too much or different."""
        missing = dict(self._newest)
        for owner, bot_id, body in snapshot.read_records(STATE_SPACE):
            rebuilt = missing.pop(bot_id, None)
            place = f"records {STATE_SPACE} {owner} {bot_id}"
            if rebuilt is None:
                yield f"{place}: stored, but the journal knows nothing of it"
                continue
            try:
                stored = _STATE.decode(body)
            except (msgspec.DecodeError, ArithmeticError, ValueError) as error:
                yield f"{place}, field body: cannot be read ({error})"
                continue
            for name in BotState.__struct_fields__:
                ours, theirs = getattr(stored, name), getattr(rebuilt, name)
                if ours != theirs:
                    yield f"{place}, field {name}: stored {ours}, rebuilt {theirs}"
        for bot_id, state in missing.items():
            yield f"records {STATE_SPACE} {state.tenant} {bot_id}: missing, but the journal says it is there"
