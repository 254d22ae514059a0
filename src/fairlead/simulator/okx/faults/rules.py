"""Faults as data: the closed set of kinds, and the rule that says which of them strikes what, and how often."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Final

import msgspec

DELAY_MS_MAX: Final = 3_600_000
JUMP_MS_MAX: Final = 30 * 24 * 3_600_000
NAME_LENGTH_MAX: Final = 128


class Moment(StrEnum):
    """What a fault can strike: a request over REST, an operation over a WebSocket, a message pushed to a client."""

    REST = "rest"
    OPERATION = "operation"
    PUSH = "push"


class FaultKind(StrEnum):
    """Everything that can go wrong. ``docs/faults.md`` has a row for each."""

    REQUEST_LOST = "request_lost"
    ACCEPT_THEN_TIME_OUT = "accept_then_time_out"
    REPLY_LOST = "reply_lost"
    SLOW_REPLY = "slow_reply"
    RESET_BEFORE = "reset_before"
    RESET_AFTER = "reset_after"
    REQUEST_DELAYED = "request_delayed"
    DEADLINE_MISSED = "deadline_missed"
    DEADLINE_WAITED_OUT = "deadline_waited_out"
    CODE_50001 = "code_50001"
    CODE_50004 = "code_50004"
    CODE_50011 = "code_50011"
    CODE_50013 = "code_50013"
    CODE_50026 = "code_50026"
    CODE_50061 = "code_50061"
    CODE_54004 = "code_54004"
    HTML_5XX = "html_5xx"
    FILL_BEFORE_ACK = "fill_before_ack"
    SOCKET_DROP = "socket_drop"
    SEQUENCE_MISSED = "sequence_missed"
    PUSH_LOST = "push_lost"
    PUSH_DUPLICATED = "push_duplicated"
    PUSH_REORDERED = "push_reordered"
    PUSH_DELAYED = "push_delayed"
    PARTIAL_FILL_THEN_SILENCE = "partial_fill_then_silence"
    MAINTENANCE_NOTICE = "maintenance_notice"
    CLOCK_JUMP = "clock_jump"
    KEY_REVOKED = "key_revoked"
    KEY_FROZEN = "key_frozen"
    INSTRUMENT_SUSPENDED = "instrument_suspended"
    INSTRUMENT_CHANGED = "instrument_changed"
    BALANCE_CHANGED = "balance_changed"
    POSITION_CLOSED = "position_closed"
    LIQUIDATION = "liquidation"


class KindTraits(msgspec.Struct, frozen=True, kw_only=True):
    """When a kind can strike, which parameters it takes and which it needs.

    ``detail``: it strikes only pushes that say this (the ``state`` of an order, the ``action`` of a book).
    """

    moments: frozenset[Moment]
    params: frozenset[str] = frozenset()
    needed: frozenset[str] = frozenset()
    detail: str = ""


_REQUESTS: Final = frozenset({Moment.REST, Moment.OPERATION})
_PUSHES: Final = frozenset({Moment.PUSH})
_DELAY: Final = frozenset({"delay_ms"})
_TAKEN: Final = frozenset({"taken"})
_AMOUNT: Final = frozenset({"currency", "amount"})
_JUMP: Final = frozenset({"jump_ms"})

KINDS: Final[dict[FaultKind, KindTraits]] = {
    FaultKind.REQUEST_LOST: KindTraits(moments=_REQUESTS, params=_DELAY),
    FaultKind.ACCEPT_THEN_TIME_OUT: KindTraits(moments=_REQUESTS, params=_DELAY),
    FaultKind.REPLY_LOST: KindTraits(moments=_REQUESTS),
    FaultKind.SLOW_REPLY: KindTraits(moments=_REQUESTS, params=_DELAY, needed=_DELAY),
    FaultKind.RESET_BEFORE: KindTraits(moments=_REQUESTS),
    FaultKind.RESET_AFTER: KindTraits(moments=_REQUESTS),
    FaultKind.REQUEST_DELAYED: KindTraits(moments=_REQUESTS, params=_DELAY, needed=_DELAY),
    FaultKind.DEADLINE_MISSED: KindTraits(moments=_REQUESTS, params=_DELAY),
    FaultKind.DEADLINE_WAITED_OUT: KindTraits(moments=_REQUESTS, params=_DELAY),
    FaultKind.CODE_50001: KindTraits(moments=_REQUESTS, params=_TAKEN),
    FaultKind.CODE_50004: KindTraits(moments=_REQUESTS, params=_TAKEN),
    FaultKind.CODE_50011: KindTraits(moments=_REQUESTS),
    FaultKind.CODE_50013: KindTraits(moments=_REQUESTS, params=_TAKEN),
    FaultKind.CODE_50026: KindTraits(moments=_REQUESTS, params=_TAKEN),
    FaultKind.CODE_50061: KindTraits(moments=_REQUESTS),
    FaultKind.CODE_54004: KindTraits(moments=_REQUESTS),
    FaultKind.HTML_5XX: KindTraits(moments=_REQUESTS, params=_TAKEN | {"status"}),
    FaultKind.FILL_BEFORE_ACK: KindTraits(moments=_REQUESTS, params=_DELAY),
    FaultKind.SOCKET_DROP: KindTraits(moments=_PUSHES),
    FaultKind.SEQUENCE_MISSED: KindTraits(moments=_PUSHES, detail="update"),
    FaultKind.PUSH_LOST: KindTraits(moments=_PUSHES),
    FaultKind.PUSH_DUPLICATED: KindTraits(moments=_PUSHES),
    FaultKind.PUSH_REORDERED: KindTraits(moments=_PUSHES, params=_DELAY),
    FaultKind.PUSH_DELAYED: KindTraits(moments=_PUSHES, params=_DELAY, needed=_DELAY),
    FaultKind.PARTIAL_FILL_THEN_SILENCE: KindTraits(
        moments=_PUSHES, params=frozenset({"duration_ms"}), detail="partially_filled"
    ),
    FaultKind.MAINTENANCE_NOTICE: KindTraits(moments=_REQUESTS, params=_DELAY | {"duration_ms"}),
    FaultKind.CLOCK_JUMP: KindTraits(moments=_REQUESTS, params=_JUMP, needed=_JUMP),
    FaultKind.KEY_REVOKED: KindTraits(moments=_REQUESTS),
    FaultKind.KEY_FROZEN: KindTraits(moments=_REQUESTS),
    FaultKind.INSTRUMENT_SUSPENDED: KindTraits(moments=_REQUESTS),
    FaultKind.INSTRUMENT_CHANGED: KindTraits(moments=_REQUESTS, params=frozenset({"tick_size", "lot_size"})),
    FaultKind.BALANCE_CHANGED: KindTraits(moments=_REQUESTS, params=_AMOUNT, needed=_AMOUNT),
    FaultKind.POSITION_CLOSED: KindTraits(moments=_REQUESTS),
    FaultKind.LIQUIDATION: KindTraits(moments=_REQUESTS),
}

Name = Annotated[str, msgspec.Meta(max_length=NAME_LENGTH_MAX)]
Milliseconds = Annotated[int, msgspec.Meta(ge=0, le=DELAY_MS_MAX)]


class Match(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a rule is about; empty means any.

    ``endpoint`` is a REST path (``trade/order``), an operation of a WebSocket (``batch-orders``) or a channel
    (``orders``); a ``*`` at its end stands for the rest. ``account`` is named after its first key.
    """

    endpoint: Name = ""
    account: Name = ""
    instrument: Name = ""


class Params(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a fault strikes; each kind takes those of its row in ``KINDS`` only.

    ``taken``: the request is carried out although the answer says nothing of it. ``amount`` is signed: negative takes
    cash out. ``jump_ms`` is signed: negative sets the clock back.
    """

    delay_ms: Milliseconds | None = None
    duration_ms: Milliseconds | None = None
    jump_ms: Annotated[int, msgspec.Meta(ge=-JUMP_MS_MAX, le=JUMP_MS_MAX)] | None = None
    status: Annotated[int, msgspec.Meta(ge=500, le=599)] | None = None
    taken: bool | None = None
    currency: Name | None = None
    amount: Decimal | None = None
    tick_size: Decimal | None = None
    lot_size: Decimal | None = None

    def given(self) -> list[str]:
        """Names of those that are set."""
        return [name for name in self.__struct_fields__ if getattr(self, name) is not None]


class FaultRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One fault and when it strikes.

    Of what matches, the first ``after`` are spared; of the rest each is struck with ``probability``, until it was
    ``count`` of them (without ``count``: for ever). ``seed`` and ``id`` decide chance, so a run repeats.
    """

    id: Annotated[str, msgspec.Meta(min_length=1, max_length=NAME_LENGTH_MAX)]
    kind: FaultKind
    match: Match = Match()
    probability: Annotated[float, msgspec.Meta(ge=0, le=1)] = 1.0
    count: Annotated[int, msgspec.Meta(ge=1)] | None = None
    after: Annotated[int, msgspec.Meta(ge=0)] = 0
    seed: int = 0
    params: Params = Params()

    def __post_init__(self) -> None:
        """Refuse parameters that its kind does not take, or lacks.

        Raises:
            ValueError: names them.
        """
        traits = KINDS[self.kind]
        given = self.params.given()
        foreign = [name for name in given if name not in traits.params]
        missing = sorted(traits.needed.difference(given))
        if foreign or missing:
            takes = ", ".join(sorted(traits.params)) or "no parameters"
            wrong = "".join(f"; {name} is none of them" for name in foreign)
            message = f"{self.kind.value} takes {takes}{wrong}" + "".join(f"; it needs {name}" for name in missing)
            raise ValueError(message)


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule is asked about: one request, one operation or one push."""

    moment: Moment
    endpoint: str
    account: str = ""
    symbols: tuple[str, ...] = ()
    detail: str = ""


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """The decision that something goes wrong now."""

    rule_id: str
    kind: FaultKind
    params: Params
