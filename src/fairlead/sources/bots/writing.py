"""Writes down what a bot decided, with its requests and how it stands now, as one unit of the journal."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Final

import msgspec

from fairlead.core.model.bots.bot import BotState, Settings, Stimulus
from fairlead.core.model.bots.events import BotConfigured, BotDecided, BotEvent, BotNoted, BotTerms, Peaks
from fairlead.core.rules.bots.requests import Written
from fairlead.core.rules.bots.step import Step
from fairlead.ports import AppendOutcome, Fact, Record
from fairlead.sources.bots.seams import Door
from fairlead.store.queries.bots import STATE_SPACE

_encode: Final = msgspec.json.Encoder().encode


class Untold(msgspec.Struct, frozen=True):
    """What a decision depends on and the journal does not know yet; None: it does."""

    settings: Settings | None = None
    terms: BotTerms | None = None
    peaks: Peaks | None = None


def append_step(
    door: Door, step: Step, stimulus: Stimulus, written: Written, untold: Untold
) -> Awaitable[AppendOutcome]:
    """Append a decision, with all that somebody needs who wants to make it again."""
    state = written.state
    decided = BotDecided(
        bot_id=state.bot_id,
        stimulus=stimulus,
        reasons=step.reasons,
        request_ids=tuple(request.request_id for request in written.requests),
        state=state,
        at_ms=state.updated_ms,
        terms=untold.terms,
        peaks=untold.peaks,
    )
    facts = [_fact(state, decided, f"{state.bot_id}:{state.version}")]
    if untold.settings is not None:
        began = BotConfigured(
            bot_id=state.bot_id,
            account_id=state.account_id,
            symbol=state.symbol,
            settings_version=state.settings_version,
            settings=untold.settings,
            at_ms=state.updated_ms,
        )
        facts.insert(0, _fact(state, began, f"{state.bot_id}:{state.settings_version}"))
    return door.submit(tuple(facts), written.requests, records=(_record(state),))


def append_note(door: Door, state: BotState) -> Awaitable[AppendOutcome]:
    """Append that a bot says something of itself without having decided."""
    noted = BotNoted(bot_id=state.bot_id, note=state.note, state=state, at_ms=state.updated_ms)
    return door.submit((_fact(state, noted, f"{state.bot_id}:{state.version}"),), (), records=(_record(state),))


def _record(state: BotState) -> Record:
    return Record(space=STATE_SPACE, owner=state.tenant, key=state.bot_id, body=_encode(state))


def _fact(state: BotState, event: BotEvent, key: str) -> Fact:
    return Fact(
        tenant=state.tenant,
        stream=f"bot:{state.bot_id}",
        cause=f"{state.bot_id}:{state.version}",
        at_ms=state.updated_ms,
        event=event,
        key=key,
    )
