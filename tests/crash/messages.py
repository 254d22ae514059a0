"""What a venue adapter and the exchange process say to each other: one JSON object a line, in both directions."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

import msgspec

from fairlead.core.model import reports as rp
from fairlead.core.model.account import MarginMode, PositionSide, VenueAccount
from fairlead.core.model.order import Order
from fairlead.core.model.request import Side

# A whole account with its orders is one line.
LINE_BYTES_MAX: Final = 1 << 24


class Hello(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Who speaks on this connection: reports about the account go here from now on."""

    account: VenueAccount


class Place(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    order: Order


class Cancel(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    order: Order


class Find(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    order: Order


class SetLeverage(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    symbol: str
    margin_mode: MarginMode
    position_side: PositionSide
    leverage: Decimal


class Read(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Ask for balances, positions and open orders."""


class Count(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Ask what the exchange has ever done for every account; not a question that a venue could ask."""


Question = Hello | Place | Cancel | Find | SetLeverage | Read | Count


class Call(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A question; its answer has the same number."""

    number: int
    question: Question


class SeenOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order as the exchange has it; ``order_id`` is ours, ``is_born`` says that the exchange made it."""

    order_id: str
    symbol: str
    side: Side
    quantity: Decimal
    filled: Decimal
    is_born: bool


class SeenAccount(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that an exchange knows about an account: the witness. Positions by symbol and side, never zero.

    ``entries`` are the prices at which they were entered, where fills may reach us in another order than they happened
    in: then more or less of the profit is realized, and only cash less what the positions cost must be the same.
    """

    orders: tuple[SeenOrder, ...]
    cash: dict[str, Decimal]
    positions: dict[str, Decimal]
    entries: dict[str, Decimal] | None = None


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """Accounts by their ids."""

    accounts: dict[str, SeenAccount]


class Told(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The answer to a question: the name of its type and itself; without a name it is None."""

    number: int
    kind: str
    body: msgspec.Raw


class News(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Reports that nobody asked for."""

    reports: Sequence[rp.ExecutionReport]


_ANSWERS: Final[dict[str, type[msgspec.Struct]]] = {
    kind.__name__: kind
    for kind in (
        rp.Accepted,
        rp.Rejected,
        rp.Unknown,
        rp.Canceled,
        rp.VenueOrder,
        rp.NoSuchOrder,
        rp.AccountReport,
        Counted,
    )
}
_encode: Final = msgspec.json.Encoder().encode
read_call: Final = msgspec.json.Decoder(Call).decode
read_line: Final = msgspec.json.Decoder(Told | News).decode


def write_line(said: Call | Told | News) -> bytes:
    return _encode(said) + b"\n"


def tell(number: int, answer: msgspec.Struct | None) -> Told:
    kind = "" if answer is None else type(answer).__name__
    return Told(number=number, kind=kind, body=msgspec.Raw(_encode(answer)))


def read_answer(told: Told) -> msgspec.Struct | None:
    return msgspec.json.decode(told.body, type=_ANSWERS[told.kind]) if told.kind else None
