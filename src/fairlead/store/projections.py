"""Which row of which table keeps a state, and how it is read back."""

from __future__ import annotations

from typing import Final, assert_never

import msgspec

from fairlead.core.model.account import Balance, Position, SubPosition
from fairlead.core.model.money import format_amount
from fairlead.core.model.order import Order
from fairlead.core.model.state import AlertState, RequestState, State

# Values in the column order of tables.py; money as canonical text.
ProjectionRow = tuple[str | int | bytes, ...]
StateKey = tuple[str, ...]

_encode: Final = msgspec.json.Encoder().encode
_decoder: Final[msgspec.json.Decoder[State]] = msgspec.json.Decoder(State)


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
            return state.account_id, state.currency, state.tenant, total, reserved, _encode(state)
        case Position():
            side, quantity = state.position_side.value, format_amount(state.quantity)
            return state.account_id, state.symbol, side, state.tenant, quantity, _encode(state)
        case SubPosition():
            return *_share_key(state), state.tenant, format_amount(state.quantity), _encode(state)
        case AlertState():
            return _alert_row(state)
    assert_never(state)


def read_state(body: bytes) -> State:
    """Read a state back from its row.

    Raises:
        msgspec.DecodeError: the body is not a state.
    """
    return _decoder.decode(body)


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
        _encode(order),
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
        _encode(state),
    )


def _alert_row(state: AlertState) -> ProjectionRow:
    return (
        state.alert_id,
        state.tenant,
        state.hook_id,
        state.duplicate_key,
        state.received_ms,
        state.verdict,
        _encode(state),
    )
