"""Makes a decision of the journal again, from what it was made of then, and says where the two differ. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from hashlib import blake2b
from typing import Final

import msgspec
from msgspec.structs import replace

from fairlead.core.model.bots.bot import BotState, Settings
from fairlead.core.model.bots.decision import Instruction, Reason
from fairlead.core.model.bots.events import BotDecided, BotNoted
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.request import OrderRequest
from fairlead.core.rules.bots.requests import write_requests
from fairlead.core.rules.bots.rules import Rule, peaks_of, with_peaks, with_settings
from fairlead.core.rules.bots.step import take_step

_DIGEST_BYTES: Final = 16
_encode: Final = msgspec.json.Encoder().encode


class Answer(msgspec.Struct, frozen=True):
    """What a decision comes to: how the bot stands after it, why, and what it asked for."""

    state: BotState
    reasons: tuple[Reason, ...]
    request_ids: tuple[str, ...]

    @property
    def digest(self) -> str:
        """One hash over all of it, to the last digit of each number: 32 hex characters of BLAKE2b."""
        return blake2b(_encode(self), digest_size=_DIGEST_BYTES).hexdigest()


class Rederived(msgspec.Struct, frozen=True):
    """The answer, and the requests that it asks for."""

    answer: Answer
    requests: tuple[OrderRequest, ...]


class Difference(msgspec.Struct, frozen=True):
    """One field that is not as it should be; ``path`` leads to it, values are as people read them."""

    path: str
    journaled: str
    rederived: str


def answer_of(decided: BotDecided) -> Answer:
    """What the journal says that a decision came to."""
    return Answer(decided.state, decided.reasons, decided.request_ids)


def rederive(
    before: BotState | None, decided: BotDecided, rule: Rule, settings: Settings, instrument: Instrument
) -> Rederived:
    """Decide again as then; ``before`` is the state that the journal had last, None for a bot's first decision.

    ``rule`` is that of ``settings``, which are those that the decision went by, on ``instrument`` as it was.
    """
    after, stimulus = decided.state, decided.stimulus
    state = before or BotState(
        bot_id=after.bot_id,
        tenant=after.tenant,
        account_id=after.account_id,
        symbol=after.symbol,
        settings_version=after.settings_version,
        memory=rule.begin(),
    )
    state = replace(state, memory=with_peaks(state.memory, decided.peaks))
    command = stimulus.command
    replans = command is not None and command.instruction is Instruction.REPLAN
    state = with_settings(state, rule, after.settings_version, replans=replans)
    step = take_step(state, rule, instrument, stimulus)
    written = write_requests(step, settings, instrument, stimulus.at_ms)
    request_ids = tuple(request.request_id for request in written.requests)
    return Rederived(Answer(written.state, step.reasons, request_ids), written.requests)


def renote(before: BotState, noted: BotNoted) -> BotState:
    """The state that a note may leave: only what is known of the venue and the prices that exits follow move on."""
    ids = {order.serial: order.order_ids for order in noted.state.orders}
    return replace(
        before,
        note=noted.note,
        version=before.version + 1,
        updated_ms=noted.at_ms,
        orders=tuple(replace(order, order_ids=ids.get(order.serial, order.order_ids)) for order in before.orders),
        memory=with_peaks(before.memory, peaks_of(noted.state.memory)),
    )


def find_differences(journaled: object, rederived: object, path: str = "") -> Iterator[Difference]:
    """Every field that differs, to the last digit; what stands in a slot is named by it."""
    if isinstance(journaled, msgspec.Struct) and type(journaled) is type(rederived):
        for name in journaled.__struct_fields__:
            place = f"{path}.{name}" if path else name
            yield from find_differences(getattr(journaled, name), getattr(rederived, name), place)
    elif isinstance(journaled, tuple) and isinstance(rederived, tuple):
        for number in range(max(len(journaled), len(rederived))):
            ours, theirs = _at(journaled, number), _at(rederived, number)
            yield from find_differences(ours, theirs, f"{path}[{_label(ours, theirs, number)}]")
    elif not _is_same(journaled, rederived):
        yield Difference(path, _show(journaled), _show(rederived))


def _at(values: Sequence[object], number: int) -> object:
    return values[number] if number < len(values) else None


def _label(ours: object, theirs: object, number: int) -> str:
    slots = {slot for slot in (_slot(ours), _slot(theirs)) if slot}
    return slots.pop() if len(slots) == 1 else str(number)


def _slot(value: object) -> str:
    return str(getattr(getattr(value, "want", value), "slot", ""))


def _is_same(ours: object, theirs: object) -> bool:
    if isinstance(ours, Decimal) and isinstance(theirs, Decimal):
        return str(ours) == str(theirs)
    return ours == theirs


def _show(value: object) -> str:
    if value is None or value == "":
        return "nothing"
    return str(value) if isinstance(value, Decimal | str | int) else _encode(value).decode()
