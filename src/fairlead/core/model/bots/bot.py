"""A rule's answer, and everything that is kept of one bot."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import msgspec

from fairlead.core.model.bots.deal import Deal
from fairlead.core.model.bots.decision import NO_REASON, BotCommand, Outcome, Reason, SlotEnded, Tripwire, Want
from fairlead.core.model.bots.grid import GridMemory, GridSettings
from fairlead.core.model.bots.martingale import MartingaleMemory, MartingaleSettings
from fairlead.core.model.bots.user_rule import RuleMemory, RuleSettings
from fairlead.core.model.money import ZERO
from fairlead.core.model.request import Size

Settings = MartingaleSettings | GridSettings | RuleSettings
Memory = MartingaleMemory | GridMemory | RuleMemory


class Decision(msgspec.Struct, frozen=True, gc=False):
    """What a rule answers: what it remembers, everything that should rest now, and what may wake it again.

    It is the whole wish each time, not a change of it: an order that is not wanted any more is canceled, one that is
    missing is placed. So a wake that is lost or comes twice harms nothing.
    """

    memory: Memory
    wants: tuple[Want, ...] = ()
    wires: tuple[Tripwire, ...] = ()
    reason: Reason = NO_REASON
    outcome: Outcome = Outcome.GOES_ON


class BotOrder(msgspec.Struct, frozen=True, omit_defaults=True):
    """The order that serves a want now: one request, and how far its orders have come, added up.

    ``serial`` numbers the requests of the bot; with the bot it makes the ids of the request and its orders.
    ``before_*`` is what earlier requests of the same want filled. ``order_ids`` are those of its orders that are open
    at the venue; ``canceling_ms`` is when we first asked for them to be canceled (0: never), ``cancels`` how often.
    """

    want: Want
    serial: int
    request_id: str
    placed_ms: int
    filled_quantity: Decimal = ZERO
    filled_value: Decimal = ZERO
    fee_base: Decimal = ZERO
    fee_settle: Decimal = ZERO
    before_quantity: Decimal = ZERO
    before_quote: Decimal = ZERO
    before_fee_base: Decimal = ZERO
    before_base: Decimal = ZERO
    order_ids: tuple[str, ...] = ()
    canceling_ms: int = 0
    cancels: int = 0


class OrderNews(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a request of a bot stands: sums over its orders so far, so that hearing it twice changes nothing.

    ``value`` is in the settle currency and ``quote`` in the quote currency; ``is_over``: nothing more can happen to it.
    ``reason`` says why it ended when it did not do all that was asked.
    """

    request_id: str
    is_over: bool
    is_complete: bool
    order_ids: tuple[str, ...] = ()
    filled_quantity: Decimal = ZERO
    value: Decimal = ZERO
    quote: Decimal = ZERO
    fee_base: Decimal = ZERO
    fee_settle: Decimal = ZERO
    reason: str = ""
    message: str = ""


class BotStatus(StrEnum):
    """Whether a bot works; where its cycle is stands in its memory."""

    RUNNING = "running"
    PAUSED = "paused"
    STOPPING = "stopping"
    STOPPED = "stopped"
    FINISHED = "finished"
    HALTED = "halted"


class Wish(StrEnum):
    """What its owner wants of a bot."""

    RUN = "run"
    PAUSE = "pause"
    STOP_AND_KEEP = "stop_and_keep"
    STOP_AND_SELL = "stop_and_sell"


class Trouble(msgspec.Struct, frozen=True, omit_defaults=True):
    """A slot whose orders did not come to anything: how often in a row, why, and when it is tried again.

    ``is_given_up``: not before somebody resumes the bot.
    """

    slot: str
    times: int
    reason: str
    message: str
    again_ms: int
    is_given_up: bool = False


class Carried(msgspec.Struct, frozen=True):
    """What an entry that ended early had filled: the next order in its slot is for the rest.

    ``quantity`` is in the instrument's unit, ``quote`` and ``base`` are the same in these currencies.
    """

    slot: str
    size: Size | None
    quantity: Decimal
    quote: Decimal
    base: Decimal
    fee_base: Decimal = ZERO


class BotState(msgspec.Struct, frozen=True, kw_only=True, tag=True, omit_defaults=True):
    """One bot as of its newest decision; ``version`` counts decisions, so that a stale one is refused.

    ``settings_version`` is the one that the running cycle was begun with; ``command`` the newest word of a person that
    was taken. ``ended`` are slots whose end the rule has not been told yet.
    """

    bot_id: str
    tenant: str
    account_id: str
    symbol: str
    version: int = 0
    settings_version: int = 1
    status: BotStatus = BotStatus.RUNNING
    cycle: int = 1
    serial: int = 0
    deal: Deal = Deal()
    memory: Memory
    orders: tuple[BotOrder, ...] = ()
    carried: tuple[Carried, ...] = ()
    troubles: tuple[Trouble, ...] = ()
    ended: tuple[SlotEnded, ...] = ()
    command: int = 0
    note: str = ""
    updated_ms: int = 0


class Stimulus(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Everything that a bot hears in one step: with its state before, this is all that its decision depends on.

    ``price`` is the last price of its instrument. ``share`` is what the account's sub-book says it holds, in the
    instrument's unit and never negative, where all its orders are told of in ``news``; None: not compared.
    ``is_renewed``: newer settings wait for the next cycle, so the step ends where a cycle does.
    Without ``may_add`` nothing new is placed to get in, and what rests stays; ``note`` says what is held back and why.
    """

    at_ms: int
    price: Decimal
    may_enter: bool = True
    may_add: bool = True
    note: str = ""
    wish: Wish = Wish.RUN
    news: tuple[OrderNews, ...] = ()
    signals: tuple[str, ...] = ()
    command: BotCommand | None = None
    share: Decimal | None = None
    is_renewed: bool = False
