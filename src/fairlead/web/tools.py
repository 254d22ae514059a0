"""What the web needs from the rest of the house; the wiring fills it in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Final

import msgspec

from fairlead.accounts.addresses import AddressList, Network
from fairlead.accounts.bot_questions import BotQuestion
from fairlead.accounts.directory import LiveDirectory
from fairlead.accounts.registry.bots import BotRegistry
from fairlead.accounts.registry.naming import Refused
from fairlead.accounts.users import PasswordDoor
from fairlead.core.model.bots.bot import Settings
from fairlead.core.model.ids import alert_id
from fairlead.observing.health import Condition
from fairlead.ports import Clock
from fairlead.sources.webhook.alert import FieldError
from fairlead.sources.webhook.intake import AlertIntake
from fairlead.sources.webhook.json_text import BODY_BYTES_MAX
from fairlead.store.queries.hook_calls import RefusedCall
from fairlead.web.rates import CallRates

EVERYBODY: Final = AddressList(())

# (tenant, id of an alert, request or order) -> everything known about it as plain values, or None.
Explain = Callable[[str, str], Awaitable[dict[str, object] | None]]


class BotVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """A bot played through before it runs: what speaks against it, field by field, and the whole of it as values.

    ``is_only_capital``: nothing but that its account could not carry the worst case beside its other bots. ``settings``
    are what was played through, made from those of ``version`` where there is a bot (0: there is none).
    """

    refusals: tuple[FieldError, ...]
    is_only_capital: bool
    preview: dict[str, object]
    settings: Settings
    account_id: str
    symbol: str
    version: int = 0


class PlaysBusyError(Exception):
    """More bots wait to be played through than could be in reasonable time."""


# (tenant, question) -> what came of it; raises SettingsError and PlaysBusyError.
LookAtBot = Callable[[str, BotQuestion], Awaitable[BotVerdict | Refused]]


class CallIds:
    """Names calls: ordered by time, never twice, also over restarts."""

    def __init__(self, clock: Clock, nonce: str) -> None:
        """``nonce`` tells two runs of the program apart."""
        self._clock = clock
        self._nonce = nonce
        self._numbers = count()

    def draw(self) -> str:
        """The id of the next call."""
        return alert_id(received_at_ms=self._clock.now_ms(), hook_id="", nonce=f"{self._nonce}:{next(self._numbers)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Monitoring:
    """What operators ask; ``token`` is who may read everything, empty for callers on this machine."""

    check_health: Callable[[], Condition]
    check_ready: Callable[[], Condition]
    render_metrics: Callable[[], bytes]
    token: str = ""


@dataclass(frozen=True, kw_only=True)
class WebTools:
    """Everything the web works with.

    ``look_at_bot`` plays a bot of a tenant through.
    ``report_fault`` hears the id of a call that broke and why; the caller never does. ``allowed_addresses`` is the
    installation-wide list for everything that a hook's token opens.
    """

    intake: AlertIntake
    directory: LiveDirectory
    passwords: PasswordDoor
    clock: Clock
    call_ids: CallIds
    explain: Explain
    monitoring: Monitoring
    bots: BotRegistry
    look_at_bot: LookAtBot
    note_refused: Callable[[RefusedCall], None]
    report_fault: Callable[[str, BaseException], None]
    trusted_proxies: Sequence[Network] = ()
    allowed_addresses: AddressList = EVERYBODY
    body_bytes_max: int = BODY_BYTES_MAX
    rates: CallRates = field(init=False)

    def __post_init__(self) -> None:
        """Make what only the web uses."""
        object.__setattr__(self, "rates", CallRates(self.clock))
