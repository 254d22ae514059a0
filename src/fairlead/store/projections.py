"""Which row of which table keeps a state, and how it is read back."""

from __future__ import annotations

from typing import Final, TypeVar, assert_never

import msgspec
from msgspec.structs import astuple

from fairlead.core.model.account import Balance, Position, SubPosition
from fairlead.core.model.money import format_amount
from fairlead.core.model.order import Order
from fairlead.core.model.request import OrderRequest
from fairlead.core.model.state import AlertState, RequestState, State

# Values in the column order of tables.py; money as canonical text.
ProjectionRow = tuple[str | int | bytes, ...]
StateKey = tuple[str, ...]

S = TypeVar("S", bound=State)

_KIND: Final = "type"
_REQUEST: Final = "request"

# By the name that begins a body. A body is an array in the order of the fields: their names would be most of it. So a
# field that is added, moved or dropped needs a migration that writes the rows anew.
_KINDS: Final = {kind.__name__: kind for kind in (AlertState, RequestState, Order, Position, SubPosition, Balance)}

_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder().decode


def identify(state: State) -> tuple[str, StateKey]:
    """Name the table of a state and its primary key there."""
    match state:
        case Order():
            return "orders", (state.order_id,)
        case RequestState():
            return "requests", (state.request.request_id,)
        case Balance():
            return "balances", (state.account_id, state.currency)
        case Position():
            return "positions", (state.account_id, state.symbol, state.position_side)
        case SubPosition():
            return "sub_positions", _share_key(state)
        case AlertState():
            return "alerts", (state.alert_id,)
    assert_never(state)


def write_row(state: State) -> ProjectionRow:
    """Lay out a state as the row of its table.

    Raises:
        TypeError, ValueError: a state that cannot be written down.
    """
    match state:
        case Order():
            return _order_row(state)
        case RequestState():
            return _request_row(state)
        case Balance():
            total, reserved = format_amount(state.total), format_amount(state.reserved)
            return state.account_id, state.currency, state.tenant, total, reserved, write_state(state)
        case Position():
            side, quantity = state.position_side.value, format_amount(state.quantity)
            return state.account_id, state.symbol, side, state.tenant, quantity, write_state(state)
        case SubPosition():
            return *_share_key(state), state.tenant, format_amount(state.quantity), write_state(state)
        case AlertState():
            return _alert_row(state)
    assert_never(state)


def write_state(state: State) -> bytes:
    """Write a state down whole; ``read_state`` reads it back.

    Raises:
        TypeError, ValueError: a state that cannot be written down.
    """
    values = astuple(state)
    if isinstance(state, RequestState):
        values = (astuple(state.request), *values[1:])
    return _encode((type(state).__name__, *values))


def read_state(body: bytes) -> State:
    """Read a state back from its row.

    Raises:
        msgspec.DecodeError: the body is not a state (ValidationError is one of them).
    """
    return msgspec.convert(name_fields(body), State)  # type: ignore[no-any-return]


def read_as(kind: type[S], body: bytes) -> S:
    """Read a state of one kind back from its row.

    Raises:
        msgspec.DecodeError: the body is not such a state.
    """
    return msgspec.convert(name_fields(body), kind)


def name_fields(body: bytes) -> dict[str, object]:
    """Put the names back to the values of a row, as plain values.

    Raises:
        msgspec.DecodeError: the body is not a state.
    """
    match _decode(body):
        # As the first versions wrote it.
        case dict(fields) if _KIND in fields:
            return fields
        case [str(name), *values] if name in _KINDS:
            fields = dict(zip(_KINDS[name].__struct_fields__, values, strict=False))
            if isinstance(asked := fields.get(_REQUEST), list):
                fields[_REQUEST] = dict(zip(OrderRequest.__struct_fields__, asked, strict=False))
            return {_KIND: name, **fields}
    raise msgspec.ValidationError("a stored row is neither an object nor an array of a known kind")


def _share_key(share: SubPosition) -> StateKey:
    return share.account_id, share.symbol, share.position_side.value, share.source_id, share.strategy_id


def _order_row(order: Order) -> ProjectionRow:
    return (
        order.order_id,
        order.tenant,
        order.account_id,
        order.request_id,
        order.symbol,
        order.status.value,
        0 if order.is_terminal else 1,
        order.updated_ms,
        write_state(order),
    )


def _request_row(state: RequestState) -> ProjectionRow:
    request = state.request
    return (
        request.request_id,
        request.tenant,
        request.account_id,
        request.cause,
        request.symbol,
        state.status.value,
        # A request whose further legs are still to be planned must be found again after a crash.
        1 if state.is_pending or state.more else 0,
        state.updated_ms,
        write_state(state),
    )


def _alert_row(state: AlertState) -> ProjectionRow:
    return (
        state.alert_id,
        state.tenant,
        state.hook_id,
        state.duplicate_key,
        state.received_ms,
        state.verdict,
        write_state(state),
    )
